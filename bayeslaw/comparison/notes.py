"""Notes on a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bayeslaw.comparison.extrapolation import HeldOut
from bayeslaw.comparison.leave_out import MOST_FOLDS
from bayeslaw.comparison.ranking import DISTINGUISHED, LawScores
from bayeslaw.core.notes import Note, labelled
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

#: The best of more laws than this owes part of its lead to having been picked.
MOST_LAWS = 5
#: The scatter of fewer groups than this is hardly known.
FEW_GROUPS = 10
#: A Monte-Carlo error of ELPD that could change the verdict on a difference.
LARGEST_ERROR = 1.0
_ROUGH = "Take its numbers as rough; add runs, or tighten the priors"


def comparison_notes(
    runs: Runs,
    scores: Mapping[str, LawScores],
    frame: pd.DataFrame,
    extrapolation: pd.DataFrame,
    held_out: HeldOut,
) -> list[Note]:
    """All notes on the table, its fits and their order."""
    notes = [*runs.notes]
    for label, each in scores.items():
        notes += labelled((n for n in each.posterior.notes if n not in runs.notes), label)
    notes += [*order_notes(frame), *_left_out_notes(runs, scores, held_out)]
    if held_out.cuts:
        notes += extrapolation_notes(frame, extrapolation, held_out)
    return notes


def order_notes(frame: pd.DataFrame) -> Iterator[Note]:
    """How far the order of the laws can be relied on."""
    best = frame.index[0]
    close = frame[frame["verdict"] == "not distinguished"]
    if len(close):
        by = ", ".join(f"{-value:.2g}" for value in close["elpd_diff"])
        message = (
            f"these runs do not distinguish {' and '.join(map(str, close.index))} from {best}: "
            f"expected log predictive densities differ by {by}, below {DISTINGUISHED:g}, so that "
            "their stacking weights depend on little"
        )
        remedy = "Keep all of them, or run configurations that they predict differently"
        yield Note("not_distinguished", "info", message, remedy)
    for label, row in frame[frame["verdict"] == "perhaps worse"].iterrows():
        message = (
            f"{label} predicts worse than {best} by {-row['elpd_diff']:.3g}, within two standard "
            f"errors ({row['diff_se']:.2g}): few runs or groups decide it"
        )
        yield Note("uncertain", "info", message, "Look at the differences run by run (pointwise)")
    if len(frame) > MOST_LAWS:
        message = f"{len(frame)} laws were compared: the best of many looks better than it is"
        remedy = "Compare fewer, or confirm the choice on new runs (bl.check_new_runs)"
        yield Note("selection", "warning", message, remedy)


def _left_out_notes(
    runs: Runs, scores: Mapping[str, LawScores], held_out: HeldOut
) -> Iterator[Note]:
    if held_out.leave == "group":
        count = int(held_out.groups.max()) + 1
        how = "one by one" if count <= MOST_FOLDS else f"in {MOST_FOLDS} folds"
        rough = "; standard errors of so few groups are rough" if count < FEW_GROUPS else ""
        message = (
            f"{count} groups by {', '.join(runs.groups)} were left out {how}; interpolation_elpd "
            f"leaves out single runs, and measures how laws fill gaps inside groups{rough}"
        )
        yield Note("groups_left_out", "info", message)
    for label, each in scores.items():
        if each.single.refitted.any():
            message = (
                f"{label}: Pareto k is too large for {each.single.refitted.sum()} of {len(runs)} "
                "runs, and the law was fitted again without each of them"
            )
            yield Note("refitted", "info", message)
    for label, each in scores.items():
        if each.untrusted:
            fits = f"{each.untrusted} of the fits without some of the runs"
            message = f"{label}: {fits} cannot be trusted"
            yield Note("refits_not_trusted", "warning", message, _ROUGH)
        if each.left_out.error > LARGEST_ERROR:
            message = (
                f"{label}: some runs lie so far from what the others predict that the sum of "
                f"their log densities has a Monte-Carlo error of {each.left_out.error:.2g}"
            )
            remedy = "Look at the runs of lowest density (pointwise): they may be wrong"
            yield Note("few_draws", "warning", message, remedy)


def extrapolation_notes(
    frame: pd.DataFrame, extrapolation: pd.DataFrame, held_out: HeldOut
) -> Iterator[Note]:
    """Fits to smaller runs that failed, and another order beyond the runs than within."""
    for label, rows in extrapolation[~extrapolation["trusted"]].groupby("law", sort=False):
        largest = f"the {', '.join(rows['cut'])} of {held_out.ordered_by}"
        message = f"{label}: the fits that leave out {largest} cannot be trusted"
        yield Note("extrapolation_not_trusted", "warning", message, _ROUGH)
    values = frame["extrapolation_elpd"]
    best, first = frame.index[0], values.idxmax()
    rows = extrapolation.set_index(["law", "cut"])
    lead = (rows.loc[first, "elpd"] - rows.loc[best, "elpd"]) * rows.loc[best, "held_out"]
    if lead.max() >= DISTINGUISHED:
        message = (
            f"{best} predicts best within the runs, {first} beyond them: {values[first]:.3g} "
            f"against {values[best]:.3g} nats for each run held out by {held_out.ordered_by}"
        )
        close = frame.loc[first, "verdict"] == "not distinguished"
        remedy = "For larger runs, trust the extrapolation more"
        yield Note("order_changes", "info" if close else "warning", message, remedy)
