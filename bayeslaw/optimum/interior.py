"""One search: a primal-dual interior point method for a smooth function under inequalities.

Bounds, caps and the order of variables are inequalities that every iterate satisfies strictly, so
the same iteration finds an optimum in the interior, on a face or in a corner: Newton
steps on the barrier problem, a line search on its merit, a multiplier for each inequality, and a
barrier that vanishes as the steps settle (Nocedal and Wright, Numerical Optimization, chapter 19).
The functions here take one search; ``minimise`` maps them over thousands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Initial and final barrier parameter, and its rates of decrease.
BARRIER, _GONE, _SHRINK, _POWER = 1e-4, 1e-13, 0.1, 1.6
# Largest fraction of the distance to a bound in one step.
_NEAR = 0.995
# Tolerance of the gradient, per search coordinate.
FLAT = 1e-9
_ROUNDING = 1e-14
_HALVINGS = 8
# Largest step, as a fraction of the box.
_LONGEST = 0.25
# Multipliers are clipped to within this factor of barrier over slack.
_FACTOR = 1e10

Function = Callable[[Any], Any]


class State(NamedTuple):
    """State of a search: strictly feasible ``x``, and multipliers of bounds and caps.

    ``done``: the barrier is at its final value and the first-order conditions are met; ``upward``:
    what is not at a bound curves upwards there.
    """

    x: Any
    low: Any
    high: Any
    cap: Any
    barrier: Any
    done: Any
    upward: Any


def begin(x: Any, low: Any, high: Any, room: Any) -> State:
    """Initial state at strictly feasible points, one or many."""
    shape = x.shape[:-1]
    barrier, done, upward = np.full(shape, BARRIER), np.full(shape, False), np.full(shape, False)
    to_low, to_high, to_cap = (BARRIER / part for part in (x - low, high - x, room))
    return State(x, to_low, to_high, to_cap, barrier, done, upward)


def advance(
    objective: Function, caps: Function, low: Any, high: Any, state: State, steps: Any
) -> State:
    """Take steps until convergence, at most a given number."""

    def unfinished(carry: tuple[Any, State]) -> Any:
        count, state = carry
        return (count < steps) & ~state.done

    def body(carry: tuple[Any, State]) -> tuple[Any, State]:
        count, state = carry
        return count + 1, _step(objective, caps, low, high, state)

    return jax.lax.while_loop(unfinished, body, (0, state))[1]


def _step(objective: Function, caps: Function, low: Any, high: Any, state: State) -> State:
    x, barrier = state.x, state.barrier
    to_low, to_high, to_cap = x - low, high - x, caps(x)

    def first_order(x: Any) -> Any:
        slopes = jax.grad(objective)(x), jax.jacfwd(caps)(x)
        return slopes, slopes

    # Traced once for both orders: tracing takes most of the first search of a process.
    (bend, bends), (slope, slopes) = jax.jacfwd(first_order, has_aux=True)(x)

    residual = slope - state.low + state.high - slopes.T @ state.cap
    off = jnp.max(jnp.abs(residual))
    slack = [state.low * to_low, state.high * to_high, state.cap * to_cap]
    uneven = jnp.max(jnp.concatenate([jnp.abs(part - barrier) for part in slack]))
    settled = jnp.maximum(off, uneven) < jnp.maximum(10.0 * barrier, FLAT)
    done = settled & (barrier <= _GONE)
    smaller = jnp.maximum(_GONE, jnp.minimum(_SHRINK * barrier, barrier**_POWER))
    barrier = jnp.where(settled, smaller, barrier)

    # The Newton system: Hessian of the Lagrangian plus terms of the inequalities.
    bent = bend - jnp.tensordot(state.cap, bends, 1)
    bent += jnp.diag(state.low / to_low + state.high / to_high)
    bent += slopes.T @ ((state.cap / to_cap)[:, None] * slopes)
    lower, diagonal = _pivots(bent)
    downhill = slope - barrier / to_low + barrier / to_high - slopes.T @ (barrier / to_cap)
    move = -_solved(lower, diagonal, downhill)
    move = move * jnp.minimum(1.0, jnp.min(_LONGEST * (high - low) / (jnp.abs(move) + 1e-300)))
    along = slopes @ move

    # Backtracking from the longest feasible step.
    reach = jnp.minimum(
        jnp.minimum(_reach(to_low, move), _reach(to_high, -move)), _reach(to_cap, along)
    )

    def merit(x: Any) -> Any:
        inside = [x - low, high - x, caps(x)]
        logs = sum(jnp.sum(jnp.log(part)) for part in inside)
        value = objective(x) - barrier * logs
        # Infeasible points and undefined objectives have infinite merit.
        return jnp.where(jnp.isfinite(value), value, jnp.inf)

    now = merit(x)

    # The comparison is carried: in the condition, which is computed twice, it may round otherwise.
    def unsettled(carry: tuple[Any, Any]) -> Any:
        tried, better = carry
        return (tried < _HALVINGS) & ~better

    def shortened(carry: tuple[Any, Any]) -> tuple[Any, Any]:
        tried, _ = carry
        length = reach * 0.5**tried
        # Near convergence, accept Newton steps whose decrease is below rounding.
        expected = 1e-4 * length * (downhill @ move)
        return tried + 1, merit(x + length * move) <= now + expected + _ROUNDING

    tried, better = jax.lax.while_loop(unsettled, shortened, (0, False))
    # Where no step is better, there is none.
    x = x + jnp.where(better, reach * 0.5 ** (tried - 1), 0.0) * move

    def multiplier(old: Any, before: Any, change: Any, now: Any) -> Any:
        step = barrier / before - old - old / before * change
        new = old + jnp.minimum(1.0, _reach(old, step)) * step
        return jnp.clip(new, barrier / now / _FACTOR, barrier / now * _FACTOR)

    new = State(
        x,
        multiplier(state.low, to_low, move, x - low),
        multiplier(state.high, to_high, -move, high - x),
        multiplier(state.cap, to_cap, along, caps(x)),
        barrier,
        done,
        jnp.all(jnp.stack(diagonal) > 0),
    )
    kept: State = jax.tree.map(
        lambda old, new: jnp.where(done, old, new),
        state._replace(done=done, upward=new.upward),
        new,
    )
    return kept


def _pivots(matrix: Any) -> tuple[list[list[Any]], list[Any]]:
    """LDL' factorisation, unrolled: faster than a library call for at most five rows."""
    size = matrix.shape[0]
    lower: list[list[Any]] = [[] for _ in range(size)]
    diagonal: list[Any] = []
    for i in range(size):
        for j in range(i):
            inner = sum((lower[i][k] * lower[j][k] * diagonal[k] for k in range(j)), 0.0)
            lower[i].append((matrix[i, j] - inner) / _bent(diagonal[j]))
        inner = sum((lower[i][k] ** 2 * diagonal[k] for k in range(i)), 0.0)
        diagonal.append(matrix[i, i] - inner)
    return lower, diagonal


def _bent(pivot: Any) -> Any:
    """Absolute pivot, so that the step is a descent direction."""
    return jnp.maximum(jnp.abs(pivot), 1e-12)


def _solved(lower: list[list[Any]], diagonal: list[Any], right: Any) -> Any:
    size = len(diagonal)
    forward: list[Any] = []
    for i in range(size):
        forward.append(right[i] - sum((lower[i][j] * forward[j] for j in range(i)), 0.0))
    back: list[Any] = [None] * size
    for i in reversed(range(size)):
        inner = sum((lower[j][i] * back[j] for j in range(i + 1, size)), 0.0)
        back[i] = forward[i] / _bent(diagonal[i]) - inner
    return jnp.stack(back)


def _reach(room: Any, change: Any) -> Any:
    """Largest feasible step length, at most one."""
    falling = change < 0
    steps = jnp.where(falling, _NEAR * room / jnp.where(falling, -change, 1.0), 1.0)
    return jnp.minimum(1.0, jnp.min(steps, initial=1.0))
