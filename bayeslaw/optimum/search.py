"""Minimise a law over draws and budgets, vectorised, by an interior point method."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.optimum import interior
from bayeslaw.optimum.interior import FLAT, State
from bayeslaw.optimum.problem import Problem, Structure

# Batch sizes of compiled searches: large, and small.
_CHUNK, _FEW = 1024, 64
# Number of rows searched from every start, or one in so many if that is more.
_PILOT = 64
# Steps between removals of converged searches, and number of removals.
_STEPS, _ROUNDS = 14, 10


@dataclass(frozen=True)
class Solution:
    """Minimisers, draw by draw: arrays of shape (draws, free), (draws, caps) and (draws,).

    ``converged``: nothing improves to first order, and what is not at a bound curves upwards.
    ``negative``: the law is not positive at a bound, with the others at the first start: the likely
    cause if a search fails. ``as_good``: the law is no worse at a bound, with the others at the
    solution: a law that is flat in a variable has no optimum in it.
    """

    x: np.ndarray
    at_low: np.ndarray
    at_high: np.ndarray
    at_cap: np.ndarray
    converged: np.ndarray
    negative_low: np.ndarray
    negative_high: np.ndarray
    as_good_low: np.ndarray
    as_good_high: np.ndarray

    def part(self, rows: slice) -> Solution:
        """Some of the draws."""
        return Solution(*(getattr(self, field.name)[rows] for field in fields(self)))


def minimise(problems: Sequence[Problem], draws: Mapping[str, np.ndarray]) -> list[Solution]:
    """Find every draw's best configuration, for problems that differ in their budgets alone."""
    first = problems[0]
    raw = {name: np.asarray(values, dtype=float) for name, values in draws.items()}
    size = len(next(iter(raw.values())))
    # Every draw of every problem is a row.
    own = {
        "raw": {name: np.tile(values, len(problems)) for name, values in raw.items()},
        "amount": np.repeat([problem.amount for problem in problems], size),
        "limits": np.repeat([problem.limits for problem in problems], size, axis=0),
    }
    starts = np.repeat([problem.starts for problem in problems], size, axis=0)
    same = (first.structure, first.fixed, first.low, first.high)
    with compiled():
        ends = _minima(same, own, starts)
        probes = _in_chunks(_probe, same, own, (ends, starts[:, 0]))
    names = ("x", "at_low", "at_high", "at_cap", "converged")
    solution = Solution(*(ends[name] for name in names), *probes)
    return [solution.part(slice(i * size, (i + 1) * size)) for i in range(len(problems))]


def _minima(same: Any, own: Any, starts: np.ndarray) -> dict[str, np.ndarray]:
    """The best solution of every row.

    All rows are searched from the first start, and some of them from every start. If no other start
    improves these, the law is taken to have one local minimum, and only rows that did not converge
    are searched from further starts; otherwise all rows are searched from all starts.
    """
    rows = len(starts)
    ends = _search(same, own, starts[:, 0])
    pilot = np.unique(np.linspace(0, rows - 1, min(rows, max(_PILOT, rows // _PILOT))).astype(int))
    if _again(same, own, starts, ends, pilot):
        _again(same, own, starts, ends, np.setdiff1d(np.arange(rows), pilot))
    else:
        lost = np.flatnonzero(~ends["converged"])
        _again(same, own, starts, ends, np.setdiff1d(lost, pilot))
    return ends


def _again(
    same: Any, own: Any, starts: np.ndarray, ends: dict[str, np.ndarray], rows: np.ndarray
) -> bool:
    """Search some rows from their other starts; whether a converged one improved."""
    improved = False
    for other in range(1, starts.shape[1] if len(rows) else 0):
        found = _search(same, _rows(own, rows), starts[rows, other])
        # A converged solution ranks before any other.
        old, new = _rank(_rows(ends, rows)), _rank(found)
        better = new < old - FLAT
        improved |= bool((better & ends["converged"][rows]).any())
        for name, values in found.items():
            ends[name][rows[better]] = values[better]
    return improved


def _rank(ends: dict[str, np.ndarray]) -> np.ndarray:
    value = np.where(np.isfinite(ends["value"]), ends["value"], np.inf)
    return np.where(ends["converged"], value, value + 1e3)


def _search(same: Any, own: Any, start: np.ndarray) -> dict[str, np.ndarray]:
    """Search every row from one start."""
    states = _in_chunks(_begin, same, own, (start,))
    waiting = np.arange(len(start))
    for _ in range(_ROUNDS):
        some, open_ = _rows((own, states), waiting)
        moved = _in_chunks(_advance, same, some, (open_,))
        for part, new in zip(states, moved, strict=True):
            part[waiting] = new
        waiting = waiting[~states.done[waiting]]
        if not len(waiting):
            break
    found: dict[str, np.ndarray] = _in_chunks(_end, same, own, (State(*states),))
    return found


def _in_chunks(function: Any, same: Any, own: Any, more: tuple[Any, ...]) -> Any:
    """Map a compiled function over searches, in batches of two sizes."""
    rows = len(own["amount"])
    size = _FEW if rows <= _FEW else _CHUNK

    def chunk(first: int) -> Any:
        # The last chunk is filled up with its own rows.
        chosen = np.resize(np.arange(first, min(first + size, rows)), size)
        some, rest = _rows((own, more), chosen)
        # JAX's precision is a setting of each thread; its cache, of the process.
        with jax.enable_x64(True):
            return jax.device_get(function(*same, some, *rest))

    # The first batch compiles.
    parts = [chunk(0)]
    if rows > size:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            parts += pool.map(chunk, range(size, rows, size))
    return jax.tree.map(lambda *pieces: np.concatenate(pieces)[:rows], *parts)


def _rows(tree: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(lambda part: part[rows], tree)


def _functions(
    structure: Structure, fixed: Any, amount: Any, limits: Any, raw: Any
) -> tuple[interior.Function, interior.Function]:
    """Objective and constraints of one search."""

    def objective(x: Any) -> Any:
        value = structure.form.predict(structure.columns(x, fixed, amount, jnp), raw, jnp)
        # Its logarithm, since tolerances are relative and laws are power laws. Where a law is not
        # positive it is undefined: with k < 0, zhao2025 is negative at a huge G and an N_a near
        # zero, and its optimum is the local minimum in between.
        return jnp.log(value) if structure.sense == "min" else -jnp.log(value)

    def caps(x: Any) -> Any:
        return structure.room(structure.columns(x, fixed, amount, jnp), amount, limits, jnp)

    return objective, caps


@partial(jax.jit, static_argnames="structure")
def _begin(structure: Structure, fixed: Any, low: Any, high: Any, own: Any, start: Any) -> Any:
    def one(own: Any, x: Any) -> State:
        _, caps = _functions(structure, fixed, own["amount"], own["limits"], own["raw"])
        return interior.begin(x, low, high, caps(x))

    return jax.vmap(one)(own, start)


@partial(jax.jit, static_argnames="structure")
def _advance(structure: Structure, fixed: Any, low: Any, high: Any, own: Any, state: Any) -> Any:
    def one(own: Any, state: State) -> State:
        objective, caps = _functions(structure, fixed, own["amount"], own["limits"], own["raw"])
        return interior.advance(objective, caps, low, high, state, _STEPS)

    return jax.vmap(one)(own, state)


@partial(jax.jit, static_argnames="structure")
def _end(structure: Structure, fixed: Any, low: Any, high: Any, own: Any, state: Any) -> Any:
    """Solution of a search, exactly on its active bounds."""

    def one(own: Any, state: State) -> dict[str, Any]:
        objective, caps = _functions(structure, fixed, own["amount"], own["limits"], own["raw"])
        # As the barrier vanishes, either a multiplier or its slack does (strict complementarity).
        width = high - low
        at_low = state.low * width > (state.x - low) / width
        at_high = state.high * width > (high - state.x) / width
        x = jnp.where(at_low, low, jnp.where(at_high, high, state.x))
        _, diagonal = interior.pivots(interior.curvature(objective, caps, low, high, state))
        upward = jnp.all(jnp.stack(diagonal) > 0)
        value = objective(x)
        return {
            "x": x,
            "at_low": at_low,
            "at_high": at_high,
            "at_cap": state.cap > caps(state.x),
            "value": value,
            "converged": state.done & upward & jnp.isfinite(value),
        }

    return jax.vmap(one)(own, state)


@partial(jax.jit, static_argnames="structure")
def _probe(
    structure: Structure, fixed: Any, low: Any, high: Any, own: Any, end: Any, middle: Any
) -> Any:
    """At each bound: whether the law is not positive, and whether it is as good as the optimum."""

    def one(own: Any, end: dict[str, Any], middle: Any) -> list[Any]:
        objective, caps = _functions(structure, fixed, own["amount"], own["limits"], own["raw"])

        def negative(i: Any, bound: Any) -> Any:
            columns = structure.columns(middle.at[i].set(bound), fixed, own["amount"], jnp)
            return ~(structure.form.predict(columns, own["raw"], jnp) > 0)

        def as_good(i: Any, bound: Any) -> Any:
            there = end["x"].at[i].set(bound)
            allowed = jnp.all(caps(there) >= -FLAT)
            return allowed & (objective(there) <= end["value"] + FLAT)

        each = jnp.arange(len(low))
        return [
            jax.vmap(probe)(each, bound) for probe in (negative, as_good) for bound in (low, high)
        ]

    return jax.vmap(one)(own, end, middle)
