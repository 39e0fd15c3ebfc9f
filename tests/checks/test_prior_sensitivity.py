"""What runs taught: distances from the prior, power scaling, soft directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.checks.prior_sensitivity import SENSITIVE, total_variation

OPTIONS = {"method": "laplace", "fallback": True, "seed": 1}


@pytest.fixture(scope="module")
def shared() -> bl.Posterior:
    """A table in which the share of shared experts never varied."""
    runs = bl.simulate("zhao2025", rows=100, seed=7)
    return bl.fit(replace(runs, table=runs.table.assign(S=0.1)), "zhao2025", **OPTIONS)


@pytest.fixture(scope="module")
def found(shared: bl.Posterior) -> bl.PriorSensitivity:
    return bl.prior_sensitivity(shared, bl.optimum(shared, at={"N": 30e9}))


def test_what_never_varied_is_decided_by_the_prior(found: bl.PriorSensitivity) -> None:
    rows = found.frame
    assert rows.loc["S*", "decided_by"] == "prior"
    assert rows.loc["S*", "informed_by"] == "prior only"
    # Next to nothing was learned: with S at .1 the runs bound what m and n add there.
    assert rows.loc["S*", "learned"] < 0.2
    assert rows.loc[["G*", "alpha", "a"], "decided_by"].tolist() == ["runs"] * 3
    assert (rows.loc[["G*", "alpha", "a"], "learned"] > 0.6).all()
    assert found.notes[-1].code == "prior_decides"
    assert "S*" in found.notes[-1].message


def test_soft_directions_are_those_that_the_prior_decides(found: bl.PriorSensitivity) -> None:
    first = found.directions.iloc[0]
    # As wide as the prior, within the error of a standard deviation of 4,000 weighted draws.
    assert first["left"] == pytest.approx(1.0, abs=0.15)
    assert any(name in first["direction"] for name in (" m", " n", " k"))
    assert (found.directions["left"].diff().dropna() <= 0).all()


def test_a_tight_prior_is_seen_by_its_name() -> None:
    runs = bl.simulate("chinchilla", rows=30, noise_sd=0.02, seed=2)
    tight = {"family": "lognormal", "median": 0.5, "factor": 1.02}
    law = bl.law("chinchilla").with_priors(alpha=tight)
    rows = bl.prior_sensitivity(bl.fit(runs, law, **OPTIONS)).frame
    assert rows.loc["alpha", "prior"] > SENSITIVE
    assert rows.loc["alpha", "prior_of"] == "alpha"
    assert rows.loc["alpha", "decided_by"] != "runs"
    assert rows.loc["alpha", "learned"] < 0.5
    wide = bl.prior_sensitivity(
        bl.fit(bl.simulate("chinchilla", seed=2), "chinchilla", **OPTIONS)
    ).frame
    assert (wide["decided_by"] == "runs").all()


def test_distances_are_the_same_in_any_coordinate() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.standard_normal(4000), 0.5 + 0.4 * rng.standard_normal(4000)
    here = total_variation(after, before)
    assert total_variation(np.exp(after), np.exp(before)) == here
    assert total_variation(-after, -before) == pytest.approx(here, abs=0.02)
    assert total_variation(rng.standard_normal(4000), before) < 0.06
    assert total_variation(after + 100, before) == pytest.approx(0.95, abs=1e-3)
    # Half of the draws on a bound, and half of the prior too.
    bound = np.maximum(before, 0.0)
    assert total_variation(np.maximum(rng.standard_normal(4000), 0.0), bound) < 0.06


def test_beside_a_discrepancy_the_priors_are_scaled_alone() -> None:
    runs = bl.simulate("chinchilla", rows=25, noise_sd=0.002, seed=2)
    rows = bl.prior_sensitivity(bl.fit(runs, "chinchilla", discrepancy="gp", **OPTIONS)).frame
    assert rows["runs"].isna().all()
    assert rows["prior"].notna().all()


def test_a_point_is_not_judged(shared: bl.Posterior) -> None:
    point = bl.fit(shared.runs, "zhao2025", method="mode", seed=1)
    with pytest.raises(bl.BayesLawError, match="do not reflect prior and runs"):
        bl.prior_sensitivity(point)
    other = bl.fit(shared.runs, "zhao2025", method="laplace", seed=1, draws=100)
    with pytest.raises(bl.BayesLawError, match="4000 draws of the optimum, and 400 of the fit"):
        bl.prior_sensitivity(other, bl.optimum(shared, at={"N": 30e9}))
