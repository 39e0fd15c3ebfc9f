"""One call from a table to an answer: laws, origins, weights, and what is kept."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.study.backtest import Block, scale_likelihood, weigh
from bayeslaw.study.candidates import has_floor, study_laws
from bayeslaw.study.origins import find_origins

LAWS = ["chinchilla", "skaling2026"]
RUNS = bl.simulate("chinchilla", rows=60, noise_sd=0.002, seed=3)
BUDGET = bl.Budget(train_flops=1e24)


@pytest.fixture(scope="module")
def study() -> bl.Study:
    return bl.study(RUNS, laws=LAWS, budget=BUDGET, seed=1, progress=False)


def block(crps: float, error: float = 0.0, doublings: float = 2.0) -> Block:
    """Five runs of one origin that err alike."""
    each = np.ones(5)
    return Block(
        direction="N*D high",
        fitted_to=20,
        rows=np.arange(5),
        error=error * each,
        sd=1e-4 * each,
        doublings=doublings * each,
        crps=crps,
        inside=each > 0,
    )


def test_a_dense_table_gets_the_laws_of_n_and_d() -> None:
    laws, notes = study_laws(RUNS, None, "loss")
    assert {law.name for law in laws} == {"chinchilla", "farseer2025", "skaling2026"}
    left = " ".join(note.message for note in notes)
    assert "krajewski2024_dense (it has the form of chinchilla)" in left


def test_a_table_of_five_variables_gets_laws_that_read_all() -> None:
    laws, notes = study_laws(bl.simulate("zhao2025", rows=30, seed=1), None, "loss")
    assert {law.name for law in laws} == {"zhao2025", "zhao2025_power", "zhao2025_untied"}
    left = [note.message for note in notes]
    assert len(left) == 1
    assert "chinchilla, farseer2025" in left[0]
    assert "(it does not read G, N_a, S, which vary, and zhao2025 does)" in left[0]


def test_dense_laws_are_left_out_where_active_parameters_vary() -> None:
    runs = bl.simulate("ludziejewski2025", rows=30, seed=1)
    table = runs.table.assign(N=runs.column("N_a") * runs.column("E"))
    laws, _ = study_laws(bl.read_runs(table), None, "loss")
    names = {law.name for law in laws}
    assert "wang2024" in names
    assert not {"chinchilla", "skaling2026"} & names


def test_runs_whose_parameters_are_all_active_are_dense() -> None:
    table = RUNS.to_frame()[["N", "D", "loss"]]
    dense, _ = study_laws(bl.read_runs(table), None, "loss")
    counted = table.assign(N_a=table["N"], E=1.0, sparsity=0.0, granularity=1.0)
    laws, notes = study_laws(bl.read_runs(counted), None, "loss")
    assert [law.name for law in laws] == [law.name for law in dense]
    assert "(it reads N_a, and the runs are dense (N_a = N))" in notes[0].message


def test_laws_without_floor_are_left_out() -> None:
    assert has_floor(bl.law("wang2024"))
    assert has_floor(bl.law("liew2025"))
    assert not has_floor(bl.law("clark2022"))


def test_a_table_without_sizes_is_asked_for_them() -> None:
    runs = bl.read_runs(pd.DataFrame({"S": [0.1, 0.2, 0.3], "loss": [3.0, 2.9, 2.8]}))
    with pytest.raises(TableError, match=r"a study needs 'N', 'D', .*columns=\{\"N\": "):
        bl.study(runs, progress=False)


def test_origins_lie_in_several_directions_and_hold_out_what_is_beyond() -> None:
    origins = find_origins(RUNS, ["N", "D"], 10)
    assert {"N*D high", "N high", "D high"} <= {origin.direction for origin in origins}
    assert any("fixed compute" in origin.direction for origin in origins)
    for origin in origins:
        if origin.direction == "N high":
            n = RUNS.column("N")
            assert n[origin.held].min() > n[~origin.held].max()


def test_weights_are_inverse_to_past_errors_and_shrunk_to_equal() -> None:
    past = {"near": [block(0.001)] * 6, "far": [block(0.004)] * 6}
    weights = weigh(past)
    # A factor of four in error, over six origins and three that show none.
    assert weights["near"] / weights["far"] == pytest.approx(4 ** (6 / 9))
    few = weigh({name: blocks[:1] for name, blocks in past.items()})
    assert few["near"] / few["far"] == pytest.approx(4 ** (1 / 4))
    # Origins that a law cannot be fitted short of say nothing.
    gone = weigh({"near": [block(0.001), None], "far": [None, block(0.004)]})
    assert gone == {"near": 0.5, "far": 0.5}


@pytest.mark.parametrize("size", [0.0005, 0.02])
def test_past_errors_move_the_scale_towards_them(size: float) -> None:
    prior = bl.field_prior("mixture")
    likelihood = scale_likelihood(
        {"law": [block(0.001, size), block(0.001, -size)]}, {"law": 1.0}, prior
    )
    log_scale, density = prior.grid
    weight = np.exp(density + likelihood - np.max(density + likelihood))
    moved = float(weight @ log_scale / weight.sum()) - np.log(prior.scale)
    implied = np.log(size / 2**prior.power / prior.scale)
    # A calm past of two origins proves less than a rough one.
    assert np.sign(moved) == np.sign(implied)
    assert abs(moved) < abs(implied)


def test_the_answer_holds_more_than_one_law_alone(study: bl.Study) -> None:
    assert study.optimum is not None
    alone = bl.fit(RUNS, "chinchilla", method="laplace", seed=1, progress=False)
    single = bl.optimum(alone, budget=BUDGET).quantities["N"]
    whole = study.optimum.quantities["N"]
    truth = 1e24
    A, B, alpha, beta = (bl.law("chinchilla").published()[n] for n in ("A", "B", "alpha", "beta"))
    best = (alpha * A / (beta * B)) ** (1 / (alpha + beta)) * (truth / 6) ** (beta / (alpha + beta))
    assert whole.low < best < whole.high
    assert np.log(whole.high / whole.low) > 1.5 * np.log(single.high / single.low)


def test_the_summary_states_distance_weights_and_past(study: bl.Study) -> None:
    assert "times beyond the runs" in study.summary
    assert f"chinchilla {100 * study.weights['chinchilla']:.0f}%" in study.summary
    assert "of the runs beyond" in study.summary
    assert sum(study.weights.values()) == pytest.approx(1.0)
    assert set(study.back_test.columns) >= {"direction", "doublings", "coverage", "width"}
    data = study.to_dict()
    assert data["weights"] == study.weights
    assert data["answers"]


def test_predictions_widen_with_the_distance(study: bl.Study) -> None:
    size = np.array([1e9, 1e11, 1e13])
    bands = study.predict({"N": size, "D": 20 * size}, level="run")
    width = np.log(bands["high"] / bands["low"])
    assert (np.diff(width) > 0).all()
    law = study.predict({"N": size, "D": 20 * size}, level="law")
    assert (np.log(law["high"] / law["low"]) <= width + 1e-3).all()


def test_an_interrupted_study_goes_on_to_the_same_answer(
    study: bl.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"laws": LAWS, "budget": BUDGET, "seed": 1, "progress": False}
    bl.study(RUNS, folder=tmp_path, **options)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(sys.modules["bayeslaw.study.study"], "fit", refuse)
    again = bl.study(RUNS, folder=tmp_path, **options)
    assert again.weights == pytest.approx(study.weights)
    assert again.optimum is not None
    assert study.optimum is not None
    for name, quantity in study.optimum.quantities.items():
        np.testing.assert_allclose(again.optimum.quantities[name].draws, quantity.draws)


def test_a_damaged_file_of_a_finished_fit_is_made_again(tmp_path: Path) -> None:
    options: dict[str, Any] = {"laws": ["chinchilla"], "seed": 1, "progress": False}
    first = bl.study(RUNS, folder=tmp_path, **options)
    (kept,) = tmp_path.glob("fit-*.nc")
    kept.write_bytes(kept.read_bytes()[:200])
    again = bl.study(RUNS, folder=tmp_path, **options)
    assert first.posteriors[0].draws["E"] == pytest.approx(again.posteriors[0].draws["E"])


def test_a_law_that_fails_leaves_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    from bayeslaw.inference.fit import fit

    def failing(runs: bl.Runs, law: bl.Law, **options: Any) -> bl.Posterior:
        if law.name == "skaling2026":
            raise RequestError("its density is finite nowhere", place="fit")
        return fit(runs, law, **options)

    monkeypatch.setattr(sys.modules["bayeslaw.study.study"], "fit", failing)
    found = bl.study(RUNS, laws=LAWS, seed=1, progress=False)
    assert list(found.weights) == ["chinchilla"]
    (note,) = [note for note in found.notes if note.code == "law_failed"]
    assert "skaling2026 leaves the study: its density is finite nowhere" in note.message


def test_few_runs_have_the_fields_prior_alone() -> None:
    runs = RUNS.select(np.arange(len(RUNS)) < 9)
    found = bl.study(runs, laws=["chinchilla"], seed=1, progress=False)
    assert "no_origins" in {note.code for note in found.notes}
    error = found.posteriors[0].extrapolation
    assert error is not None
    prior = bl.field_prior("law")
    # The median of 2,000 draws of the scale has an error of 3% of the spread.
    assert np.median(np.log(error.scale)) == pytest.approx(np.log(prior.scale), abs=0.1)


def test_a_frame_is_read_and_a_missing_column_is_named() -> None:
    frame = RUNS.table[["N", "loss"]]
    with pytest.raises(TableError, match="D"):
        bl.study(frame, laws=["chinchilla"], progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"laws": []}, "no laws"),
        ({"laws": ["chinchila"]}, "unknown law 'chinchila'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        bl.study(RUNS, progress=False, **options)


def test_a_law_without_optimum_leaves_the_answer_with_a_note() -> None:
    # The floor of farseer2025 falls with N for ever: at a budget it has no optimum.
    laws = [*LAWS, "farseer2025"]
    runs = bl.simulate("farseer2025", rows=60, noise_sd=0.002, seed=4)
    found = bl.study(runs, laws=laws, budget=BUDGET, seed=1, progress=False)
    assert found.optimum is not None
    dropped = [note.message for note in found.notes if note.code == "law_dropped"]
    if "farseer2025" in found.weights:
        assert any("farseer2025 is dropped" in message for message in dropped)
    assert np.isfinite(found.optimum.quantities["N"].draws).all()


def test_a_table_that_no_law_suits_is_refused_with_reasons() -> None:
    runs = bl.simulate("zhao2025", rows=60, seed=7)
    table = runs.table[["N_a", "D", "G", "loss"]]
    with pytest.raises(bl.BayesLawError, match=r"no law suits a? ?DataFrame: \w+.* \(it "):
        bl.study(table)


def test_a_cap_on_what_no_law_reads_is_refused_before_any_fit() -> None:
    budget = bl.Budget(train_flops=1e22, max_active="1B")
    with pytest.raises(bl.BayesLawError, match=r"no law of the study \(chinchilla\) reads N_a"):
        bl.study(RUNS, laws=["chinchilla"], budget=budget)


def test_it_is_shown_briefly_and_as_plain_data(study: bl.Study) -> None:
    text = repr(study)
    assert len(text.splitlines()) <= 6
    assert text.startswith("Study(60 simulated runs: chinchilla ")
    assert "best N = " in text
    html = study._repr_html_()
    assert html.count("<table") == 2
    assert "times beyond the runs in" in html
    data = study.to_dict()
    assert [row["quantity"] for row in data["answers"]] == ["N", "D"]
    assert len(data["back_test"]) == len(study.back_test)
    assert data["prior"]["scale"] == study.prior.scale
    json.dumps(data)


def test_optima_are_of_laws_beside_their_misfit_and_predictions_of_laws_alone(
    study: bl.Study,
) -> None:
    assert study.misfit_posterior is study.posterior
    waves = np.sin(2 * np.log(RUNS.column("N"))) + np.cos(2 * np.log(RUNS.column("D")))
    bent = bl.read_runs(RUNS.table.assign(loss=RUNS.column("loss") * np.exp(0.004 * waves)))
    found = bl.study(bent, laws=["chinchilla"], budget=BUDGET, seed=1, progress=False)
    assert found.optimum is not None
    assert isinstance(found.misfit_posterior, bl.Posterior)
    assert found.misfit_posterior.discrepancy is not None
    assert found.posteriors[0].discrepancy is None
    assert "optima_beside_misfit" in {note.code for note in found.notes}
    plain = bl.optimum(found.posterior, budget=BUDGET).quantities["N"]
    best = found.optimum.quantities["N"]
    assert np.log(best.high / best.low) > np.log(plain.high / plain.low)


def test_what_is_wrong_with_the_table_takes_no_law_out() -> None:
    rng = np.random.default_rng(0)
    scattered = RUNS.table.assign(loss=RUNS.column("loss") * np.exp(0.15 * rng.standard_normal(60)))
    found = bl.study(bl.read_runs(scattered), laws=LAWS, seed=1, progress=False)
    assert "residuals_too_wide" in {note.code for note in found.notes}
    assert set(found.weights) == set(LAWS)
