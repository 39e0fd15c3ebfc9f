"""Outliers beside a misfit: how much each run's noise is trusted, and what that says of its tails.

A Student-t is a normal whose precision varies from run to run. Beside a Gaussian process these
precisions are replaced by their expectations (Jordan et al. 1999; Kuss and Rasmussen 2005 for
Gaussian processes), found in turn with the mode: the process stays exact, and a run that lies far
from its neighbours and the law counts for little.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import t

from bayeslaw.inference.density import Density
from bayeslaw.law.priors import Prior
from bayeslaw.numpyro_model import Data

_GRID = 200


@partial(jax.jit, static_argnames="density")
def noise_parts(density: Density, z: Any, data: Data) -> Any:
    """Which part of each residual is noise, at one point.

    Parameters
    ----------
    density : Density
        Of a model with a discrepancy.
    z : array of shape (parameters,)
        Sampling coordinates.
    data : Data
        Table, reference, priors and weights.

    Returns
    -------
    squared : array of shape (runs,)
        Expected square of each run's noise over that of ``noise_scale``.
    alone : array of shape (runs,)
        Square of each run's distance from what all others predict of it, over the variance of that
        prediction: an outlier that has widened the noise to fit itself still stands out here.
    """
    model = density.model
    _, _, centre, values = density.parts(z, data)
    assert model.discrepancy is not None
    covariance = model.discrepancy.of_runs(values, data.inputs, data.weights, data.errors)
    root = jnp.linalg.cholesky(covariance)
    inverse = jax.scipy.linalg.cho_solve((root, True), jnp.eye(len(centre)))
    variance = values["noise_scale"] ** 2 / data.weights
    mean = variance * (inverse @ (data.observed - centre))
    left = variance - variance**2 * jnp.diag(inverse)
    base = values["noise_scale"] ** 2
    own = 1.0 / jnp.diag(inverse)
    others = own * (inverse @ (data.observed - centre))
    return (mean**2 + left) / base, others**2 / (own - variance + base)


def precisions(squared: np.ndarray, prior: Prior) -> tuple[np.ndarray, float]:
    """Expected precision of each run's noise, and the degrees of freedom that suit them.

    Parameters
    ----------
    squared : ndarray of shape (runs,)
        Expected squares of noise over its scale.
    prior : Prior
        Of the degrees of freedom.

    Returns
    -------
    weights : ndarray of shape (runs,)
        About one; small for an outlier.
    degrees : float
        The most likely.
    """
    grid, log_density = _degrees(squared, prior)
    degrees = float(grid[np.argmax(log_density)])
    return (degrees + 1.0) / (degrees + squared), degrees


def draw_degrees(
    squared: np.ndarray, prior: Prior, rng: np.random.Generator, size: int
) -> np.ndarray:
    """Draw degrees of freedom, given what is known of each run's noise.

    Parameters
    ----------
    squared : ndarray of shape (runs,)
        Expected squares of noise over its scale.
    prior : Prior
        Of the degrees of freedom.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of draws.

    Returns
    -------
    ndarray of shape (size,)
        Degrees of freedom.
    """
    grid, log_density = _degrees(squared, prior)
    weight = np.exp(log_density - log_density.max())
    return rng.choice(grid, size, p=weight / weight.sum())


def _degrees(squared: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Log density of the degrees of freedom on a grid that is even in the prior's coordinate."""
    centre, scale, low = prior.numbers
    away = np.linspace(-3.0, 3.0, _GRID)
    grid = low + np.exp(centre + scale * away)
    return grid, t.logpdf(np.sqrt(squared), grid[:, None]).sum(axis=1) - 0.5 * away**2
