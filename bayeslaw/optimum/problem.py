"""An optimisation problem: what compiled code depends on, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Form, Law
from bayeslaw.optimum.budget import Budget, affordable


@dataclass(frozen=True)
class Structure:
    """The part of a problem that compiled code depends on; hashable.

    ``spent`` follows from the others because the budget ``cost`` is spent; without it, the budget
    is a cap on the cost. ``logarithmic`` says which of ``free`` are searched on their logarithm.
    """

    form: Form
    free: tuple[str, ...]
    logarithmic: tuple[bool, ...]
    spent: str | None = None
    cost: Expression | None = None
    caps: tuple[Expression, ...] = ()
    sense: str = "min"

    def columns(
        self, x: Any, fixed: Mapping[str, Any], amount: Any, xp: ModuleType
    ) -> dict[str, Any]:
        """Canonical variables at a point of the search."""
        columns = dict(fixed)
        for i, (name, logarithmic) in enumerate(zip(self.free, self.logarithmic, strict=True)):
            columns[name] = xp.exp(x[..., i]) if logarithmic else x[..., i]
        return columns | self.bought(columns, amount, xp)

    def bought(self, columns: Mapping[str, Any], amount: Any, xp: ModuleType) -> dict[str, Any]:
        """What follows from the others because the budget is spent."""
        if self.spent is None or self.cost is None:
            return {}
        return {self.spent: affordable(self.cost, columns, self.spent, amount, xp)}

    def room(self, columns: Mapping[str, Any], amount: Any, limits: Any, xp: ModuleType) -> Any:
        """How far inside each limit configurations are, on the logarithm; a row a limit."""
        parts = [xp.log(limits[i]) - xp.log(cap(columns, xp)) for i, cap in enumerate(self.caps)]
        if self.cost is not None and self.spent is None:
            parts.append(xp.log(amount) - xp.log(self.cost(columns, xp)))
        elif self.cost is not None and self.spent is not None and self.overhead:
            # Something must be left once the rest is paid.
            parts.append(xp.log(amount) - xp.log(self.cost({**columns, self.spent: 0.0}, xp)))
        if self.spent is not None:
            low, high = self.spent_domain
            # What follows is not searched: its bounds are limits like any other.
            parts += [columns[self.spent] - low] if low > -np.inf else []
            parts += [high - columns[self.spent]] if high < np.inf else []
        return xp.stack(parts) if parts else xp.zeros((0, *np.shape(amount)))

    @cached_property
    def spent_domain(self) -> tuple[float, float]:
        """Bounds of ``spent``, infinite where any positive number is legal."""
        variable = vocabulary.variable(self.spent or "")
        low = variable.low if variable.low > 0 or variable.includes_zero else -np.inf
        return low, variable.high

    @cached_property
    def overhead(self) -> bool:
        """Whether a configuration costs something before any of ``spent`` is bought."""
        if self.cost is None or self.spent is None:
            return False
        values = dict.fromkeys(self.cost.names, 0.5)
        nothing, more = (self.cost({**values, self.spent: amount}) for amount in (0.0, 0.5))
        return bool(0 < nothing < more)


@dataclass(frozen=True)
class Problem:
    """A structure with its numbers; bounds and starts in search coordinates.

    ``fixed`` holds what is given, and what is ``held`` at the reference run because the request
    does not name it. ``names`` has a name for each row of the structure's ``room``, ``bounded_by``
    the caps that are upper bounds of free variables, by variable.
    """

    law: Law
    structure: Structure
    fixed: dict[str, float]
    held: tuple[str, ...]
    budget: Budget
    limits: np.ndarray
    names: tuple[str, ...]
    bounded_by: dict[str, str]
    low: np.ndarray
    high: np.ndarray
    # Whether a bound is only as far as the search goes.
    far_low: np.ndarray
    far_high: np.ndarray
    #: Of shape (starts, free).
    starts: np.ndarray

    @property
    def amount(self) -> float:
        """What is spent, 0 for nothing."""
        return self.budget.flops or 0.0

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Variables that are chosen: the free ones, and what follows from the budget."""
        spent = self.structure.spent
        return self.structure.free if spent is None else (*self.structure.free, spent)

    @cached_property
    def expressions(self) -> dict[str, Expression]:
        """What is reported: the card's expressions over ``variables``, and those they leave out."""
        chosen = set(self.variables)
        card = {text: parse_expression(text) for text in self.law.optimum.report}
        found = {text: e for text, e in card.items() if chosen & e.names}
        # A ratio of two chosen variables reports neither.
        named = [e.names & chosen for e in found.values()]
        reported = {name for names in named if len(names) == 1 for name in names}
        rest = [name for name in self.variables if name not in reported]
        return {**found, **{name: parse_expression(name) for name in rest}}

    def columns(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Canonical variables at points of the search."""
        return self.structure.columns(x, self.fixed, self.amount, np)

    def moved(self, columns: Mapping[str, np.ndarray], i: int, x: np.ndarray) -> dict[str, Any]:
        """Configurations with another value of one free variable, of which others follow."""
        structure = self.structure
        own = {structure.free[i]: np.exp(x) if structure.logarithmic[i] else x}
        moved = {**columns, **own}
        return moved | structure.bought(moved, self.amount, np)
