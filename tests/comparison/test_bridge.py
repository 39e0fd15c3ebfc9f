"""Bridge sampling: exact integrals, honest errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayeslaw.comparison.bridge import bridge
from bayeslaw.core.diagnostics import ess_mean
from bayeslaw.core.errors import RequestError


def test_linear_regression_has_its_exact_evidence() -> None:
    """Five correlated coefficients, normal priors, known noise: everything is normal."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 5)) @ np.tril(np.ones((5, 5)))
    prior, noise = np.array([2.0, 0.5, 1.0, 3.0, 1.0]), 0.3
    y = x @ (prior * rng.standard_normal(5)) + noise * rng.standard_normal(40)
    exact = stats.multivariate_normal(
        np.zeros(40), noise**2 * np.eye(40) + (x * prior**2) @ x.T
    ).logpdf(y)
    covariance = np.linalg.inv(x.T @ x / noise**2 + np.diag(prior**-2.0))
    centre = covariance @ x.T @ y / noise**2
    draws = rng.multivariate_normal(centre, covariance, (4, 1000))

    def log_density(z: np.ndarray) -> np.ndarray:
        likelihood = stats.norm.logpdf(y, z @ x.T, noise).sum(axis=1)
        return np.asarray(likelihood + stats.norm.logpdf(z, 0, prior).sum(axis=1))

    found = bridge(log_density, draws, seed=2)
    assert found.log_normaliser == pytest.approx(exact, abs=0.01)
    assert found.error < 0.005


def test_a_skewed_and_heavy_tailed_density_has_its_exact_integral() -> None:
    """Logarithms of gamma variables beside a t with six degrees, mixed, and scaled by e^7."""
    rng = np.random.default_rng(3)
    mix = np.tril(np.ones((4, 4)))

    def log_density(z: np.ndarray) -> np.ndarray:
        u = np.linalg.solve(mix, z.T).T
        gamma = stats.loggamma.logpdf(u[:, :3], [1.0, 2.0, 4.0]).sum(axis=1)
        return np.asarray(7.0 + gamma + stats.t.logpdf(u[:, 3], 6))

    def drawn(rng: np.random.Generator) -> np.ndarray:
        u = np.concatenate(
            [
                np.log(rng.gamma([1.0, 2.0, 4.0], size=(4, 1000, 3))),
                rng.standard_t(6, (4, 1000, 1)),
            ],
            axis=-1,
        )
        return np.asarray(u @ mix.T)

    found = [bridge(log_density, drawn(rng), seed=seed) for seed in range(20)]
    off = np.array([(one.log_normaliser - 7.0) / one.error for one in found])
    assert max(one.error for one in found) < 0.05
    # The errors are honest: neither too small nor much too large.
    assert 0.4 < np.sqrt(np.mean(off**2)) < 1.5


def test_autocorrelation_widens_the_error() -> None:
    def log_density(z: np.ndarray) -> np.ndarray:
        # Far from what a normal proposal can be, so that the draws themselves matter.
        return np.asarray(stats.t.logpdf(z, 3).sum(axis=1))

    # One ratio of errors scatters by a factor of 1.3, the mean of sixteen by 1.08 around 1.9.
    ratios = []
    for seed in range(16):
        independent = np.random.default_rng(seed).standard_t(3, (4, 1000, 2))
        sticky = np.repeat(independent[:, ::20], 20, axis=1)
        first, second = (bridge(log_density, one, seed=1).error for one in (independent, sticky))
        ratios.append(np.log(second / first))
    assert np.exp(np.mean(ratios)) > 1.5
    assert ess_mean(independent[..., 0]) > 3000
    assert ess_mean(sticky[..., 0]) < 400


def test_draws_of_something_else_are_refused() -> None:
    draws = np.random.default_rng(5).standard_normal((2, 200, 1))

    def half(z: np.ndarray) -> np.ndarray:
        return np.where(z[:, 0] > 0, 0.0, -np.inf)

    with pytest.raises(RequestError, match="zero or undefined at"):
        bridge(half, draws)
    with pytest.raises(RequestError, match="50 draws a chain"):
        bridge(half, draws[:, :50])
