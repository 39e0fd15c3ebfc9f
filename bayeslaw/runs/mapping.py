"""Columns of a source to variables: names, expressions, units and the filter of rows."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from bayeslaw.core.errors import FormulaError, TableError, nearest
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.runs.cells import hint, numeric
from bayeslaw.runs.options import Options
from bayeslaw.runs.reading import Source
from bayeslaw.runs.suggestions import column_remedy, likely_column


@dataclass(frozen=True)
class Mapped:
    """A variable and where it comes from.

    Attributes
    ----------
    name : str
        The variable.
    text : str
        Source column or expression, as the caller wrote it.
    reads : tuple of str
        The source columns that it reads.
    derived : bool
        Whether it is an expression and not a column.
    unit : float or None
        The declared factor, already applied; None if the caller declared none.
    values : array of float64, shape (rows,)
        NaN where a cell is missing or not a number.
    """

    name: str
    text: str
    reads: tuple[str, ...]
    derived: bool
    unit: float | None
    values: np.ndarray

    @property
    def described(self) -> str:
        """The column in words, for messages."""
        if self.derived:
            return f"{self.name} = {self.text}"
        return f"column {self.text!r}" + (f" ({self.name})" if self.text != self.name else "")


@dataclass(frozen=True)
class Draft:
    """A source and its variables, not yet validated.

    Attributes
    ----------
    source : Source
        The table as published.
    variables : dict of str to Mapped
        Its variables, canonical ones first.
    """

    source: Source
    variables: dict[str, Mapped]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.source.table)

    def take(self, rows: np.ndarray) -> Draft:
        """Keep some rows of the source and of every variable."""
        kept = {
            name: replace(mapped, values=mapped.values[rows])
            for name, mapped in self.variables.items()
        }
        return Draft(self.source.take(rows), kept)


def map_columns(source: Source, options: Options) -> Draft:
    """Find, derive and scale the variables of a table."""
    found = [str(name) for name in source.table.columns]
    meant = {name: name for name in VOCABULARY if name in found} | options.columns
    meant = {name: text for name, text in meant.items() if text}
    order = [name for name in VOCABULARY if name in meant]
    order += [name for name in meant if name not in VOCABULARY]
    for name in options.units:
        if name not in meant:
            raise TableError(
                f"units has a factor for {name!r}, which is no variable of this table",
                place=source.name,
                remedy=f"Units belong to variables, not to source columns. {nearest(name, order)}"
                + (f". {column_remedy(name, likely_column(name, found))}"
                   if name in VOCABULARY else ""),
            )  # fmt: skip
    variables = {
        name: _mapped(source, name, meant[name], options.units.get(name)) for name in order
    }
    return Draft(source, variables)


def keep_where(draft: Draft, where: str) -> Draft:
    """Filter rows."""
    place = f"{draft.source.name}, where"
    table = draft.source.table
    condition = _parsed(where, [str(name) for name in table.columns], place, comparisons=True)
    scope: dict[str, np.ndarray] = {
        str(name): table[name].fillna("").to_numpy(dtype=object)
        if table[name].dtype == "str"
        else table[name].to_numpy()
        for name in table.columns
    }
    scope |= {name: mapped.values for name, mapped in draft.variables.items()}
    _known(condition, scope, place)
    _comparable(condition, scope, draft.source, place)
    outcome = np.asarray(_evaluated(condition, scope, place))
    if outcome.dtype != bool or outcome.shape != (len(table),):
        raise TableError(
            f"{where!r} does not give true or false for each row",
            place=place,
            remedy="Compare a column with something: where=\"state == 'finished'\"",
        )
    if not outcome.any():
        raise TableError(
            f"no row of {len(table)} is left by {where!r}",
            place=place,
            remedy="Widen the condition; values of the columns it names: "
            + "; ".join(f"{name}: {_sample(scope[name])}" for name in sorted(condition.names)),
        )
    return draft.take(outcome)


def _mapped(source: Source, name: str, text: str, unit: float | None) -> Mapped:
    table = source.table
    factor = 1.0 if unit is None else unit
    if text in table.columns:
        values = numeric(table[text])[0]
        return Mapped(name, text, (text,), False, unit, values * factor)
    place = f"{source.name}, columns {name} = {text!r}"
    columns = [str(column) for column in table.columns]
    expression = _parsed(text, columns, place)
    _known(expression, table.columns, place)
    scope = {
        column: table[column].to_numpy(dtype=np.float64)
        if table[column].dtype == bool
        else numeric(table[column])[0]
        for column in expression.names
    }
    outcome = _evaluated(expression, scope, place)
    values = np.array(np.broadcast_to(np.asarray(outcome, dtype=np.float64), (len(table),)))
    reads = tuple(column for column in columns if column in expression.names)
    return Mapped(name, text, reads, True, unit, values * factor)


def _parsed(text: str, names: list[str], place: str, *, comparisons: bool = False) -> Expression:
    try:
        return parse_expression(text, place=place, comparisons=comparisons)
    except FormulaError as error:
        quoted = text
        for column in sorted(names, key=len, reverse=True):
            if not column.isidentifier() and "`" not in quoted:
                quoted = quoted.replace(column, f"`{column}`")
        if quoted != text:
            remedy = f"Put names that hold spaces or signs into back quotes: {quoted}"
            raise FormulaError(error.problem, place=place, remedy=remedy) from None
        # "Model Siz" is no expression, but what was meant is clear.
        plain = re.fullmatch(r"[\w\s.]+", text)
        if plain and difflib.get_close_matches(text, names, n=1, cutoff=0.7):
            raise TableError(
                f"there is no column {text!r}", place=place, remedy=nearest(text, names)
            ) from None
        raise


def _known(expression: Expression, names: Any, place: str) -> None:
    options = [str(name) for name in names]
    for name in sorted(expression.names - set(options)):
        raise TableError(f"there is no column {name!r}", place=place, remedy=nearest(name, options))


def _evaluated(expression: Expression, scope: Mapping[str, np.ndarray], place: str) -> Any:
    try:
        # A row that divides by zero is found, and named, by the checks.
        with np.errstate(all="ignore"):
            return expression(scope)
    except (FormulaError, ValueError) as error:
        raise TableError(
            str(error),
            place=place,
            remedy="Compare text with text and numbers with numbers, and compute with numbers only",
        ) from error


def _comparable(
    condition: Expression, scope: Mapping[str, np.ndarray], source: Source, place: str
) -> None:
    """Refuse text against numbers: NumPy calls them unequal in every row, without a word."""

    def kinds(node: ast.expr) -> set[str]:
        match node:
            case ast.Constant(value=value):
                return {"text" if isinstance(value, str) else "number"}
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return set().union(*map(kinds, elements))
            case ast.Name(id=name) if scope[name].dtype == object:
                return {"text"}
            case ast.Name():
                return {"number"}
        return set()

    for node in ast.walk(condition.tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for left, right in pairwise(sides):
            if {"text", "number"} != kinds(left) | kinds(right):
                continue
            named = next((side.id for side in (left, right) if isinstance(side, ast.Name)), None)
            text = named is not None and scope[named].dtype == object
            remedy = "Quote the value" if text else "Write the value without quotes"
            if named is not None and text and named in source.table:
                bad = np.flatnonzero(numeric(source.table[named])[1])
                if len(bad):
                    cell = source.table[named].iloc[bad[0]]
                    remedy += (
                        f"; or, if {named} should be a number, see {source.word} "
                        f"{source.table.index[bad[0]]}, which has {cell!r}: {hint(cell)}"
                    )
            raise TableError(
                f"{ast.unparse(node)!r} compares text with a number", place=place, remedy=remedy
            )


def _sample(values: np.ndarray) -> str:
    if values.dtype == object:
        different = list(dict.fromkeys(map(repr, values)))
        return ", ".join(different[:5]) + (", ..." if len(different) > 5 else "")
    if values.dtype.kind not in "fb" or np.isnan(values).all():
        return "no numbers"
    return f"{np.nanmin(values):g} to {np.nanmax(values):g}"
