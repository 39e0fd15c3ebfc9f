"""How flat an optimum is: the values of one variable that cost next to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.optimum.problem import Question

#: Regret in the unit of the prediction below which a configuration counts as good as the best.
WITHIN = 0.001
# Draws that are asked: a probability of .89 is then known to .01.
_DRAWS = 1000
_POINTS, _ROUNDS = 81, 3
# How far a count is followed on either side of its median, as a factor.
_FACTOR = 1e4
# An optimum on a limit lies beyond it by no more.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Near:
    """The near-optimal values of a variable.

    Attributes
    ----------
    low, high : float
        Between these, leaving each draw's optimum for one value costs less than ``within`` with at
        least the probability asked for; NaN if no value does.
    within : float
        The regret, in the unit of the prediction.
    probability : float
        The probability.
    values, p_within : ndarray of shape (points,)
        Values of the variable, and the probability that the regret there is below ``within``.
    regret : ndarray of shape (points,)
        Expected regret there.
    """

    low: float
    high: float
    within: float
    probability: float
    values: np.ndarray = field(repr=False)
    p_within: np.ndarray = field(repr=False)
    regret: np.ndarray = field(repr=False)


def near_optimal(
    question: Question,
    coefficients: Mapping[str, np.ndarray],
    x: np.ndarray,
    *,
    within: float,
    probability: float,
) -> dict[str, Near]:
    """Near-optimal values of every free variable.

    One variable leaves its optimum at a time: the others stay at each draw's own optimum, and what
    follows from a budget follows.
    """
    sound = np.flatnonzero(np.isfinite(x).all(axis=1))
    if not len(sound):
        return {}
    rows = sound[np.linspace(0, len(sound) - 1, min(_DRAWS, len(sound))).astype(int)]
    raw = {name: values[rows][:, None] for name, values in coefficients.items()}
    x = x[rows]
    best = values_at(question, raw, x[:, None, :])

    found = {}
    for i, name in enumerate(question.problem.free):

        def regret(at: np.ndarray, i: int = i) -> np.ndarray:
            there = np.broadcast_to(x[:, None, :], (len(x), len(at), x.shape[1])).copy()
            there[:, :, i] = at
            lost = values_at(question, raw, there) - best
            lost = lost if question.problem.sense == "min" else -lost
            # What is not allowed, or where the law predicts nothing, is no alternative.
            return np.where(np.isfinite(lost), lost, np.inf)

        middle, far = np.median(x[:, i]), np.log(_FACTOR)
        low, high = question.low[i], question.high[i]
        if question.problem.logarithmic[i]:
            low, high = max(low, middle - far), min(high, middle + far)
        grid = np.linspace(low, high, _POINTS)
        for _ in range(_ROUNDS):
            lost = regret(grid)
            p = (lost < within).mean(axis=0)
            around = _range(grid, p, probability)
            # Once more where it matters: around the ends of the range, or the best there is.
            step = np.max(np.diff(grid))
            peak = grid[np.argmax(p)]
            start, stop = (peak, peak) if around is None else around
            width = max(stop - start, step)
            grid = np.linspace(
                max(low, start - min(step, width)), min(high, stop + min(step, width)), _POINTS
            )
        ends = (np.nan, np.nan) if around is None else around
        # The picture: wide enough that both flanks are seen.
        span = max(stop - start, step)
        grid = np.linspace(max(low, start - 1.5 * span), min(high, stop + 1.5 * span), _POINTS)
        lost = regret(grid)
        turn = np.exp if question.problem.logarithmic[i] else np.asarray
        found[name] = Near(
            low=float(turn(ends[0])),
            high=float(turn(ends[1])),
            within=within,
            probability=probability,
            values=np.asarray(turn(grid)),
            p_within=(lost < within).mean(axis=0),
            regret=lost.mean(axis=0),
        )
    return found


def values_at(question: Question, raw: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """The law at points of the search; NaN outside the limits."""
    problem = question.problem
    with np.errstate(all="ignore"):
        columns = problem.columns(x, question.fixed, question.budget, np)
        value = np.broadcast_to(problem.form.predict(columns, raw), x.shape[:-1])
        allowed = value > 0
        for small, large in vocabulary.ORDERED:
            if small in columns and large in columns:
                allowed = allowed & (columns[small] <= columns[large] * (1 + _ROUNDING))
        for cap, limit in zip(problem.caps, question.limits, strict=True):
            allowed = allowed & (cap(columns) <= limit * (1 + _ROUNDING))
        if problem.cost is not None and problem.spent is None:
            allowed = allowed & (problem.cost(columns) <= question.budget * (1 + _ROUNDING))
    return np.where(allowed, value, np.nan)


def _range(grid: np.ndarray, p: np.ndarray, probability: float) -> tuple[float, float] | None:
    """Ends of the stretch around the most probable point, between grid points by a line."""
    peak = int(np.argmax(p))
    if p[peak] < probability:
        return None
    ends = []
    for step in (-1, 1):
        i = peak
        while 0 <= i + step < len(grid) and p[i + step] >= probability:
            i += step
        out = i + step
        if not 0 <= out < len(grid):
            ends.append(grid[i])
            continue
        share = (p[i] - probability) / (p[i] - p[out])
        ends.append(grid[i] + share * (grid[out] - grid[i]))
    return float(ends[0]), float(ends[1])


def merged(parts: Sequence[Near], weights: np.ndarray) -> Near:
    """One near-optimal set of several laws."""
    values = np.unique(np.concatenate([part.values for part in parts]))
    p, regret = np.zeros(len(values)), np.zeros(len(values))
    for part, weight in zip(parts, weights, strict=True):
        # Beyond what was looked at, a law's regret is too large to count.
        p += weight * np.interp(values, part.values, part.p_within, left=0.0, right=0.0)
        regret += weight * np.interp(values, part.values, part.regret)
    ends = _range(values, p, parts[0].probability) or (np.nan, np.nan)
    return Near(*ends, parts[0].within, parts[0].probability, values, p, regret)
