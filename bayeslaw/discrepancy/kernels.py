"""What the misfit of two runs has in common: covariances that can be added to each other.

Each is a mean-zero Gaussian process on log loss. Runs that lie close to each other miss the law
together (Kennedy and O'Hagan 2001); runs of one sweep share what is peculiar to it; and what a law
misses may grow with the distance from the runs. None is identified apart from the law: where it
could be either, the prior, which is that misfit is small, decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from bayeslaw import vocabulary
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


@dataclass(frozen=True)
class GaussianProcess:
    """A Matern 5/2 process with a length for each input; hashable, free of numbers.

    Attributes
    ----------
    variables : tuple of str
        Its inputs: the logarithm of each, or the value itself where a variable can be zero, over
        its standard deviation in the table.
    """

    variables: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return self.variables

    @property
    def priors(self) -> dict[str, Prior]:
        """Amplitude and one length for each input."""
        return {SCALE: _SCALE, **{LENGTH + name: _LENGTH for name in self.variables}}

    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Standardised inputs.

        Parameters
        ----------
        seen : mapping of str to ndarray of shape (runs,)
            The runs fitted to, whose spread is the unit.
        columns : mapping of str to ndarray of shape (configurations,)
            What to standardise.

        Returns
        -------
        ndarray of shape (inputs, configurations)
            In standard deviations from the mean of the runs.
        """
        return _standardised(self.variables, seen, columns)

    def lengths(self, values: Mapping[str, Any]) -> Any:
        """Lengths in order of the inputs.

        Parameters
        ----------
        values : mapping
            By parameter.

        Returns
        -------
        array of shape (inputs,)
            In standard deviations.
        """
        return jnp.stack([jnp.asarray(values[LENGTH + name]) for name in self.variables])

    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        """Prior covariance of the misfit between configurations.

        Parameters
        ----------
        values : mapping
            Amplitude and lengths.
        x, y : array of shape (inputs, configurations)
            Standardised inputs.

        Returns
        -------
        array of shape (configurations of x, configurations of y)
            Of log loss, squared.
        """
        inverse = (1.0 / self.lengths(values))[:, None]
        squared = ((x * inverse)[:, :, None] - (y * inverse)[:, None, :]) ** 2
        # The root's slope at zero is infinite, and multiplies a zero.
        far = jnp.sqrt(5.0 * squared.sum(axis=0) + 1e-12)
        return values[SCALE] ** 2 * (1.0 + far + far**2 / 3.0) * jnp.exp(-far)

    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        """Prior variance of the misfit at configurations.

        Parameters
        ----------
        values : mapping
            Amplitude and lengths.
        x : array of shape (inputs, configurations)
            Standardised inputs.

        Returns
        -------
        array of shape (configurations,)
            The same everywhere.
        """
        return values[SCALE] ** 2 * jnp.ones(x.shape[1])


@dataclass(frozen=True)
class Offsets:
    """What all runs of a group share, partially pooled: an offset of log loss for each group.

    Attributes
    ----------
    column : str
        The column that says what runs belong together, such as a sweep or a model family.
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return (self.column,)

    @property
    def scale(self) -> str:
        """Name of the standard deviation of the offsets."""
        # A column may have any name, what is drawn may not.
        return OFFSET + re.sub(r"\W", "_", self.column)

    @property
    def priors(self) -> dict[str, Prior]:
        """Standard deviation of the offsets."""
        return {self.scale: _OFFSET}

    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """A number for each group.

        Parameters
        ----------
        seen : mapping of str to ndarray of shape (runs,)
            The runs fitted to.
        columns : mapping of str to ndarray of shape (configurations,)
            What to number; it may lack the column.

        Returns
        -------
        ndarray of shape (1, configurations)
            Minus one for groups that no run belongs to.
        """
        known = {label: place for place, label in enumerate(dict.fromkeys(_labels(seen, self)))}
        if self.column not in columns:
            size = len(next(iter(columns.values())))
            return np.full((1, size), -1.0)
        return np.array([[known.get(label, -1.0) for label in _labels(columns, self)]], dtype=float)

    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        """Prior covariance of the offsets of configurations.

        Parameters
        ----------
        values : mapping
            The standard deviation.
        x, y : array of shape (1, configurations)
            Numbers of groups; those of ``x`` belong to runs.

        Returns
        -------
        array of shape (configurations of x, configurations of y)
            Of log loss, squared.
        """
        same = x[0][:, None] == y[0][None, :]
        return values[self.scale] ** 2 * same

    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        """Prior variance of the offset at configurations.

        Parameters
        ----------
        values : mapping
            The standard deviation.
        x : array of shape (1, configurations)
            Numbers of groups.

        Returns
        -------
        array of shape (configurations,)
            The same for all.
        """
        return values[self.scale] ** 2 * jnp.ones(x.shape[1])


@dataclass(frozen=True)
class Growth:
    """Misfit that grows with the distance from the middle of the runs, along each input.

    An integrated Wiener process in each direction: none in the middle of the runs, with a slope
    that wanders, so that its standard deviation grows as the distance to the power of 1.5. A law
    takes up the straight part itself; what bends away from it is what it will miss far out.

    Attributes
    ----------
    variables : tuple of str
        Its inputs, standardised as those of ``GaussianProcess``.
    """

    variables: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return self.variables

    @property
    def priors(self) -> dict[str, Prior]:
        """How fast it grows, the same in all directions."""
        return {GROWTH: _GROWTH}

    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Standardised inputs.

        Parameters
        ----------
        seen : mapping of str to ndarray of shape (runs,)
            The runs fitted to, whose spread is the unit.
        columns : mapping of str to ndarray of shape (configurations,)
            What to standardise.

        Returns
        -------
        ndarray of shape (inputs, configurations)
            In standard deviations from the mean of the runs.
        """
        return _standardised(self.variables, seen, columns)

    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        """Prior covariance of the misfit between configurations.

        Parameters
        ----------
        values : mapping
            The growth.
        x, y : array of shape (inputs, configurations)
            Standardised inputs.

        Returns
        -------
        array of shape (configurations of x, configurations of y)
            Of log loss, squared; none between the two sides of the middle.
        """
        u, v = x[:, :, None], y[:, None, :]
        near, far = jnp.minimum(jnp.abs(u), jnp.abs(v)), jnp.maximum(jnp.abs(u), jnp.abs(v))
        common = jnp.where(u * v > 0, near**2 * (3.0 * far - near) / 6.0, 0.0)
        return values[GROWTH] ** 2 * common.sum(axis=0)

    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        """Prior variance of the misfit at configurations.

        Parameters
        ----------
        values : mapping
            The growth.
        x : array of shape (inputs, configurations)
            Standardised inputs.

        Returns
        -------
        array of shape (configurations,)
            A third of the cubed distances, times the squared growth.
        """
        return values[GROWTH] ** 2 * (jnp.abs(x) ** 3).sum(axis=0) / 3.0


Kernel = GaussianProcess | Offsets | Growth


def _standardised(
    names: tuple[str, ...],
    seen: Mapping[str, np.ndarray],
    columns: Mapping[str, np.ndarray],
) -> np.ndarray:
    rows = []
    for name in names:
        before, x = _scaled(name, seen[name]), _scaled(name, columns[name])
        rows.append((x - before.mean()) / before.std())
    return np.stack(np.broadcast_arrays(*rows))


def _scaled(name: str, values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values if vocabulary.variable(name).includes_zero else np.log(values)


def _labels(columns: Mapping[str, np.ndarray], part: Offsets) -> list[str]:
    # In words, since a table that was saved and read again may hold numbers for them.
    return [str(label) for label in np.asarray(columns[part.column])]
