"""Calibration: uniform ranks, simulated tables, what is kept, and what it says."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.checks.calibrate.outcomes import Outcomes, randomised_pit
from bayeslaw.checks.calibrate.quantities import larger_run
from bayeslaw.checks.calibrate.result import Calibration
from bayeslaw.checks.calibrate.simulation import Simulation, log_value
from bayeslaw.checks.calibrate.uniform import ecdf_band, ecdf_points, p_value
from bayeslaw.comparison.bayes_factors import move_priors
from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import BayesLawError, PosteriorError, RequestError
from bayeslaw.model.noise import Noise
from bayeslaw.model.specification import Specification
from bayeslaw.runs import ReferenceRun

mpl.use("Agg")
MODULE: Any = importlib.import_module("bayeslaw.checks.calibrate.calibrate")
QUICK = {"method": "laplace", "chains": 2, "draws": 500, "progress": False, "seed": 3}
LAW = "chinchilla"


@pytest.fixture(scope="module")
def plan() -> bl.Runs:
    """Thirty configurations; losses are not looked at."""
    return bl.simulate(LAW, rows=30, seed=5)


@pytest.fixture(scope="module")
def found(plan: bl.Runs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Calibration, Path]:
    """Forty simulations, kept in a folder."""
    folder = tmp_path_factory.mktemp("rounds")
    budget = bl.Budget(train_flops=1e22)
    return bl.calibrate(plan, LAW, tables=40, budget=budget, folder=folder, **QUICK), folder


# --- uniformity ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [15, 200])
def test_p_values_of_uniform_numbers_are_uniform_and_bands_hold_what_they_promise(
    count: int,
) -> None:
    rng, many = np.random.default_rng(1), 400
    low, high = ecdf_band(count, 0.9)
    small, inside = 0, 0
    for _ in range(many):
        numbers = rng.random(count)
        small += p_value(numbers) < 0.1
        share = np.searchsorted(np.sort(numbers), ecdf_points(count), side="right") / count
        inside += bool(np.all((share >= low - 1e-12) & (share <= high + 1e-12)))
    # Counts are discrete, so a band may hold a little more than it promises.
    error = np.sqrt(0.1 * 0.9 / many)
    assert small / many == pytest.approx(0.1, abs=4 * error)
    assert 0.9 - 4 * error < inside / many < 0.93 + 4 * error


def test_the_p_value_is_exact_where_it_can_be_counted() -> None:
    # Of two numbers, looked at in the middle: both below, or both above, half of the time.
    assert ecdf_points(2).tolist() == [0.5]
    assert p_value(np.array([0.1, 0.2])) == pytest.approx(0.5)
    assert p_value(np.array([0.1, 0.9])) == pytest.approx(1.0)


@pytest.mark.parametrize("power", [0.7, 1.4])
def test_numbers_that_are_not_uniform_are_found(power: float) -> None:
    many = [p_value(np.random.default_rng(seed).random(300) ** power) for seed in range(9)]
    assert np.median(many) < 1e-4


def test_a_truth_that_all_draws_share_is_anywhere() -> None:
    rng, draws = np.random.default_rng(3), np.full(99, np.inf)
    many = np.array([randomised_pit(draws, np.inf, rng) for _ in range(300)])
    assert p_value(many) > 1e-3
    assert randomised_pit(np.arange(99.0), 200.0, rng) > 0.99


# --- truths and tables ---------------------------------------------------------------------------


def test_tables_are_simulated_from_the_very_model_that_is_fitted(plan: bl.Runs) -> None:
    law = bl.law(LAW)
    reference = ReferenceRun.of(plan, law.variables)
    model, data = Specification(law, reference, Noise("student_t")).build(plan)
    # A floor far below zero takes the law's value there too.
    raws = [law.published(), {**law.published(), "E": -9.0}]
    for raw in raws:
        with compiled():
            expected = np.asarray(model.centre(raw, data))
        ours = log_value(law, plan.columns(law.variables), raw, reference.loss)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_truths_of_the_prior_have_its_quantiles_and_a_table_scatters_as_they_say(
    plan: bl.Runs,
) -> None:
    law = bl.law(LAW)
    columns = plan.columns(law.variables)
    reference = ReferenceRun.of(plan, law.variables)
    specification = Specification(law, reference, Noise("student_t"))
    truths = Simulation(specification, None, lambda i: columns)
    rng = np.random.default_rng(4)
    drawn = [truths.draw(rng) for _ in range(2000)]
    for name, site in (("alpha", "alpha"), ("A", "A_on"), ("E", "E_on")):
        share = np.mean([one[site] < law.parameters[name].prior.median for one in drawn])
        assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2000)), name
    quiet = {**law.published(), "noise_scale": 1e-9, "noise_df": 5.0}
    table = truths.table(quiet, plan.columns(law.variables), rng)
    np.testing.assert_allclose(
        table.column("loss"), law.predict(**plan.columns(law.variables)), rtol=1e-6
    )


def test_moving_the_medians_moves_each_by_its_own_spread() -> None:
    law = bl.law("zhao2025")
    moved = move_priors(law, shift=1.0)
    for name, entry in law.parameters.items():
        centre, spread, low = entry.prior.numbers
        after = moved.parameters[name].prior.numbers
        assert after == pytest.approx((centre + spread, spread, low)), name


def test_a_larger_run_takes_exactly_the_compute_that_is_asked_for() -> None:
    for name in ("zhao2025", "chinchilla", "ludziejewski2025"):
        law = bl.law(name)
        columns = bl.draw_design(law, "independent", 50, seed=1)
        at = larger_run(law, columns, 10.0)
        assert law.cost is not None
        cost = law.cost.expression
        assert float(cost(at)) == pytest.approx(10 * float(np.max(cost(columns))))
        if name == "zhao2025":
            largest = int(np.argmax(cost(columns)))
            assert at["N_a"] / at["N"] == pytest.approx(
                columns["N_a"][largest] / columns["N"][largest]
            )
            assert at["G"] == columns["G"][largest]


# --- the whole -----------------------------------------------------------------------------------


def test_under_its_own_prior_every_interval_is_right(found: tuple[Calibration, Path]) -> None:
    ours, _ = found
    assert ours.ranked
    assert not ours.nonuniform, ours.p_values
    frame = ours.to_frame()
    assert {"N*", "D*", "loss at 10x compute", "alpha", "A_on", "T", "log likelihood"} <= set(
        frame.index
    )
    assert ours.first == ("N*", "D*", "loss at 10x compute")
    # Three intervals of thirteen quantities: none is off by more than these many standard errors.
    assert frame["off"].abs().max() < 4.5
    assert ours.kept.sum() + sum(ours.left_out.values()) == ours.tables == 40
    assert "uniform at a simultaneous 99%" in ours.summary


def test_draws_that_are_too_narrow_are_found(
    plan: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(*args: Any, **options: Any) -> list[bl.Posterior]:
        fits = bl.fit_many(*args, **options)
        return [
            replace(
                one,
                draws={
                    **one.draws,
                    "alpha": 0.75 * one.draws["alpha"].mean() + 0.25 * one.draws["alpha"],
                },
            )
            for one in fits
        ]

    monkeypatch.setattr(MODULE, "fit_many", narrow)
    ours = bl.calibrate(plan, LAW, tables=40, compute_factor=None, **QUICK)
    assert "alpha" in ours.nonuniform
    assert ours.coverage("alpha", 0.89)[0] < 0.6
    (note,) = [note for note in ours.notes if note.code == "ranks"]
    assert note.severity == "error"
    assert "alpha" in note.message


def test_finished_rounds_are_read_and_others_added(
    plan: bl.Runs, found: tuple[Calibration, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, folder = found
    fitted: list[int] = []

    def counted(tables: Sequence[bl.Runs], *args: Any, **options: Any) -> list[bl.Posterior]:
        fitted.append(len(tables))
        return bl.fit_many(tables, *args, **options)

    monkeypatch.setattr(MODULE, "fit_many", counted)
    budget = bl.Budget(train_flops=1e22)
    options = {**QUICK, "budget": budget, "folder": folder}
    again = bl.calibrate(plan, LAW, tables=40, **options)
    assert not fitted
    np.testing.assert_array_equal(again.outcomes.pit, ours.outcomes.pit)
    assert again.outcomes.reasons == ours.outcomes.reasons
    more = bl.calibrate(plan, LAW, tables=43, **options)
    assert sum(fitted) <= 3
    np.testing.assert_array_equal(more.outcomes.pit[:40], ours.outcomes.pit)
    for path in folder.glob("*.npz"):
        path.write_bytes(b"cut")
    with pytest.raises(PosteriorError, match="cannot be read"):
        bl.calibrate(plan, LAW, tables=40, **options)


def test_an_executor_gives_the_same(plan: bl.Runs) -> None:
    options = {**QUICK, "tables": 6, "compute_factor": None}
    with ThreadPoolExecutor(2) as pool:
        theirs = bl.calibrate(plan, LAW, executor=pool, batch=3, **options)
    ours = bl.calibrate(plan, LAW, batch=2, **options)
    np.testing.assert_array_equal(theirs.outcomes.pit, ours.outcomes.pit)


class DiesOnce(ThreadPoolExecutor):
    """An executor that loses the worker of its second batch."""

    count = 0

    def submit(self, fn: Any, /, *args: Any, **options: Any) -> Any:
        self.count += 1
        if self.count == 2:
            raise BrokenExecutor("a worker died")
        return super().submit(fn, *args, **options)


def test_a_round_that_loses_a_worker_loses_one_batch(plan: bl.Runs, tmp_path: Path) -> None:
    options = {**QUICK, "tables": 6, "batch": 2, "compute_factor": None, "folder": tmp_path}
    with DiesOnce(1) as pool:
        with pytest.raises(RequestError, match=r"1 of 3 batches are lost \(tables from 2\)"):
            bl.calibrate(plan, LAW, executor=pool, **options)
        assert len(list(tmp_path.glob("*/*.npz"))) == 2
        pool.count = 2
        theirs = bl.calibrate(plan, LAW, executor=pool, **options)
        assert pool.count == 3
    # What belonged to the round alone is gone.
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
    assert theirs.outcomes.pit.shape[0] == 6


def test_truths_of_a_posterior_are_fitted_with_its_runs(
    plan: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior = bl.fit(plan, LAW, method="laplace", progress=False)
    seen: list[bl.Runs] = []

    def watched(tables: Sequence[bl.Runs], *args: Any, **options: Any) -> list[bl.Posterior]:
        seen.extend(tables)
        return bl.fit_many(tables, *args, **options)

    monkeypatch.setattr(MODULE, "fit_many", watched)
    ours = bl.calibrate(posterior, LAW, tables=3, **QUICK)
    assert ours.ranked
    for table in seen:
        assert len(table) == 60
        np.testing.assert_array_equal(table.column("loss")[:30], plan.column("loss"))
        assert not np.array_equal(table.column("loss")[30:], plan.column("loss"))
    at = ours.outcomes.names.index("alpha")
    assert set(ours.outcomes.truth[ours.kept, at]) <= set(posterior.draws["alpha"].ravel())
    other = bl.calibrate(
        bl.draw_design(LAW, "independent", 12), LAW, truth=posterior, tables=1, **QUICK
    )
    assert len(seen[-1]) == 42
    assert other.runs == 12


def test_at_given_coefficients_there_are_no_ranks_but_coverage_width_and_bias(
    plan: bl.Runs,
) -> None:
    ours = bl.calibrate(plan, LAW, truth="published", tables=8, noise_sd=0.01, **QUICK)
    assert not ours.ranked
    assert not ours.nonuniform
    frame = ours.to_frame()
    assert frame["p_value"].isna().all()
    assert "noise_scale" not in frame.index
    assert frame.loc["alpha", "truth"] == bl.law(LAW).published()["alpha"]
    assert (frame.loc["alpha", ["width_50", "width_89", "width_95"]].diff().dropna() > 0).all()


def test_what_cannot_be_fitted_is_counted_by_reason(
    plan: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(tables: Sequence[bl.Runs], *args: Any, **options: Any) -> list[bl.Posterior]:
        return [
            one.with_notes(bl.Note("no_finite_start", "error", "none"))
            if table.column("loss").max() > 4
            else one
            for table, one in zip(tables, bl.fit_many(tables, *args, **options), strict=True)
        ]

    monkeypatch.setattr(MODULE, "fit_many", picky)
    ours = bl.calibrate(plan, LAW, tables=8, **QUICK)
    assert 0 < ours.left_out["no_finite_start"] < 8
    assert ours.kept.sum() > 0
    assert any(note.code == "left_out" for note in ours.notes)
    absurd = {**bl.law(LAW).published(), "E": 1e5}
    none = bl.calibrate(plan, LAW, truth=absurd, tables=2, **QUICK)
    assert none.left_out == {"losses": 2}


def test_no_truth_is_left_out_for_its_noise(plan: bl.Runs) -> None:
    # Noise of a tenth of the loss is an error of a real table.
    noisy = bl.simulate(LAW, design=plan.columns(["N", "D"]), noise_sd=0.1, seed=1)
    posterior = bl.fit(noisy, LAW, method="laplace", progress=False)
    assert "residuals_too_wide" in {note.code for note in posterior.notes}
    ours = bl.calibrate(plan, LAW, truth="published", tables=2, noise_sd=0.1, **QUICK)
    assert "residuals_too_wide" not in " ".join(ours.left_out)


def test_no_truth_is_left_out_for_having_no_optimum() -> None:
    ours = bl.calibrate(
        "independent",
        "zhao2025",
        rows=40,
        tables=8,
        at={"N": 30e9},
        quantities={"ln N_a*": "ln(shape*k + c) - ln(shape*h)"},
        **QUICK,
    )
    # Whether or not each fit can be trusted.
    fitted = [reason != "losses" for reason in ours.outcomes.reasons]
    truths = ours.outcomes.truth[fitted]
    assert len(truths) > 4
    assert not np.isnan(truths).any()
    assert ours.first == ("G*", "S*", "N_a/N*", "loss at 10x compute")
    assert "ln N_a*" in ours.outcomes.names


def test_a_calibration_without_a_fit_says_so() -> None:
    nothing = np.full((2, 1), np.nan)
    empty = Outcomes(
        ("alpha",), nothing, nothing, nothing, np.full((2, 1, 3), np.nan), ("losses",) * 2, (0, 0)
    )
    ours = Calibration("own", 5, "truths from the prior", True, (), empty, {}, ())
    assert [note.code for note in ours.notes] == ["no_fits"]
    assert "2 for losses" in ours.summary
    assert not len(ours.to_frame())
    with pytest.raises(RequestError, match="nothing to draw"):
        bl.plots.calibration(ours)


def test_the_picture_names_what_is_asked_first(found: tuple[Calibration, Path]) -> None:
    import matplotlib.pyplot as plt

    figure = bl.plots.calibration(found[0])
    left, right = figure.axes
    # Off the curves, wherever these run.
    assert left.get_legend() is None
    (legend,) = figure.legends
    figure.canvas.draw()
    assert legend.get_window_extent().y1 < min(one.get_tightbbox().y0 for one in (left, right))
    assert [text.get_text() for text in legend.get_texts()] == list(found[0].first)
    assert len(right.lines) == len(found[0].quantities) + 2
    plt.close(figure)
    with pytest.raises(RequestError, match="no quantity 'beta2'"):
        bl.plots.calibration(found[0], names=["beta2"])


@pytest.mark.parametrize(
    ("design", "options", "said"),
    [
        ("random", {}, "unknown design 'random'"),
        ({"N": [1e9]}, {}, "needs 'D'"),
        ({"N": [1e9], "D": [-1.0]}, {}, "D = -1"),
        ("independent", {"truth": "posterior"}, "truth = 'posterior'"),
        ("independent", {"truth": {"E": 1.8}}, "no value of A, B"),
        ("independent", {"method": "mode"}, "mode has no intervals"),
        ("independent", {"tables": 0}, "tables = 0"),
        ("independent", {"draws": 200}, "no fit could be trusted"),
        ("independent", {"compute_factor": 0.5}, "compute_factor = 0.5"),
        ("independent", {"noise_sd": 0}, "noise_sd = 0"),
        ("independent", {"prior_shift": "up"}, "prior_shift = 'up'"),
        ("independent", {"quantities": {"x": "gamma + 1"}}, "reads 'gamma'"),
        ("independent", {"at": {"G": 3}}, "G"),
        ("independent", {"rows": 0}, "rows = 0"),
    ],
)
def test_bad_input_is_refused_before_anything_is_fitted(
    design: Any, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "fit_many", None)
    with pytest.raises(BayesLawError, match=said):
        bl.calibrate(design, LAW, **{**QUICK, "tables": 2, **options})


def test_a_posterior_of_another_model_is_refused(posterior: bl.Posterior) -> None:
    for law, options, said in (
        (LAW, {}, "a posterior of zhao2025, and the law chinchilla"),
        ("zhao2025", {"noise": "normal"}, "noise student_t, and noise='normal'"),
        ("zhao2025", {"prior_shift": 1}, "priors as they are"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.calibrate(posterior, law, **QUICK, **options)


def test_truths_that_a_law_misses_are_simulated_and_held(plan: bl.Runs) -> None:
    options = {"tables": 60, "method": "laplace", "chains": 1, "draws": 1000, "seed": 3}
    plain = bl.calibrate(plan, LAW, noise="normal", discrepancy="gp", **options)
    frame = plain.to_frame()
    assert {"misfit_scale", "misfit_length_N", "misfit_length_D"} <= set(frame.index)
    # Of sixty tables; the approximation is no exact draw, so that five standard errors are given.
    kept = frame.loc[["alpha", "beta", "E"], "coverage_89"]
    assert (np.abs(kept - 0.89) < 5 * np.sqrt(0.89 * 0.11 / plain.kept.sum())).all()
    # The same truths fitted without it: many intervals miss.
    truths = bl.calibrate(plan, LAW, noise="normal", **options).to_frame()
    assert truths.loc["alpha", "width_89"] != frame.loc["alpha", "width_89"]


def test_a_design_has_no_groups(plan: bl.Runs) -> None:
    with pytest.raises(RequestError, match="does not state the groups of its runs"):
        bl.calibrate(plan, LAW, discrepancy=["gp", "group"])


def test_truths_of_a_posterior_with_a_discrepancy_are_refused(plan: bl.Runs) -> None:
    runs = bl.simulate(LAW, rows=20, noise_sd=0.003, seed=1)
    posterior = bl.fit(runs, LAW, method="laplace", discrepancy="gp", seed=1)
    with pytest.raises(RequestError, match="truths of a posterior with a discrepancy"):
        bl.calibrate(posterior, LAW)
