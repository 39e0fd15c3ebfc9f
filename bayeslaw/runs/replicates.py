"""Noise by itself: the spread of runs of one configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

from bayeslaw.core.calls import public
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.runs.selection import row_codes
from bayeslaw.runs.table import Runs

# Of log losses, far below what any run is measured to.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ReplicateNoise(Displayed):
    """The noise, estimated from replicates.

    Attributes
    ----------
    runs, configurations : int
        Runs that share their configuration with another, and how many configurations these are.
    sd, low, high : float
        Pooled standard deviation of log loss within configurations, and the ends of an equal-tailed
        interval of it, of probability ``ci_prob``, if noise is normal.
    loss : float
        Geometric mean of their loss: times a standard deviation of log loss, one of loss.
    ci_prob : float
        Probability of the interval.
    error : float
        Root mean square of these losses' standard errors, of log loss; zero where the table states
        none. It is part of the spread.
    notes : tuple of Note
        Remarks, if any.
    """

    runs: int
    configurations: int
    sd: float
    low: float
    high: float
    loss: float
    ci_prob: float
    error: float = 0.0
    notes: tuple[Note, ...] = ()

    @property
    def beyond_errors(self) -> float:
        """Standard deviation of log loss beyond the stated errors."""
        return float(np.sqrt(max(self.sd**2 - self.error**2, 0.0)))

    @property
    def degrees(self) -> int:
        """Degrees of freedom: runs less configurations."""
        return self.runs - self.configurations

    @property
    def summary(self) -> str:
        """One sentence."""
        return (
            f"{self.runs} runs of {self.configurations} configurations differ by "
            f"{self.loss * self.sd:.2g} at a loss of {self.loss:.3g} ({100 * self.ci_prob:g}% "
            f"interval {self.loss * self.low:.2g} to {self.loss * self.high:.2g}); of log loss "
            f"{self.sd:.2g}."
        )

    def to_frame(self) -> pd.DataFrame:
        """The estimate as a table.

        Returns
        -------
        pandas.DataFrame
            One row, with a column for each number.
        """
        numbers = {name: value for name, value in self.to_dict().items() if name != "notes"}
        return pd.DataFrame([numbers])

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain data.

        Returns
        -------
        dict
            The attributes.
        """
        return {**asdict(self), "notes": [note.to_dict() for note in self.notes]}


@public
def replicate_noise(
    runs: Runs,
    *,
    predicts: str = "loss",
    same: Iterable[str] | None = None,
    ci_prob: float = INTERVAL,
) -> ReplicateNoise:
    """Estimate noise from runs of the same configuration.

    Parameters
    ----------
    runs : Runs
        The table.
    predicts : str
        The measured quantity.
    same : iterable of str, optional
        Columns in which replicates agree; all variables but the measured one, and all columns that
        group runs, unless given.
    ci_prob : float
        Probability of the interval.

    Returns
    -------
    ReplicateNoise
        The pooled estimate and its interval, from the chi-square distribution.

    Raises
    ------
    RequestError, TableError
        If no two runs share a configuration and differ in loss; if a column is missing.
    """
    names = configuration_columns(runs, predicts) if same is None else list(same)
    if not names or not all(isinstance(name, str) for name in names):
        remedy = "Name the columns that make a configuration"
        raise RequestError(f"same = {names!r}", place="replicate_noise", remedy=remedy)
    noise = find_replicates(runs, predicts, same=names, ci_prob=ci_prob)
    if noise is None:
        problem = f"no two of {len(runs)} runs agree in {', '.join(names)} and differ in {predicts}"
        remedy = "Name the columns that make a configuration: same=[...]"
        raise RequestError(problem, place="replicate_noise", remedy=remedy)
    return noise


def configuration_columns(runs: Runs, predicts: str) -> list[str]:
    """Columns in which replicates agree, unless others are named."""
    return [*(name for name in runs.variables if name not in (predicts, "loss_se")), *runs.groups]


def find_replicates(
    runs: Runs, predicts: str, *, same: list[str] | None = None, ci_prob: float = INTERVAL
) -> ReplicateNoise | None:
    """``replicate_noise``, or None where there are no replicates."""
    log_loss = np.log(runs.column(predicts))
    names = configuration_columns(runs, predicts) if same is None else same
    which = row_codes([runs.labels(name) for name in names], len(runs))
    counts = np.bincount(which)
    again = counts[which] > 1
    means = np.bincount(which, log_loss) / counts
    total = float(((log_loss - means[which])[again] ** 2).sum())
    # Equal losses differ by rounding once their mean was taken.
    if total <= again.sum() * _ROUNDING**2:
        return None
    errors = runs.errors(predicts)
    configurations = int((counts > 1).sum())
    degrees = int(again.sum()) - configurations
    tail = (1 - ci_prob) / 2
    low, high = chdtri(degrees, [tail, 1 - tail])
    return ReplicateNoise(
        runs=int(again.sum()),
        configurations=configurations,
        sd=float(np.sqrt(total / degrees)),
        low=float(np.sqrt(total / low)),
        high=float(np.sqrt(total / high)),
        loss=float(np.exp(log_loss[again].mean())),
        ci_prob=ci_prob,
        error=0.0 if errors is None else float(np.sqrt(np.mean(errors[again] ** 2))),
    )
