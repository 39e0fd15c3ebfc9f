"""The least budget at which one configuration reaches a target in enough of the draws.

At every budget the configuration whose quantile over draws is least is found by an interior point
search; the budget itself by bisection. Eliminating the target instead would leave a search that
creeps along a curved limit.
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
from bayeslaw.law import Form
from bayeslaw.optimum import interior
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.interior import BARRIER
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem, Question
from bayeslaw.posterior.mixture import mixture_draws
from bayeslaw.posterior.posterior import Posterior

# Width of the kernel that smooths the quantile, in standard deviations of the draws, and what that
# deviation is taken to be before anything is known of it.
_SMOOTH, _SPREAD = 0.2, 0.01
# Draws may all be alike, but a quantile has to bend.
_NARROW = 1e-4
# The log value of what no law predicts.
_NOWHERE = 50.0
# Of the log of the cost.
EXACT = 1e-7
# Of the log of the quantile.
_GAP = 1e-7
_STEPS = 60
# Draws that a configuration is searched with; all of them say whether it reaches the target.
_DRAWS = 1000
# How much more than the reference run a configuration may cost, as a factor.
_FAR = 1e12


class _Shape(NamedTuple):
    """What compiled code depends on; hashable."""

    problem: Problem
    forms: tuple[Form, ...]


class _Numbers(NamedTuple):
    """The numbers of a search."""

    #: For each law its fixed variables and its coefficients, and the weight of every draw.
    fixed: tuple[dict[str, float], ...]
    raw: tuple[dict[str, np.ndarray], ...]
    each: np.ndarray
    budget: float
    limits: np.ndarray
    low: np.ndarray
    high: np.ndarray
    probability: float
    width: float


def _logs(shape: _Shape, numbers: _Numbers, x: Any) -> Any:
    """Log values at a point, for every draw of every law."""
    parts = []
    for form, fixed, raw in zip(shape.forms, numbers.fixed, numbers.raw, strict=True):
        value = form.predict(shape.problem.columns(x, fixed, numbers.budget, jnp), raw, jnp)
        # Where a law predicts nothing it reaches nothing.
        parts.append(jnp.where(value > 0, jnp.log(jnp.where(value > 0, value, 1.0)), _NOWHERE))
    return jnp.concatenate(parts)


def _quantile(shape: _Shape, numbers: _Numbers, x: Any) -> Any:
    """A quantile of the log value over draws, smoothed so that it has derivatives."""
    values, each = _logs(shape, numbers, x), jnp.asarray(numbers.each)
    still = jax.lax.stop_gradient(values)
    order = jnp.argsort(still)
    summed = jnp.cumsum(each[order])
    first = still[order][jnp.searchsorted(summed, numbers.probability)]
    # The same width everywhere: a slope that left its change out would lead nowhere.
    width = numbers.width

    def newton(t: Any) -> Any:
        far = (t - values) / width
        density = each @ jnp.exp(-0.5 * far**2) / (width * np.sqrt(2 * np.pi))
        return t - jnp.clip((each @ ndtr(far) - numbers.probability) / density, -width, width)

    root = jax.lax.fori_loop(0, 8, lambda _, t: newton(t), first)
    # Two steps from the root carry the first two derivatives through.
    return newton(newton(jax.lax.stop_gradient(root)))


@partial(jax.jit, static_argnames="shape")
def _lowest(shape: _Shape, numbers: _Numbers, start: Any) -> Any:
    """Where the quantile is least at a budget, whether the search got there, and draws' spread."""
    problem, low, high = shape.problem, numbers.low, numbers.high

    def caps(x: Any) -> Any:
        columns = problem.columns(x, numbers.fixed[0], numbers.budget, jnp)
        return problem.room(columns, numbers.budget, numbers.limits, jnp)

    state = interior.State(
        start,
        BARRIER / (start - low),
        BARRIER / (high - start),
        BARRIER / caps(start),
        jnp.asarray(BARRIER),
        jnp.asarray(False),
    )
    quantile = partial(_quantile, shape, numbers)
    state = interior.advance(quantile, caps, low, high, state, _STEPS)
    logs, each = _logs(shape, numbers, state.x), jnp.asarray(numbers.each)
    spread = jnp.sqrt(each @ (logs - each @ logs) ** 2)
    # The barrier bounds how much lower the quantile could be.
    return state.x, state.done | (state.barrier < _GAP), spread


@dataclass(frozen=True)
class End:
    """The best configuration at one budget.

    Attributes
    ----------
    question : Question
        What was asked at that budget.
    x : ndarray of shape (free,)
        Search coordinates.
    cost : float
        What it costs, which is the budget unless a cap leaves some of it.
    """

    question: Question
    x: np.ndarray
    cost: float

    @property
    def columns(self) -> dict[str, float]:
        """Its variables."""
        question = self.question
        found = question.problem.columns(self.x, question.fixed, question.budget, np)
        return {name: float(value) for name, value in found.items() if name != "inference_tokens"}


class Search:
    """The least budget at which a quantile over draws reaches a target.

    Parameters
    ----------
    parts : list of Posterior
        Laws, the one with most variables first.
    weights : ndarray of shape (laws,)
        They sum to one.
    at : dict of str to float
        Fixed variables.
    budget : Budget
        Caps, and what is counted as cost.
    free : list of str or None
        Variables to search over instead of the card's.
    """

    def __init__(
        self,
        parts: list[Posterior],
        weights: np.ndarray,
        at: dict[str, float],
        budget: Budget,
        free: list[str] | None,
    ) -> None:
        self.parts, self.weights, self.at = parts, weights, at
        self.budget, self.free = budget, free
        all_draws = [part.coefficients() for part in parts]
        sizes = [len(next(iter(draws.values()))) for draws in all_draws]
        rows = [np.linspace(0, size - 1, min(size, _DRAWS)).astype(int) for size in sizes]
        self.raw = tuple(
            {name: values[chosen] for name, values in draws.items()}
            for draws, chosen in zip(all_draws, rows, strict=True)
        )
        each = [np.full(len(own), w / len(own)) for own, w in zip(rows, weights, strict=True)]
        self.each = np.concatenate(each)
        law, reference = parts[0].law, parts[0].reference
        self.cost = budget.price(law, at, place="cheapest").expression
        known = {"inference_tokens": budget.inference_tokens or 0.0, **reference.at, **at}
        self.typical = float(self.cost(known))
        self.width: float | None = None

    def lowest(self, log_cost: float, confidence: float) -> End:
        """The configuration whose quantile is least, at one budget."""
        first = self.parts[0]
        question = pose(
            first.law,
            first.reference,
            at=self.at,
            budget=self.budget.spending(float(np.exp(log_cost))),
            free=self.free,
            settled=True,
        )
        if not question.problem.free:
            # All is said but how much is spent.
            nothing = np.empty(0)
            columns = question.problem.columns(nothing, question.fixed, question.budget, np)
            return End(question, nothing, float(self.cost(columns)))
        fixed = ({**part.reference.at, **question.fixed} for part in self.parts)
        problem = question.problem
        numbers = _Numbers(
            fixed=tuple(
                {n: v for n, v in one.items() if n not in question.variables} for one in fixed
            ),
            raw=self.raw,
            each=self.each,
            budget=question.budget,
            limits=question.limits,
            low=question.low,
            high=question.high,
            probability=confidence,
            width=self.width or _SMOOTH * _SPREAD,
        )
        shape = _Shape(problem, tuple(part.law.form for part in self.parts))
        x, done, spread = _lowest(shape, numbers, question.starts[0])
        if self.width is None:
            # How far draws lie apart is known once a good configuration is.
            numbers = numbers._replace(width=max(_SMOOTH * float(spread), _NARROW))
            x, done, spread = _lowest(shape, numbers, question.starts[0])
        self.width = max(_SMOOTH * float(spread), _NARROW)
        if not done:
            raise RequestError(
                f"the search for the best configuration at {question.budget:.4g} did not converge",
                place="cheapest",
                remedy="Fix a variable with at=, or ask optimum() at several budgets",
            )
        x = np.asarray(x)
        columns = problem.columns(x, question.fixed, question.budget, np)
        return End(question, x, float(self.cost(columns)))

    def values(self, end: End) -> np.ndarray:
        """Values at a configuration for all draws, each law in proportion to its weight."""
        found = []
        for part in self.parts:
            place = {**part.reference.at, **end.columns}
            columns = {name: np.array([place[name]]) for name in part.law.variables}
            found.append(part.evaluate(columns)[:, 0])
        value = mixture_draws(found, self.weights)
        return np.where(value > 0, value, np.inf)

    def run(self, target: float, confidence: float) -> End:
        """The cheapest configuration."""
        from scipy.optimize import brentq

        def above(log_cost: float) -> float:
            """By how much the quantile itself, not smoothed, misses the target."""
            values = np.sort(self.values(self.lowest(log_cost, confidence)))
            return float(np.log(values[int(np.ceil(confidence * len(values))) - 1]) - target)

        most = float(np.log(self.typical) + np.log(_FAR))
        missed = above(most)
        if missed > 0:
            raise RequestError(
                f"no configuration reaches {np.exp(target):.5g} with probability {confidence:g}: "
                f"within the limits, and for {np.exp(most):.2g}, the lowest is "
                f"{np.exp(target + missed):.5g}",
                place="cheapest, target",
                remedy="Ask for more, for less confidence, or loosen a cap",
            )
        low, high = most, most
        while missed <= 0:
            high, low = low, low - np.log(100.0)
            if low < most - 2 * np.log(_FAR):
                raise RequestError(
                    f"{np.exp(target):.5g} is reached for next to nothing",
                    place="cheapest, target",
                    remedy="Check its unit, or ask for less",
                )
            missed = above(low)
        return self.lowest(float(brentq(above, low, high, xtol=EXACT)), confidence)
