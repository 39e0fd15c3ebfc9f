"""Flatness of an optimum: values of one variable with regret below the tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.optimum.problem import Problem
from bayeslaw.runs import Runs

# Draws to evaluate: the standard error of a probability of .89 is .01.
_DRAWS = 1000
_POINTS, _ROUNDS = 81, 3
# More of them over the range of the runs.
_WIDE = 41
# Largest factor from the median at which a count is evaluated.
_FACTOR = 1e4
# Tolerance of limits: an optimum on one may exceed it by rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class NearOptimal:
    """The near-optimal values of a variable.

    Attributes
    ----------
    low, high : float
        Between these values, the regret is below ``regret_tolerance`` with at least the
        probability ``ci_prob``; NaN if there are none.
    regret_tolerance : float
        In the unit of the prediction: nats where the law predicts loss (unless the table declares
        another ``loss_unit``).
    ci_prob : float
        The probability.
    values, p_near_optimal : ndarray of shape (points,)
        Values of the variable, and the probability that the regret there is below the tolerance.
    regret : ndarray of shape (points,)
        Expected regret there.
    """

    low: float
    high: float
    regret_tolerance: float
    ci_prob: float
    values: np.ndarray = field(repr=False)
    p_near_optimal: np.ndarray = field(repr=False)
    regret: np.ndarray = field(repr=False)


def near_optimal(
    problem: Problem,
    draws: Mapping[str, np.ndarray],
    x: np.ndarray,
    *,
    runs: Runs,
    regret_tolerance: float,
    ci_prob: float,
) -> dict[str, NearOptimal]:
    """Near-optimal values of every free variable.

    One variable varies at a time: the others are at each draw's own optimum, and a variable that
    follows from the budget is recomputed. Regret is evaluated over the range of the runs at least.
    """
    sound = np.flatnonzero(np.isfinite(x).all(axis=1))
    if not len(sound):
        return {}
    rows = sound[np.linspace(0, len(sound) - 1, min(_DRAWS, len(sound))).astype(int)]
    raw = {name: values[rows][:, None] for name, values in draws.items()}
    x = x[rows]
    with np.errstate(all="ignore"):
        columns = problem.columns(x[:, None, :])
    best = values_at(problem, raw, columns)
    sign = 1.0 if problem.structure.sense == "min" else -1.0

    def regret(i: int, grid: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            moved = problem.moved(columns, i, grid[None, :])
        lost = sign * (values_at(problem, raw, moved) - best)
        # Infeasible points, and points without a prediction, have infinite regret.
        return np.broadcast_to(np.where(np.isfinite(lost), lost, np.inf), (len(x), len(grid)))

    found = {}
    for i, name in enumerate(problem.structure.free):
        logarithmic = problem.structure.logarithmic[i]
        middle, far = np.median(x[:, i]), np.log(_FACTOR)
        low, high = problem.low[i], problem.high[i]
        if logarithmic:
            low, high = max(low, middle - far), min(high, middle + far)
        grid = np.linspace(low, high, _POINTS)
        for _ in range(_ROUNDS):
            p = (regret(i, grid) < regret_tolerance).mean(axis=0)
            around = _range(grid, p, ci_prob)
            # Refine around the ends of the range, or around the best value.
            step = np.max(np.diff(grid))
            peak = grid[np.argmax(p)]
            start, stop = (peak, peak) if around is None else around
            grid = np.linspace(max(low, start - step), min(high, stop + step), _POINTS)
        to_raw = np.exp if logarithmic else np.asarray
        # Grid for plots: wide enough to show both flanks, and what the runs tried.
        span = max(stop - start, step)
        left, right = start - 1.5 * span, stop + 1.5 * span
        grid = np.linspace(max(low, left), min(high, right), _POINTS)
        if name in runs.variables:
            tried = runs.column(name)
            tried = np.log(tried) if logarithmic else tried
            wide = np.linspace(min(left, tried.min()), max(right, tried.max()), _WIDE)
            grid = np.unique(np.concatenate([grid, np.clip(wide, low, high)]))
        lost = regret(i, grid)
        ends = (np.nan, np.nan) if around is None else around
        found[name] = NearOptimal(
            low=float(to_raw(ends[0])),
            high=float(to_raw(ends[1])),
            regret_tolerance=regret_tolerance,
            ci_prob=ci_prob,
            values=np.asarray(to_raw(grid)),
            p_near_optimal=(lost < regret_tolerance).mean(axis=0),
            regret=lost.mean(axis=0),
        )
    return found


def values_at(
    problem: Problem, raw: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The law at configurations; NaN outside the limits."""
    structure = problem.structure
    with np.errstate(all="ignore"):
        value = structure.form.predict(columns, raw)
        allowed = value > 0
        for small, large in vocabulary.ORDERED:
            if small in columns and large in columns:
                allowed = allowed & (columns[small] <= columns[large] * (1 + _ROUNDING))
        limited = list(zip(structure.caps, problem.limits, strict=True))
        if structure.cost is not None and structure.spent is None:
            limited.append((structure.cost, problem.amount))
        for expression, limit in limited:
            allowed = allowed & (expression(columns) <= limit * (1 + _ROUNDING))
    return np.where(allowed, value, np.nan)


def _range(grid: np.ndarray, p: np.ndarray, ci_prob: float) -> tuple[float, float] | None:
    """Ends of the interval around the most probable point, by linear interpolation."""
    peak = int(np.argmax(p))
    if p[peak] < ci_prob:
        return None
    ends = []
    for step in (-1, 1):
        i = peak
        while 0 <= i + step < len(grid) and p[i + step] >= ci_prob:
            i += step
        out = i + step
        if not 0 <= out < len(grid):
            ends.append(grid[i])
            continue
        share = (p[i] - ci_prob) / (p[i] - p[out])
        ends.append(grid[i] + share * (grid[out] - grid[i]))
    return float(ends[0]), float(ends[1])


def averaged(parts: Sequence[NearOptimal], weights: np.ndarray) -> NearOptimal:
    """The near-optimal set of several laws together."""
    first = parts[0]
    values = np.unique(np.concatenate([part.values for part in parts]))
    p, regret = np.zeros(len(values)), np.zeros(len(values))
    for part, weight in zip(parts, weights, strict=True):
        # Beyond the evaluated values, the regret exceeds the tolerance.
        p += weight * np.interp(values, part.values, part.p_near_optimal, left=0.0, right=0.0)
        regret += weight * np.interp(values, part.values, part.regret)
    ends = _range(values, p, first.ci_prob) or (np.nan, np.nan)
    return NearOptimal(*ends, first.regret_tolerance, first.ci_prob, values, p, regret)
