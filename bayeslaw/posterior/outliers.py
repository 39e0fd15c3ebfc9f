"""Rows that stand out of a fit, and the column of the table that explains its residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayeslaw.core.diagnostics import average_ranks
from bayeslaw.core.notes import Note
from bayeslaw.model.kernels import Offsets
from bayeslaw.posterior.linearised import Linearised, typical_value
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

#: Errors that are about a table and not about its fit: simulated tables may have them too.
ABOUT_TABLES = frozenset({"residuals_too_wide", "offsets_confounded", "offsets_large"})

# Runs beyond the parameters that a scatter can be estimated from.
_FEWEST = 8
# A row stands out by more than so many robust standard deviations, and by this part of the loss.
_FAR, _LEAST = 5.0, 0.03
# Scatter of log loss that runs of one kind do not have: replicates differ by .0002 to .003.
_TOO_WIDE = 0.05
# Share of the residuals' variance that a column explains.
_SHARE = 0.5
_LISTED = 5
# How close the log of a loss in bits comes to what nats would be.
_NEAR_BITS = 0.03


@dataclass(frozen=True)
class Explained:
    """A column of the table and the share of the residuals' variance that it explains."""

    column: str
    share: float
    text: str


def outlier_notes(posterior: Posterior, linear: Linearised | None) -> tuple[Note, ...]:
    """Notes on rows that stand out, and on a scatter that is too wide for runs of one kind.

    ``linear`` is what ``judged`` returns.
    """
    runs, law = posterior.runs, posterior.law
    if law.predicts != "loss" or len(runs) < len(law.parameters) + _FEWEST:
        return ()
    residuals = _residuals(posterior, linear)
    if residuals is None:
        return ()
    scale = 1.4826 * float(np.median(np.abs(residuals)))
    far = np.abs(residuals) > max(_FAR * scale, _LEAST)
    column = explaining(runs, residuals, [*law.variables])
    if scale > _TOO_WIDE:
        return (_too_wide(scale, law.name, column, runs.variables),)
    if far.any():
        return (_standing_out(runs, residuals, far, scale, column),)
    if column and not pd.api.types.is_numeric_dtype(runs.table[column.column].dtype):
        read = f'Read with group={column.column!r} and fit with discrepancy="group"'
        return (Note("column_explains", "warning", column.text, f"{read}, or fit_by_group"),)
    return ()


def _too_wide(scale: float, law: str, column: Explained | None, variables: tuple[str, ...]) -> Note:
    if column and column.column in variables:
        message = f"losses scatter by {100 * scale:.2g}% around {law}. {column.text}"
        remedy = f"Fit a law that reads {column.column}"
        return Note("residuals_too_wide", "warning", message, remedy)
    message = (
        f"losses scatter by {100 * scale:.2g}% around {law}, and runs of one kind by less than 1%: "
        "rows are mixed up, of several kinds, or of another quantity"
    )
    remedy = "Check that each loss stands in its own row"
    if column:
        message += f". {column.text}"
        remedy = f"Keep one kind by where=..., or fit each: fit_by_group(by={column.column!r})"
    return Note("residuals_too_wide", "error", message, remedy)


def _standing_out(
    runs: Runs, residuals: np.ndarray, far: np.ndarray, scale: float, column: Explained | None
) -> Note:
    number, loss = int(far.sum()), runs.column("loss")
    order = np.argsort(-np.abs(residuals))[: min(_LISTED, number)]
    listed = ", ".join(
        f"{runs.table.index[i]} (loss {loss[i]:.4g}, {_times(residuals[i])})" for i in order
    )
    more = f" and {number - len(order)} more" if number > len(order) else ""
    bits = np.abs(np.abs(residuals[far]) + np.log(np.log(2))) < _NEAR_BITS
    message = (
        f"{number} of {len(runs)} rows stand out of the fit, where the others scatter by "
        f"{100 * scale:.2g}%: {runs.counted}{'s' if number > 1 else ''} {listed}{more}"
        f"{', as bits among nats' if bits.all() else ''}{f'. {column.text}' if column else ''}"
    )
    remedy = (
        "Correct them, or leave them out by where=...: diverged or unfinished runs, losses in "
        "another unit, counts of another row"
    )
    return Note("rows_stand_out", "warning", message, remedy)


def _times(residual: float) -> str:
    """A residual of log loss: in percent, or from a factor of two on as one."""
    if abs(residual) < np.log(2):
        return f"{100 * np.expm1(residual):+.3g}%"
    return f"{np.exp(abs(residual)):.3g} times too {'large' if residual > 0 else 'small'}"


def _residuals(posterior: Posterior, linear: Linearised | None) -> np.ndarray | None:
    """Log loss less the law's and less the offset of its group, around their median."""
    model, runs = posterior.model, posterior.runs
    if linear is not None and len(linear.residuals) == len(runs):
        residuals = linear.residuals
    else:
        with np.errstate(all="ignore"):
            residuals = np.log(runs.column("loss") / typical_value(posterior, model.columns(runs)))
    process = posterior.discrepancy
    for part in process.parts if process is not None else ():
        if isinstance(part, Offsets):
            groups = pd.Series(residuals).groupby(runs.labels(part.column).to_numpy())
            residuals = residuals - groups.transform("median").to_numpy()
    return residuals - np.median(residuals) if np.isfinite(residuals).all() else None


def explaining(runs: Runs, residuals: np.ndarray, variables: list[str]) -> Explained | None:
    """The column that explains most of the residuals, unless the law's variables determine it."""
    found = [
        one
        for name in map(str, runs.table.columns)
        if name not in (*variables, "loss", "loss_se")
        and (one := _explained(name, runs, residuals, variables)) is not None
    ]
    best = max(found, key=lambda one: one.share, default=None)
    return best if best is not None and best.share > _SHARE else None


def _explained(
    name: str, runs: Runs, residuals: np.ndarray, variables: list[str]
) -> Explained | None:
    column, rows = runs.table[name], len(runs)
    # Empty cells are a label of their own: other sources of a pooled table lack the column.
    labels = column.astype(object).where(column.notna(), "none").astype(str)
    count = labels.nunique()
    if count < 2:
        return None
    if count <= max(2, rows // 4):
        if any(_determines(runs.column(v), labels) for v in variables):
            return None
        means = pd.Series(residuals).groupby(labels.to_numpy()).transform("mean")
        left = float(((residuals - means) ** 2).sum() / (residuals**2).sum())
        share = 1 - left * (rows - 1) / (rows - count)
        middle = pd.Series(residuals).groupby(labels.to_numpy()).median().sort_values()
        ends = ", ".join(
            f"{label} {100 * np.expm1(middle[label]):+.2g}%" for label in middle.index[[0, -1]]
        )
        text = f"The column {name!r} explains {100 * share:.0f}% of the residuals ({ends})"
        return Explained(name, share, text)
    if column.dtype != np.float64 or column.isna().any():
        return None
    ranks = np.corrcoef(average_ranks(column.to_numpy()), average_ranks(residuals))
    share = float(ranks[0, 1] ** 2)
    return Explained(name, share, f"Residuals go with the column {name!r} ({ranks[0, 1]:+.2f})")


def _determines(values: np.ndarray, labels: pd.Series) -> bool:
    """Whether equal values of a variable have equal labels, as a size and its name."""
    pairs = pd.DataFrame({"value": values, "label": labels.to_numpy()}).drop_duplicates()
    different = int(pairs["value"].nunique())
    return different == len(pairs) and different < len(values) / 2
