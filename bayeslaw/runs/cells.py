"""Cells: numbers, gaps and text, read the same way from every kind of file."""

from __future__ import annotations

import math
import numbers
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.quantities import parse_count

#: Texts that stand for a missing value.
MISSING = frozenset({"", "nan", "NaN", "NA", "null", "None"})

_FLAGS = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}
_GAPS = {type(None), type(pd.NA), type(pd.NaT)}
_FLAG_TYPES = {bool, np.bool_}
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[,_' ]\d{3})+(?:\.\d*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")


def number(text: str) -> float | None:
    """Read one cell of text as a number."""
    text = text.strip()
    if text in MISSING:
        return math.nan
    # Python reads 1_000 and digits of other scripts; the table's author more likely mistyped.
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def count(text: str) -> float | None:
    """Read one cell of a variable: a number, or a count such as 5B."""
    value = number(text)
    return parse_count(text) if value is None else value


def hint(value: object) -> str:
    """The remedy for a value that is not a number."""
    text = str(value).strip()
    narrow = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    if narrow != text and number(narrow) is not None:
        return f"Write it in plain digits: {narrow}"
    plain, point = re.sub(r"[,_' ]", "", text), text.replace(",", ".")
    thousands, decimal = _THOUSANDS.fullmatch(text), _DECIMAL_COMMA.fullmatch(text)
    if thousands and decimal:
        return f"Write {point} or {plain}, whichever the comma means"
    if thousands:
        return f"Write it without thousands separators: {plain}"
    if decimal:
        return f"Write it with a decimal point: {point}"
    return "Write a plain number, such as 1.3e9 or 1.3B"


def from_text(cells: Sequence[str]) -> np.ndarray | pd.Series:
    """Give a column of text its type: numbers, flags or text."""
    # A column of text ends at its first word.
    values = list(takewhile(lambda value: value is not None, map(number, cells)))
    if len(values) == len(cells):
        return np.array(values, dtype=np.float64)
    gaps = [cell.strip() in MISSING for cell in cells]
    flags = [_FLAGS.get(cell.strip()) for cell in cells]
    if all(gap or flag is not None for gap, flag in zip(gaps, flags, strict=True)):
        return _from_objects(flags)
    texts = [None if gap else cell for gap, cell in zip(gaps, cells, strict=True)]
    return pd.Series(texts, dtype="str")


def from_series(series: pd.Series) -> np.ndarray | pd.Series:
    """Give a typed column the same types that a column of text gets."""
    dtype, kinds = series.dtype, pd.api.types
    if isinstance(dtype, pd.StringDtype):
        return pd.Series(series.to_list(), dtype="str")
    categories = isinstance(dtype, pd.CategoricalDtype)
    if categories or kinds.is_object_dtype(dtype) or kinds.is_bool_dtype(dtype):
        return _from_objects(series.to_list())
    if kinds.is_numeric_dtype(dtype) and not kinds.is_complex_dtype(dtype):
        return np.array(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return series.reset_index(drop=True)


def numeric(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Read a column as numbers, with a mask of the cells that are none."""
    if column.dtype == np.float64:
        return column.to_numpy(), np.zeros(len(column), dtype=bool)
    values = [
        count(cell) if isinstance(cell, str) else math.nan if _missing(cell) else None
        for cell in column.to_list()
    ]
    bad = np.array([value is None for value in values], dtype=bool)
    # None becomes NaN.
    return np.array(values, dtype=np.float64), bad


def _from_objects(cells: Sequence[Any]) -> np.ndarray | pd.Series:
    # Types instead of cells: a file of JSON has a million cells, but few types.
    if all(map(_number_type, set(map(type, cells)) - _GAPS)):
        return np.array([math.nan if type(cell) in _GAPS else _as_float(cell) for cell in cells])
    gaps = [_missing(cell) for cell in cells]
    types = {type(cell) for cell, gap in zip(cells, gaps, strict=True) if not gap}
    if types <= _FLAG_TYPES:
        values = [math.nan if gap else cell for cell, gap in zip(cells, gaps, strict=True)]
        return np.array(values, dtype=float if any(gaps) else bool)
    if all(issubclass(kind, str) or kind in _FLAG_TYPES or _number_type(kind) for kind in types):
        texts = [None if gap else _text(cell) for cell, gap in zip(cells, gaps, strict=True)]
        return pd.Series(texts, dtype="str")
    return pd.Series(cells, dtype=object)


def _text(cell: Any) -> str:
    """Text that can be stored: JSON may have halves of a character."""
    text = str(cell)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _missing(cell: Any) -> bool:
    return type(cell) in _GAPS or (_number_type(type(cell)) and cell != cell)


def _number_type(kind: type) -> bool:
    return issubclass(kind, numbers.Real | Decimal) and kind not in _FLAG_TYPES


def _as_float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        # JSON may hold integers beyond 1e308; as infinity they are reported, not lost.
        return math.inf if cell > 0 else -math.inf
