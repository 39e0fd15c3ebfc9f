"""Minimise a law over draws and budgets, vectorised, by an interior point method."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.core.programs import compiled_for
from bayeslaw.optimum import interior
from bayeslaw.optimum.interior import FLAT, State
from bayeslaw.optimum.problem import Problem, Structure

# Searches in a call: one size, since every other is traced and compiled again. Of these, so many
# advance side by side, as long as the slowest of them.
_CHUNK, _TOGETHER = 512, 16
# Number of rows searched from every start, or one in so many if that is more.
_PILOT = 64
# Steps before converged searches are removed, while there are many, and steps at most.
_STEPS, _MOST_STEPS = 14, 140

#: What searches found, a row a search.
type Ends = dict[str, np.ndarray]


@dataclass(frozen=True)
class Solution:
    """Minimisers, draw by draw: arrays of shape (draws, free), (draws, caps) and (draws,).

    ``converged``: nothing improves to first order, and what is not at a bound curves upwards.
    ``negative``: the law is not positive at an end of the search, with the others at the first
    start: the likely cause if a search fails. ``as_good``: the law is no worse at such an end, with
    the others at the solution: a law that is flat in a variable has no optimum in it.
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
    search = _Search(first, own)
    with compiled():
        ends = _minima(search, starts)
    with np.errstate(all="ignore"):
        probes = search.probed(ends, starts[:, 0])
    names = ("x", "at_low", "at_high", "at_cap", "converged")
    solution = Solution(*(ends[name] for name in names), *probes)
    return [solution.part(slice(i * size, (i + 1) * size)) for i in range(len(problems))]


def _minima(search: _Search, starts: np.ndarray) -> Ends:
    """The best solution of every row.

    All rows are searched from the first start, and some of them from every start. If no other start
    improves these, the law is taken to have one local minimum, and only rows that did not converge
    are searched from further starts; otherwise all rows are searched from all starts.
    """
    rows = len(starts)
    ends = search.run(starts[:, 0])
    pilot = np.unique(np.linspace(0, rows - 1, min(rows, max(_PILOT, rows // _PILOT))).astype(int))
    if _again(search, starts, ends, pilot):
        _again(search, starts, ends, np.setdiff1d(np.arange(rows), pilot))
    else:
        lost = np.flatnonzero(~ends["converged"])
        _again(search, starts, ends, np.setdiff1d(lost, pilot))
    return ends


def _again(search: _Search, starts: np.ndarray, ends: Ends, rows: np.ndarray) -> bool:
    """Search some rows from their other starts; whether a converged one improved."""
    improved, others = False, starts.shape[1] - 1
    if not len(rows) or not others:
        return improved
    # Of all other starts at once: batches are filled up.
    every = search.of(np.tile(rows, others)).run(np.concatenate(starts[rows, 1:].swapaxes(0, 1)))
    for other in range(others):
        found = _rows(every, slice(other * len(rows), (other + 1) * len(rows)))
        # A converged solution ranks before any other.
        old, new = _rank(_rows(ends, rows)), _rank(found)
        better = new < old - FLAT
        improved |= bool((better & ends["converged"][rows]).any())
        for name, values in found.items():
            ends[name][rows[better]] = values[better]
    return improved


def _rank(ends: Ends) -> np.ndarray:
    value = np.where(np.isfinite(ends["value"]), ends["value"], np.inf)
    return np.where(ends["converged"], value, value + 1e3)


def _rows(tree: Any, rows: Any) -> Any:
    return jax.tree.map(lambda part: part[rows], tree)


@dataclass(frozen=True)
class _Search:
    """Many searches for one structure; ``own`` has the numbers of each, a row a search."""

    problem: Problem
    own: Mapping[str, Any]

    def of(self, rows: np.ndarray) -> _Search:
        """Some of the searches."""
        return replace(self, own=_rows(self.own, rows))

    def run(self, start: np.ndarray) -> Ends:
        """Search every row from one start."""
        low, high = self.problem.low, self.problem.high
        with np.errstate(all="ignore"):
            states = interior.begin(start.copy(), low, high, self.room(start))
        waiting, left = np.arange(len(start)), _MOST_STEPS
        while left and len(waiting):
            steps = _STEPS if len(waiting) > _CHUNK else left
            moved = self.of(waiting).advanced(_rows(states, waiting), steps)
            for part, new in zip(states, moved, strict=True):
                part[waiting] = new
            waiting, left = waiting[~states.done[waiting]], left - steps
        with np.errstate(all="ignore"):
            return self.ended(states)

    def advanced(self, states: State, steps: int) -> State:
        """Searches some steps further, in batches side by side."""
        problem, rows = self.problem, len(states.x)
        same = (problem.structure, problem.fixed, problem.low, problem.high)

        def chunk(first: int) -> State:
            # The last batch is filled up with finished searches.
            chosen = np.minimum(np.arange(first, first + _CHUNK), rows - 1)
            own, some = _rows((self.own, states), chosen)
            some.done[rows - first :] = True
            # JAX's precision is a setting of each thread; its cache, of the process.
            with jax.enable_x64(True):
                moved: State = jax.device_get(_advance(*same, own, some, steps))
            return moved

        # The first batch compiles.
        parts = [chunk(0)]
        if rows > _CHUNK:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                parts += pool.map(chunk, range(_CHUNK, rows, _CHUNK))
        return State(*(np.concatenate(pieces)[:rows] for pieces in zip(*parts, strict=True)))

    def ended(self, state: State) -> Ends:
        """Solutions of searches, exactly on their active bounds."""
        low, high = self.problem.low, self.problem.high
        # As the barrier vanishes, either a multiplier or its slack does (strict complementarity).
        width = high - low
        at_low = state.low * width > (state.x - low) / width
        at_high = state.high * width > (high - state.x) / width
        x = np.where(at_low, low, np.where(at_high, high, state.x))
        value = self.objective(x)
        return {
            "x": x,
            "at_low": at_low,
            "at_high": at_high,
            "at_cap": state.cap > self.room(state.x),
            "value": value,
            "converged": state.done & state.upward & np.isfinite(value),
        }

    def probed(self, ends: Ends, middle: np.ndarray) -> list[np.ndarray]:
        """Where the search has an end: whether the law is not positive, and whether as good."""
        problem = self.problem
        negative, as_good = np.zeros((2, 2, *middle.shape), bool)
        for side, (bound, far) in enumerate(
            ((problem.low, problem.far_low), (problem.high, problem.far_high))
        ):
            for i in np.flatnonzero(far):
                there, start = ends["x"].copy(), middle.copy()
                there[:, i] = start[:, i] = bound[i]
                negative[side, :, i] = ~(self.value(start) > 0)
                allowed = (self.room(there) >= -FLAT).all(axis=1)
                as_good[side, :, i] = allowed & (self.objective(there) <= ends["value"] + FLAT)
        return [*negative, *as_good]

    def value(self, x: np.ndarray) -> np.ndarray:
        """The law at a point of each search."""
        structure = self.problem.structure
        columns = structure.columns(x, self.problem.fixed, self.own["amount"], np)
        return np.asarray(structure.form.predict(columns, self.own["raw"]))

    def objective(self, x: np.ndarray) -> np.ndarray:
        """What is minimised, at a point of each search."""
        logs = np.log(self.value(x))
        return logs if self.problem.structure.sense == "min" else -logs

    def room(self, x: np.ndarray) -> np.ndarray:
        """How far inside each limit each search is, of shape (searches, limits)."""
        structure, amount = self.problem.structure, self.own["amount"]
        columns = structure.columns(x, self.problem.fixed, amount, np)
        return np.asarray(structure.room(columns, amount, self.own["limits"].T, np).T)


@compiled_for("structure")
def _advance(
    structure: Structure, fixed: Any, low: Any, high: Any, own: Any, state: State, steps: Any
) -> State:
    def one(own: Any, state: State) -> State:
        def columns(x: Any) -> Any:
            return structure.columns(x, fixed, own["amount"], jnp)

        def objective(x: Any) -> Any:
            value = structure.form.predict(columns(x), own["raw"], jnp)
            # Its logarithm, since tolerances are relative and laws are power laws. Where a law is
            # not positive it is undefined: with k < 0, zhao2025 is negative at a huge G and an N_a
            # near zero, and its optimum is the local minimum in between.
            return jnp.log(value) if structure.sense == "min" else -jnp.log(value)

        def caps(x: Any) -> Any:
            return structure.room(columns(x), own["amount"], own["limits"], jnp)

        return interior.advance(objective, caps, low, high, state, steps)

    def split(part: Any) -> Any:
        return part.reshape(_CHUNK // _TOGETHER, _TOGETHER, *part.shape[1:])

    moved = jax.lax.map(lambda some: jax.vmap(one)(*some), jax.tree.map(split, (own, state)))
    together: State = jax.tree.map(lambda part: part.reshape(_CHUNK, *part.shape[2:]), moved)
    return together
