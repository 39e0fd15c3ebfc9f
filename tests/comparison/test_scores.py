"""Scores: densities, CRPS and PIT against the normal distribution, and impossible runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

import bayeslaw as bl
from bayeslaw.comparison.scores import score
from bayeslaw.posterior.prediction import log_likelihood


def test_scores_are_those_of_the_normal_distribution(
    toy: tuple[bl.Posterior, np.ndarray, float],
) -> None:
    posterior, level, scatter = toy
    new = bl.read_runs(pd.DataFrame({"N": [3e8, 2e9, 8e9], "loss": [7.0, 1.02, 0.22]}))
    found = score(posterior, new, seed=2)
    sd = scatter * np.sqrt(1 + 1 / len(level))
    z = (np.log(new.column("loss") * new.column("N")) - level.mean()) / sd
    exact = stats.norm.logpdf(z) - np.log(sd)
    np.testing.assert_allclose(found.log_density, exact, atol=0.05)
    crps = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(found.crps, crps, rtol=0.03)
    np.testing.assert_allclose(found.pit, stats.norm.cdf(z), atol=0.015)
    np.testing.assert_allclose(found.error, z * sd, atol=0.03 * sd)
    half = stats.norm.ppf(0.945) * sd
    np.testing.assert_allclose(found.high - found.median, half, rtol=0.04)
    np.testing.assert_array_equal(found.inside, np.abs(z * sd) < half)


def test_the_interval_is_that_of_predict(fitted: bl.Posterior, table: bl.Runs) -> None:
    found = score(fitted, table, seed=1)
    bands = fitted.predict(table, level="observation", seed=2)
    width = np.log(bands["high"] / bands["low"])
    for ours, theirs in ((found.low, bands["low"]), (found.high, bands["high"])):
        np.testing.assert_array_less(np.abs(ours - np.log(theirs)) / width, 0.15)
    np.testing.assert_allclose(
        log_likelihood(fitted.model, table),
        fitted.log_likelihood().reshape(-1, len(table)),
        rtol=1e-10,
    )


def test_what_predicts_nothing_positive_is_impossible() -> None:
    law = bl.Law.from_formula(
        "b - a*N",
        variables={"N": "N / 1e9"},
        priors={
            "a": {"family": "lognormal", "median": 0.1, "factor": 2},
            "b": {"family": "lognormal", "median": 3, "factor": 2},
        },
    )
    N = np.linspace(1e9, 5e9, 20)
    loss = (3 - 0.3e-9 * N) * np.exp(0.01 * np.random.default_rng(1).standard_normal(20))
    runs = bl.read_runs(pd.DataFrame({"N": N, "loss": loss}))
    posterior = bl.fit(runs, law, method="laplace", seed=1)
    far = score(posterior, bl.read_runs(pd.DataFrame({"N": [3e9, 2e10], "loss": [2.1, 2.0]})))
    assert far.log_density[1] == -np.inf
    assert far.crps[1] == np.inf
    assert np.isfinite([far.log_density[0], far.crps[0]]).all()
    assert list(far.inside) == [True, False]
    told = bl.check_new_runs(posterior, bl.read_runs(pd.DataFrame({"N": [2e10], "loss": [2.0]})))
    assert told.coverage == 0
    assert told.frame["median"].tolist() == [0.0]


def test_where_the_law_is_negative_the_density_is_minus_infinity(
    fitted: bl.Posterior, table: bl.Runs
) -> None:
    draws = {name: values.copy() for name, values in fitted.draws.items()}
    draws["E"][0, 0] = -100.0
    spoilt = replace(fitted, draws=draws)
    own = spoilt.log_likelihood()
    assert np.isneginf(own[0, 0]).all()
    assert np.isfinite(own.reshape(-1, len(spoilt.runs))[1:]).all()
    stored = spoilt.to_arviz()["log_likelihood"]["ln_loss"].to_numpy()
    for same in (stored, log_likelihood(spoilt.model, spoilt.runs).reshape(own.shape)):
        np.testing.assert_array_equal(same, own)
