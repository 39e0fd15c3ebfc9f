"""``posterior_predictive_check``: whether a fit predicts its own runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.extrapolation import ordering, sizes
from bayeslaw.comparison.scores import score
from bayeslaw.core.calls import public
from bayeslaw.core.errors import refuse, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note, cautions
from bayeslaw.core.results import Result
from bayeslaw.posterior.along import FALSE_ALARMS, Along, along_notes, look_along
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: What orders the runs where the table does not state their compute.
FITTED = "fitted value"
# A part of fewer runs says nothing by itself.
_LEAST = 5


@dataclass(frozen=True)
class PosteriorPredictiveCheck(Result):
    """Numbers of fitted runs outside their predictive intervals, by part of the table.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row a part, from the smallest runs to the largest: where it starts and ends (``low``,
        ``high``), its number of ``runs``, how many are ``outside``, their ``share``, and the
        range expected by chance (``few``, ``many``).
    over : str
        What orders the runs: an expression over the table's variables, or "fitted value".
    share, ci_prob : float
        Share of all runs outside; probability of the predictive intervals, and of chance staying
        between ``few`` and ``many`` in all parts together.
    along : pandas.DataFrame
        A row a direction in which the runs vary, the clearest bend of the residuals first:
        ``p_value`` under independent noise, over all directions together; mean ``misfit`` where it
        is largest, from ``low`` to ``high``, in the unit of what the law predicts. Empty with a
        discrepancy.
    fit_notes : tuple of Note
        Errors and warnings of the fit.
    """

    _rows = "parts"

    _drawn = ("predictive",)

    frame: pd.DataFrame = field(repr=False)
    over: str
    share: float
    ci_prob: float
    along: pd.DataFrame = field(repr=False)
    fit_notes: tuple[Note, ...] = field(default=(), repr=False)

    @property
    def summary(self) -> str:
        """How many runs are outside, and along which directions residuals bend."""
        bent = self.along.index[self.along["p_value"] <= FALSE_ALARMS]
        if not len(bent):
            return f"{self._counts}."
        p_value = self.along["p_value"].min()
        return f"{self._counts}. Residuals bend along {', '.join(bent)} (p = {p_value:.1g})."

    @property
    def _counts(self) -> str:
        outside, runs = int(self.frame["outside"].sum()), int(self.frame["runs"].sum())
        text = (
            f"{outside} of {runs} runs are outside their {100 * self.ci_prob:g}% predictive "
            f"intervals, where about {(1 - self.ci_prob) * runs:.3g} are expected"
        )
        parts, many = len(self.frame), self._beyond_chance
        if parts == 1:
            return text
        if not len(many):
            return f"{text}; no part of {parts} by {self.over} has more than chance allows"
        worst = many.loc[many["share"].idxmax()]
        return (
            f"{text}; {len(many)} of {parts} parts by {self.over} have more than chance allows, "
            f"most ({worst['outside']:.0f} of {worst['runs']:.0f}) from {worst['low']:.3g} to "
            f"{worst['high']:.3g}"
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """The fit's, then on parts with more runs outside than chance allows."""
        remedy = "Look at the residuals there (bl.plots.residuals), or try another law"
        note = Note("runs_outside", "warning", self._counts, remedy)
        return (*self.fit_notes, note) if len(self._beyond_chance) else self.fit_notes

    @property
    def _beyond_chance(self) -> pd.DataFrame:
        return self.frame[self.frame["outside"] > self.frame["many"]]


@public
def posterior_predictive_check(
    posterior: Posterior,
    *,
    over: str | None = None,
    parts: int = 10,
    ci_prob: float = INTERVAL,
    seed: int = 0,
) -> PosteriorPredictiveCheck:
    """Count the fitted runs outside their predictive intervals, from the smallest to the largest.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    over : str, optional
        Expression over the table's variables that orders the runs; by default their compute, or the
        fitted value where the table does not state it.
    parts : int
        Number of parts of about the same size; fewer where they would hold less than five runs.
    ci_prob, seed : float, int
        Probability of the intervals at level ``observation``; for the noise of observations.

    Returns
    -------
    PosteriorPredictiveCheck
        A row a part. The posterior was fitted to these runs, so that more of new ones may lie
        outside: a part with too many shows misfit, one with the expected number proves little.
        Chance is binomial, as if the runs erred independently.

    Raises
    ------
    RequestError
        If the table lacks a variable of ``over``, or ``parts`` is no positive whole number.
    """
    import pandas as pd
    from scipy.stats import binom

    runs, place = posterior.runs, "posterior_predictive_check"
    whole(parts, "parts", place=place, least=1)
    whole(seed, "seed", place=place)
    refuse(place, (not len(runs), "no runs", "Fit to some"))
    scores = score(posterior, runs, ci_prob=ci_prob, seed=seed)
    expression = ordering(runs, over)
    values = np.exp(scores.median) if expression is None else sizes(runs, expression)
    order = np.argsort(values, kind="stable")
    pieces = np.array_split(order, max(1, min(parts, len(runs) // _LEAST)))
    counts = np.array([len(part) for part in pieces])
    outside = np.array([(~scores.inside[part]).sum() for part in pieces])
    # Were each held to the probability by itself, one of ten parts would stand out by chance.
    few, many = binom.interval(1 - (1 - ci_prob) / len(pieces), counts, 1 - ci_prob)
    columns = {
        "low": [values[part].min() for part in pieces],
        "high": [values[part].max() for part in pieces],
        "runs": counts,
        "outside": outside,
        "share": outside / counts,
        "few": few.astype(int),
        "many": many.astype(int),
    }
    found = look_along(posterior)
    told = cautions(posterior.notes)
    if not any(note.code == "misfit_along" for note in told):
        told += along_notes(posterior, found)
    return PosteriorPredictiveCheck(
        frame=pd.DataFrame(columns),
        over=FITTED if expression is None else expression.text,
        share=float((~scores.inside).mean()),
        ci_prob=ci_prob,
        along=_along_frame(found),
        fit_notes=told,
    )


def _along_frame(found: Sequence[Along]) -> pd.DataFrame:
    """A row a direction, with the part of the largest misfit."""
    import pandas as pd

    rows = [
        (along.p_value, along.largest.misfit, along.largest.low, along.largest.high)
        for along in found
    ]
    names = pd.Index([along.name for along in found], name="direction", dtype=object)
    return pd.DataFrame(rows, index=names, columns=["p_value", "misfit", "low", "high"])
