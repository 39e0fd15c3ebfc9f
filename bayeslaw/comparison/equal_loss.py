"""Where a law reaches a loss: its inverse in one variable, for every draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayeslaw.posterior.posterior import Posterior

# How far from the runs a loss is looked for, and how finely; 60 halvings of it leave 1e-15.
_REACH, _STEPS, _HALVINGS = 1e30, 61, 60


@dataclass(frozen=True)
class Curve:
    """The law of a posterior in one variable, the others fixed.

    Attributes
    ----------
    posterior, over : Posterior, str
        The posterior, and the variable.
    at : dict of str to float
        Every other variable of the law.
    coefficients : dict of str to ndarray of shape (draws,)
        Raw coefficients, all of the posterior's draws or some.
    """

    posterior: Posterior
    over: str
    at: Mapping[str, float]
    coefficients: Mapping[str, np.ndarray]

    @property
    def size(self) -> int:
        """How many draws there are."""
        return len(next(iter(self.coefficients.values())))

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """The law's value at places of shape (draws, places) or (places,)."""
        law, spent = self.posterior.law, np.atleast_2d(places)
        raw = {name: np.asarray(self.coefficients[name])[:, None] for name in law.parameters}
        columns = {name: np.asarray(value) for name, value in self.at.items()}
        with np.errstate(all="ignore"):
            values = law.form.predict({**columns, self.over: spent}, raw)
        return np.broadcast_to(values, (self.size, spent.shape[1]))

    def falls(self, centre: float) -> bool:
        """Whether the law falls in the variable, in every draw, a million times to either side."""
        values = self(centre * np.geomspace(1e-6, 1e6, _STEPS))
        with np.errstate(all="ignore"):
            # A law at its floor no longer falls by what a double can hold.
            steps = np.diff(values, axis=1) <= 1e-12 * values[:, 1:]
        return bool(steps.all())


def reached(
    curve: Callable[[np.ndarray], np.ndarray], targets: np.ndarray, centre: float
) -> np.ndarray:
    """Where a falling curve has the values of shape (draws, targets); infinite where it never does.

    By halving an interval of the logarithm: the curve only has to fall.
    """
    low = np.full(targets.shape, np.log(centre) - np.log(_REACH))
    high = np.full(targets.shape, np.log(centre) + np.log(_REACH))
    # At a floor the loss is not above the target by less than what a double can hold.
    never = ~(curve(np.exp(high)) < targets)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = curve(np.exp(middle)) > targets
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(never, np.inf, np.exp((low + high) / 2))
