"""Rows that are no runs of their own: logged again, checkpoints, files that were cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import TableError


@pytest.fixture
def table() -> pd.DataFrame:
    """Twelve runs of the Chinchilla law."""
    runs = bl.simulate("chinchilla", rows=12, noise_sd=0.002, seed=3)
    return runs.table[["N", "D", "loss"]]


@pytest.fixture
def checkpoints(table: pd.DataFrame) -> pd.DataFrame:
    """Six checkpoints of each run."""
    long = table.loc[np.repeat(np.arange(12), 6)].reset_index(drop=True)
    step = np.tile(np.arange(1, 7), 12)
    names = np.repeat([f"run {k}" for k in range(12)], 6)
    return long.assign(loss=long["loss"] * (1 + 0.3 / step), name=names, step=1000 * step)


def notes(table: pd.DataFrame, **options: Any) -> dict[str, bl.Note]:
    return {note.code: note for note in bl.read_runs(table, **options).notes}


# --- rows logged again ---------------------------------------------------------------------------


def test_a_run_that_was_logged_again_is_kept_once(table: pd.DataFrame) -> None:
    again = pd.concat([table] * 5, ignore_index=True)
    runs = bl.read_runs(again)
    assert list(runs.table.index) == list(range(12))
    (note,) = runs.notes
    assert note.code == "repeated_rows"
    assert note.severity == "warning"
    assert "48 of 60 rows (rows 12, 13, 14, 15, 16 and 43 more) repeat" in note.message
    assert runs.fingerprint == bl.read_runs(table).fingerprint


def test_rows_that_differ_are_kept(table: pd.DataFrame) -> None:
    again = pd.concat([table] * 2, ignore_index=True)
    other = again.assign(loss=again["loss"] * np.where(again.index < 12, 1, 1.0001))
    assert "repeated_rows" not in notes(other)
    labelled = again.assign(run_id=np.repeat(["a", "b"], 12))
    assert "repeated_rows" in notes(labelled)
    assert len(bl.read_runs(labelled, group="run_id")) == 24
    assert "repeated_rows" not in notes(again.assign(lr=np.repeat([1e-3, 2e-3], 12)))
    # Losses of two runs agree to two digits, not to fifteen.
    rounded = labelled.round({"loss": 2})
    assert "repeated_rows" not in notes(rounded)
    assert "repeated_rows" in notes(rounded.drop(columns="run_id"))


def test_planned_runs_of_one_configuration_are_kept(table: pd.DataFrame) -> None:
    assert notes(pd.concat([table.assign(loss=2.0)] * 2, ignore_index=True)) == {}


# --- checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "step"), [("name", "step"), ("run_id", "_step"), ("Run Name", "trainer/global_step")]
)
def test_checkpoints_that_nobody_declared_are_named(
    checkpoints: pd.DataFrame, run: str, step: str
) -> None:
    long = checkpoints.rename(columns={"name": run, "step": step})
    note = notes(long)["checkpoints_as_runs"]
    assert note.severity == "error"
    assert f"72 rows are checkpoints of 12 runs, by the columns {run!r} and {step!r}" in (
        note.message
    )
    assert f"run={run!r}, step={step!r}" in note.remedy
    runs = bl.read_runs(long, run=run, step=step)
    assert len(runs) == 12
    assert [one.code for one in runs.notes] == ["checkpoints_left_out"]


def test_the_line_that_mends_a_table_of_weights_and_biases_mends_it(
    checkpoints: pd.DataFrame,
) -> None:
    logged = checkpoints.rename(columns={"name": "Name", "step": "_step"})
    state = np.where(logged["Name"] == "run 3", "crashed", "finished")
    logged = logged.assign(State=state, Runtime=60 * logged["_step"])
    note = notes(logged)["checkpoints_as_runs"]
    assert ", as Weights & Biases exports them, and were" in note.message
    line = "run='Name', step='_step', where=\"State == 'finished'\""
    assert line in note.remedy
    assert len(bl.read_runs(logged, **eval(f"dict({line})"))) == 11


def test_checkpoints_by_their_tokens_are_named(checkpoints: pd.DataFrame) -> None:
    growing = checkpoints.assign(D=checkpoints["step"] * 1e6).drop(columns="step")
    # The name of a model says less than that of a run.
    assert notes(growing) == {}
    growing = growing.rename(columns={"name": "run"})
    note = notes(growing)["checkpoints_as_runs"]
    assert note.severity == "warning"
    assert "run='run', step='D'" in note.remedy
    assert len(bl.read_runs(growing, run="run", step="D")) == 12
    assert "checkpoints_as_runs" not in notes(growing, group="run")


def test_names_of_single_runs_are_no_checkpoints(table: pd.DataFrame) -> None:
    named = table.assign(name=[f"run {k}" for k in range(12)], step=5000, id=range(12))
    assert notes(named) == {}
    assert notes(table.assign(run="sweep", step=5000)) == {}
    assert notes(table.assign(run="sweep", step=range(12))) == {}
    sizes = table.assign(run=np.repeat(["a", "b"], 6), step=range(12))
    assert notes(sizes) == {}


# --- nested names --------------------------------------------------------------------------------


def test_nested_names_are_columns_and_stand_in_back_quotes_in_expressions() -> None:
    table = pd.DataFrame({"config.model.top_k": [4.0, 8.0], "summary/val_loss": [2.51, 2.63]})
    runs = bl.read_runs(
        table,
        columns={
            "K": "config.model.top_k",
            "loss": "summary/val_loss",
            "G": "`config.model.top_k` + 1",
        },
        where="`summary/val_loss` < 2.6",
    )
    assert runs.columns(["K", "G", "loss"]) == {"K": [4.0], "G": [5.0], "loss": [2.51]}


# --- files that were cut -------------------------------------------------------------------------


def test_a_file_that_ends_within_its_last_number_is_refused(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    text = table.to_csv(index=False)
    path = tmp_path / "t.csv"
    path.write_text(text[:-6])
    with pytest.raises(TableError, match=r"t\.csv, line 13, column 'loss': the file ends without"):
        bl.read_runs(path)
    path.write_text(text.rstrip("\n"))
    assert len(bl.read_runs(path)) == 12
    path.write_text("N,loss\n1e9,2.5\n")
    assert len(bl.read_runs(path)) == 1
