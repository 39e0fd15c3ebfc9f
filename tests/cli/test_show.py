"""What is printed, as tables and as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Terminal, bayeslaw

import bayeslaw as bl


def test_numbers_are_whole_in_a_narrow_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = bayeslaw("summary", folder / "fit.nc", out=Terminal())
    out = re.sub(r"\x1b\[[0-9;]*m", "", result.out)
    assert "noise_scale" in out
    assert "482" in out  # published A
    assert "0.3478" in out


def test_names_of_files_are_not_markup(
    folder: Path, tmp_path: Path, caught: list[tuple[bl.Runs, Any]]
) -> None:
    posterior = bl.load(folder / "fit.nc")
    path = tmp_path / "fit.nc"
    replace(posterior, runs=replace(posterior.runs, source="sweep[old].csv")).save(path)
    assert "sweep[old].csv" in bayeslaw("summary", path).out


@pytest.fixture(scope="module")
def unpublished(folder: Path) -> Path:
    """A posterior of a law without published coefficients, with a few absurd draws."""
    posterior = bl.load(folder / "fit.nc")
    parts = dict(posterior.law.card)
    del parts["coefficients"], parts["checks"]
    rhat = np.full_like(posterior.draws["noise_df"], np.inf)
    path = folder / "unpublished.nc"
    replace(posterior, law=bl.Law(parts, "own"), draws={**posterior.draws, "noise_df": rhat}).save(
        path
    )
    return path


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, on infinite draws
def test_what_is_not_finite_is_null(unpublished: Path) -> None:
    summary = bayeslaw("summary", unpublished, "--json")
    assert summary.json["coefficients"]["alpha"]["published"] is None
    assert summary.json["coefficients"]["noise_df"]["median"] is None
    assert not re.search(r"\b(NaN|Infinity|nan|inf)\b", summary.out)
    optimum = bayeslaw("optimum", unpublished, "--train-flops", "1e22", "--json")
    assert optimum.json["quantities"]["N"]["published"] is None


def test_plain_values() -> None:
    from bayeslaw.cli.show import plain

    given = {
        1: [np.float64(2.5), np.nan, np.inf, -np.inf],
        "i": np.int64(3),
        "b": np.bool_(True),
        "t": ("x", None, [np.float32(np.nan)]),
    }
    expected = {"1": [2.5, None, None, None], "i": 3, "b": True, "t": ["x", None, [None]]}
    assert plain(given) == expected
    assert json.dumps(plain(given), allow_nan=False)
