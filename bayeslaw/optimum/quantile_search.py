"""The lowest budget at which one configuration reaches a target with a given probability.

At every budget, an interior point search minimises the quantile over draws; root finding (Brent)
determines the budget. A search with the target as a constraint would converge slowly along a curved
boundary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from bayeslaw.core.errors import RequestError
from bayeslaw.core.programs import compiled_for
from bayeslaw.formula import Expression
from bayeslaw.law import Form
from bayeslaw.optimum import interior
from bayeslaw.optimum.members import Members
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem, Structure
from bayeslaw.optimum.request import Request
from bayeslaw.posterior.mixture import mixture_draws

# Width of the kernel that smooths the quantile, in standard deviations of the draws, and an initial
# guess of theirs.
_SMOOTH, _SPREAD = 0.2, 0.01
# Smallest width: identical draws would have a quantile without curvature.
_NARROW = 1e-4
# Log value where a law predicts nothing.
_NOWHERE = 50.0
# Of the log of the cost.
EXACT = 1e-7
# Of the log of the quantile.
_GAP = 1e-7
_STEPS = 60
# Draws of the search; the target has to be reached over all draws.
_DRAWS = 1000
# Largest cost of a configuration, as a factor of the reference run's.
_FAR = 1e12


class _Shape(NamedTuple):
    """Static arguments of compiled code; hashable."""

    structure: Structure
    forms: tuple[Form, ...]


class _Numbers(NamedTuple):
    """The numbers of a search."""

    #: For each law its fixed variables and its coefficients, and the weight of every draw.
    fixed: tuple[dict[str, float], ...]
    raw: tuple[dict[str, np.ndarray], ...]
    each: np.ndarray
    amount: float
    limits: np.ndarray
    low: np.ndarray
    high: np.ndarray
    probability: float
    width: float


def _logs(shape: _Shape, numbers: _Numbers, x: Any) -> Any:
    """Log values at a point, for every draw of every law."""
    parts = []
    for form, fixed, raw in zip(shape.forms, numbers.fixed, numbers.raw, strict=True):
        value = form.predict(shape.structure.columns(x, fixed, numbers.amount, jnp), raw, jnp)
        # Without a prediction, the target is not reached.
        parts.append(jnp.where(value > 0, jnp.log(jnp.where(value > 0, value, 1.0)), _NOWHERE))
    return jnp.concatenate(parts)


def _quantile(shape: _Shape, numbers: _Numbers, x: Any) -> Any:
    """A quantile of the log value over draws, smoothed so that it has derivatives."""
    values, each = _logs(shape, numbers, x), jnp.asarray(numbers.each)
    still = jax.lax.stop_gradient(values)
    order = jnp.argsort(still)
    summed = jnp.cumsum(each[order])
    first = still[order][jnp.searchsorted(summed, numbers.probability)]
    # A constant width: its gradient is not computed.
    width = numbers.width

    def newton(t: Any) -> Any:
        far = (t - values) / width
        density = each @ jnp.exp(-0.5 * far**2) / (width * np.sqrt(2 * np.pi))
        return t - jnp.clip((each @ ndtr(far) - numbers.probability) / density, -width, width)

    root = jax.lax.fori_loop(0, 8, lambda _, t: newton(t), first)
    # Two Newton steps from the root propagate the first two derivatives.
    return newton(newton(jax.lax.stop_gradient(root)))


@compiled_for("shape")
def _lowest(shape: _Shape, numbers: _Numbers, start: Any) -> Any:
    """Minimiser of the quantile at a budget, whether it converged, and the sd of the draws."""
    structure, low, high = shape.structure, numbers.low, numbers.high

    def caps(x: Any) -> Any:
        columns = structure.columns(x, numbers.fixed[0], numbers.amount, jnp)
        return structure.room(columns, numbers.amount, numbers.limits, jnp)

    state = interior.begin(start, low, high, caps(start))
    quantile = partial(_quantile, shape, numbers)
    state = interior.advance(quantile, caps, low, high, state, _STEPS)
    logs, each = _logs(shape, numbers, state.x), jnp.asarray(numbers.each)
    spread = jnp.sqrt(each @ (logs - each @ logs) ** 2)
    # The barrier bounds how much lower the quantile could be.
    return state.x, state.done | (state.barrier < _GAP), spread


@dataclass(frozen=True)
class Minimum:
    """The best configuration at one budget, in search coordinates.

    It costs the budget unless a cap leaves some of it.
    """

    problem: Problem
    x: np.ndarray
    cost: float

    @classmethod
    def of(cls, problem: Problem, x: np.ndarray, cost: Expression) -> Minimum:
        """A point of the search, priced."""
        return cls(problem, x, float(cost(problem.columns(x))))

    @property
    def configuration(self) -> dict[str, float]:
        """Its variables."""
        columns = self.problem.columns(self.x)
        return {name: float(value) for name, value in columns.items() if name != "inference_tokens"}


class QuantileSearch:
    """Search for the lowest budget at which a quantile over draws reaches a target.

    The first of the members is the law with most variables.
    """

    def __init__(self, members: Members, request: Request) -> None:
        self.members, self.request = members, request
        every = [posterior.coefficients() for posterior in members.posteriors]
        sizes = [len(next(iter(draws.values()))) for draws in every]
        rows = [np.linspace(0, size - 1, min(size, _DRAWS)).astype(int) for size in sizes]
        self.raw = tuple(
            {name: values[chosen] for name, values in draws.items()}
            for draws, chosen in zip(every, rows, strict=True)
        )
        self.each = np.concatenate(
            [np.full(len(own), w / len(own)) for own, w in zip(rows, members.weights, strict=True)]
        )
        first, budget = members.posteriors[0], request.budget
        self.cost = budget.price(first.law, request.at, place="cheapest").expression
        served = {"inference_tokens": budget.inference_tokens or 0.0}
        self.typical = float(self.cost({**served, **first.reference.at, **request.at}))
        self.width: float | None = None

    def lowest(self, log_cost: float, probability: float) -> Minimum:
        """The configuration that minimises the quantile at one budget."""
        posteriors = self.members.posteriors
        request = self.request.spending(float(np.exp(log_cost)))
        problem = pose(posteriors[0].law, posteriors[0].reference, request, may_follow=True)
        if not problem.structure.free:
            # Only the budget is free.
            return Minimum.of(problem, np.empty(0), self.cost)
        fixed = [{**posterior.reference.at, **problem.fixed} for posterior in posteriors]
        numbers = _Numbers(
            fixed=tuple(
                {n: v for n, v in values.items() if n not in problem.variables} for values in fixed
            ),
            raw=self.raw,
            each=self.each,
            amount=problem.amount,
            limits=problem.limits,
            low=problem.low,
            high=problem.high,
            probability=probability,
            width=self.width or _SMOOTH * _SPREAD,
        )
        shape = _Shape(problem.structure, tuple(p.law.form for p in posteriors))
        x, done, spread = _lowest(shape, numbers, problem.starts[0])
        if self.width is None:
            # Repeat with the sd of the draws at the first solution.
            numbers = numbers._replace(width=max(_SMOOTH * float(spread), _NARROW))
            x, done, spread = _lowest(shape, numbers, problem.starts[0])
        self.width = max(_SMOOTH * float(spread), _NARROW)
        if not done:
            raise RequestError(
                f"the search for the best configuration at {problem.amount:.4g} did not converge",
                place="cheapest",
                remedy="Fix a variable with at=, or run optimum() at several budgets",
            )
        return Minimum.of(problem, np.asarray(x), self.cost)

    def values(self, minimum: Minimum) -> np.ndarray:
        """Values at a configuration for all draws, each law in proportion to its weight."""
        parts = []
        for posterior in self.members.posteriors:
            place = {**posterior.reference.at, **minimum.configuration}
            columns = {name: np.array([place[name]]) for name in posterior.law.variables}
            parts.append(posterior.evaluate(columns)[:, 0])
        value = mixture_draws(parts, self.members.weights)
        return np.where(value > 0, value, np.inf)

    def run(self, target: float, probability: float) -> Minimum:
        """The cheapest configuration; the target is a logarithm."""
        from scipy.optimize import brentq

        def above(log_cost: float) -> float:
            """The exact quantile less the target."""
            values = np.sort(self.values(self.lowest(log_cost, probability)))
            return float(np.log(values[int(np.ceil(probability * len(values))) - 1]) - target)

        most = float(np.log(self.typical) + np.log(_FAR))
        missed = above(most)
        if missed > 0:
            raise RequestError(
                f"no configuration reaches {np.exp(target):.5g} with probability {probability:g}: "
                f"within the limits, at a cost of {np.exp(most):.2g}, the lowest is "
                f"{np.exp(target + missed):.5g}",
                place="cheapest, target",
                remedy="Raise the target, lower the probability, or loosen a cap",
            )
        low, high = most, most
        while missed <= 0:
            high, low = low, low - np.log(100.0)
            if low < most - 2 * np.log(_FAR):
                raise RequestError(
                    f"{np.exp(target):.5g} is reached at almost no cost",
                    place="cheapest, target",
                    remedy="Check its unit, or lower the target",
                )
            missed = above(low)
        return self.lowest(float(brentq(above, low, high, xtol=EXACT)), probability)
