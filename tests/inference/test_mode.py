"""The search for the mode, and the normal approximation there."""

from __future__ import annotations

from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.inference.density import Density
from bayeslaw.inference.descent import descend
from bayeslaw.inference.mode import find_mode, value_and_gradient
from bayeslaw.inference.target import Target
from bayeslaw.model.specification import Specification

MODE = import_module("bayeslaw.inference.mode")


@pytest.fixture(scope="module")
def table() -> bl.Runs:
    return bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)


def test_the_mode_is_flat_and_round_in_whitened_coordinates(table: bl.Runs) -> None:
    specification = Specification.of(table, bl.law("chinchilla"))
    model, data = specification.build(table)
    density = Density(model)
    with jax.enable_x64(True):
        mode = find_mode(Target(density, data, specification.priors), seed=1)

        def slope(x: np.ndarray) -> np.ndarray:
            z = mode.whitening.centre + mode.whitening.matrix @ x
            return mode.whitening.matrix.T @ np.asarray(value_and_gradient(density, z, data)[1])

        steps = 1e-3 * np.eye(len(mode.z))
        curvature = np.array([(slope(step) - slope(-step)) / 2e-3 for step in steps])
        flat = slope(np.zeros(len(mode.z)))
    assert (mode.converged, mode.starts) == (4, 4)
    assert (mode.whitening.centre == mode.z).all()
    # In posterior sds; the search stops at a slope of 1e-3 before whitening.
    assert abs(flat).max() < 1e-2
    # The whitener's differences reach a hundredth of an sd, these a thousandth.
    np.testing.assert_allclose(curvature, np.eye(len(mode.z)), atol=1e-2)


def test_the_search_for_the_mode_begins_where_it_is_told(table: bl.Runs) -> None:
    specification = Specification.of(table, bl.law("chinchilla"))
    model, data = specification.build(table)
    priors = specification.priors
    with jax.enable_x64(True):
        found = find_mode(Target(Density(model), data, priors), seed=1)
        again = find_mode(Target(Density(model), data, priors), seed=2, points=[found.z])
        # Whatever is further out than a number can be is no point to begin at.
        lost = np.full(len(found.z), 1e200)
        both = find_mode(Target(Density(model), data, priors), seed=2, points=[lost, found.z])
        with pytest.raises(bl.BayesLawError, match="at none of 1 starting points"):
            find_mode(Target(Density(model), data, priors), seed=2, points=[lost])
    assert (again.converged, again.starts) == (1, 1)
    assert (both.converged, both.starts) == (1, 2)
    np.testing.assert_allclose(again.z, found.z, atol=1e-6)
    assert again.potential <= found.potential + 1e-9


def test_a_descent_follows_a_valley_and_comes_back_from_beyond_a_wall() -> None:
    """Rosenbrock's valley, and a wall beyond which the function is not a number."""

    def valley(z: jax.Array) -> jax.Array:
        return 100 * (z[1] - z[0] ** 2) ** 2 + (1 - z[0]) ** 2

    def walled(z: jax.Array) -> jax.Array:
        return z[0] - jnp.log(z[0]) + z[1] ** 2

    with jax.enable_x64(True):
        curved = descend(jax.value_and_grad(valley), jnp.array([-1.2, 1.0]), 1e-6)
        walls = descend(jax.value_and_grad(walled), jnp.array([1e-6, 30.0]), 1e-6)
    np.testing.assert_allclose(curved.z, [1.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(walls.z, [1.0, 0.0], atol=1e-5)


def test_a_large_table_is_searched_by_some_of_its_runs_first(
    table: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = Specification.of(table, bl.law("chinchilla"))
    target = Target.of(specification, table)
    with jax.enable_x64(True):
        usual = find_mode(target, seed=1)
        monkeypatch.setattr(MODE, "_MANY", 50)
        monkeypatch.setattr(MODE, "_FEW", 30)
        refined = find_mode(target, seed=1)
    # In posterior standard deviations.
    away = np.linalg.solve(usual.whitening.matrix, refined.z - usual.z)
    assert abs(away).max() < 0.05
    np.testing.assert_allclose(
        np.linalg.solve(usual.whitening.matrix, refined.whitening.matrix)
        @ np.linalg.solve(usual.whitening.matrix, refined.whitening.matrix).T,
        np.eye(len(away)),
        atol=0.05,
    )
