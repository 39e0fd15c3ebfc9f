"""A question about an optimum, made definite: what a search works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.formula import Expression
from bayeslaw.law import Form

# Beside so much of one variable, what the rest costs is lost in rounding.
_PLENTY = 1e30


def bought(
    cost: Expression, columns: Mapping[str, Any], name: str, budget: Any, xp: ModuleType = np
) -> Any:
    """How much of a variable a budget buys, once the rest of its cost is paid."""
    # Not from its values at 0 and 1: with 1e13 tokens to be served, one more to train on vanishes.
    each = cost({**columns, name: _PLENTY}, xp) / _PLENTY
    return (budget - cost({**columns, name: 0.0}, xp)) / each


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
        What is spent, over canonical variables; without ``spent`` the budget is a cap on it.
    caps : tuple of Expression
        What else is limited.
    sense : {"min", "max"}
        Whether less or more of the predicted quantity is better.
    """

    form: Form
    free: tuple[str, ...]
    logarithmic: tuple[bool, ...]
    spent: str | None = None
    cost: Expression | None = None
    caps: tuple[Expression, ...] = ()
    sense: str = "min"

    def columns(
        self, x: Any, fixed: Mapping[str, Any], budget: Any, xp: ModuleType
    ) -> dict[str, Any]:
        """Canonical variables at a point of the search."""
        columns = dict(fixed)
        for i, (name, logarithmic) in enumerate(zip(self.free, self.logarithmic, strict=True)):
            columns[name] = xp.exp(x[..., i]) if logarithmic else x[..., i]
        if self.spent is not None and self.cost is not None:
            columns[self.spent] = bought(self.cost, columns, self.spent, budget, xp)
        return columns

    def room(self, columns: Mapping[str, Any], budget: Any, limits: Any, xp: ModuleType) -> Any:
        """How far inside each limit a configuration is, on the logarithm."""
        parts = [xp.log(limits[i]) - xp.log(cap(columns, xp)) for i, cap in enumerate(self.caps)]
        if self.cost is not None and self.spent is None:
            parts.append(xp.log(budget) - xp.log(self.cost(columns, xp)))
        elif self.cost is not None and self.spent is not None and self.owed:
            # Something must be left once the rest is paid.
            parts.append(xp.log(budget) - xp.log(self.cost({**columns, self.spent: 0.0}, xp)))
        if self.spent is not None:
            low, high = self.domain
            # What follows is not searched: its bounds are limits like any other.
            parts += [columns[self.spent] - low] if low > -np.inf else []
            parts += [high - columns[self.spent]] if high < np.inf else []
        return xp.stack(parts) if parts else xp.zeros(0)

    @cached_property
    def domain(self) -> tuple[float, float]:
        """Bounds of what follows from the budget, infinite where any positive number will do."""
        what = vocabulary.variable(self.spent or "")
        low = what.low if what.low > 0 or what.includes_zero else -np.inf
        return low, what.high

    @cached_property
    def owed(self) -> bool:
        """Whether a configuration costs something before any of ``spent`` is bought."""
        if self.cost is None or self.spent is None:
            return False
        some = dict.fromkeys(self.cost.names, 0.5)
        nothing, more = (self.cost({**some, self.spent: amount}) for amount in (0.0, 0.5))
        return bool(0 < nothing < more)


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
        FLOPs to spend, or 0.
    limits : ndarray of shape (caps,)
        Limits of the problem's caps.
    names : tuple of str
        How each row of the problem's ``room`` is called.
    bounded_by : dict of str to str
        Free variables whose upper bound is a cap, and the cap's name.
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
    limits: np.ndarray
    names: tuple[str, ...]
    bounded_by: dict[str, str]
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
