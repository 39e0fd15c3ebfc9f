"""Efficiency-aware rules: how few active parameters are enough.

The best number of active parameters says nothing of what they cost to run, and the loss around it
is flat. Zhao et al. (arXiv:2509.23678) report an "efficiency-aware" N_a/N far below the best one
(9% at 30B, 5% at 671B) without stating their rule. Slope and fraction, as set here, both reproduce
their figures and are inferred from them; the tolerance is a rule that means something by itself.
Which rule to follow is the reader's choice; no interval contains it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.flatness import values_at
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.roots import crossings

_STEP = 1e-4


def efficient(
    problem: Problem, draws: Mapping[str, np.ndarray], x: np.ndarray, request: Request
) -> dict[str, np.ndarray]:
    """Active over total parameters by each rule.

    Other variables stay at each draw's optimum, and what follows from a budget follows.
    """
    rules, i = request.efficiency, problem.structure.free.index("N_a")
    best, low = x[:, i], np.full(len(x), problem.low[i])
    everyone = np.arange(len(x))
    with np.errstate(all="ignore"):
        columns = {n: np.broadcast_to(v, best.shape) for n, v in problem.columns(x).items()}
    total = columns["N"]

    def value(log_active: np.ndarray, rows: np.ndarray = everyone) -> np.ndarray:
        own, some = columns, draws
        if len(rows) < len(x):
            own, some = ({n: v[rows] for n, v in part.items()} for part in (columns, draws))
        return values_at(problem, some, problem.moved(own, i, log_active))

    def steepness(u: np.ndarray, rows: np.ndarray) -> np.ndarray:
        rise = (value(u + _STEP, rows) - value(u - _STEP, rows)) / (2 * _STEP)
        return np.asarray(-rise * total[rows] / np.exp(u))

    def enough(most: np.ndarray) -> np.ndarray:
        """Least log N_a at which the value is at most so much, below the best."""
        return crossings(lambda u, rows: value(u, rows) - most[rows], low, best)

    with np.errstate(all="ignore"):
        least = value(best)
        logs = {}
        if (tolerance := rules.efficiency_tolerance) is not None:
            logs[f"within {tolerance:g} of the best"] = enough(least + tolerance)
        if (share := rules.compute_share) is not None:
            if "D" not in columns:
                raise RequestError(
                    f"compute_share = {share:g} removes tokens, and the law reads no tokens D",
                    place=f"{request.place}, efficiency",
                    remedy="Leave out EfficiencyRules(compute_share=...)",
                )
            fewer = problem.structure.form.predict(
                {**columns, "D": columns["D"] * (1 - share)}, draws
            )
            logs[f"within {100 * share:g}% of compute"] = enough(np.asarray(fewer))
        if (slope := rules.slope) is not None:
            logs[f"slope {slope:g}"] = crossings(
                lambda u, rows: steepness(u, rows) - slope, low, best
            )
        if (fraction := rules.fraction) is not None:
            fewest = best + np.log(fraction)
            # Where a cap forbids as few, the fewest that it allows.
            allowed = np.isfinite(value(fewest))
            if not allowed.all():
                forbidden = crossings(
                    lambda u, rows: np.where(np.isfinite(value(u, rows)), -1.0, 1.0), fewest, best
                )
                fewest = np.where(allowed, fewest, forbidden)
            logs[f"{fraction:g} of the best"] = fewest
        return {
            name: np.where(np.isfinite(best), np.exp(u) / total, np.nan) for name, u in logs.items()
        }
