"""The approximation at the mode by its curvature, corrected by importance weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from bayeslaw.inference import clustered
from bayeslaw.inference.density import Density
from bayeslaw.inference.whitening import Whitening
from bayeslaw.numpyro_model import Data

#: Above this shape of the tail of the weights, no number of draws makes up for the approximation
#: (Vehtari et al. 2024, arXiv:1507.02646).
LARGEST_PARETO_K = 0.7
_DEGREES = 10.0


@dataclass(frozen=True)
class Weighted:
    """Draws of the normal approximation, resampled by importance.

    Attributes
    ----------
    z : ndarray of shape (draws, parameters)
        Equally weighted draws in sampling coordinates, in random order.
    lp : ndarray of shape (draws,)
        Their log density, up to a constant.
    pareto_k : float
        Shape of the tail of the weights.
    effective : float
        Effective number of draws, from the smoothed weights.
    """

    z: np.ndarray
    lp: np.ndarray
    pareto_k: float
    effective: float


@partial(jax.jit, static_argnames="density")
def potentials(density: Density, z: Any, data: Data) -> Any:
    """Minus the log density at many points.

    Parameters
    ----------
    density : Density
        What to evaluate.
    z : array of shape (points, parameters)
        Where, in sampling coordinates.
    data : Data
        Table, reference and priors.

    Returns
    -------
    array of shape (points,)
        Up to the constant that ``Density.constant`` gives.
    """
    return jax.vmap(lambda one: density.potential(one, data))(z)


def laplace(
    density: Density, data: Data, whitening: Whitening, *, seed: int, draws: int
) -> Weighted:
    """Draw from the normal approximation and weight by what it misses.

    Parameters
    ----------
    density : Density
        What to approximate.
    data : Data
        Table, reference and priors.
    whitening : Whitening
        The approximation.
    seed : int
        The same seed gives the same draws.
    draws : int
        Number of draws.

    Returns
    -------
    Weighted
        With Pareto-smoothed importance weights already applied.
    """
    rng = np.random.default_rng(seed)
    size = len(whitening.centre)
    # A multivariate t about as wide as the normal, with tails that keep the weights bounded.
    x = rng.standard_normal((draws, size))
    x *= np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (draws, 1)))
    proposed = -0.5 * (_DEGREES + size) * np.log1p((x**2).sum(axis=1) / _DEGREES)
    z = whitening.centre + x @ whitening.matrix.T
    lp = -np.asarray(potentials(density, z, data))
    return _resampled(z, lp, proposed, rng, draws)


def laplace_with_misfit(
    density: Density, data: Data, whitening: Whitening, *, seed: int, draws: int
) -> Weighted:
    """``laplace`` where a discrepancy is integrated out.

    Twice: the first draws tell where its coordinates are, whose mode is off their centre.

    Parameters
    ----------
    density, data, whitening, seed, draws
        As for ``laplace``.

    Returns
    -------
    Weighted
        As of ``laplace``.
    """
    rng = np.random.default_rng(seed)
    discrepancy = density.model.discrepancy
    assert discrepancy is not None
    # Noise and discrepancy come last.
    shared = len(discrepancy.priors) + 1
    own = len(whitening.centre) - shared
    covariance = whitening.matrix @ whitening.matrix.T
    outer = Whitening(whitening.centre[own:], np.linalg.cholesky(covariance[own:, own:]))
    best = None
    for _ in range(2):
        z, common, proposed = clustered.proposals(
            density, data, whitening.centre[:own], outer, draws=draws, rng=rng
        )
        lp = -np.asarray(clustered.potentials(density, z, common, data))
        wide = np.broadcast_to(common[:, None, :], (*z.shape[:2], shared))
        joined = np.concatenate([z, wide], axis=-1).reshape(lp.size, -1)
        found = _resampled(joined, lp.ravel(), proposed.ravel(), rng, draws)
        if best is None or found.effective > best.effective:
            best = found
        outer = Whitening.of_draws(found.z[None, :, own:])
    assert best is not None
    return best


def _resampled(
    z: np.ndarray, lp: np.ndarray, proposed: np.ndarray, rng: np.random.Generator, draws: int
) -> Weighted:
    """Equally weighted draws from points of a proposal."""
    from arviz_stats.base import array_stats

    logarithms = np.where(np.isfinite(lp), lp, -np.inf) - proposed
    # ArviZ takes log likelihoods to leave out, whose weights are their inverse.
    smoothed, pareto_k = array_stats.psislw(logarithms.max() - logarithms)
    weights = np.exp(smoothed - smoothed.max())
    weights /= weights.sum()
    # Systematic resampling: each draw is kept as often as its weight says, to the next integer.
    places = (rng.random() + np.arange(draws)) / draws
    kept = rng.permutation(np.searchsorted(np.cumsum(weights), places).clip(max=len(z) - 1))
    return Weighted(z[kept], lp[kept], float(pareto_k), float(1.0 / (weights**2).sum()))
