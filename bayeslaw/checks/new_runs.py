"""``check_new_runs``: new runs against a posterior's predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.scores import Scores, score
from bayeslaw.core.calls import public
from bayeslaw.core.errors import TableError, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note, cautions
from bayeslaw.core.results import Result
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import NEARBY, extrapolation_factor

if TYPE_CHECKING:
    import pandas as pd

# P-value below which a count of runs gives a note.
_SURPRISE = 0.05


@dataclass(frozen=True)
class NewRunsCheck(Result):
    """New runs against a posterior's predictions.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row a run: ``observed`` value; predictive ``median``, ``low`` and ``high``; whether it
        is ``inside``; ``pit``, the predictive probability of less than the observed value;
        ``error``, log of observed over median, in standard deviations of a normal distribution
        with the same interval; ``extrapolation_factor`` of its furthest ``variable``.
    coverage, ci_prob : float
        Share of runs inside, and probability of the intervals.
    summary : str
        One sentence.
    notes : tuple of Note
        Errors and warnings of the fit, and those on the new runs.
    """

    _rows = "runs"

    frame: pd.DataFrame = field(repr=False)
    coverage: float
    ci_prob: float
    summary: str
    notes: tuple[Note, ...]


@public
def check_new_runs(
    posterior: Posterior, new_runs: Runs, *, ci_prob: float = INTERVAL, seed: int = 0
) -> NewRunsCheck:
    """Compare new runs with a posterior's predictions of them, at level ``observation``.

    Parameters
    ----------
    posterior, new_runs : Posterior, Runs
        A fit without these runs; the runs, with the law's variables and the predicted quantity.
    ci_prob, seed : float, int
        Probability of the equal-tailed intervals; for the noise of observations.

    Returns
    -------
    NewRunsCheck
        A row a run, and a summary. P-values are over tables drawn from the posterior, since runs of
        a table share its coefficients and their errors are correlated. Misfit of the law, which
        they exclude, correlates errors of neighbouring runs further.

    Raises
    ------
    RequestError, TableError
        If ``new_runs`` is not ``Runs``, lacks a column, or has no rows.
    """
    law = posterior.law
    needs = [*law.variables, law.predicts]
    runs = new_runs.require(needs, purpose=f"a check of {law.name!r}")
    if not len(runs):
        raise TableError("no runs to check", place=runs.source, remedy="Give at least one")
    whole(seed, "seed", place="check_new_runs")
    scores = score(posterior, runs, ci_prob=ci_prob, seed=seed)
    factor, furthest = extrapolation_factor(posterior.runs, runs.columns(law.variables))
    frame = _frame(scores, ci_prob).assign(extrapolation_factor=factor, variable=furthest)
    frame.insert(0, "observed", runs.column(law.predicts))
    frame.index = runs.table.index.rename("row")
    summary, notes = _assess(scores, ci_prob, factor)
    again = _fitted_too(posterior.runs, runs, needs)
    if again:
        message = f"{again} of the {len(runs)} runs are among the fitted runs: they are no test"
        remedy = "Give runs that were not fitted to"
        notes.append(Note("already_fitted", "warning", message, remedy))
    return NewRunsCheck(
        frame=frame,
        coverage=float(scores.inside.mean()),
        ci_prob=ci_prob,
        summary=summary,
        notes=(*cautions(posterior.notes), *notes),
    )


def _frame(scores: Scores, ci_prob: float) -> pd.DataFrame:
    import pandas as pd
    from scipy.stats import norm

    # Scale by the interval's width: heavy tails dominate the sd of the draws.
    with np.errstate(invalid="ignore"):
        # Undefined where the law predicts nothing positive.
        error = scores.error / ((scores.high - scores.low) / (2 * norm.ppf((1 + ci_prob) / 2)))
    columns = {name: np.exp(getattr(scores, name)) for name in ("median", "low", "high")}
    return pd.DataFrame({**columns, "inside": scores.inside, "pit": scores.pit, "error": error})


def _assess(scores: Scores, ci_prob: float, factor: np.ndarray) -> tuple[str, list[Note]]:
    """The summary, and notes on counts that are improbable under the predictions."""
    count, inside = len(scores.pit), int(scores.inside.sum())
    summary = (
        f"{inside} of {count} runs are within their {100 * ci_prob:g}% intervals, where "
        f"{ci_prob * count:.3g} are expected"
    )
    notes = []
    few, many = _tails(scores.inside_drawn, inside)
    if few < _SURPRISE:
        message = f"{summary}: the probability of so few is {few:.2g}"
        remedy = "Do not rely on the intervals; fit again with these runs, or try another law"
        notes.append(Note("too_narrow", "warning", message, remedy))
        summary += ": too few"
    elif many < _SURPRISE:
        message = f"{summary}: the intervals are too wide"
        notes.append(Note("too_wide", "info", message))
        summary += ": too many"
    else:
        summary += ", consistent with chance"
    above = int((scores.error > 0).sum())
    if 2 * min(_tails(scores.above_drawn, above)) < _SURPRISE:
        side = "higher" if 2 * above > count else "lower"
        most = max(above, count - above)
        message = f"{most} of {count} runs are {side} than the predictive median"
        remedy = "The law is biased at these runs; fit again with them"
        notes.append(Note("one_sided", "warning", message, remedy))
        summary += f"; {most} of {count} are {side} than the predictive median"
    far = int((factor > NEARBY).sum())
    if far:
        summary += f"; {far} are beyond the fitted runs, by a factor of up to {factor.max():.3g}"
    return f"{summary}.", notes


def _tails(drawn: np.ndarray, seen: int) -> tuple[float, float]:
    """One-sided p-values of a count: of at most and at least as many."""
    draws = len(drawn) + 1
    return ((drawn <= seen).sum() + 1) / draws, ((drawn >= seen).sum() + 1) / draws


def _fitted_too(fitted: Runs, new: Runs, names: list[str]) -> int:
    """Number of new runs equal to a fitted run in all variables and the loss."""
    rows = set(zip(*(fitted.column(name) for name in names), strict=True))
    return sum(row in rows for row in zip(*(new.column(name) for name in names), strict=True))
