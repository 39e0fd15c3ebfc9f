"""New runs against the predictions of a fit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError

SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "draws": 1000, "progress": False}


@pytest.fixture(scope="module")
def table() -> bl.Runs:
    return bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)


@pytest.fixture(scope="module")
def fitted(table: bl.Runs) -> bl.Posterior:
    return bl.fit(table, "chinchilla", **SHORT)


def test_new_runs_of_the_same_law_pass(fitted: bl.Posterior) -> None:
    new = bl.simulate("chinchilla", rows=200, noise_sd=0.01, seed=11)
    found = bl.check_new_runs(fitted, new)
    # Within three standard errors of what was promised, and a little for the coefficients.
    assert found.coverage == pytest.approx(0.89, abs=3 * np.sqrt(0.89 * 0.11 / 200) + 0.02)
    assert stats.kstest(found.frame["pit"], "uniform").pvalue > 0.001
    assert found.frame["error"].std() == pytest.approx(1, abs=0.2)
    assert found.frame["inside"].mean() == found.coverage
    assert "where 178 are expected" in found.summary
    assert {note.code for note in found.notes}.isdisjoint({"too_narrow", "already_fitted"})
    json.dumps(found.to_dict())


def test_new_runs_that_fall_outside_are_told(fitted: bl.Posterior, table: bl.Runs) -> None:
    new = bl.simulate("chinchilla", rows=20, noise_sd=0.01, seed=12)
    higher = replace(new, table=new.table.assign(loss=1.05 * new.column("loss")))
    plain, found = bl.check_new_runs(fitted, new), bl.check_new_runs(fitted, higher)
    codes = {note.code: note.message for note in found.notes}
    assert found.coverage < 0.2
    assert "of 20 runs are higher than the predictive median" in codes["one_sided"]
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
    assert "7 of the 7 runs are among the fitted runs" in again.notes[-1].message


def test_distance_beyond_the_runs_is_told(fitted: bl.Posterior) -> None:
    far = bl.simulate("chinchilla", design={"N": [1e9, 1.6e12], "D": [1e10, 1e11]}, seed=1)
    found = bl.check_new_runs(fitted, far)
    assert found.frame["extrapolation_factor"].iloc[0] == 1
    largest = fitted.runs.column("N").max()
    assert found.frame["extrapolation_factor"].iloc[1] == pytest.approx(1.6e12 / largest)
    assert found.frame["variable"].tolist() == ["", "N"]
    assert "1 are beyond the fitted runs" in found.summary


def test_what_cannot_be_checked_is_named(fitted: bl.Posterior, table: bl.Runs) -> None:
    with pytest.raises(RequestError, match="new_runs is a dict"):
        bl.check_new_runs(fitted, {"N": 1e9})
    with pytest.raises(TableError, match="a check of 'chinchilla' needs 'D'"):
        bl.check_new_runs(fitted, bl.read_runs(pd.DataFrame({"N": [1e9], "loss": [2.0]})))
    with pytest.raises(TableError, match="no runs to check"):
        bl.check_new_runs(fitted, table.select(np.zeros(60, dtype=bool)))
