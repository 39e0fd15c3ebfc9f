"""``check``: new runs against what was predicted of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.scores import Scores, score
from bayeslaw.core.errors import RequestError, TableError, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import NEARBY, beyond

if TYPE_CHECKING:
    import pandas as pd

# A prediction that is right comes out like this less often.
_SURPRISE = 0.05


@dataclass(frozen=True)
class NewRunsCheck:
    """New runs against a posterior's predictions.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a run: what was ``observed``; ``median``, ``low`` and ``high`` of what would be
        measured; ``inside``, whether it lies between; ``pit``, the probability that was given to
        less than what was observed; ``error``, its distance on the logarithm from the median in
        standard deviations of a normal prediction as wide as the interval; and by which factor
        ``beyond`` the fitted runs its furthest ``variable`` lies.
    coverage : float
        Share of runs inside.
    probability : float
        Share that was promised.
    statement : str
        All of it in one sentence.
    notes : tuple of Note
        The posterior's, and what there is to say of the new runs.
    """

    table: pd.DataFrame = field(repr=False)
    coverage: float
    probability: float
    statement: str
    notes: tuple[Note, ...]

    def to_dict(self) -> dict[str, Any]:
        """The check as plain data.

        Returns
        -------
        dict
            All fields; the table as a list of rows with their ``row``.
        """
        labels = [getattr(label, "item", lambda label=label: label)() for label in self.table.index]
        rows = [
            {"row": label, **row}
            for label, row in zip(labels, self.table.to_dict("records"), strict=True)
        ]
        return {
            "runs": rows,
            "coverage": self.coverage,
            "probability": self.probability,
            "statement": self.statement,
            "notes": [note.to_dict() for note in self.notes],
        }


def check_new_runs(
    posterior: Posterior,
    new_runs: Runs,
    *,
    ci_prob: float = INTERVAL,
    seed: int = 0,
) -> NewRunsCheck:
    """Compare new runs with what a posterior predicts of them, at level ``observation``.

    Parameters
    ----------
    posterior : Posterior
        A fit that has not seen these runs.
    new_runs : Runs
        With the law's variables and what it predicts.
    ci_prob : float
        Probability of the equal-tailed intervals.
    seed : int
        For the scatter of observations.

    Returns
    -------
    NewRunsCheck
        A row a run, and an overall statement. Its probabilities are those of tables drawn from the
        posterior: the runs of one share its coefficients, and so err together. Where the law itself
        misses something, neighbouring runs err together more than that.

    Raises
    ------
    TableError
        If a column is missing or there are no runs.
    RequestError
        If something other than runs is given.
    """
    law = posterior.law
    if not isinstance(new_runs, Runs):
        raise RequestError(
            f"a {type(new_runs).__name__} where runs belong",
            place="check",
            remedy="bl.read_runs reads tables, DataFrames included",
        )
    needs = [*law.variables, law.predicts]
    runs = new_runs.require(needs, purpose=f"a check of {law.name!r}")
    if not len(runs):
        raise TableError("no runs to check", place=runs.source, remedy="Give at least one")
    whole(seed, "seed", place="check")
    found = score(posterior, runs, probability=ci_prob, seed=seed)
    times, furthest = beyond(posterior.runs, runs.columns(law.variables))
    table = _table(runs.column(law.predicts), found, ci_prob, times, furthest)
    table.index = runs.table.index
    inside = int(found.inside.sum())
    said, notes = _verdict(found, inside, ci_prob, times)
    again = _seen(posterior.runs, runs, needs)
    if again:
        notes.append(
            Note(
                "already_fitted",
                "warning",
                f"{again} of the {len(runs)} runs are among those fitted to: they test nothing",
                "Give runs that the fit has not seen",
            )
        )
    return NewRunsCheck(
        table=table,
        coverage=inside / len(runs),
        probability=ci_prob,
        statement=said,
        notes=(*posterior.notes, *notes),
    )


def _table(
    observed: np.ndarray,
    found: Scores,
    probability: float,
    times: np.ndarray,
    furthest: np.ndarray,
) -> pd.DataFrame:
    import pandas as pd
    from scipy.stats import norm

    # The interval's width and not the spread of the draws, which heavy tails dominate.
    with np.errstate(invalid="ignore"):
        # Where the law predicts nothing positive there is no such distance.
        spread = (found.high - found.low) / (2 * norm.ppf((1 + probability) / 2))
        error = found.error / spread
    return pd.DataFrame(
        {
            "observed": observed,
            "median": np.exp(found.median),
            "low": np.exp(found.low),
            "high": np.exp(found.high),
            "inside": found.inside,
            "pit": found.pit,
            "error": error,
            "beyond": times,
            "variable": furthest,
        }
    )


def _verdict(
    found: Scores, inside: int, probability: float, times: np.ndarray
) -> tuple[str, list[Note]]:
    count, percent = len(found.pit), f"{100 * probability:g}%"
    said = (
        f"{inside} of {count} runs lie within their {percent} intervals, where "
        f"{probability * count:.3g} were expected"
    )
    notes = []
    few, many = _tails(found.inside_drawn, inside)
    if few < _SURPRISE:
        text = f"{said}: so few would come with probability {few:.2g}"
        remedy = "Do not rely on the intervals; fit again with these runs, or try another law"
        notes.append(Note("too_narrow", "warning", text, remedy))
        said += ": too few"
    elif many < _SURPRISE:
        text = f"{said}: the intervals are wider than these runs need"
        notes.append(Note("too_wide", "info", text))
        said += ": more than need be"
    else:
        said += ", as they may"
    above = int((found.error > 0).sum())
    if 2 * min(_tails(found.above_drawn, above)) < _SURPRISE:
        side = "higher" if 2 * above > count else "lower"
        most = max(above, count - above)
        text = f"{most} of {count} runs came out {side} than the predicted median"
        remedy = "The law is off in one direction here; fit again with these runs"
        notes.append(Note("one_sided", "warning", text, remedy))
        said += f"; {most} of {count} came out {side} than the median"
    far = int((times > NEARBY).sum())
    if far:
        said += f"; {far} lie beyond the fitted runs, by a factor of up to {times.max():.3g}"
    return said, notes


def _tails(drawn: np.ndarray, seen: int) -> tuple[float, float]:
    """Probabilities of so few and of so many, had the runs come from the posterior."""
    draws = len(drawn) + 1
    return ((drawn <= seen).sum() + 1) / draws, ((drawn >= seen).sum() + 1) / draws


def _seen(old: Runs, new: Runs, names: list[str]) -> int:
    """How many runs are among those fitted to, in every variable and what was measured."""
    rows = set(zip(*(old.column(name) for name in names), strict=True))
    return sum(row in rows for row in zip(*(new.column(name) for name in names), strict=True))
