"""A table on its way to `Runs`: columns of the source mapped to variables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayeslaw.core.errors import TableError, check_names
from bayeslaw.core.notes import Note
from bayeslaw.runs.source import Source

#: Above this, neighbouring integers are one float64.
_EXACT = 2.0**53


@dataclass(frozen=True)
class Mapped:
    """A variable and its origin.

    ``text`` is the source column or expression as the caller wrote it, ``reads`` the columns it
    reads, and ``derived`` whether it is an expression. ``unit`` is already applied; None if none
    was declared. ``values``, of shape (rows,), are NaN where a cell is missing or not a number.
    """

    name: str
    text: str
    reads: tuple[str, ...]
    derived: bool
    unit: float | None
    values: np.ndarray

    @property
    def described(self) -> str:
        """The column, for messages."""
        if self.derived:
            return f"{self.name} = {self.text}"
        return f"column {self.text!r}" + (f" ({self.name})" if self.text != self.name else "")


@dataclass(frozen=True)
class Draft:
    """A source and its variables, canonical ones first; each stage of reading returns another."""

    source: Source
    variables: dict[str, Mapped]
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.source.table)

    def take(self, rows: np.ndarray, *notes: Note) -> Draft:
        """Keep some rows of the source and of every variable, by mask or position."""
        kept = {name: mapped.values[rows] for name, mapped in self.variables.items()}
        return replace(
            self.with_values(kept), source=self.source.take(rows), notes=(*self.notes, *notes)
        )

    def with_values(self, values: dict[str, np.ndarray]) -> Draft:
        """Replace the values of some variables."""
        changed = {name: replace(self.variables[name], values=v) for name, v in values.items()}
        return replace(self, variables={**self.variables, **changed})

    def column(self, name: str, option: str) -> pd.Series:
        """A variable or source column that an option names."""
        table = self.source.table
        if name in self.variables:
            return pd.Series(self.variables[name].values, index=table.index)
        known = dict.fromkeys([*self.variables, *map(str, table.columns)])
        place = f"{self.source.name}, {option}"
        check_names([name], known, "there is no column {!r}", place=place, error=TableError)
        column = table[name]
        if column.dtype == object:
            problem = f"{column.iloc[0]!r} is neither a number nor text"
            raise self.error(0, name, option, problem, "Choose a column of plain values")
        if column.dtype == np.float64 and (large := column.abs().to_numpy() >= _EXACT).any():
            row = int(large.argmax())
            problem = f"{column.iloc[row]:.17g} is too large to distinguish from its neighbours"
            remedy = "Store such identifiers as text, with a letter in front"
            raise self.error(row, name, option, problem, remedy)
        return column

    def error(self, row: int, name: str, option: str, problem: str, remedy: str) -> TableError:
        """An error in a cell of a column that an option names."""
        place = self.source.place(row, f"column {name!r} ({option})")
        return TableError(problem, place=place, remedy=remedy)
