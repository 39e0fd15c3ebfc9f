"""One row for each run: a filter, the last checkpoint of each, the best setting of each cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.core.notes import Note
from bayeslaw.runs.cells import hint, numeric
from bayeslaw.runs.draft import Draft
from bayeslaw.runs.expressions import check_comparisons, evaluate, parse
from bayeslaw.runs.options import Options


def select_rows(draft: Draft, options: Options) -> Draft:
    """Keep rows that satisfy the condition, and of those the last checkpoint of each run."""
    for name in options.group:
        # Reject a misspelt group before checking rows.
        draft.column(name, "group")
    if options.where is not None:
        draft = _filtered(draft, options.where)
    if options.run is not None:
        draft = _last_checkpoints(draft, options.run, options.step)
    return draft


def _filtered(draft: Draft, where: str) -> Draft:
    place = f"{draft.source.name}, where"
    table = draft.source.table
    scope: dict[str, np.ndarray] = {
        str(name): table[name].fillna("").to_numpy(dtype=object)
        if table[name].dtype == "str"
        else table[name].to_numpy()
        for name in table.columns
    }
    scope |= {name: mapped.values for name, mapped in draft.variables.items()}
    condition = parse(where, scope, place, comparisons=True)
    check_comparisons(condition, scope, draft.source, place)
    kept = np.asarray(evaluate(condition, scope, place))
    if kept.dtype != bool or kept.shape != (len(table),):
        problem = f"{where!r} does not give true or false for each row"
        remedy = "Compare a column with something: where=\"state == 'finished'\""
        raise TableError(problem, place=place, remedy=remedy)
    if not kept.any():
        samples = "; ".join(f"{name}: {_sample(scope[name])}" for name in sorted(condition.names))
        remedy = f"Widen the condition; values of the columns it names: {samples}"
        raise TableError(
            f"none of {len(table)} rows satisfies {where!r}", place=place, remedy=remedy
        )
    return draft.take(kept)


def _sample(values: np.ndarray) -> str:
    if values.dtype == object:
        different = list(dict.fromkeys(map(repr, values)))
        return ", ".join(different[:5]) + (", ..." if len(different) > 5 else "")
    if values.dtype.kind not in "fb" or np.isnan(values).all():
        return "no numbers"
    return f"{np.nanmin(values):g} to {np.nanmax(values):g}"


def _last_checkpoints(draft: Draft, run: str, step: str | None) -> Draft:
    runs = draft.column(run, "run")
    _refuse_gaps(draft, runs, run, "run")
    codes, names = pd.factorize(runs)
    steps = np.zeros(len(draft))
    if step is not None:
        written = draft.column(step, "step")
        steps, bad = numeric(written)
        if bad.any():
            cell = written.iloc[bad.argmax()]
            problem = f"{str(cell)!r} is not a number"
            raise draft.error(int(bad.argmax()), step, "step", problem, hint(cell))
        _refuse_gaps(draft, pd.Series(steps), step, "step")
    final = np.full(len(names), -np.inf)
    np.maximum.at(final, codes, steps)
    last = np.flatnonzero(steps == final[codes])
    repeated = np.flatnonzero(pd.Series(codes[last]).duplicated())
    if len(repeated):
        row = int(last[repeated[0]])
        value = runs.iloc[row]
        label = f"{value:.15g}" if isinstance(value, float) else repr(value)
        if step is None:
            raise RequestError(
                f"the run {label} has several rows, and step is not given",
                place=draft.source.place(row, f"column {run!r} (run)"),
                remedy="Name the column that orders checkpoints, step='step', or drop run",
            )
        problem = f"the run {label} has its last step, {steps[row]:.12g}, twice"
        remedy = "Keep one of the two rows, by where=... or in the table"
        raise draft.error(row, step, "step", problem, remedy)
    left = len(draft) - len(last)
    if not left:
        return draft
    several = int((np.bincount(codes) > 1).sum())
    text = (
        f"{left} of {len(draft)} rows are earlier checkpoints of {several} "
        f"run{'s' * (several > 1)} and were left out"
    )
    remedy = "No action needed: a mid-schedule loss is not a shorter run's loss"
    return draft.take(last, Note("checkpoints_left_out", "info", text, remedy))


def _refuse_gaps(draft: Draft, column: pd.Series, name: str, option: str) -> None:
    gaps = np.flatnonzero(column.isna())
    if len(gaps):
        remedy = "Give it, or exclude such rows by where=..."
        raise draft.error(int(gaps[0]), name, option, f"the {option} is missing (nan)", remedy)


def keep_best(draft: Draft, options: Options) -> Draft:
    """Keep the setting with the lowest loss among rows that differ only in tuned columns."""
    if not options.best_of:
        return draft
    settings = [draft.column(name, "best_of") for name in options.best_of]
    if "loss" not in draft.variables:
        problem = "best_of needs a loss, but the table has no loss"
        remedy = 'Map it: columns={"loss": "its column"}, or drop best_of'
        raise RequestError(problem, place=draft.source.name, remedy=remedy)
    loss = draft.variables["loss"].values
    tuned = set(options.best_of)
    same: list[np.ndarray | pd.Series] = [
        mapped.values
        for name, mapped in draft.variables.items()
        # A setting may be named by its column or by the variable that the column is.
        if name not in ("loss", "loss_se", *tuned) and not tuned & {*mapped.reads}
    ]
    groups = [name for name in options.group if name not in draft.variables]
    cells = row_codes([*same, *(draft.column(name, "group") for name in groups)], len(draft))
    order = np.lexsort((loss, cells))
    winners = order[np.unique(cells[order], return_index=True)[1]]
    setting = row_codes(settings, len(draft))
    best = setting == setting[winners][cells]
    left = int((~best).sum())
    if not left:
        listed = ", ".join(options.best_of)
        text = f"no configuration has several settings of {listed}: every row is kept"
        remedy = "Leave best_of out, or unmap variables that differ between settings"
        return replace(draft, notes=(*draft.notes, Note("best_of_idle", "info", text, remedy)))
    text = (
        f"{left} of {len(draft)} rows were left out: {len(np.unique(cells[~best]))} of "
        f"{len(winners)} cells have several settings of {', '.join(options.best_of)}, and only the "
        "one with the lowest loss is kept. The winner's loss is biased low by selection"
    )
    remedy = "Compare cells with like numbers of trials, or run the winners again with new seeds"
    return draft.take(np.flatnonzero(best), Note("best_of", "warning", text, remedy))


def row_codes(columns: list[np.ndarray | pd.Series], rows: int) -> np.ndarray:
    """One integer a row, equal where all columns agree; a gap agrees with a gap."""
    codes = np.zeros(rows, dtype=np.int64)
    for column in columns:
        cells = np.asarray(column)
        cells = _nine_digits(cells) if cells.dtype == np.float64 else cells.astype(object)
        values, _ = pd.factorize(cells, use_na_sentinel=False)
        codes, _ = pd.factorize(codes * (values.max(initial=0) + 1) + values)
    return codes


def _nine_digits(values: np.ndarray) -> np.ndarray:
    """Numbers to nine digits, so that rounding in a derived column does not split a cell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** (8 - np.floor(np.log10(np.abs(values))))
        rounded = np.round(values * power) / power
    return np.where(np.isfinite(rounded), rounded, values)
