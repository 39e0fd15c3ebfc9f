"""``cheapest``: the least that reaches a target, with a stated probability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.compilation import compiled
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count
from bayeslaw.optimum import notes
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.members import Members, laws_of
from bayeslaw.optimum.quantile_search import EXACT, Minimum, QuantileSearch
from bayeslaw.optimum.quantity import ends
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.result import predicted_dict
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import extrapolation_factor

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cheapest(Displayed):
    """The cheapest configuration that reaches a target.

    Attributes
    ----------
    configuration : dict of str to float
        Its variables, fixed ones included.
    cost : float
        Its cost, in the unit of the cost function.
    cost_at_half : float
        Cost of the cheapest configuration that reaches the target with probability 0.5.
    target, probability : float
        As requested.
    reached : float
        Share of draws in which the configuration reaches the target.
    predicted_interval : tuple of float
        Median, low and high of the law's value at the configuration.
    predicts : str
        What the law predicts.
    chosen : tuple of str
        Variables of the search.
    budget : Budget
        The caps.
    ci_prob : float
        Probability of the interval.
    notes : tuple of Note
        The posterior's, and the answer's own.
    predicted_draws : ndarray of shape (draws,)
        The law's value at the configuration, for every draw.
    """

    _drawn = ("target",)

    configuration: dict[str, float]
    cost: float
    cost_at_half: float
    target: float
    probability: float
    reached: float
    predicted_interval: tuple[float, float, float]
    predicts: str
    chosen: tuple[str, ...]
    budget: Budget
    ci_prob: float
    notes: tuple[Note, ...] = field(repr=False)
    predicted_draws: np.ndarray = field(repr=False)

    @property
    def summary(self) -> str:
        """Cost of reaching the target, and the configuration."""
        median, low, high = self.predicted_interval
        place = ", ".join(
            f"{name} = {count(value, 4)}" for name, value in self.configuration.items()
        )
        return (
            f"{self.predicts} {self.target:g} costs {count(self.cost, 4)} with probability "
            f"{self.probability:g}, and {count(self.cost_at_half, 4)} with probability 0.5. "
            f"The configuration: {place}; predicted {self.predicts} {median:.4g} "
            f"({low:.4g} to {high:.4g})."
        )

    def to_frame(self) -> pd.DataFrame:
        """The configuration as a table.

        Returns
        -------
        pandas.DataFrame
            A row a variable: its ``value``, and whether it was ``chosen``.
        """
        import pandas as pd

        chosen = [name in self.chosen for name in self.configuration]
        index = pd.Index(self.configuration, name="variable")
        return pd.DataFrame(
            {"value": list(self.configuration.values()), "chosen": chosen}, index=index
        )

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data.

        Returns
        -------
        dict
            All fields without the draws.
        """
        same = ("configuration", "cost", "cost_at_half", "target", "probability", "reached")
        return {
            **{name: getattr(self, name) for name in same},
            "predicted_interval": predicted_dict(self.predicts, self.predicted_interval),
            "chosen": list(self.chosen),
            "budget": self.budget.to_dict(),
            "ci_prob": self.ci_prob,
            "notes": [note.to_dict() for note in self.notes],
        }


@public
def cheapest(
    posterior: Posterior | Mixture,
    target: float,
    *,
    probability: float = 0.9,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    ci_prob: float = INTERVAL,
) -> Cheapest:
    """Find the cheapest configuration that reaches a target with a stated probability.

    The same configuration applies to all draws: the cheapest whose ``probability`` quantile of the
    law's value over draws is at most the target.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or a mixture of several.
    target : float
        The law's value to reach, in its unit.
    probability : float
        Probability of reaching the target.
    at
        As for ``optimum``.
    budget : Budget, optional
        Caps; ``inference_tokens`` to include inference, and ``cost`` for a custom cost.
    free : iterable of str, optional
        Variables to search over besides those of the cost, instead of the card's.
    ci_prob : float
        Probability of the interval on the law's value.

    Returns
    -------
    Cheapest
        The configuration, its cost, and what probability costs.

    Raises
    ------
    RequestError
        If the target cannot be reached with that probability, or the request contradicts itself.
    """
    target, probability = _checked(target, probability)
    request = Request.of("cheapest", at, budget, free, ci_prob=ci_prob)
    request.refuse_amount("Omit it, or use optimum() to spend an amount")
    members = _members(posterior, request)
    search = QuantileSearch(members, request)
    with compiled():
        minimum = search.run(np.log(target), probability)
        even = minimum if probability == 0.5 else search.run(np.log(target), 0.5)
        value = search.values(minimum)
    low, median, high = ends(value, ci_prob)
    return Cheapest(
        configuration=minimum.configuration,
        cost=minimum.cost,
        cost_at_half=even.cost,
        target=target,
        probability=probability,
        reached=float(np.mean(value <= target * (1 + EXACT))),
        predicted_interval=(median, low, high),
        predicts=members.posteriors[0].law.predicts,
        chosen=minimum.problem.variables,
        budget=request.budget,
        ci_prob=ci_prob,
        notes=tuple(dict.fromkeys([*members.notes, *_notes(members, minimum)])),
        predicted_draws=value,
    )


def _checked(target: float, probability: float) -> tuple[float, float]:
    target = real(target, "target", place="cheapest")
    probability = real(probability, "probability", place="cheapest")
    for name, value, most, remedy in (
        ("target", target, np.inf, "Give a positive number"),
        ("probability", probability, 1, "Give a probability between 0 and 1"),
    ):
        if not 0 < value < most:
            raise RequestError(f"{name} = {value!r}", place="cheapest", remedy=remedy)
    return target, probability


def _members(source: Posterior | Mixture, request: Request) -> Members:
    """The laws that have all requested variables, the one with most variables first."""
    widest = max(laws_of(source), key=lambda law: len(law.variables))
    if widest.optimum.sense != "min":
        raise RequestError(
            f"{widest.name} maximises {widest.predicts}",
            place="cheapest",
            remedy="Give a posterior of a law that minimises its value",
        )
    wanted = widest.optimum.free if request.free is None else request.free
    members = Members.of(source, dict.fromkeys([*request.at, *wanted]), place="cheapest")
    members.require_same_cost(request.budget, place="cheapest")
    return members.most_variables_first()


def _notes(members: Members, minimum: Minimum) -> list[Note]:
    problem, configuration = minimum.problem, minimum.configuration
    remedy = "Fix it with at= or --at if the result depends on it"
    found = notes.held(problem.fixed, problem.held, remedy)
    if any(posterior.extrapolation is not None for posterior in members.posteriors):
        message = (
            "cost and probability are of the laws' values: the error that the posterior has beyond "
            "its runs is not in them"
        )
        remedy = "predict(..., level='run') gives the configuration's loss with that error"
        found.append(Note("without_error", "warning", message, remedy))
    for posterior in members.posteriors:
        names = [name for name in posterior.law.variables if name in configuration]
        place = {name: np.array([configuration[name]]) for name in names}
        factors, furthest = extrapolation_factor(posterior.runs, place)
        found += notes.extrapolation(
            "the configuration", factors[0], furthest[0], "cost and probability are valid"
        )
    return found
