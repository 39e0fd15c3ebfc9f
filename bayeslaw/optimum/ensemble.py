"""Optima under several laws at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.optimum import flatness as near
from bayeslaw.optimum.answer import STATUSES, Optimum, Quantity, ends, most
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.per_law import best
from bayeslaw.optimum.request import Asked
from bayeslaw.posterior.mixture import Mixture, mixture_draws, mixture_notes
from bayeslaw.posterior.posterior import Posterior


def best_of_all(
    mixture: Mixture, asked: Asked, amounts: Sequence[float] | None = None
) -> list[Optimum]:
    """Carry every law's draws to their optima, and put the answers together."""
    # Everything that any of them would choose is asked of all.
    laws = [posterior.law for posterior in mixture.posteriors]
    frees = [law.optimum.free if asked.free is None else asked.free for law in laws]
    every = dict.fromkeys(name for free in frees for name in free)
    wanted = [name for name in every if name not in asked.at]
    able = [
        posterior
        for posterior, free in zip(mixture.posteriors, frees, strict=True)
        if _for(posterior, asked, free, wanted)[0] is not None
    ]
    if amounts is not None or asked.budget.flops is not None:
        same_cost(able, asked.budget, place="optimum of a mixture")
    answers, said = [], []
    kept: list[tuple[Posterior, float]] = []
    for posterior, weight, free in zip(mixture.posteriors, mixture.weights, frees, strict=True):
        own, lacking = _for(posterior, asked, free, wanted)
        if lacking and mixture.on_missing == "error":
            raise RequestError(
                f"{posterior.law.name} has no variable {lacking[0]!r}",
                place="optimum of a mixture",
                remedy="Ask for what all laws have (free=), or drop that law: "
                "average_laws(..., on_missing='drop')",
            )
        if own is None:
            said.append(
                Note(
                    "abstains",
                    "warning",
                    f"{posterior.law.name} lacks {', '.join(lacking)} and abstains: the others' "
                    "weights stand for all",
                )
            )
            continue
        if lacking:
            said.append(
                Note(
                    "abstains",
                    "warning",
                    f"{posterior.law.name} lacks {', '.join(lacking)} and abstains from that",
                )
            )
        answers.append(best(posterior, own, amounts))
        kept.append((posterior, float(weight)))
    if not kept:
        raise RequestError(
            "no law of the mixture has what is asked for",
            place="optimum of a mixture",
            remedy="Name in free= what one of them has",
        )
    return [_merged(list(row), kept, mixture, said) for row in zip(*answers, strict=True)]


def same_cost(posteriors: Sequence[Posterior], budget: Budget, *, place: str) -> None:
    """Refuse laws that would spend one budget in different ways."""
    if budget.cost is not None:
        return
    stated = [one.law.cost for one in posteriors]
    formulas = list(dict.fromkeys("no cost" if c is None else c.formula for c in stated))
    if len(formulas) > 1:
        raise RequestError(
            f"the laws of the mixture spend {' and '.join(formulas)}",
            place=place,
            remedy="Say what a run costs for all of them: Budget(cost='6*N_a*D'), --cost",
        )


def _for(
    posterior: Posterior, asked: Asked, free: Sequence[str], wanted: Sequence[str]
) -> tuple[Asked | None, list[str]]:
    """The question as one law can be asked it, and what it lacks; None if it can say nothing."""
    variables = set(posterior.law.variables)
    capped = {name for cap in asked.budget.limits for name in cap.expression.names}
    named = dict.fromkeys([*asked.at, *wanted, *sorted(capped)])
    lacking = [name for name in named if name not in variables]
    if capped - variables or not set(wanted) & variables:
        return None, lacking
    at = {name: value for name, value in asked.at.items() if name in variables}
    own = tuple(name for name in free if name in variables and name not in at)
    return replace(asked, at=at, free=own), lacking


def _merged(
    answers: Sequence[Optimum],
    kept: Sequence[tuple[Posterior, float]],
    mixture: Mixture,
    said: Sequence[Note],
) -> Optimum:
    weights = np.array([weight for _, weight in kept])
    weights = weights / weights.sum()
    first, probability = answers[0], answers[0].probability
    values = mixture_draws([one.values for one in answers], weights)
    low, median, high = ends(values, probability)
    notes = [note for one in answers for note in one.notes]
    return Optimum(
        quantities=_all([one.quantities for one in answers], weights, probability),
        rules=_all([one.rules for one in answers], weights, probability),
        near={
            name: near.merged([parts[i] for i in who], own)
            for name, parts, who, own in _having([one.near for one in answers], weights)
        },
        binding={
            name: float(own @ [parts[i] for i in who])
            for name, parts, who, own in _having([one.binding for one in answers], weights)
        },
        beyond={
            name: max(parts[i] for i in who)
            for name, parts, who, _ in _having([one.beyond for one in answers], weights)
        },
        predicted=(median, low, high),
        predicts=first.predicts,
        at={name: value for one in reversed(answers) for name, value in one.at.items()},
        budget=first.budget,
        probability=probability,
        notes=mixture_notes(mixture.posteriors, mixture.weights, [*said, *notes]),
        values=values,
    )


def _having(
    maps: Sequence[Mapping[str, Any]], weights: np.ndarray
) -> Iterator[tuple[str, list[Any], list[int], np.ndarray]]:
    """Each name, its values by law, which laws have it, and their weights among themselves."""
    for name in dict.fromkeys(key for one in maps for key in one):
        who = [i for i, one in enumerate(maps) if name in one]
        own = weights[who] / weights[who].sum()
        yield name, [one.get(name) for one in maps], who, own


def _all(
    maps: Sequence[Mapping[str, Quantity]], weights: np.ndarray, probability: float
) -> dict[str, Quantity]:
    """Quantities of several laws as those of their mixture."""
    found = {}
    for name, parts, who, own in _having(maps, weights):
        some: list[Quantity] = [parts[i] for i in who]
        shares = {status: float(own @ [one.shares[status] for one in some]) for status in STATUSES}
        prior_only = own @ [one.status == "prior_only" for one in some]
        found[name] = Quantity.of(
            mixture_draws([one.draws for one in some], own),
            mixture_draws([one.prior_draws for one in some], own),
            shares=shares,
            status="prior_only" if prior_only > 0.5 else most(shares),
            # Each law has its own.
            published=None,
            probability=probability,
        )
    return found
