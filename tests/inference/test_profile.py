"""The potential of noise and discrepancy, and the mode that it leads to."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.inference.conditional import Conditional
from bayeslaw.inference.mode import PLATEAU, Mode, NoFiniteStart, value_and_gradient
from bayeslaw.inference.outlier_weights import misfit_mode, misfit_starts, noise_parts
from bayeslaw.inference.profile import Profile
from bayeslaw.inference.target import Target
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.noise import Noise
from bayeslaw.model.specification import Specification

PROCESS = Discrepancy((bl.GaussianProcess(("N", "D")),))


def waves(rows: int | None = None) -> Target:
    """Thirty runs with a wave over ln D that no coefficient of the law follows."""
    runs = bl.simulate("chinchilla", rows=30, noise_sd=0.001, seed=1)
    wave = 0.006 * np.sin(3 * np.log(runs.column("D")))
    runs = replace(runs, table=runs.table.assign(loss=runs.column("loss") * np.exp(wave)))
    law = bl.law("chinchilla")
    reference = bl.ReferenceRun.of(runs, law.variables)
    specification = Specification(law, reference, Noise("normal", replicate=True), PROCESS)
    return Target.of(specification, runs, rows=rows)


@pytest.fixture(scope="module")
def target() -> Target:
    return waves()


def test_law_is_at_its_best_and_the_slope_is_that_of_the_potential(target: Target) -> None:
    own = target.density.own
    with jax.enable_x64(True):
        for start in misfit_starts(target, PROCESS):
            common = start[own:]
            found = Profile(target, start[:own]).at(common)
            z = np.concatenate([found.z, common])
            value, gradient = value_and_gradient(target.density, z, target.device_data)
            spread = np.sqrt(np.diag(np.linalg.inv(found.curvature)))
            assert found.value == pytest.approx(float(value), rel=1e-10)
            # In standard deviations of the law's coordinates, none of which has a slope left.
            assert abs(np.asarray(gradient)[:own] * spread).max() < 1e-3
            np.testing.assert_allclose(found.gradient, gradient[own:], rtol=1e-6, atol=1e-6)


def test_rows_that_fill_a_table_up_do_not_count(target: Target) -> None:
    density, own, filled = target.density, target.density.own, waves(rows=40)
    weights = np.linspace(0.5, 1.0, 30)
    start = misfit_starts(target, PROCESS)[0]
    with jax.enable_x64(True):
        found, wanted = (
            Profile(one.with_weights(weights), start[:own]).at(start[own:])
            for one in (filled, target)
        )
        assert found.value == pytest.approx(float(wanted.value), rel=1e-10)
        np.testing.assert_allclose(found.gradient, wanted.gradient, rtol=1e-6)
        parts = noise_parts(density, start, filled.device_data)
        for some, every in zip(noise_parts(density, start, target.device_data), parts, strict=True):
            np.testing.assert_allclose(np.asarray(every)[:30], some, rtol=1e-8)
    np.testing.assert_array_equal(filled.with_weights(weights).weights, weights)


def test_conditional_potential_and_its_expansion(target: Target) -> None:
    start = misfit_starts(target, PROCESS)[0]
    own = target.density.own
    with jax.enable_x64(True):

        def potential(z: jax.Array) -> jax.Array:
            return target.density.potential(jax.numpy.concatenate([z, start[own:]]), target.data)

        conditional = Conditional.of(target.density, start[own:], target.data)
        wanted, slope = jax.value_and_grad(potential)(start[:own])
        assert float(conditional.potential(start[:own])) == pytest.approx(float(wanted), rel=1e-10)
        expansion = conditional.expansion(start[:own])
        np.testing.assert_allclose(expansion.gradient, slope, rtol=1e-8)
        np.testing.assert_allclose(expansion.curvature @ expansion.step(), slope, rtol=1e-6)


def test_the_mode_is_flat_and_round_in_all_coordinates(target: Target) -> None:
    with jax.enable_x64(True):
        mode = misfit_mode(target, misfit_starts(target, PROCESS))
        matrix = mode.whitening.matrix

        def slope(x: np.ndarray) -> np.ndarray:
            at = value_and_gradient(target.density, mode.z + matrix @ x, target.device_data)
            return matrix.T @ np.asarray(at[1])

        steps = 1e-3 * np.eye(len(mode.z))
        curvature = np.array([(slope(step) - slope(-step)) / 2e-3 for step in steps])
        flat = slope(np.zeros(len(mode.z)))
        value, _ = value_and_gradient(target.density, mode.z, target.device_data)
    assert mode.potential == pytest.approx(float(value), rel=1e-10)
    assert abs(flat).max() < 1e-2
    # The law's own block leaves out the second derivatives of the law.
    np.testing.assert_allclose(curvature, np.eye(len(mode.z)), atol=0.1)


def test_misfit_is_not_taken_for_noise(target: Target) -> None:
    """A search that begins with little noise and short lengths finds the higher of two modes."""
    with jax.enable_x64(True):
        few, short = misfit_starts(target, PROCESS)
        all_noise, misfit = (misfit_mode(target, [start]) for start in (few, short))
    assert misfit.potential < all_noise.potential - 10
    noise = target.density.own
    assert misfit.z[noise] < np.log(0.001) < np.log(0.003) < all_noise.z[noise]


def test_a_point_whose_curvature_overflows_is_no_place_to_stop() -> None:
    runs = bl.simulate("chinchilla", rows=20, noise_sd=0.003, seed=1)
    law = bl.law("skaling2026")
    noise, reference = Noise("student_t", replicate=True), bl.ReferenceRun.of(runs, law.variables)
    target = Target.of(Specification(law, reference, noise, PROCESS), runs)
    start, _ = misfit_starts(target, PROCESS)
    own = target.density.own
    # A power of .08 around the sum: amplitudes of 1e166 meet powers of 1e-187.
    steep = np.array([-1.6, 0.61, -2.83, 0.19, -2.48, 1.29])
    with jax.enable_x64(True):
        stuck = Profile(target, steep)
        found = stuck.at(start[own:])
        assert np.isfinite(found.value)
        assert not np.isfinite(found.curvature).all()
        value, slope = stuck(start[own:])
        assert value == PLATEAU
        assert not slope.any()
        with pytest.raises(NoFiniteStart, match="the curvature of the posterior density overflows"):
            stuck.joint(Mode(start[own:], value, Whitening(slope, np.eye(len(slope))), 1, 1))
        assert misfit_mode(target, [start]).potential < found.value
