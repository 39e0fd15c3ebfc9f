"""The Laplace approximation: near the posterior, or it says that it is not; and the mode alone."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pytest
from arviz_stats.base import array_stats

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.inference.density import Density
from bayeslaw.inference.laplace import laplace
from bayeslaw.inference.mode import find_mode, value_and_gradient
from bayeslaw.inference.target import Target
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data
from bayeslaw.model.specification import Specification

LAPLACE: Any = importlib.import_module("bayeslaw.inference.laplace")
FIT: Any = importlib.import_module("bayeslaw.inference.fit")
ALARMS = {"pareto_k", "ess_weights", "starts_disagree"}


@pytest.fixture(scope="module")
def table() -> bl.Runs:
    return bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)


@pytest.fixture(scope="module")
def hard() -> bl.Runs:
    """One run more than coefficients: the posterior is far from normal.

    Over eight seeds of the fit, Pareto k of the approximation is 1.2 to 1.8 and NUTS is trusted.
    """
    return bl.simulate("chinchilla", rows=6, seed=2)


@pytest.fixture(scope="module")
def approximated(runs: bl.Runs) -> bl.Posterior:
    return bl.fit(runs, "zhao2025", method="laplace", seed=1, draws=5000)


def quick(runs: bl.Runs, **options: Any) -> bl.Posterior:
    # Above 400 effective draws on an easy table.
    given = {"method": "laplace", "seed": 1, "chains": 2, "draws": 400, **options}
    return bl.fit(runs, "chinchilla", **given)


def alarms(posterior: bl.Posterior) -> set[str]:
    return ALARMS & {note.code for note in posterior.notes}


# --- the draws -------------------------------------------------------------------------------


def test_its_quantiles_are_those_of_nuts(
    posterior: bl.Posterior, approximated: bl.Posterior
) -> None:
    info = approximated.info
    assert info.method == "laplace"
    assert set(approximated.draws) == set(posterior.draws)
    size = approximated.draws["T"].size
    assert 0.3 * size < info.effective_draws < size
    for name, theirs in posterior.draws.items():
        ours = approximated.draws[name]
        for p in (0.055, 0.25, 0.5, 0.75, 0.945):
            # How much of ours lies below the quantile of NUTS. The variance is that of a share:
            # of the weighted draws, of the resampled ones, and of NUTS.
            share = (ours < np.quantile(theirs, p)).mean()
            ess = array_stats.ess(theirs, method="quantile", prob=p, chain_axis=0, draw_axis=1)
            error = np.sqrt(p * (1 - p) * (1 / info.effective_draws + 1 / size + 1 / ess))
            # 26 quantities, which come in pairs, at 5 quantiles.
            assert abs(share - p) < 4.5 * error, (name, p, (share - p) / error)
            assert error < 0.015, (name, p)


def test_446_runs_are_approximated_well(approximated: bl.Posterior) -> None:
    assert approximated.info.pareto_k < 0.7
    assert alarms(approximated) == set()
    assert approximated.trusted
    shape = (4, 5000)
    assert {values.shape for values in approximated.draws.values()} == {shape}
    assert {values.shape for values in approximated.stats.values()} == {shape}
    assert not approximated.stats["diverging"].any()
    # Resampled in random order: what a chain says of its mixing is not an accident of the order.
    assert approximated.convergence.trusted


def test_the_same_seed_gives_the_same_draws(table: bl.Runs) -> None:
    first, again, other = quick(table), quick(table), quick(table, seed=2)
    for name in first.draws:
        assert (first.draws[name] == again.draws[name]).all()
        assert not np.isin(first.draws[name], other.draws[name]).any()
    assert first.info.pareto_k == again.info.pareto_k


def coordinates(posterior: bl.Posterior, chain: int, draw: int) -> tuple[Density, Any, np.ndarray]:
    """The density that was approximated, its data, and where one draw is."""
    model, data = posterior.specification.build(posterior.runs)
    density = Density(model)
    on = {
        name: float(posterior.draws[model.site(name)][chain, draw])
        for name in posterior.specification.priors
    }
    return density, data, density.locate(on, data)


def test_lp_is_the_density_of_the_draw_beside_it(table: bl.Runs) -> None:
    drawn = quick(table)
    for chain, draw in ((0, 0), (1, 17), (1, 399)):
        density, data, z = coordinates(drawn, chain, draw)
        with jax.enable_x64(True):
            value, _ = value_and_gradient(density, z, data)
        assert drawn.stats["lp"][chain, draw] == pytest.approx(-float(value), rel=1e-9)


# --- the weights -----------------------------------------------------------------------------


def few(mean: np.ndarray, precision: np.ndarray) -> Data:
    """A mean and a precision in the place of a table."""
    counted = np.ones(len(mean), dtype=bool)
    return Data(precision, mean, 1.0, np.empty((0, 3)), mean, counted, (), (), ())


@dataclass(frozen=True)
class Normal:
    """A density that is exactly normal, all of it the prior's."""

    def prior_and_likelihood(self, z: Any, data: Data) -> Any:
        return 0.5 * (z - data.point) @ data.table @ (z - data.point), 0.0


# It stands for a Density, of which no more is asked for.
NORMAL: Any = Normal()


@pytest.mark.parametrize(("shift", "width"), [(0.0, 1.0), (0.4, 1.0), (0.0, 1.3), (-0.3, 0.8)])
def test_weights_make_up_for_a_wrong_centre_and_width(shift: float, width: float) -> None:
    rng = np.random.default_rng(3)
    size, draws = 4, 20_000
    root = rng.normal(size=(size, size)) * np.array([1e-3, 1.0, 50.0, 4.0])[:, None]
    mean = np.array([1e-3, -2.0, 300.0, 0.0])
    precision = np.linalg.inv(root @ root.T)
    wrong = Whitening(mean + root @ np.full(size, shift), width * root)
    with jax.enable_x64(True):
        data = few(mean, precision)
        found = laplace(NORMAL, data, [wrong], seed=5, draws=draws)
    assert found.pareto_k < 0.7
    x = np.linalg.solve(root, (found.z - mean).T).T
    # In coordinates in which the target is standard normal. Twice the variance: once for the
    # weights, once for resampling. Large draws have the more uneven weights, which is why the
    # covariance gets a factor of 2; 4 means and 10 covariances, at four standard errors.
    error = np.sqrt(1 / found.effective + 1 / draws)
    assert error < 0.03
    assert abs(x.mean(axis=0)).max() < 4 * error
    assert abs(np.cov(x.T) - np.eye(size)).max() < 4 * np.sqrt(2) * 1.4 * error
    # And without weights it would show, except where nothing was wrong.
    assert (found.effective < 0.85 * draws) == ((shift, width) != (0.0, 1.0))
    np.testing.assert_allclose(found.lp, -0.5 * (x**2).sum(axis=1), rtol=1e-6, atol=1e-6)


@dataclass(frozen=True)
class Cauchy:
    """A density with tails so heavy that it has no mean."""

    def prior_and_likelihood(self, z: Any, data: Data) -> Any:
        return 0.5 * (0.3 + len(z)) * jax.numpy.log1p(((z - data.point) ** 2).sum()), 0.0


def test_a_target_with_far_heavier_tails_has_a_large_pareto_k() -> None:
    narrow = Whitening(np.zeros(4), np.eye(4) / 6)
    heavy: Any = Cauchy()
    with jax.enable_x64(True):
        found = laplace(heavy, few(np.zeros(4), np.eye(4)), [narrow], seed=5, draws=4000)
    assert found.pareto_k > 0.7
    assert not found.reliable


@pytest.mark.parametrize(("shift", "width"), [(4.0, 1.0), (0.0, 1 / 6), (2.0, 0.3)])
def test_an_approximation_far_off_is_moved_to_where_the_weights_are(
    shift: float, width: float
) -> None:
    wrong = Whitening(np.full(4, shift), width * np.eye(4))
    draws = 4000
    with jax.enable_x64(True):
        data = few(np.zeros(4), np.eye(4))
        found = laplace(NORMAL, data, [wrong], seed=5, draws=draws)
    assert found.reliable
    error = np.sqrt(1 / found.effective + 1 / draws)
    assert abs(found.z.mean(axis=0)).max() < 4 * error
    assert abs(np.cov(found.z.T) - np.eye(4)).max() < 4 * np.sqrt(2) * 1.4 * error


# --- where it fails --------------------------------------------------------------------------


def test_few_runs_are_not_approximated_and_it_says_so(
    hard: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LAPLACE, "ROUNDS", 1)
    drawn = quick(hard)
    assert drawn.info.method == "laplace"
    assert drawn.info.pareto_k > 0.7
    assert drawn.info.effective_draws < 400
    assert {"pareto_k", "ess_weights"} <= alarms(drawn)
    notes = {note.code: note for note in drawn.notes}
    assert not drawn.trusted
    for code in ("pareto_k", "ess_weights"):
        assert notes[code].severity == "error"
        assert notes[code].remedy == 'Fit by method="nuts", or give fallback=True'
    assert f"{drawn.info.pareto_k:.2f}, above 0.7" in notes["pareto_k"].message


def test_few_runs_are_approximated_by_several(hard: bl.Runs) -> None:
    levels = np.array([0.055, 0.5, 0.945])
    shares: dict[str, list[np.ndarray]] = {}
    for seed in (1, 2, 3):
        nuts = quick(hard, method="nuts", draws=2000, seed=seed)
        moved = quick(hard, draws=2000, seed=seed)
        # Some starts of the search may end on the way to so flat a mode, which is another warning.
        assert alarms(moved) <= {"starts_disagree"}
        for name, theirs in nuts.draws.items():
            below = moved.draws[name].ravel() < np.quantile(theirs, levels)[:, None]
            shares.setdefault(name, []).append(below.mean(axis=1))
    # About 500 effective draws of each. Weights with a Pareto k of .6 stray further in one fit:
    # over eight seeds to 3.3 of these standard errors; means over three of twelve seeds to 2.4.
    error = np.sqrt(levels * (1 - levels) * 2 / 500)
    for name, each in shares.items():
        assert (abs(np.mean(each, axis=0) - levels) < 4.5 * error).all(), (name, each)


def test_nuts_takes_over_where_asked_and_where_needed(
    hard: bl.Runs, table: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LAPLACE, "ROUNDS", 1)
    handed = quick(hard, fallback=True)
    assert handed.info.method == "nuts"
    assert alarms(handed) <= {"starts_disagree"}
    assert handed.info.pareto_k is None
    asked = quick(hard, method="nuts")
    for name in asked.draws:
        assert (handed.draws[name] == asked.draws[name]).all()
    kept = quick(table, fallback=True)
    assert kept.info.method == "laplace"
    assert alarms(kept) == set()


def test_too_few_draws_are_too_few(table: bl.Runs) -> None:
    assert alarms(quick(table, draws=100)) == {"ess_weights"}


def test_starts_that_end_elsewhere_are_reported(
    table: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disagreeing(*args: Any, **options: Any) -> Any:
        return replace(find_mode(*args, **options), converged=2)

    monkeypatch.setattr(FIT, "find_mode", disagreeing)
    drawn = quick(table)
    (note,) = (note for note in drawn.notes if note.code in ALARMS)
    assert (note.code, note.severity) == ("starts_disagree", "warning")
    assert "2 of 4" in note.message
    # NUTS would begin at the same mode.
    assert drawn.trusted
    assert quick(table, fallback=True).info.method == "laplace"


# --- the mode --------------------------------------------------------------------------------


def test_the_mode_is_one_draw_where_the_density_is_highest(table: bl.Runs) -> None:
    point = quick(table, method="mode")
    assert point.info.method == "mode"
    assert {values.shape for values in point.draws.values()} == {(1, 1)}
    assert {values.shape for values in point.stats.values()} == {(1, 1)}
    (note,) = (note for note in point.notes if note.code == "mode")
    assert note.severity == "warning"
    density, data, z = coordinates(point, 0, 0)
    with jax.enable_x64(True):
        value, gradient = value_and_gradient(density, z, data)
        whitening = find_mode(Target(density, data, point.specification.priors), seed=1).whitening
    assert point.stats["lp"][0, 0] == pytest.approx(-float(value), rel=1e-9)
    # In posterior sds; the search stops at a slope of 1e-3 before whitening.
    assert abs(whitening.matrix.T @ np.asarray(gradient)).max() < 1e-2
    assert point.stats["lp"][0, 0] > quick(table).stats["lp"].max()


def test_the_mode_can_be_summarised_and_kept(table: bl.Runs, tmp_path: Any) -> None:
    point = quick(table, method="mode")
    summary = point.to_frame()
    assert (summary["low"] == summary["high"]).all()
    point.save(tmp_path / "point.nc")
    again = bl.load(tmp_path / "point.nc")
    assert again.info == point.info
    assert again.draws["alpha"] == point.draws["alpha"]


def test_an_unknown_method_is_refused(table: bl.Runs) -> None:
    message = r"fit: unknown method 'laplas'\. Did you mean 'laplace'\?"
    with pytest.raises(RequestError, match=message):
        quick(table, method="laplas")


@pytest.mark.parametrize(("pool", "errors"), [((), False), (("E", "A"), True)])
def test_runs_in_blocks_have_the_density_of_all(
    monkeypatch: pytest.MonkeyPatch, pool: tuple[str, ...], errors: bool
) -> None:
    """Also where the last block is filled up, and where runs have errors and groups."""
    runs = bl.simulate("chinchilla", rows=100, noise_sd=0.01, seed=5)
    extra = {"source": np.repeat(["a", "b"], 50), "loss_se": np.linspace(0.001, 0.03, 100)}
    chosen = {name: extra[name] for name in ("source", *(("loss_se",) if errors else ()))}
    runs = bl.read_runs(runs.table.assign(**chosen), group="source")
    specification = Specification.of(
        runs, bl.law("chinchilla"), None, noise="student_t", discrepancy=None, pool=pool
    )
    target = Target.of(specification, runs)
    size = len(target.density.model.sampled)
    # Floors of groups that are sampled by themselves name runs by their places: they stay together.
    assert (target.data.firsts is None) == (not pool)
    z = 0.1 + 0.1 * np.random.default_rng(0).standard_normal((7, size))
    with jax.enable_x64(True):
        one = [float(target.density.potential(point, target.data)) for point in z]
        monkeypatch.setattr(LAPLACE, "_BLOCK", 30)
        found = LAPLACE.potentials.__wrapped__(target.density, z, target.data)
    np.testing.assert_allclose(found, one, rtol=1e-12)
