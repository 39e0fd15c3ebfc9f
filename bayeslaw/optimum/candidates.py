"""Configurations to be ranked, as one law reads them: all of its variables, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.formula import Expression
from bayeslaw.optimum.budget import Budget, affordable, spent_variable
from bayeslaw.optimum.members import Members
from bayeslaw.optimum.request import Request
from bayeslaw.posterior.evaluation import evaluate_with_error
from bayeslaw.posterior.mixture import mixture_draws
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs, read_runs
from bayeslaw.runs.read import configurations

if TYPE_CHECKING:
    import pandas as pd

# Columns of the answer, which no column of the configurations may be called like.
_ANSWER = {
    *("median", "low", "high", "expected", "regret", "regret_flops", "p_best", "p_near_optimal"),
    *("near_optimal", "efficient", "extrapolation_factor", "variable"),
}
# Draws times configurations that are held at once.
_CELLS = 100_000_000
# Shares of the training tokens at which the first configuration's loss is evaluated.
_SHARES = np.geomspace(1e-3, 1.0, 241)


@dataclass(frozen=True)
class Candidates:
    """Configurations as one law reads them, completed.

    ``columns`` are the law's variables, of shape (configurations,). Variables that nothing names
    are ``held`` at the reference run, ``spent`` follows from the budget, and ``legal`` says which
    configurations keep the budget's caps.
    """

    posterior: Posterior
    table: pd.DataFrame
    columns: dict[str, np.ndarray]
    held: tuple[str, ...]
    spent: str | None
    cost: Expression | None
    legal: np.ndarray

    @classmethod
    def of(cls, posterior: Posterior, table: pd.DataFrame, request: Request) -> Candidates:
        """Complete the configurations: fixed variables, the reference run, what is bought."""
        law, budget = posterior.law, request.budget
        _check_names(posterior, table, request)
        table = table.assign(**request.at)
        if budget.inference_tokens is not None:
            table["inference_tokens"] = float(budget.inference_tokens)
        missing = [name for name in law.variables if name not in table]
        spent, cost = None, None
        readable = law.cost is not None and law.cost.expression.names <= set(law.variables)
        if budget.flops is not None or budget.cost is not None or readable:
            cost = budget.price(law, table, place="decide")
        if budget.flops is not None and cost is not None:
            open_ = [name for name in missing if name in cost.expression.names]
            spent = spent_variable(cost, open_, budget.spends, place="decide")
            missing.remove(spent)
        for name in missing:
            table[name] = posterior.reference.at[name]
        expression = None if cost is None else cost.expression
        if spent is not None and expression is not None:
            table[spent] = _bought(table, expression, spent, budget)
        return cls(
            posterior=posterior,
            table=table,
            columns=read_runs(table).columns(law.variables),
            held=tuple(missing),
            spent=spent,
            cost=expression,
            legal=_legal(table, budget, law.name),
        )

    def part(self, rows: np.ndarray) -> Candidates:
        """Some of the configurations."""
        return replace(
            self,
            table=self.table[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            legal=self.legal[rows],
        )

    def underspent(self, amount: float | None) -> int:
        """How many configurations leave some of an amount unspent."""
        if self.cost is None or amount is None:
            return 0
        price = np.broadcast_to(self.cost(_numbers(self.table, self.cost.names)), len(self.table))
        return int(np.sum(price < amount * (1 - 1e-9)))


def read_candidates(candidates: Runs | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """The configurations as a table, if its columns can stand beside the answer's."""
    import pandas as pd

    place = "decide, candidates"
    if not isinstance(candidates, Runs | pd.DataFrame | Mapping):
        raise RequestError(
            f"a {type(candidates).__name__} where configurations belong",
            place=place,
            remedy="Give a table, or a mapping of columns",
        )
    table = configurations(candidates)
    taken = [name for name in table.columns if name in _ANSWER]
    if taken:
        raise RequestError(
            f"a column {taken[0]!r} would be overwritten by the answer's",
            place=place,
            remedy="Rename it",
        )
    if "cost" in table.columns:
        cost = pd.to_numeric(table["cost"], errors="coerce").to_numpy(dtype=float)
        if not np.isfinite(cost).all():
            row = int(np.argmin(np.isfinite(cost)))
            raise RequestError(
                f"cost = {table['cost'].iloc[row]} in row {table.index[row]}",
                place=place,
                remedy="Give numbers, or rename the column",
            )
        table = table.assign(cost=cost)
    return table


def regret_flops(
    members: Members, candidates: Sequence[Candidates], expected: np.ndarray, first: int
) -> np.ndarray | None:
    """What each configuration's regret is worth in training FLOPs.

    The first configuration, trained on fewer tokens, becomes as bad in expectation as another one:
    what that would save is what choosing the other one wastes.
    """
    own = candidates[0]
    if own.posterior.law.optimum.sense != "min" or own.cost is None:
        return None
    if any(part.cost is None or "D" not in part.columns for part in candidates):
        return None
    values = []
    for part in candidates:
        fewer = {name: np.repeat(v[first], len(_SHARES)) for name, v in part.columns.items()}
        fewer["D"] = fewer["D"] * _SHARES
        values.append(evaluate_with_error(part.posterior.model, fewer))
    # From many tokens to few the loss rises.
    means = mixture_draws(values, members.weights).mean(axis=0)[::-1]
    if not (np.diff(means) > 0).all():
        return None
    share = np.exp(np.interp(expected, means, np.log(_SHARES[::-1])))
    row = own.table.iloc[first]
    at = {name: float(row[name]) for name in own.cost.names}
    return np.asarray(own.cost(at) - own.cost({**at, "D": at.get("D", 0.0) * share}))


def _numbers(table: pd.DataFrame, names: frozenset[str]) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy(dtype=float) for name in names}


def _bought(table: pd.DataFrame, cost: Expression, name: str, budget: Budget) -> np.ndarray:
    """What is bought, or what the caps allow of it: the rest of the budget is left unspent."""
    others = _numbers(table, cost.names - {name})
    left = np.broadcast_to(affordable(cost, others, name, budget.flops), len(table))
    if not (left > 0).all():
        label = table.index[int(np.argmin(left))]
        raise RequestError(
            f"{budget.flops:g} FLOPs leave no {name} for the configuration {label}",
            place=f"decide, {budget.spends}",
            remedy="Give more, or leave that configuration out",
        )
    for cap in budget.limits:
        expression = cap.expression
        if name not in expression.names or expression.names - set(table) - {name}:
            continue
        others = _numbers(table, expression.names - {name})
        zero, one, two = (expression({**others, name: np.float64(v)}) for v in (0, 1, 2))
        if np.allclose(np.subtract(two, one), np.subtract(one, zero)) and np.all(one > zero):
            left = np.minimum(left, affordable(expression, others, name, cap.limit))
    return left


def _legal(table: pd.DataFrame, budget: Budget, law: str) -> np.ndarray:
    """Which configurations keep the budget's caps."""
    legal = np.ones(len(table), bool)
    for cap in budget.limits:
        if lacking := sorted(cap.expression.names - set(table)):
            raise RequestError(
                f"neither {law} nor the configurations have {lacking[0]!r}, which {cap} limits",
                place="decide, budget",
                remedy=f"Leave out {cap.name}, or give a column {lacking[0]}",
            )
        legal &= cap.expression(_numbers(table, cap.expression.names)) <= cap.limit * (1 + 1e-9)
    return legal


def _check_names(posterior: Posterior, table: pd.DataFrame, request: Request) -> None:
    law, draws = posterior.law, posterior.stats["diverging"].size
    if not len(table):
        raise RequestError("no configurations", place="decide", remedy="Give one a row")
    if len(table) * draws > _CELLS:
        raise RequestError(
            f"{len(table)} configurations are too many to be compared at once",
            place="decide",
            remedy=f"Give at most {_CELLS // draws}",
        )
    if not set(law.variables) & set(table.columns):
        raise RequestError(
            f"the configurations give no variable of {law.name}",
            place="decide",
            remedy=f"They may give {', '.join(law.variables)}",
        )
    priced = frozenset[str]() if law.cost is None else law.cost.expression.names
    for name in request.at:
        if name in table.columns:
            raise RequestError(
                f"{name} is fixed and a column of the configurations at once",
                place="decide",
                remedy=f"Leave {name} out of at=, or out of the table",
            )
        if request.budget.flops is None or name not in priced:
            unknown = f"{law.name} has no variable {{!r}}"
            check_names([name], law.variables, unknown, place="decide, at")
    vocabulary.check_values(request.at, place="decide, at", typical=posterior.reference.at)
