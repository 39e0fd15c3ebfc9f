"""Validation of variables: every bad value with its place and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayeslaw.core.errors import TableError
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import ORDERED, VOCABULARY, Variable, variable
from bayeslaw.runs.cells import hint, numeric
from bayeslaw.runs.mapping import Draft, Mapped
from bayeslaw.runs.reading import Source
from bayeslaw.runs.scale import and_more

_EQUAL = 1e-9
_LISTED = 10
_DROP = "correct it, or leave such rows out by where=... or drop_invalid=True (--drop-invalid)"


@dataclass(frozen=True)
class Flaw:
    """One kind of bad value in one column.

    Attributes
    ----------
    column : str
        The column in words.
    rows : array of int
        Positions of the bad rows.
    problem : callable
        From a position to what is wrong there.
    remedy : callable
        From a position to what would be right there.
    """

    column: str
    rows: np.ndarray
    problem: Callable[[int], str]
    remedy: Callable[[int], str]


def find_flaws(draft: Draft, groups: Iterable[str] = ()) -> list[Flaw]:
    """Look for bad values in every variable and group."""
    flaws = [
        flaw for mapped in draft.variables.values() for flaw in _of_variable(mapped, draft.source)
    ]
    for small, large in ORDERED:
        if small in draft.variables and large in draft.variables:
            flaws.append(_unordered(draft.variables[small], draft.variables[large]))
    for name in groups:
        if name not in draft.variables:
            gaps = np.flatnonzero(draft.source.table[name].isna())
            flaws.append(
                Flaw(
                    f"column {name!r}",
                    gaps,
                    lambda _: "the group is missing",
                    _say(_capital(_DROP)),
                )
            )
    return [flaw for flaw in flaws if len(flaw.rows)]


def refuse(draft: Draft, flaws: list[Flaw]) -> None:
    """Raise the first bad value of a table, if there is one."""
    if not flaws:
        return
    bad = np.unique(np.concatenate([flaw.rows for flaw in flaws]))
    row = int(bad[0])
    first = next(flaw for flaw in flaws if row in flaw.rows)
    raise TableError(
        first.problem(row) + _and_more(len(first.rows) - 1, len(bad) - len(first.rows)),
        place=draft.source.place(row, first.column),
        remedy=first.remedy(row),
    )


def drop(draft: Draft, flaws: list[Flaw]) -> tuple[Draft, tuple[Note, ...]]:
    """Leave bad rows out, and list them."""
    if not flaws:
        return draft, ()
    bad = np.unique(np.concatenate([flaw.rows for flaw in flaws]))
    if len(bad) == len(draft):
        refuse(draft, flaws)
    reasons = []
    for row in bad[:_LISTED].tolist():
        found = [f"{flaw.column}: {flaw.problem(row)}" for flaw in flaws if row in flaw.rows]
        reasons.append(f"{draft.source.word} {draft.source.table.index[row]} ({'; '.join(found)})")
    more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    message = f"{len(bad)} of {len(draft)} rows dropped: {', '.join(reasons)}{more}"
    note = Note(
        "rows_dropped",
        "warning",
        message,
        "Check whether they are bad for a reason that depends on the loss, such as divergence",
    )
    return draft.take(np.setdiff1d(np.arange(len(draft)), bad)), (note,)


def _and_more(alike: int, others: int) -> str:
    if not others:
        return and_more(alike)
    more = f"{alike} more such row{'s' * (alike != 1)} and " if alike else ""
    return f" (and {more}{others} with other faults)"


def _of_variable(mapped: Mapped, source: Source) -> list[Flaw]:
    entry, values = variable(mapped.name), mapped.values
    texts = [
        _not_numbers(mapped, source.table[column])
        for column in mapped.reads
        # In an expression, flags count as zero and one.
        if not (mapped.derived and source.table[column].dtype == bool)
    ]
    not_text = np.ones(len(values), dtype=bool)
    for flaw in texts:
        not_text[flaw.rows] = False
    missing = not_text & np.isnan(values)
    infinite = np.isinf(values)
    finite = np.isfinite(values)
    outside = np.flatnonzero(finite)[~_inside(entry, values[finite])]

    def shown(row: int) -> str:
        return f"{mapped.name} = {values[row]:.12g}{_origin(mapped, source, row)}"

    def domain(row: int) -> str:
        return f"{mapped.name} ({entry.means}) lies in {entry.domain}: {_DROP}"

    def gap(row: int) -> str:
        absent = [name for name in mapped.reads if source.table[name].isna().iloc[row]]
        if absent or not mapped.derived:
            return f"{mapped.name} is missing (nan)"
        return f"{mapped.name} cannot be computed (nan{_origin(mapped, source, row)})"

    return [
        *texts,
        Flaw(mapped.described, np.flatnonzero(missing), gap, _say(_capital(_DROP))),
        Flaw(mapped.described, np.flatnonzero(infinite), shown, domain),
        Flaw(mapped.described, outside, shown, domain),
    ]


def _not_numbers(mapped: Mapped, cells: pd.Series) -> Flaw:
    name = str(cells.name)
    # Only a column of its own may turn out to be something else: "activation" may hold "gelu".
    own = not mapped.derived and name == mapped.name and name in VOCABULARY
    sense = f"; or, if the column is not {mapped.name} ({variable(mapped.name).means}), say "
    sense += f'columns={{"{name}": ""}} (--column {name}=)'
    return Flaw(
        f"column {name!r} (in {mapped.described})" if mapped.derived else mapped.described,
        np.flatnonzero(numeric(cells)[1]),
        lambda row: f"{str(cells.iloc[row])!r} is not a number",
        lambda row: hint(cells.iloc[row]) + (sense if own else ""),
    )


def _unordered(small: Mapped, large: Mapped) -> Flaw:
    above = small.values > large.values * (1 + _EQUAL)
    meanings = (
        f"{small.name} ({variable(small.name).means}) never exceeds {large.name} "
        f"({variable(large.name).means}): check for exchanged columns and units, or {_DROP}"
    )
    return Flaw(
        f"{small.described} and {large.described}",
        np.flatnonzero(above & np.isfinite(small.values)),
        lambda row: (
            f"{small.name} = {small.values[row]:.12g} is above {large.name} = "
            f"{large.values[row]:.12g}"
        ),
        _say(meanings),
    )


def _inside(entry: Variable, values: np.ndarray) -> np.ndarray:
    # A domain is an interval: where it holds the extremes, it holds everything between them.
    if not len(values) or (entry.contains(values.min()) and entry.contains(values.max())):
        return np.ones(len(values), dtype=bool)
    return np.array([entry.contains(value) for value in values.tolist()], dtype=bool)


def _origin(mapped: Mapped, source: Source, row: int) -> str:
    if mapped.derived and mapped.reads:
        cells = (f"{name} = {source.table[name].iloc[row]}" for name in mapped.reads)
        return f" (from {', '.join(cells)})"
    if mapped.unit not in (None, 1.0) and not mapped.derived:
        return f" ({source.table[mapped.text].iloc[row]} times the unit {mapped.unit:g})"
    return ""


def _say(text: str) -> Callable[[int], str]:
    return lambda _: text


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
