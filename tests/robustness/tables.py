"""Tables of runs: cells, headers, types, encodings, separators, cuts and options."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import bayeslaw as bl
from bayeslaw.core import vocabulary
from robustness.odd import OTHERS, TEXTS, brief, numbers, texts, values
from robustness.outcome import Attempt

HEADER = ("N", "N_a", "D", "G", "S", "loss")
ROWS = ((2e9, 5e8, 2e10, 8, 0.25, 2.7), (4e9, 1e9, 4e10, 4, 0.5, 2.5), (8e9, 9e8, 1e11, 2, 0, 2.4))
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-32")
SEPARATORS = (",", ",", ",", ";", "\t", "|", " ")
SUFFIXES = (".csv", ".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", "", ".csv.gz")
OPTIONS = ("columns", "units", "where", "run", "step", "best_of", "group", "embeddings")
OPTIONS += ("loss_unit", "drop_invalid", "architecture", "mapping")

Grid = list[list[Any]]


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """A header and rows, of which some cells are odd."""
    grid: Grid = [list(HEADER), *(list(row) for row in ROWS)]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.integers(0, len(ROWS)))
        column = draw(st.integers(0, len(HEADER) - 1))
        grid[row][column] = draw(texts if row == 0 else numbers | texts)
    if draw(st.integers(0, 5)) == 0:
        extra = draw(st.sampled_from(("E", "K", "C", "loss_se", "run", "step", "sweep", "N", "")))
        grid = [[*row, draw(numbers | texts) if i else extra] for i, row in enumerate(grid)]
    return grid


def _as_text(cell: Any) -> str:
    return f'"{cell}"' if isinstance(cell, str) and set(cell) & set(',;|\t\n"') else str(cell)


@st.composite
def contents(draw: st.DrawFn) -> tuple[str, bytes]:
    """Suffix and bytes of a file."""
    grid, suffix = draw(grids()), draw(st.sampled_from(SUFFIXES))
    if suffix in (".jsonl", ".json"):
        header, *rows = grid
        lines = [json.dumps(dict(zip(map(str, header), row, strict=True)), default=str)
                 for row in rows]  # fmt: skip
        content = "\n".join(lines).encode()
    elif suffix == ".parquet":
        header, *rows = grid
        frame = pd.DataFrame([[str(cell) for cell in row] for row in rows])
        frame.columns = [f"{name}{i}" if i > 5 else HEADER[i] for i, name in enumerate(header)]
        stream = io.BytesIO()
        frame.to_parquet(stream, engine="pyarrow")
        content = stream.getvalue()
    else:
        separator = draw(st.sampled_from(SEPARATORS))
        text = "\n".join(separator.join(map(_as_text, row)) for row in grid) + "\n"
        content = text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    damage = draw(st.sampled_from(("none", "none", "none", "cut", "flip", "insert")))
    place = draw(st.integers(0, max(len(content) - 1, 0)))
    if damage == "cut":
        content = content[:place]
    elif damage == "flip" and content:
        changed = content[place] ^ (1 << draw(st.integers(0, 7)))
        content = content[:place] + bytes([changed]) + content[place + 1 :]
    elif damage == "insert":
        content = content[:place] + draw(st.binary(max_size=4)) + content[place:]
    return suffix, content


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A DataFrame with columns of any type."""
    table: dict[Any, Any] = {}
    for position, name in enumerate(HEADER):
        column = [row[position] for row in ROWS]
        kind = draw(st.sampled_from(("plain", "plain", "plain", "odd", "type", "gap")))
        if kind == "odd":
            column[draw(st.integers(0, 2))] = draw(st.sampled_from((*OTHERS, *TEXTS)) | numbers)
            table[name] = pd.Series(column, dtype=object)
        elif kind == "type":
            table[name] = _typed(column, draw(st.sampled_from(TYPES)))
        elif kind == "gap":
            table[name] = pd.array([column[0], None, column[2]], dtype="Float64")
        else:
            table[name] = column
    frame = pd.DataFrame(table)
    if draw(st.integers(0, 5)) == 0:
        frame = frame.rename(columns={"N": draw(values.filter(_hashable))})
    if draw(st.integers(0, 5)) == 0:
        frame.index = pd.Index(draw(st.sampled_from((["a", "a", "b"], [None, 1, "x"], [3, 2, 1]))))
    return frame


TYPES = ("float32", "float16", "int64", "str", "category", "complex128", "bool", "Int64", "object")


def _typed(column: list[Any], name: str) -> pd.Series:
    with np.errstate(all="ignore"):
        series = pd.Series(column)
        return series.round().astype("Int64") if name == "Int64" else series.astype(name)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Options of ``read_runs``, odd or not."""
    given: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(OPTIONS), max_size=2, unique=True)):
        variables = st.sampled_from(("N", "N_a", "D", "loss", "x", "family", ""))
        odd = texts | numbers
        fitting: st.SearchStrategy[Any] = {
            "columns": st.dictionaries(variables, odd, max_size=2),
            "units": st.dictionaries(variables, numbers, max_size=2),
            "architecture": st.dictionaries(variables, odd, max_size=2),
            "where": texts | st.sampled_from(("N > 1e9", "loss < 2.6", "G == 8", "N in [2e9]")),
            "mapping": texts,
        }.get(name, texts | st.sampled_from(HEADER) | st.sampled_from(("bits", "ppl", "included")))
        given[name] = draw(fitting | values)
    return given


def check(runs: bl.Runs) -> None:
    """Every value is legal, and a table written and read again is the same."""
    for name in runs.variables:
        variable, column = vocabulary.variable(name), runs.column(name)
        assert all(variable.contains(float(value)) for value in column), f"{name} is illegal"
    repr(runs)


def _of_file(folder: Path, suffix: str, content: bytes, given: dict[str, Any]) -> Attempt:
    def read() -> bl.Runs:
        path = folder / f"table{suffix}"
        path.write_bytes(content)
        return bl.read_runs(path, **given)

    return Attempt(f"{suffix} {brief(content)} {brief(given)}", read, check)


def _of_frame(frame: pd.DataFrame, given: dict[str, Any]) -> Attempt:
    cells = brief([list(frame.columns), frame.values.tolist()])
    text = f"{cells} of {list(frame.dtypes)} {brief(given)}"
    return Attempt(text, lambda: bl.read_runs(frame, **given), check)


def _of_path(path: Any) -> Attempt:
    return Attempt(f"read_runs({brief(path)})", lambda: bl.read_runs(path))


def attempts(folder: Path) -> st.SearchStrategy[Attempt]:
    """Tables as files and as DataFrames, with options."""
    some = st.just({}) | options()
    files = st.builds(lambda file, given: _of_file(folder, *file, given), contents(), some)
    odd_paths = st.sampled_from(TEXTS).map(lambda text: f"{text}.csv") | values
    return files | st.builds(_of_frame, frames(), some) | odd_paths.map(_of_path)
