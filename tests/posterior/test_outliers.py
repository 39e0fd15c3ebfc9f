"""Rows that stand out of a fit are named, with the column that explains them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl

CODES = {"rows_stand_out", "residuals_too_wide", "column_explains"}
HALF = np.arange(40) % 2 == 0


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Forty runs of the Chinchilla law."""
    return bl.simulate("chinchilla", rows=40, noise_sd=0.003, seed=1).table


def found(table: pd.DataFrame, **options: Any) -> list[bl.Note]:
    posterior = bl.fit(bl.read_runs(table, **options), "chinchilla", method="mode", progress=False)
    return [note for note in posterior.notes if note.code in CODES]


@pytest.mark.parametrize("sd", [0.001, 0.003, 0.02])
def test_usual_noise_needs_no_note(sd: float) -> None:
    for seed in range(3):
        runs = bl.simulate("chinchilla", rows=40, noise_sd=sd, seed=seed)
        assert found(runs.table.assign(team=np.tile(["x", "y"], 20))) == []


@pytest.mark.parametrize(
    ("change", "rows", "percent"),
    [
        ({"loss": lambda t: np.where(t.index == 3, 11.76, t.loss)}, ["3 (loss 11.76"], 310),
        ({"loss": lambda t: np.where(t.index == 9, 1.15 * t.loss, t.loss)}, ["9 (loss"], 15),
        ({"loss": lambda t: np.where(t.index == 9, t.loss / 10, t.loss)}, ["9 (loss"], -90),
        ({"N": lambda t: np.where(t.index == 23, t.N / 1e3, t.N)}, ["23 (loss"], -39),
        ({"D": lambda t: np.where(t.index == 5, t.D / 10, t.D)}, ["5 (loss"], -18),
    ],
)
def test_rows_that_stand_out_are_named(
    table: pd.DataFrame, change: dict[str, Any], rows: list[str], percent: float
) -> None:
    (note,) = found(table.assign(**change))
    assert note.severity == "warning"
    assert note.message.startswith("1 of 40 rows stand out of the fit, where the others scatter by")
    assert f"row {rows[0]}" in note.message
    last = note.message.split(", ")[-1]
    told = float(last.split("%)")[0].split(" times")[0])
    if "times too" in last:
        told = 100 * ((told if "large" in last else 1 / told) - 1)
    # Other rows have noise of .3%, and pull the fit.
    assert told == pytest.approx(percent, abs=max(2.0, 0.05 * abs(percent)))


def test_bits_among_nats_and_their_column_are_named(table: pd.DataFrame) -> None:
    bits = np.isin(table.index, [3, 9, 20, 22])
    mixed = table.assign(loss=np.where(bits, table.loss / np.log(2), table.loss))
    (note,) = found(mixed)
    assert "4 of 40 rows" in note.message
    assert note.message.endswith(", as bits among nats")
    (note,) = found(mixed.assign(host=np.where(bits, "old", "new"), sweep=np.tile(["a", "b"], 20)))
    assert "The column 'host' explains 100% of the residuals (new " in note.message


def test_losses_of_two_kinds_are_an_error_with_their_column(table: pd.DataFrame) -> None:
    two = table.assign(
        loss=np.where(HALF, 1.6, 1.0) * table.loss, condition=np.where(HALF, "web", "code")
    )
    (note,) = found(two)
    assert note.severity == "error"
    assert note.message.startswith("losses scatter by ")
    assert "The column 'condition' explains 98% of the residuals (code -" in note.message
    assert "fit_by_group(by='condition')" in note.remedy
    assert found(two[HALF]) == []


def test_losses_of_other_rows_are_an_error(table: pd.DataFrame) -> None:
    shuffled = np.random.default_rng(0).permutation(table["loss"])
    (note,) = [n for n in found(table.assign(loss=shuffled)) if n.code == "residuals_too_wide"]
    assert note.severity == "error"
    assert "Check that each loss stands in its own row" in note.remedy


def test_a_law_without_a_variable_of_the_table_is_told_so(table: pd.DataFrame) -> None:
    blind = bl.Law.from_formula("E + A/N**alpha", variables=["N"])
    runs = bl.read_runs(table.assign(loss=table["loss"] * (table["D"] / 1e10) ** -0.2))
    posterior = bl.fit(runs, blind, method="mode", progress=False)
    (note,) = [note for note in posterior.notes if note.code in CODES]
    assert note.severity == "warning"
    assert "Residuals go with the column 'D' (-0.9" in note.message
    assert note.remedy == "Fit a law that reads D"


def test_a_column_that_explains_a_small_scatter_is_named_until_it_is_modelled(
    table: pd.DataFrame,
) -> None:
    two = table.assign(loss=np.where(HALF, 1.015, 1.0) * table.loss)
    two = two.assign(router=np.where(HALF, "hash", "top"), size=table["N"].round(-8).astype(str))
    (note,) = found(two)
    assert note.code == "column_explains"
    assert note.message.startswith("The column 'router' explains 8")
    assert "group='router'" in note.remedy
    runs = bl.read_runs(two, group="router")
    modelled = bl.fit(runs, "chinchilla", method="mode", discrepancy="group", progress=False)
    assert not CODES & {note.code for note in modelled.notes}


def test_a_label_that_a_variable_determines_explains_nothing_of_its_own() -> None:
    runs = bl.simulate("chinchilla", rows=40, noise_sd=0.001, seed=2).table
    sizes = np.geomspace(1e8, 1e10, 5)[np.arange(40) % 5]
    law = bl.law("chinchilla")
    losses = law.predict(N=sizes, D=runs["D"].to_numpy())
    bent = np.exp(0.01 * np.cos(2 * np.arange(40) % 5)) * losses
    table = pd.DataFrame({"N": sizes, "D": runs["D"], "loss": bent})
    assert found(table.assign(model=[f"{size:.2g}" for size in sizes])) == []


def test_a_column_with_empty_cells_explains_no_more_than_its_labels_do(table: pd.DataFrame) -> None:
    # As of one source in a pooled table: a label a run, and none of the run that stands out.
    jobs = [f"job {i}" if i < 5 else None for i in range(40)]
    losses = np.where(table.index == 9, 1.15 * table.loss, table.loss)
    (note,) = found(table.assign(loss=losses, job=jobs))
    assert "row 9 (loss" in note.message
    assert "job" not in note.message
