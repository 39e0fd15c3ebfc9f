"""Noise by itself: what runs of one configuration differ by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2

from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL

if TYPE_CHECKING:
    from bayeslaw.runs import Runs


# Of log losses, far below what any run is measured to.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ReplicateNoise:
    """What replicates say of the noise.

    Attributes
    ----------
    runs, configurations : int
        Runs that share their configuration with another, and how many configurations these are.
    sd : float
        Pooled standard deviation of log loss within configurations.
    low, high : float
        Equal-tailed interval of the noise's standard deviation, if noise is normal.
    loss : float
        Geometric mean of their loss: times a standard deviation of log loss, one of loss.
    probability : float
        Of the interval.
    error : float
        Root of the mean squared standard error of these losses, of log loss; zero where the table
        states none. It is part of what they differ by.
    """

    runs: int
    configurations: int
    sd: float
    low: float
    high: float
    loss: float
    probability: float
    error: float = 0.0

    @property
    def beyond_errors(self) -> float:
        """What replicates differ by beyond their stated errors, of log loss."""
        return float(np.sqrt(max(self.sd**2 - self.error**2, 0.0)))

    @property
    def degrees(self) -> int:
        """Degrees of freedom: runs less configurations."""
        return self.runs - self.configurations

    @property
    def statement(self) -> str:
        """One sentence."""
        within = ", ".join(f"{self.loss * one:.2g}" for one in (self.low, self.high))
        return (
            f"{self.runs} runs of {self.configurations} configurations differ by "
            f"{self.loss * self.sd:.2g} at a loss of {self.loss:.3g} "
            f"({100 * self.probability:g}% interval {within.replace(', ', ' to ')}); of log loss "
            f"{self.sd:.2g}"
        )


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
        The quantity that is measured.
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
    RequestError
        If no two runs share a configuration and differ in loss.
    TableError
        If a column is missing.
    """
    names = alike(runs, predicts) if same is None else list(same)
    found = within(runs, names, predicts, ci_prob)
    if found is None:
        raise RequestError(
            f"no two of {len(runs)} runs agree in {', '.join(names)} and differ in {predicts}",
            place="replicates",
            remedy="Name the columns that make a configuration: same=[...]",
        )
    return found


def alike(runs: Runs, predicts: str) -> list[str]:
    """Columns in which replicates agree, unless others are named."""
    variables = (name for name in runs.variables if name not in (predicts, "loss_se"))
    return [*variables, *runs.groups]


def within(
    runs: Runs, names: list[str], predicts: str, ci_prob: float = INTERVAL
) -> ReplicateNoise | None:
    """``replicates``, or None where there are none."""
    log_loss = np.log(runs.column(predicts))
    labels = {f"{i}": runs.labels(name).astype(str) for i, name in enumerate(names)}
    which = pd.DataFrame(labels).groupby([*labels], sort=False).ngroup().to_numpy()
    counts = np.bincount(which)
    again = counts[which] > 1
    means = np.bincount(which, log_loss) / counts
    total = float(((log_loss - means[which])[again] ** 2).sum())
    # Equal losses differ by rounding once their mean was taken.
    if total <= again.sum() * _ROUNDING**2:
        return None
    errors = runs.errors(predicts)
    degrees = int(again.sum() - (counts > 1).sum())
    tail = (1 - ci_prob) / 2
    return ReplicateNoise(
        runs=int(again.sum()),
        configurations=int((counts > 1).sum()),
        sd=float(np.sqrt(total / degrees)),
        low=float(np.sqrt(total / chi2.ppf(1 - tail, degrees))),
        high=float(np.sqrt(total / chi2.ppf(tail, degrees))),
        loss=float(np.exp(log_loss[again].mean())),
        probability=ci_prob,
        error=0.0 if errors is None else float(np.sqrt(np.mean(errors[again] ** 2))),
    )
