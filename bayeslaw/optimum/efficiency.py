"""Efficiency-aware rules: how few active parameters are enough.

The best number of active parameters says nothing of what they cost to run, and the loss around it
is flat. Zhao et al. (arXiv:2509.23678) report an "efficiency-aware" N_a/N far below the best one
(9% at 30B, 5% at 671B) without stating their rule. Slope and fraction, as set here, both reproduce
their figures and are inferred from them; the tolerance is a rule that means something by itself.
Which rule to follow is the reader's choice, and no interval holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.flatness import values_at
from bayeslaw.optimum.problem import Question

_HALVINGS, _STEP = 60, 1e-4
#: Said beside every answer of a rule.
CHOICE = (
    "which efficiency-aware rule to follow is a choice that is in none of these intervals; slope "
    "and fraction are inferred from the shares that arXiv:2509.23678 reports, which states no rule"
)


@dataclass(frozen=True)
class EfficiencyRules:
    """When fewer active parameters are enough.

    Attributes
    ----------
    tolerance : float or None
        Smallest N_a whose value is within so much of the best, in the unit of the prediction.
    slope : float or None
        N_a at which the prediction still falls by so much per unit of N_a/N (.40 nats reproduces
        the published 9% at 30B and 5% at 671B; inferred).
    fraction : float or None
        This share of the best N_a (.22 reproduces them too; inferred).
    compute : float or None
        Smallest N_a that loses no more than leaving out this share of the training tokens would.
    """

    tolerance: float | None = 0.01
    slope: float | None = 0.40
    fraction: float | None = 0.22
    compute: float | None = None

    def __post_init__(self) -> None:
        """Refuse rules that mean nothing."""
        for name in ("tolerance", "slope", "fraction", "compute"):
            value = getattr(self, name)
            if value is not None and not 0 < value < (np.inf if name in _ANY else 1):
                raise RequestError(
                    f"{name} = {value!r}",
                    place="EfficiencyRules",
                    remedy="Give a positive number"
                    + ("" if name in _ANY else ", a share below 1")
                    + ", or None to leave the rule out",
                )


_ANY = ("tolerance", "slope")


def efficient(
    question: Question,
    coefficients: Mapping[str, np.ndarray],
    x: np.ndarray,
    rules: EfficiencyRules,
) -> dict[str, np.ndarray]:
    """Active over total parameters by each rule.

    Other variables stay at each draw's optimum, and what follows from a budget follows.
    """
    problem = question.problem
    i = problem.free.index("N_a")
    raw = {name: values[:, None] for name, values in coefficients.items()}
    best, low = x[:, i], question.low[i]

    def value(log_active: np.ndarray, **changed: np.ndarray) -> np.ndarray:
        there = x.copy()
        there[:, i] = log_active
        if not changed:
            return values_at(question, raw, there[:, None, :])[:, 0]
        columns = problem.columns(there, question.fixed, question.budget, np)
        return np.asarray(problem.form.predict({**columns, **changed}, coefficients))

    with np.errstate(all="ignore"):
        columns = problem.columns(x, question.fixed, question.budget, np)
        total = np.broadcast_to(columns["N"], best.shape)
        least = value(best)

        def enough(most: np.ndarray) -> np.ndarray:
            """Least log N_a at which the value is at most so much, below the best."""
            return _bisected(low, best, lambda u: value(u) <= most)

        def steepness(u: np.ndarray) -> np.ndarray:
            rise = (value(u + _STEP) - value(u - _STEP)) / (2 * _STEP)
            return -rise * total / np.exp(u)

        found = {}
        if rules.tolerance is not None:
            found[f"within {rules.tolerance:g} of the best"] = enough(least + rules.tolerance)
        if rules.compute is not None:
            if "D" not in columns:
                raise RequestError(
                    "a share of training compute cannot be told: the law reads no tokens D",
                    place="optimum, rules",
                    remedy="Leave out EfficiencyRules(compute=...)",
                )
            fewer = value(best, D=columns["D"] * (1 - rules.compute))
            found[f"within {100 * rules.compute:g}% of compute"] = enough(fewer)
        if rules.slope is not None:
            slope = rules.slope
            found[f"slope {slope:g}"] = _bisected(low, best, lambda u: steepness(u) <= slope)
        if rules.fraction is not None:
            share = best + np.log(rules.fraction)
            # Where a cap forbids as few, the fewest that it allows.
            fewest = _bisected(share, best, lambda u: np.isfinite(value(u)))
            found[f"{rules.fraction:g} of the best"] = np.where(
                np.isfinite(value(share)), share, fewest
            )
        return {
            name: np.where(np.isfinite(best), np.exp(u) / total, np.nan)
            for name, u in found.items()
        }


def _bisected(
    low: float | np.ndarray, high: np.ndarray, holds: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Where a condition begins to hold that holds at the upper end."""
    lower, upper = np.full_like(high, 0.0) + low, high.copy()
    for _ in range(_HALVINGS):
        middle = 0.5 * (lower + upper)
        there = holds(middle)
        lower, upper = np.where(there, lower, middle), np.where(there, middle, upper)
    return upper
