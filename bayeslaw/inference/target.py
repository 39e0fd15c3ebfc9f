"""``Target``: the density that a fit explores, with its data and its priors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import jax
import numpy as np

from bayeslaw.inference.density import Density
from bayeslaw.law.priors import Prior
from bayeslaw.model.model import Data
from bayeslaw.model.specification import Specification
from bayeslaw.runs import Runs


@dataclass(frozen=True, eq=False)
class Target:
    """A posterior density of one table.

    Attributes
    ----------
    density : Density
        As a function of sampling coordinates and data.
    data : Data
        Arrays of NumPy.
    priors : mapping of str to Prior
        Of every parameter.
    """

    density: Density
    data: Data
    priors: Mapping[str, Prior]

    @classmethod
    def of(cls, specification: Specification, runs: Runs, *, rows: int | None = None) -> Target:
        """The posterior density of a model given runs."""
        model, data = specification.build(runs, rows=rows)
        return cls(Density(model), data, specification.priors)

    @cached_property
    def device_data(self) -> Data:
        """The data on JAX's device, for compiled functions."""
        data: Data = jax.device_put(self.data)
        return data

    @property
    def weights(self) -> np.ndarray | None:
        """Weights of the runs' noise beside a discrepancy."""
        weights: np.ndarray | None = self.data.weights
        return None if weights is None else weights[self.data.counted]

    def with_weights(self, weights: np.ndarray) -> Target:
        """The same with other weights of the runs' noise."""
        every = np.ones(len(self.data.counted))
        every[self.data.counted] = weights
        return replace(self, data=replace(self.data, weights=every))

    def thinned(self, size: int) -> Target:
        """The same given some of the runs, chosen at random."""
        count = len(self.data.observed)
        rows = np.sort(np.random.default_rng(0).choice(count, size, replace=False))
        arrays = ("table", "observed", "errors", "counted", "inputs", "weights", "places")
        parts = {name: getattr(self.data, name) for name in arrays}
        chosen = {n: part[..., rows] for n, part in parts.items() if part is not None}
        return replace(self, data=replace(self.data, **chosen))

    def constrain(self, z: np.ndarray) -> dict[str, np.ndarray]:
        """Everything that is reported of points in sampling coordinates."""
        return self.density.constrain(z, self.data)
