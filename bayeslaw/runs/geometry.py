"""How runs lie in the space of their inputs: what moves together, and what lies far away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.notes import Note
from bayeslaw.runs import Runs

#: Part of a variable's variance that the others have to leave it, so that its effect can be told.
MOVES_ALONE = 0.05
#: A design reaches this far beyond its own extremes before a note is due.
NEARBY = 1.5


def standardised(runs: Runs, names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs in standard deviations of the table, logarithms of those that are never zero."""
    raw = np.stack([on_scale(name, runs.column(name)) for name in names], axis=1)
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    return (raw - centre) / spread, centre, spread


def on_scale(name: str, values: np.ndarray) -> np.ndarray:
    """A variable on the scale on which distances are taken."""
    return values if vocabulary.variable(name).includes_zero else np.log(values)


def collinear(runs: Runs, names: list[str]) -> list[Note]:
    """A note on variables that follow from the others up to little."""
    if len(names) < 2 or len(runs) < len(names) + 2:
        return []
    inputs, _, _ = standardised(runs, names)
    values, vectors = np.linalg.eigh(np.cov(inputs, rowvar=False, bias=True))
    # What is left of each variable once the others are known; a dependence of all has none left.
    left = 1 / ((vectors**2) / np.maximum(values, 1e-12)).sum(axis=1)
    together = [name for name, share in zip(names, left, strict=True) if share < MOVES_ALONE]
    if not together:
        return []
    return [
        Note(
            "collinear",
            "warning",
            f"{' and '.join(together)} move together in {runs.source}: only "
            f"{100 * max(left.min(), 0.0):.2g}% of the variance is a variable's own, so that their "
            "effects can hardly be told apart",
            "Add runs in which they vary separately, such as other tokens per parameter",
        )
    ]


def distance(runs: Runs, at: Mapping[str, float]) -> tuple[float, float]:
    """How far a configuration lies from the runs, all variables together."""
    constant = runs.constant(at)
    names = [name for name in at if name not in constant]
    if not names:
        return 0.0, 1.0
    inputs, centre, spread = standardised(runs, names)
    there = np.array([on_scale(name, np.asarray(at[name], dtype=float)) for name in names])
    # Directions that no run explored count as if they were explored a little.
    inverse = np.linalg.inv(
        np.cov(inputs, rowvar=False, bias=True).reshape(2 * (len(names),))
        + 1e-6 * np.eye(len(names))
    )
    every = np.sqrt(np.einsum("ri,ij,rj->r", inputs, inverse, inputs))
    moved = (there - centre) / spread
    found = float(np.sqrt(moved @ inverse @ moved))
    return found, float(np.mean(every >= found))


def beyond(runs: Runs, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How far configurations lie outside the range of the runs."""
    size = len(np.atleast_1d(next(iter(columns.values()))))
    times, names = np.ones(size), np.full(size, "", dtype=object)
    for name, values in columns.items():
        seen = runs.column(name)
        low, high = seen.min(), seen.max()
        with np.errstate(divide="ignore", invalid="ignore"):
            if vocabulary.variable(name).includes_zero:
                outside = np.maximum(values - high, low - values).clip(min=0.0)
                factor = 1.0 + np.where(outside > 0, outside / (high - low), 0.0)
            else:
                factor = np.maximum(values / high, low / values)
        further = factor > np.maximum(times, 1.0 + 1e-9)
        times = np.where(further, factor, times)
        names[further] = name
    return times, names


def lies(name: str, times: float) -> str:
    """Say how far a configuration lies outside the range of the runs."""
    if np.isfinite(times):
        return f"lies {times:.3g} times beyond the runs in {name}"
    return f"differs from every run in {name}, which never varied"
