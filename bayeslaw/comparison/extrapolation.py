"""What laws are for: predicting runs larger than any that they were fitted to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.comparison.folds import groups_of, refit
from bayeslaw.comparison.loo import standard_error
from bayeslaw.comparison.scores import Scores, score
from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.core.notes import Note
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.law.cost import COSTS
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

#: Shares of the levels that are held out, unless asked otherwise.
CUTS = (0.1, 0.2, 0.4)
#: Fewer runs to score, or to fit to, say nothing.
LEAST_HELD_OUT, LEAST_TRAINING = 3, 10
#: Runs whose values differ by less than this share of the smallest were meant to be alike.
_SAME = 0.02

# What orders runs by size where the caller does not say: their compute, or what there is of it.
_COMPUTE = ("C", COSTS["training"].formula, COSTS["training_dense"].formula, "N_a", "N", "D")
_PLACE = "compare, over"


@dataclass(frozen=True)
class Cut:
    """The largest runs of a table held out.

    Attributes
    ----------
    share : float
        Share of the levels that was asked for.
    held : ndarray of bool of shape (runs,)
        True for the runs that are held out.
    largest : float
        Largest value among the others.
    beyond : ndarray of shape (held out,)
        Factor by which each run that is held out exceeds it.
    """

    share: float
    held: np.ndarray
    largest: float
    beyond: np.ndarray

    @property
    def name(self) -> str:
        """Such as "top 10%"."""
        return f"top {100 * self.share:g}%"


def ordering(runs: Runs, over: str | None) -> Expression | None:
    """What orders runs by size."""
    if over is not None:
        if not isinstance(over, str):
            raise RequestError(f"over = {over!r}", place=_PLACE, remedy='Such as "6*N*D"')
        expression = parse_expression(over, place=_PLACE)
        for name in sorted(expression.names):
            if name not in runs.variables:
                raise RequestError(
                    f"the table has no variable {name!r}",
                    place=_PLACE,
                    remedy=nearest(name, runs.variables),
                )
        if not expression.names:
            raise RequestError(f"{over!r} names no variable", place=_PLACE)
        return expression
    for text in _COMPUTE:
        expression = parse_expression(text)
        if expression.names <= set(runs.variables) and len(set(levels(runs, expression))) > 1:
            return expression
    return None


def values_of(runs: Runs, over: Expression) -> np.ndarray:
    """What orders the runs, of shape (runs,)."""
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
    values = values_of(runs, over)
    found, number, start = np.empty(len(values), dtype=int), -1, -math.inf
    for i in np.argsort(values, kind="stable"):
        if number < 0 or values[i] > start + _SAME * abs(start):
            number, start = number + 1, float(values[i])
        found[i] = number
    return found


def cuts_of(
    runs: Runs, over: Expression, shares: Sequence[float], least: int = LEAST_TRAINING
) -> tuple[list[Cut], list[Note]]:
    """Hold out the largest levels, in steps."""
    for share in shares:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise RequestError(
                f"a share of {share!r} to hold out",
                place="compare, cuts",
                remedy="Give numbers between 0 and 1",
            )
    level, values = levels(runs, over), values_of(runs, over)
    count = int(level.max()) + 1
    found: list[Cut] = []
    notes = []
    for share in sorted(shares):
        top = max(1, math.floor(share * count + 0.5))
        while top < count and (level >= count - top).sum() < LEAST_HELD_OUT:
            top += 1
        held = level >= count - top
        if any((held == one.held).all() for one in found):
            continue
        if (~held).sum() < least:
            text = (
                f"{Cut(share, held, 0.0, values[held]).name} of {over.text} cannot be held out: "
                f"{int((~held).sum())} of {len(runs)} runs would be left to fit to"
            )
            notes.append(Note("cut_left_out", "info", text, f"{least} are needed"))
            continue
        largest = float(values[~held].max())
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(Cut(float(share), held, largest, values[held] / largest))
    return found, notes


def training_reference(runs: Runs, law: Law, scale: float) -> Reference:
    """Where the priors of a fit to training rows are stated."""
    return Reference(loss=scale, at=Reference.of(runs, law.variables, law.predicts).at)


def extrapolate(
    posterior: Posterior, cut: Cut, *, probability: float, progress: bool | None = None
) -> tuple[dict[str, Any], Scores]:
    """Fit to the smaller runs and score the larger ones."""
    runs, law = posterior.runs, posterior.law
    training = runs.select(~cut.held)
    reference = training_reference(training, law, posterior.reference.loss)
    (fitted,) = refit(posterior, [training], reference=reference, progress=progress)
    found = score(
        fitted, runs.select(cut.held), probability=probability, seed=posterior.info.settings.seed
    )
    groups = groups_of(runs.select(cut.held))
    row = {
        "cut": cut.name,
        "trained_on": len(training),
        "held_out": int(cut.held.sum()),
        "largest": cut.largest,
        "beyond": float(np.median(cut.beyond)),
        "furthest": float(np.max(cut.beyond)),
        "elpd": float(found.log_density.mean()),
        "elpd_se": standard_error(found.log_density, groups) / len(groups),
        "crps": float(found.crps.mean()),
        "crps_se": standard_error(found.crps, groups) / len(groups),
        "rmse": float(np.sqrt(np.mean(found.error**2))),
        "coverage": float(found.inside.mean()),
        "trusted": fitted.trusted,
    }
    return row, found
