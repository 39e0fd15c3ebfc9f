"""Rows that are no runs of their own: logged again, or checkpoints of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayeslaw.core.notes import Note
from bayeslaw.runs.draft import Draft
from bayeslaw.runs.options import Options
from bayeslaw.runs.selection import row_codes

# Names of columns in letters alone: labels of runs, and those that may be of models too.
_RUN = {"run", "runid", "runname", "id", "jobid"}
_NAME = {"name", "displayname", "experiment"}
_STEP = {"step", "globalstep", "trainerglobalstep", "trainstep", "iteration", "iter", "checkpoint"}
_STATE = {"state", "status"}
_LOGGED = {"runtime", "timestamp", "created", "createdat", "relativetime", "walltime"}
# Losses with more digits agree only if they are the same.
_DIGITS = 4
# Part of the rows in runs of several rows from which a column is one of runs.
_REPEATING = 0.3


def keep_once(draft: Draft, options: Options) -> Draft:
    """Keep one of the rows that agree in every variable and in the loss."""
    if "loss" not in draft.variables or len(draft.variables) < 2:
        return draft
    if not np.ptp(draft.variables["loss"].values):
        # Planned runs: a loss that fills the column says nothing.
        return draft
    groups = [draft.column(name, "group") for name in options.group]
    same = row_codes([*(v.values for v in draft.variables.values()), *groups], len(draft))
    again = pd.Series(same).duplicated().to_numpy()
    if not again.any():
        return draft
    rows = np.flatnonzero(again)
    loss, table = draft.variables["loss"].values[rows], draft.source.table
    # Rounded losses of several runs may agree: their labels have to agree as well.
    exact = np.abs(loss - np.round(loss, _DIGITS)) > 1e-9
    labels = _RUN | _NAME | _STEP | _STATE | _LOGGED
    setting = [
        name
        for name in table.columns
        if _letters(str(name)) not in labels and not _numbered(table[name])
    ]
    rows = rows[
        np.isin(rows, _alike(same, table[setting])) & exact | np.isin(rows, _alike(same, table))
    ]
    if not len(rows):
        return draft
    note = Note(
        "repeated_rows",
        "warning",
        f"{len(rows)} of {len(draft)} rows ({draft.source.rows(rows)}) repeat another row in every "
        "variable and in the loss: one run logged again, and kept once",
        "If they are other runs, name the column that tells them apart in group=... (--group)",
    )
    return draft.take(np.setdiff1d(np.arange(len(draft)), rows), note)


def checkpoint_notes(draft: Draft, options: Options) -> Iterator[Note]:
    """A note on rows that share a run, in tables whose columns of runs were not declared."""
    if options.run is not None or "loss" not in draft.variables:
        return
    table = draft.source.table
    names = {str(name): _letters(str(name)) for name in table.columns}
    steps = [name for name, letters in names.items() if letters in _STEP]
    steps += ["D"] if "D" in draft.variables else []
    logged = bool({"_step", "_runtime", "_timestamp"} & names.keys())
    for run, letters in names.items():
        if letters not in _RUN | _NAME or run in options.group:
            continue
        codes, labels = pd.factorize(table[run])
        repeats = np.bincount(codes[codes >= 0], minlength=1)[codes] > 1
        if repeats.mean() < _REPEATING or (codes < 0).any() or len(labels) < 2:
            continue
        varied = _varied(draft, codes)
        # A model that is trained on other numbers of tokens has one name as well.
        if varied - {"D", "C"} or (varied and letters in _NAME and not logged):
            continue
        for step in steps:
            if _orders(draft.column(step, "step"), codes, repeats):
                yield _of_checkpoints(draft, run, step, len(labels), logged, varied)
                return


def finished(table: pd.DataFrame) -> str:
    """A condition that keeps finished runs, where a column states what became of each."""
    for name in map(str, table.columns):
        last = re.split(r"[./]", name)[-1]
        if _letters(last) in _STATE and "finished" in set(table[name]):
            return f"{name if name.isidentifier() else f'`{name}`'} == 'finished'"
    return ""


def _varied(draft: Draft, codes: np.ndarray) -> set[str]:
    """Variables other than the loss that differ between rows of one run."""
    return {
        name
        for name, mapped in draft.variables.items()
        if name not in ("loss", "loss_se")
        and (pd.Series(mapped.values).groupby(codes).nunique() > 1).any()
    }


def _alike(same: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Rows that repeat an earlier one of the same code in every column."""
    alike = np.flatnonzero(pd.Series(same).duplicated(keep=False))
    cells = [table[name].iloc[alike].astype(str) for name in table.columns]
    again = pd.Series(row_codes([same[alike], *cells], len(alike))).duplicated()
    return np.asarray(alike[again.to_numpy()])


def _numbered(column: pd.Series) -> bool:
    """Whether a column numbers the rows: texts or whole numbers, all of them different."""
    if not column.is_unique or len(column) < 2:
        return False
    return not pd.api.types.is_numeric_dtype(column.dtype) or bool(
        column.notna().all() and (column % 1 == 0).all()
    )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


def _orders(column: pd.Series, codes: np.ndarray, repeats: np.ndarray) -> bool:
    """Whether a column tells the rows of each run apart, by numbers."""
    numbers = pd.api.types.is_numeric_dtype(column.dtype) and column.notna().all()
    if not numbers:
        return False
    pairs = pd.DataFrame({"run": codes, "step": column.to_numpy()})[repeats]
    return not pairs.duplicated().any()


def _of_checkpoints(
    draft: Draft, run: str, step: str, runs: int, logged: bool, varied: set[str]
) -> Note:
    options = f"run={run!r}, step={step!r}"
    if condition := finished(draft.source.table):
        options += f', where="{condition}"'
    origin = ", as Weights & Biases exports them" * logged
    message = (
        f"{len(draft)} rows are checkpoints of {runs} runs, by the columns {run!r} and {step!r}"
        f"{origin}, and were taken for runs of their own"
    )
    remedy = (
        f"Keep the last of each run: {options} (--run, --step, --where); or, where each row is a "
        f"run of a finished schedule, group={run!r}"
    )
    # Where nothing but the loss changes along a run, rows are the same configuration.
    return Note("checkpoints_as_runs", "warning" if varied else "error", message, remedy)
