"""What a budget buys: which variable follows from it, and how much of that variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.formula import Expression
from bayeslaw.law.cost import Cost

# Beside so much of one variable, what the rest costs is lost in rounding.
_PLENTY = 1e30


def affordable(
    cost: Expression, columns: Mapping[str, Any], name: str, amount: Any, xp: ModuleType = np
) -> Any:
    """How much of a variable an amount buys, once the rest of a configuration's cost is paid."""
    # Not from its values at 0 and 1: with 1e13 tokens to be served, one more to train on vanishes.
    each = cost({**columns, name: _PLENTY}, xp) / _PLENTY
    return (amount - cost({**columns, name: 0.0}, xp)) / each


def spent_variable(cost: Cost, priced: Sequence[str], budget_name: str, *, place: str) -> str:
    """The variable that follows when a budget is spent: the last in which the cost is affine."""
    probe = {name: 1.7 + 0.3 * i for i, name in enumerate(sorted(cost.expression.names))}
    # Tokens first: whatever else is bought shapes the model.
    for name in sorted(reversed(priced), key=lambda name: name != "D"):
        if slope(cost.expression, probe, name) != 0:
            return name
    raise RequestError(
        f"{budget_name} fixes nothing: {cost.formula} has no free variable",
        place=place,
        remedy="Leave one of its variables out of at=, or leave out the budget",
    )


def slope(expression: Expression, point: Mapping[str, float], name: str) -> float:
    """How steep an expression is along a variable; 0 where that is no straight line."""
    with np.errstate(all="ignore"):
        # NumPy's numbers: of a limit such as 1/N_a, zero is no error.
        at = (np.float64(v) for v in (0.0, 1.0, 2.0))
        zero, one, two = (float(expression({**point, name: v})) for v in at)
    return one - zero if np.isclose(two - one, one - zero) else 0.0
