"""Comparing laws: leaving out, extrapolating, weighting; and new runs against predictions."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import arviz_stats
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats
from scipy.special import logsumexp
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli.app import app
from bayeslaw.comparison.extrapolation import levels, make_cuts, ordering
from bayeslaw.comparison.held_out import HeldOut
from bayeslaw.comparison.leave_out import (
    LeftOut,
    deal_folds,
    group_numbers,
    largest_k,
    leave_groups_out,
    leave_runs_out,
    refit_without,
    standard_error,
)
from bayeslaw.comparison.notes import comparison_notes, extrapolation_notes, order_notes
from bayeslaw.comparison.ranking import LawScores, rank, verdict
from bayeslaw.comparison.scores import log_likelihood, mean_density, score
from bayeslaw.comparison.stacking import stack, stack_parts
from bayeslaw.core.errors import FormulaError, PosteriorError, RequestError, TableError
from bayeslaw.formula import parse_expression
from bayeslaw.plots import style
from bayeslaw.runs import Reference

mpl.use("Agg")

EXTRAPOLATION: Any = importlib.import_module("bayeslaw.comparison.extrapolation")
COMPARE: Any = importlib.import_module("bayeslaw.comparison.compare")
SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "draws": 1000, "progress": False}
BLIND = bl.Law.from_formula("E + A*N**-alpha", variables=["N"], name="blind to data")
TIED = bl.law("chinchilla").constrain("beta = alpha")


@pytest.fixture(scope="module")
def table() -> bl.Runs:
    return bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)


@pytest.fixture(scope="module")
def fitted(table: bl.Runs) -> bl.Posterior:
    return bl.fit(table, "chinchilla", **SHORT)


@pytest.fixture(scope="module")
def answer(table: bl.Runs) -> bl.Comparison:
    return bl.compare(table, [TIED, BLIND, "chinchilla"], cuts=(0.1, 0.4), **SHORT)


@pytest.fixture(scope="module")
def toy() -> tuple[bl.Posterior, np.ndarray, float]:
    """Log loss is normal around one unknown level, whose posterior is known in closed form."""
    size, scatter = 12, 0.05
    law = bl.Law.from_formula("A/N", variables=["N"], name="toy")
    rng = np.random.default_rng(5)
    N = np.geomspace(1e8, 1e10, size)
    measured = np.log(2e9 / N) + scatter * rng.standard_normal(size)
    runs = bl.read_runs(pd.DataFrame({"N": N, "loss": np.exp(measured)}))
    posterior = bl.fit(runs, law, noise="normal", method="laplace", seed=1)
    level = measured + np.log(N)
    draws = level.mean() + scatter / np.sqrt(size) * rng.standard_normal((4, 5000))
    shape = draws.shape
    known = {"A": np.exp(draws), "noise_scale": np.full(shape, scatter)}
    stats_ = {"diverging": np.zeros(shape, dtype=bool), "lp": np.zeros(shape)}
    return replace(posterior, draws=known, stats=stats_), level, scatter


# --- scores ----------------------------------------------------------------------------------


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
        log_likelihood(fitted, table),
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


# --- leaving out -----------------------------------------------------------------------------


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
    own = mean_density(log_likelihood(fitted, fitted.runs))
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
    assert np.hypot(both[0].error, both[1].error) < 0.02
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
    weighted = np.log(2000) - logsumexp(-log_likelihood(posterior, spoilt)[:, 17])
    assert weighted > exact + 1


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
        exact = mean_density(log_likelihood(alone, table.select(held)))
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


# --- weights ---------------------------------------------------------------------------------


def test_laws_that_predict_alike_share_their_weight() -> None:
    density = np.random.default_rng(2).standard_normal((80, 1))
    np.testing.assert_allclose(stack(np.repeat(density, 3, axis=1)), 1 / 3, atol=1e-6)


def test_weights_are_the_best_of_all_mixtures() -> None:
    rng = np.random.default_rng(3)
    density = rng.normal([0, 0.2, -0.1], 1.5, (120, 3)) - 1000.0  # far below where exp is zero
    weights = stack(density)
    assert weights.sum() == pytest.approx(1)

    def value(w: np.ndarray) -> float:
        return float(np.mean(np.log(np.exp(density + 1000) @ w)))

    grid = [
        np.array([a, b, 1 - a - b]) for a in np.linspace(0, 1, 51) for b in np.linspace(0, 1, 51)
    ]
    best = max((w for w in grid if w[2] >= -1e-12), key=lambda w: value(np.maximum(w, 0)))
    assert value(weights) >= value(np.maximum(best, 0)) - 1e-9
    np.testing.assert_allclose(weights, best, atol=0.03)


def test_a_law_that_is_always_worse_gets_nothing() -> None:
    density = np.random.default_rng(4).standard_normal(50)
    np.testing.assert_allclose(stack(np.stack([density, density - 0.1], axis=1)), [1, 0], atol=1e-6)
    impossible = np.stack([density, np.full(50, -np.inf)], axis=1)
    impossible[3] = -np.inf
    np.testing.assert_allclose(stack(impossible), [1, 0], atol=1e-9)


def test_runs_may_count_differently() -> None:
    density = np.array([[0.0, -3.0], [-3.0, 0.0], [0.0, -3.0]])
    even = stack(density, np.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(even, 0.5, atol=1e-4)
    assert stack(density)[0] > 0.6


def test_every_cut_counts_the_same() -> None:
    """One run for the first law, and nine for the second by as much."""
    first, second = np.array([[0.0, -3.0]]), np.repeat([[-3.0, 0.0]], 9, axis=0)
    np.testing.assert_allclose(stack_parts([first, second]), 0.5, atol=1e-4)
    assert stack(np.concatenate([first, second]))[1] > 0.9


# --- extrapolation ---------------------------------------------------------------------------


def test_runs_of_one_budget_are_one_level() -> None:
    runs = bl.read_runs(pd.DataFrame({"C": [1e18, 1.01e18, 3e18, 2.97e18, 1e19], "loss": 2.0}))
    assert levels(runs, parse_expression("C")).tolist() == [0, 0, 1, 1, 2]


def test_cuts_hold_out_the_largest(table: bl.Runs) -> None:
    over = ordering(table, None)
    assert over is not None
    assert over.text == "6*N*D"
    compute = 6 * table.column("N") * table.column("D")
    cuts, notes = make_cuts(table, over, (0.4, 0.1))
    assert not notes
    assert [cut.name for cut in cuts] == ["top 10%", "top 40%"]
    for cut in cuts:
        assert compute[cut.held].min() > compute[~cut.held].max() == cut.largest
        np.testing.assert_allclose(cut.extrapolation_factor, compute[cut.held] / cut.largest)
        assert cut.held.mean() == pytest.approx(cut.share, abs=0.05)
    _, notes = make_cuts(table, over, (0.1, 0.9))
    assert "top 90%" in notes[0].message
    assert ordering(table.select(np.arange(60) < 1), None) is None


def test_the_table_names_its_own_compute() -> None:
    columns = {"C": [1e18, 2e18], "N": [1e8, 2e8], "D": [1e9, 3e9], "loss": [3.0, 2.9]}
    runs = bl.read_runs(pd.DataFrame(columns))
    found = ordering(runs, None)
    assert found is not None
    assert found.text == "C"
    assert ordering(runs.select(np.array([True, False])), None) is None


def test_training_never_sees_what_is_held_out(
    table: bl.Runs, fitted: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, real = [], EXTRAPOLATION.refit

    def recording(posterior: Any, tables: Any, *, reference: Any, **options: Any) -> Any:
        seen.append((*tables, reference))
        return real(posterior, tables, reference=reference, **options)

    monkeypatch.setattr(EXTRAPOLATION, "refit", recording)
    over = ordering(table, None)
    assert over is not None
    (cut,), _ = make_cuts(table, over, (0.4,))
    # A loss scale that the training rows would not give shows where it comes from.
    stored = replace(fitted, reference=replace(fitted.reference, loss=7.0))
    row, found = EXTRAPOLATION.extrapolate(stored, cut, ci_prob=0.89, progress=False)
    ((runs, reference),) = seen
    assert set(runs.table.index) == set(table.table.index[~cut.held])
    assert reference.at == Reference.of(runs, ["N", "D"]).at
    assert reference.at["N"] < fitted.reference.at["N"]
    assert reference.loss == 7.0
    assert row["held_out"] == cut.held.sum() == len(found.log_density)
    assert row["elpd"] == pytest.approx(found.log_density.mean())
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean(found.error**2)))
    # Changing what is held out changes its scores, and nothing of the fit.
    losses = np.where(cut.held, 1.3, 1.0) * table.column("loss")
    other = replace(stored, runs=replace(table, table=table.table.assign(loss=losses)))
    _, moved = EXTRAPOLATION.extrapolate(other, cut, ci_prob=0.89, progress=False)
    np.testing.assert_array_equal(moved.median, found.median)
    np.testing.assert_allclose(moved.error - found.error, np.log(1.3), rtol=1e-9)


# --- the comparison --------------------------------------------------------------------------


def test_runs_prefer_the_law_that_they_come_from(answer: bl.Comparison) -> None:
    row = answer.frame.loc["blind to data"]
    assert row["verdict"] == "worse"
    assert row["elpd_diff"] < -4 * row["diff_se"]
    assert answer.weights["blind to data"] < 0.01
    assert answer.extrapolation_weights["blind to data"] < 0.1
    assert row["extrapolation_crps"] > 2 * answer.frame["extrapolation_crps"].min()
    assert row["extrapolation_rmse"] == answer.frame["extrapolation_rmse"].max()


def test_nested_laws_that_fit_alike_are_not_distinguished(answer: bl.Comparison) -> None:
    """Simulated with exponents .348 and .366, which 60 runs cannot tell apart."""
    first, second, _ = answer.frame.index
    assert {first, second} == {"chinchilla", TIED.name}
    assert answer.frame["verdict"].tolist() == ["best", "not distinguished", "worse"]
    (note,) = [note for note in answer.notes if note.code == "not_distinguished"]
    assert note.message.startswith(f"these runs do not distinguish {second} from {first}")
    assert sum(answer.weights.values()) == pytest.approx(1)


def test_differences_are_those_of_the_runs(answer: bl.Comparison) -> None:
    best = answer.pointwise[answer.best]
    for law, row in answer.frame.iterrows():
        own = answer.pointwise[str(law)]
        assert row["elpd"] == pytest.approx(own.sum())
        assert row["elpd_diff"] == pytest.approx((own - best).sum())
        assert row["diff_se"] == pytest.approx(np.sqrt(60 * (own - best).var(ddof=1)))
        assert row["p_loo"] == pytest.approx(row["parameters"], rel=1)
        cuts = answer.extrapolation[answer.extrapolation["law"] == law]
        assert cuts["cut"].tolist() == ["top 10%", "top 40%"]
        assert row["extrapolation_elpd"] == pytest.approx(cuts["elpd"].mean())
        means = [values.mean() for values in answer.held_out[str(law)]]
        np.testing.assert_allclose(means, cuts["elpd"], rtol=1e-12)
    assert answer.extrapolation["trusted"].all()
    references = [posterior.reference for posterior in answer.posteriors.values()]
    assert len({reference.loss for reference in references}) == 1
    assert len({reference.at["N"] for reference in references}) == 1


def test_what_a_difference_reads() -> None:
    assert verdict(-3.9, 0.1) == "not distinguished"
    assert verdict(-5.0, 4.0) == "perhaps worse"
    assert verdict(-5.0, 2.0) == "worse"
    assert verdict(-5.0, float("nan")) == "perhaps worse"


def test_the_best_of_many_is_told_with_a_warning() -> None:
    def codes(laws: int) -> set[str]:
        rows = pd.DataFrame(
            {"verdict": ["best"] + ["worse"] * (laws - 1), "elpd_diff": -5.0}, index=range(laws)
        )
        return {note.code for note in order_notes(rows)}

    assert "selection" not in codes(5)
    assert "selection" in codes(6)
    assert "uncertain" not in codes(2)


def test_what_a_few_groups_decide_is_told() -> None:
    rows = pd.DataFrame(
        {"verdict": ["best", "perhaps worse"], "elpd_diff": [0, -25.1], "diff_se": [0, 51.6]},
        index=["one", "other"],
    )
    (note,) = order_notes(rows)
    assert note.code == "uncertain"
    assert "other predicts worse than one by 25.1, within two standard errors (52)" in note.message


def test_another_order_beyond_the_runs_is_told(answer: bl.Comparison) -> None:
    held_out = HeldOut("run", np.arange(60), parse_expression("6*N*D"))

    def told(extrapolation: pd.DataFrame) -> list[bl.Note]:
        table = answer.frame.copy()
        table["extrapolation_elpd"] = extrapolation.groupby("law")["elpd"].mean()
        found = extrapolation_notes(table, extrapolation, held_out)
        return [note for note in found if note.code == "order_changes"]

    assert not told(answer.extrapolation)
    turned = answer.extrapolation.copy()
    turned.loc[turned["law"] == "blind to data", "elpd"] += 10
    (note,) = told(turned)
    assert note.severity == "warning"
    assert f"{answer.best} predicts best within the runs, blind to data beyond" in note.message


def test_fits_without_some_runs_that_cannot_be_trusted_are_marked(answer: bl.Comparison) -> None:
    def left(law: str, untrusted: int, error: float) -> LeftOut:
        density = answer.pointwise[law]
        nothing = np.zeros(len(density))
        return LeftOut(density, nothing, nothing, nothing.astype(bool), untrusted, error)

    runs, over = answer.posteriors["chinchilla"].runs, parse_expression("6*N*D")
    cuts, _ = make_cuts(runs, over, (0.1, 0.4))
    held_out = HeldOut("run", np.arange(60), over, tuple(cuts))
    rows = answer.extrapolation.assign(trusted=answer.extrapolation["cut"] != "top 40%")
    scores = {}
    for law, posterior in answer.posteriors.items():
        part = left(law, 2, 1.5) if law == "chinchilla" else left(law, 0, 0)
        of_cuts = rows[rows["law"] == law].drop(columns="law").to_dict("records")
        scores[law] = LawScores(posterior, part, part, of_cuts, answer.held_out[law])
    table, ranked = rank(scores, held_out)
    assert table.loc["chinchilla", "notes"] == "refits_not_trusted"
    assert table.loc[TIED.name, "notes"] == ""
    pd.testing.assert_frame_equal(ranked, rows, check_dtype=False)
    found = comparison_notes(runs, scores, table, ranked, held_out)
    told = {note.code: note.message for note in found}
    assert told["refits_not_trusted"].startswith("chinchilla: 2 of the fits without some")
    assert "has a Monte-Carlo error of 1.5" in told["few_draws"]
    assert "leave out the top 40% of 6*N*D" in told["extrapolation_not_trusted"]


def test_as_plain_data(answer: bl.Comparison) -> None:
    data = json.loads(json.dumps(answer.to_dict()))
    assert [row["law"] for row in data["laws"]] == list(answer.frame.index)
    assert len(data["pointwise"]["chinchilla"]) == 60
    assert data["over"] == "6*N*D"


def test_a_fit_that_cannot_be_trusted_is_refused(
    table: bl.Runs, answer: bl.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = dict(answer.posteriors)
    note = bl.Note("rhat", "error", "R-hat is 2", "Draw more")
    fits["chinchilla"] = fits["chinchilla"].with_notes(note)
    references = []

    def untrusted(runs: bl.Runs, law: bl.Law, **options: Any) -> bl.Posterior:
        references.append(options["reference"])
        return fits[law.name]

    monkeypatch.setattr(COMPARE, "fit", untrusted)
    laws = ["chinchilla", TIED]
    with pytest.raises(PosteriorError, match=r"fit of 'chinchilla' cannot be trusted: R-hat is 2"):
        bl.compare(table, laws, cuts=(), **SHORT)
    references.clear()
    given = Reference(loss=3.0, at={"N": 1e9, "D": 1e10})
    forced = bl.compare(table, laws, cuts=(), force=True, reference=given, **SHORT)
    assert references == [given, given]
    assert forced.frame.loc["chinchilla", "notes"] == "not trusted: rhat"
    assert forced.frame.loc[TIED.name, "notes"] == ""
    assert not len(forced.extrapolation)
    assert forced.extrapolation_weights == {}


def test_what_cannot_be_compared_is_named(table: bl.Runs) -> None:
    chinchilla = bl.law("chinchilla")
    other = chinchilla.with_priors(alpha={"family": "lognormal", "median": 0.3, "factor": 2})
    for laws, said in (
        ("chinchilla", "is not a list of laws"),
        (None, "None is not a list of laws"),
        (["chinchilla"], "only 'chinchilla' to compare"),
        ([], "no law to compare"),
        (["chinchilla", "hoffmann2022"], "'chinchilla' is given twice. Give it once"),
        (["chinchilla", other], r"two different laws are called 'chinchilla'. Label them"),
        ({"a": "chinchilla", "b": chinchilla}, "'a' and 'b' are the same law"),
        (["chinchilla", "steplaw2025_lr"], "different quantities .chinchilla: loss; steplaw2025"),
        (["chinchilla", "nolaw"], "unknown law 'nolaw'"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.compare(table, laws)
    both = ["chinchilla", BLIND]
    with pytest.raises(TableError, match=r"the law 'zhao2025' needs 'N_a', 'G', 'S'.*skip_unfit"):
        bl.compare(table, [*both, "zhao2025"])
    with pytest.raises(RequestError, match=r"only 'chinchilla' .*: the law 'zhao2025' needs"):
        bl.compare(table, ["chinchilla", "zhao2025"], skip_unfit=True)
    with pytest.raises(RequestError, match=r"no variable 'Q'\. There are: N, D, loss"):
        bl.compare(table, both, over="N*Q")
    with pytest.raises(RequestError, match="names no variable"):
        bl.compare(table, both, over="3")
    with pytest.raises(FormulaError):
        bl.compare(table, both, over="N +")
    with pytest.raises(
        RequestError, match=r"too few runs to hold out the largest D: 8, of which 3"
    ):
        bl.compare(table.select(np.arange(60) < 8), both, over="D")
    with pytest.raises(RequestError, match=r"a share of 1\.5"):
        bl.compare(table, both, cuts=(1.5,))
    with pytest.raises(RequestError, match=r"cuts = 0\.2"):
        bl.compare(table, both, cuts=0.2)
    with pytest.raises(RequestError, match="ci_prob = 1"):
        bl.compare(table, both, ci_prob=1)
    with pytest.raises(TableError, match=r"2 runs\. Give 3 or more"):
        bl.compare(table.select(np.arange(60) < 2), both)
    with pytest.raises(RequestError, match=r"no groups to leave out .no grouping column"):
        bl.compare(table, both, leave="group")
    with pytest.raises(RequestError, match="leave = 'fold'"):
        bl.compare(table, both, leave="fold")
    with pytest.raises(RequestError, match="a DataFrame where runs belong"):
        bl.compare(table.table, both)


# --- new runs --------------------------------------------------------------------------------


def test_new_runs_of_the_same_law_pass(fitted: bl.Posterior) -> None:
    new = bl.simulate("chinchilla", rows=200, noise_sd=0.01, seed=11)
    found = bl.check_new_runs(fitted, new)
    # Within three standard errors of what was promised, and a little for the coefficients.
    assert found.coverage == pytest.approx(0.89, abs=3 * np.sqrt(0.89 * 0.11 / 200) + 0.02)
    assert stats.kstest(found.frame["pit"], "uniform").pvalue > 0.001
    assert found.frame["error"].std() == pytest.approx(1, abs=0.2)
    assert found.frame["inside"].mean() == found.coverage
    assert "where 178 were expected" in found.summary
    assert {note.code for note in found.notes}.isdisjoint({"too_narrow", "already_fitted"})
    json.dumps(found.to_dict())


def test_new_runs_that_fall_outside_are_told(fitted: bl.Posterior, table: bl.Runs) -> None:
    new = bl.simulate("chinchilla", rows=20, noise_sd=0.01, seed=12)
    higher = replace(new, table=new.table.assign(loss=1.05 * new.column("loss")))
    plain, found = bl.check_new_runs(fitted, new), bl.check_new_runs(fitted, higher)
    codes = {note.code: note.message for note in found.notes}
    assert found.coverage < 0.2
    assert "of 20 runs came out higher than the predicted median" in codes["one_sided"]
    assert "too_narrow" in codes
    # Whatever the noise of each run: all move up by the same distance, about five of its scales.
    ends = np.log(found.frame["high"] / found.frame["low"])
    moved = np.log(1.05) / (ends / (2 * stats.norm.ppf(0.945)))
    np.testing.assert_allclose(found.frame["error"] - plain.frame["error"], moved, rtol=1e-9)
    assert (moved > 3.5).all()
    assert (found.frame["pit"] > plain.frame["pit"]).all()
    assert found.frame["pit"].median() > 0.99
    assert "too few" in found.summary
    again = bl.check_new_runs(fitted, table.select(np.arange(60) < 7))
    assert "7 of the 7 runs are among those fitted to" in again.notes[-1].message


def test_distance_beyond_the_runs_is_told(fitted: bl.Posterior) -> None:
    far = bl.simulate("chinchilla", design={"N": [1e9, 1.6e12], "D": [1e10, 1e11]}, seed=1)
    found = bl.check_new_runs(fitted, far)
    assert found.frame["extrapolation_factor"].iloc[0] == 1
    largest = fitted.runs.column("N").max()
    assert found.frame["extrapolation_factor"].iloc[1] == pytest.approx(1.6e12 / largest)
    assert found.frame["variable"].tolist() == ["", "N"]
    assert "1 lie beyond the fitted runs" in found.summary


def test_what_cannot_be_checked_is_named(fitted: bl.Posterior, table: bl.Runs) -> None:
    with pytest.raises(RequestError, match="a dict where runs belong"):
        bl.check_new_runs(fitted, {"N": 1e9})
    with pytest.raises(TableError, match="a check of 'chinchilla' needs 'D'"):
        bl.check_new_runs(fitted, bl.read_runs(pd.DataFrame({"N": [1e9], "loss": [2.0]})))
    with pytest.raises(TableError, match="no runs to check"):
        bl.check_new_runs(fitted, table.select(np.zeros(60, dtype=bool)))


# --- picture and command ---------------------------------------------------------------------


def test_a_law_keeps_its_colour() -> None:
    both = style.law_styles(["chinchilla", "zhao2025"])
    assert style.law_styles(["zhao2025", "chinchilla"]) == both
    assert style.law_styles(["zhao2025"])["zhao2025"] == both["zhao2025"]
    many = style.law_styles(f"law {i}" for i in range(9))
    assert len({colour for colour, _ in many.values()}) == 9


def test_the_picture_shows_differences_weights_and_distances(answer: bl.Comparison) -> None:
    figure = bl.plots.comparison(answer)
    assert figure.get_figwidth() <= 4.2
    top, middle, bottom = figure.axes
    laws = list(answer.frame.index)
    colours = [style.law_styles(laws)[law][0] for law in laws]
    assert [text.get_text() for text in top.get_yticklabels()] == laws
    for place, law in enumerate(laws):
        bar = top.containers[place]
        assert bar.lines[0].get_xdata()[0] == pytest.approx(answer.frame.loc[law, "elpd_diff"])
        rows = answer.extrapolation[answer.extrapolation["law"] == law].sort_values(
            "extrapolation_factor"
        )
        line = bottom.get_lines()[place]
        np.testing.assert_allclose(line.get_ydata(), rows["crps"])
        assert to_hex(line.get_color()).upper() == colours[place]
    filled = [patch for patch in middle.patches if patch.get_facecolor()[3] == 1]
    assert [patch.get_width() for patch in filled] == pytest.approx(list(answer.weights.values()))
    assert [to_hex(patch.get_facecolor()).upper() for patch in filled] == colours
    inside = bl.plots.comparison(replace(answer, extrapolation=pd.DataFrame()))
    assert len(inside.axes) == 2


def test_the_command_says_the_same(
    answer: bl.Comparison, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}

    def compare(runs: bl.Runs, laws: list[str], **options: Any) -> bl.Comparison:
        asked.update(options, laws=laws, rows=len(runs))
        return answer

    monkeypatch.setattr(bl, "compare", compare)
    source, out, picture = (tmp_path / name for name in ("runs.csv", "laws.csv", "laws.png"))
    answer.posteriors["chinchilla"].runs.write(source)
    command = ["compare", str(source), "--laws", "chinchilla, zhao2025", "--skip-unfit"]
    result = CliRunner().invoke(app, [*command, "--json", "--over", "D", "--no-extrapolation"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["laws"][0]["law"] == answer.best
    assert asked["laws"] == ["chinchilla", "zhao2025"]
    assert (asked["rows"], asked["skip_unfit"], asked["cuts"]) == (60, True, ())
    options = ["--cuts", "0.1, 0.3", "--leave", "run", "--warmup", "200"]
    assert CliRunner().invoke(app, [*command, *options]).exit_code == 0
    assert (asked["cuts"], asked["leave"], asked["warmup"]) == ((0.1, 0.3), "run", 200)
    more = [f"--out={out}", f"--picture={picture}"]
    shown = CliRunner().invoke(app, [*command, *more])
    assert shown.exit_code == 0, shown.output
    assert "not distinguished" in shown.stdout
    assert "The largest 6*N*D held out" in shown.stdout
    assert pd.read_csv(out)["law"].tolist() == list(answer.frame.index)
    assert picture.stat().st_size > 5000
