"""Carry draws of a law's coefficients to their optima."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bayeslaw.formula import Expression
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.search import Solution, minimise

# How many times beyond the reference run a search that does not converge is lost.
_LOST = 1e3

Draws = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class DrawOptima:
    """The optimum of every draw.

    ``x``, of shape (draws, free) in search coordinates, is infinite for draws that run away and NaN
    where nothing converged; ``status`` has one of ``STATUSES`` for each chosen variable and draw;
    ``active_caps`` are shares of draws in which a cap is reached.
    """

    x: np.ndarray
    columns: dict[str, np.ndarray]
    status: dict[str, np.ndarray]
    active_caps: dict[str, float]
    converged: np.ndarray

    def statuses(self, expression: Expression) -> list[np.ndarray]:
        """Statuses of the chosen variables that an expression reads."""
        return [self.status[name] for name in expression.names if name in self.status]

    def values(self, expression: Expression) -> np.ndarray:
        """An expression at every draw's optimum; NaN where a variable of it did not converge."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.array(np.broadcast_to(expression(self.columns), self.converged.shape))
        stuck = [status == "not_converged" for status in self.statuses(expression)]
        values[np.any(stuck, axis=0)] = np.nan
        return values


def optimise_draws(problem: Problem, draws: Draws) -> DrawOptima:
    """Find the best configuration under every draw of a law's raw coefficients."""
    return optimise_sets([problem], [draws])[0][0]


def optimise_sets(problems: Sequence[Problem], sets: Sequence[Draws]) -> list[list[DrawOptima]]:
    """Several sets of draws for several budgets, in one compiled search; by problem and set."""
    together = {name: np.concatenate([draws[name] for draws in sets]) for name in sets[0]}
    ends = np.cumsum([len(next(iter(draws.values()))) for draws in sets])
    rows = [slice(first, last) for first, last in zip([0, *ends[:-1]], ends, strict=True)]
    return [
        [_draw_optima(problem, solution.part(part)) for part in rows]
        for problem, solution in zip(problems, minimise(problems, together), strict=True)
    ]


def _draw_optima(problem: Problem, solution: Solution) -> DrawOptima:
    away_low, away_high = _away(problem, solution)
    # A draw that runs away has its optimum at infinity, or at zero on a logarithmic axis.
    x = np.where(away_low, -np.inf, np.where(away_high, np.inf, solution.x))
    with np.errstate(all="ignore"):
        columns = problem.columns(x)
    free, size = problem.structure.free, len(solution.x)
    reached = {
        **{cap: solution.at_high[:, free.index(n)] for n, cap in problem.bounded_by.items()},
        **{name: solution.at_cap[:, i] for i, name in enumerate(problem.names)},
    }
    lost = (away_low | away_high).any(axis=1)
    return DrawOptima(
        x=np.where((solution.converged | lost)[:, None], x, np.nan),
        columns={name: np.broadcast_to(values, (size,)) for name, values in columns.items()},
        status=_status(problem, solution, away_low | away_high),
        active_caps={name: float(np.mean(share)) for name, share in reached.items()},
        converged=solution.converged,
    )


def _away(problem: Problem, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Variables in which each draw is unbounded, downwards and upwards."""
    failed = ~solution.converged[:, None]
    at_low = solution.at_low | solution.as_good_low
    at_high = solution.at_high | solution.as_good_high
    # A search that ended nowhere, but far out, was on its way there.
    moved = solution.x - problem.starts[0]
    gone_low, gone_high = moved < -np.log(_LOST), moved > np.log(_LOST)
    low = np.where(failed, solution.negative_low | gone_low, at_low) & problem.far_low
    high = np.where(failed, solution.negative_high | gone_high, at_high) & problem.far_high
    return low, high


def _status(problem: Problem, solution: Solution, away: np.ndarray) -> dict[str, np.ndarray]:
    """For each chosen variable, the status of every draw."""
    structure, lost = problem.structure, away.any(axis=1)

    def graded(runs_away: np.ndarray, bound: np.ndarray) -> np.ndarray:
        status = np.where(runs_away, "none", np.where(bound, "at_bound", "interior"))
        return np.where(solution.converged | lost, status, "not_converged")

    found = {}
    for i, name in enumerate(structure.free):
        bound = solution.at_low[:, i] | solution.at_high[:, i]
        for j, cap in enumerate(structure.caps):
            if name in cap.names:
                bound = bound | solution.at_cap[:, j]
        found[name] = graded(away[:, i], bound)
    spent = structure.spent
    if spent is not None:
        # What follows from the others runs away with them, and is at a bound where one limits it.
        ends = int(np.isfinite(structure.spent_domain).sum())
        # Its own bounds are the last rows of ``room``.
        own = solution.at_cap[:, len(problem.names) - ends :]
        found[spent] = graded(lost, own.any(axis=1))
    return found
