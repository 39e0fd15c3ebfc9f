"""``FittedModel``: a model with draws of its parameters, from which predictions are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayeslaw.law import Law
from bayeslaw.model.extrapolation import ExtrapolationError
from bayeslaw.model.noise import Noise
from bayeslaw.model.specification import Specification
from bayeslaw.runs import Runs
from bayeslaw.runs.reach import Reach


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model with draws of its parameters, and the runs that it is fitted to.

    Attributes
    ----------
    specification : Specification
        Law, reference, noise, discrepancy and pooling.
    runs, draws, weights
        As of ``Posterior``.
    seed : int
        For coefficients of groups that no run belongs to.
    extrapolation : ExtrapolationError, optional
        Draws of the error beyond the runs.
    """

    specification: Specification
    runs: Runs
    draws: Mapping[str, np.ndarray]
    weights: np.ndarray | None = None
    seed: int = 0
    extrapolation: ExtrapolationError | None = None

    @property
    def law(self) -> Law:
        """The law, with its priors."""
        return self.specification.law

    @property
    def noise(self) -> Noise:
        """The observation model."""
        return self.specification.noise

    @property
    def size(self) -> int:
        """Number of draws."""
        return self.draws["noise_scale"].size

    @property
    def coefficients(self) -> dict[str, np.ndarray]:
        """Raw coefficients, each of shape (draws,)."""
        return {name: self.draws[name].ravel() for name in self.law.parameters}

    @property
    def measured(self) -> np.ndarray:
        """Log of what was measured of each run."""
        return np.log(self.runs.column(self.law.predicts))

    @property
    def errors(self) -> np.ndarray | None:
        """Standard errors of ``measured``, where the table states them."""
        return self.runs.errors(self.law.predicts)

    @cached_property
    def reach(self) -> Reach:
        """The axes along which configurations leave the runs."""
        return Reach.of(self.runs, self.law.variables)

    def extrapolation_error(self, columns: Mapping[str, np.ndarray]) -> np.ndarray | float:
        """Error of log loss beyond the runs, of shape (draws, configurations), or zero."""
        if self.extrapolation is None:
            return 0.0
        return self.extrapolation.log_error(self.reach, columns)

    def noise_draws(self, kept: np.ndarray | slice = slice(None)) -> dict[str, np.ndarray]:
        """Parameters of the noise, each of shape (draws kept, 1), as ``Noise`` takes them."""
        return {name: self.draws[name].reshape(-1, 1)[kept] for name in self.noise.priors}

    def columns(self, table: Runs) -> dict[str, np.ndarray]:
        """The law's variables in a table, and the columns that group runs where it has them."""
        discrepancy, pools = self.specification.discrepancy, self.specification.pool
        grouping = () if discrepancy is None else discrepancy.columns
        names = dict.fromkeys((*grouping, *(pool.column for pool in pools)))
        present = [name for name in names if name in table.table.columns]
        return {**table.columns(self.law.variables), **table.arrays(present)}
