"""``NextRuns``: the runs to train next, what they promise, and whether to train them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.notes import Note
from bayeslaw.core.results import Result
from bayeslaw.design.stopping import Regret

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class NextRuns(Result):
    """Runs to train next.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row a run, in the order of their choice: the variables, ``cost``, ``total_cost`` with
        those before, and the ``width`` of the target's interval that is promised after it.
    candidates : pandas.DataFrame
        A row a candidate: its variables, ``cost``, ``gain``, by how much it alone narrows the
        interval, as a share of the width, and how often it is ``chosen``.
    path : pandas.DataFrame
        Promised widths as runs are added, by ``design``: ``chosen``, ``random`` (mean of several)
        and ``iso-FLOP grid``; columns ``runs``, ``cost`` and ``width``.
    target : str
        What is narrowed.
    scale : str
        Of ``width``: the logarithm of the target, or the target itself.
    interval : tuple of float
        Median, low and high end of the target now, in its own unit.
    width, promised : float
        Of the interval now, and after the batch, at first order.
    obtained, obtained_error : float or None
        Mean width over refits of imagined outcomes, and its standard error.
    cost, budget : float, float or None
        Of the batch, and what it may cost.
    unit : str
        Of costs.
    regret : Regret or None
        Expected regret before and after the batch, where the target is a choice.
    stop : bool
        Whether the batch is not worth its training.
    reason : str
        Why, or why not.
    misfit_share : float
        Share of the scatter of runs that neighbours are taken to share.
    ci_prob : float
        Probability of the interval.
    fit_notes, own_notes : tuple of Note
        Notes of the fit, and on the batch.
    """

    _rows = "runs"
    _omitted = ("candidates", "own_notes")

    frame: pd.DataFrame = field(repr=False)
    candidates: pd.DataFrame = field(repr=False)
    path: pd.DataFrame = field(repr=False)
    target: str
    scale: str
    interval: tuple[float, float, float]
    width: float
    promised: float
    obtained: float | None
    obtained_error: float | None
    cost: float
    budget: float | None
    unit: str
    regret: Regret | None
    stop: bool
    reason: str
    misfit_share: float
    ci_prob: float
    fit_notes: tuple[Note, ...] = field(default=(), repr=False)
    own_notes: tuple[Note, ...] = field(default=(), repr=False)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """Those on the batch, then those of the fit."""
        return tuple(dict.fromkeys((*self.own_notes, *self.fit_notes)))

    @property
    def summary(self) -> str:
        """The batch, the widths, beside other designs, and whether to train it."""
        count = len(self.frame)
        runs = f"{count} run{'s' * (count != 1)}"
        median, low, high = self.interval
        text = (
            f"{self.target[0].upper()}{self.target[1:]} is {median:.4g} ({low:.4g} to {high:.4g}), "
            f"an interval of width {self.width:.3g} in {self.scale}. "
        )
        if not count:
            return text + self.reason
        text += f"{runs} for {self.cost:.3g} {self.unit} promise {self.promised:.3g}"
        others = [
            f"{self._end(name):.3g} by {words}"
            for name, words in (("random", "random runs"), ("iso-FLOP grid", "an iso-FLOP grid"))
            if name in set(self.path["design"])
        ]
        text += f" ({' and '.join(others)} of the same cost)" if others else ""
        if self.obtained is not None:
            text += f"; refits of imagined outcomes obtain {self.obtained:.3g}"
            if self.obtained_error is not None and np.isfinite(self.obtained_error):
                text += f" (standard error {self.obtained_error:.2g})"
        return f"{text}. {self.reason}"

    def _end(self, design: str) -> float:
        return float(self.path.loc[self.path["design"] == design, "width"].iloc[-1])

    def to_dict(self) -> dict[str, Any]:
        """The batch as plain data.

        Returns
        -------
        dict
            The summary, ``runs`` (rows of ``frame``), ``path``, all other fields but
            ``candidates``, and the notes.
        """
        return super().to_dict()
