"""Validation of variables: every bad value with its place and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayeslaw.core.errors import TableError
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import ORDERED, VOCABULARY, Variable, variable
from bayeslaw.runs.cells import hint, numeric
from bayeslaw.runs.draft import Draft, Mapped
from bayeslaw.runs.options import PERPLEXITIES, Options
from bayeslaw.runs.plausible import LARGEST_LOSS, SMALLEST_LOSS, check_loss_unit
from bayeslaw.runs.repeats import finished
from bayeslaw.runs.source import Source
from bayeslaw.runs.suggestions import where_not_positive

_EQUAL = 1e-9
_ROUNDING = 1e-6
_LISTED = 10
# Positive numbers whose squares can still be computed are larger.
_SMALLEST = 1e-100
_OMIT = "leave such rows out by where=... or drop_invalid=True (--drop-invalid)"
_CORRECT = f"Correct it, or {_OMIT}"


@dataclass(frozen=True)
class Flaw:
    """One kind of bad value in one column; from a row's position to its problem and remedy."""

    column: str
    rows: np.ndarray
    problem: Callable[[int], str]
    remedy: Callable[[int], str]


def check_values(draft: Draft, options: Options, *, drop_invalid: bool) -> Draft:
    """Refuse or drop rows with bad values, once units and rounding are settled."""
    _check_units(draft)
    check_loss_unit(draft, options)
    draft = _snapped(draft)
    flaws = [flaw for flaw in _flaws(draft, options) if len(flaw.rows)]
    if not flaws:
        return draft
    bad = np.unique(np.concatenate([flaw.rows for flaw in flaws]))
    if not drop_invalid or len(bad) == len(draft):
        row = int(bad[0])
        first = next(flaw for flaw in flaws if row in flaw.rows)
        more = _and_more(len(first.rows) - 1, len(bad) - len(first.rows))
        problem = first.problem(row) + more
        remedy = first.remedy(row)
        condition = finished(draft.source.table)
        if condition and options.where is None:
            remedy += f'. Where those are runs that did not finish: where="{condition}" (--where)'
        raise TableError(problem, place=draft.source.place(row, first.column), remedy=remedy)
    reasons = []
    for row in bad[:_LISTED].tolist():
        problems = [f"{flaw.column}: {flaw.problem(row)}" for flaw in flaws if row in flaw.rows]
        reasons.append(f"{draft.source.row(row)} ({'; '.join(problems)})")
    more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    note = Note(
        "rows_dropped",
        "warning",
        f"{len(bad)} of {len(draft)} rows dropped: {', '.join(reasons)}{more}",
        "Check whether they are bad for a reason that depends on the loss, such as divergence",
    )
    return draft.take(np.setdiff1d(np.arange(len(draft)), bad), note)


def _check_units(draft: Draft) -> None:
    """Refuse counts that look like thousands, millions or billions without a declared unit."""
    for name, mapped in draft.variables.items():
        low = variable(name).smallest_plausible
        small = (mapped.values > 0) & (mapped.values < low)
        if mapped.unit is not None or not small.any():
            continue
        row = int(np.flatnonzero(small)[0])
        # A column whose typical value is in the thousands is in millions rather than billions.
        millions = np.median(mapped.values[small]) >= 1e3
        factor, scale = ("1e6", "millions") if millions else ("1e9", "billions")
        raise TableError(
            f"{name} = {mapped.values[row]:.12g} is too small for a count of "
            f"{variable(name).unit}{_and_more(int(small.sum()) - 1)}",
            place=draft.source.place(row, mapped.described),
            remedy=f'If the column is in {scale}, declare it: units={{"{name}": {factor}}} in '
            f"Python, --unit {name}={factor} on the command line; if the counts are right, declare "
            f"a unit of 1",
        )


def _snapped(draft: Draft) -> Draft:
    """Put values that rounding moved off an included bound back onto it.

    A derived G of 0.9999999998 means 1: the columns it was derived from were rounded when they were
    written. Derived values are moved from both sides, published ones only from outside.
    """
    moved = {}
    for name, mapped in draft.variables.items():
        entry, values = variable(name), mapped.values
        ends = ((entry.low, entry.low_included, -1.0), (entry.high, entry.high_included, 1.0))
        for bound, included, side in ends:
            if included and np.isfinite(bound):
                near = np.abs(values - bound) <= _ROUNDING * max(1.0, abs(bound))
                outside = side * (values - bound) > 0
                values = np.where(near & (outside | mapped.derived), bound, values)
        moved[name] = values
    return draft.with_values(moved)


def _flaws(draft: Draft, options: Options) -> Iterator[Flaw]:
    for mapped in draft.variables.values():
        yield from _of_variable(mapped, draft.source)
        yield from _implausible(mapped, draft.source, options.loss_unit)
    for small, large in ORDERED:
        if small in draft.variables and large in draft.variables:
            yield _unordered(draft.variables[small], draft.variables[large])
    for name in options.group:
        if name not in draft.variables:
            gaps = np.flatnonzero(draft.source.table[name].isna())
            yield Flaw(f"column {name!r}", gaps, _always("the group is missing"), _always(_CORRECT))


def _of_variable(mapped: Mapped, source: Source) -> Iterator[Flaw]:
    entry, values = variable(mapped.name), mapped.values
    missing = np.isnan(values)
    for column in mapped.reads:
        # In an expression, flags count as zero and one.
        if not (mapped.derived and source.table[column].dtype == bool):
            flaw = _not_numbers(mapped, source.table[column])
            missing[flaw.rows] = False
            yield flaw

    def value(row: int) -> str:
        return f"{mapped.name} = {values[row]:.12g}{_origin(mapped, source, row)}"

    def gap(row: int) -> str:
        empty = [name for name in mapped.reads if source.table[name].isna().iloc[row]]
        if not mapped.derived or empty:
            listed = f": {', '.join(empty)} is empty" if mapped.derived else ""
            return f"{mapped.name} is missing (nan){listed}"
        return f"{mapped.name} cannot be computed (nan{_origin(mapped, source, row)})"

    domain = f"{mapped.name} ({entry.means}) lies in {entry.domain}: correct it, or {_OMIT}"
    if mapped.name not in VOCABULARY:
        domain += f". {where_not_positive(mapped.name, mapped.text)}"
    finite = np.isfinite(values)
    outside = np.flatnonzero(finite)[~_inside(entry, values[finite])]
    yield Flaw(mapped.described, np.flatnonzero(missing), gap, _always(_CORRECT))
    yield Flaw(mapped.described, np.flatnonzero(np.isinf(values)), value, _always(domain))
    yield Flaw(mapped.described, outside, value, _always(domain))


def _not_numbers(mapped: Mapped, cells: pd.Series) -> Flaw:
    name = str(cells.name)
    otherwise = ""
    # Only a column of its own may turn out to be something else: "activation" may hold "gelu".
    if not mapped.derived and name == mapped.name and name in VOCABULARY:
        otherwise = (
            f"; or, if the column is not {name} ({variable(name).means}), unmap it: "
            f'columns={{"{name}": ""}} (--column {name}=)'
        )
    return Flaw(
        f"column {name!r} (in {mapped.described})" if mapped.derived else mapped.described,
        np.flatnonzero(numeric(cells)[1]),
        lambda row: f"{str(cells.iloc[row])!r} is not a number",
        lambda row: f"{hint(cells.iloc[row])}, or {_OMIT}{otherwise}",
    )


def _implausible(mapped: Mapped, source: Source, loss_unit: str | None) -> Iterator[Flaw]:
    """Numbers that no run has, whatever is wrong with them."""
    entry, values = variable(mapped.name), mapped.values
    low, high, unit = _SMALLEST, entry.largest_plausible, ""
    if mapped.name == "loss" and loss_unit is None:
        low, high = SMALLEST_LOSS, LARGEST_LOSS
        unit = " nats, unless loss_unit (--loss-unit) states another unit"
    if mapped.name == "loss" and loss_unit in PERPLEXITIES:
        low, high = np.nextafter(1.0, 2.0), float(np.exp(LARGEST_LOSS))
        unit = f", which is {LARGEST_LOSS:g} nats"
    with np.errstate(invalid="ignore"):
        rows = np.isfinite(values) & ((values > high) | ((values < low) & (values > 0)))

    def problem(row: int) -> str:
        return f"{mapped.name} = {values[row]:.12g}{_origin(mapped, source, row)}"

    def remedy(row: int) -> str:
        large = values[row] > high
        bound = f"at most {high:g}" if large else f"at least {low:.3g}"
        said = unit if large or loss_unit is None else ""
        check = f"Check the unit of {mapped.name}: " * (mapped.unit not in (None, 1.0))
        return f"{check}{mapped.name} ({entry.means}) is {bound}{said}. {_CORRECT}"

    yield Flaw(mapped.described, np.flatnonzero(rows), problem, remedy)


def _unordered(small: Mapped, large: Mapped) -> Flaw:
    (a, x), (b, y) = ((mapped.name, mapped.values) for mapped in (small, large))
    rows = np.flatnonzero((x > y * (1 + _EQUAL)) & np.isfinite(x))
    remedy = (
        f"{a} ({variable(a).means}) never exceeds {b} ({variable(b).means}): check for exchanged "
        f"columns and units, or correct it, or {_OMIT}"
    )
    return Flaw(
        f"{small.described} and {large.described}",
        rows,
        lambda row: f"{a} = {x[row]:.12g} is above {b} = {y[row]:.12g}",
        _always(remedy),
    )


def _always(text: str) -> Callable[[int], str]:
    return lambda _: text


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


def _and_more(alike: int, others: int = 0) -> str:
    rows = f"{alike} more such row{'s' * (alike != 1)}" if alike else ""
    faults = f"{others} with other faults" if others else ""
    return f" (and {' and '.join(filter(None, (rows, faults)))})" if alike or others else ""
