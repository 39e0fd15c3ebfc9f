"""``FittedModel``: a model with draws of its parameters, from which predictions are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayeslaw.law import Law
from bayeslaw.model.extrapolation import ExtrapolationError
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
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

    @cached_property
    def medians(self) -> dict[str, float]:
        """Of the quantities that have a prior."""
        site = self.specification.site
        return {name: float(np.median(self.draws[site(name)])) for name in self.law.parameters}

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

    @property
    def pool_of_noise(self) -> Pool | None:
        """The pool of a parameter of the noise, where groups have their own."""
        pools = (pool for pool in self.specification.pool if pool.parameter in self.noise.priors)
        return next(pools, None)

    def noise_draws(
        self,
        kept: np.ndarray | slice = slice(None),
        columns: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, np.ndarray]:
        """Parameters of the noise as ``Noise`` takes them, each of shape (draws kept, 1).

        A parameter that varies by group has a column for each configuration whose columns name its
        group; an unseen group draws from the population.
        """
        draws = {name: self.draws[name].reshape(-1, 1)[kept] for name in self.noise.priors}
        pool = self.pool_of_noise
        if pool is not None and columns is not None and pool.column in columns:
            places = pool.places(columns[pool.column])
            draws[pool.parameter] = self._noise_of_groups(pool, places, kept)
        return draws

    def _noise_of_groups(
        self, pool: Pool, places: np.ndarray, kept: np.ndarray | slice
    ) -> np.ndarray:
        """A parameter of the noise in the group of each configuration."""
        prior = self.specification.priors[pool.parameter]
        names = (pool.parameter, *pool.priors)
        values = {name: self.draws[name].ravel()[kept] for name in names}
        rng = np.random.default_rng([self.seed, 2])
        unseen = {**values, pool.sites[0]: rng.standard_normal(values[pool.scale].shape)}
        known = {
            place: pool.move(
                values if place >= 0 else unseen, prior.numbers, prior.family, max(place, 0), np
            )
            for place in np.unique(places).tolist()
        }
        return np.stack([known[place] for place in places.tolist()], axis=1)

    def columns(self, table: Runs) -> dict[str, np.ndarray]:
        """The law's variables in a table, and the columns that group runs where it has them."""
        discrepancy, pools = self.specification.discrepancy, self.specification.pool
        grouping = () if discrepancy is None else discrepancy.columns
        names = dict.fromkeys((*grouping, *(pool.column for pool in pools)))
        present = [name for name in names if name in table.table.columns]
        return {**table.columns(self.law.variables), **table.arrays(present)}
