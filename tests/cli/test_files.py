"""Files that commands write, or refuse to."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from command import FIT, bayeslaw, refused

import bayeslaw as bl

mpl.use("Agg")


@pytest.mark.usefixtures("no_sampling")
def test_an_impossible_output_is_refused_before_the_fit(
    folder: Path, tmp_path: Path, caught: list[Any]
) -> None:
    fit = ("fit", folder / "runs.csv", *FIT, "--out")
    refused(bayeslaw(*fit, tmp_path / "no" / "f.nc"), "--out: 'f.nc'", "there is no folder")
    refused(bayeslaw(*fit, tmp_path), "is a folder", "Name a file")
    assert caught == []
    predict = ("predict", folder / "fit.nc", folder / "runs.csv", "--out")
    refused(bayeslaw(*predict, tmp_path / "no" / "bands.csv"), "there is no folder")
    simulate = ("simulate", "--law", "chinchilla", "--out")
    refused(bayeslaw(*simulate, tmp_path / "no" / "runs.csv"), "there is no folder")
    refused(bayeslaw(*simulate, tmp_path / "runs.xls"), "suffix '.xls'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("caught")
@pytest.mark.parametrize("command", ["fit", "predict"])
def test_an_input_is_no_output(folder: Path, tmp_path: Path, command: str) -> None:
    table = tmp_path / "runs.csv"
    table.write_bytes((folder / "runs.csv").read_bytes())
    given = {"fit": (table, *FIT), "predict": (folder / "fit.nc", table)}[command]
    refused(bayeslaw(command, *given, "--out", table), "runs.csv")


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("N,D\n")
    out = tmp_path / "runs.csv" / "more.csv"
    refused(bayeslaw("simulate", "--law", "chinchilla", "--out", out), "more.csv")


def test_a_file_for_the_folder_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    refused(bayeslaw("demo", "--out", tmp_path / "demo"), "demo")


def test_what_was_there_survives_a_failing_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.nc"
    kept.write_bytes(b"an earlier posterior")
    bad = tmp_path / "bad.csv"
    bad.write_text("N,D,loss\n1e9,2e10,0\n")
    refused(bayeslaw("fit", bad, *FIT, "--out", kept), "loss = 0")
    refused(bayeslaw("fit", folder / "runs.csv", *FIT, "--draws", 10, "--out", kept), "draws = 10")

    def fails(*args: Any, **options: Any) -> None:
        raise bl.BayesLawError("the density is finite nowhere")

    monkeypatch.setattr(importlib.import_module("bayeslaw.inference.fit"), "find_mode", fails)
    refused(bayeslaw("fit", folder / "runs.csv", *FIT, "--out", kept), "finite nowhere")
    refused(bayeslaw("predict", folder / "fit.nc", bad, "--column", "N=M", "--out", kept), "'M'")
    assert kept.read_bytes() == b"an earlier posterior"
    assert {path.name for path in tmp_path.iterdir()} == {"kept.nc", "bad.csv"}
