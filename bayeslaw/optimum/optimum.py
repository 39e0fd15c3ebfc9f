"""``optimum`` and ``frontier``: the best configuration under one budget, or under many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.optimum.answer import Optimum
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.efficiency import EfficiencyRules
from bayeslaw.optimum.ensemble import best_of_all
from bayeslaw.optimum.flatness import WITHIN
from bayeslaw.optimum.per_law import best
from bayeslaw.optimum.request import Asked, budget_of
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd


def optimum(
    posterior: Posterior | Mixture,
    *,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    within: float = WITHIN,
    rules: EfficiencyRules | None = None,
    ci_prob: float = INTERVAL,
) -> Optimum:
    """Find the best configuration, draw by draw.

    Best is where the law's value is least, or largest where the card says that more of it is
    better. A variable is fixed by ``at``, freed by the card or by ``free``, and freed by the budget
    if its cost formula or one of its caps mentions it. Anything else is held at the reference run,
    and a note says so.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or several that answer like one.
    at : mapping, optional
        Fixed canonical variables, raw counts.
    budget : Budget, optional
        FLOPs to be spent, and caps.
    free : iterable of str, optional
        Variables to search over instead of the card's.
    within : float
        Regret, in the unit of the prediction, below which a value of a variable is near-optimal.
    rules : EfficiencyRules, optional
        When fewer active parameters are enough.
    ci_prob : float
        Probability of the equal-tailed intervals, and of near-optimality.

    Returns
    -------
    Optimum
        Medians, intervals and shares of draws at bounds, without optimum or not converged; N_a/N by
        the efficiency-aware rules; near-optimal values.

    Raises
    ------
    RequestError
        If the question contradicts itself, or a law falls for ever along a free variable for most
        draws.
    """
    asked = Asked.of(at, budget, free, within, rules, ci_prob)
    if asked.budget.inference_tokens is not None and asked.budget.lifetime_flops is None:
        raise RequestError(
            "inference_tokens without lifetime_flops",
            place="optimum, budget",
            remedy="Give what training and inference may take together, or ask cheapest()",
        )
    if asked.budget.cost is not None and asked.budget.flops is None:
        raise RequestError(
            f"cost = {asked.budget.cost!r}, but nothing is spent",
            place="optimum, budget",
            remedy="Give train_flops too, or ask cheapest()",
        )
    return _answers(posterior, asked, None)[0]


def _answers(
    posterior: Posterior | Mixture, asked: Asked, amounts: Sequence[float] | None
) -> list[Optimum]:
    if isinstance(posterior, Mixture):
        return best_of_all(posterior, asked, amounts)
    return best(posterior, asked, amounts)


@dataclass(frozen=True)
class Frontier:
    """The best configuration as the budget grows.

    Attributes
    ----------
    flops : ndarray of shape (budgets,)
        What is spent.
    answers : tuple of Optimum
        One for each.
    largest : float or None
        What the largest run cost: budgets beyond it are extrapolations.
    """

    flops: np.ndarray
    answers: tuple[Optimum, ...] = field(repr=False)
    largest: float | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """Notes of all answers; those that differ only in their figures, once for the largest."""
        last = {
            (note.code, note.message.split(" ")[0]): note
            for one in self.answers
            for note in one.notes
        }
        return tuple(last.values())

    @property
    def rule(self) -> str:
        """The caps that all of them keep, in words."""
        budget = self.answers[0].budget
        said = [str(cap) for cap in budget.limits]
        if budget.inference_tokens is not None:
            said.append(f"{budget.inference_tokens:g} tokens to be served")
        return ", ".join(said) or "no caps"

    def to_frame(self) -> pd.DataFrame:
        """The frontier as a table.

        Returns
        -------
        pandas.DataFrame
            A row a budget and quantity: median, low, high, shares of draws by status, prior's
            interval, published.
        """
        import pandas as pd

        parts = [
            one.to_frame().assign(flops=spent)
            for spent, one in zip(self.flops, self.answers, strict=True)
        ]
        table = pd.concat(parts).rename_axis("quantity").reset_index()
        return table.set_index(["flops", "quantity"])

    def to_dict(self) -> dict[str, Any]:
        """The frontier as plain data.

        Returns
        -------
        dict
            ``rule`` and ``budgets``, each an answer.
        """
        return {"rule": self.rule, "budgets": [one.to_dict() for one in self.answers]}


def frontier(
    posterior: Posterior | Mixture,
    flops: Sequence[float] | np.ndarray | None = None,
    *,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    rules: EfficiencyRules | None = None,
    ci_prob: float = INTERVAL,
) -> Frontier:
    """Find the best configuration for many budgets at once.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or several that answer like one.
    flops : sequence of float, optional
        Training FLOPs, or lifetime FLOPs where the budget names inference tokens; a point each
        decade from 1e18 to 1e27 unless given.
    at, free, rules, ci_prob
        As in ``optimum``.
    budget : Budget, optional
        Caps that every point keeps.

    Returns
    -------
    Frontier
        One optimum for each.

    Raises
    ------
    RequestError
        As ``optimum`` does; if the budget says what to spend already.
    """
    given: Any = np.geomspace(1e18, 1e27, 10) if flops is None else flops
    if isinstance(given, str) or not np.iterable(given):
        raise RequestError(
            f"flops = {given!r}", place="frontier", remedy="Give several: [1e21, 1e22]"
        )
    amounts = np.array([real(one, "flops", place="frontier") for one in given])
    budget = budget_of(budget, place="frontier")
    if budget.flops is not None:
        raise RequestError(
            f"{budget.spends} = {budget.flops:g} and a range of it at once",
            place="frontier, budget",
            remedy="Give the amounts as flops",
        )
    if not len(amounts):
        raise RequestError("no amounts", place="frontier, flops", remedy="Give one or more")
    # The first stands for the kind of budget.
    first = budget.spending(float(amounts[0]))
    asked = Asked.of(at, first, free, WITHIN, rules, ci_prob)
    answers = _answers(posterior, asked, [float(one) for one in amounts])
    parts = posterior.posteriors if isinstance(posterior, Mixture) else (posterior,)
    return Frontier(amounts, tuple(answers), _largest(parts[0], first, asked.at))


def _largest(posterior: Posterior, budget: Budget, at: Mapping[str, float]) -> float | None:
    """What the largest run cost, if the runs can tell."""
    cost = budget.price(posterior.law, at, place="frontier").expression
    known = set(posterior.runs.variables)
    # What will be served was not served by the runs.
    given = {"inference_tokens": 0.0, **at}
    if cost.names - known - set(given):
        return None
    columns = {n: posterior.runs.column(n) if n in known else given[n] for n in cost.names}
    return float(np.max(cost(columns)))
