"""Files and DataFrames to a table with strict headers, whose index says where each row stood."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.runs.cells import from_series, from_text

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Source:
    """A table as its author published it.

    Attributes
    ----------
    name : str
        Name of the file without its folder, or "DataFrame".
    table : pandas.DataFrame
        Every column under its own name; numbers are float64. The index says where a row stood.
    word : str
        What the index counts: "line" of a text file, or "row".
    """

    name: str
    table: pd.DataFrame
    word: str

    def place(self, row: int | None = None, column: str = "") -> str:
        """Say where something stands, for messages."""
        parts = [self.name]
        if row is not None:
            parts.append(f"{self.word} {self.table.index[row]}")
        return ", ".join([*parts, column] if column else parts)

    def take(self, rows: np.ndarray) -> Source:
        """Keep some rows."""
        return replace(
            self, table=self.table[rows] if rows.dtype == bool else self.table.iloc[rows]
        )


def read_source(source: str | Path | pd.DataFrame) -> Source:
    """Read a table as it is, without giving any column a meaning."""
    if isinstance(source, pd.DataFrame):
        names = _headers([str(name) for name in source.columns], "DataFrame", "")
        columns = [from_series(source.iloc[:, place]) for place in range(len(names))]
        return _assembled("DataFrame", names, columns, source.index, "row")
    if not isinstance(source, str | Path):
        raise RequestError(
            f"a table of runs cannot be read from a {type(source).__name__}",
            place="read_runs",
            remedy="Give the path of a file or a pandas DataFrame",
        )
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(
            f"the suffix {path.suffix!r} is not one of a table",
            place=path.name,
            remedy=f"Save the table as one of {', '.join(SUFFIXES)}, or pass a pandas DataFrame",
        )
    content = _bytes(path)
    if not content.strip():
        raise TableError("the file is empty", place=path.name, remedy="Write a header and runs")
    if suffix == ".parquet":
        return _parquet(path.name, content)
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
        raise TableError(
            "there is no such file",
            place=str(path),
            remedy=f"Did you mean {close[0]!r}?" if close else "Check the folder and the name",
        ) from None
    except OSError as error:
        raise TableError(
            f"the file cannot be read ({error.strerror})",
            place=str(path),
            remedy="Give the name of a file that you may read",
        ) from error


def _text(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the byte 0x{content[error.start]:02x} is not text in UTF-8"
        place = f"{name}, line {line}"
    else:
        if "\0" not in text:
            return text
        problem, place = "the file holds zero bytes: it is binary, not text", name
    raise TableError(problem, place=place, remedy="Save the table as text in UTF-8") from None


def _separated(name: str, text: str, delimiter: str) -> Source:
    # Read here and not by pandas: it renames duplicated headers, moves a column into the index when
    # rows are too long, pads those too short, and forgets on which line a row stood.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for fields in reader:
            begins, line = line, reader.line_num + 1
            if len(fields) < 2 and not "".join(fields).strip():
                continue
            if not header:
                header = _header(name, fields, begins, delimiter)
            elif len(fields) == len(header):
                rows.append(fields)
                lines.append(begins)
            else:
                raise TableError(
                    f"{len(fields)} fields, but the header has {len(header)}",
                    place=f"{name}, line {begins}",
                    remedy="Give every row one field a column; quote text that holds a separator",
                )
    except csv.Error as error:
        raise TableError(
            f"the row cannot be read ({error})",
            place=f"{name}, line {line}",
            remedy="Close every quotation mark, and double those inside quoted text",
        ) from None
    columns = [from_text(cells) for cells in zip(*rows, strict=True)]
    return _assembled(name, header, columns, lines, "line")


def _header(name: str, fields: list[str], line: int, delimiter: str) -> list[str]:
    if len(fields) == 1:
        for other, called in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
            if other != delimiter and other in fields[0]:
                raise TableError(
                    f"the fields are separated by {called}",
                    place=f"{name}, line {line}",
                    remedy="Separate fields by commas in .csv and by tabs in .tsv",
                )
    # A name without text is that of an index which pandas wrote.
    names = [field.strip() or f"column_{place}" for place, field in enumerate(fields, 1)]
    return _headers(names, name, f", line {line}")


def _headers(names: list[str], name: str, line: str) -> list[str]:
    for place, column in enumerate(names):
        if column in names[:place]:
            raise TableError(
                f"the header has the column {column!r} twice, as fields "
                f"{names.index(column) + 1} and {place + 1}",
                place=f"{name}{line}",
                remedy="Rename or remove one of them",
            )
    return names


def _json_lines(name: str, text: str) -> Source:
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    line = 0

    def unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            _headers([key for key, _ in pairs], name, f", line {line}")
        return dict(pairs)

    # Not splitlines(): JSON strings may hold U+2028 and its like unescaped.
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            record = json.loads(written, object_pairs_hook=unambiguous)
        except (ValueError, RecursionError) as error:
            raise TableError(
                f"not valid JSON ({error})",
                place=f"{name}, line {line}",
                remedy="Write one JSON object a line",
            ) from None
        if not isinstance(record, dict):
            raise TableError(
                f"{written.strip()[:40]!r} is not a JSON object",
                place=f"{name}, line {line}",
                remedy='Write one object a line, {"N": 1e9, "loss": 2.5}, and no list around them',
            )
        records.append(record)
        lines.append(line)
    names = list(dict.fromkeys(key for record in records for key in record))
    columns = [
        from_series(pd.Series([record.get(key) for record in records], dtype=object))
        for key in names
    ]
    return _assembled(name, names, columns, lines, "line")


def _parquet(name: str, content: bytes) -> Source:
    import pyarrow
    import pyarrow.parquet

    try:
        arrow = pyarrow.parquet.read_table(io.BytesIO(content))
        # Without its metadata, an index that pandas wrote is a column like any other.
        frame = arrow.to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise TableError(
            f"not a Parquet file ({str(error).splitlines()[0]})",
            place=name,
            remedy="Write it again; a copy that broke off cannot be read",
        ) from error
    names = _headers([str(column) for column in frame.columns], name, "")
    kept = [place for place, column in enumerate(names) if column != "__index_level_0__"]
    columns = [from_series(frame.iloc[:, place]) for place in kept]
    index = range(1, len(frame) + 1)
    return _assembled(name, [names[place] for place in kept], columns, index, "row")


def _assembled(
    name: str,
    names: Sequence[str],
    columns: Sequence[np.ndarray | pd.Series],
    index: pd.Index | Iterable[Hashable],
    word: str,
) -> Source:
    if not columns or not len(columns[0]):
        raise TableError(
            f"the table has no rows (columns: {', '.join(names) or 'none'})",
            place=name,
            remedy="Give one row for each training run",
        )
    if not isinstance(index, pd.Index):
        index = pd.Index(list(index), name=word)
    values = {
        key: getattr(column, "array", column) for key, column in zip(names, columns, strict=True)
    }
    return Source(name, pd.DataFrame(values, index=index), word)
