"""Distributions of log loss that NumPyro lacks, or evaluates slowly.

A run whose learning rate or batch size was not tuned ends above what its shape allows, and never
below: its log loss is the law's, plus normal noise, plus a positive amount. And a loss that was
measured on a sample of tokens comes with a standard error, beside which noise may have heavy tails.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln, log_ndtr, polygamma
from numpyro import distributions as dist
from numpyro.distributions import constraints
from numpyro.distributions.util import promote_shapes

from bayeslaw.core.compilation import compiled
from bayeslaw.core.elementary import log1p
from bayeslaw.core.programs import compiled_for

# From here on the normal's tail is a series, beside which its logarithm would cancel.
_FAR = 20.0
# Of the logarithm of a run's precision, in its standard deviations.
_BELOW, _ABOVE, _NODES = 9.0, 4.0, 80
# From here on the series of a t's height is exact.
_MANY_DEGREES = 100.0
# Densities in a batch: one size, since every other is compiled again.
_BATCH = 2**15


class _Located(dist.Distribution):  # type: ignore[misc]
    """A distribution on the real line, whose parameters are those of ``arg_constraints``."""

    support = constraints.real

    def __init__(self, *parameters: Any, validate_args: bool | None = None):
        """Keep the parameters in one shape."""
        values = promote_shapes(*parameters)
        for name, value in zip(self.arg_constraints, values, strict=True):
            setattr(self, name, value)
        shape = jax.lax.broadcast_shapes(*map(jnp.shape, parameters))
        super().__init__(batch_shape=shape, validate_args=validate_args)


class ExponentiallyModified(_Located):
    """A normal plus an independent exponential.

    Parameters
    ----------
    loc, scale : array
        Of the normal.
    excess : array
        Mean of the exponential.
    """

    loc: jax.Array
    scale: jax.Array
    excess: jax.Array
    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "excess": constraints.positive,
    }
    reparametrized_params: ClassVar[list[str]] = [*arg_constraints]

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw."""
        first, second = jax.random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        noise = jax.random.normal(first, shape) * self.scale
        return self.loc + noise + jax.random.exponential(second, shape) * self.excess

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Log density."""
        above = value - self.loc
        ratio = self.scale / self.excess
        a = ratio - above / self.scale
        near = jnp.minimum(a, _FAR)
        direct = 0.5 * near**2 + log_ndtr(-near)
        far = jnp.maximum(a, _FAR)
        square = far**-2
        series = 1.0 - square * (1.0 - 3.0 * square * (1.0 - 5.0 * square))
        tail = jnp.where(a > _FAR, jnp.log(series / far) - 0.5 * jnp.log(2.0 * jnp.pi), direct)
        # Half of a squared, less what the exponential's tilt adds, is the normal's own exponent.
        return tail - 0.5 * (above / self.scale) ** 2 - jnp.log(self.excess)


class StudentT(dist.StudentT):  # type: ignore[misc]
    """NumPyro's, faster for many values, and exact for many degrees of freedom."""

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Log density."""
        squared = ((value - self.loc) / self.scale) ** 2 / self.df
        exponent = 0.5 * (self.df + 1.0) * log1p(squared)
        density: jax.Array = _height(self.df) - jnp.log(self.scale) - exponent
        return density


def _height(df: Any) -> Any:
    """Log density of a unit t at its centre."""
    few = jnp.minimum(df, _MANY_DEGREES)
    exact = gammaln(0.5 * (few + 1.0)) - gammaln(0.5 * few) - 0.5 * jnp.log(jnp.pi * few)
    # The gamma functions of many cancel, to any density: their ratio as a series in 1 / df.
    one = 1.0 / jnp.maximum(df, _MANY_DEGREES)
    square = one**2
    series = -0.5 * np.log(2.0 * np.pi) - one * (0.25 - square * (1.0 / 24.0 - square / 20.0))
    return jnp.where(df > _MANY_DEGREES, series, exact)


class MeasuredT(_Located):
    """A Student-t plus an independent normal: heavy tails, and an error that is known.

    The t is a normal whose precision is drawn from a gamma distribution; the density is the
    integral over the logarithm of that precision, by a sum over evenly spaced values.

    Parameters
    ----------
    df, loc, scale : array
        Of the t.
    error : array
        Standard deviation of the normal.
    """

    df: jax.Array
    loc: jax.Array
    scale: jax.Array
    error: jax.Array
    arg_constraints: ClassVar[dict[str, Any]] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
        "error": constraints.nonnegative,
    }
    reparametrized_params: ClassVar[list[str]] = [*arg_constraints]

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw."""
        first, second = jax.random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        noise = jax.random.t(first, jnp.broadcast_to(self.df, shape), shape) * self.scale
        return self.loc + noise + jax.random.normal(second, shape) * self.error

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Log density."""
        half = 0.5 * self.df
        squared = ((value - self.loc) / self.scale) ** 2
        # Where the precision is before the run was seen, and after it if it had no error.
        before, wide = digamma(half) - jnp.log(half), jnp.sqrt(polygamma(1, half))
        later = digamma(half + 0.5) - jnp.log(half + 0.5 * squared)
        narrow = jnp.sqrt(polygamma(1, half + 0.5))
        low = jnp.minimum(before - _BELOW * wide, later - _BELOW * narrow)
        step = (before + _ABOVE * wide - low) / _NODES

        def more(total: jax.Array, node: jax.Array) -> tuple[jax.Array, None]:
            u = low + node * step
            variance = self.scale**2 * jnp.exp(-u) + self.error**2
            away = (value - self.loc) ** 2 / variance
            inside = half * (u - jnp.exp(u)) - 0.5 * away - 0.5 * jnp.log(variance)
            return jnp.logaddexp(total, inside), None

        # One node after the other: all at once would be as many arrays.
        begin = jnp.full(jnp.broadcast_shapes(jnp.shape(value), self.batch_shape), -jnp.inf)
        nodes = jnp.arange(_NODES + 1, dtype=begin.dtype)
        total, _ = jax.lax.scan(more, begin, nodes)
        constant = half * jnp.log(half) - gammaln(half) - 0.5 * jnp.log(2.0 * jnp.pi)
        return total + jnp.log(step) + constant


def measured_t(away: Any, df: Any, scale: Any, error: Any) -> np.ndarray:
    """Log densities of ``MeasuredT`` at distances from its centre, whatever their number."""
    arrays = np.broadcast_arrays(away, df, scale, error)
    flat = np.stack([part.ravel() for part in arrays])
    size = flat.shape[1]
    # The last batch is filled up with its own.
    pieces = [
        np.resize(np.arange(first, min(first + _BATCH, size)), _BATCH)
        for first in range(0, size, _BATCH)
    ]
    with compiled():
        densities = np.concatenate([_measured_t(flat[:, piece]) for piece in pieces])
    return densities[:size].reshape(arrays[0].shape)


@compiled_for()
def _measured_t(numbers: jax.Array) -> jax.Array:
    away, df, scale, error = numbers
    return MeasuredT(df, 0.0, scale, error, validate_args=False).log_prob(away)
