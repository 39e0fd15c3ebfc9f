"""Coordinates in which a posterior is about standard normal."""

from __future__ import annotations

import numpy as np
import pytest

from bayeslaw.inference.whitening import Whitening


def test_whitening_undoes_a_covariance() -> None:
    rng = np.random.default_rng(11)
    root = rng.normal(size=(4, 4)) * np.array([1e-4, 1.0, 1e3, 5.0])[:, None]
    covariance, centre = root @ root.T, np.array([1.0, -2.0, 3e3, 0.0])
    ours = Whitening.of_hessian(centre, np.linalg.inv(covariance))
    scale = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(
        ours.matrix @ ours.matrix.T / np.outer(scale, scale),
        covariance / np.outer(scale, scale),
        atol=1e-6,
    )
    draws = centre + rng.normal(size=(4, 500, 4)) @ root.T
    sampled = Whitening.of_draws(draws)
    flat = draws.reshape(-1, 4)
    np.testing.assert_allclose(sampled.centre, flat.mean(axis=0))
    inverse = np.linalg.inv(sampled.matrix)
    np.testing.assert_allclose(inverse @ np.cov(flat.T) @ inverse.T, np.eye(4), atol=1e-2)


def test_a_direction_without_curvature_gets_a_finite_length() -> None:
    whitening = Whitening.of_hessian(np.zeros(2), np.array([[1.0, 1.0], [1.0, 1.0]]))
    assert np.isfinite(whitening.matrix).all()
    lengths = np.linalg.svd(whitening.matrix, compute_uv=False)
    assert lengths[0] == pytest.approx(100.0)
    assert lengths[1] == pytest.approx(np.sqrt(0.5))
