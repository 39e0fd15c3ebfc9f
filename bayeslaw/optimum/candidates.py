"""Configurations as one law sees them: all of its variables, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.formula import Expression
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.pose import spent_variable
from bayeslaw.optimum.problem import bought
from bayeslaw.posterior.mixture import mixture_draws
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import read_runs

if TYPE_CHECKING:
    import pandas as pd

# Draws times configurations that are held at once.
_CELLS = 100_000_000
# Shares of the training tokens at which the first configuration is asked what it loses.
_SHARES = np.geomspace(1e-3, 1.0, 241)


@dataclass(frozen=True)
class Panel:
    """Configurations as one law sees them.

    Attributes
    ----------
    posterior : Posterior
        The law's.
    columns : pandas.DataFrame
        What was given, and what was filled in.
    wanted : dict of str to ndarray of shape (configurations,)
        The law's variables.
    held : tuple of str
        Variables that stand at the reference run because nothing was said of them.
    priced : str or None
        The variable that follows from what is spent.
    paid : Expression or None
        What a configuration costs, where the law can tell.
    legal : ndarray of bool of shape (configurations,)
        Which keep the budget's caps.
    """

    posterior: Posterior
    columns: pd.DataFrame
    wanted: dict[str, np.ndarray]
    held: tuple[str, ...]
    priced: str | None
    paid: Expression | None
    legal: np.ndarray

    @classmethod
    def of(
        cls, posterior: Posterior, given: pd.DataFrame, at: Mapping[str, float], budget: Budget
    ) -> Panel:
        """Fill in what the configurations leave open."""
        law = posterior.law
        _check_names(posterior, given, at, budget)
        columns = given.assign(**at)
        if budget.inference_tokens is not None:
            columns["inference_tokens"] = float(budget.inference_tokens)
        unsaid = [name for name in law.variables if name not in columns]
        priced, cost = None, None
        if budget.flops is not None:
            cost = budget.price(law, columns, place="decide")
            open_ = [name for name in unsaid if name in cost.expression.names]
            priced = spent_variable(cost, open_, budget.spends, place="decide")
            unsaid.remove(priced)
        elif budget.cost is not None or (
            law.cost is not None and not law.cost.expression.names - set(law.variables)
        ):
            cost = budget.price(law, columns, place="decide")
        for name in unsaid:
            columns[name] = posterior.reference.at[name]
        if priced is not None and cost is not None and budget.flops is not None:
            paid = cost.expression
            values = {name: columns[name].to_numpy(dtype=float) for name in paid.names - {priced}}
            left = np.broadcast_to(bought(paid, values, priced, budget.flops), len(columns))
            if not (left > 0).all():
                label = columns.index[int(np.argmin(left))]
                raise RequestError(
                    f"{budget.flops:g} FLOPs leave no {priced} for the configuration {label}",
                    place=f"decide, {budget.spends}",
                    remedy="Give more, or leave that configuration out",
                )
            columns[priced] = _at_most(left, priced, columns, budget)
        wanted = read_runs(columns).columns(law.variables)
        legal = np.ones(len(columns), bool)
        for cap in budget.limits:
            lacking = sorted(cap.expression.names - set(columns))
            if lacking:
                raise RequestError(
                    f"neither {law.name} nor the configurations know {lacking[0]!r}, which {cap} "
                    "limits",
                    place="decide, budget",
                    remedy=f"Leave out {cap.name}, or give a column {lacking[0]}",
                )
            named = {name: columns[name].to_numpy(dtype=float) for name in cap.expression.names}
            legal &= cap.expression(named) <= cap.limit * (1 + 1e-9)
        return cls(
            posterior=posterior,
            columns=columns,
            wanted=wanted,
            held=tuple(unsaid),
            priced=priced,
            paid=None if cost is None else cost.expression,
            legal=legal,
        )

    def part(self, rows: np.ndarray) -> Panel:
        """Some of the configurations."""
        return replace(
            self,
            columns=self.columns[rows],
            wanted={name: values[rows] for name, values in self.wanted.items()},
            legal=self.legal[rows],
        )


def regret_flops(
    panels: Sequence[Panel], weights: np.ndarray, expected: np.ndarray, first: int
) -> np.ndarray | None:
    """What each configuration's regret is worth in training FLOPs.

    The first configuration, trained on fewer tokens, becomes as bad in expectation as another one:
    what that would save is what choosing the other one wastes.
    """
    if any(panel.paid is None or "D" not in panel.wanted for panel in panels):
        return None
    if panels[0].posterior.law.optimum.sense != "min":
        return None
    values = []
    for panel in panels:
        one = {
            name: np.repeat(column[first], len(_SHARES)) for name, column in panel.wanted.items()
        }
        one["D"] = one["D"] * _SHARES
        values.append(panel.posterior.evaluate(one))
    # From many tokens to few the loss rises.
    means = mixture_draws(values, weights).mean(axis=0)[::-1]
    share = np.exp(np.interp(expected, means, np.log(_SHARES[::-1])))
    panel = panels[0]
    if panel.paid is None or not (np.diff(means) > 0).all():
        return None
    row = panel.columns.iloc[first]
    at = {name: float(row[name]) for name in panel.paid.names}
    full = panel.paid(at)
    return np.asarray(full - panel.paid({**at, "D": at.get("D", 0.0) * share}))


def _at_most(left: np.ndarray, priced: str, columns: pd.DataFrame, budget: Budget) -> np.ndarray:
    """What is bought, or what the caps allow of it: the rest of the budget is left unspent."""
    for cap in budget.limits:
        if priced not in cap.expression.names or cap.expression.names - set(columns) - {priced}:
            continue
        others = {
            name: columns[name].to_numpy(dtype=float) for name in cap.expression.names - {priced}
        }
        zero, one, two = (cap.expression({**others, priced: np.float64(v)}) for v in (0, 1, 2))
        if np.allclose(np.subtract(two, one), np.subtract(one, zero)) and np.all(one > zero):
            left = np.minimum(left, bought(cap.expression, others, priced, cap.limit))
    return left


def _check_names(
    posterior: Posterior, given: pd.DataFrame, at: Mapping[str, float], budget: Budget
) -> None:
    law = posterior.law
    if not len(given):
        raise RequestError("no configurations", place="decide", remedy="Give one a row")
    if len(given) * posterior.stats["diverging"].size > _CELLS:
        raise RequestError(
            f"{len(given)} configurations are too many to be compared at once",
            place="decide",
            remedy=f"Give at most {_CELLS // posterior.stats['diverging'].size}",
        )
    if not set(law.variables) & set(given.columns):
        raise RequestError(
            f"the configurations give no variable of {law.name}",
            place="decide",
            remedy=f"They may give {', '.join(law.variables)}",
        )
    priced = set() if law.cost is None else set(law.cost.expression.names)
    for name in at:
        if name in given.columns:
            raise RequestError(
                f"{name} is fixed and a column of the configurations at once",
                place="decide",
                remedy=f"Leave {name} out of at=, or out of the table",
            )
        if name not in law.variables and (budget.flops is None or name not in priced):
            remedy = nearest(name, law.variables)
            raise RequestError(
                f"{law.name} has no variable {name!r}", place="decide, at", remedy=remedy
            )
    vocabulary.check_values(at, place="decide, at", typical=posterior.reference.at)
