"""``cheapest``: the least that reaches a target, with a stated confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.optimum.answer import ends
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.confident import EXACT, Search
from bayeslaw.optimum.ensemble import same_cost
from bayeslaw.optimum.problem import Question
from bayeslaw.optimum.request import budget_of, numbers_of
from bayeslaw.posterior.mixture import Mixture, mixture_notes
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import NEARBY, extrapolation_factor, extrapolation_text


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
    ci_prob: float = INTERVAL,
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
    ci_prob : float
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
    budget = budget_of(budget, place="cheapest")
    at = numbers_of(at, place="cheapest, at")
    if budget.flops is not None:
        raise RequestError(
            f"{budget.spends} = {budget.flops:g}, and the cheapest is asked for",
            place="cheapest, budget",
            remedy="Leave it out, or ask optimum() what it buys",
        )
    parts, weights, said = _parts(posterior, at, free)
    same_cost(parts, budget, place="cheapest")
    search = Search(parts, weights, at, budget, None if free is None else list(free))
    with compiled():
        end = search.run(np.log(target), confidence)
        even = end if confidence == 0.5 else search.run(np.log(target), 0.5)
        value = search.values(end)
    low, median, high = ends(value, ci_prob)
    configuration = end.columns
    notes = [*said, *_notes(end.question, parts, configuration)]
    own = mixture_notes(parts, weights) if isinstance(posterior, Mixture) else posterior.notes
    return Cheapest(
        configuration=configuration,
        cost=end.cost,
        even=even.cost,
        target=float(target),
        confidence=float(confidence),
        reached=float(np.mean(value <= target * (1 + EXACT))),
        predicted=(median, low, high),
        predicts=parts[0].law.predicts,
        chosen=end.question.variables,
        budget=budget,
        probability=ci_prob,
        notes=tuple(dict.fromkeys([*own, *notes])),
        values=value,
    )


def _check(target: float, confidence: float) -> None:
    target = real(target, "target", place="cheapest")
    confidence = real(confidence, "confidence", place="cheapest")
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
        if lacking and posterior.on_missing == "error":
            raise RequestError(
                f"{one.law.name} has no variable {lacking[0]!r}",
                place="cheapest of a mixture",
                remedy="Leave it out, or drop that law: average_laws(..., on_missing='drop')",
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
        times, names = extrapolation_factor(part.runs, place)
        if times[0] > NEARBY:
            found.append(
                Note(
                    "extrapolation",
                    "warning",
                    f"the configuration {extrapolation_text(names[0], times[0])}: "
                    "cost and confidence hold only if the law does",
                    "Compare what other laws say there; rolling_origin says how such answers fared",
                )
            )
    return found
