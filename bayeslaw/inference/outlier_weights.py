"""Weights of outliers beside a misfit, and the tails of the noise that follow from them.

A Student-t is a normal whose precision varies from run to run. Beside a Gaussian process these
precisions are replaced by their expectations (Jordan et al. 1999; Kuss and Rasmussen 2005 for
Gaussian processes), found in turn with the mode: the process stays exact, and a run that lies far
from its neighbours and the law counts for little.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.core.programs import compiled_for
from bayeslaw.inference.density import Density
from bayeslaw.inference.mode import Mode, sampling_coordinates, search, updated
from bayeslaw.inference.profile import Profile
from bayeslaw.inference.target import Target
from bayeslaw.law.priors import Prior
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.kernels import LENGTH
from bayeslaw.model.model import Data

_GRID = 200
# The mode and the weights of outliers are found in turn: at most so often, and until no weight
# changes by more.
_TURNS, _CLOSE = 50, 0.02
# A run of less weight makes it worth while to search everywhere again.
_OUTLIER = 0.3


@compiled_for("density")
def noise_parts(density: Density, z: Any, data: Data) -> Any:
    """Squared noise over its variance, for each run and for each without its own residual."""
    _, _, centre, values = density.parts(z, data)
    root = jnp.linalg.cholesky(density.covariance(z[density.own :], data))
    inverse = jax.scipy.linalg.cho_solve((root, True), jnp.eye(len(centre)))
    variance = values["noise_scale"] ** 2 / data.weights
    white = inverse @ data.residuals(centre)
    mean = variance * white
    remaining = variance - variance**2 * jnp.diag(inverse)
    base = values["noise_scale"] ** 2
    own = 1.0 / jnp.diag(inverse)
    left_out = own * white
    return (mean**2 + remaining) / base, left_out**2 / (own - variance + base)


def precisions(squared: np.ndarray, prior: Prior) -> tuple[np.ndarray, float]:
    """Expected precision of each run's noise at the most probable degrees of freedom, and those."""
    grid, log_density = _degrees(squared, prior)
    degrees = float(grid[np.argmax(log_density)])
    return np.asarray((degrees + 1.0) / (degrees + squared)), degrees


def draw_degrees(
    squared: np.ndarray, prior: Prior, rng: np.random.Generator, size: int
) -> np.ndarray:
    """Draw degrees of freedom, given what is known of each run's noise."""
    grid, log_density = _degrees(squared, prior)
    weight = np.exp(log_density - log_density.max())
    return rng.choice(grid, size, p=weight / weight.sum())


def _degrees(squared: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Log density of the degrees of freedom on a grid that is even in the prior's coordinate."""
    from scipy.stats import t

    centre, scale, low = prior.numbers
    away = np.linspace(-3.0, 3.0, _GRID)
    grid = low + np.exp(centre + scale * away)
    return grid, t.logpdf(np.sqrt(squared), grid[:, None]).sum(axis=1) - 0.5 * away**2


def misfit_starts(target: Target, misfit: Discrepancy) -> list[np.ndarray]:
    """Two starts, since the same runs may be much noise and little misfit, or the reverse.

    The misfit of the second varies over short lengths, so that the noise need not explain it.
    """
    medians = {name: prior.median for name, prior in target.priors.items()}
    wide = {
        name: prior.location * prior.spread ** (-1 if name.startswith(LENGTH) else 1)
        for name, prior in misfit.priors.items()
    }
    noise = target.priors["noise_scale"]
    rough = {**medians, **wide, "noise_scale": noise.location / noise.spread}
    return sampling_coordinates(target, [medians, rough])


def misfit_mode(target: Target, points: list[np.ndarray]) -> Mode:
    """The mode beside a discrepancy."""
    own = target.density.own
    profile = Profile(target, points[0][:own])
    return profile.joint(search(profile, [point[own:] for point in points]))


def robust_mode(target: Target, points: list[np.ndarray]) -> tuple[Target, Mode, np.ndarray]:
    """The target with weights of outliers, its mode, and squared residuals of the noise there."""
    prior, own = target.priors["noise_df"], target.density.own
    starts = [point[own:] for point in points]
    profile = Profile(target, points[0][:own])
    mode = search(profile, starts)
    _, left_out = _noise(profile, mode)
    # At first each run is judged by the others, lest the noise stays as wide as outliers made it.
    weights, _ = precisions(left_out, prior)
    profile = profile.with_weights(weights)
    if weights.min() < _OUTLIER:
        # What looked like noise everywhere may be misfit and a few outliers.
        mode = search(profile, starts)
    for _ in range(_TURNS):
        mode = updated(profile, mode, final=False)
        squared, _ = _noise(profile, mode)
        before, (weights, _) = weights, precisions(squared, prior)
        profile = profile.with_weights(weights)
        if float(np.abs(np.log(weights / before)).max()) < _CLOSE:
            break
    return profile.target, profile.joint(updated(profile, mode)), squared


def _noise(profile: Profile, mode: Mode) -> tuple[np.ndarray, np.ndarray]:
    target, z = profile.target, profile.coordinates(mode.z)
    squared, left_out = noise_parts(target.density, z, target.device_data)
    counted = target.data.counted
    return np.asarray(squared)[counted], np.asarray(left_out)[counted]
