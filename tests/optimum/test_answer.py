"""What an optimum states of itself: prior, extrapolation, convergence, plain data."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from optima import closed, codes, message, with_small_prior

import bayeslaw as bl
from bayeslaw.core.intervals import interval
from bayeslaw.core.quantities import count


def held_constant(posterior: bl.Posterior, **values: float) -> bl.Posterior:
    """The same posterior with a table in which some variables never varied."""
    runs = posterior.runs
    runs = replace(runs, table=runs.table.assign(**values))
    return with_small_prior(replace(posterior, runs=runs))


def test_a_variable_that_never_varied_is_the_priors(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.2), at={"N": 3e9})
    status = {name: one.status for name, one in answer.quantities.items()}
    assert status == {"G": "interior", "S": "prior_only", "N_a/N": "interior"}
    (note,) = [note for note in answer.notes if note.code == "depends_on_prior"]
    assert note.severity == "warning"
    assert "G, N_a/N: the optimum depends on that of S, which never varied" in note.message
    assert "Fix S with at= or --at" in note.remedy


def test_two_variables_that_never_varied(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.0, G=8.0), at={"N": 3e9})
    status = {name: one.status for name, one in answer.quantities.items()}
    assert status == {"G": "prior_only", "S": "prior_only", "N_a/N": "interior"}
    assert "N_a/N: the optimum depends on that of" in message(answer, "depends_on_prior")


def test_a_variable_that_never_varied_has_no_factor(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.0), at={"N": 3e9})
    median = answer.quantities["S"].median
    said = message(answer, "extrapolation")
    assert f"S = {count(median, 4)} differs from every run: all have S = 0: the interval" in said


def test_fixing_it_leaves_it_out(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.2), at={"N": 3e9, "S": 0.2, "G": 8})
    assert {one.status for one in answer.quantities.values()} == {"interior"}
    assert "depends_on_prior" not in codes(answer)


def test_what_is_held_at_the_reference_is_said(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, at={"N": 3e9})
    D = thin.reference.at["D"]
    assert f"does not name it: D = {count(D, 4)}" in message(answer, "held_at_reference")
    assert answer.at == {"N": 3e9, "D": D}
    assert "held_at_reference" not in codes(bl.optimum(thin, at={"N": 3e9, "D": 2e10}))


@pytest.mark.parametrize(("factor", "side"), [(9.0, "largest"), (1 / 4, "smallest")])
def test_extrapolation_is_said_with_its_factor(
    thin: bl.Posterior, factor: float, side: str
) -> None:
    seen = thin.runs.column("N")
    N = factor * (seen.max() if factor > 1 else seen.min())
    found = bl.optimum(thin, at={"N": N, "D": 2e10}).notes
    said = next(note.message for note in found if note.code == "extrapolation")
    times = max(factor, 1 / factor)
    assert f"N = {count(N, 4)} parameters is {times:.3g} times beyond the {side} run" in said


def test_no_extrapolation_next_to_the_runs(thin: bl.Posterior) -> None:
    for N in (thin.runs.column("N").max() * 1.4, 1e9, thin.runs.column("N").min() / 1.4):
        assert "extrapolation" not in codes(bl.optimum(thin, at={"N": N, "D": 2e10}))


def test_the_worst_of_two_extrapolations_hides_neither(thin: bl.Posterior) -> None:
    notes = bl.optimum(thin, at={"N": 1e12, "D": 1e13}).notes
    said = [note.message[:3] for note in notes if note.code == "extrapolation"]
    # N_a is what N_a/N makes of N.
    assert said == ["N =", "D =", "N_a"]
    assert bl.optimum(thin, at={"N": 1e12}).extrapolation_factor["N_a"] > 100


def test_an_optimum_beyond_the_runs_is_said(dense: bl.Posterior) -> None:
    answer = bl.optimum(dense, budget=bl.Budget(train_flops=1e26))
    said = [note.message for note in answer.notes if note.code == "extrapolation"]
    for name, text in zip(("N", "D"), said, strict=True):
        median = answer.quantities[name].median
        times = median / dense.runs.column(name).max()
        assert times > 5
        assert text.startswith(f"{name} = {count(median, 4)} ")
        assert f"is {times:.3g} times beyond the largest run" in text


def test_the_runs_narrow_the_prior(posterior: bl.Posterior) -> None:
    answer = bl.optimum(posterior, at={"N": 30e9})
    # Of the prior, the first thousand draws are carried to their optima.
    raw = {name: posterior.prior[name][:1000] for name in posterior.law.parameters}
    prior = closed(raw, 30e9)
    for name in ("G", "S", "N_a/N"):
        found = answer.quantities[name]
        assert found.prior_high - found.prior_low > 3 * (found.high - found.low)
        assert found.prior_low < found.low
        assert found.high < found.prior_high
    # The prior's is the push-forward of the prior's own draws.
    G = answer.quantities["G"]
    low, _, high = interval(prior["G"])
    assert (G.prior_low, G.prior_high) == pytest.approx((low, high), rel=0.02)  # few are stuck


def test_notes_of_the_posterior_come_first(thin: bl.Posterior) -> None:
    noted = with_small_prior(thin.with_notes(bl.Note("mine", "error", "a remark")))
    answer = bl.optimum(noted, at={"N": 3e9})
    assert answer.notes[: len(noted.notes)] == noted.notes


def test_chains_that_disagree_on_the_optimum_are_an_error(thin: bl.Posterior) -> None:
    f = thin.draws["f"] * np.array([[1.0], [1.0], [1.0], [2.0]])
    stuck = with_small_prior(replace(thin, draws={**thin.draws, "f": f}))
    answer = bl.optimum(stuck, at={"N": 3e9})
    (note,) = [n for n in answer.notes if n.code == "rhat" and "the optimum" in n.message]
    assert note.severity == "error"
    assert "above 1.01 for G" in note.message


def test_wider_probability_wider_interval(thin: bl.Posterior) -> None:
    half = bl.optimum(thin, at={"N": 3e9}, ci_prob=0.5)
    most = bl.optimum(thin, at={"N": 3e9}, ci_prob=0.95)
    assert (half.ci_prob, most.ci_prob) == (0.5, 0.95)
    for name, draws in half.draws.items():
        a, b = half.quantities[name], most.quantities[name]
        assert b.low < a.low < a.median < a.high < b.high
        assert np.mean((draws > a.low) & (draws < a.high)) == pytest.approx(0.5, abs=0.01)


def test_as_plain_data(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, at={"N": 30e9})
    data = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    parts = {"quantities", "efficient", "near_optimal", "active_caps", "predicted_interval", "at"}
    assert set(data) == {
        *parts,
        "extrapolation_factor",
        "distance",
        "level",
        "notes",
        "budget",
        "ci_prob",
    }
    assert list(data["quantities"]) == ["G", "S", "N_a/N"]
    for name, one in data["quantities"].items():
        keys = {"median", "low", "high", "status", "shares", "prior_low", "prior_high", "published"}
        keys |= {"rhat", "ess_bulk", "ess_tail", "mcse_low", "mcse_high"}
        assert set(one) == keys
        assert one["median"] == answer.quantities[name].median
        assert one["low"] < one["median"] < one["high"]
        assert set(one["shares"]) == {"interior", "at_bound", "none", "not_converged"}
    assert data["ci_prob"] == 0.89
    assert data["budget"] == {}
    assert set(data["predicted_interval"]) == {"of", "median", "low", "high"}
    assert data["predicted_interval"]["of"] == "loss"
    assert (
        data["predicted_interval"]["low"]
        < data["predicted_interval"]["median"]
        < data["predicted_interval"]["high"]
    )
    for note in data["notes"]:
        assert set(note) == {"code", "severity", "message", "remedy"}


def test_as_a_table(thin: bl.Posterior) -> None:
    frame = bl.optimum(thin, at={"N": 30e9}).to_frame()
    assert list(frame.index) == ["G", "S", "N_a/N"]
    assert frame.loc["G", "interior"] == 1
    assert frame.loc["G", "published"] == pytest.approx(6.778, abs=1e-3)


def test_the_same_question_has_the_same_answer(thin: bl.Posterior) -> None:
    first, second = (bl.optimum(thin, at={"N": 30e9}) for _ in range(2))
    assert first.quantities == second.quantities


def test_how_far_the_answer_lies_beyond_the_runs(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, budget=bl.Budget(train_flops=1e24, max_params=1e11))
    for name in ("N", "N_a", "D"):
        far = answer.quantities[name].median / thin.runs.column(name).max()
        assert answer.extrapolation_factor[name] == pytest.approx(far)
    assert answer.extrapolation_factor["G"] == answer.extrapolation_factor["S"] == 1


def test_what_moves_along_a_cap_has_no_range_of_its_own(thin: bl.Posterior) -> None:
    """With N = 20 N_a binding, neither can leave its optimum alone; G and S can."""
    budget = bl.Budget(train_flops=1e22, max_total_per_active=20)
    answer = bl.optimum(thin, budget=budget)
    assert set(answer.near_optimal) == {"G", "S"}
    (note,) = [note for note in answer.notes if note.code == "moves_along_a_cap"]
    assert (
        "near-optimal ranges are not reported for N and N_a: an active cap ties them"
        in note.message
    )
