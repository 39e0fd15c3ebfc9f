"""Files and DataFrames as a table with strict headers, and tables as files."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, TableError, some_of
from bayeslaw.core.files import write_file
from bayeslaw.runs.cells import from_series, from_text
from bayeslaw.runs.sheets import sheet, unpacked

#: Suffixes that a table is written with; it is read from spreadsheets and compressed files too.
SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")
_READABLE = (*SUFFIXES, ".xlsx")

#: Characters by which the last cell of a file that was cut is shorter than all others.
_CUT = 2


@dataclass(frozen=True)
class Source:
    """A table as its author published it.

    ``table`` holds every column under its own name, numbers as float64; its index is a row's place,
    and ``counted`` says what it counts: "line" of a text file, or "row".
    """

    name: str
    table: pd.DataFrame
    counted: str

    def row(self, position: int) -> str:
        """A row's place within the source, for messages."""
        return f"{self.counted} {self.table.index[position]}"

    def rows(self, positions: np.ndarray, most: int = 5) -> str:
        """The places of several rows, the first few of many."""
        named = some_of((self.table.index[i] for i in positions.tolist()), most)
        return f"{self.counted}{'s' * (len(positions) > 1)} {named}"

    def place(self, position: int, column: str) -> str:
        """A cell's place, for messages."""
        return f"{self.name}, {self.row(position)}, {column}"

    def take(self, rows: np.ndarray) -> Source:
        """Keep some rows, by mask or position."""
        return replace(
            self, table=self.table[rows] if rows.dtype == bool else self.table.iloc[rows]
        )


def read_source(source: str | Path | pd.DataFrame) -> Source:
    """Read a table as it is, without giving any column a meaning."""
    if isinstance(source, pd.DataFrame):
        return _frame("DataFrame", source, source.index)
    if not isinstance(source, str | Path):
        problem = f"a table of runs cannot be read from a {type(source).__name__}"
        remedy = "Give the path of a file or a pandas DataFrame"
        raise RequestError(problem, place="read_runs", remedy=remedy)
    path = Path(source)
    packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem if packed else path.name).suffix.lower()
    if suffix not in _READABLE:
        problem = f"the suffix {path.suffix!r} is not one of a table"
        remedy = f"Save the table as one of {', '.join(_READABLE)}, with .gz if compressed, or "
        raise TableError(problem, place=path.name, remedy=f"{remedy}pass a pandas DataFrame")
    content = _bytes(path)
    if packed:
        content = unpacked(path.name, content)
    if not content.strip():
        raise TableError("the file is empty", place=path.name, remedy="Write a header and runs")
    if suffix == ".parquet":
        return _parquet(path.name, content)
    if suffix == ".xlsx":
        return _spreadsheet(path.name, content)
    text = _text(path.name, content)
    if suffix in (".csv", ".tsv"):
        return _separated(path.name, text, "\t" if suffix == ".tsv" else ",")
    return _json_lines(path.name, text)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        beside = [item.name for item in path.parent.glob("*")] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, beside, n=1)
        problem = "there is no such file"
        remedy = f"Did you mean {close[0]!r}?" if close else "Check the folder and the name"
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror})"
        remedy = "Give the name of a file that you may read"
    except ValueError as error:
        problem, remedy = f"this is no name of a file ({error})", "Check the name"
    raise TableError(problem, place=str(path), remedy=remedy)


def _text(name: str, content: bytes) -> str:
    place, problem = name, "the file holds zero bytes: it is binary, not text"
    try:
        text = content.decode("utf-8-sig")
        if "\0" not in text:
            return text
    except UnicodeDecodeError as error:
        problem = f"the byte 0x{content[error.start]:02x} is not text in UTF-8"
        place = f"{name}, line {content.count(b'\n', 0, error.start) + 1}"
    raise TableError(problem, place=place, remedy="Save the table as text in UTF-8")


def _separated(name: str, text: str, delimiter: str) -> Source:
    # Read here and not by pandas: it renames duplicated headers, moves a column into the index when
    # rows are too long, pads those too short, and forgets the line of a row.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: dict[int, list[str]] = {}
    line = 1
    try:
        for fields in reader:
            begins, line = line, reader.line_num + 1
            if len(fields) < 2 and not "".join(fields).strip():
                continue
            place = f"{name}, line {begins}"
            if not header:
                header = _header(fields, place, delimiter)
            elif len(fields) == len(header):
                rows[begins] = fields
            else:
                problem = f"{len(fields)} fields, but the header has {len(header)}"
                remedy = "Give every row one field a column; quote text that holds a separator"
                raise TableError(problem, place=place, remedy=remedy)
    except csv.Error as error:
        problem, place = f"the row cannot be read ({error})", f"{name}, line {line}"
        remedy = "Close every quotation mark, and double those inside quoted text"
        raise TableError(problem, place=place, remedy=remedy) from None
    if rows and not text.endswith(("\n", "\r")):
        _refuse_cut(list(rows.values()), f"{name}, line {max(rows)}", header[-1])
    columns = [from_text(cells) for cells in zip(*rows.values(), strict=True)]
    return _assembled(name, header, columns, rows, "line")


def _refuse_cut(rows: list[list[str]], place: str, column: str) -> None:
    """Refuse a file that ends within the last cell: without a line break, and much too short."""
    *others, last = (len(row[-1].strip()) for row in rows)
    if len(others) >= 3 and last <= min(others) - _CUT:
        problem = (
            f"the file ends without a line break, and its last cell, {rows[-1][-1]!r}, is shorter "
            "than every other of the column"
        )
        remedy = "Copy the file again; if it is whole, end it with a line break"
        raise TableError(problem, place=f"{place}, column {column!r}", remedy=remedy)


def _header(fields: list[str], place: str, delimiter: str) -> list[str]:
    if len(fields) == 1:
        for other, plural in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
            if other != delimiter and other in fields[0]:
                remedy = "Separate fields by commas in .csv and by tabs in .tsv"
                problem = f"the fields are separated by {plural}"
                raise TableError(problem, place=place, remedy=remedy)
    # A name without text is that of an index which pandas wrote.
    names = [field.strip() or f"column_{number}" for number, field in enumerate(fields, 1)]
    return _unique(names, place)


def _unique(names: list[str], place: str) -> list[str]:
    fields: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in fields:
            first = fields[name]
            problem = f"the header has the column {name!r} twice, as fields {first} and {number}"
            raise TableError(problem, place=place, remedy="Rename or remove one of them")
        fields[name] = number
    return names


def _json_lines(name: str, text: str) -> Source:
    records: dict[int, dict[str, Any]] = {}
    place = name

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _unique([key for key, _ in pairs], place)
        return dict(pairs)

    # Not splitlines(): JSON strings may hold U+2028 and its like unescaped.
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        place = f"{name}, line {line}"
        try:
            record = json.loads(written, object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as error:
            remedy = "Write one JSON object a line"
            raise TableError(f"not valid JSON ({error})", place=place, remedy=remedy) from None
        if not isinstance(record, dict):
            problem = f"{written.strip()[:40]!r} is not a JSON object"
            remedy = 'Write one object a line, {"N": 1e9, "loss": 2.5}, and no list around them'
            raise TableError(problem, place=place, remedy=remedy)
        records[line] = record
    names = list(dict.fromkeys(key for record in records.values() for key in record))
    columns = [
        from_series(pd.Series([record.get(key) for record in records.values()], dtype=object))
        for key in names
    ]
    return _assembled(name, names, columns, records, "line")


def _parquet(name: str, content: bytes) -> Source:
    import pyarrow
    import pyarrow.parquet

    try:
        arrow = pyarrow.parquet.read_table(io.BytesIO(content), page_checksum_verification=True)
        # Without its metadata, an index that pandas wrote is a column like any other.
        frame = arrow.to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        # Damaged metadata fails as text or JSON, not as Parquet.
        problem = f"not a Parquet file ({(str(error).splitlines() or ['damaged'])[0]})"
        remedy = "Write it again; an incomplete copy cannot be read"
        raise TableError(problem, place=name, remedy=remedy) from error
    frame = frame.loc[:, frame.columns != "__index_level_0__"]
    return _frame(name, frame, range(1, len(frame) + 1))


def _spreadsheet(name: str, content: bytes) -> Source:
    header, rows = sheet(name, content)
    names = _header(header, f"{name}, row 1", "")
    columns = [
        from_series(pd.Series(cells, dtype=object)) for cells in zip(*rows.values(), strict=True)
    ]
    return _assembled(name, names, columns, rows, "row")


def _frame(name: str, frame: pd.DataFrame, index: pd.Index | range) -> Source:
    names = _unique([str(column) for column in frame.columns], name)
    columns = [from_series(frame.iloc[:, number]) for number in range(len(names))]
    return _assembled(name, names, columns, index, "row")


def _assembled(
    name: str,
    names: Sequence[str],
    columns: Sequence[np.ndarray | pd.Series],
    index: pd.Index | Iterable[Hashable],
    counted: str,
) -> Source:
    if not columns or not len(columns[0]):
        problem = f"the table has no rows (columns: {', '.join(names) or 'none'})"
        raise TableError(problem, place=name, remedy="Give one row for each training run")
    if not isinstance(index, pd.Index):
        index = pd.Index(list(index), name=counted)
    # Arrays without an index of their own, which pandas would align.
    arrays = [getattr(column, "array", column) for column in columns]
    return Source(name, pd.DataFrame(dict(zip(names, arrays, strict=True)), index=index), counted)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the format that the suffix names; its index is left out."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        problem = f"the suffix {path.suffix!r} is not one of a table"
        remedy = f"Choose one of {', '.join(SUFFIXES)}"
        raise TableError(problem, place=path.name, remedy=remedy)
    try:
        content = _content(table, suffix)
    except (TypeError, ValueError, NotImplementedError) as error:
        # pyarrow's errors are kinds of these, for columns that Parquet cannot hold.
        problem = f"the table cannot be written ({error})"
        remedy = "Parquet holds no mixed columns; .csv and .jsonl do"
        raise TableError(problem, place=path.name, remedy=remedy) from error
    write_file(path, content, error=TableError)


def _content(table: pd.DataFrame, suffix: str) -> bytes | str:
    if suffix == ".parquet":
        whole: bytes = table.to_parquet(None, index=False, write_page_checksum=True)
        return whole
    if suffix in (".csv", ".tsv"):
        separator = "\t" if suffix == ".tsv" else ","
        text: str = table.to_csv(None, index=False, sep=separator, lineterminator="\n")
        return text
    return _as_json_lines(table)


def _as_json_lines(table: pd.DataFrame) -> str:
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
