"""Settings that were tried, where a law is about the best of them or about the runs."""

from __future__ import annotations

import re

import numpy as np

from bayeslaw.core.errors import TableError
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.runs.selection import row_codes
from bayeslaw.runs.table import Runs

# Names, in letters alone, of settings that are tuned for each configuration.
_TUNED = {
    "lr", "learningrate", "peaklr", "lrpeak", "eta", "bs", "batch", "batchsize", "globalbs",
    "globalbatchsize", "wd", "weightdecay", "warmup", "warmupsteps", "momentum",
}  # fmt: skip
# Rows a configuration from which tried settings are suspected, whatever the columns are named.
_MANY, _FEWEST = 10, 100


def refuse_tried(runs: Runs, variables: list[str], predicts: str, law: str) -> None:
    """Refuse several values of a tuned quantity that a law predicts the best of."""
    if predicts == "loss" or not _numeric(runs, "loss"):
        return
    chosen = runs.column(predicts)
    # Chosen values recur, those of a measurement do not.
    if predicts not in VOCABULARY and len(np.unique(chosen)) > len(runs) / 2:
        return
    codes = _configurations(runs, variables)
    columns = {predicts: chosen}
    sizes = [n for n in ("N", "N_a", "D") if predicts in VOCABULARY and n in runs.variables]
    for name in [*_tuned(runs, variables), *sizes]:
        if name not in variables and not any(
            np.array_equal(_values(runs, name), known) for known in columns.values()
        ):
            columns[name] = _values(runs, name)
    several = [name for name, values in columns.items() if _differs(codes, values).any()]
    if not several or not _differs(codes, runs.column("loss")).any():
        return
    different = _differs(codes, columns[several[0]])
    row = int(np.flatnonzero(different[codes])[0])
    count = len(np.unique(columns[several[0]][codes == codes[row]]))
    where = ", ".join(f"{name} = {runs.column(name)[row]:.4g}" for name in variables)
    options = " ".join(f"--best-of {name}" for name in columns)
    raise TableError(
        f"{law} predicts the best {predicts}, and the table has settings that were tried: {count} "
        f"of {several[0]} where {where}",
        place=f"{runs.source}, {runs.counted} {runs.table.index[row]}",
        remedy=f"Keep the one with the lowest loss, read_runs(..., best_of={[*columns]}) or "
        f"{options}; where each row is the best of its own search, group by what differs",
    )


def tried_notes(runs: Runs, variables: list[str], predicts: str) -> list[Note]:
    """A note on rows that are settings tried at few configurations."""
    named = _tuned(runs, variables)
    # What the law does not read is no setting either if the table has it for a variable.
    measured = (predicts, "loss_se", *variables, *named)
    names = [*variables, *(name for name in runs.variables if name not in measured)]
    codes = _configurations(runs, names)
    different = int(codes.max(initial=0)) + 1
    tuned = [name for name in named if _differs(codes, _values(runs, name)).any()]
    many = len(runs) >= max(_FEWEST, _MANY * different)
    if predicts != "loss" or different < 2 or not (tuned or many):
        return []
    what = f" that differ in {', '.join(tuned)}" if tuned else ""
    message = (
        f"{len(runs)} rows are {different} configurations of {', '.join(names)}{what}: rows "
        "with poor settings raise the loss, and count as runs"
    )
    option = f"best_of={tuned}" if tuned else "best_of= and the columns that were tuned"
    remedy = f'Keep the best, read_runs with {option}; or fit with noise="undertuned"'
    return [Note("tried_settings", "warning", message, remedy)]


def _tuned(runs: Runs, variables: list[str]) -> list[str]:
    names = [str(name) for name in runs.table.columns if str(name) not in variables]
    return [n for n in names if re.sub("[^a-z]", "", n.casefold()) in _TUNED and _numeric(runs, n)]


def _values(runs: Runs, name: str) -> np.ndarray:
    return np.asarray(runs.table[name], dtype=np.float64)


def _numeric(runs: Runs, name: str) -> bool:
    return name in runs.table and runs.table[name].dtype == np.float64


def _configurations(runs: Runs, variables: list[str]) -> np.ndarray:
    groups = [runs.labels(name) for name in runs.groups if name not in variables]
    return row_codes([*(runs.column(name) for name in variables), *groups], len(runs))


def _differs(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Whether values differ within each configuration."""
    pairs = np.unique(np.stack([codes, values.astype(float)], axis=1), axis=0)
    return np.bincount(pairs[:, 0].astype(int)) > 1
