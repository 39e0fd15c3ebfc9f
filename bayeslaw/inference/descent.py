"""Descent by quasi-Newton steps (BFGS), compiled as a whole.

SciPy's makes hundreds of trips between Python and compiled code for each search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Sufficient decrease and curvature (Wolfe's conditions), trials of one step, and all evaluations.
_DECREASE, _CURVATURE = 1e-4, 0.9
_TRIALS, _EVALUATIONS = 40, 5000


class End(NamedTuple):
    """Where a descent ended, the function there, and the inverse of its curvature, roughly."""

    z: Any
    value: Any
    inverse: Any


class _State(NamedTuple):
    """A point with value, gradient and inverse curvature, and the step that is tried from there.

    ``low`` is a step known to be too short and ``high`` one too long.
    """

    z: Any
    value: Any
    gradient: Any
    inverse: Any
    move: Any
    step: Any
    low: Any
    high: Any
    trials: Any
    evaluations: Any


def descend(slope: Callable[[Any], tuple[Any, Any]], start: Any, tolerance: float) -> End:
    """Descend from a point at which a function is finite, until its gradient is within tolerance.

    ``slope`` returns value and gradient, and is traced once.

    Steps are bisected until they satisfy Wolfe's weak conditions (Lewis and Overton 2013,
    doi:10.1007/s10107-012-0514-2), so that the curvature stays positive; where the function is not
    finite a step is too long.
    """
    size = len(start)

    def going(at: _State) -> Any:
        rough = jnp.max(jnp.abs(at.gradient)) > tolerance
        return rough & (at.trials < _TRIALS) & (at.evaluations < _EVALUATIONS)

    def trial(at: _State) -> _State:
        change = at.step * at.move
        z = at.z + change
        value, gradient = slope(z)
        downhill = at.gradient @ at.move
        lower = value <= at.value + _DECREASE * at.step * downhill
        lower &= jnp.isfinite(gradient).all()
        taken = lower & (gradient @ at.move >= _CURVATURE * downhill) | (at.evaluations == 0)
        low, high = jnp.where(lower, at.step, at.low), jnp.where(lower, at.high, at.step)
        between = jnp.where(jnp.isfinite(high), 0.5 * (low + high), 2.0 * low)
        inverse = jnp.where(
            at.evaluations == 0,
            # A first step of unit length.
            jnp.eye(size) / jnp.linalg.norm(gradient),
            _updated(at, change, gradient - at.gradient),
        )
        tried = at._replace(
            step=between,
            low=low,
            high=high,
            trials=at.trials + 1,
            evaluations=at.evaluations + 1,
        )
        fresh = _State(
            z, value, gradient, inverse, -inverse @ gradient, 1.0, 0.0, np.inf, 0, tried.evaluations
        )
        return _State(*(jnp.where(taken, *pair) for pair in zip(fresh, tried, strict=True)))

    # The first trial evaluates the start.
    nothing = jnp.zeros(size)
    first = _State(start, np.inf, nothing + np.inf, jnp.eye(size), nothing, 1.0, 0.0, np.inf, 0, 0)
    end = jax.lax.while_loop(going, trial, first)
    return End(end.z, end.value, end.inverse)


def _updated(at: _State, change: Any, bend: Any) -> Any:
    """The inverse curvature after a step; at first on the scale of that step."""
    along = change @ bend
    inverse = jnp.where(
        at.evaluations == at.trials + 1, jnp.eye(len(change)) * along / (bend @ bend), at.inverse
    )
    way = inverse @ bend
    cross = jnp.outer(change, way)
    return (
        inverse + ((1.0 + bend @ way / along) * jnp.outer(change, change) - cross - cross.T) / along
    )
