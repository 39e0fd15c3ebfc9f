"""Extrapolation: what is held out, and that training never sees it."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.comparison.extrapolation import levels, make_cuts, ordering
from bayeslaw.formula import parse_expression
from bayeslaw.runs import ReferenceRun

EXTRAPOLATION: Any = importlib.import_module("bayeslaw.comparison.extrapolation")


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
    assert reference.at == ReferenceRun.of(runs, ["N", "D"]).at
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
