"""A table on its way to `Runs`: columns of the source mapped to variables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayeslaw.core.errors import TableError, check_names, nearest
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.runs.cells import numeric
from bayeslaw.runs.expressions import evaluate, parse
from bayeslaw.runs.options import Options
from bayeslaw.runs.source import Source
from bayeslaw.runs.suggestions import column_remedy

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


def map_columns(source: Source, options: Options) -> Draft:
    """Find, derive and scale the variables of a table."""
    columns = [str(name) for name in source.table.columns]
    texts = {name: name for name in VOCABULARY if name in columns} | options.columns
    order = [*(name for name in VOCABULARY if texts.get(name))]
    order += [name for name, text in texts.items() if text and name not in VOCABULARY]
    for name in options.units:
        if name not in order:
            remedy = f"Units belong to variables, not to source columns. {nearest(name, order)}"
            if name in VOCABULARY:
                remedy += f". {column_remedy(name, columns)}"
            problem = f"units has a factor for {name!r}, which is no variable of this table"
            raise TableError(problem, place=source.name, remedy=remedy)
    variables = {
        name: _mapped(source, name, texts[name], options.units.get(name)) for name in order
    }
    notes = (
        Note(
            "column_replaced",
            "info",
            f"{name} is {mapped.text}; the table's own column {name!r} is left out",
            "Rename that column to keep it",
        )
        for name, mapped in variables.items()
        if name in columns and mapped.text != name
    )
    return Draft(source, variables, tuple(notes))


def _mapped(source: Source, name: str, text: str, unit: float | None) -> Mapped:
    table = source.table
    factor = 1.0 if unit is None else unit
    if text in table.columns:
        return Mapped(name, text, (text,), False, unit, numeric(table[text])[0] * factor)
    place = f"{source.name}, columns {name} = {text!r}"
    columns = [str(column) for column in table.columns]
    expression = parse(text, columns, place)
    reads = tuple(column for column in columns if column in expression.names)
    scope = {
        column: table[column].to_numpy(dtype=np.float64)
        if table[column].dtype == bool
        else numeric(table[column])[0]
        for column in reads
    }
    outcome = np.asarray(evaluate(expression, scope, place), dtype=np.float64)
    values = np.array(np.broadcast_to(outcome, (len(table),)))
    return Mapped(name, text, reads, True, unit, values * factor)
