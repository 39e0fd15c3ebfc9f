"""The study command: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command import Result, bayeslaw, refused

import bayeslaw as bl

RUNS = bl.simulate("chinchilla", rows=40, noise_sd=0.002, seed=3)
ASKED = ("--laws", "chinchilla,skaling2026", "--train-flops", "1e24", "--seed", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    table = RUNS.table.assign(size=RUNS.column("N") / 1e9)[["size", "D", "loss"]]
    table.to_csv(folder / "sweep.csv", index=False)
    pd.DataFrame({"N": [1e11], "D": [2e12]}).to_csv(folder / "configs.csv", index=False)
    return folder


def run(place: Path, *more: object) -> Result:
    columns = ("--column", "N=size", "--unit", "N=1e9")
    return bayeslaw("study", place / "sweep.csv", *columns, *ASKED, *more)


@pytest.fixture(scope="module")
def told(place: Path) -> Result:
    return run(place, "--out", place / "out", "--predict", place / "configs.csv")


def test_the_answer_is_printed_and_written(place: Path, told: Result) -> None:
    assert told.code == 0, told.err
    for part in ("Best N = ", "At 1e24 FLOPs", "weight", "skaling2026", "N*D high", "Predictions"):
        assert part in told.out
    assert "warning: " in told.err
    out = place / "out"
    assert (out / "study.png").read_bytes()[:4] == b"\x89PNG"
    assert "<h2>Back-tests</h2>" in (out / "report.html").read_text(encoding="utf-8")
    data = json.loads((out / "study.json").read_text())
    answers = pd.read_csv(out / "answers.csv").set_index("quantity")
    assert list(answers.index) == ["N", "D"]
    (row,) = [row for row in data["answers"] if row["quantity"] == "N"]
    assert answers.loc["N", "median"] == pytest.approx(row["median"])
    assert data["weights"].keys() == {"chinchilla", "skaling2026"}
    (predicted,) = pd.read_csv(out / "predictions.csv").to_dict("records")
    assert predicted["low"] < predicted["median"] < predicted["high"]


@pytest.mark.usefixtures("told")
def test_an_interrupted_study_goes_on_from_its_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("fitted again")

    for room in ("study", "misfit"):
        monkeypatch.setattr(sys.modules[f"bayeslaw.study.{room}"], "fit", refuse)
    again = run(place, "--out", place / "out", "--json")
    assert again.code == 0, again.err
    before = json.loads((place / "out" / "study.json").read_text())
    assert again.json == before


def test_bad_input(place: Path) -> None:
    (place / "file").write_text("")
    refused(run(place, "--out", place / "file"), "--out", "cannot be made (File exists)")
    refused(run(place, "--out", place / ("x" * 300)), "--out", "File name too long")
    refused(run(place, "--laws", "chinchila"), "unknown law 'chinchila'")
    refused(bayeslaw("study", place / "sweep.csv", "--at", "N=x"), "--at N", "not a number")
