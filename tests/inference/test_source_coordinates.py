"""Coordinates of several sources: a change of variables, and what it does to funnels."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.inference.mode import value_and_gradient
from bayeslaw.inference.source_coordinates import Bends, BentDensity, SourceCoordinates
from bayeslaw.inference.target import Target
from bayeslaw.model.specification import Specification


@pytest.fixture(scope="module")
def target() -> Target:
    law = bl.law("chinchilla")
    parts = {name: bl.simulate(law, rows=12, noise_sd=0.004, seed=i) for i, name in enumerate("ab")}
    runs = bl.pool_runs(parts)
    return Target.of(Specification.of(runs, law, pool="sources"), runs)


@pytest.fixture(scope="module")
def z(target: Target) -> np.ndarray:
    """Draws of the prior, as coordinates along the first axis."""
    rng = np.random.default_rng(0)
    numbers = target.data.numbers
    return numbers[:, :1] + numbers[:, 1:2] * rng.standard_normal((len(numbers), 400))


@pytest.fixture(scope="module")
def bends(target: Target, z: np.ndarray) -> Bends:
    return Bends.of_draws(target, z)


def test_a_change_has_an_inverse(bends: Bends, z: np.ndarray) -> None:
    again, _ = bends.change(bends.inverse(z), np)
    np.testing.assert_allclose(again, z, rtol=1e-9, atol=1e-9)


def test_a_change_adds_its_volume(bends: Bends, z: np.ndarray) -> None:
    """Minus the logarithm of the determinant of its derivative."""
    for point in bends.inverse(z).T[:4]:
        with jax.enable_x64(True):
            slope = jax.jacfwd(lambda x: bends.change(x[:, None], jnp)[0][:, 0])(point)
        _, added = bends.change(point[:, None], np)
        assert added[0] == pytest.approx(-np.linalg.slogdet(np.asarray(slope))[1], rel=1e-9)


def test_without_bends_the_density_is_the_target_s(target: Target, z: np.ndarray) -> None:
    plain = Bends.none(target)
    with jax.enable_x64(True):
        for point in z.T[:1]:
            bent = BentDensity(target.density).potential(point, (target.device_data, plain))
            assert float(bent) == float(target.density.potential(point, target.device_data))


def test_floors_and_common_values_stay(target: Target, bends: Bends) -> None:
    sampled = target.density.model.sampled
    bent = {
        name
        for i, name in enumerate(sampled)
        if np.isfinite(bends.sizes[i, 0]) or np.isfinite(bends.precisions[i, 0])
    }
    own = ("A", "B", "alpha", "beta", "noise_scale")
    assert bent == {f"pool_{name}_{place}" for name in own for place in range(2)}


def test_amplitudes_are_those_of_which_a_law_is_linear() -> None:
    assert set(bl.law("chinchilla").form.linear) == {"E", "A", "B"}
    law = bl.law("zhao2025")
    assert set(law.parameters) - set(law.form.linear) == {"alpha", "beta"}


def test_evidence_is_found_from_draws_around_a_common_value(target: Target) -> None:
    """Of a value with evidence 0.7 +- 0.2, whatever the common value and the spread are."""
    rng, sampled = np.random.default_rng(1), target.density.model.sampled
    place, common, scale = map(sampled.index, ("pool_alpha_0", "alpha", "pool_scale_alpha"))
    z = rng.standard_normal((len(sampled), 4000))
    z[scale] = np.log(0.3) + z[scale]
    spread = target.data.numbers[scale, 2] + np.exp(z[scale])
    precision = 0.2**-2 + spread**-2
    mean = (0.7 * 0.2**-2 + z[common] * spread**-2) / precision
    z[place] = mean + z[place] / np.sqrt(precision)
    bends = Bends.of_draws(target, z)
    assert bends.precisions[place, 0] ** -0.5 == pytest.approx(0.2, rel=0.1)
    assert bends.estimates[place, 0] == pytest.approx(0.7, abs=0.03)
    # Standard normal at both ends of the spread, where neither value nor distance is.
    x = bends.inverse(z)[place]
    for part in np.array_split(np.argsort(spread), 3):
        assert x[part].std() == pytest.approx(1.0, abs=0.1)


def test_an_exponent_without_evidence_has_a_gradient_far_up(target: Target, z: np.ndarray) -> None:
    """Where the amplitude of its term overflows, the term is nothing."""
    place = target.density.model.sampled.index("pool_beta_0")
    values = []
    for exponent in (20.0, 200.0):
        point = z[:, 0].copy()
        point[place] = np.log(exponent)
        with jax.enable_x64(True):
            value, gradient = value_and_gradient(target.density, point, target.device_data)
        assert np.isfinite(np.asarray(gradient)).all()
        values.append(float(value))
    assert np.isfinite(values).all()


def test_coordinates_return_what_they_were_made_of(target: Target, z: np.ndarray) -> None:
    draws = z.T.reshape(4, 100, -1)
    found = SourceCoordinates.of_draws(target, draws)
    x = found.bends.inverse(z)
    np.testing.assert_allclose(found.constrain(x.T.reshape(draws.shape)), draws, atol=1e-8)
    white = np.linalg.solve(found.whitening.matrix, x - found.whitening.centre[:, None])
    np.testing.assert_allclose(np.cov(white), np.eye(len(white)), atol=0.01)
    assert hash(found.density) == hash(replace(found).density)
