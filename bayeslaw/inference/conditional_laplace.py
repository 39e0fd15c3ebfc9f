"""Importance sampling with few values of some coordinates, each with many of the others.

The coordinates of noise and discrepancy make a matrix whose factorisation costs more than all else,
and how well the law's coefficients are known depends on them. Some hundred values of them stand for
their posterior; at each, the law's coordinates are drawn from their own normal approximation (as in
Rue, Martino and Chopin 2009), and importance weights make up for what both approximations miss.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from bayeslaw.core.programs import compiled_for
from bayeslaw.inference.conditional import Conditional
from bayeslaw.inference.density import Density
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data

#: Values of the shared coordinates: as many as there are for a moment's work, within these.
FEWEST, MOST = 100, 400
_WORK = 40_000
_DEGREES = 10.0
# From the mode's coordinates to those that are best beside others of the discrepancy.
_STEPS = 3


def clusters(runs: int) -> int:
    """How many values of the shared coordinates to take."""
    return min(max(_WORK // runs, FEWEST), MOST)


@compiled_for("density")
def _clusters(density: Density, start: Any, shared: Any, white: Any, data: Data) -> Any:
    """Points around the best coordinates beside each of the shared, their potentials and volume.

    One factorisation a cluster. Where anything is not finite, the potentials are not either.
    """

    def cluster(given: Any) -> Any:
        common, x = given
        conditional = Conditional.of(density, common, data)

        def step(_: Any, at: Any) -> Any:
            z, _ = at
            expansion = conditional.expansion(z)
            move = expansion.step()
            return jnp.where(jnp.isfinite(move).all(), z - move, z), expansion.curvature

        nothing = jnp.zeros((len(start), len(start)))
        z, curvature = jax.lax.fori_loop(0, _STEPS, step, (start, nothing))
        root = jnp.linalg.cholesky(curvature)
        away = jax.scipy.linalg.solve_triangular(root, x.T, lower=True, trans=1)
        points = z + away.T
        return points, jax.vmap(conditional.potential)(points), jnp.log(jnp.diag(root)).sum()

    return jax.lax.map(cluster, (shared, white))


def proposals(
    density: Density,
    data: Data,
    start: np.ndarray,
    outer: Whitening,
    *,
    draws: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a t in the shared coordinates and of one in the others at each of those.

    With their log densities, the target's and the proposal's.
    """
    from scipy.stats import qmc

    count = clusters(len(data.observed))
    shared, own, points = len(outer.centre), len(start), -(-draws // FEWEST)
    # Evenly spread, so that so few points say more of a distribution than random ones.
    even = qmc.Sobol(shared, rng=rng).random(2 ** int(np.ceil(np.log2(count))))[:count]
    x = ndtri(even.clip(1e-6, 1 - 1e-6))
    x *= np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (count, 1)))
    common = outer.centre + x @ outer.matrix.T
    log_density = -0.5 * (_DEGREES + shared) * np.log1p((x**2).sum(axis=1) / _DEGREES)

    y = rng.standard_normal((count, points, own))
    y *= np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (count, points, 1)))
    found = _clusters(density, start, common, y, data)
    z, potentials, height = (np.asarray(part) for part in found)
    log_density += np.where(np.isfinite(height), height, 0.0)
    within = -0.5 * (_DEGREES + own) * np.log1p((y**2).sum(axis=-1) / _DEGREES)
    wide = np.broadcast_to(common[:, None, :], (count, points, shared))
    joined = np.concatenate([z, wide], axis=-1).reshape(count * points, -1)
    return joined, -potentials.ravel(), (log_density[:, None] + within).ravel()
