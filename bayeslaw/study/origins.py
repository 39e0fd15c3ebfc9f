"""Origins in several directions: which runs to hold out, beyond which of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayeslaw.comparison.extrapolation import LEAST_HELD_OUT
from bayeslaw.runs import Runs
from bayeslaw.runs.reach import Reach

# Shares of the levels along an axis that are fitted to, and of the runs in a wing that is held out.
_FITTED, _WING = (0.5, 0.75), 0.25
# Runs whose values differ by less than this share form one level.
_SAME = 0.02
# Fewer levels make no order.
_LEAST_LEVELS = 3
# A shape that varies by less at fixed compute has no wings; of its logarithm.
_LEAST_SPREAD = 0.15


@dataclass(frozen=True)
class Origin:
    """Runs held out beyond the others: ``held`` has shape (runs,)."""

    direction: str
    held: np.ndarray


def find_origins(runs: Runs, variables: list[str], least: int) -> list[Origin]:
    """Origins along every size and shape that varies; at least so many runs are fitted to."""
    reach, columns = Reach.of(runs, variables), runs.columns(variables)
    found: list[Origin] = []

    def add(direction: str, held: np.ndarray) -> None:
        enough = (~held).sum() >= least and held.sum() >= LEAST_HELD_OUT
        if enough and not any((held == other.held).all() for other in found):
            found.append(Origin(direction, held))

    for axis in sorted(reach.axes, key=lambda axis: "*" not in axis.name):
        if not axis.varied:
            continue
        x = np.asarray(axis.direction.position(columns), dtype=float)
        if axis.name.startswith("D/"):
            away = _beside(x, reach, columns)
            if away is not None:
                add(f"{axis.name} high at fixed compute", away >= np.quantile(away, 1 - _WING))
                add(f"{axis.name} low at fixed compute", away <= np.quantile(away, _WING))
            continue
        level = _levels(x)
        count = int(level.max()) + 1
        if count < _LEAST_LEVELS:
            continue
        shares = (_FITTED[-1],) if axis.direction.shapes and axis.name != "E" else _FITTED
        for share in shares:
            first = min(max(round(share * count), 2), count - 1)
            add(f"{axis.name} high", level >= first)
        if axis.direction.shapes and axis.name != "E":
            add(f"{axis.name} low", level < max(round((1 - _FITTED[-1]) * count), 1))
    return found


def _levels(x: np.ndarray) -> np.ndarray:
    """Number of each run's level along an axis, from the lowest."""
    level, number, start = np.empty(len(x), dtype=int), -1, -np.inf
    for i in np.argsort(x, kind="stable"):
        if number < 0 or x[i] > start + _SAME:
            number, start = number + 1, float(x[i])
        level[i] = number
    return level


def _beside(x: np.ndarray, reach: Reach, columns: dict[str, np.ndarray]) -> np.ndarray | None:
    """A shape less its trend with compute, if that leaves it any spread."""
    compute = next((axis for axis in reach.axes if "*" in axis.name), None)
    if compute is None:
        return None
    z = np.asarray(compute.direction.position(columns), dtype=float)
    design = np.stack([np.ones_like(z), z], axis=1)
    rest = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    return rest if rest.std() > _LEAST_SPREAD else None
