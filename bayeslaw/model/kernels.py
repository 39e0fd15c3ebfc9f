"""What the misfit of two runs has in common: covariances that can be added to each other.

Each is a mean-zero Gaussian process on log loss. Runs that lie close to each other miss the law
together (Kennedy and O'Hagan 2001); runs of one sweep share what is peculiar to it; and what a law
misses may grow with the distance from the runs. None is identified apart from the law: where it
could be either, the prior, which is that misfit is small, decides.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, override

import jax.numpy as jnp
import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.law.priors import Prior

#: Amplitude of the misfit that neighbours share, a standard deviation of log loss.
SCALE = "misfit_scale"
#: Beginning of the names of its lengths, in standard deviations of each input.
LENGTH = "misfit_length_"
#: Beginning of the names of the spread between the groups of a column.
OFFSET = "group_scale_"
#: How fast misfit grows away from the middle of the runs.
GROWTH = "misfit_growth"

_SCALE = Prior("lognormal", 0.003, 3.0)
_LENGTH = Prior("lognormal", 1.5, 2.0)
_OFFSET = Prior("lognormal", 0.005, 3.0)
_GROWTH = Prior("lognormal", 0.001, 3.0)


class Kernel(ABC):
    """A covariance of log losses: its columns, parameters and what they say of two runs.

    Hashable and free of numbers, so that what is compiled for it serves every table.
    """

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""

    @property
    @abstractmethod
    def priors(self) -> dict[str, Prior]:
        """Its parameters and their priors."""

    @abstractmethod
    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """What the covariance is a function of."""

    @abstractmethod
    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        """Prior covariance of the misfit between configurations."""

    @abstractmethod
    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        """Prior variance of the misfit at configurations."""


@dataclass(frozen=True)
class OverVariables(Kernel):
    """A kernel over variables of the law, standardised by the runs.

    Attributes
    ----------
    variables : tuple of str
        Its inputs: the logarithm of each, or the value itself where a variable can be zero, in
        standard deviations from its mean in the table.
    """

    variables: tuple[str, ...]

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return self.variables

    @override
    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        rows = []
        for name in self.variables:
            before, x = _scaled(name, seen[name]), _scaled(name, columns[name])
            rows.append((x - before.mean()) / before.std())
        return np.stack(np.broadcast_arrays(*rows))


@dataclass(frozen=True)
class GaussianProcess(OverVariables):
    """A Matern 5/2 process with an amplitude and a length for each of its inputs."""

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {SCALE: _SCALE, **{LENGTH + name: _LENGTH for name in self.variables}}

    @override
    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        lengths = jnp.stack([jnp.asarray(values[LENGTH + name]) for name in self.variables])
        inverse = (1.0 / lengths)[:, None]
        squared = ((x * inverse)[:, :, None] - (y * inverse)[:, None, :]) ** 2
        # The root's slope at zero is infinite, and multiplies a zero.
        far = jnp.sqrt(5.0 * squared.sum(axis=0) + 1e-12)
        return values[SCALE] ** 2 * (1.0 + far + far**2 / 3.0) * jnp.exp(-far)

    @override
    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        return values[SCALE] ** 2 * jnp.ones(x.shape[1])


@dataclass(frozen=True)
class Growth(OverVariables):
    """Misfit that grows with the distance from the middle of the runs, along each input.

    An integrated Wiener process in each direction: none in the middle of the runs, with a slope
    that wanders, so that its standard deviation grows as the distance to the power of 1.5. A law
    takes up the straight part itself; what bends away from it is what it will miss far out. The
    two sides of the middle know nothing of each other.
    """

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {GROWTH: _GROWTH}

    @override
    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        u, v = x[:, :, None], y[:, None, :]
        near, far = jnp.minimum(jnp.abs(u), jnp.abs(v)), jnp.maximum(jnp.abs(u), jnp.abs(v))
        common = jnp.where(u * v > 0, near**2 * (3.0 * far - near) / 6.0, 0.0)
        return values[GROWTH] ** 2 * common.sum(axis=0)

    @override
    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        return values[GROWTH] ** 2 * (jnp.abs(x) ** 3).sum(axis=0) / 3.0


@dataclass(frozen=True)
class Offsets(Kernel):
    """What all runs of a group share, partially pooled: an offset of log loss for each group.

    Its input is a number for each group, minus one where no run fitted to belongs to it.

    Attributes
    ----------
    column : str
        The column that says what runs belong together, such as a sweep or a model family.
    """

    column: str

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def scale(self) -> str:
        """Name of the standard deviation of the offsets."""
        # A column may have any name, what is drawn may not.
        return OFFSET + re.sub(r"\W", "_", self.column)

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {self.scale: _OFFSET}

    @override
    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        known = {label: place for place, label in enumerate(dict.fromkeys(self._labels(seen)))}
        if self.column not in columns:
            size = len(next(iter(columns.values())))
            return np.full((1, size), -1.0)
        return np.array([[known.get(label, -1.0) for label in self._labels(columns)]], dtype=float)

    @override
    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        same = x[0][:, None] == y[0][None, :]
        return values[self.scale] ** 2 * same

    @override
    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        return values[self.scale] ** 2 * jnp.ones(x.shape[1])

    def _labels(self, columns: Mapping[str, np.ndarray]) -> list[str]:
        # In words, since a table that was saved and read again may hold numbers for them.
        return [str(label) for label in np.asarray(columns[self.column])]


def _scaled(name: str, values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values if vocabulary.variable(name).includes_zero else np.log(values)
