"""Observation models: densities, draws and priors of how log losses scatter."""

from __future__ import annotations

import math
from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.special import erfcx

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.model.noise import NOISES, Noise

VALUES = {"noise_scale": 0.02, "noise_df": 4.0, "noise_excess": 0.05}
FROZEN = {
    "student_t": stats.t(4.0, scale=0.02),
    "normal": stats.norm(scale=0.02),
    "undertuned": stats.exponnorm(2.5, scale=0.02),
}


@pytest.mark.parametrize("name", NOISES)
def test_the_density_is_that_of_its_name(name: str) -> None:
    centre = np.array([0.5, 1.0, 1.5])
    at = centre + np.array([0.0, 0.03, -0.4])
    with jax.enable_x64(True):
        found = np.asarray(Noise(name).distribution(centre, VALUES).log_prob(at))
    np.testing.assert_allclose(found, FROZEN[name].logpdf(at - centre), rtol=1e-10)


def test_a_t_of_many_degrees_of_freedom_is_a_normal() -> None:
    """Where it were higher than any normal, chains would end there."""
    z = np.array([0.0, 0.5, -3.0, 30.0])
    with jax.enable_x64(True):

        def density(df: float) -> np.ndarray:
            values = {"noise_scale": 1.0, "noise_df": df}
            return np.asarray(Noise("student_t").distribution(0.0, values).log_prob(z))

        for df in (1.0, 5.0, 99.0, 100.5, 3e3):
            np.testing.assert_allclose(density(df), stats.t(df).logpdf(z), rtol=1e-11)
        for df in (1e12, 1e15, 1e18, 1e30, 1e300):
            np.testing.assert_allclose(density(df), stats.norm.logpdf(z), rtol=1e-6)
        slope = jax.grad(
            lambda df: (
                Noise("student_t")
                .distribution(0.0, {"noise_scale": 1.0, "noise_df": df})
                .log_prob(2.0)
            )
        )
        for df in (5.0, 99.9, 100.1, 1e3):
            step = 1e-4 * df
            rise = stats.t(df + step).logpdf(2.0) - stats.t(df - step).logpdf(2.0)
            assert float(slope(df)) == pytest.approx(rise / (2 * step), rel=1e-4)
        assert abs(float(slope(1e18))) < 1e-30


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("error", [None, 0.01])
def test_the_density_outside_compiled_functions_is_the_same(name: str, error: float | None) -> None:
    rng = np.random.default_rng(14)
    # More values than a batch of them holds.
    centre = rng.normal(size=(400, 90))
    factors = np.exp(rng.normal(size=(3, 400, 1)))
    values = {key: VALUES[key] * part for key, part in zip(VALUES, factors, strict=True)}
    errors = None if error is None else error * np.arange(90)
    measured = centre[0] + 0.05 * rng.standard_t(3, size=90)
    found = Noise(name).log_density(measured, centre, values, errors)
    with jax.enable_x64(True):
        density = Noise(name).distribution(centre, values, errors)
        wanted = np.asarray(density.log_prob(measured))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("name", NOISES)
def test_draws_have_that_density(name: str) -> None:
    draws = Noise(name).draw(np.random.default_rng(12), VALUES, (100, 50))
    assert draws.shape == (100, 50)
    # Kolmogorov and Smirnov reject a right sample once in a thousand seeds.
    assert stats.kstest(draws.ravel(), FROZEN[name].cdf).pvalue > 1e-3
    again = Noise(name).draw(np.random.default_rng(12), VALUES, (100, 50))
    assert (draws == again).all()


@pytest.mark.parametrize("name", NOISES)
def test_every_draw_of_the_posterior_scatters_by_its_own_scale(name: str) -> None:
    scale, df = np.array([[0.001], [0.1]]), np.array([[3.0], [30.0]])
    values = {"noise_scale": scale, "noise_df": df, "noise_excess": 2 * scale}
    draws = Noise(name).draw(np.random.default_rng(13), values, (2, 4000))
    for row, one, degrees in zip(draws, scale[:, 0], df[:, 0], strict=True):
        law = {"student_t": stats.t(degrees), "undertuned": stats.exponnorm(2.0)}.get(
            name, stats.norm()
        )
        assert stats.kstest(row / one, law.cdf).pvalue > 1e-3


def test_priors_are_those_of_the_plan() -> None:
    assert set(Noise("normal").priors) == {"noise_scale"}
    priors = Noise("student_t").priors
    assert str(priors["noise_scale"]) == "LogNormal(median: 0.005, factor: 3)"
    # nu = 1 + lognormal(median 5, factor e): always a median, hardly ever a Cauchy.
    assert priors["noise_df"].numbers == (math.log(5), 1.0, 1.0)
    assert priors["noise_df"].median == 6.0


def test_an_unknown_noise_gets_a_suggestion() -> None:
    with pytest.raises(RequestError, match=r"unknown noise 'normall'\. Did you mean 'normal'\?"):
        Noise("normall")
    assert Noise("normal") == Noise("normal")


@pytest.mark.parametrize("excess", [1e-6, 1e-4, 1e-3, 1e-2, 1.0])
def test_undertuned_noise_is_exact_from_no_excess_to_much(excess: float) -> None:
    above = np.array([-0.03, -0.001, 0.0, 0.002, 0.02, 0.3])
    values = {"noise_scale": 0.003, "noise_excess": excess}
    with jax.enable_x64(True):
        density = Noise("undertuned").distribution(np.zeros(6), values)
        found = np.asarray(density.log_prob(above))
    z = (0.003 / excess - above / 0.003) / math.sqrt(2)
    with np.errstate(over="ignore"):
        tail = np.where(z > -20, np.log(erfcx(np.maximum(z, -20))), math.log(2) + z**2)
    wanted = tail - 0.5 * (above / 0.003) ** 2 - math.log(2 * excess)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-8)


def test_runs_that_were_not_tuned_are_told_from_the_floor() -> None:
    runs = bl.simulate("chinchilla", rows=120, noise_sd=0.002, seed=5)
    rng = np.random.default_rng(6)
    late = 0.01 * rng.standard_exponential(120)
    runs = replace(runs, table=runs.table.assign(loss=runs.column("loss") * np.exp(late)))
    found = {
        name: bl.fit(runs, "chinchilla", noise=name, method="laplace", fallback=True, seed=1)
        for name in ("normal", "undertuned")
    }
    # What was not tuned lifts the whole law where noise is even to both sides.
    at = {"N": np.array([1e9]), "D": np.array([2.3e10])}
    exact = float(bl.law("chinchilla").predict(**at)[0])
    told = {name: one.predict(at).iloc[0] for name, one in found.items()}
    assert told["normal"]["low"] > exact
    # Four standard deviations: an 89% interval misses the truth of one table in nine.
    wide = found["undertuned"].predict(at, ci_prob=0.9999).iloc[0]
    assert wide["low"] <= exact <= wide["high"]
    rows = found["undertuned"].to_frame()
    assert 0.003 < rows.loc["noise_excess", "median"] < 0.03
    assert found["undertuned"].variance_shares(at)["noise"].iloc[0] > 0.5


def test_undertuned_noise_beside_a_discrepancy_is_refused() -> None:
    runs = bl.simulate("chinchilla", rows=20, seed=5)
    with pytest.raises(RequestError, match="undertuned noise beside a discrepancy"):
        bl.fit(runs, "chinchilla", noise="undertuned", discrepancy="gp")


@pytest.mark.parametrize("df", [1.05, 2.0, 5.0, 40.0, 400.0])
@pytest.mark.parametrize("error", [0.0, 0.01, 0.1])
def test_a_known_error_adds_to_heavy_tails(df: float, error: float) -> None:
    at = np.array([0.0, 0.01, -0.1, 1.0])
    values = {"noise_scale": 0.02, "noise_df": df}
    with jax.enable_x64(True):
        density = Noise("student_t").distribution(np.zeros(4), values, np.full(4, error))
        found = np.asarray(density.log_prob(at))
    if error == 0:
        wanted = stats.t(df, scale=0.02).logpdf(at)
    else:
        away = np.linspace(-15, 15, 60001) * error
        inside = stats.t(df, scale=0.02).pdf(at[:, None] - away)
        wanted = np.log(np.trapezoid(inside * stats.norm(scale=error).pdf(away), away, axis=1))
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_errors_of_normal_noise_add_in_squares() -> None:
    with jax.enable_x64(True):
        density = Noise("normal").distribution(np.zeros(2), VALUES, np.array([0.0, 0.05]))
        found = np.asarray(density.log_prob(np.array([0.03, 0.03])))
    wanted = stats.norm(scale=np.hypot(0.02, [0.0, 0.05])).logpdf(0.03)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", ["student_t", "normal"])
def test_runs_that_were_measured_badly_count_for_little(kind: str) -> None:
    """Half of the runs carry an error of ten times the noise, and say how large it is."""
    runs = bl.simulate("chinchilla", rows=80, noise_sd=0.002, seed=3)
    se = np.where(np.arange(80) % 2 == 0, 0.0, 0.02) * runs.column("loss")
    away = np.random.default_rng(4).standard_normal(80) * se
    table = runs.table.assign(loss=runs.column("loss") + away)
    options = {"noise": kind, "method": "laplace", "fallback": True, "seed": 1}
    plain = bl.fit(bl.read_runs(table), "chinchilla", **options)
    told = bl.fit(bl.read_runs(table.assign(loss_se=se)), "chinchilla", **options)
    # Forty runs know a scale to 1/sqrt(80) of itself; four of those.
    assert np.median(told.draws["noise_scale"]) == pytest.approx(0.002, rel=4 / np.sqrt(80))
    assert np.median(plain.draws["noise_scale"]) > 0.003
    ends = {name: one.to_frame().loc["alpha"] for name, one in (("t", told), ("p", plain))}
    truth = bl.law("chinchilla").published()["alpha"]
    # Four standard deviations: an 89% interval misses the truth of one table in nine.
    wide = told.to_frame(ci_prob=0.9999).loc["alpha"]
    assert wide["low"] <= truth <= wide["high"]
    assert ends["t"]["high"] - ends["t"]["low"] < ends["p"]["high"] - ends["p"]["low"]


def test_an_error_that_cannot_be_is_refused() -> None:
    table = bl.simulate("chinchilla", rows=5, seed=3).table
    for value, words in ((-0.1, "loss_se = -0.1"), (np.nan, "loss_se is missing")):
        se = np.array([0.01, 0.01, value, 0.01, 0.01])
        with pytest.raises(bl.BayesLawError, match=f"line 4.*{words}|row 2.*{words}"):
            bl.read_runs(table.assign(loss_se=se))
