"""The covariance of a law's misfit between points, as far as the fitted runs show it.

With a discrepancy it is the discrepancy's, given the runs. Without one, residuals of the fit are
split into a smooth part and noise by their restricted likelihood (Patterson and Thompson 1971),
over a grid of shares and lengths: few runs leave the prior, by which half of the scatter is smooth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial.distance import cdist

from bayeslaw.core.compilation import compiled
from bayeslaw.core.programs import compiled_for
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.posterior.linearised import Linearised
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import on_scale

_SHARES = np.array([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99])
#: Share of misfit in the scatter of a run before any residuals are seen.
EXPECTED_SHARE = float(_SHARES.mean())
# In standard deviations of the runs along each variable.
_LENGTHS = np.array([0.75, 1.5, 3.0])
_MOST_RUNS = 300
_FEWEST = 3
# Residuals beyond so many median deviations count as if they were there.
_OUTLIER = 4.0


@dataclass(frozen=True, eq=False)
class Misfit:
    """Covariance of misfit between points, and variance of the noise of each.

    ``block`` takes places of some points and of others, and returns their covariance; ``share`` is
    that of misfit in the scatter of a run.
    """

    block: Callable[[np.ndarray, np.ndarray], np.ndarray]
    variance: np.ndarray
    noise: np.ndarray
    share: float


def misfit_of(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> Misfit:
    """The misfit of a fit at points."""
    if posterior.discrepancy is None:
        return _from_residuals(posterior, columns)
    return _from_discrepancy(posterior, columns)


def noise_variance(posterior: Posterior) -> float:
    """Variance of the normal noise that would say as much of a run's expectation."""
    draws = posterior.draws
    variance = float(np.median(draws["noise_scale"])) ** 2
    if "noise_df" in draws:
        # The information of a Student-t about its location.
        degrees = float(np.median(draws["noise_df"]))
        variance *= (degrees + 3.0) / (degrees + 1.0)
    if "noise_excess" in draws:
        variance += float(np.median(draws["noise_excess"])) ** 2
    return variance + posterior.runs.typical_error(posterior.law.predicts) ** 2


def _from_residuals(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> Misfit:
    runs = posterior.runs
    constant = runs.constant(posterior.law.variables)
    names = [name for name in posterior.law.variables if name not in constant]
    seen = runs.columns(names)
    here, there = positions(seen, seen), positions(seen, columns)
    chances = smooth_shares(posterior, here)
    scatter = noise_variance(posterior)
    parts = scatter * (_SHARES[:, None] * chances).sum(axis=0)
    smooth = float(parts.sum())

    def block(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        far = cdist(there[rows], there[others])
        return np.asarray(
            sum(part * matern(far / length) for part, length in zip(parts, _LENGTHS, strict=True))
        )

    size = len(there)
    noise = np.full(size, max(scatter - smooth, 1e-4 * scatter))
    return Misfit(block, np.full(size, smooth), noise, smooth / scatter)


def smooth_shares(posterior: Posterior, inputs: np.ndarray) -> np.ndarray:
    """Probabilities of shares and lengths of smooth misfit in the residuals of a fit."""
    prior = np.full((len(_SHARES), len(_LENGTHS)), 1.0 / (len(_SHARES) * len(_LENGTHS)))
    linear = Linearised.of(posterior, posterior.runs)
    if linear is None or inputs.shape[1] == 0:
        return prior
    kept = np.arange(len(inputs))
    if len(kept) > _MOST_RUNS:
        kept = np.sort(np.random.default_rng(0).choice(len(kept), _MOST_RUNS, replace=False))
    residuals = linear.residuals[kept]
    middle = np.median(residuals)
    reach = _OUTLIER * max(float(np.median(np.abs(residuals - middle))), 1e-12)
    residuals = np.clip(residuals, middle - reach, middle + reach)
    # The complement of what coefficients take up.
    basis = np.linalg.qr(linear.taken[kept], mode="complete")[0][:, linear.taken.shape[1] :]
    if basis.shape[1] < _FEWEST:
        return prior
    left, far = basis.T @ residuals, cdist(inputs[kept], inputs[kept])
    density = np.empty_like(prior)
    for j, length in enumerate(_LENGTHS):
        values, vectors = np.linalg.eigh(basis.T @ matern(far / length) @ basis)
        squared = (vectors.T @ left) ** 2
        for i, share in enumerate(_SHARES):
            spread = share * np.maximum(values, 0.0) + 1.0 - share
            scale = float((squared / spread).sum())
            density[i, j] = -0.5 * np.log(spread).sum() - 0.5 * len(left) * np.log(scale)
    chances = np.exp(density - density.max())
    return np.asarray(chances / chances.sum())


def positions(seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Positions in standard deviations of the runs, of shape (points, variables)."""
    size = len(np.atleast_1d(next(iter(columns.values()))))
    rows = []
    for name, values in seen.items():
        before, after = (
            on_scale(name, np.asarray(v, dtype=float)) for v in (values, columns[name])
        )
        rows.append(np.broadcast_to((after - before.mean()) / before.std(), (size,)))
    return np.stack(rows, axis=1) if rows else np.zeros((size, 0))


def matern(far: np.ndarray) -> np.ndarray:
    """Matern correlation of smoothness 5/2 at distances in length scales."""
    scaled = np.sqrt(5.0) * far
    return np.asarray((1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled))


@compiled_for("process")
def _covariance(process: Discrepancy, at: dict[str, float], x: Any, y: Any) -> jax.Array:
    return process.covariance(at, x, y)


def _filled(inputs: np.ndarray) -> np.ndarray:
    """Copies of a point up to a power of two, since every size is compiled for."""
    size = inputs.shape[1]
    return np.pad(inputs, ((0, 0), (0, (1 << (size - 1).bit_length()) - size)), mode="edge")


def _from_discrepancy(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> Misfit:
    process, model = posterior.discrepancy, posterior.model
    assert process is not None
    names = (*process.priors, "noise_scale")
    at = {name: float(np.median(posterior.draws[name])) for name in names}
    before = model.columns(posterior.runs)
    weights = 1.0 if posterior.weights is None else posterior.weights
    with compiled():
        seen = jnp.asarray(process.inputs(before, before))
        new = process.inputs(before, columns)
        root = np.linalg.cholesky(
            np.asarray(process.marginal_covariance(at, seen, weights, model.errors))
        )
        between = np.linalg.solve(root, np.asarray(process.covariance(at, seen, jnp.asarray(new))))
        variance = np.asarray(process.variance(at, jnp.asarray(new))) - (between**2).sum(axis=0)

    def block(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        with compiled():
            prior = _covariance(process, at, _filled(new[:, rows]), _filled(new[:, others]))
        known = between[:, rows].T @ between[:, others]
        return np.asarray(np.asarray(prior)[: len(rows), : len(others)] - known)

    variance = np.maximum(variance, 0.0)
    noise = np.full(len(variance), max(noise_variance(posterior), 1e-14))
    share = float(variance.mean() / (variance.mean() + noise[0]))
    return Misfit(block, variance, noise, share)
