"""The runs in the space of their inputs: collinear variables, and distances from the runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.notes import Note
from bayeslaw.runs import Runs

#: Smallest share of a variable's variance that the others may leave it without a note.
MOVES_ALONE = 0.05
#: Largest factor beyond the runs that needs no note.
NEARBY = 1.5


def on_scale(name: str, values: np.ndarray) -> np.ndarray:
    """A variable on the scale of distances: its logarithm, unless it can be zero."""
    return values if vocabulary.variable(name).includes_zero else np.log(values)


def standardised(runs: Runs, names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs of shape (runs, names) in standard deviations, with their centres and deviations."""
    raw = np.stack([on_scale(name, runs.column(name)) for name in names], axis=1)
    centre, sd = raw.mean(axis=0), raw.std(axis=0)
    return (raw - centre) / sd, centre, sd


def collinear(runs: Runs, names: list[str]) -> list[Note]:
    """A note on variables that the others nearly determine."""
    if len(names) < 2 or len(runs) < len(names) + 2:
        return []
    inputs, _, _ = standardised(runs, names)
    values, vectors = np.linalg.eigh(np.cov(inputs, rowvar=False, bias=True))
    # Share of each variable's variance given all others; a dependence of all leaves none.
    left = 1 / ((vectors**2) / np.maximum(values, 1e-12)).sum(axis=1)
    together = [name for name, share in zip(names, left, strict=True) if share < MOVES_ALONE]
    if not together:
        return []
    text = (
        f"{' and '.join(together)} move together in {runs.source}: only "
        f"{100 * max(left.min(), 0.0):.2g}% of the variance is a variable's own, so that their "
        "effects are hardly separable"
    )
    remedy = "Add runs in which they vary separately"
    if "D" in together:
        remedy += ", such as other tokens per parameter"
    return [Note("collinear", "warning", text, remedy)]


def distance(runs: Runs, at: Mapping[str, float]) -> tuple[float, float]:
    """Mahalanobis distance of a configuration from the runs, and the share of runs as far out."""
    constant = runs.constant(at)
    names = [name for name in at if name not in constant]
    if not names:
        return 0.0, 1.0
    inputs, centre, sd = standardised(runs, names)
    point = np.array([on_scale(name, np.asarray(at[name], dtype=float)) for name in names])
    covariance = np.cov(inputs, rowvar=False, bias=True).reshape(2 * (len(names),))
    # Directions that no run explored count as if they were explored a little.
    inverse = np.linalg.inv(covariance + 1e-6 * np.eye(len(names)))
    of_runs = np.sqrt(np.einsum("ri,ij,rj->r", inputs, inverse, inputs))
    moved = (point - centre) / sd
    of_point = float(np.sqrt(moved @ inverse @ moved))
    return of_point, float(np.mean(of_runs >= of_point))


def extrapolation_factor(
    runs: Runs, columns: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Factor by which each configuration's furthest variable leaves its range, and its name."""
    size = len(np.atleast_1d(next(iter(columns.values()))))
    factors, names = np.ones(size), np.full(size, "", dtype=object)
    for name, values in columns.items():
        low, high = runs.column(name).min(), runs.column(name).max()
        with np.errstate(divide="ignore", invalid="ignore"):
            if vocabulary.variable(name).includes_zero:
                outside = np.maximum(values - high, low - values).clip(min=0.0)
                factor = 1.0 + np.where(outside > 0, outside / (high - low), 0.0)
            else:
                factor = np.maximum(values / high, low / values)
        further = factor > np.maximum(factors, 1.0 + 1e-9)
        factors = np.where(further, factor, factors)
        names[further] = name
    return factors, names


def extrapolation_text(name: str, factor: float) -> str:
    """The predicate of a note on a configuration outside the range of the runs."""
    if np.isfinite(factor):
        return f"is {factor:.3g} times beyond the runs in {name}"
    return f"differs from every run in {name}, which never varied"
