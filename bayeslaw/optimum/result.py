"""``Optimum``: the best configuration, with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.display import Displayed
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.flatness import NearOptimal
from bayeslaw.optimum.quantity import DIAGNOSTICS, OptimumQuantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Optimum(Displayed):
    """The best configuration, with its uncertainty.

    Attributes
    ----------
    quantities : dict of str to OptimumQuantity
        By expression over canonical variables.
    efficient : dict of str to OptimumQuantity
        N_a/N by each efficiency-aware rule, where N_a is free.
    near_optimal : dict of str to NearOptimal
        Values of each variable with regret below the tolerance.
    active_caps : dict of str to float
        Share of draws in which each cap is reached.
    extrapolation_factor : dict of str to float
        Factor by which the optimum is beyond the runs in each variable; 1 within their range. Of a
        mixture, that of the law whose optimum lies furthest.
    predicted_interval : tuple of float
        Median, low and high of the law's value at each draw's own optimum.
    predicts : str
        What the law predicts.
    at : dict of str to float
        Fixed variables, those at the reference run included.
    budget : Budget
        Its constraints.
    ci_prob : float
        Probability of the intervals.
    notes : tuple of Note
        The posterior's, and the optimum's own.
    predicted_draws : ndarray of shape (draws,)
        The law's value at each draw's optimum.
    distance : tuple of float or None
        Mahalanobis distance of the optimum from the mean of the runs, and the share of runs at
        least as far from it. None of a mixture.
    """

    _drawn = ("optimum", "regret")
    _shown = ("median", "low", "high", "status", "prior_low", "prior_high", "published")

    quantities: dict[str, OptimumQuantity]
    efficient: dict[str, OptimumQuantity]
    near_optimal: dict[str, NearOptimal]
    active_caps: dict[str, float]
    extrapolation_factor: dict[str, float]
    predicted_interval: tuple[float, float, float]
    predicts: str
    at: dict[str, float]
    budget: Budget
    ci_prob: float
    notes: tuple[Note, ...]
    predicted_draws: np.ndarray = field(repr=False)
    distance: tuple[float, float] | None = None

    def __repr__(self) -> str:
        """Quantities, constraints and the number of notes."""
        best = "\n".join(f"  {name} = {quantity}" for name, quantity in self.quantities.items())
        end = f"  {self._prediction()}; {len(self.notes)} notes"
        return f"Optimum{self._constraints()}:\n{best}\n{end}"

    @property
    def summary(self) -> str:
        """The best configuration, its prediction, and the near-optimal ranges."""
        best = ", ".join(f"{name} = {quantity}" for name, quantity in self.quantities.items())
        head = f"Best{self._constraints()}: {best}; {100 * self.ci_prob:g}% intervals."
        return " ".join([head, f"Predicted {self._prediction()}.", *self._flatness()])

    def _flatness(self) -> list[str]:
        """Near-optimal ranges in one sentence; another on variables without one."""
        known = {n: near for n, near in self.near_optimal.items() if np.isfinite(near.low)}
        ranges = [f"{n} from {count(r.low)} to {count(r.high)}" for n, r in known.items()]
        rest = " and ".join(name for name in self.near_optimal if name not in known)
        first = next(iter(self.near_optimal.values()), None)
        if first is None:
            return []
        below = f"a regret below {first.regret_tolerance:g} with probability {first.ci_prob:g}"
        texts = [f"With {below}: {', '.join(ranges)}."] if ranges else []
        return texts + ([f"No {rest} has {below}."] if rest else [])

    def _constraints(self) -> str:
        values = {**self.at, **self.budget.to_dict()}
        texts = [
            f"{name} = {count(value, 4) if isinstance(value, float) else value}"
            for name, value in values.items()
        ]
        return f" at {', '.join(texts)}" if texts else ""

    def _prediction(self) -> str:
        median, low, high = self.predicted_interval
        return f"{self.predicts} {median:.4g} ({low:.4g} to {high:.4g})"

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """The optimum of every draw, by expression."""
        return {name: quantity.draws for name, quantity in self.quantities.items()}

    def near_optimal_lines(self, write: Callable[[float], str] = count) -> list[str]:
        """Near-optimal range of each variable, as sentences.

        Parameters
        ----------
        write : callable
            Formats a number.

        Returns
        -------
        list of str
            A sentence for each variable.
        """
        return [
            f"{name} from {write(near.low)} to {write(near.high)} has a regret below "
            f"{near.regret_tolerance:g} in {self.predicts} with probability {near.ci_prob:g}."
            if np.isfinite(near.low)
            else f"No {name} has a regret below {near.regret_tolerance:g} with probability "
            f"{near.ci_prob:g}: at most {near.p_near_optimal.max():.2g}."
            for name, near in self.near_optimal.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """The optimum as plain data, without draws.

        Returns
        -------
        dict
            The fields by their names; ``level``: regrets are of the law's value.
        """
        kept = ("low", "high", "regret_tolerance", "ci_prob")
        return {
            "quantities": {name: q.to_dict() for name, q in self.quantities.items()},
            "efficient": {name: q.to_dict() for name, q in self.efficient.items()},
            "near_optimal": {
                name: {key: getattr(near, key) for key in kept}
                for name, near in self.near_optimal.items()
            },
            "active_caps": self.active_caps,
            "extrapolation_factor": self.extrapolation_factor,
            "distance": None
            if self.distance is None
            else dict(zip(("from_runs", "share_as_far"), self.distance, strict=True)),
            "predicted_interval": predicted_dict(self.predicts, self.predicted_interval),
            "at": self.at,
            "budget": self.budget.to_dict(),
            "ci_prob": self.ci_prob,
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

        rows = {name: quantity.to_dict() for name, quantity in self.quantities.items()}
        for row in rows.values():
            row |= row.pop("shares")
        frame = pd.DataFrame.from_dict(rows, orient="index")
        return frame.astype(dict.fromkeys(DIAGNOSTICS, float))


def predicted_dict(predicts: str, predicted: tuple[float, float, float]) -> dict[str, Any]:
    """A predicted interval as plain data."""
    return {"of": predicts, **dict(zip(("median", "low", "high"), predicted, strict=True))}
