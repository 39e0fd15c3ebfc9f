"""Extrapolation: a law fitted to the smaller runs of a table, scored on its larger ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.comparison.leave_out import group_numbers, refit, standard_error
from bayeslaw.comparison.scores import Scores, score
from bayeslaw.core.errors import RequestError, nearest
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


@dataclass(frozen=True)
class Cut:
    """The largest runs of a table, held out.

    Attributes
    ----------
    share : float
        Share of the levels, as requested.
    held : ndarray of bool of shape (runs,)
        True for the runs that are held out.
    largest : float
        Largest value among the others.
    extrapolation_factor : ndarray of shape (held out,)
        Value of each run held out over ``largest``.
    """

    share: float
    held: np.ndarray
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
    if not isinstance(over, str):
        raise RequestError(f"over = {over!r}", place=_PLACE, remedy='Such as "6*N*D"')
    expression = parse_expression(over, place=_PLACE)
    for name in sorted(expression.names - set(runs.variables)):
        remedy = nearest(name, runs.variables)
        raise RequestError(f"the table has no variable {name!r}", place=_PLACE, remedy=remedy)
    if not expression.names:
        raise RequestError(f"{over!r} names no variable", place=_PLACE)
    return expression


def sizes(runs: Runs, over: Expression) -> np.ndarray:
    """Value of the expression that orders runs, of shape (runs,)."""
    value = over(runs.columns(sorted(over.names)))
    values = np.broadcast_to(np.asarray(value, dtype=float), (len(runs),))
    bad = ~np.isfinite(values)
    if bad.any():
        raise RequestError(
            f"{over.text} is {values[bad][0]} in row {runs.table.index[bad][0]}", place=_PLACE
        )
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
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise RequestError(
                f"a share of {share!r} to hold out",
                place="compare, cuts",
                remedy="Give numbers between 0 and 1",
            )
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
    posterior: Posterior, cut: Cut, *, ci_prob: float, progress: bool | None = None
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
