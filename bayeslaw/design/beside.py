"""What else the same money would buy: random runs, and an iso-FLOP grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.design.rule import Joint

_REPEATS = 20
_LEVELS = 3
# Candidates count as of one level of cost within this factor.
_WITHIN = 1.25


def widths(joint: Joint, chosen: np.ndarray) -> np.ndarray:
    """Width after each of the chosen runs, as a share of the width before."""
    return np.asarray(np.sqrt(joint.left(list(chosen)) @ joint.weights / joint.total))


def random_path(
    joint: Joint, costs: np.ndarray, budget: float, most: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean cost and width of batches of random candidates, run by run."""
    rng = np.random.default_rng([seed, 7])
    paths = []
    for _ in range(_REPEATS):
        order = rng.permutation(len(costs))
        paths.append(affordable(order, costs, budget)[:most])
    length = max(int(np.median([len(path) for path in paths])), 1)
    long = [path[:length] for path in paths if len(path) >= length]
    if not long or not len(long[0]):
        return np.zeros(1), np.ones(1)
    spent = np.mean([np.concatenate([[0.0], np.cumsum(costs[path])]) for path in long], axis=0)
    return spent, np.mean([widths(joint, path) for path in long], axis=0)


def affordable(order: np.ndarray, costs: np.ndarray, budget: float) -> np.ndarray:
    """Candidates in an order, without those that no longer fit the budget."""
    kept, left = [], budget
    for place in order:
        if costs[place] <= left:
            kept.append(place)
            left -= costs[place]
    return np.array(kept, dtype=int)


def iso_flop_grid(
    columns: Mapping[str, np.ndarray], costs: np.ndarray, budget: float, most: int
) -> np.ndarray:
    """Candidates at three levels of cost, evenly by size within each, for about the budget."""
    name = next((n for n in ("N_a", "N", "D") if n in columns and np.ptp(columns[n]) > 0), None)
    if name is None:
        return np.empty(0, dtype=int)
    size = np.log(columns[name])
    top = min(float(np.quantile(costs, 0.95)), budget / _LEVELS)
    low = float(np.quantile(costs, 0.05))
    if top <= low:
        return np.empty(0, dtype=int)
    levels = np.geomspace(low, top, _LEVELS)
    each = max(1, min(int(budget / levels.sum()), most // _LEVELS, 40))
    chosen: list[int] = []
    for level in levels:
        near = np.flatnonzero(np.abs(np.log(costs / level)) < np.log(_WITHIN))
        if not len(near):
            near = np.argsort(np.abs(np.log(costs / level)))[:1]
        wished = np.linspace(size[near].min(), size[near].max(), each)
        for wish in wished:
            left = [place for place in near if place not in chosen]
            if left:
                chosen.append(int(min(left, key=lambda place: abs(size[place] - wish))))
    return affordable(np.array(chosen, dtype=int), costs, budget)
