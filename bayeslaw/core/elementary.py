"""Logarithms of many numbers at once.

XLA computes exponentials of doubles on a processor in vectors, but calls its logarithms once a
number, which take three times as long and were half of a density's time.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_MANTISSA_BITS = 52
# Mantissas are taken from the root of a half to the root of two.
_LOWEST = int(np.float64(np.sqrt(0.5)).view(np.int64))
# Series of the inverse hyperbolic tangent: its next term is below rounding there.
_SERIES = [2.0 / (2 * power + 1) for power in range(1, 11)]
_SMALLEST = float(np.finfo(np.float64).smallest_normal)


@jax.custom_jvp
def log(x: Any) -> Any:
    """Natural logarithm, to rounding; minus infinity below the smallest normal number."""
    x = jnp.asarray(x)
    if x.dtype != jnp.float64:
        return jnp.log(x)
    bits = jax.lax.bitcast_convert_type(x, jnp.int64)
    exponent = (bits - _LOWEST) >> _MANTISSA_BITS
    mantissa = jax.lax.bitcast_convert_type(bits - (exponent << _MANTISSA_BITS), jnp.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square: Any = ratio**2
    series: Any = 0.0
    for term in reversed(_SERIES):
        series = series * square + term
    logarithm = exponent * np.log(2.0) + (2.0 * ratio + ratio * square * series)
    end = jnp.where(x > 1.0, x, jnp.where(x >= 0.0, -jnp.inf, jnp.nan))
    return jnp.where((x >= _SMALLEST) & (x < jnp.inf), logarithm, end)


@log.defjvp
def _slope(at: tuple[Any], along: tuple[Any]) -> tuple[Any, Any]:
    (x,), (change,) = at, along
    return log(x), change / x


@jax.custom_jvp
def log1p(x: Any) -> Any:
    """Natural logarithm of one plus a number, to rounding however small that is."""
    x = jnp.asarray(x)
    if x.dtype != jnp.float64:
        return jnp.log1p(x)
    above = 1.0 + x
    # What is left of x after rounding makes up for what was lost.
    left = above - 1.0
    exact = log(above) * (x / jnp.where(left == 0.0, 1.0, left))
    return jnp.where(left == 0.0, x, jnp.where(above < jnp.inf, exact, above))


@log1p.defjvp
def _slope_above_one(at: tuple[Any], along: tuple[Any]) -> tuple[Any, Any]:
    (x,), (change,) = at, along
    return log1p(x), change / (1.0 + x)
