"""Importance sampling with few values of some coordinates, each with many of the others.

The coordinates of noise and discrepancy make a matrix whose factorisation costs more than all else,
and how well the law's coefficients are known depends on them. Fifty values of them stand for their
posterior; at each, the law's coordinates are drawn from their own normal approximation (as in Rue,
Martino and Chopin 2009), and importance weights make up for what both approximations miss.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
from scipy.stats import norm, qmc

from bayeslaw.inference.density import Density
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data

#: Values of the shared coordinates: as many as there are for a moment's work, within these.
FEWEST, MOST = 100, 400
_WORK = 40_000
_DEGREES = 10.0


def clusters(runs: int) -> int:
    """How many values of the shared coordinates to take."""
    return min(max(_WORK // runs, FEWEST), MOST)


@partial(jax.jit, static_argnames="density")
def potentials(density: Density, z: Any, shared: Any, data: Data) -> Any:
    """Minus the log density of clusters of points."""

    def cluster(points: Any) -> Any:
        own, common = points
        return jax.vmap(lambda z: density.conditional_potential(z, common, data))(own)

    return jax.lax.map(cluster, (z, shared))


@partial(jax.jit, static_argnames="density")
def _expansions(density: Density, z: Any, shared: Any, data: Data) -> Any:
    """Gradient and Gauss-Newton curvature at one point of each cluster."""

    def cluster(points: Any) -> Any:
        point, common = points
        root = density.root(common, data)

        def parts(z: Any) -> Any:
            away, change, centre, _ = density.parts([*z, *common], data)
            left = data.observed - centre
            return jax.scipy.linalg.solve_triangular(root, left, lower=True), away, change

        left, away, _ = parts(point)
        slopes, tilts, change = jax.jacfwd(parts)(point)
        gradient = slopes.T @ left + tilts.T @ away + change
        return gradient, slopes.T @ slopes + tilts.T @ tilts

    return jax.lax.map(cluster, (z, shared))


def conditionals(
    density: Density, start: np.ndarray, shared: np.ndarray, data: Data
) -> tuple[np.ndarray, np.ndarray]:
    """Normal approximations of the first coordinates, given the shared ones."""
    z = np.tile(start, (len(shared), 1))
    for steps_left in (2, 1, 0):
        expansion = _expansions(density, z, shared, data)
        gradient, curvature = (np.asarray(part) for part in expansion)
        lost = ~(np.isfinite(gradient).all(axis=1) & np.isfinite(curvature).all(axis=(1, 2)))
        # Draws there get no weight.
        curvature = np.where(lost[:, None, None], np.eye(len(start)), curvature)
        if steps_left:
            step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
            z = np.where(lost[:, None], start, z - step)
    return z, curvature


def proposals(
    density: Density,
    data: Data,
    start: np.ndarray,
    outer: Whitening,
    *,
    draws: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a t in the shared coordinates, and of one in the others at each of those."""
    count = clusters(len(data.observed))
    shared, own, points = len(outer.centre), len(start), -(-draws // FEWEST)
    # Evenly spread, so that so few points say more of a distribution than random ones.
    even = qmc.Sobol(shared, rng=rng).random(2 ** int(np.ceil(np.log2(count))))[:count]
    x = norm.ppf(even.clip(1e-6, 1 - 1e-6))
    x *= np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (count, 1)))
    common = outer.centre + x @ outer.matrix.T
    log_density = -0.5 * (_DEGREES + shared) * np.log1p((x**2).sum(axis=1) / _DEGREES)

    centres, curvatures = conditionals(density, start, common, data)
    y = rng.standard_normal((count, points, own))
    y *= np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (count, points, 1)))
    z = np.empty_like(y)
    for i, (centre, curvature) in enumerate(zip(centres, curvatures, strict=True)):
        inner = Whitening.of_hessian(centre, curvature)
        z[i] = inner.centre + y[i] @ inner.matrix.T
        log_density[i] -= np.linalg.slogdet(inner.matrix)[1]
    within = -0.5 * (_DEGREES + own) * np.log1p((y**2).sum(axis=-1) / _DEGREES)
    return z, common, log_density[:, None] + within
