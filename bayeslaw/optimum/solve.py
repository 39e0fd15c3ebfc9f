"""The minimiser over draws: optimistix finds each draw's valley, Newton steps end in it.

The box of bounds is folded onto the whole space by a sine, which makes a minimum on a bound an
ordinary one; the end points are then polished in the box itself, with the bounds that press held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.compilation import compiled
from bayeslaw.optimum.problem import Problem, Question

_STEPS, _POLISH = 128, 8
# Of the width of the box: nearer than this a bound is taken to be reached.
_TOUCHING = 1e-7
# Of the log of the predicted quantity, per search coordinate.
_FLAT = 1e-9
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Solution:
    """Minimisers, draw by draw.

    Attributes
    ----------
    x : ndarray of shape (draws, free)
        Search coordinates.
    at_low, at_high : ndarray of bool of shape (draws, free)
        Which bounds are reached.
    converged : ndarray of bool of shape (draws,)
        Whether the gradient vanishes along whatever is not at a bound.
    negative_low, negative_high : ndarray of bool of shape (draws, free)
        Whether the law is not positive at a bound, with the others at the first start: where the
        search fails, that is where it went.
    as_good_low, as_good_high : ndarray of bool of shape (draws, free)
        Whether the law is no worse at a bound, with the others as they are: a law that levels off
        along a variable has no best value of it.
    """

    x: np.ndarray
    at_low: np.ndarray
    at_high: np.ndarray
    converged: np.ndarray
    negative_low: np.ndarray
    negative_high: np.ndarray
    as_good_low: np.ndarray
    as_good_high: np.ndarray


def solve(question: Question, coefficients: Mapping[str, np.ndarray]) -> Solution:
    """Find every draw's best configuration.

    Parameters
    ----------
    question : Question
        What is asked.
    coefficients : mapping of str to ndarray of shape (draws,)
        Raw coefficients.

    Returns
    -------
    Solution
        The best end point over all starts.
    """
    with compiled():
        found = _solve(
            question.problem,
            dict(coefficients),
            question.fixed,
            question.budget,
            question.low,
            question.high,
            question.starts,
        )
        return Solution(*(np.asarray(part) for part in found))


@partial(jax.jit, static_argnames="problem")
def _solve(
    problem: Problem,
    coefficients: Any,
    fixed: Any,
    budget: Any,
    low: Any,
    high: Any,
    starts: Any,
) -> Any:
    one = partial(_solve_one, problem, fixed, budget, low, high, starts)
    return jax.vmap(one)(coefficients)


def _solve_one(
    problem: Problem, fixed: Any, budget: Any, low: Any, high: Any, starts: Any, raw: Any
) -> Any:
    # Half a second that only a search needs.
    import optimistix

    def objective(x: Any) -> Any:
        value = problem.form.predict(problem.columns(x, fixed, budget, jnp), raw, jnp)
        # Its logarithm, since tolerances are relative and laws grow by powers. Where a law is not
        # positive it predicts nothing: with k < 0, zhao2025 falls below zero at a huge G and an
        # N_a near zero, and its optimum is still the valley in between.
        return jnp.log(value) if problem.sense == "min" else -jnp.log(value)

    def unfold(y: Any) -> Any:
        return low + (high - low) * 0.5 * (1.0 + jnp.sin(y))

    def search(start: Any) -> tuple[Any, Any, Any, Any, Any]:
        y = jnp.arcsin(2.0 * (start - low) / (high - low) - 1.0)
        end: Any = optimistix.minimise(
            lambda y, _: objective(unfold(y)),
            optimistix.BFGS(rtol=1e-8, atol=1e-10),
            y,
            max_steps=_STEPS,
            throw=False,
        )
        return _polish(objective, unfold(end.value), low, high)

    x, value, at_low, at_high, converged = jax.vmap(search)(starts)
    # An end point that converged is better than any that did not.
    rank = jnp.where(jnp.isfinite(value), value, jnp.inf)
    best = jnp.argmin(jnp.where(converged, rank, rank + 1e3))

    def negative(i: Any, bound: Any) -> Any:
        columns = problem.columns(starts[0].at[i].set(bound), fixed, budget, jnp)
        return ~(problem.form.predict(columns, raw, jnp) > 0)

    def as_good(i: Any, bound: Any) -> Any:
        return objective(x[best].at[i].set(bound)) <= value[best] + _FLAT

    each = jnp.arange(len(low))
    ends = [jax.vmap(one)(each, bound) for one in (negative, as_good) for bound in (low, high)]
    return x[best], at_low[best], at_high[best], converged[best], *ends


def _polish(objective: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Newton steps in the box; a bound is held while the objective falls across it."""
    width = high - low
    gradient, hessian = jax.grad(objective), jax.hessian(objective)

    def pressed(x: Any, slope: Any) -> tuple[Any, Any]:
        at_low = (x - low <= _TOUCHING * width) & (slope >= 0)
        at_high = (high - x <= _TOUCHING * width) & (slope <= 0)
        return at_low, at_high

    def step(x: Any, _: Any) -> tuple[Any, None]:
        slope, curvature = gradient(x), hessian(x)
        at_low, at_high = pressed(x, slope)
        x = jnp.where(at_low, low, jnp.where(at_high, high, x))
        moves = ~(at_low | at_high)
        both = moves[:, None] & moves[None, :]
        system = jnp.where(both, curvature, jnp.eye(len(x)))
        values, vectors = jnp.linalg.eigh(system)
        # Downhill along every direction, however it curves.
        bent = jnp.maximum(jnp.abs(values), 1e-12)
        move = -vectors @ ((vectors.T @ jnp.where(moves, slope, 0.0)) / bent)
        target = jnp.clip(x + jnp.clip(move, -0.1 * width, 0.1 * width), low, high)
        # Near the end rounding hides whether a step goes down; there Newton's can be trusted.
        better = objective(target) <= objective(x) + _ROUNDING
        return jnp.where(better, target, x), None

    x, _ = jax.lax.scan(step, x, None, length=_POLISH)
    slope = gradient(x)
    at_low, at_high = pressed(x, slope)
    x = jnp.where(at_low, low, jnp.where(at_high, high, x))
    moves = ~(at_low | at_high)
    system = jnp.where(moves[:, None] & moves[None, :], hessian(x), jnp.eye(len(x)))
    upward = jnp.linalg.eigvalsh(system)[0] > 0
    flat = jnp.max(jnp.where(moves, jnp.abs(slope), 0.0)) < _FLAT
    return x, objective(x), at_low, at_high, flat & upward & jnp.isfinite(objective(x))
