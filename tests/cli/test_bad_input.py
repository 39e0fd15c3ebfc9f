"""One line for whatever is wrong with a table, a card or a posterior."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from command import bayeslaw, refused

HEADER = "N,N_a,D,G,S,loss"


ROW = "2e9,5e8,2e10,8,0.25,2.7"


CARD = """
name = "mine"
formula = "L = {formula}"
[variables]
N = {{ is = "N" }}
[parameters]
E = {{ on = "{E}", prior = {{ family = "lognormal", median = 1, factor = 2 }} }}
A = {{ on = "{A}", prior = {{ family = "lognormal", median = 1, factor = 2 }} }}
"""


def with_row(row: str) -> str:
    return f"{HEADER}\n{ROW}\n{row}\n{ROW}\n"


def card(formula: str = "E + A/N**0.3", E: str = "E", A: str = "A") -> str:
    return CARD.format(formula=formula, E=E, A=A)


#: Table, what follows ``fit table.csv --out out.nc``, and what the line says.
BAD: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "missing column": (
        "N,N_a,D,G,S\n2e9,5e8,2e10,8,0.25\n",
        (),
        ["table.csv", "the law 'zhao2025' needs 'loss'", "--column"],
    ),
    "misspelt column": (
        with_row(ROW),
        ("--column", "loss=los"),
        ["table.csv, columns loss = 'los': there is no column", "Did you mean 'loss'?"],
    ),
    "text": (
        with_row("2e9,5e8,2e10,8,0.25,2.7?"),
        (),
        ["table.csv, line 3, column 'loss'", "'2.7?' is not a number", "Write a plain number"],
    ),
    "NaN": (with_row("nan,5e8,2e10,8,0.25,2.7"), (), ["line 3, column 'N'", "--drop-invalid"]),
    "empty cell": (with_row("2e9,5e8,2e10,8,0.25,"), (), ["line 3, column 'loss'", "missing"]),
    "infinite": (with_row("2e9,5e8,inf,8,0.25,2.7"), (), ["line 3, column 'D'", "D = inf"]),
    "zero loss": (with_row("2e9,5e8,2e10,8,0.25,0"), (), ["line 3, column 'loss'", "loss = 0"]),
    "negative count": (with_row("2e9,-5e8,2e10,8,0.25,2.7"), (), ["line 3", "N_a = -5"]),
    "N_a above N": (with_row("2e9,5e9,2e10,8,0.25,2.7"), (), ["line 3", "is above N = 2"]),
    "S of one": (with_row("2e9,5e8,2e10,8,1,2.7"), (), ["line 3, column 'S'", "[0, 1)"]),
    "G below one": (with_row("2e9,5e8,2e10,0.5,0.25,2.7"), (), ["line 3, column 'G'", "[1, inf)"]),
    "duplicated header": (f"{HEADER},N\n{ROW},1e9\n", (), ["table.csv", "'N'", "twice"]),
    "empty file": ("", (), ["table.csv", "empty"]),
    "header only": (HEADER + "\n", (), ["table.csv", "no row"]),
    "billions": (
        f"{HEADER}\n2,0.5,20,8,0.25,2.7\n",
        (),
        ["table.csv, line 2", "too small", "--unit N=1e9"],
    ),
    "unit of nothing": (with_row(ROW), ("--unit", "M=1e9"), ["table.csv", "'M'", "no variable"]),
    "unit no number": (with_row(ROW), ("--unit", "N=billions"), ["--unit N: 'billions' is not"]),
    "unit zero": (with_row(ROW), ("--unit", "N=0"), ["unit of N is 0", "--unit N=1e9"]),
    "no equals sign": (with_row(ROW), ("--column", "N"), ["--column: 'N'", "Write NAME=VALUE"]),
    "given twice": (
        with_row(ROW),
        ("--unit", "N=1", "--unit", "N=2"),
        ["--unit: N is given twice"],
    ),
    "column of nothing": (with_row(ROW), ("--column", "N=size"), ["N = 'size'", "no column"]),
    "no mapping": (with_row(ROW), ("--mapping", "map.toml"), ["map.toml", "cannot be read"]),
    "condition": (with_row(ROW), ("--where", "lr > 3"), ["where", "'lr'"]),
    "nothing left": (with_row(ROW), ("--where", "N > 1e12"), ["none of 3 rows satisfies"]),
    "code": (with_row(ROW), ("--column", "N=__import__('os')"), ["table.csv, columns N"]),
    "unknown law": (with_row(ROW), ("--law", "zhao2052"), ["'zhao2052'", "mean 'zhao2025'?"]),
    "no card": (with_row(ROW), ("--law", "mine.toml"), ["mine.toml: cannot be read"]),
    "draws": (with_row(ROW), ("--draws", "150"), ["draws = 150", "multiple of 100"]),
    "chains": (with_row(ROW), ("--chains", "0"), ["chains = 0", "Give a whole number from 1 on"]),
    "embeddings": (with_row(ROW), ("--embeddings", "some"), ["embeddings = 'some'", "'included'"]),
    "step without run": (with_row(ROW), ("--step", "step"), ["without run"]),
}


CARDS: dict[str, tuple[str, list[str]]] = {
    "unknown name": (card("E + A/N**q"), ["card.toml", "'q'", "neither a variable nor"]),
    "forbidden": (card("E + A/__import__(N)"), ["card.toml, formula", "__import__"]),
    "attribute": (card("E + A/N.real"), ["card.toml, formula"]),
    "unreadable": (card("E + A/"), ["card.toml, formula", "cannot be read"]),
    "cycle": (card(E="E / A", A="A / E"), ["E, A are stated on each other in a circle"]),
    "no TOML": ("name = mine", ["card.toml: is not TOML"]),
    "unknown key": ("colour = 'red'\n" + card(), ["card.toml: unknown key 'colour'"]),
}


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize("case", BAD)
def test_bad_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    content, options, parts = BAD[case]
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(content)
    refused(bayeslaw("fit", "table.csv", "--out", "out.nc", *options), *parts)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize("case", CARDS)
def test_bad_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    content, parts = CARDS[case]
    monkeypatch.chdir(tmp_path)
    Path("card.toml").write_text(content)
    Path("table.csv").write_text("N,loss\n1e9,2.5\n2e9,2.4\n")
    refused(bayeslaw("fit", "table.csv", "--law", "card.toml", "--out", "out.nc"), *parts)


@pytest.mark.usefixtures("no_sampling")
def test_a_table_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(bayeslaw("fit", "no.csv", "--out", "out.nc"), "no.csv: there is no such file")
    Path("runs.xlsx").write_text("x")
    refused(bayeslaw("fit", "runs.xlsx", "--out", "out.nc"), "runs.xlsx", ".csv")


@pytest.mark.parametrize("command", ["summary", "optimum", "predict"])
def test_bad_posteriors(folder: Path, tmp_path: Path, command: str) -> None:
    more = (folder / "runs.csv",) if command == "predict" else ()
    whole = (folder / "fit.nc").read_bytes()
    path = tmp_path / "fit.nc"
    path.write_bytes(whole[: len(whole) // 2])
    refused(bayeslaw(command, path, *more), "fit.nc: is no readable netCDF file", "copy the file")
    refused(bayeslaw(command, folder / "runs.csv", *more), "runs.csv: is no readable netCDF file")
    refused(bayeslaw(command, tmp_path / "no.nc", *more), "no.nc: there is no such file")
    xr.Dataset({"rain": ("day", [1.0])}).to_netcdf(path, engine="h5netcdf")
    refused(bayeslaw(command, path, *more), "not one that bayeslaw wrote")
