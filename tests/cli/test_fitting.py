"""From a table to a posterior: simulate, fit, summary, predict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import FIT, bayeslaw, refused

import bayeslaw as bl


def test_simulate_writes_runs(folder: Path, tmp_path: Path) -> None:
    result = bayeslaw(
        *("simulate", "--law", "chinchilla", "--rows", 40, "--seed", 3),
        *("--out", tmp_path / "runs.csv"),
    )
    assert result.code == 0
    assert result.out == f"40 runs in {tmp_path / 'runs.csv'}\n"
    assert result.err.startswith("info: ")
    assert "losses are simulated from chinchilla, noise 0.003" in result.err
    assert (tmp_path / "runs.csv").read_bytes() == (folder / "runs.csv").read_bytes()
    table = pd.read_csv(tmp_path / "runs.csv")
    assert list(table.columns) == ["N", "D", "loss"]
    same = bl.simulate("chinchilla", rows=40, seed=3)
    for name in table.columns:
        assert table[name].tolist() == same.column(name).tolist()


def test_simulate_as_json(tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    result = bayeslaw("simulate", "--design", "one_at_a_time", "--rows", 7, "--out", out, "--json")
    assert result.err == ""
    assert result.json["rows"] == 7
    assert result.json["file"] == str(out)
    assert [note["code"] for note in result.json["notes"]] == ["simulated"]
    assert "one_at_a_time design" in result.json["notes"][0]["message"]
    assert len(bl.read_runs(out)) == 7


def test_simulate_from_another_set_without_noise(tmp_path: Path) -> None:
    out = tmp_path / "runs.csv"
    options = ("--law", "chinchilla", "--coefficients", "hoffmann", "--noise-sd", 0, "--rows", 5)
    assert bayeslaw("simulate", *options, "--out", out).code == 0
    runs = bl.read_runs(out)
    N, D = runs.column("N"), runs.column("D")
    expected = 1.69 + 406.4 / N**0.34 + 410.7 / D**0.28
    np.testing.assert_allclose(runs.column("loss"), expected, rtol=1e-12)


def test_fit_and_summary_agree(folder: Path) -> None:
    fitted = json.loads((folder / "fit.json").read_text())
    assert fitted["file"] == str(folder / "fit.nc")
    summary = bayeslaw("summary", folder / "fit.nc", "--json").json
    assert {**summary, "file": fitted["file"]} == fitted
    assert set(summary) == {"law", "runs", "coefficients", "reference", "ci_prob", "notes"}
    assert (summary["law"], summary["runs"], summary["ci_prob"]) == ("chinchilla", 40, 0.89)
    assert list(summary["coefficients"]) == [
        "E",
        "A",
        "B",
        "alpha",
        "beta",
        "noise_scale",
        "noise_df",
    ]
    alpha = summary["coefficients"]["alpha"]
    assert alpha["low"] < alpha["median"] < alpha["high"]
    assert alpha["published"] == 0.3478
    # Not a number is no JSON.
    assert summary["coefficients"]["noise_scale"]["published"] is None


def test_a_fit_is_the_one_in_python(folder: Path) -> None:
    runs = bl.read_runs(folder / "runs.csv")
    same = bl.fit(runs, "chinchilla", seed=1, chains=2, draws=200, warmup=200)
    saved = bl.load(folder / "fit.nc")
    assert saved.info == same.info
    for name, values in same.draws.items():
        np.testing.assert_array_equal(saved.draws[name], values)


def test_summary_prints_a_table_and_notes_beside(folder: Path) -> None:
    result = bayeslaw("summary", folder / "fit.nc")
    assert result.code == 0
    assert result.out.startswith("chinchilla on 40 runs of runs.csv, 89% intervals")
    for name in ("alpha", "beta", "noise_df", "prior's interval", "0.3478"):
        assert name in result.out
    # A short fit is not trusted, and says so where a pipe does not carry it away.
    assert result.err.startswith("error: ")
    assert "ESS of the fit" in result.err
    assert "ESS of the fit" not in result.out
    assert "nan" not in result.out


def test_summary_at_another_probability(folder: Path) -> None:
    wide = bayeslaw("summary", folder / "fit.nc", "--ci-prob", 0.95, "--json").json
    usual = bayeslaw("summary", folder / "fit.nc", "--json").json
    assert wide["ci_prob"] == 0.95
    assert wide["coefficients"]["alpha"]["low"] < usual["coefficients"]["alpha"]["low"]


def test_predict_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("N,D,name\n1e9,2e10,a\n700e9,1.4e12,b\n")
    out = tmp_path / "bands.csv"
    result = bayeslaw(
        *("predict", folder / "fit.nc", new, "--level", "observation", "--seed", 4),
        *("--out", out, "--json"),
    )
    assert result.code == 0
    data = result.json
    assert set(data) == {"predictions", "of", "level", "ci_prob", "notes"}
    assert (data["of"], data["level"], data["ci_prob"]) == ("loss", "observation", 0.89)
    posterior = bl.load(folder / "fit.nc")
    bands = posterior.predict(bl.read_runs(new), level="observation", seed=4)
    assert [row["line"] for row in data["predictions"]] == [2, 3]  # of the file
    for row, (_, band) in zip(data["predictions"], bands.iterrows(), strict=True):
        assert {name: row[name] for name in bands.columns} == band.to_dict()
    assert data["predictions"][1]["variable"] == "N"
    written = pd.read_csv(out)
    assert written["median"].tolist() == bands["median"].tolist()


def test_predict_as_a_table(folder: Path) -> None:
    result = bayeslaw("predict", folder / "fit.nc", folder / "runs.csv", "--where", "N > 5e9")
    assert result.out.startswith("loss at level law, 89% intervals")
    assert "error: " in result.err  # the posterior's notes


def test_coefficients_that_vary_by_group(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs.csv", tmp_path / "fit.nc"
    table = bl.simulate("chinchilla", rows=30, noise_sd=0.01, seed=3).table
    table.assign(family=["a", "b", "c"] * 10).to_csv(runs, index=False)
    quick = ("--draws", 100, "--chains", 2, "--method", "laplace", "--out", out)
    command = ("fit", runs, "--law", "chinchilla", "--group", "family")
    for asked in ("E", "E=family"):
        result = bayeslaw(*command, "--pool", asked, *quick)
        assert result.code == 0, result.err
        saved = bl.load(out)
        assert [(one.parameter, one.column) for one in saved.pool] == [("E", "family")]
    refused(bayeslaw(*command, "--pool", "E=family", "--pool", "alpha", *quick), "--pool", "each")
    refused(bayeslaw(*command, "--pool", "gamma", *quick), "no parameter 'gamma'")


def test_bad_predictions(folder: Path, tmp_path: Path) -> None:
    predict = ("predict", folder / "fit.nc")
    (tmp_path / "new.csv").write_text("N,D\n1e9,-2e10\n")
    refused(bayeslaw(*predict, tmp_path / "new.csv"), "new.csv, line 2, column 'D'")
    (tmp_path / "new.csv").write_text("N,tokens\n1e9,2e10\n")
    refused(bayeslaw(*predict, tmp_path / "new.csv"), "needs 'D'", "--column D=tokens")
    refused(
        bayeslaw(*predict, folder / "runs.csv", "--out", tmp_path / "bands.xls"),
        *("bands.xls", "suffix '.xls'", ".csv"),
    )


@pytest.mark.parametrize("command", ["simulate", "fit", "predict"])
def test_a_negative_seed(folder: Path, tmp_path: Path, command: str) -> None:
    runs, out = folder / "runs.csv", tmp_path / "out.csv"
    options = {
        "simulate": ("--law", "chinchilla", "--out", out),
        "fit": (runs, *FIT, "--out", out),
        "predict": (folder / "fit.nc", runs, "--level", "observation"),
    }
    refused(bayeslaw(command, *options[command], "--seed", -1), "seed = -1")


@pytest.mark.usefixtures("no_sampling")
def test_a_seed_that_is_too_large(folder: Path, tmp_path: Path) -> None:
    fit = ("fit", folder / "runs.csv", *FIT, "--seed", 10**22, "--out", tmp_path / "out.nc")
    refused(bayeslaw(*fit), "seed = 1")


#: A fit that prints its progress on standard output.
REPORTING = """
import importlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
sampling = importlib.import_module("bayeslaw.inference.sampling")
nuts = sampling.nuts
def reporting(*args, report, **options):
    def printed(done):
        print(done, flush=True)
        report(done)
    return nuts(*args, report=printed, **options)
sampling.nuts = reporting
from bayeslaw.cli.app import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="interrupts are signals")
def test_an_interrupted_fit_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.nc"
    kept.write_bytes(b"an earlier posterior")
    command = ["fit", folder / "runs.csv", "--law", "chinchilla", "--draws", 10**7, "--out", kept]
    process = subprocess.Popen(
        [sys.executable, "-c", REPORTING, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) > 0:  # iterations: the sampler is at work
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=40)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode not in (0, None)
    assert "Traceback" not in err
    assert kept.read_bytes() == b"an earlier posterior"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.nc"]
