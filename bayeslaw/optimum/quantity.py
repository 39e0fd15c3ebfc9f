"""The posterior of one optimum: interval and status of its draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.core.quantities import count
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.statistics import end_errors

DIAGNOSTICS = ("rhat", "ess_bulk", "ess_tail", "mcse_low", "mcse_high")
STATUSES = ("interior", "at_bound", "none", "not_converged")


@dataclass(frozen=True, repr=False)
class OptimumQuantity:
    """The posterior of one optimum.

    Attributes
    ----------
    median, low, high : float
        Of the draws that converged; a draw without optimum is counted as infinite (or zero).
    status : str
        ``prior_only`` if it never varied in the runs; ``unbounded`` if so many draws have no
        optimum that an end of the interval is infinite or zero; else the status of most draws:
        ``interior``, ``at_bound``, ``none`` (the law decreases monotonically in it) or
        ``not_converged``.
    shares : dict of str to float
        Shares of draws by status.
    prior_low, prior_high : float
        Interval of the prior.
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
        sets: Sequence[np.ndarray],
        shares: dict[str, float],
        *,
        prior_only: bool,
        ci_prob: float,
    ) -> OptimumQuantity:
        """Summarise the optima of the posterior, the prior and, if any, the published set."""
        draws, prior = sets[:2]
        low, median, high = ends(draws, ci_prob)
        prior_low, _, prior_high = ends(prior, ci_prob)
        return cls(
            median=median,
            low=low,
            high=high,
            status=_status(shares, low, high, prior_only, ci_prob),
            shares=shares,
            prior_low=prior_low,
            prior_high=prior_high,
            published=float(sets[2][0]) if len(sets) > 2 else None,
            draws=draws,
            prior_draws=prior,
        )

    def __str__(self) -> str:
        """Median, interval and status, where that is not interior."""
        median, low, high = (count(value, 4) for value in (self.median, self.low, self.high))
        status = self.status_text
        return f"{median} ({low} to {high}{f'; {status}' if status else ''})"

    __repr__ = __str__

    @property
    def status_text(self) -> str:
        """The status in words, with its share of draws; empty where all are interior."""
        if self.status == "prior_only":
            return "prior only"
        kind = "none" if self.status == "unbounded" else self.status
        share = self.shares.get(kind, 0.0)
        if kind == "interior" and share == 1:
            return ""
        words = {"at_bound": "at a bound", "none": "no optimum", "not_converged": "not converged"}
        return f"{words.get(kind, kind)} in {100 * share:.3g}% of draws"

    @property
    def summary(self) -> str:
        """Median, interval and status as a sentence."""
        return f"The best value is {self}."

    def to_dict(self) -> dict[str, Any]:
        """The quantity as plain data.

        Returns
        -------
        dict
            All fields without the draws; None for missing diagnostics.
        """
        names = ("median", "low", "high", "status", "shares", "prior_low", "prior_high")
        data = {name: getattr(self, name) for name in (*names, "published")}
        for name in DIAGNOSTICS:
            value = getattr(self, name)
            data[name] = None if np.isnan(value) else value
        return data

    def diagnosed(self, convergence: Convergence, name: str, ci_prob: float) -> OptimumQuantity:
        """The same quantity with the diagnostics of its draws."""
        if name not in convergence.rhat:
            return self
        low, high = end_errors(self.draws, convergence.ess_tail[name], ci_prob)
        return replace(
            self,
            rhat=convergence.rhat[name],
            ess_bulk=convergence.ess_bulk[name],
            ess_tail=convergence.ess_tail[name],
            mcse_low=low,
            mcse_high=high,
        )


def ends(draws: np.ndarray, ci_prob: float) -> tuple[float, float, float]:
    """Low, median and high of the draws that converged."""
    kept = draws[~np.isnan(draws)]
    if not len(kept):
        return (np.nan, np.nan, np.nan)
    low, median, high = interval(kept, ci_prob)
    return float(low), float(median), float(high)


def _status(
    shares: dict[str, float], low: float, high: float, prior_only: bool, ci_prob: float
) -> str:
    """The status of draws together."""
    most = max(shares, key=lambda name: shares[name])
    tail = shares.get("none", 0.0) > (1 - ci_prob) / 2
    if prior_only:
        return "prior_only"
    return "unbounded" if most != "none" and tail and (np.isinf(high) or low == 0) else most


def shares_of(statuses: Sequence[np.ndarray]) -> dict[str, float]:
    """Shares of draws by status, for a quantity made of several variables.

    It has no optimum, or did not converge, if one of them has none. It is at a bound if all of them
    are: with N at its cap, N_a/N is interior if N_a is.
    """
    marks = [[np.asarray(status) == name for name in STATUSES] for status in statuses]
    ranks = np.array([np.argmax(mark, axis=0) for mark in marks])
    gravest = ranks.max(axis=0)
    rank = np.where(gravest > STATUSES.index("at_bound"), gravest, ranks.min(axis=0))
    return {name: float(np.mean(rank == i)) for i, name in enumerate(STATUSES)}
