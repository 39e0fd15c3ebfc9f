"""Whatever is wrong with a table, the message says where, what, and what would be right."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayeslaw.core.errors import BayesLawError, FormulaError, RequestError, TableError
from bayeslaw.runs import read_runs

GOOD = "run,N,N_a,D,G,S,K,E,loss\n"


def refused(kind: type[BayesLawError], source: Any, *parts: str, **options: Any) -> str:
    with pytest.raises(BayesLawError) as caught:
        read_runs(source, **options)
    message = str(caught.value)
    assert type(caught.value) is kind, message
    for part in parts:
        assert part in message
    assert caught.value.remedy, message
    return message


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def row(**changed: str) -> str:
    cells = {"run": "a", "N": "2e9", "N_a": "1e9", "D": "1e10", "G": "2", "S": "0.5", "K": "1"}
    return ",".join({**cells, "E": "8", "loss": "2.5", **changed}.values()) + "\n"


# --- values ----------------------------------------------------------------------------------

DROP = "drop_invalid=True (--drop-invalid)"
VALUES = {
    "text": ({"loss": "2.5?"}, "column 'loss': '2.5?' is not a number", "Write a plain number"),
    "thousands": ({"D": '"12,000,000"'}, "column 'D': '12,000,000'", "separators: 12000000"),
    "decimal comma": ({"D": '"0,485"'}, "column 'D': '0,485'", "a decimal point: 0.485"),
    "comma of either kind": ({"D": '"1,485"'}, "column 'D': '1,485'", "Write 1.485 or 1485, "),
    "underscores": ({"D": "12_000_000"}, "column 'D': '12_000_000'", "separators: 12000000"),
    "empty": ({"loss": ""}, "column 'loss': loss is missing", DROP),
    "nan": ({"N": "NaN"}, "column 'N': N is missing", DROP),
    "na": ({"N": "NA"}, "column 'N': N is missing", DROP),
    "null": ({"N": "null"}, "column 'N': N is missing", DROP),
    "none": ({"N": "None"}, "column 'N': N is missing", DROP),
    "infinite": ({"loss": "inf"}, "column 'loss': loss = inf", "lies in (0, inf)"),
    "minus infinity": ({"N": "-inf"}, "column 'N': N = -inf", "lies in (0, inf)"),
    "zero": ({"N_a": "0"}, "column 'N_a': N_a = 0", "(parameters active per token) lies in (0"),
    "negative": ({"loss": "-2"}, "column 'loss': loss = -2", "loss (cross-entropy) lies in (0"),
    "active above total": ({"N_a": "3e9"}, "N_a = 3000000000 is above N = 2000000000", "exchanged"),
    "more chosen than there are": ({"K": "9"}, "K = 9 is above E = 8", "K (routed experts"),
    "shared ratio of one": ({"S": "1"}, "column 'S': S = 1", "lies in [0, 1)"),
    "negative shared ratio": ({"S": "-0.1"}, "column 'S': S = -0.1", "lies in [0, 1)"),
    "below one expert": ({"G": "0.5"}, "column 'G': G = 0.5", "lies in [1, inf)"),
}


@pytest.mark.parametrize("case", VALUES)
def test_bad_values(tmp_path: Path, case: str) -> None:
    changed, problem, remedy = VALUES[case]
    text = GOOD + row() + row(**changed) + row(run="b") + row(**changed)
    path = write(tmp_path, "sweep.csv", text)
    message = refused(TableError, path, "sweep.csv, line 3, ", problem, remedy)
    assert "(and 1 more such row)." in message
    runs = read_runs(path, drop_invalid=True)
    assert list(runs.table.index) == [2, 4]
    (note,) = runs.notes
    assert note.code == "rows_dropped"
    assert "line 3 (" in note.message
    assert "line 5 (" in note.message
    assert problem in note.message
    assert ("is missing" in note.message) == ("is missing" in problem)


def test_every_sound_value_passes(tmp_path: Path) -> None:
    text = GOOD + row() + row(S="0", G="1", N_a="2e9", K="8")
    assert read_runs(write(tmp_path, "sweep.csv", text)).notes == ()


def test_other_faults_are_not_called_alike() -> None:
    table = pd.DataFrame({"N": [1e9, -1.0, -2.0, 1e9], "loss": [np.nan, 3.0, 3.0, 3.0]})
    refused(TableError, table, "row 0, column 'loss': loss is missing (nan) (and 2 with other faul")
    refused(TableError, table[1:], "row 1, column 'N': N = -1 (and 1 more such row).")
    table.loc[3, "loss"] = np.nan
    refused(TableError, table, "is missing (nan) (and 1 more such row and 2 with other faults).")


def test_a_column_with_a_slip_is_still_suggested() -> None:
    table = pd.DataFrame({"n_total": ["1e9", "2e9", "3e9x"], "note": ["total", "N", "total"]})
    runs = read_runs(table)
    with pytest.raises(TableError, match=r'columns=\{"N": "n_total"\}'):
        runs.require(["N"], purpose="a test")


def test_mapped_columns_are_named_twice() -> None:
    table = pd.DataFrame({"n_B": [1.0, -3.0], "tag": ["x", "y"]}, index=["r1", "r2"])
    options: dict[str, Any] = {"columns": {"N": "n_B"}, "units": {"N": 1e9}}
    message = "DataFrame, row r2, column 'n_B' (N): N = -3000000000 (-3.0 times the unit 1e+09)"
    refused(TableError, table, message, **options)
    refused(
        TableError, table, "row r1, column 'tag' (N): 'x' is not a number (and 1 more such row)",
        columns={"N": "tag"},
    )  # fmt: skip


def test_derived_values_name_what_they_come_from() -> None:
    table = pd.DataFrame({"a": [4.0, 1.0, 0.0, np.nan], "b": ["2", "2", "0", "x"]})
    columns = {"G": "a / b"}
    refused(TableError, table, "row 1, G = a / b: G = 0.5 (from a = 1.0, b = 2)", columns=columns)
    problem = "row 2, G = a / b: G cannot be computed (nan (from a = 0.0, b = 0))"
    refused(TableError, table[2:3], problem, columns=columns)
    refused(TableError, table[3:], "row 3, column 'b' (in G = a / b): 'x' is not", columns=columns)
    refused(TableError, table[3:], "row 3, G = a + 0: G is missing", columns={"G": "a + 0"})


@pytest.mark.parametrize(
    ("name", "value", "factor"),
    [("N", 0.3, "1e9"), ("N", 7.0, "1e9"), ("N", 13_000.0, "1e6"), ("D", 300.0, "1e9")],
)
def test_units_must_be_declared(name: str, value: float, factor: str) -> None:
    table = pd.DataFrame({"x": [1e9, value, value]}, index=[5, 6, 7])
    refused(
        TableError,
        table,
        f"DataFrame, row 6, column 'x' ({name}): {name} = {value:.12g} is too small for a count of",
        "(and 1 more such row)",
        f'units={{"{name}": {factor}}} in Python, --unit {name}={factor} on the command line',
        columns={name: "x"},
    )
    assert len(read_runs(table, columns={name: "x"}, units={name: 1})) == 3


def test_groups_have_no_gaps(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "N,team\n1e9,x\n1e9,\n")
    refused(TableError, path, "t.csv, line 3, column 'team': the group is missing", group="team")
    refused(TableError, path, "t.csv, group: there is no column 'tem'", "'team'", group=["tem"])
    assert len(read_runs(path, group="team", drop_invalid=True)) == 1


# --- files -----------------------------------------------------------------------------------

FILES: dict[str, tuple[str, str | bytes, str, str]] = {
    "empty": ("t.csv", "", "t.csv: the file is empty", "Write a header"),
    "blank": ("t.csv", "\n \n", "t.csv: the file is empty", "Write a header"),
    "no rows": ("t.csv", "N,loss\n", "no rows (columns: N, loss)", "one row for each"),
    "no records": ("t.jsonl", "{}\n", "no rows (columns: none)", "one row for each"),
    "same header": (
        "t.csv",
        "N,loss,N\n1,2,3\n",
        "t.csv, line 1: the header has the column 'N' twice, as fields 1 and 3",
        "Rename",
    ),
    "spaced header": ("t.csv", "N, N\n1,2\n", "'N' twice, as fields 1 and 2", "Rename"),
    "same key": (
        "t.jsonl",
        '{"N": 1e9}\n{"N": 1, "N": 2}\n',
        "t.jsonl, line 2: the header has the column 'N' twice",
        "Rename",
    ),
    "long row": (
        "t.csv",
        "N,loss\n1e9,2\n1e9,2,3\n",
        "t.csv, line 3: 3 fields, but the header has 2",
        "one field a column",
    ),
    "short row": (
        "t.csv",
        "N,D,loss\n1e9,2\n",
        "t.csv, line 2: 2 fields, but the header has 3",
        "one field a column",
    ),
    "open quote": (
        "t.csv",
        'N,note\n1e9,x\n1e9,"y\n1e9,z\n',
        "t.csv, line 3: the row cannot be read (unexpected end of data)",
        "Close every quotation mark",
    ),
    "semicolons": (
        "t.csv",
        "N;loss\n1e9;2\n",
        "t.csv, line 1: the fields are separated by semicolons",
        "by commas in .csv",
    ),
    "commas": (
        "t.tsv",
        "N,loss\n1e9,2\n",
        "t.tsv, line 1: the fields are separated by commas",
        "by tabs in .tsv",
    ),
    "not text": (
        "t.csv",
        b"N\n1e9\n\xff\xfe",
        "t.csv, line 3: the byte 0xff is not text",
        "in UTF-8",
    ),
    "zeros": ("t.csv", b"N\n1e9\n\x00", "t.csv: the file holds zero bytes", "in UTF-8"),
    "bad JSON": (
        "t.jsonl",
        '{"N": 1e9}\n\n{"N": 1e9\n',
        "t.jsonl, line 3: not valid JSON (Expecting",
        "one JSON object a line",
    ),
    "JSON list": (
        "t.json",
        '[{"N": 1e9}]\n',
        "t.json, line 1: '[{\"N\": 1e9}]' is not a JSON object",
        "no list around",
    ),
    "nested JSON": (
        "t.jsonl",
        '{"N": {"total": 1e9}}\n',
        "t.jsonl, line 1, column 'N': \"{'total'",
        "plain number",
    ),
    "JSON flag": (
        "t.jsonl",
        '{"S": true}\n',
        "line 1, column 'S': 'True' is not a number",
        "plain number",
    ),
    "not Parquet": ("t.parquet", "N\n1e9\n", "t.parquet: not a Parquet file (", "Write it again"),
    "suffix": (
        "t.xls",
        "N\n",
        "t.xls: the suffix '.xls' is not",
        ".csv, .tsv, .parquet, .jsonl",
    ),
    "no suffix": ("t", "N\n", "t: the suffix '' is not", ".csv, .tsv, .parquet, .jsonl"),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files(tmp_path: Path, case: str) -> None:
    name, content, problem, remedy = FILES[case]
    message = refused(TableError, write(tmp_path, name, content), problem, remedy)
    assert str(tmp_path) not in message


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"N": [1e9] * 100}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    refused(TableError, path, "t.parquet: not a Parquet file (", "incomplete copy")


def test_flipped_bits_of_parquet_are_refused_or_harmless(tmp_path: Path) -> None:
    table = pd.DataFrame({"N": np.geomspace(1e8, 1e9, 30), "note": [f"n{k}" for k in range(30)]})
    runs = read_runs(table)
    runs.write(tmp_path / "whole.parquet")
    whole, rng = (tmp_path / "whole.parquet").read_bytes(), np.random.default_rng(0)
    refusals = 0
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path = write(tmp_path, "t.parquet", bytes(flipped))
        try:
            again = read_runs(path)
        except TableError:
            refusals += 1
        else:
            assert "N" not in again.variables or np.array_equal(again.column("N"), runs.column("N"))
    assert refusals > 100


def test_files_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, "sweep.csv", "N\n1e9\n")
    refused(TableError, tmp_path / "swep.csv", "no such file", "Did you mean 'sweep.csv'?")
    refused(TableError, str(tmp_path / "no" / "a.csv"), "no such file", "Check the folder")
    refused(TableError, "a\0.csv", "a\\x00.csv: this is no name of a file", "Check the name")
    (tmp_path / "folder.csv").mkdir()
    refused(TableError, tmp_path / "folder.csv", "the file cannot be read (", "you may read")
    refused(RequestError, [1.0], "source is a list. Give text or a path or a DataFrame")


@pytest.mark.parametrize("path", ["x/" * 2500 + "a.csv", "x" * 5000 + ".csv", "x" * 5000])
def test_a_long_path_is_not_repeated_whole(path: str) -> None:
    assert len(refused(TableError, path, "...")) < 600


def test_dataframes_with_ambiguous_or_no_rows() -> None:
    doubled = pd.DataFrame([[1e9, 2e9]], columns=["N", "N"])
    refused(TableError, doubled, "DataFrame: the header has the column 'N' twice", "Rename")
    mixed = pd.DataFrame([[1e9, 2e9]], columns=[1, "1"])
    refused(TableError, mixed, "DataFrame: the header has the column '1' twice", "Rename")
    refused(TableError, pd.DataFrame({"N": []}), "DataFrame: the table has no rows (columns: N)")
    refused(TableError, pd.DataFrame(), "DataFrame: the table has no rows (columns: none)")


# --- options ---------------------------------------------------------------------------------

OPTIONS: dict[str, tuple[type[BayesLawError], dict[str, Any], str, str]] = {
    "misspelt column": (
        TableError,
        {"columns": {"N": "n_totl"}},
        "DataFrame, columns N = 'n_totl': there is no column 'n_totl'",
        "Did you mean 'n_total'?",
    ),
    "misspelt with a space": (
        TableError,
        {"columns": {"N": "Model Siz"}},
        "no column 'Model Siz'",
        "Did you mean 'Model Size'?",
    ),
    "misspelt in an expression": (
        TableError,
        {"columns": {"N": "2 * n_totl"}},
        "columns N = '2 * n_totl': there is no column 'n_totl'",
        "Did you mean 'n_total'?",
    ),
    "no back quotes": (
        FormulaError,
        {"columns": {"N": "Model Size * 2"}},
        "cannot be read",
        "into back quotes: `Model Size` * 2",
    ),
    "no back quotes in where": (
        FormulaError,
        {"where": "Model Size > 3"},
        "DataFrame, where: 'Model Size > 3' cannot be read",
        "into back quotes: `Model Size` > 3",
    ),
    "forbidden function": (
        FormulaError,
        {"columns": {"N": "log(n_total)"}},
        "columns N = 'log(n_total)'",
        "ln, log2 or log10",
    ),
    "huge power": (
        TableError,
        {"columns": {"N": "n_total * 2**99999"}},
        "cannot be computed",
        "numbers only",
    ),
    "no variable": (
        TableError,
        {"columns": {"N total": "n_total"}},
        "'N total' cannot be the name of a variable",
        "Write the variable on the left",
    ),
    "a function's name": (
        TableError,
        {"columns": {"max": "n_total"}},
        "'max' cannot be the name",
        "Write the variable on the left",
    ),
    "flag for a column": (
        TableError,
        {"columns": {"N": True}},
        "N = True is neither a column nor",
        'columns={"N": "its column"}',
    ),
    "variable twice": (
        TableError,
        {"columns": [("N", "n_total"), ("N", "D")]},
        "columns gives 'N' twice, as 'n_total' and 'D'",
        "once",
    ),
    "no pairs": (
        RequestError,
        {"columns": ["ND"]},
        "columns = ['ND'] is not a mapping of variables",
        'columns = {"N": "n_total"}',
    ),
    "text for pairs": (
        RequestError,
        {"units": "N=1e9"},
        "units = 'N=1e9' is not a mapping of variables",
        'units = {"N": 1e9}',
    ),
    "unit of nothing": (
        TableError,
        {"units": {"G": 2.0}},
        "a factor for 'G', which is no variable",
        "There are: D",
    ),
    "unit of a source column": (
        TableError,
        {"units": {"n_total": 1e9}},
        "a factor for 'n_total'",
        "Units belong to variables",
    ),
    "unit to be mapped": (
        TableError,
        {"units": {"N": 1e9}},
        "a factor for 'N'",
        "--column N=n_total",
    ),
    "unit of zero": (
        TableError,
        {"units": {"D": 0}},
        "the unit of D is 0, not a positive number",
        "--unit D=1e9",
    ),
    "unit as text": (TableError, {"units": {"D": "1e9"}}, "the unit of D is '1e9'", "--unit D=1e9"),
    "infinite unit": (
        TableError,
        {"units": {"D": math.inf}},
        "the unit of D is inf",
        "--unit D=1e9",
    ),
    "unit of nan": (TableError, {"units": {"D": math.nan}}, "the unit of D is nan", "--unit D=1e9"),
    "unknown name in where": (
        TableError,
        {"where": "stat == 'ok'"},
        "DataFrame, where: there is no column 'stat'",
        "Did you mean 'state'?",
    ),
    "where is a number": (
        TableError,
        {"where": "D + 1"},
        "where: 'D + 1' does not give true or false",
        "Compare a column",
    ),
    "where is one value": (
        TableError,
        {"where": "1 < 2"},
        "where: '1 < 2' does not give true or false for each row",
        "Compare",
    ),
    "where is text": (
        TableError,
        {"where": "state"},
        "where: 'state' does not give",
        "Compare a column",
    ),
    "text against a number": (
        TableError,
        {"where": "state != 3"},
        "'state != 3' compares text with a number",
        "Quote the value",
    ),
    "number against text": (
        TableError,
        {"where": "D in ('1e10', '2e10')"},
        "compares text with a number",
        "without quotes",
    ),
    "number that is text": (
        TableError,
        {"where": "late > 3"},
        "'late > 3' compares text",
        "if late should be a number, see row 1, which has 'x'",
    ),
    "sum of text": (
        TableError,
        {"where": "state * 2 == 'ok'"},
        "cannot be computed",
        "Compare text with text",
    ),
    "not a condition": (
        FormulaError,
        {"where": "D >"},
        "DataFrame, where: 'D >' cannot be read",
        "Use",
    ),
    "no row left": (
        TableError,
        {"where": "state == 'done'"},
        "none of 2 rows satisfies \"state == 'done'\"",
        "state: 'ok', 'failed'",
    ),
    "no row left by number": (
        TableError,
        {"where": "D > 1e12"},
        "none of 2 rows satisfies",
        "D: 1e+10 to 2e+10",
    ),
    "step without run": (
        RequestError,
        {"step": "step"},
        "step = 'step' without run",
        "run='run_id'",
    ),
    "run without step": (
        RequestError,
        {"run": "id"},
        "row 1, column 'id' (run): the run 'a' has several rows",
        "step='step'",
    ),
    "unknown run": (
        TableError,
        {"run": "ids", "step": "step"},
        "DataFrame, run: there is no column 'ids'",
        "'id'",
    ),
    "unknown step": (
        TableError,
        {"run": "id", "step": "stepp"},
        "DataFrame, step: there is no column 'stepp'",
        "'step'",
    ),
    "last step twice": (
        TableError,
        {"run": "id", "step": "same"},
        "row 1, column 'same' (step): the run 'a' has its last step, 7, twice",
        "Keep one",
    ),
    "missing step": (
        TableError,
        {"run": "id", "step": "gap"},
        "row 1, column 'gap' (step): the step is missing",
        "where=...",
    ),
    "step in words": (
        TableError,
        {"run": "id", "step": "late"},
        "row 1, column 'late' (step): 'x' is not a number",
        "plain number",
    ),
    "missing run": (
        TableError,
        {"run": "gap", "step": "step"},
        "row 1, column 'gap' (run): the run is missing",
        "where=...",
    ),
    "huge run": (
        TableError,
        {"run": "big", "step": "step"},
        "row 0, column 'big' (run): 9007199254740992 is too large",
        "as text",
    ),
    "nested group": (
        TableError,
        {"group": "nested"},
        "row 0, column 'nested' (group): [1] is neither a number nor text",
        "plain values",
    ),
    "unknown best_of": (
        TableError,
        {"best_of": ["lrr"]},
        "DataFrame, best_of: there is no column 'lrr'",
        "There are",
    ),
    "best_of without loss": (
        RequestError,
        {"best_of": "step"},
        "the table has no loss",
        'columns={"loss": "its column"}',
    ),
    "embeddings": (
        RequestError,
        {"embeddings": "yes"},
        "embeddings = 'yes'",
        "'included' or 'excluded'",
    ),
    "where as a number": (RequestError, {"where": 3}, "where = 3", "Give text"),
    "group as a number": (
        RequestError,
        {"group": [3]},
        "group = [3] is not a list of column names",
        'group = ["sweep"]',
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options(case: str) -> None:
    kind, options, problem, remedy = OPTIONS[case]
    table = pd.DataFrame(
        {
            "n_total": [1e9, 2e9],
            "Model Size": [1e9, 2e9],
            "D": [1e10, 2e10],
            "state": ["ok", "failed"],
            "id": ["a", "a"],
            "step": [1, 2],
            "same": [7, 7],
            "gap": [1, None],
            "late": ["1", "x"],
            "nested": [[1], [2]],
            "big": [2**53, 2**53 + 1],
        }
    )
    refused(kind, table, problem, remedy, **options)


MAPPINGS = {
    "unknown key": ("colums = 1\n", "m.toml: unknown key 'colums'", "Did you mean 'columns'?"),
    "not TOML": ("[columns\n", "m.toml: not valid TOML (", "Write [columns]"),
    "variable twice": ('[columns]\nN = "a"\nN = "b"\n', "m.toml: not valid TOML (", "each once"),
    "misplaced key": (
        '[columns]\nN = "n"\nwhere = "x"\n',
        "'where' is inside the table [col",
        "above",
    ),
    "bad unit": ("[units]\nN = -1\n", "m.toml: the unit of N is -1", "--unit N=1e9"),
    "bad variable": ('[columns]\n"N x" = "n"\n', "m.toml: columns: 'N x' cannot be", "on the left"),
    "misspelt column": (
        '[columns]\nN = "m"\n',
        "columns N = 'm': there is no column 'm'",
        "There are: n",
    ),
    "wrong type": ("run = 3\n", "m.toml: run = 3 is not text", "Quote it"),
    "wrong word": ('embeddings = "some"\n', "m.toml: embeddings = 'some'", "'included'"),
}


@pytest.mark.parametrize("case", MAPPINGS)
def test_bad_mapping_files(tmp_path: Path, case: str) -> None:
    content, problem, remedy = MAPPINGS[case]
    mapping = write(tmp_path, "m.toml", content)
    with pytest.raises(BayesLawError) as caught:
        read_runs(pd.DataFrame({"n": [1e9]}), mapping=mapping)
    assert problem in str(caught.value)
    assert remedy in str(caught.value)


def test_a_mapping_file_that_is_not_there(tmp_path: Path) -> None:
    table = pd.DataFrame({"N": [1e9]})
    refused(TableError, table, "cannot be read (No such file", mapping=tmp_path / "m.toml")


def test_large_tables_are_checked_quickly(tmp_path: Path) -> None:
    rows = 100_000
    lines = [f"{1e9 + k!r},{2e10 + k!r},{2 + k / rows!r},r{k}" for k in range(rows)]
    lines[-1] = "1e9,2e10,-1,last"
    path = write(tmp_path, "big.csv", "N,D,loss,id\n" + "\n".join(lines))
    refused(TableError, path, f"big.csv, line {rows + 1}, column 'loss': loss = -1.")
