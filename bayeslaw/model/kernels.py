"""Covariance functions of the misfit, which can be summed.

Each is a mean-zero Gaussian process on log loss: correlated between neighbouring runs (Kennedy and
O'Hagan 2001), an offset of each sweep, or growing with distance from the runs. Misfit and law are
confounded: where either explains the runs, the prior of small misfit determines the split.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, override

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.law.priors import Prior
from bayeslaw.runs.geometry import on_scale

#: Standard deviation of the process on log loss.
SCALE = "misfit_scale"
#: Prefix of its length scales, in standard deviations of each input.
LENGTH = "misfit_length_"
#: Prefix of the standard deviation between groups of a column.
OFFSET = "group_scale_"
#: Scale of misfit that grows with distance from the mean of the runs.
GROWTH = "misfit_growth"

_SCALE = Prior("lognormal", 0.003, 3.0)
_LENGTH = Prior("lognormal", 1.5, 2.0)
_OFFSET = Prior("lognormal", 0.005, 3.0)
_GROWTH = Prior("lognormal", 0.001, 3.0)
#: Largest standard deviation of offsets: with more, groups of one size each take the law's place.
LARGEST_OFFSET = 0.03


#: Columns of a table, each of shape (configurations,), and values of parameters, by name.
type Columns = Mapping[str, np.ndarray]
type Values = Mapping[str, jax.Array | float]


class Kernel(ABC):
    """A covariance of log losses between configurations.

    ``columns`` of a table become ``inputs``, an array of shape (inputs, configurations);
    ``covariance`` and ``variance`` are functions of two such arrays and of the parameters that
    ``priors`` names. Hashable and without numbers, so that compiled code is reused for every table.
    """

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Columns of the table, one input each."""

    @property
    @abstractmethod
    def priors(self) -> dict[str, Prior]:
        """Its parameters and their priors."""

    @abstractmethod
    def inputs(self, seen: Columns, columns: Columns) -> np.ndarray:
        """Inputs of configurations, standardised or numbered by the fitted runs (``seen``)."""

    @abstractmethod
    def covariance(self, values: Values, x: jax.Array, y: jax.Array) -> jax.Array:
        """Prior covariance of the misfit between configurations, of shape (x's, y's)."""

    @abstractmethod
    def variance(self, values: Values, x: jax.Array) -> jax.Array:
        """Prior variance of the misfit at configurations."""


@dataclass(frozen=True)
class OverVariables(Kernel):
    """A kernel over variables of the law.

    Its inputs are the logarithm of each, or the value itself where a variable can be zero, in
    standard deviations from its mean in the table.
    """

    variables: tuple[str, ...]

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return self.variables

    @override
    def inputs(self, seen: Columns, columns: Columns) -> np.ndarray:
        rows = []
        for name in self.variables:
            before, x = (
                on_scale(name, np.asarray(table[name], dtype=float)) for table in (seen, columns)
            )
            rows.append((x - before.mean()) / before.std())
        return np.stack(np.broadcast_arrays(*rows))


@public
@dataclass(frozen=True)
class GaussianProcess(OverVariables):
    """A Matern 5/2 process with an amplitude and a length for each of its inputs."""

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {SCALE: _SCALE, **{LENGTH + name: _LENGTH for name in self.variables}}

    @override
    def covariance(self, values: Values, x: jax.Array, y: jax.Array) -> jax.Array:
        lengths = jnp.stack([jnp.asarray(values[LENGTH + name]) for name in self.variables])
        inverse = (1.0 / lengths)[:, None]
        squared = ((x * inverse)[:, :, None] - (y * inverse)[:, None, :]) ** 2
        # Offset avoids the infinite gradient of the root at zero.
        far = jnp.sqrt(5.0 * squared.sum(axis=0) + 1e-12)
        return values[SCALE] ** 2 * (1.0 + far + far**2 / 3.0) * jnp.exp(-far)

    @override
    def variance(self, values: Values, x: jax.Array) -> jax.Array:
        return values[SCALE] ** 2 * jnp.ones(x.shape[1])


@public
@dataclass(frozen=True)
class Growth(OverVariables):
    """Misfit that grows with the distance from the mean of the runs, along each input.

    An integrated Wiener process in each direction from the mean of the runs, where it is zero: its
    standard deviation grows as the distance to the power of 1.5. The law absorbs the linear part.
    The two sides of the mean are independent.
    """

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {GROWTH: _GROWTH}

    @override
    def covariance(self, values: Values, x: jax.Array, y: jax.Array) -> jax.Array:
        u, v = x[:, :, None], y[:, None, :]
        near, far = jnp.minimum(jnp.abs(u), jnp.abs(v)), jnp.maximum(jnp.abs(u), jnp.abs(v))
        common = jnp.where(u * v > 0, near**2 * (3.0 * far - near) / 6.0, 0.0)
        return values[GROWTH] ** 2 * common.sum(axis=0)

    @override
    def variance(self, values: Values, x: jax.Array) -> jax.Array:
        return values[GROWTH] ** 2 * (jnp.abs(x) ** 3).sum(axis=0) / 3.0


@public
@dataclass(frozen=True)
class Offsets(Kernel):
    """An offset of log loss for each group of runs, partially pooled.

    Its input is a number for each group; minus one for groups without fitted runs. Its standard
    deviation follows ``group_scale`` but stays below 3% of the loss.

    Parameters
    ----------
    column : str
        The column that groups runs, such as a sweep or a model family.
    """

    column: str

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def scale(self) -> str:
        """Name of the standard deviation of the offsets."""
        # A column may have any name, a sample site may not.
        return OFFSET + re.sub(r"\W", "_", self.column)

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {self.scale: _OFFSET}

    @override
    def inputs(self, seen: Columns, columns: Columns) -> np.ndarray:
        if self.column not in columns:
            return np.full((1, len(next(iter(columns.values())))), -1.0)
        # As text, since a table that was saved and read again may hold numbers.
        known, labels = ([str(label) for label in t[self.column]] for t in (seen, columns))
        places = {label: place for place, label in enumerate(dict.fromkeys(known))}
        return np.array([[places.get(label, -1) for label in labels]], dtype=float)

    def sd(self, scale: Any) -> Any:
        """Standard deviation of the offsets, of log loss."""
        return scale / (1.0 + (scale / LARGEST_OFFSET) ** 4) ** 0.25

    @override
    def covariance(self, values: Values, x: jax.Array, y: jax.Array) -> jax.Array:
        same = x[0][:, None] == y[0][None, :]
        return jnp.asarray(self.sd(values[self.scale])) ** 2 * same

    @override
    def variance(self, values: Values, x: jax.Array) -> jax.Array:
        return jnp.asarray(self.sd(values[self.scale])) ** 2 * jnp.ones(x.shape[1])
