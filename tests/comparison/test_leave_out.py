"""Leaving runs and groups out: by importance weights, by fitting again, in folds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import arviz_stats
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayeslaw as bl
from bayeslaw.comparison.leave_out import (
    deal_folds,
    group_numbers,
    largest_k,
    leave_groups_out,
    leave_runs_out,
    refit_without,
    standard_error,
)
from bayeslaw.comparison.scores import mean_density
from bayeslaw.comparison.stacking import stack
from bayeslaw.posterior.prediction import log_likelihood

SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "draws": 1000, "progress": False}
BLIND = bl.Law.from_formula("E + A*N**-alpha", variables=["N"], name="blind to data")


def test_elpd_of_a_normal_law_is_the_closed_form(
    toy: tuple[bl.Posterior, np.ndarray, float],
) -> None:
    posterior, level, scatter = toy
    size = len(level)
    others = (level.sum() - level) / (size - 1)
    sd = scatter * np.sqrt(1 + 1 / (size - 1))
    exact = stats.norm.logpdf(level, others, sd)
    found = leave_runs_out(posterior)
    assert not found.refitted.any()
    np.testing.assert_allclose(found.log_density, exact, atol=0.05)
    seen = stats.norm.logpdf(level, level.mean(), scatter * np.sqrt(1 + 1 / size))
    assert found.effective.sum() == pytest.approx((seen - exact).sum(), abs=0.1)


def test_importance_sampling_agrees_with_fitting_again(fitted: bl.Posterior) -> None:
    """Of 60 runs every fifth, by the two ways that share no code."""
    found = leave_runs_out(fitted, progress=False)
    assert not found.refitted.any(), "nothing of what is compared was fitted again"
    some = range(0, 60, 5)
    folds = [np.arange(60) == i for i in some]
    exact, untrusted, _ = refit_without(fitted, folds, progress=False)
    assert untrusted == 0
    np.testing.assert_allclose(found.log_density[::5], exact[::5], atol=0.1)
    # Leaving out matters: the runs' own densities are higher.
    own = mean_density(log_likelihood(fitted.model, fitted.runs))
    assert found.effective.sum() == pytest.approx((own - found.log_density).sum())
    assert 3 < found.effective.sum() < 12


def test_arviz_says_the_same(answer: bl.Comparison) -> None:
    both = ["chinchilla", "blind to data"]
    trees = {law: answer.posteriors[law].to_arviz() for law in both}
    left = {law: arviz_stats.loo(trees[law], pointwise=True) for law in both}
    theirs = arviz_stats.compare(left, round_to="none")
    for law in both:
        assert theirs.loc[law, "elpd"] == pytest.approx(answer.frame.loc[law, "elpd"], abs=0.2)
        assert theirs.loc[law, "se"] == pytest.approx(answer.frame.loc[law, "elpd_se"], rel=0.1)
        assert theirs.loc[law, "p"] == pytest.approx(answer.frame.loc[law, "p_loo"], abs=0.3)
    ours = stack(np.stack([answer.pointwise[law] for law in both], axis=1))
    np.testing.assert_allclose(ours, theirs.loc[both, "weight"], atol=0.02)


def test_a_run_that_decides_the_fit_is_fitted_without(table: bl.Runs) -> None:
    """One run far off, under normal noise: importance weights fail, the exact fit does not."""
    losses = table.table["loss"].to_numpy().copy()
    losses[17] *= 1.07
    spoilt = replace(table, table=table.table.assign(loss=losses))
    posterior = bl.fit(spoilt, "chinchilla", noise="normal", **SHORT)
    found = leave_runs_out(posterior, progress=False)
    assert found.pareto_k[17] > largest_k(2000)
    assert found.refitted[17]
    assert found.refitted.sum() < 5
    # The density of one run given the others is a ratio of evidences, which bridge sampling knows
    # to a hundredth; it shares no code with the refits.
    only = np.arange(60) == 17
    others = bl.fit(
        spoilt.select(~only), "chinchilla", noise="normal", reference=posterior.reference, **SHORT
    )
    both = bl.evidence(posterior), bl.evidence(others)
    exact = both[0].log_evidence - both[1].log_evidence
    assert np.hypot(both[0].mcse, both[1].mcse) < 0.02
    # Seven standard deviations out a few draws make up the mean, as the Monte-Carlo error knows:
    # between seeds the refit's log density scatters by .3, that of a mean over nine by .1.
    assert 0.1 < found.error < 0.5
    densities = [found.log_density[17]]
    for seed in range(2, 10):
        settings = replace(posterior.info.settings, seed=seed)
        other = replace(posterior, info=replace(posterior.info, settings=settings))
        density, untrusted, _ = refit_without(other, [only], progress=False)
        assert untrusted == 0
        densities.append(density[17])
    assert mean_density(np.array(densities)) == pytest.approx(exact, abs=0.4)
    assert np.std(densities) < 0.6
    # Importance weights alone would have said too much.
    weighted = np.log(2000) - logsumexp(-log_likelihood(posterior.model, spoilt)[:, 17])
    assert weighted > exact + 0.5


def test_the_limit_of_k_follows_the_draws() -> None:
    assert largest_k(4000) == 0.7
    assert largest_k(100) == pytest.approx(0.5)


def test_groups_are_left_out_whole(table: bl.Runs) -> None:
    middle = np.median(table.column("N"))
    names = np.where(table.column("N") > middle, "large", "small")
    grouped = replace(table, table=table.table.assign(size=names), groups=("size",))
    groups = group_numbers(grouped)
    assert len(set(zip(groups, names, strict=True))) == 2
    posterior = bl.fit(grouped, "chinchilla", **SHORT)
    found = leave_groups_out(posterior, groups, progress=False)
    for group in (0, 1):
        held = groups == group
        alone = bl.fit(
            table.select(~held),
            "chinchilla",
            reference=posterior.reference,
            method="laplace",
            fallback=True,
            **{**SHORT, "seed": 5},
        )
        assert alone.trusted
        exact = mean_density(log_likelihood(alone.model, table.select(held)))
        np.testing.assert_allclose(found.log_density[held], exact, atol=0.25)
    answer = bl.compare(grouped, ["chinchilla", BLIND], cuts=(), **SHORT)
    assert answer.leave == "group"
    assert answer.best == "chinchilla"
    assert answer.frame.loc["chinchilla", "elpd"] == pytest.approx(found.log_density.sum())
    # What lies inside the groups is easier to predict than the groups themselves.
    assert answer.frame.loc["chinchilla", "interpolation_elpd"] > found.log_density.sum() + 1
    assert "2 groups by size were left out one by one" in " ".join(n.message for n in answer.notes)


def test_many_groups_are_dealt_out_in_folds() -> None:
    groups = np.repeat(np.arange(23), np.arange(1, 24))
    folds = deal_folds(groups)
    assert len(folds) == 10
    np.testing.assert_array_equal(np.sum(folds, axis=0), 1)
    for group in range(23):
        assert sum(fold[groups == group].any() for fold in folds) == 1
    sizes = [fold.sum() for fold in folds]
    assert max(sizes) - min(sizes) <= 5
    assert len(deal_folds(np.array([0, 1, 1, 2]))) == 3


def test_standard_errors_count_groups() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal(50)
    alone = standard_error(values, np.arange(50))
    assert alone == pytest.approx(np.sqrt(50 * values.var(ddof=1)))
    # Every run copied four times says no more than once.
    four = standard_error(np.repeat(values, 4), np.repeat(np.arange(50), 4))
    assert four == pytest.approx(4 * alone)
    assert np.isnan(standard_error(values, np.zeros(50, dtype=int)))
