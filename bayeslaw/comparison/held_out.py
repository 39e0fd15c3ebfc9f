"""What a comparison holds out: runs or groups one after the other, and the largest runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayeslaw.comparison.candidates import Candidates
from bayeslaw.comparison.extrapolation import (
    CUTS,
    LEAST_HELD_OUT,
    LEAST_TRAINING,
    Cut,
    make_cuts,
    ordering,
)
from bayeslaw.comparison.leave_out import group_numbers
from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.formula import Expression

Leave = Literal["run", "group"]


@dataclass(frozen=True)
class HeldOut:
    """What is held out of a table, the same for every law.

    Attributes
    ----------
    leave : {"run", "group"}
        What is left out at a time.
    groups : ndarray of int of shape (runs,)
        Number of each run's group; its own where single runs are left out.
    over : Expression or None
        What orders runs by size; None without cuts.
    cuts : tuple of Cut
        Larger runs that are held out together.
    notes : tuple of Note
        On cuts that cannot be made.
    """

    leave: Leave
    groups: np.ndarray
    over: Expression | None = None
    cuts: tuple[Cut, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def ordered_by(self) -> str:
        """What orders runs by size, as text; empty without cuts."""
        return "" if self.over is None else self.over.text


def plan_held_out(
    candidates: Candidates, leave: Leave | None, over: str | None, shares: Sequence[float]
) -> HeldOut:
    """Read what to hold out, before anything is fitted."""
    runs = candidates.runs
    groups = group_numbers(runs)
    count = int(groups.max(initial=-1)) + 1
    several = bool(runs.groups) and 1 < count < len(runs)
    if leave not in (None, "run", "group"):
        raise RequestError(f"leave = {leave!r}", place="compare", remedy='"run" or "group"')
    if leave == "group" and not several:
        why = f"{count} groups of {len(runs)} runs" if runs.groups else "no grouping column"
        raise RequestError(
            f"there are no groups to leave out ({why})",
            place="compare, leave",
            remedy="Name the column that groups runs: read_runs(..., group=), --group",
        )
    if leave is None:
        leave = "group" if several else "run"
    if leave == "run":
        groups = np.arange(len(runs))
    if not isinstance(shares, Sequence):
        raise RequestError(f"cuts = {shares!r}", place="compare", remedy="Such as (0.1, 0.2)")
    ordered = ordering(runs, over)
    if not shares:
        return HeldOut(leave, groups)
    if ordered is None:
        problem, remedy = "nothing orders the runs by size", "Name what does (over=, --over)"
    else:
        parameters = (len(law.parameters) for law in candidates.laws.values())
        least = max(LEAST_TRAINING, *parameters)
        cuts, notes = make_cuts(runs, ordered, shares, least)
        if cuts:
            return HeldOut(leave, groups, ordered, tuple(cuts), tuple(notes))
        problem = (
            f"too few runs to hold out the largest {ordered.text}: {len(runs)}, of which "
            f"{LEAST_HELD_OUT} must be held out and {least} left to fit to"
        )
        remedy = "Give more runs, other shares, or none (cuts=(), --no-extrapolation)"
    if over is None and tuple(shares) == CUTS:
        # The default was not requested: the rest of the comparison stands without it.
        message = f"no extrapolation: {problem}"
        return HeldOut(leave, groups, notes=(Note("no_extrapolation", "warning", message, remedy),))
    raise RequestError(problem, place="compare, cuts", remedy=remedy)
