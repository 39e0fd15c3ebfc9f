"""Tests of uniformity by the empirical distribution function (ECDF), at all points at once.

Säilynoja, Bürkner and Vehtari 2022, "Graphical test for discrete uniformity and its applications in
goodness-of-fit evaluation and multiple sample comparison", arXiv:2103.10522.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import gammaln
from scipy.stats import binom

# Most points at which the ECDF is evaluated.
_POINTS = 100


def ecdf_points(count: int) -> np.ndarray:
    """Points at which the ECDF of so many numbers is evaluated."""
    between = max(2, min(count, _POINTS))
    return np.arange(1, between) / between


def p_value(numbers: np.ndarray) -> float:
    """P-value of a simultaneous ECDF test of uniformity."""
    count = len(numbers)
    if not count:
        return 1.0
    below = np.searchsorted(np.sort(numbers), ecdf_points(count), side="right")
    rarest = _tails(count)[below, np.arange(len(below))].min()
    # Tails that are equal in theory differ in their last digits.
    return float(np.clip(1.0 - _inside(rarest * (1 + 1e-9), count), 0.0, 1.0))


@lru_cache(maxsize=64)
def ecdf_band(count: int, probability: float) -> tuple[np.ndarray, np.ndarray]:
    """Simultaneous band of the ECDF of uniform numbers."""
    # By bisection on the logarithm of the tail probability allowed at each point.
    tight, wide = np.log(1 - probability), np.log((1 - probability) / (4 * len(ecdf_points(count))))
    for _ in range(25):
        middle = (tight + wide) / 2
        if _inside(float(np.exp(middle)), count) < probability:
            tight = middle
        else:
            wide = middle
    low, high = _limits(float(np.exp(wide)), count)
    return low / count, high / count


@lru_cache(maxsize=64)
def _tails(count: int) -> np.ndarray:
    """Two-sided tail probability of every count at every point, shape (count + 1, points)."""
    counts = np.arange(count + 1)[:, None]
    where = ecdf_points(count)
    tail = np.minimum(binom.cdf(counts, count, where), binom.sf(counts - 1, count, where))
    return np.asarray(2 * tail)


def _limits(level: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest count at each point that is not rarer than a level."""
    allowed = _tails(count) >= level
    return allowed.argmax(axis=0), count - allowed[::-1].argmax(axis=0)


def _inside(level: float, count: int) -> float:
    """Probability that the counts of uniform numbers stay within limits at every point."""
    if not (_tails(count) >= level).any(axis=0).all():
        return 0.0
    low, high = _limits(level, count)
    where = ecdf_points(count)
    factorials = gammaln(np.arange(count + 2) + 1.0)
    counts, mass = np.array([0]), np.array([1.0])
    before = 0.0
    for at, first, last in zip(where, low, high, strict=True):
        reached = np.arange(first, last + 1)
        share = (at - before) / (1 - before)
        left = count - counts[:, None]
        more = reached[None, :] - counts[:, None]
        possible = (more >= 0) & (more <= left)
        more = np.where(possible, more, 0)
        rest = left - more
        ways = factorials[left] - factorials[more] - factorials[rest]
        logarithm = ways + more * np.log(share) + rest * np.log1p(-share)
        mass = mass @ np.exp(np.where(possible, logarithm, -np.inf))
        counts, before = reached, float(at)
    return float(mass.sum())
