"""Tables in spreadsheets and in compressed files, taken out of them."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from typing import Any

from bayeslaw.core.errors import TableError, some_of


def unpacked(name: str, content: bytes) -> bytes:
    """The content of a file that gzip has compressed."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        problem = f"not a complete gzip file ({error})"
        remedy = "Write it again; an incomplete copy cannot be read"
        raise TableError(problem, place=name, remedy=remedy) from error


def sheet(name: str, content: bytes) -> tuple[list[str], dict[int, list[Any]]]:
    """Header and rows, by their number, of the only sheet of a workbook that holds anything."""
    try:
        import openpyxl
    except ImportError:
        remedy = "Install it, pip install openpyxl, or save the table as .csv"
        problem = "spreadsheets are read by openpyxl, which is not installed"
        raise TableError(problem, place=name, remedy=remedy) from None
    try:
        with warnings.catch_warnings():
            # On styles and extensions, which are no part of a table.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets = {one.title: _filled(one.iter_rows(values_only=True)) for one in book}
    except Exception as error:
        # Damaged workbooks fail in any part of the reader: as archives, as XML or as numbers.
        text = (str(error).splitlines() or [type(error).__name__])[0]
        problem, remedy = f"not an Excel workbook ({text})", "Save the table again, or as .csv"
        raise TableError(problem, place=name, remedy=remedy) from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if len(filled) > 1:
        problem = f"{len(filled)} sheets hold something: {some_of(filled)}"
        remedy = "Keep the one with the runs, or save it as .csv"
        raise TableError(problem, place=name, remedy=remedy)
    rows = next(iter(filled.values()), {})
    if not rows:
        raise TableError("the workbook is empty", place=name, remedy="Write a header and runs")
    width = 1 + max(i for row in rows.values() for i, cell in enumerate(row) if cell is not None)
    first, *others = rows
    header = ["" if cell is None else str(cell) for cell in _padded(rows[first], width)]
    return header, {number: _padded(rows[number], width) for number in others}


def _filled(rows: Any) -> dict[int, list[Any]]:
    """Rows with a cell that holds something, by their number."""
    return {
        number: list(row)
        for number, row in enumerate(rows, 1)
        if any(cell is not None for cell in row)
    }


def _padded(row: list[Any], width: int) -> list[Any]:
    return [*row, *[None] * width][:width]
