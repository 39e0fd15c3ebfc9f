"""``cheapest``: the least that reaches a target, with a stated confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from bayeslaw.compilation import compiled
from bayeslaw.diagnostics import NEARBY, beyond
from bayeslaw.errors import RequestError
from bayeslaw.intervals import INTERVAL
from bayeslaw.law import Form
from bayeslaw.mixture import Mixture, blended, joined
from bayeslaw.notes import Note
from bayeslaw.optimum import interior
from bayeslaw.optimum.answer import ends
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.interior import BARRIER
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem, Question
from bayeslaw.posterior import Posterior

# Width of the kernel that smooths the quantile, in standard deviations of the draws, and what that
# deviation is taken to be before anything is known of it.
_SMOOTH, _SPREAD = 0.2, 0.01
# The log value of what no law predicts.
_NOWHERE = 50.0
# Of the log of the cost.
_EXACT = 1e-7
# Of the log of the quantile.
_GAP = 1e-7
_STEPS = 60
# Draws that a configuration is searched with; all of them say whether it reaches the target.
_DRAWS = 1000
# How much more than the reference run a configuration may cost, as a factor.
_FAR = 1e12


@dataclass(frozen=True)
class Cheapest:
    """The cheapest configuration that reaches a target.

    Attributes
    ----------
    configuration : dict of str to float
        Its variables, those that were fixed or held among them.
    cost : float
        What it costs, in the unit of the cost.
    even : float
        What the cheapest would cost that reaches the target in half of the draws: the rest of
        ``cost`` buys confidence.
    target, confidence : float
        What was asked.
    reached : float
        Share of draws in which the configuration reaches the target.
    predicted : tuple of float
        Median, low and high of the law's value there.
    predicts : str
        What the law predicts.
    chosen : tuple of str
        Variables that were searched over.
    budget : Budget
        The caps.
    probability : float
        Probability of the interval.
    notes : tuple of Note
        The posterior's, and the answer's own.
    values : ndarray of shape (draws,)
        The law's value there, for every draw.
    """

    configuration: dict[str, float]
    cost: float
    even: float
    target: float
    confidence: float
    reached: float
    predicted: tuple[float, float, float]
    predicts: str
    chosen: tuple[str, ...]
    budget: Budget
    probability: float
    notes: tuple[Note, ...] = field(repr=False)
    values: np.ndarray = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data.

        Returns
        -------
        dict
            All fields, draws left out.
        """
        names = ("median", "low", "high")
        predicted = dict(zip(names, self.predicted, strict=True))
        same = ("configuration", "cost", "even", "target", "confidence", "reached")
        return {
            **{name: getattr(self, name) for name in same},
            "predicted": {"of": self.predicts, **predicted},
            "chosen": list(self.chosen),
            "budget": self.budget.to_dict(),
            "interval": self.probability,
            "notes": [note.to_dict() for note in self.notes],
        }


def cheapest(
    posterior: Posterior | Mixture,
    target: float,
    *,
    confidence: float = 0.9,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    interval_probability: float = INTERVAL,
) -> Cheapest:
    """Find the cheapest configuration that reaches a target with a stated probability.

    One configuration is chosen for all draws: what it costs is least among those of which so many
    draws of the law's value are at most the target.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or several that answer like one.
    target : float
        The law's value that is to be reached, in its unit.
    confidence : float
        With what probability.
    at : mapping, optional
        Fixed canonical variables, raw counts.
    budget : Budget, optional
        Caps; ``inference_tokens`` to count serving, and ``cost`` for a cost of one's own.
    free : iterable of str, optional
        Variables to search over besides those that cost something, instead of the card's.
    interval_probability : float
        Probability of the interval on the law's value.

    Returns
    -------
    Cheapest
        The configuration, its cost, and what confidence costs.

    Raises
    ------
    RequestError
        If the target cannot be reached with that probability, or the question contradicts itself.
    """
    _check(target, confidence)
    budget = budget or Budget()
    if budget.flops is not None:
        raise RequestError(
            f"{budget.spends} = {budget.flops:g}, and the cheapest is asked for",
            place="cheapest, budget",
            remedy="Leave it out, or ask optimum() what it buys",
        )
    parts, weights, said = _parts(posterior, at or {}, free)
    search = _Search(parts, weights, dict(at or {}), budget, None if free is None else list(free))
    with compiled():
        end = search.run(np.log(target), confidence)
        even = end if confidence == 0.5 else search.run(np.log(target), 0.5)
        value = search.values(end)
    low, median, high = ends(value, interval_probability)
    configuration = end.columns
    notes = [*said, *_notes(end.question, parts, configuration)]
    own = joined(parts, weights) if isinstance(posterior, Mixture) else posterior.notes
    return Cheapest(
        configuration=configuration,
        cost=end.cost,
        even=even.cost,
        target=float(target),
        confidence=float(confidence),
        reached=float(np.mean(value <= target * (1 + _EXACT))),
        predicted=(median, low, high),
        predicts=parts[0].law.predicts,
        chosen=end.question.variables,
        budget=budget,
        probability=interval_probability,
        notes=tuple(dict.fromkeys([*own, *notes])),
        values=value,
    )


def _check(target: float, confidence: float) -> None:
    if not (np.isfinite(target) and target > 0):
        raise RequestError(
            f"target = {target!r}", place="cheapest", remedy="Give a positive number"
        )
    if not 0 < confidence < 1:
        raise RequestError(
            f"confidence = {confidence!r}",
            place="cheapest",
            remedy="Give a probability between 0 and 1",
        )


def _parts(
    posterior: Posterior | Mixture, at: Mapping[str, float], free: Iterable[str] | None
) -> tuple[list[Posterior], np.ndarray, list[Note]]:
    """The posteriors that know all that is asked for, the one with most variables first."""
    if isinstance(posterior, Posterior):
        if posterior.law.optimum.sense != "min":
            raise RequestError(
                f"of {posterior.law.predicts} more is better",
                place="cheapest",
                remedy="Ask of a law whose value is to be small",
            )
        return [posterior], np.ones(1), []
    every = sorted(posterior.posteriors, key=lambda one: -len(one.law.variables))
    weight = dict(zip(map(id, posterior.posteriors), posterior.weights, strict=True))
    asked = [*at, *(every[0].law.optimum.free if free is None else free)]
    kept, notes = [], []
    for one in every:
        lacking = [name for name in asked if name not in one.law.variables]
        if lacking and not posterior.abstain:
            raise RequestError(
                f"{one.law.name} has no variable {lacking[0]!r}",
                place="cheapest of a mixture",
                remedy="Leave it out, or let that law abstain: mix(abstain=True)",
            )
        if lacking:
            said = f"{one.law.name} lacks {', '.join(lacking)} and abstains"
            notes.append(Note("abstains", "warning", said))
        else:
            kept.append(one)
    if not kept:
        raise RequestError(
            "no law of the mixture has what is asked for",
            place="cheapest of a mixture",
            remedy="Name in free= what one of them has",
        )
    weights = np.array([weight[id(one)] for one in kept])
    return kept, weights / weights.sum(), notes


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
class _End:
    """The best configuration at one budget."""

    question: Question
    x: np.ndarray
    cost: float

    @property
    def columns(self) -> dict[str, float]:
        """Its variables."""
        question = self.question
        found = question.problem.columns(self.x, question.fixed, question.budget, np)
        return {name: float(value) for name, value in found.items() if name != "inference_tokens"}


class _Search:
    """The least budget at which a quantile over draws reaches a target."""

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

    def lowest(self, log_cost: float, confidence: float) -> _End:
        """The configuration whose quantile is least, at one budget."""
        first = self.parts[0]
        question = pose(
            first.law,
            first.reference,
            at=self.at,
            budget=self.budget.spending(float(np.exp(log_cost))),
            free=self.free,
        )
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
            numbers = numbers._replace(width=_SMOOTH * float(spread))
            x, done, spread = _lowest(shape, numbers, question.starts[0])
        self.width = max(_SMOOTH * float(spread), 1e-7)
        if not done:
            raise RequestError(
                f"the search for the best configuration at {question.budget:.4g} did not converge",
                place="cheapest",
                remedy="Fix a variable with at=, or ask optimum() at several budgets",
            )
        x = np.asarray(x)
        columns = problem.columns(x, question.fixed, question.budget, np)
        return _End(question, x, float(self.cost(columns)))

    def values(self, end: _End) -> np.ndarray:
        """Values at a configuration for all draws, each law in proportion to its weight."""
        found = []
        for part in self.parts:
            place = {**part.reference.at, **end.columns}
            columns = {name: np.array([place[name]]) for name in part.law.variables}
            found.append(part.evaluate(columns)[:, 0])
        value = blended(found, self.weights)
        return np.where(value > 0, value, np.inf)

    def run(self, target: float, confidence: float) -> _End:
        """The least budget, by its logarithm."""
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
        return self.lowest(float(brentq(above, low, high, xtol=_EXACT)), confidence)


def _notes(
    question: Question, parts: list[Posterior], configuration: Mapping[str, float]
) -> list[Note]:
    found = []
    if question.held:
        said = ", ".join(f"{name} = {question.fixed[name]:.4g}" for name in question.held)
        found.append(
            Note(
                "held_at_reference",
                "info",
                f"{said}: held at the reference run, since nothing was said of it",
                "Fix it with at= or --at if the answer depends on it",
            )
        )
    for part in parts:
        place = {n: np.array([configuration[n]]) for n in part.law.variables if n in configuration}
        times, names = beyond(part.runs, place)
        if times[0] > NEARBY:
            found.append(
                Note(
                    "extrapolation",
                    "warning",
                    f"the configuration lies {times[0]:.3g} times beyond the runs in {names[0]}: "
                    "cost and confidence hold only if the law does",
                    "Compare what other laws say there",
                )
            )
    return found
