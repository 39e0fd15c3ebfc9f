"""Diagnostics of a posterior: new runs, rolling origin, prior sensitivity, calibration."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from command import bayeslaw, refused

import bayeslaw as bl

mpl.use("Agg")


def test_check_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    new, out = tmp_path / "new.csv", tmp_path / "checked.csv"
    bl.simulate("chinchilla", rows=5, seed=9).write(new)
    command = ("check-new-runs", folder / "fit.nc", new, "--seed", 4)
    result = bayeslaw(*command, "--out", out, "--ci-prob", "0.5", "--json")
    assert result.code == 0, result.err
    answer = bl.check_new_runs(
        bl.load(folder / "fit.nc"),
        bl.read_runs(new),
        ci_prob=0.5,
        seed=4,
    )
    assert result.json["summary"] == answer.summary
    assert [row["pit"] for row in result.json["runs"]] == answer.frame["pit"].tolist()
    assert pd.read_csv(out)["pit"].tolist() == pytest.approx(answer.frame["pit"].tolist())
    shown = bayeslaw(*command)
    assert "runs are within their 89% intervals" in shown.out
    assert "pit" in shown.out


def test_the_rolling_origin_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "rows.csv", tmp_path / "rolling.png"
    command = ("rolling-origin", folder / "fit.nc", "--origins", 2)
    result = bayeslaw(*command, "--out", out, "--picture", picture, "--json")
    assert result.code == 0, result.err
    answer = bl.rolling_origin(bl.load(folder / "fit.nc"), origins=2)
    assert result.json["growth"] == answer.growth
    assert result.json["summary"] == answer.summary
    assert len(pd.read_csv(out)) == len(answer.rows)
    assert picture.stat().st_size > 0
    shown = bayeslaw(*command)
    assert answer.summary in " ".join(shown.out.split())
    assert "extrapolation_factor" in shown.out


def test_prior_sensitivity_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "identified.csv"
    command = ("prior-sensitivity", folder / "fit.nc", "--train-flops", "1e22")
    result = bayeslaw(*command, "--out", out, "--json")
    assert result.code == 0, result.err
    posterior = bl.load(folder / "fit.nc")
    best = bl.optimum(posterior, budget=bl.Budget(train_flops=1e22))
    answer = bl.prior_sensitivity(posterior, best)
    assert result.json["summary"] == answer.summary
    assert [row["quantity"] for row in result.json["quantities"]] == [*answer.frame.index]
    assert pd.read_csv(out)["learned"].tolist() == pytest.approx(answer.frame["learned"].tolist())
    shown = bayeslaw(*command)
    assert "softest directions" in shown.out


def test_a_check_against_the_fitted_runs_has_a_note(folder: Path) -> None:
    result = bayeslaw("check-new-runs", folder / "fit.nc", folder / "runs.csv")
    assert "40 of the 40 runs are among the fitted runs" in " ".join(result.err.split())


CALIBRATE = ("--method", "laplace", "--draws", 500, "--tables", 2)


def test_calibrate_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    keep, out, picture = tmp_path / "rounds", tmp_path / "q.csv", tmp_path / "c.png"
    result = bayeslaw(
        *("calibrate", folder / "runs.csv", "--law", "chinchilla", *CALIBRATE, "--seed", 4),
        *("--train-flops", "1e22", "--folder", keep, "--out", out, "--picture", picture, "--json"),
    )
    assert result.code == 0, result.err
    expected = bl.calibrate(
        bl.read_runs(folder / "runs.csv"),
        "chinchilla",
        tables=2,
        budget=bl.Budget(train_flops=1e22),
        method="laplace",
        draws=500,
        seed=4,
    )
    assert result.json["summary"] == expected.summary
    assert result.json["kept"] == expected.kept.sum()
    assert len(pd.read_csv(out)) == len(expected.quantities) == len(result.json["quantities"])
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert len(list(keep.iterdir())) == 1


def test_calibrate_takes_a_posterior(folder: Path) -> None:
    result = bayeslaw("calibrate", folder / "fit.nc", *CALIBRATE)
    assert result.code == 0, result.err
    assert (
        "2 of 2 tables of 40 runs of chinchilla are kept (truths from the posterior" in result.out
    )
    refused(bayeslaw("calibrate", "at_random", "--law", "chinchilla"), "unknown design 'at_random'")
