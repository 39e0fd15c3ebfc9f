"""Held out: runs or groups in turn, and the largest runs, which a fit to the rest predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bayeslaw.comparison.candidates import Candidates
from bayeslaw.comparison.leave_out import group_numbers, refit, standard_error
from bayeslaw.comparison.scores import Scores, score
from bayeslaw.core.errors import RequestError, check_names, refuse
from bayeslaw.core.notes import Note
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.law.cost import COSTS
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs

#: Shares of the levels that are held out by default.
CUTS = (0.1, 0.2, 0.4)
#: Fewer runs to score, or to fit to, say nothing.
LEAST_HELD_OUT, LEAST_TRAINING = 3, 10
#: Runs whose values differ by less than this share of the smallest form one level.
_SAME = 0.02

# What orders runs by size by default: their compute, or what there is of it.
_COMPUTE = ("C", COSTS["training"].formula, COSTS["training_dense"].formula, "N_a", "N", "D")
_PLACE = "compare, over"

Leave = Literal["run", "group"]


@dataclass(frozen=True)
class Cut:
    """A share of the levels of a table: its largest runs, held out."""

    share: float
    #: True for the runs that are held out, of shape (runs,).
    held: np.ndarray
    #: Largest value among the others, and each value held out over it.
    largest: float
    extrapolation_factor: np.ndarray

    @property
    def name(self) -> str:
        """Such as "top 10%"."""
        return f"top {100 * self.share:g}%"


def ordering(runs: Runs, over: str | None) -> Expression | None:
    """The expression that orders runs by size, if there is one."""
    if over is None:
        for expression in map(parse_expression, _COMPUTE):
            if expression.names <= set(runs.variables) and levels(runs, expression).any():
                return expression
        return None
    refuse(_PLACE, (not isinstance(over, str), f"over = {over!r}", 'Such as "6*N*D"'))
    expression = parse_expression(over, place=_PLACE)
    lacking = "the table has no variable {!r}"
    check_names(sorted(expression.names), runs.variables, lacking, place=_PLACE)
    refuse(_PLACE, (not expression.names, f"{over!r} names no variable", ""))
    return expression


def sizes(runs: Runs, over: Expression) -> np.ndarray:
    """Value of the expression that orders runs, of shape (runs,)."""
    value = over(runs.columns(sorted(over.names)))
    values = np.broadcast_to(np.asarray(value, dtype=float), (len(runs),))
    bad = ~np.isfinite(values)
    if bad.any():
        problem = f"{over.text} is {values[bad][0]} in {runs.counted} {runs.table.index[bad][0]}"
        raise RequestError(problem, place=_PLACE)
    return values


def levels(runs: Runs, over: Expression) -> np.ndarray:
    """Number of the level of each run, from the smallest; runs of one budget share one."""
    values = sizes(runs, over)
    level, number, start = np.empty(len(values), dtype=int), -1, -math.inf
    for i in np.argsort(values, kind="stable"):
        if number < 0 or values[i] > start + _SAME * abs(start):
            number, start = number + 1, float(values[i])
        level[i] = number
    return level


def make_cuts(
    runs: Runs, over: Expression, shares: Sequence[float], least: int = LEAST_TRAINING
) -> tuple[list[Cut], list[Note]]:
    """Hold out shares of the largest levels; notes on those that leave too few runs."""
    for share in shares:
        wrong = isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1
        problem = f"a share of {share!r} to hold out"
        refuse("compare, cuts", (wrong, problem, "Give numbers between 0 and 1"))
    level, values = levels(runs, over), sizes(runs, over)
    count = int(level.max()) + 1
    cuts: list[Cut] = []
    notes = []
    for share in sorted(shares):
        top = max(1, math.floor(share * count + 0.5))
        while top < count and (level >= count - top).sum() < LEAST_HELD_OUT:
            top += 1
        held = level >= count - top
        if any((held == cut.held).all() for cut in cuts):
            continue
        largest = float(values[~held].max(initial=-math.inf))
        with np.errstate(divide="ignore", invalid="ignore"):
            cut = Cut(float(share), held, largest, values[held] / largest)
        if (~held).sum() < least:
            message = (
                f"{cut.name} of {over.text} cannot be held out: {(~held).sum()} of {len(runs)} "
                "runs would be left to fit to"
            )
            notes.append(Note("cut_left_out", "info", message, f"{least} are needed"))
        else:
            cuts.append(cut)
    return cuts, notes


def training_reference(runs: Runs, law: Law, scale: float) -> ReferenceRun:
    """Where the priors of a fit to training rows are stated."""
    return ReferenceRun(loss=scale, at=ReferenceRun.of(runs, law.variables, law.predicts).at)


def fit_smaller(posterior: Posterior, held: np.ndarray, progress: bool | None = None) -> Posterior:
    """Fit a posterior's law to the runs that are not held out."""
    training = posterior.runs.select(~held)
    reference = training_reference(training, posterior.law, posterior.reference.loss)
    (fitted,) = refit(posterior, [training], reference=reference, progress=progress)
    return fitted


def extrapolate(
    posterior: Posterior, cut: Cut, ci_prob: float, progress: bool | None
) -> tuple[dict[str, Any], Scores]:
    """Fit to the smaller runs, score the larger ones: a row of means, and the scores."""
    fitted, larger = fit_smaller(posterior, cut.held, progress), posterior.runs.select(cut.held)
    scores = score(fitted, larger, ci_prob=ci_prob, seed=posterior.info.settings.seed)
    groups = group_numbers(larger)
    row = {
        "cut": cut.name,
        "trained_on": int((~cut.held).sum()),
        "held_out": int(cut.held.sum()),
        "largest": cut.largest,
        "extrapolation_factor": float(np.median(cut.extrapolation_factor)),
        "largest_extrapolation_factor": float(np.max(cut.extrapolation_factor)),
        "elpd": float(scores.log_density.mean()),
        "elpd_se": standard_error(scores.log_density, groups) / len(groups),
        "crps": float(scores.crps.mean()),
        "crps_se": standard_error(scores.crps, groups) / len(groups),
        "rmse": float(np.sqrt(np.mean(scores.error**2))),
        "coverage": float(scores.inside.mean()),
        "trusted": fitted.trusted,
    }
    return row, scores


@dataclass(frozen=True)
class HeldOut:
    """What is held out of a table, the same for every law; notes on cuts that cannot be made."""

    leave: Leave
    #: Number of each run's group; its own where single runs are left out.
    groups: np.ndarray
    #: What orders runs by size; None without cuts.
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
    why = f"{count} groups of {len(runs)} runs" if runs.groups else "no grouping column"
    none = f"there are no groups to leave out ({why})"
    name_one = "Name the column that groups runs: read_runs(..., group=), --group"
    unknown, single = leave not in (None, "run", "group"), not isinstance(shares, Sequence)
    refuse("compare", (unknown, f"leave = {leave!r}", '"run" or "group"'))
    refuse("compare, leave", (leave == "group" and not several, none, name_one))
    refuse("compare", (single, f"cuts = {shares!r}", "Such as (0.1, 0.2)"))
    leave = leave or ("group" if several else "run")
    if leave == "run":
        groups = np.arange(len(runs))
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
