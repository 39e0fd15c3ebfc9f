"""What is fixed, what is free and what follows: a question about an optimum, made definite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw import vocabulary
from bayeslaw.cost import Cost
from bayeslaw.errors import RequestError, nearest
from bayeslaw.formula import Expression
from bayeslaw.law import Form, Law
from bayeslaw.optimum.budget import Budget
from bayeslaw.runs import Reference

#: A variable without a bound is followed this many times beyond its reference value; an optimum
#: out there is none.
FAR = 1e12


@dataclass(frozen=True)
class Problem:
    """The part of a question that compiled code depends on; hashable.

    Attributes
    ----------
    form : Form
        The law.
    free : tuple of str
        Canonical variables that are searched over.
    logarithmic : tuple of bool
        For each of them, whether it is searched on its logarithm.
    spent : str or None
        The variable that follows from the others because the budget is spent.
    cost : Expression or None
        What is spent, over canonical variables.
    sense : {"min", "max"}
        Whether less or more of the predicted quantity is better.
    """

    form: Form
    free: tuple[str, ...]
    logarithmic: tuple[bool, ...]
    spent: str | None = None
    cost: Expression | None = None
    sense: str = "min"

    def columns(
        self, x: Any, fixed: Mapping[str, Any], budget: Any, xp: ModuleType
    ) -> dict[str, Any]:
        """Canonical variables at a point of the search.

        Parameters
        ----------
        x : array of shape (..., free)
            Search coordinates.
        fixed : mapping
            Variables that are not free.
        budget : float
            What is spent; unused without ``spent``.
        xp : module
            ``numpy`` or ``jax.numpy``.

        Returns
        -------
        dict
            A value of shape (...) for every variable.
        """
        columns = dict(fixed)
        for i, (name, logarithmic) in enumerate(zip(self.free, self.logarithmic, strict=True)):
            columns[name] = xp.exp(x[..., i]) if logarithmic else x[..., i]
        if self.spent is not None and self.cost is not None:
            # The cost is affine in what follows from it.
            nothing = self.cost({**columns, self.spent: 0.0}, xp)
            one = self.cost({**columns, self.spent: 1.0}, xp)
            columns[self.spent] = (budget - nothing) / (one - nothing)
        return columns


@dataclass(frozen=True)
class Question:
    """A problem with its numbers.

    Attributes
    ----------
    problem : Problem
        Its structure.
    fixed : dict of str to float
        Variables that are given or held at the reference run.
    held : tuple of str
        Those of them that are held there because nothing was said of them.
    budget : float
        Training FLOPs, or 0.
    low, high : ndarray of shape (free,)
        Bounds in search coordinates.
    far_low, far_high : ndarray of bool of shape (free,)
        Whether a bound is only as far as the search goes.
    starts : ndarray of shape (starts, free)
        Where the search starts.
    """

    problem: Problem
    fixed: dict[str, float]
    held: tuple[str, ...]
    budget: float
    low: np.ndarray
    high: np.ndarray
    far_low: np.ndarray
    far_high: np.ndarray
    starts: np.ndarray

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Variables that the answer chooses: the free ones, and what follows from the budget."""
        spent = self.problem.spent
        return self.problem.free if spent is None else (*self.problem.free, spent)


def pose(
    law: Law,
    reference: Reference,
    *,
    at: Mapping[str, float],
    budget: Budget,
    free: Iterable[str] | None,
) -> Question:
    """Decide what is fixed, free and spent.

    Parameters
    ----------
    law : Law
        The law.
    reference : Reference
        Where variables that nothing is said of are held.
    at : mapping
        Fixed variables.
    budget : Budget
        Constraints; it frees the variables of the cost formula that are not fixed.
    free : iterable of str or None
        Free variables; those of the card unless given.

    Returns
    -------
    Question
        Ready to be solved.

    Raises
    ------
    RequestError
        If a variable is unknown, both fixed and free, or outside its domain, or if the question has
        no bounded answer.
    """
    cost = None if budget.train_flops is None else payable(law, at, place="optimum, train_flops")
    priced = frozenset[str]() if cost is None else cost.expression.names
    for name in at:
        if name not in priced:
            _known(law, name, "at")
    at = {name: float(value) for name, value in at.items()}
    vocabulary.check_values(at, place="optimum, at", typical=reference.at)
    if free is not None:
        free = list(free)
        for name in free:
            _known(law, name, "free")
            if name in at:
                raise RequestError(
                    f"{name} is fixed at {at[name]:g} and free at once",
                    place="optimum",
                    remedy=f"Leave {name} out of at= or of free=",
                )
    wanted = dict.fromkeys(law.optimum.free if free is None else free)
    chosen = [name for name in wanted if name not in at]
    spent = None
    if cost is not None:
        open_ = [name for name in law.variables if name in priced and name not in at]
        chosen += [name for name in open_ if name not in chosen]
        spent = spent_variable(cost, open_)
    searched = [name for name in chosen if name != spent]
    if not searched:
        free_at_all = law.optimum.free or free
        why = f"{spent} follows from the budget" if spent else "all variables are fixed"
        raise RequestError(
            f"nothing is left to choose: {why}" if free_at_all else f"{law.name} frees no variable",
            place="optimum",
            remedy="Leave a variable out of at=, or name one in free=; predict() gives the value",
        )
    held = tuple(name for name in law.variables if name not in at and name not in chosen)
    for small, large in vocabulary.ORDERED:
        if spent is not None and small in chosen and large in held:
            raise RequestError(
                f"{large} is neither fixed nor capped: at {budget.train_flops:g} FLOPs only "
                f"{small} is paid for",
                place="optimum",
                remedy=f'Fix it: at={{"{large}": ...}}, or --at {large}=...',
            )
        if small in searched and large in searched:
            raise RequestError(
                f"{small} and {large} are both free",
                place="optimum",
                remedy=f"Fix one of them: at={{'{large}': ...}}",
            )
    fixed = {**{name: reference.at[name] for name in held}, **at}
    for small, large in vocabulary.ORDERED:
        if small in at and large in held and at[small] > fixed[large]:
            raise RequestError(
                f"{small} = {at[small]:g} exceeds {large}, held at {fixed[large]:.4g}",
                place="optimum, at",
                remedy=f'Fix {large} too: at={{"{large}": ...}}, or --at {large}=...',
            )
    box = [_bounds(name, fixed, reference) for name in searched]
    low, high, far_low, far_high = (np.array(part) for part in zip(*box, strict=True))
    logarithmic = tuple(not vocabulary.variable(name).includes_zero for name in searched)
    problem = Problem(
        law.form,
        tuple(searched),
        logarithmic,
        spent,
        None if cost is None else cost.expression,
        law.optimum.sense,
    )
    typical = [
        np.log(reference.at[name]) if log else reference.at[name]
        for name, log in zip(searched, logarithmic, strict=True)
    ]
    width = high - low
    inside = np.clip(typical, low + 0.02 * width, high - 0.02 * width)
    # The reference run, and a point on either side of it.
    starts = np.array([inside, 0.7 * inside + 0.3 * low, 0.7 * inside + 0.3 * high])
    flops = budget.train_flops or 0.0
    return Question(problem, fixed, held, flops, low, high, far_low, far_high, starts)


def _known(law: Law, name: str, option: str) -> None:
    if name not in law.variables:
        raise RequestError(
            f"{law.name} has no variable {name!r}",
            place=f"optimum, {option}",
            remedy=nearest(name, law.variables),
        )


def payable(law: Law, known: Iterable[str], *, place: str) -> Cost:
    """The cost of a law, if a budget can be spent on it.

    Parameters
    ----------
    law : Law
        The law.
    known : iterable of str
        Names that are given besides the law's variables.
    place : str
        For messages.

    Returns
    -------
    Cost
        Its convention.

    Raises
    ------
    RequestError
        If the card states no cost, or one that reads what neither the law nor the caller says.
    """
    if law.cost is None:
        raise RequestError(
            f"{law.name} predicts {law.predicts}, and its card states no cost",
            place=place,
            remedy="Leave out the budget, or give the card a cost",
        )
    lacking = sorted(law.cost.expression.names - set(law.variables) - set(known))
    if lacking:
        raise RequestError(
            f"the cost {law.cost.name!r} of {law.name}, {law.cost.formula}, also reads "
            f"{' and '.join(lacking)}",
            place=place,
            remedy=f"Fix it: at={{'{lacking[0]}': ...}}, or --at {lacking[0]}=...",
        )
    return law.cost


def spent_variable(cost: Cost, priced: list[str]) -> str:
    """The variable that follows when a budget is spent: the last in which the cost is affine.

    Parameters
    ----------
    cost : Cost
        What is spent.
    priced : list of str
        Variables of the cost that nothing else says.

    Returns
    -------
    str
        One of them.

    Raises
    ------
    RequestError
        If there is none.
    """
    probe = {name: 1.7 + 0.3 * i for i, name in enumerate(sorted(cost.expression.names))}
    for name in reversed(priced):
        zero, one, two = (float(cost.expression({**probe, name: v})) for v in (0.0, 1.0, 2.0))
        if np.isclose(two - one, one - zero) and one != zero:
            return name
    raise RequestError(
        f"train_flops says nothing: {cost.formula} has no free variable",
        place="optimum",
        remedy="Leave one of its variables out of at=, or leave out the budget",
    )


def _bounds(
    name: str, fixed: Mapping[str, float], reference: Reference
) -> tuple[float, float, bool, bool]:
    domain = vocabulary.variable(name)
    low, high = domain.low, domain.high
    for small, large in vocabulary.ORDERED:
        if name == small and large in fixed:
            high = min(high, fixed[large])
        if name == large and small in fixed:
            low = max(low, fixed[small])
    if domain.includes_zero:
        # An open end is approached, not reached.
        return low, np.nextafter(high, low) if not domain.high_included else high, False, False
    far_low, far_high = low <= 0, not np.isfinite(high)
    least = reference.at[name] / FAR if far_low else low
    most = max(reference.at[name], least) * FAR if far_high else high
    return float(np.log(least)), float(np.log(most)), far_low, far_high
