"""Notes on what a fit gives reason to doubt: when they speak, and when they must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from misfit import distorted, field
from scipy.stats import kstest

import bayeslaw as bl
from bayeslaw.comparison.scores import score
from bayeslaw.posterior.along import judged
from bayeslaw.posterior.fit_checks import (
    fit_checks,
    left_out_pit,
    neighbours_agree,
)
from bayeslaw.posterior.linearised import SOME_DRAWS
from bayeslaw.posterior.statistics import uniform_p_value

# A third of the misfit in nats over a loss of 2.6, and the noise of replicates.
MISFIT, NOISE = 0.01 / 2.6, 0.0007 / 2.6


def codes(posterior: bl.Posterior) -> set[str]:
    return {note.code for note in posterior.notes}


def pit_of(posterior: bl.Posterior) -> np.ndarray:
    linear = judged(posterior)
    assert linear is not None
    return left_out_pit(posterior, linear)


def mode(runs: bl.Runs, seed: int) -> bl.Posterior:
    return bl.fit(runs, "zhao2025", method="mode", seed=seed, progress=False)


# --- misfit that neighbouring runs share ------------------------------------------------------


def test_a_smooth_misfit_is_told_and_noise_is_not() -> None:
    law = bl.law("zhao2025")
    told = 0
    for seed in range(6):
        runs = bl.simulate(law, rows=100, noise_sd=0.003, seed=300 + seed)
        told += "shared_misfit" in codes(mode(runs, seed))
    # Of a note that speaks once in 200: twice in six would be one chance in 2,700.
    assert told < 2
    for seed in range(3):
        quiet = bl.simulate(law, rows=100, noise_sd=NOISE, seed=300 + seed)
        shift = field(quiet.columns(law.variables), law.variables, sd=MISFIT, seed=seed)
        posterior = mode(distorted(quiet, shift), seed)
        (note,) = [note for note in posterior.notes if note.code == "shared_misfit"]
        assert note.severity == "warning"
        assert 'discrepancy="gp"' in note.remedy
        linear = judged(posterior)
        assert linear is not None
        found = neighbours_agree(posterior, linear)
        assert found is not None
        assert found[0] > 0.05
        # A fit takes up errors that neighbours share: their residuals disagree a little.
        assert -0.1 < found[2] < 0
        assert f"{found[0]:.3f}, where independent noise gives {found[2]:.3f}" in note.message


def test_too_few_runs_say_nothing_of_their_neighbours(posterior: bl.Posterior) -> None:
    few = posterior.runs.select(np.arange(len(posterior.runs)) < 19)
    for runs, said in ((few, False), (posterior.runs, True)):
        seen = replace(posterior, runs=runs)
        linear = judged(seen)
        assert linear is not None
        assert (neighbours_agree(seen, linear) is not None) is said


# --- priors ---------------------------------------------------------------------------------------


def test_a_parameter_that_the_runs_pull_out_of_its_prior_is_named() -> None:
    runs = bl.simulate("chinchilla", rows=100, noise_sd=0.001, seed=2)
    plain = bl.fit(runs, "chinchilla", method="mode", progress=False)
    assert "edge_of_prior" not in codes(plain)
    tight = bl.law("chinchilla").with_priors(
        alpha={"family": "lognormal", "median": 0.15, "factor": 1.2}
    )
    pulled = bl.fit(runs, tight, method="mode", progress=False)
    (note,) = [note for note in pulled.notes if note.code == "edge_of_prior"]
    assert note.message.startswith("prior-data conflict: the posterior median of alpha (0.3")
    assert "beta" not in note.message


def test_a_posterior_without_trouble_has_no_doubts(posterior: bl.Posterior) -> None:
    assert fit_checks(posterior, judged(posterior)) == ()


# --- how well an optimum is known ----------------------------------------------------------------


def test_an_optimum_says_how_well_its_interval_is_known(posterior: bl.Posterior) -> None:
    answer = bl.optimum(posterior, at={"N": 30e9})
    frame = answer.to_frame()
    assert (frame["rhat"] < 1.01).all()
    assert (frame["ess_tail"] > 400).all()
    width = frame["high"] - frame["low"]
    assert (frame["mcse_low"] > 0).all()
    assert (frame[["mcse_low", "mcse_high"]].max(axis=1) < 0.05 * width).all()
    assert answer.distance is not None
    away, share = answer.distance
    # 30B is nine times the largest of the runs.
    assert away > 3
    assert share == 0
    assert answer.to_dict()["distance"] == {"from_runs": away, "share_as_far": share}


def test_a_combination_that_no_run_comes_near_is_far_though_each_variable_is_not() -> None:
    rng = np.random.default_rng(6)
    size = np.geomspace(1e8, 1e10, 60)
    tokens = 20 * size * np.exp(0.3 * rng.standard_normal(60))
    runs = bl.simulate("chinchilla", design={"N": size, "D": tokens}, noise_sd=0.001, seed=6)
    posterior = bl.fit(runs, "chinchilla", method="laplace", progress=False)
    budget = bl.Budget(train_flops=6 * 1.5e9 * 1.5e9 * 20)
    near = {note.code for note in bl.optimum(posterior, budget=budget).notes}
    assert "far_from_runs" not in near
    far = bl.optimum(posterior, budget=bl.Budget(train_flops=6 * 3e8 * 1.5e11, max_params=3e8))
    assert "far_from_runs" in {note.code for note in far.notes}


# --- runs left out ----------------------------------------------------------------------------


def test_probabilities_of_runs_left_out_are_those_of_fits_without_them() -> None:
    runs = bl.simulate("chinchilla", rows=20, noise_sd=0.01, seed=3)
    options = {"method": "laplace", "fallback": True, "seed": 1}
    posterior = bl.fit(runs, "chinchilla", **options)
    found = pit_of(posterior)
    exact = []
    for i in range(20):
        out = np.arange(20) == i
        fitted = bl.fit(runs.select(~out), "chinchilla", reference=posterior.reference, **options)
        exact.append(score(fitted, runs.select(out)).pit[0])
    # Shares of some draws, of which the weights that leave a run out make fewer; the exact ones are
    # shares of draws too, of 500 effective ones at least.
    weights = np.exp(-posterior.log_likelihood().reshape(-1, 20))
    worth = SOME_DRAWS * weights.mean(axis=0) ** 2 / (weights**2).mean(axis=0)
    share = np.array(exact)
    error = np.sqrt(share * (1 - share) * (1 / worth + 1 / 500))
    z = (found - share) / error
    assert abs(z).max() < 4
    # 20 of unit variance: 1 within .16, three of those. Without the weights it is 1.8 to 2.1.
    assert np.sqrt((z**2).mean()) < 1.5


def test_the_p_value_of_uniform_values_is_kolmogorovs() -> None:
    rng = np.random.default_rng(0)
    for count in (8, 20, 60, 500):
        for power in (1.0, 1.5):
            values = rng.random(count) ** power
            exact = kstest(values, "uniform").pvalue
            # Stephens' correction of the limit: a twentieth where it decides.
            assert uniform_p_value(values) == pytest.approx(exact, rel=0.05) or exact < 1e-5


def test_of_very_many_runs_those_that_are_judged_are_left_out() -> None:
    runs = bl.simulate("chinchilla", rows=20_500, noise_sd=0.01, seed=3)
    loss = runs.column("loss").copy()
    # The last of them, which is judged by itself.
    loss[-1] *= 1.5
    fitted = bl.fit(replace(runs, table=runs.table.assign(loss=loss)), "chinchilla", method="mode")
    (note,) = [note for note in fitted.notes if note.code == "rows_stand_out"]
    assert note.message.startswith("1 of 20500 rows stand out of the fit")
    assert f"{runs.table.index[-1]} (loss {loss[-1]:.4g}" in note.message
    found = pit_of(fitted)
    assert found.shape == (20_000,)
    # One draw: whether its own prediction lies below.
    assert abs(found.mean() - 0.5) < 4 * 0.5 / np.sqrt(20_000)


def test_scatter_of_another_shape_is_told_by_runs_left_out() -> None:
    # Enough runs: over eight tables of 300 the p-value is below 6e-4, of 100 up to .37.
    runs = bl.simulate("chinchilla", rows=300, noise_sd=0.003, seed=39)
    late = 0.02 * np.random.default_rng(1).standard_exponential(300)
    above = replace(runs, table=runs.table.assign(loss=runs.column("loss") * np.exp(late)))
    options = {"method": "laplace", "fallback": True, "seed": 1}
    told = bl.fit(above, "chinchilla", noise="normal", **options)
    note = next(note for note in told.notes if note.code == "loo_pit")
    assert "residuals are not normal: leave-one-out PIT values are not uniform" in note.message
    assert "loo_pit" not in codes(bl.fit(above, "chinchilla", noise="undertuned", **options))
    # At the limit of .005, hardly any of twenty tables whose noise is as modelled is told.
    for seed in range(20):
        fine = bl.simulate("chinchilla", rows=60, noise_sd=0.003, seed=seed)
        pit = pit_of(bl.fit(fine, "chinchilla", method="laplace", seed=1))
        assert kstest(pit, "uniform").pvalue > 1e-3


def test_a_floor_far_below_its_prior_predicts_as_the_likelihood_saw_it() -> None:
    raw = {**bl.law("chinchilla").published(), "E": 0.05}
    runs = bl.simulate("chinchilla", rows=80, noise_sd=0.002, seed=4, coefficients=raw)
    posterior = bl.fit(runs, "chinchilla", method="laplace", fallback=True, seed=1)
    total = posterior.law.form.predict(posterior.reference.at, posterior.coefficients())
    np.testing.assert_allclose(total, posterior.draws["T"].ravel(), rtol=1e-5)
    # The floor is told lower than four standard deviations of its prior.
    prior = posterior.law.parameters["E"].prior
    lowest = prior.location / prior.spread**4 * posterior.reference.loss
    assert (posterior.draws["E"] < lowest).any()
    assert "loo_pit" not in codes(posterior)


def test_a_floor_below_its_prior_contradicts_it(posterior: bl.Posterior) -> None:
    site = posterior.specification.site("epsilon")
    low = posterior.law.parameters["epsilon"].prior.low
    draws = {**posterior.draws, site: np.full_like(posterior.draws[site], low - 0.1)}
    moved = replace(posterior, draws=draws)
    notes = fit_checks(moved, judged(moved))
    (note,) = [note for note in notes if note.code == "edge_of_prior"]
    assert "epsilon (-0.1, -inf sd)" in note.message
