"""``Speedup``: how much sooner a variant reaches a loss than a baseline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.notes import Note
from bayeslaw.core.results import Result

if TYPE_CHECKING:
    import pandas as pd

# Beyond these probabilities the sign of a speedup is stated.
_LIKELY = 0.945


@dataclass(frozen=True)
class Speedup(Result):
    """How many times as much of a variable the baseline needs to reach the variant's loss.

    Attributes
    ----------
    variant, baseline, over : str
        The two recipes, and the variable that is spent, such as C.
    frame : pandas.DataFrame
        A row a place: ``over`` (what the variant spends, in its column's name) and the ``loss``
        that it reaches there, as medians; the ``speedup``, its interval ``low`` to ``high``, and
        ``above``, the posterior probability that it exceeds 1; ``reached``, the share of draws in
        which the baseline reaches that loss at all; ``extrapolation_factor``, how far beyond the
        runs the further of the two lies.
    draws : ndarray of shape (draws, places)
        The speedup; infinite where the baseline never reaches the loss, nan where neither does.
    at : dict of str to float
        Other variables of the law, fixed.
    throughput : float
        The variant's throughput over the baseline's, a factor of the speedup.
    shared : bool
        Whether the recipes share all coefficients, so that the speedup is the same everywhere.
    ci_prob : float
        Probability of the intervals.
    notes : tuple of Note
        What limits the answer.
    """

    variant: str
    baseline: str
    over: str
    frame: pd.DataFrame
    draws: np.ndarray = field(repr=False)
    at: dict[str, float]
    throughput: float
    shared: bool
    ci_prob: float
    notes: tuple[Note, ...]

    _rows = "places"
    _omitted = ("draws",)

    @property
    def summary(self) -> str:
        """One sentence for each place, or one for all if the speedup is the same everywhere."""
        rows = self.frame.to_dict("records")
        texts = [self._sentence(row) for row in (rows[:1] if self.shared else rows)]
        return " ".join(texts)

    def _sentence(self, row: dict[Any, Any]) -> str:
        where = "At every scale" if self.shared else f"At {self.over} = {row[self.over]:.3g}"
        spent = "in time, to the same loss" if self.throughput != 1 else f"in {self.over}"
        sure = row["above"]
        verdict = "faster" if sure > _LIKELY else "slower" if sure < 1 - _LIKELY else "undecided"
        return (
            f"{where} the speedup of {self.variant} over {self.baseline} {spent} is "
            f"{row['speedup']:.3g} ({100 * self.ci_prob:g}% interval {row['low']:.3g} to "
            f"{row['high']:.3g}): {verdict}, with probability {sure:.2g} above 1."
        )
