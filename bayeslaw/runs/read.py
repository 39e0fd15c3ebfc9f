"""``read_runs``: a table of any kind in, checked runs out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bayeslaw.core.notes import Note
from bayeslaw.runs.checks import drop, find_flaws, refuse
from bayeslaw.runs.mapping import Draft, keep_where, map_columns
from bayeslaw.runs.options import settle
from bayeslaw.runs.reading import read_source
from bayeslaw.runs.scale import check_units, snap
from bayeslaw.runs.table import Runs
from bayeslaw.runs.thinning import column_of, last_checkpoints, tuned


def read_runs(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str | float | None] | Iterable[tuple[str, str]] | None = None,
    units: Mapping[str, float] | Iterable[tuple[str, float]] | None = None,
    where: str | None = None,
    run: str | None = None,
    step: str | None = None,
    best_of: str | Sequence[str] = (),
    group: str | Sequence[str] = (),
    embeddings: str | None = None,
    loss_unit: str | None = None,
    mapping: str | Path | None = None,
    drop_invalid: bool = False,
) -> Runs:
    """Read a table of training runs.

    Rows are filtered by `where`, reduced to the last checkpoint of each run, validated, and reduced
    to the tuned setting of each cell, in this order.

    Parameters
    ----------
    source : str, Path or pandas.DataFrame
        A .csv, .tsv, .parquet, .jsonl, .ndjson or .json (one object a line) file, or a DataFrame,
        which is not changed.
    columns : mapping of str to str, optional
        Variable to source column, or to an expression over source columns: ``{"N": "n_total",
        "D": "D1 + D2", "S": "0"}``. Names with spaces stand in back quotes inside expressions.
        Columns with canonical names need no entry; an empty text says that a column of that name
        is something else.
    units : mapping of str to float, optional
        Variable to the factor that its values are multiplied by: ``{"N": 1e9}`` for billions.
    where : str, optional
        Condition over source columns and variables for the rows to keep:
        ``"state == 'finished' and D > 1e9"``.
    run, step : str, optional
        Columns that name a run and order its checkpoints. Only the last is kept, since a
        mid-schedule loss is not a shorter run's loss.
    best_of : str or sequence of str
        Tuned columns: of rows that agree in all variables and groups, those with the setting of the
        lowest loss are kept.
    group : str or sequence of str
        Columns that say which runs belong together.
    embeddings : {"included", "excluded"}, optional
        Whether parameter counts are with embeddings.
    loss_unit : str, optional
        "nats" (the default), "bits", which are converted to nats, or any label.
    mapping : str or Path, optional
        A TOML file with any of the options above; arguments win over it, ``columns`` and ``units``
        key by key.
    drop_invalid : bool
        Drop rows with bad values, and list them in a note, instead of raising.

    Returns
    -------
    Runs
        The validated table.

    Raises
    ------
    TableError
        Naming file, row, column, value and remedy of whatever cannot be used.
    FormulaError
        If an expression or condition cannot be read.
    RequestError
        If options have the wrong form or do not fit each other.
    """
    options = settle(
        mapping,
        columns=columns,
        units=units,
        where=where,
        run=run,
        step=step,
        best_of=best_of,
        group=group,
        embeddings=embeddings,
        loss_unit=loss_unit,
    )
    draft = map_columns(read_source(source), options)
    for name in options.group:
        column_of(draft, name, "group")
    notes = _shadowed(draft)
    if options.where is not None:
        draft = keep_where(draft, options.where)
    if options.run is not None:
        draft, found = last_checkpoints(draft, options.run, options.step)
        notes += found
    check_units(draft)
    draft = snap(draft)
    flaws = find_flaws(draft, options.group)
    if drop_invalid:
        draft, found = drop(draft, flaws)
        notes += found
    else:
        refuse(draft, flaws)
    if options.best_of:
        draft, found = tuned(draft, options.best_of, options.group)
        notes += found
    loss_unit = options.loss_unit
    if loss_unit == "bits":
        draft, found = _in_nats(draft)
        loss_unit, notes = "nats", notes + found
    return Runs(
        table=_table(draft),
        source=draft.source.name,
        variables=tuple(draft.variables),
        groups=options.group,
        embeddings=options.embeddings,
        loss_unit=loss_unit,
        notes=notes,
    )


def _shadowed(draft: Draft) -> tuple[Note, ...]:
    names = [
        name
        for name, mapped in draft.variables.items()
        if name in draft.source.table.columns and mapped.text != name
    ]
    return tuple(
        Note(
            "column_replaced",
            "info",
            f"{name} is {draft.variables[name].text}; the table's own column {name!r} is left out",
            "Rename that column to keep it",
        )
        for name in names
    )


def _in_nats(draft: Draft) -> tuple[Draft, tuple[Note, ...]]:
    if "loss" not in draft.variables:
        return draft, ()
    nats = {
        name: replace(one, values=one.values * math.log(2))
        for name, one in draft.variables.items()
        if name in ("loss", "loss_se")
    }
    note = Note("bits_to_nats", "info", "The loss was in bits and was multiplied by ln 2")
    return replace(draft, variables={**draft.variables, **nats}), (note,)


def _table(draft: Draft) -> pd.DataFrame:
    source = draft.source.table
    columns = {
        name: np.ascontiguousarray(mapped.values) for name, mapped in draft.variables.items()
    }
    others = {name: source[name].array for name in source.columns if name not in columns}
    return pd.DataFrame({**columns, **others}, index=source.index)
