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

#: With more laws than this, selection bias of the best one gives a note.
MOST_LAWS = 5
#: With fewer groups than this, standard errors over groups are rough.
FEW_GROUPS = 10
#: A Monte-Carlo error of ELPD that could change the verdict on a difference.
LARGEST_ERROR = 1.0
_ROUGH = "Treat its numbers as rough; add runs, or tighten the priors"


def comparison_notes(
    runs: Runs,
    scores: Mapping[str, LawScores],
    frame: pd.DataFrame,
    extrapolation: pd.DataFrame,
    held_out: HeldOut,
) -> list[Note]:
    """All notes on the table, the fits and their order."""
    notes = [*runs.notes]
    for label, each in scores.items():
        notes += labelled((n for n in each.posterior.notes if n not in runs.notes), label)
    notes += [*order_notes(frame), *_left_out_notes(runs, scores, held_out)]
    if held_out.cuts:
        notes += extrapolation_notes(frame, extrapolation, held_out)
    return notes


def order_notes(frame: pd.DataFrame) -> Iterator[Note]:
    """Notes on how reliable the order of the laws is."""
    best = frame.index[0]
    close = frame[frame["verdict"] == "not distinguished"]
    if len(close):
        by = ", ".join(f"{-value:.2g}" for value in close["elpd_diff"])
        message = (
            f"these runs do not distinguish {' and '.join(map(str, close.index))} from {best}: "
            f"their ELPD is lower by {by} nats, less than {DISTINGUISHED:g}; stacking weights are "
            "sensitive to single runs"
        )
        remedy = "Keep all of them, or run configurations that they predict differently"
        yield Note("not_distinguished", "info", message, remedy)
    for label, row in frame[frame["verdict"] == "perhaps worse"].iterrows():
        message = (
            f"{label} predicts worse than {best} by {-row['elpd_diff']:.3g}, within two standard "
            f"errors ({row['diff_se']:.2g}): the difference depends on few runs or groups"
        )
        yield Note("uncertain", "info", message, "Look at the differences run by run (pointwise)")
    if len(frame) > MOST_LAWS:
        message = f"{len(frame)} laws are compared: the ELPD of the best has selection bias"
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
            f"is leave-one-out, and measures interpolation within groups{rough}"
        )
        yield Note("groups_left_out", "info", message)
    for label, each in scores.items():
        if each.single.refitted.any():
            message = (
                f"{label}: Pareto k is too large for {each.single.refitted.sum()} of {len(runs)} "
                "runs, and the law is refitted without each of them"
            )
            yield Note("refitted", "info", message)
    for label, each in scores.items():
        if each.untrusted:
            fits = f"{each.untrusted} of the refits"
            message = f"{label}: {fits} cannot be trusted"
            yield Note("refits_not_trusted", "warning", message, _ROUGH)
        if each.left_out.error > LARGEST_ERROR:
            message = (
                f"{label}: the Monte-Carlo error of ELPD is {each.left_out.error:.2g}, since some "
                "runs are far from their leave-one-out predictions"
            )
            remedy = "Check the runs of lowest log density (pointwise) for errors"
            yield Note("few_draws", "warning", message, remedy)


def extrapolation_notes(
    frame: pd.DataFrame, extrapolation: pd.DataFrame, held_out: HeldOut
) -> Iterator[Note]:
    """Notes on failed fits to smaller runs, and on orders that differ in extrapolation."""
    for label, rows in extrapolation[~extrapolation["trusted"]].groupby("law", sort=False):
        largest = f"the {', '.join(rows['cut'])} of {held_out.ordered_by}"
        message = f"{label}: the fits without {largest} cannot be trusted"
        yield Note("extrapolation_not_trusted", "warning", message, _ROUGH)
    values = frame["extrapolation_elpd"]
    best, first = frame.index[0], values.idxmax()
    rows = extrapolation.set_index(["law", "cut"])
    lead = (rows.loc[first, "elpd"] - rows.loc[best, "elpd"]) * rows.loc[best, "held_out"]
    if lead.max() >= DISTINGUISHED:
        message = (
            f"{best} predicts best in interpolation, {first} in extrapolation: "
            f"{values[first]:.3g} against {values[best]:.3g} nats for each run held out by "
            f"{held_out.ordered_by}"
        )
        close = frame.loc[first, "verdict"] == "not distinguished"
        remedy = "For larger runs, prefer extrapolation_elpd"
        yield Note("order_changes", "info" if close else "warning", message, remedy)
