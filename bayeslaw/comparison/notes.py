"""What there is to say of a comparison, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bayeslaw.comparison.folds import MOST_FOLDS, groups_of
from bayeslaw.comparison.loo import LeftOut
from bayeslaw.comparison.result import DISTINGUISHED, Leave
from bayeslaw.core.notes import Note
from bayeslaw.formula import Expression
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

#: The best of more laws than this owes part of its lead to having been picked.
MOST_LAWS = 5
#: Fewer groups than this say little of how much they scatter.
FEW_GROUPS = 10
#: A Monte-Carlo error of ELPD that could change what a difference reads.
LARGEST_ERROR = 1.0


def remarks(
    runs: Runs,
    fits: Mapping[str, Posterior],
    table: pd.DataFrame,
    extrapolation: pd.DataFrame,
    left: Mapping[str, LeftOut],
    single: Mapping[str, LeftOut],
    leave: Leave,
    over: Expression | None,
) -> list[Note]:
    """Notes on a comparison."""
    found = [*runs.notes]
    for label, posterior in fits.items():
        own = [note for note in posterior.notes if note not in runs.notes]
        found += [replace(note, message=f"{label}: {note.message}") for note in own]
    found += _ranking(table)
    found += _leaving(runs, left, single, leave)
    if len(extrapolation) and over is not None:
        found += _beyond(table, extrapolation, over)
    return found


def _ranking(table: pd.DataFrame) -> list[Note]:
    found = []
    best = table.index[0]
    close = table[table["reads"] == "not distinguished"]
    if len(close):
        said = " and ".join(map(str, close.index))
        by = ", ".join(f"{-value:.2g}" for value in close["elpd_diff"])
        found.append(
            Note(
                "not_distinguished",
                "info",
                f"these runs do not distinguish {said} from {best}: expected log predictive "
                f"densities differ by {by}, below {DISTINGUISHED:g}, and so little decides how "
                "they share their weight",
                "Keep all of them, or run what they predict differently",
            )
        )
    unsure = table[table["reads"] == "perhaps worse"]
    for label, row in unsure.iterrows():
        found.append(
            Note(
                "uncertain",
                "info",
                f"{label} predicts worse than {best} by {-row['elpd_diff']:.3g}, within two "
                f"standard errors ({row['diff_se']:.2g}): few runs or groups decide it",
                "Look at the differences run by run (pointwise)",
            )
        )
    if len(table) > MOST_LAWS:
        found.append(
            Note(
                "selection",
                "warning",
                f"{len(table)} laws were compared: the best of many looks better than it is",
                "Compare fewer, or confirm the choice on new runs (bl.check_new_runs)",
            )
        )
    return found


def _leaving(
    runs: Runs, left: Mapping[str, LeftOut], single: Mapping[str, LeftOut], leave: Leave
) -> list[Note]:
    found = []
    if leave == "group":
        count = int(groups_of(runs).max()) + 1
        how = "one by one" if count <= MOST_FOLDS else f"in {MOST_FOLDS} folds"
        rough = "; standard errors of so few groups are rough" if count < FEW_GROUPS else ""
        found.append(
            Note(
                "groups_left_out",
                "info",
                f"{count} groups by {', '.join(runs.groups)} were left out {how}; leaving out "
                f"single runs (interpolation_elpd) tells how laws fill gaps inside groups{rough}",
            )
        )
    for label, one in single.items():
        if one.refitted.any():
            found.append(
                Note(
                    "refitted",
                    "info",
                    f"{label}: Pareto k is too large for {int(one.refitted.sum())} of {len(runs)} "
                    "runs, and the law was fitted again without each of them",
                )
            )
    for label, one in left.items():
        several = [one] if one is single[label] else [one, single[label]]
        failed = sum(part.untrusted for part in several)
        if failed:
            found.append(
                Note(
                    "refits_not_trusted",
                    "warning",
                    f"{label}: {failed} of the fits without some of the runs cannot be trusted",
                    "Take its numbers as rough; give more runs, or priors that say more",
                )
            )
        if one.error > LARGEST_ERROR:
            found.append(
                Note(
                    "few_draws",
                    "warning",
                    f"{label}: some runs lie so far from what the others predict that the sum of "
                    f"their log densities has a Monte-Carlo error of {one.error:.2g}",
                    "Look at the runs of lowest density (pointwise): they may be wrong",
                )
            )
    return found


def _beyond(table: pd.DataFrame, extrapolation: pd.DataFrame, over: Expression) -> list[Note]:
    found = []
    failed = extrapolation[~extrapolation["trusted"]]
    for label, rows in failed.groupby("law", sort=False):
        found.append(
            Note(
                "extrapolation_not_trusted",
                "warning",
                f"{label}: the fits that leave out the {', '.join(rows['cut'])} of {over.text} "
                "cannot be trusted",
                "Take its numbers as rough; give more runs, or priors that say more",
            )
        )
    best, first = table.index[0], table["extrapolation_elpd"].idxmax()
    by = extrapolation.set_index(["law", "cut"])
    lead = ((by.loc[first, "elpd"] - by.loc[best, "elpd"]) * by.loc[best, "held_out"]).max()
    # A lead of less is no other order.
    if lead >= DISTINGUISHED:
        values, close = (
            table["extrapolation_elpd"],
            table.loc[first, "reads"] == "not distinguished",
        )
        found.append(
            Note(
                "order_changes",
                "info" if close else "warning",
                f"{best} predicts best within the runs, {first} beyond them: {values[first]:.3g} "
                f"against {values[best]:.3g} nats for each run held out by {over.text}",
                "For larger runs, trust the extrapolation more",
            )
        )
    return found
