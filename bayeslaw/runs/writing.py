"""Tables to files, whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from bayeslaw.core.errors import TableError
from bayeslaw.core.files import whole_file
from bayeslaw.runs.source import SUFFIXES


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the format that the suffix names; its index is left out."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        problem = f"the suffix {path.suffix!r} is not one of a table"
        remedy = f"Choose one of {', '.join(SUFFIXES)}"
        raise TableError(problem, place=path.name, remedy=remedy)
    try:
        with whole_file(path) as partial:
            if suffix == ".parquet":
                table.to_parquet(partial, index=False)
            elif suffix in (".csv", ".tsv"):
                separator = "\t" if suffix == ".tsv" else ","
                table.to_csv(partial, index=False, sep=separator, lineterminator="\n")
            else:
                partial.write_text(_json_lines(table), encoding="utf-8")
    except (OSError, TypeError, ValueError, NotImplementedError) as error:
        # pyarrow's errors are kinds of these, for columns that Parquet cannot hold.
        problem = f"the table cannot be written ({error})"
        remedy = "Choose a folder that may be written to; Parquet holds no mixed columns"
        raise TableError(problem, place=path.name, remedy=remedy) from error


def _json_lines(table: pd.DataFrame) -> str:
    # Not DataFrame.to_json: it keeps at most 15 digits, and float64 needs 17.
    columns = [[_plain(value) for value in table[name].to_list()] for name in table.columns]
    names = [str(name) for name in table.columns]
    records = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, str | bool | int | list | dict) else str(value)
