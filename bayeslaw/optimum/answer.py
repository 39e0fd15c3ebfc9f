"""What ``optimum`` answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.core.notes import Note
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.flatness import Near
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.statistics import end_errors

if TYPE_CHECKING:
    import pandas as pd

_DIAGNOSTICS = ("rhat", "ess_bulk", "ess_tail", "mcse_low", "mcse_high")
STATUSES = ("interior", "at_bound", "none", "not_converged")


@dataclass(frozen=True)
class Quantity:
    """The posterior of one optimum.

    Attributes
    ----------
    median, low, high : float
        Of the draws that converged; a draw without optimum counts as infinite (or zero), where it
        runs to.
    status : str
        ``prior_only`` where the runs never varied it, else what most draws are: ``interior``,
        ``at_bound``, ``none`` (the law falls for ever) or ``not_converged``.
    shares : dict of str to float
        Shares of draws by status.
    prior_low, prior_high : float
        The same interval before the runs.
    published : float or None
        The optimum under the card's first coefficient set, where it has one.
    draws, prior_draws : ndarray of shape (draws,)
        The optimum of every draw, of the posterior and of the prior.
    rhat, ess_bulk, ess_tail : float
        Diagnostics of the draws; NaN unless every draw of one posterior has an optimum.
    mcse_low, mcse_high : float
        Monte-Carlo standard errors of the ends of the interval, likewise.
    """

    median: float
    low: float
    high: float
    status: str
    shares: dict[str, float]
    prior_low: float
    prior_high: float
    published: float | None = None
    draws: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    prior_draws: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    rhat: float = np.nan
    ess_bulk: float = np.nan
    ess_tail: float = np.nan
    mcse_low: float = np.nan
    mcse_high: float = np.nan

    @classmethod
    def of(
        cls,
        draws: np.ndarray,
        prior: np.ndarray,
        *,
        shares: dict[str, float],
        status: str,
        published: float | None,
        probability: float,
    ) -> Quantity:
        """A quantity from its draws."""
        ours, before = ends(draws, probability), ends(prior, probability)
        return cls(
            median=ours[1],
            low=ours[0],
            high=ours[2],
            status=status,
            shares=shares,
            prior_low=before[0],
            prior_high=before[2],
            published=published,
            draws=draws,
            prior_draws=prior,
        )

    def to_dict(self) -> dict[str, Any]:
        """The quantity as plain data."""
        names = ("median", "low", "high", "status", "shares", "prior_low", "prior_high")
        found = {name: getattr(self, name) for name in (*names, "published")}
        for name in _DIAGNOSTICS:
            value = getattr(self, name)
            found[name] = None if np.isnan(value) else value
        return found

    def diagnosed(self, found: Convergence, name: str, probability: float) -> Quantity:
        """The same quantity with what is known of its draws."""
        if name not in found.rhat:
            return self
        low, high = end_errors(self.draws, found.ess_tail[name], probability)
        return replace(
            self,
            rhat=found.rhat[name],
            ess_bulk=found.ess_bulk[name],
            ess_tail=found.ess_tail[name],
            mcse_low=low,
            mcse_high=high,
        )


@dataclass(frozen=True)
class Optimum:
    """The best configuration, with its uncertainty.

    Attributes
    ----------
    quantities : dict of str to Quantity
        By expression over canonical variables.
    rules : dict of str to Quantity
        N_a/N by each efficiency-aware rule, where N_a is free.
    near : dict of str to Near
        The values of each variable that cost next to nothing.
    binding : dict of str to float
        Share of draws in which each cap is reached.
    beyond : dict of str to float
        By which factor the answer lies beyond the runs in each variable, 1 within their range.
    predicted : tuple of float
        Median, low and high of the law's value at each draw's own optimum.
    predicts : str
        What the law predicts.
    at : dict of str to float
        Variables that were fixed or held.
    budget : Budget
        What was asked to be kept.
    probability : float
        Probability of the intervals.
    notes : tuple of Note
        The posterior's, and the optimum's own.
    values : ndarray of shape (draws,)
        The law's value at each draw's optimum.
    distance : tuple of float or None
        Mahalanobis distance of the answer from the middle of the runs, all variables together, and
        the share of runs that lie as far out. None of a mixture.
    """

    quantities: dict[str, Quantity]
    rules: dict[str, Quantity]
    near: dict[str, Near]
    binding: dict[str, float]
    beyond: dict[str, float]
    predicted: tuple[float, float, float]
    predicts: str
    at: dict[str, float]
    budget: Budget
    probability: float
    notes: tuple[Note, ...]
    values: np.ndarray = field(repr=False)
    distance: tuple[float, float] | None = None

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """The optimum of every draw, by expression."""
        return {name: quantity.draws for name, quantity in self.quantities.items()}

    def near_lines(self, write: Callable[[float], str] = "{:.3g}".format) -> list[str]:
        """What costs next to nothing, in words.

        Parameters
        ----------
        write : callable
            Writes a number.

        Returns
        -------
        list of str
            A sentence for each variable.
        """
        found = []
        for name, near in self.near.items():
            if np.isfinite(near.low):
                found.append(
                    f"Anything from {name} = {write(near.low)} to {write(near.high)} costs less "
                    f"than {near.within:g} with probability {near.probability:g}."
                )
            else:
                found.append(
                    f"No {name} is within {near.within:g} of the best with probability "
                    f"{near.probability:g}: at most {near.p_within.max():.2g}."
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data, draws left out.

        Returns
        -------
        dict
            ``quantities``, ``rules``, ``near``, ``binding``, ``beyond``, ``distance``,
            ``predicted``, ``at``, ``budget``, ``interval``, ``level`` (regrets are of the law's
            value) and ``notes``.
        """
        names = ("median", "low", "high")
        predicted = dict(zip(names, self.predicted, strict=True))
        return {
            "quantities": {name: one.to_dict() for name, one in self.quantities.items()},
            "rules": {name: one.to_dict() for name, one in self.rules.items()},
            "near": {
                name: {key: getattr(one, key) for key in ("low", "high", "within", "probability")}
                for name, one in self.near.items()
            },
            "binding": self.binding,
            "beyond": self.beyond,
            "distance": None
            if self.distance is None
            else dict(zip(("from_runs", "share_as_far"), self.distance, strict=True)),
            "predicted": {"of": self.predicts, **predicted},
            "at": self.at,
            "budget": self.budget.to_dict(),
            "interval": self.probability,
            "level": "law",
            "notes": [note.to_dict() for note in self.notes],
        }

    def to_frame(self) -> pd.DataFrame:
        """The quantities as a table.

        Returns
        -------
        pandas.DataFrame
            A row a quantity; shares of draws by status, and diagnostics of the draws, in columns of
            their own.
        """
        import pandas as pd

        rows = {}
        for name, quantity in self.quantities.items():
            row = quantity.to_dict()
            rows[name] = {**row, **row.pop("shares")}
            del rows[name]["shares"]
        frame = pd.DataFrame.from_dict(rows, orient="index")
        return frame.astype(dict.fromkeys(_DIAGNOSTICS, float))


def ends(draws: np.ndarray, probability: float) -> tuple[float, float, float]:
    """Low, median and high of draws, those that did not converge left out."""
    kept = draws[~np.isnan(draws)]
    if not len(kept):
        return (np.nan, np.nan, np.nan)
    low, median, high = interval(kept, probability)
    return float(low), float(median), float(high)


def statuses(where: Sequence[np.ndarray]) -> dict[str, float]:
    """Shares of draws by status, for a quantity made of several variables.

    It has no optimum, or did not converge, if one of them has none. It is at a bound if all of them
    are: N_a/N is not, because N stands at its cap.
    """
    ranks = np.array([[STATUSES.index(s) for s in status] for status in where])
    gravest = ranks.max(axis=0)
    rank = np.where(gravest > STATUSES.index("at_bound"), gravest, ranks.min(axis=0))
    return {name: float(np.mean(rank == i)) for i, name in enumerate(STATUSES)}


def most(shares: Mapping[str, float]) -> str:
    """What most draws are."""
    return max(shares, key=lambda name: shares[name])
