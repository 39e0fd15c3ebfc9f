"""Stacking weights: the best of all mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from bayeslaw.comparison.stacking import stack, stack_parts


def test_laws_that_predict_alike_share_their_weight() -> None:
    density = np.random.default_rng(2).standard_normal((80, 1))
    np.testing.assert_allclose(stack(np.repeat(density, 3, axis=1)), 1 / 3, atol=1e-6)


def test_weights_are_the_best_of_all_mixtures() -> None:
    rng = np.random.default_rng(3)
    density = rng.normal([0, 0.2, -0.1], 1.5, (120, 3)) - 1000.0  # far below where exp is zero
    weights = stack(density)
    assert weights.sum() == pytest.approx(1)

    def value(w: np.ndarray) -> float:
        return float(np.mean(np.log(np.exp(density + 1000) @ w)))

    grid = [
        np.array([a, b, 1 - a - b]) for a in np.linspace(0, 1, 51) for b in np.linspace(0, 1, 51)
    ]
    best = max((w for w in grid if w[2] >= -1e-12), key=lambda w: value(np.maximum(w, 0)))
    assert value(weights) >= value(np.maximum(best, 0)) - 1e-9
    np.testing.assert_allclose(weights, best, atol=0.03)


def test_a_law_that_is_always_worse_gets_nothing() -> None:
    density = np.random.default_rng(4).standard_normal(50)
    np.testing.assert_allclose(stack(np.stack([density, density - 0.1], axis=1)), [1, 0], atol=1e-6)
    impossible = np.stack([density, np.full(50, -np.inf)], axis=1)
    impossible[3] = -np.inf
    np.testing.assert_allclose(stack(impossible), [1, 0], atol=1e-9)


def test_runs_may_count_differently() -> None:
    density = np.array([[0.0, -3.0], [-3.0, 0.0], [0.0, -3.0]])
    even = stack(density, np.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(even, 0.5, atol=1e-4)
    assert stack(density)[0] > 0.6


def test_every_cut_counts_the_same() -> None:
    """One run for the first law, and nine for the second by as much."""
    first, second = np.array([[0.0, -3.0]]), np.repeat([[-3.0, 0.0]], 9, axis=0)
    np.testing.assert_allclose(stack_parts([first, second]), 0.5, atol=1e-4)
    assert stack(np.concatenate([first, second]))[1] > 0.9
