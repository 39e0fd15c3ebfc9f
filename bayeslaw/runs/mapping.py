"""Columns of a source to variables: names, expressions and units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from bayeslaw.architecture.lookup import family_of
from bayeslaw.architecture.rows import variables_of_columns
from bayeslaw.architecture.shape import keys_of
from bayeslaw.core.errors import TableError, nearest
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.runs.cells import count, number, numeric
from bayeslaw.runs.draft import Draft, Mapped
from bayeslaw.runs.expressions import evaluate, parse
from bayeslaw.runs.options import Options
from bayeslaw.runs.source import Source
from bayeslaw.runs.suggestions import column_remedy


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
    variables = _variables(source, {name: texts[name] for name in order}, options.units)
    if options.architecture:
        derived = _of_architectures(source, options)
        both = derived | variables
        variables = {
            name: both[name] for name in dict.fromkeys([*VOCABULARY, *both]) if name in both
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


def _variables(
    source: Source, texts: Mapping[str, str], units: Mapping[str, float]
) -> dict[str, Mapped]:
    """Every variable; an expression may read others, in their own units."""
    found: dict[str, Mapped] = {}

    def find(name: str, within: tuple[str, ...] = ()) -> Mapped:
        if name in within:
            problem = f"{' reads '.join(within)} reads {name} again"
            remedy = f"Write {name} in terms of columns"
            raise TableError(problem, place=f"{source.name}, columns", remedy=remedy)
        if name not in found:
            others = {other: partial(find, other, (*within, name)) for other in texts}
            del others[name]
            found[name] = _mapped(source, name, texts[name], units.get(name), others=others)
        return found[name]

    return {name: find(name) for name in texts}


def _mapped(
    source: Source,
    name: str,
    text: str,
    unit: float | None,
    option: str = "columns",
    others: Mapping[str, Callable[[], Mapped]] | None = None,
) -> Mapped:
    table = source.table
    factor = 1.0 if unit is None else unit
    if text in table.columns:
        _refuse_two_scales(source, name, text, unit)
        return Mapped(name, text, (text,), False, unit, numeric(table[text])[0] * factor)
    place = f"{source.name}, {option} {name} = {text!r}"
    columns = [str(column) for column in table.columns]
    # A column wins over a variable of the same name.
    others = {other: find for other, find in (others or {}).items() if other not in columns}
    expression = parse(text, [*columns, *others], place)
    variables = {other: others[other]() for other in others if other in expression.names}
    reads = tuple(column for column in columns if column in expression.names)
    scope = {
        column: table[column].to_numpy(dtype=np.float64)
        if table[column].dtype == bool
        else numeric(table[column])[0]
        for column in reads
    }
    scope |= {other: mapped.values for other, mapped in variables.items()}
    reads = tuple(dict.fromkeys(sum((mapped.reads for mapped in variables.values()), reads)))
    outcome = np.asarray(evaluate(expression, scope, place), dtype=np.float64)
    values = np.array(np.broadcast_to(outcome, (len(table),)))
    return Mapped(name, text, reads, True, unit, values * factor)


def counts_sizes(draft: Draft, options: Options) -> bool:
    """Whether N or N_a is counted from architectures."""
    sizes = [draft.variables[name] for name in ("N", "N_a") if name in draft.variables]
    return any(mapped.text == _architecture_text(options) for mapped in sizes)


def _architecture_text(options: Options) -> str:
    return f"its {options.architecture.get('family')} architecture"


def _refuse_two_scales(source: Source, name: str, column: str, unit: float | None) -> None:
    """Refuse a declared unit for cells that state their own: 5B times 1e9."""
    cells = source.table[column]
    if unit in (None, 1.0) or cells.dtype != "str":
        return
    for row, cell in enumerate(cells):
        if isinstance(cell, str) and number(cell) is None and count(cell) is not None:
            raise TableError(
                f"{name} = {cell} states its own unit, and units has {unit:g}",
                place=source.place(row, f"column {column!r}"),
                remedy=f"Leave out the unit of {name}",
            )


def _of_architectures(source: Source, options: Options) -> dict[str, Mapped]:
    """The variables that layers, widths and experts of every row determine."""
    place = f"{source.name}, architecture"
    texts = dict(options.architecture)
    family = family_of(texts.pop("family"), place=place)
    keys = dict.fromkeys(key for keys in keys_of(family).values() for key in keys)
    texts = {key: key for key in keys if key in source.table.columns} | texts
    fields = {key: _mapped(source, key, text, None, "architecture") for key, text in texts.items()}
    values = variables_of_columns(
        family.name,
        {key: mapped.values for key, mapped in fields.items()},
        embeddings=options.embeddings or "included",
        place=place,
    )
    reads = tuple(dict.fromkeys(name for mapped in fields.values() for name in mapped.reads))
    # Counts are whole, however small a model may be.
    return {
        name: Mapped(name, _architecture_text(options), reads, True, 1.0, np.array(column))
        for name, column in values.items()
    }
