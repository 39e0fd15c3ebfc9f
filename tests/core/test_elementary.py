"""Logarithms of many numbers are those of NumPy, to rounding, with their slopes and ends."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayeslaw.core.compilation import compiled
from bayeslaw.core.elementary import log, log1p


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    with compiled():
        yield


@pytest.mark.parametrize(
    ("low", "high"),
    [(-708.0, 709.0), (-1.0, 1.0), (-1e-9, 1e-9), (-0.34658, -0.34656), (0.34656, 0.34658)],
)
def test_the_logarithm_is_that_of_numpy(low: float, high: float) -> None:
    """Over all magnitudes, around one, and where mantissas begin and end."""
    x = np.exp(np.random.default_rng(0).uniform(low, high, 100_000))
    np.testing.assert_allclose(jax.jit(log)(x), np.log(x), rtol=1e-15, atol=0.0)


def test_powers_of_two_and_their_neighbours() -> None:
    powers = np.exp2(np.arange(-1022.0, 1024.0))
    x = np.concatenate([powers, np.nextafter(powers, np.inf), np.nextafter(powers[1:], 0.0)])
    np.testing.assert_allclose(log(x), np.log(x), rtol=1e-15, atol=0.0)


def test_the_ends() -> None:
    x = np.array([0.0, -1.0, -np.inf, np.inf, np.nan, np.finfo(float).max, 1.0])
    expected = [-np.inf, np.nan, np.nan, np.inf, np.nan, np.log(np.finfo(float).max), 0.0]
    np.testing.assert_array_equal(log(x), expected)


def test_slopes() -> None:
    for x in (1e-300, 0.3, 1.0, 7.0, 1e300):
        assert float(jax.grad(log)(x)) == pytest.approx(1 / x, rel=1e-15)
    assert float(jax.grad(jax.grad(log))(0.3)) == pytest.approx(-1 / 0.09, rel=1e-14)
    slopes = jax.vmap(jax.grad(log))(jnp.array([0.5, 2.0]))
    np.testing.assert_allclose(slopes, [2.0, 0.5], rtol=1e-15)


def test_numbers_in_single_precision_stay_there() -> None:
    x = np.float32([0.5, 3.0])
    assert log(x).dtype == np.float32
    np.testing.assert_allclose(log(x), np.log(np.float64(x)), rtol=1e-6)


def test_one_plus_a_number_of_any_size() -> None:
    x = np.exp(np.random.default_rng(1).uniform(-700.0, 700.0, 100_000))
    x = np.concatenate([x, 0.9 * np.tanh(x[:1000]) * -1.0, [0.0]])
    np.testing.assert_allclose(jax.jit(log1p)(x), np.log1p(x), rtol=2e-15, atol=0.0)
    ends = np.array([np.inf, -2.0, np.nan])
    np.testing.assert_array_equal(log1p(ends), [np.inf, np.nan, np.nan])
    for at in (0.0, 1e-20, 0.5, 1e20):
        assert float(jax.grad(log1p)(at)) == pytest.approx(1 / (1 + at), rel=1e-15)
    assert log1p(np.float32([0.5])).dtype == np.float32
