"""Configurations inside all limits, to start from; or which limits contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# How far from every limit a start should be, in search coordinates, and how far it must be.
_WANTED, _NEEDED = 0.1, 1e-7
# A limit that is passed by no more than this leaves room for nothing but itself.
_STEPS = 0.8 ** np.arange(60)

Room = Callable[[np.ndarray], np.ndarray]


def inside(room: Room, low: np.ndarray, high: np.ndarray, wish: np.ndarray) -> np.ndarray | None:
    """A point well inside all limits, near to one that is wished for."""
    if np.min(room(wish), initial=np.inf) > _WANTED:
        return wish
    from scipy.optimize import minimize

    margin = np.minimum(0.02 * (high - low), _WANTED)

    def depth(x: np.ndarray) -> float:
        return float(np.min(room(x), initial=np.inf))

    # As deep inside as is wanted, and near to the wish. The last coordinate is the depth.
    found = minimize(
        lambda z: -10 * z[-1] + 1e-4 * np.sum((z[:-1] - wish) ** 2),
        np.append(wish, min(depth(wish), 0.0)),
        method="SLSQP",
        bounds=[*zip(low + margin, high - margin, strict=True), (None, 2 * _WANTED)],
        constraints={"type": "ineq", "fun": lambda z: room(z[:-1]) - z[-1]},
        options={"maxiter": 200, "ftol": 1e-10},
    ).x[:-1]
    # Thin sets may lie within the margin: then as deep as they are is enough.
    if depth(found) <= _NEEDED:
        found = minimize(
            lambda z: -z[-1],
            np.append(found, depth(found)),
            method="SLSQP",
            bounds=[*zip(low, high, strict=True), (None, _WANTED)],
            constraints={"type": "ineq", "fun": lambda z: room(z[:-1]) - z[-1]},
            options={"maxiter": 500, "ftol": 1e-14},
        ).x[:-1]
    width = high - low
    found = np.clip(found, low + _NEEDED * width, high - _NEEDED * width)
    return found if depth(found) > _NEEDED else None


def conflict(
    rooms: Sequence[Callable[[np.ndarray], np.ndarray]],
    low: np.ndarray,
    high: np.ndarray,
    wish: np.ndarray,
) -> list[int]:
    """Which limits cannot be kept together."""
    kept = list(range(len(rooms)))
    for one in range(len(rooms)):
        rest = [i for i in kept if i != one]

        def room(x: np.ndarray, rest: list[int] = rest) -> np.ndarray:
            return np.concatenate([rooms[i](x) for i in rest]) if rest else np.empty(0)

        # What is in conflict without it does not need it.
        if inside(room, low, high, wish) is None:
            kept = rest
    return kept


def spread(room: Room, low: np.ndarray, high: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """A point inside, and one on either side of it."""
    points = [middle]
    for end in (low, high):
        way = 0.3 * (end - middle)
        steps = [t for t in _STEPS if np.min(room(middle + t * way), initial=np.inf) > 0]
        # Halfway to where the limits are reached, or as far as was meant.
        length = 0.0 if not steps else steps[0] if steps[0] == 1 else 0.5 * steps[0]
        points.append(middle + length * way)
    return np.array(points)
