"""Offsets of groups that take the place of the law."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayeslaw.core.notes import Note
from bayeslaw.model.kernels import Offsets
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import on_scale

# Share of a variable's variance within groups below which a group has one value of it.
_WITHIN = 0.01
# Standard deviation of offsets of log loss: sweeps of one recipe differ by less.
_LARGE = 0.025


def offset_notes(posterior: Posterior) -> tuple[Note, ...]:
    """Notes on offsets that a variable of the law determines, and on large ones."""
    process = posterior.discrepancy
    parts = [] if process is None else [p for p in process.parts if isinstance(p, Offsets)]
    return tuple(note for part in parts for note in _of_part(posterior, part))


def _of_part(posterior: Posterior, part: Offsets) -> list[Note]:
    runs, column = posterior.runs, part.column
    scale = float(np.median(part.sd(posterior.draws[part.scale])))
    same = [name for name in posterior.law.variables if _one_value_each(runs, name, column)]
    size = f"offsets of {column!r} have a standard deviation of {100 * scale:.2g}% of the loss"
    if same:
        names = " and ".join(same)
        message = (
            f"each {column!r} has one value of {names}: its offset can take the place of the "
            f"effect of {names}, and {size}"
        )
        remedy = (
            "Group by what does not follow from the configuration; keep the last checkpoint of "
            'each run (run=, step=), or fit with discrepancy="gp"'
        )
        return [Note("offsets_confounded", "error", message, remedy)]
    if scale > _LARGE:
        message = f"{size}, and sweeps of one recipe differ by less than 1%: these are other losses"
        remedy = "Fit each group (fit_by_group), or give each its own floor: pool=[...]"
        return [Note("offsets_large", "error", message, remedy)]
    return []


def _one_value_each(runs: Runs, name: str, column: str) -> bool:
    """Whether a variable that varies is the same in all runs of each group."""
    values = pd.Series(on_scale(name, runs.column(name)))
    total = float(values.var(ddof=0))
    within = values - values.groupby(runs.labels(column).astype(str).to_numpy()).transform("mean")
    return total > 1e-12 and float((within**2).mean()) < _WITHIN * total
