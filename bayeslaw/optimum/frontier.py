"""``frontier``: the best configuration as the budget grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note, labelled
from bayeslaw.core.quantities import count, quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.optimum import optima
from bayeslaw.optimum.request import EfficiencyRules, Request
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Frontier(Displayed):
    """The best configuration as the budget grows.

    Attributes
    ----------
    flops : ndarray of shape (budgets,)
        What is spent.
    optima : tuple of Optimum
        One for each.
    largest_run_cost : float or None
        What the largest run cost: budgets beyond it are extrapolations.
    """

    _drawn = ("frontier",)
    _shown = ("median", "low", "high", "status", "published")

    flops: np.ndarray
    optima: tuple[Optimum, ...] = field(repr=False)
    largest_run_cost: float | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """Notes of all optima; one that differs in its figures, for the largest budget it is of."""
        found: dict[tuple[str, str], list[tuple[float, Note]]] = {}
        for amount, optimum in zip(self.flops, self.optima, strict=True):
            for note in optimum.notes:
                found.setdefault((note.code, note.about), []).append((amount, note))
        return tuple(_for_the_largest(alike, len(self.flops)) for alike in found.values())

    @property
    def caps(self) -> str:
        """The caps that all of them keep, as a text."""
        budget = self.optima[0].budget
        caps = [str(cap) for cap in budget.limits]
        if budget.inference_tokens is not None:
            caps.append(f"{budget.inference_tokens:g} tokens to be served")
        return ", ".join(caps) or "no caps"

    @property
    def summary(self) -> str:
        """The best configuration of the smallest and of the largest budget."""
        texts = [
            f"At {count(self.flops[i])} FLOPs: "
            + ", ".join(f"{n} = {count(q.median, 4)}" for n, q in self.optima[i].quantities.items())
            for i in (0, -1)
        ]
        return f"{len(self.flops)} budgets with {self.caps}. {'. '.join(texts)}."

    def to_frame(self) -> pd.DataFrame:
        """The frontier as a table.

        Returns
        -------
        pandas.DataFrame
            A row a budget and quantity: median, low, high, shares of draws by status, prior's
            interval, published.
        """
        import pandas as pd

        frames = [optimum.to_frame() for optimum in self.optima]
        return pd.concat(frames, keys=self.flops, names=["flops", "quantity"])

    def to_dict(self) -> dict[str, Any]:
        """The frontier as plain data.

        Returns
        -------
        dict
            ``caps`` and ``budgets``, each an optimum.
        """
        return {"caps": self.caps, "budgets": [optimum.to_dict() for optimum in self.optima]}


def _for_the_largest(alike: Sequence[tuple[float, Note]], budgets: int) -> Note:
    """The last of notes that are alike; with its budget unless all budgets have the same."""
    amount, note = alike[-1]
    if len(alike) == budgets and len({each for _, each in alike}) == 1:
        return note
    rest = len(alike) - 1
    others = f" (the like at {rest} smaller budget{'s' * (rest > 1)})" if rest else ""
    return labelled([note], f"at {count(amount)} FLOPs{others}")[0]


@public
def frontier(
    posterior: Posterior | Mixture,
    flops: Sequence[float | str] | np.ndarray | None = None,
    *,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    efficiency: EfficiencyRules | None = None,
    ci_prob: float = INTERVAL,
) -> Frontier:
    """Find the best configuration for many budgets at once.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or a mixture of several.
    flops : sequence of float, optional
        Training FLOPs, or lifetime FLOPs where the budget names inference tokens; a point each
        decade from 1e18 to 1e27 unless given.
    at, free, efficiency, ci_prob
        As for ``optimum``.
    budget : Budget, optional
        Caps that every point keeps.

    Returns
    -------
    Frontier
        One optimum for each.

    Raises
    ------
    RequestError
        As ``optimum`` does; if the budget sets an amount to spend already.
    """
    amounts: Any = np.geomspace(1e18, 1e27, 10) if flops is None else flops
    if isinstance(amounts, str) or not np.iterable(amounts):
        raise RequestError(
            f"flops = {amounts!r}", place="frontier", remedy="Give several: [1e21, 1e22]"
        )
    amounts = np.array([quantity(amount, "flops", place="frontier") for amount in amounts])
    request = Request.of("frontier", at, budget, free, efficiency=efficiency, ci_prob=ci_prob)
    request.refuse_amount("Give the amounts as flops")
    if not len(amounts):
        raise RequestError("no amounts", place="frontier, flops", remedy="Give one or more")
    requests = [request.spending(float(amount)) for amount in amounts]
    found = optima(posterior, requests)
    first = posterior.posteriors[0] if isinstance(posterior, Mixture) else posterior
    return Frontier(amounts, tuple(found), _largest_run_cost(first, requests[0]))


def _largest_run_cost(posterior: Posterior, request: Request) -> float | None:
    """What the largest run cost, if the runs have all that the cost reads."""
    cost = request.budget.price(posterior.law, request.at, place="frontier").expression
    runs, known = posterior.runs, set(posterior.runs.variables)
    # The runs served no tokens.
    fixed = {"inference_tokens": 0.0, **request.at}
    if cost.names - known - set(fixed):
        return None
    columns = {n: runs.column(n) if n in known else fixed[n] for n in cost.names}
    return float(np.max(cost(columns)))
