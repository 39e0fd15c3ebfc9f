"""One row a run: the last checkpoint of each, and the tuned setting of each cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, TableError, nearest
from bayeslaw.core.notes import Note
from bayeslaw.runs.cells import hint, numeric
from bayeslaw.runs.mapping import Draft

#: Above this, neighbouring integers are one float64.
_EXACT = 2.0**53


def column_of(draft: Draft, name: str, option: str) -> pd.Series:
    """Look up a column that an option names."""
    table = draft.source.table
    if name in draft.variables:
        return pd.Series(draft.variables[name].values, index=table.index)
    if name not in table.columns:
        known = dict.fromkeys([*draft.variables, *map(str, table.columns)])
        raise TableError(
            f"there is no column {name!r}",
            place=f"{draft.source.name}, {option}",
            remedy=nearest(name, known),
        )
    column = table[name]
    if column.dtype == object:
        raise TableError(
            f"{column.iloc[0]!r} is neither a number nor text",
            place=draft.source.place(0, f"column {name!r} ({option})"),
            remedy="Choose a column of plain values",
        )
    if column.dtype == np.float64 and (column.abs() >= _EXACT).any():
        row = int(np.flatnonzero(column.abs() >= _EXACT)[0])
        raise TableError(
            f"{column.iloc[row]:.17g} is too large to tell from its neighbours",
            place=draft.source.place(row, f"column {name!r} ({option})"),
            remedy="Store such identifiers as text, with a letter in front",
        )
    return column


def last_checkpoints(draft: Draft, run: str, step: str | None) -> tuple[Draft, tuple[Note, ...]]:
    """Keep the last step of each run."""
    runs = column_of(draft, run, "run")
    _no_gaps(draft, runs, run, "run")
    codes, names = pd.factorize(runs)
    if step is None:
        row = _first_repeat(codes)
        if row is not None:
            raise RequestError(
                f"the run {_plain(runs.iloc[row])} has several rows, and step is not given",
                place=draft.source.place(row, f"column {run!r} (run)"),
                remedy="Name the column that orders checkpoints, step='step', or drop run",
            )
        return draft, ()
    steps_column = column_of(draft, step, "step")
    steps, bad = numeric(steps_column)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(
            f"{str(steps_column.iloc[row])!r} is not a number",
            place=draft.source.place(row, f"column {step!r} (step)"),
            remedy=hint(steps_column.iloc[row]),
        )
    _no_gaps(draft, pd.Series(steps), step, "step")
    final = np.full(len(names), -np.inf)
    np.maximum.at(final, codes, steps)
    last = np.flatnonzero(steps == final[codes])
    again = _first_repeat(codes[last])
    if again is not None:
        row = int(last[again])
        raise TableError(
            f"the run {_plain(runs.iloc[row])} has its last step, {steps[row]:.12g}, twice",
            place=draft.source.place(row, f"column {step!r} (step)"),
            remedy="Keep one of the two rows, by where=... or in the table",
        )
    left = len(draft) - len(last)
    if not left:
        return draft, ()
    several = int((np.bincount(codes) > 1).sum())
    note = Note(
        "checkpoints_left_out",
        "info",
        f"{left} of {len(draft)} rows are earlier checkpoints of {several} "
        f"run{'s' * (several > 1)} and were left out",
        "Nothing to do: a mid-schedule loss is not a shorter run's loss",
    )
    return draft.take(last), (note,)


def tuned(
    draft: Draft, best_of: tuple[str, ...], groups: tuple[str, ...]
) -> tuple[Draft, tuple[Note, ...]]:
    """Keep the setting with the lowest loss among rows that differ only in tuned columns."""
    settings = [column_of(draft, name, "best_of") for name in best_of]
    if "loss" not in draft.variables:
        raise RequestError(
            "best_of keeps the lowest loss, but the table has no loss",
            place=draft.source.name,
            remedy='Map it: columns={"loss": "its column"}, or drop best_of',
        )
    loss = draft.variables["loss"].values
    same = [
        # Nine digits, so that rounding in a derived column does not split a cell.
        np.array([f"{value:.9g}" for value in mapped.values.tolist()])
        for name, mapped in draft.variables.items()
        if name not in ("loss", "loss_se") and name not in best_of
    ]
    same += [column_of(draft, name, "group") for name in groups if name not in draft.variables]
    cells = _codes(same, len(draft))
    order = np.lexsort((loss, cells))
    winners = order[np.unique(cells[order], return_index=True)[1]]
    setting = _codes(settings, len(draft))
    kept = np.flatnonzero(setting == setting[winners][cells])
    left = len(draft) - len(kept)
    if not left:
        return draft, ()
    mixed = len(np.unique(cells[setting != setting[winners][cells]]))
    note = Note(
        "best_of",
        "warning",
        f"{left} of {len(draft)} rows were left out: {mixed} of {len(winners)} cells have several "
        f"settings of {', '.join(best_of)}, and only the one with the lowest loss is kept. The "
        "winner's loss is biased low by selection",
        "Compare cells with like numbers of trials, or run the winners again with new seeds",
    )
    return draft.take(kept), (note,)


def _codes(columns: list[np.ndarray | pd.Series], rows: int) -> np.ndarray:
    """One integer a row, equal where all columns agree; a gap agrees with a gap."""
    codes = np.zeros(rows, dtype=np.int64)
    for column in columns:
        values, _ = pd.factorize(np.asarray(column, dtype=object), use_na_sentinel=False)
        codes, _ = pd.factorize(codes * (values.max(initial=0) + 1) + values)
    return codes


def _no_gaps(draft: Draft, column: pd.Series, name: str, option: str) -> None:
    gaps = np.flatnonzero(column.isna())
    if len(gaps):
        raise TableError(
            f"the {option} is missing (nan)",
            place=draft.source.place(int(gaps[0]), f"column {name!r} ({option})"),
            remedy="Give it, or leave such rows out by where=...",
        )


def _first_repeat(codes: np.ndarray) -> int | None:
    repeated = np.flatnonzero(pd.Series(codes).duplicated())
    return int(repeated[0]) if len(repeated) else None


def _plain(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else repr(value)
