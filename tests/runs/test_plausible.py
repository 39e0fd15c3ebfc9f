"""Columns that cannot be what they are taken for are refused or named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import TableError


@pytest.fixture
def table() -> pd.DataFrame:
    """Thirty runs of the Chinchilla law, with losses from 2 to 4 nats."""
    runs = bl.simulate("chinchilla", rows=30, noise_sd=0.002, seed=3)
    return runs.table[["N", "D", "loss"]]


def codes(table: pd.DataFrame, **options: Any) -> dict[str, bl.Note]:
    return {note.code: note for note in bl.read_runs(table, **options).notes}


def refused(table: pd.DataFrame, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        bl.read_runs(table, **options)
    assert len(str(caught.value)) < 600
    return str(caught.value)


def test_plausible_tables_need_no_note(table: pd.DataFrame) -> None:
    assert codes(table) == {}


@pytest.mark.parametrize(
    ("column", "value", "bound"),
    [
        ("N", 1e308, "is at most 1e+15"),
        ("N", 7e18, "is at most 1e+15"),
        ("D", 1e308, "is at most 1e+17"),
        ("loss", 1e308, "is at most 12.5 nats"),
        ("loss", 31.0, "is at most 12.5 nats"),
        ("loss", 1e-308, "is at least 0.01 nats"),
    ],
)
def test_a_number_that_no_run_has(
    table: pd.DataFrame, column: str, value: float, bound: str
) -> None:
    table.loc[3, column] = value
    message = refused(table)
    assert f"row 3, column {column!r}: {column} = {value:.12g}" in message
    assert bound in message
    assert len(bl.read_runs(table, drop_invalid=True)) == 29


def test_a_unit_that_is_applied_twice_is_named(table: pd.DataFrame) -> None:
    message = refused(table, units={"N": 1e9})
    assert "times the unit 1e+09) (and 29 more such rows). Check the unit of N: N (total" in message


def test_squares_of_any_variable_can_be_computed(table: pd.DataFrame) -> None:
    assert "is at most 1e+100" in refused(table.assign(width=1e200), columns={"width": "width"})


@pytest.mark.parametrize("transform", [np.exp, lambda loss: 100 * loss, lambda loss: 100 / loss])
def test_losses_in_another_unit_are_refused_until_it_is_stated(
    table: pd.DataFrame, transform: Any
) -> None:
    table["loss"] = transform(table["loss"])
    message = refused(table)
    assert "half of the losses are above" in message
    assert 'loss_unit="ppl" (--loss-unit ppl)' in message
    assert len(bl.read_runs(table, loss_unit="nats")) == 30
    assert bl.read_runs(table, loss_unit="a score").loss_unit == "a score"


def test_perplexities_are_read_in_nats(table: pd.DataFrame) -> None:
    ppl = table.assign(loss=np.exp(table["loss"]), loss_se=0.01 * np.exp(table["loss"]))
    for unit in ("ppl", "perplexity"):
        runs = bl.read_runs(ppl, loss_unit=unit)
        assert runs.loss_unit == "nats"
        assert runs.column("loss") == pytest.approx(table["loss"].to_numpy(), rel=1e-12)
        assert runs.column("loss_se") == pytest.approx(0.01)
        assert [note.code for note in runs.notes] == ["perplexity_to_nats"]
    ppl.loc[4, "loss"] = 0.9
    assert "row 4, column 'loss': loss = 0.9" in refused(ppl, loss_unit="ppl")


def test_an_accuracy_is_no_loss(table: pd.DataFrame) -> None:
    found = codes(table.assign(loss=1 / table["loss"]))
    assert found["rising_loss"].severity == "error"
    assert "the loss rises with compute (rank correlation" in found["rising_loss"].message
    assert found["small_losses"].severity == "info"
    bits = codes(table.assign(loss=table["loss"] / 5), loss_unit="bits per byte")
    assert bits == {}
    assert set(codes(table.assign(loss=table["loss"] / 5))) == {"small_losses"}


@pytest.mark.parametrize(("digits", "severity"), [(0, "error"), (1, "warning"), (2, None)])
def test_rounded_losses_are_named(table: pd.DataFrame, digits: int, severity: str | None) -> None:
    found = codes(table.round({"loss": digits}))
    if severity is None:
        assert found == {}
    else:
        assert found["rounded_losses"].severity == severity
        assert f"{digits or 'no'} digits behind the point" in found["rounded_losses"].message


def test_rounding_to_two_values_is_named_too(table: pd.DataFrame) -> None:
    halves = table.assign(loss=np.where(table["loss"] > table["loss"].median(), 3.0, 2.0))
    assert codes(halves)["rounded_losses"].severity == "error"


def test_rows_whose_flops_contradict_them_are_named(table: pd.DataFrame) -> None:
    table["C"] = 6.2 * table["N"] * table["D"]
    assert codes(table) == {}
    other = table.assign(D=table["D"].where(table.index != 7, table["D"] / 8))
    note = codes(other)["flops_contradict"]
    assert "C, D and N contradict each other in row 7: 49.6 FLOPs per parameter" in note.message
    scaled = codes(table.assign(C=table["C"] / 1e3))
    assert "C is 0.0062 FLOPs per parameter" in scaled["flops_scale"].message


def test_experts_that_are_no_whole_numbers_are_named(table: pd.DataFrame) -> None:
    whole = table.assign(G=np.tile([4.0, 6.0, 9.0], 10), S=np.tile([0.25, 0.333, 0.11], 10))
    assert codes(whole) == {}
    for active, share in ((1.0, 0.9), (6.37, 0.2), (5.0, 0.33)):
        note = codes(table.assign(G=active, S=share))["experts_by_width"]
        assert note.severity == "info"
        assert f"give G = {active:g} and S = {share:g} (rows 0, 1, 2, 3, 4 and 25" in note.message
        assert "taken as shares of width" in note.message
    whole.loc[5, ["G", "S"]] = [1.0, 0.9]
    note = codes(whole)["experts_by_width"]
    assert note.severity == "warning"
    assert "G = 1 and S = 0.9 (row 5)" in note.message
    assert "Correct these rows" in note.remedy


def test_digits_of_other_scripts_are_refused() -> None:
    wide = pd.DataFrame({"N": ["1e9", "2e9"], "loss": ["2.5", "２.５"]})
    message = refused(wide)
    assert "row 1, column 'loss'" in message
    assert "Write it in plain digits: 2.5" in message
    assert "Write it in plain digits: -2" in refused(pd.DataFrame({"N": ["−2"]}))


def test_a_variable_that_may_be_negative_has_a_way_in() -> None:
    table = pd.DataFrame({"gap": [-1.0, 0.0, 2.0], "loss": [2.0, 2.1, 2.2]})
    runs = bl.read_runs(table)
    remedy = 'map columns={"gap": "exp(gap)"}: its logarithm, ln(gap) in a formula'
    with pytest.raises(TableError) as caught:
        runs.require(["gap"], purpose="the law 'x'")
    assert remedy in str(caught.value)
    assert remedy in refused(table, columns={"gap": "gap"})
    assert np.log(bl.read_runs(table, columns={"gap": "exp(gap)"}).column("gap")) == pytest.approx(
        table["gap"].to_numpy()
    )
