"""Draws without an optimum, and draws that do not converge."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from optima import SIZE, TOLERANCE, closed, jittered, made, message

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.optimum.search import Solution, minimise


def falling(share: float, slope: float) -> tuple[bl.Posterior, np.ndarray]:
    """A law with one valley in N where q > 0, and none where q < 0; N's optimum by draw."""
    law = bl.Law.from_formula(
        "E + A/N**alpha + q*ln(N)",
        variables=["N"],
        priors={"q": {"family": "normal", "mean": 0, "sd": 0.1}},
    )
    values = {"E": 1.0, "A": 400.0, "alpha": 0.3, "q": 0.05}
    runs = bl.simulate(law, design={"N": np.geomspace(1e8, 1e10, 30)}, coefficients=values, seed=6)
    raw = jittered(values, 0.05, 7)
    lost = np.random.default_rng(8).permutation(SIZE) < round(share * SIZE)
    raw["q"] = np.where(lost, slope, raw["q"])
    ratio = np.where(lost, 1.0, raw["alpha"] * raw["A"] / raw["q"])
    best = np.where(lost, np.inf, ratio ** (1 / raw["alpha"]))
    return made(law, runs, raw), best


def test_draws_without_optimum_count_as_beyond_the_others() -> None:
    posterior, best = falling(0.2, -0.01)
    answer = bl.optimum(posterior)
    found = answer.quantities["N"]
    assert found.shares == {"interior": 0.8, "at_bound": 0.0, "none": 0.2, "not_converged": 0.0}
    assert found.status == "unbounded"
    assert np.isinf(found.high)
    assert "no optimum in 20% of draws" in str(found)
    assert "no optimum in 20% of draws" in answer.summary
    kept = np.isfinite(best)
    np.testing.assert_allclose(answer.draws["N"][kept], best[kept], rtol=1e-5)
    assert (answer.draws["N"][~kept] > best[kept].max()).all()
    # The median of all draws is their 62.5% quantile among those that have an optimum.
    ordered = np.sort(best)
    assert ordered[SIZE // 2 - 1] <= found.median * (1 + TOLERANCE)
    assert found.median <= ordered[SIZE // 2] * (1 + TOLERANCE)
    assert found.high > best[kept].max()
    assert "20% of draws have no optimum of N" in message(answer, "no_optimum")


@pytest.mark.parametrize("share", [0.05, 0.06, 0.2])
def test_an_end_beyond_every_bound_is_infinite(share: float) -> None:
    posterior, best = falling(share, -0.01)
    found = bl.optimum(posterior).quantities["N"]
    expected = interval(best)
    assert (found.low, found.median, found.high) == pytest.approx(tuple(expected), rel=1e-5)


def test_a_law_that_falls_below_zero_has_no_optimum() -> None:
    posterior, _ = falling(0.2, -0.2)
    assert bl.optimum(posterior).quantities["N"].shares["none"] == 0.2


@pytest.mark.parametrize(
    "slope",
    [
        -0.01,
        -0.2,
    ],
)
def test_an_unbounded_question_is_an_error(slope: float) -> None:
    posterior, _ = falling(0.6, slope)
    with pytest.raises(RequestError, match=r"its loss decreases monotonically in N.*60% of draws"):
        bl.optimum(posterior)


def test_draws_that_do_not_converge_are_left_out_and_said(
    thin: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("bayeslaw.optimum.optimise")

    def stuck(count: int) -> bl.Optimum:
        def half(problems: Any, raw: Any) -> list[Solution]:
            (found,) = minimise(problems, raw)
            converged = found.converged.copy()
            converged[:count] = False
            return [replace(found, converged=converged)]

        monkeypatch.setattr(module, "minimise", half)
        return bl.optimum(thin, at={"N": 30e9})

    answer, sound = stuck(10), closed(thin.coefficients(), 30e9)["G"]
    G = answer.quantities["G"]
    assert np.isnan(answer.draws["G"][:10]).all()
    assert G.shares["not_converged"] == pytest.approx(10 / SIZE, abs=1e-12)
    assert (G.low, G.median, G.high) == pytest.approx(tuple(interval(sound[10:])), rel=TOLERANCE)
    notes = [note for note in answer.notes if note.code == "search"]
    assert [note.severity for note in notes] == ["error"] * 3
    assert "G did not converge in 5% of draws, which are excluded" in notes[0].message
    assert [n.severity for n in stuck(1).notes if n.code == "search"] == ["warning"] * 3


def test_no_draw_that_converges(thin: bl.Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(problems: Any, raw: Any) -> list[Solution]:
        (found,) = minimise(problems, raw)
        return [replace(found, converged=np.zeros(len(raw["e"]), bool))]

    monkeypatch.setattr(importlib.import_module("bayeslaw.optimum.optimise"), "minimise", stuck)
    answer = bl.optimum(thin, at={"N": 30e9})
    assert {one.status for one in answer.quantities.values()} == {"not_converged"}
    assert np.isnan(answer.quantities["G"].median)
