"""Budgets: what to spend, caps, and how much of a variable a budget buys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.core.quantities import quantity
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.law.cost import COSTS, Cost, lifetime


@dataclass(frozen=True)
class Cap:
    """An upper limit (inclusive) on a positive expression over canonical variables."""

    name: str
    expression: Expression
    limit: float

    def __str__(self) -> str:
        """The cap as an inequality, for messages."""
        text = f"{self.expression.text} <= {self.limit:.6g}"
        return text if self.name == self.expression.text else f"{self.name} ({text})"


# Beside so much of one variable, what the rest costs is lost in rounding.
_PLENTY = 1e30
# Expression that each named limit applies to.
_NAMED = {
    "max_params": "N",
    "max_active": "N_a",
    "max_tokens": "D",
    "max_tokens_per_active": "D/N_a",
    "max_total_per_active": "N/N_a",
}


@public
@dataclass(frozen=True, repr=False)
class Budget:
    """Constraints on configurations.

    Attributes
    ----------
    train_flops : float or None
        Training FLOPs, spent in full unless a cap on tokens prevents it.
    lifetime_flops : float or None
        FLOPs for training plus ``inference_tokens``, instead of ``train_flops``.
    inference_tokens : float or None
        Tokens of inference over the model's life, at a third of the cost of a training token
        (2 FLOPs per active parameter; training takes 6).
    max_params, max_active, max_tokens : float or None
        Largest total parameters N, active parameters N_a and training tokens D.
    max_tokens_per_active : float or None
        Largest number of training tokens per active parameter, D/N_a.
    max_total_per_active : float or None
        Largest ratio of total to active parameters, N/N_a.
    max_memory : float or None
        Largest memory for the weights, in bytes.
    bytes_per_param : float
        Precision of the weights: 2 bytes for bfloat16.
    caps : mapping of str to float
        Further limits on positive expressions over canonical variables: ``{"N/E": 1e9}``.
    cost : str or None
        Cost function, instead of the card's: a name of ``costs()``, or an expression.
    """

    train_flops: float | None = None
    lifetime_flops: float | None = None
    inference_tokens: float | None = None
    max_params: float | None = None
    max_active: float | None = None
    max_tokens: float | None = None
    max_tokens_per_active: float | None = None
    max_total_per_active: float | None = None
    max_memory: float | None = None
    bytes_per_param: float = 2.0
    caps: Mapping[str, float] = field(default_factory=dict)
    cost: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            train_flops: float | str | None = None,
            lifetime_flops: float | str | None = None,
            inference_tokens: float | str | None = None,
            max_params: float | str | None = None,
            max_active: float | str | None = None,
            max_tokens: float | str | None = None,
            max_tokens_per_active: float | str | None = None,
            max_total_per_active: float | str | None = None,
            max_memory: float | str | None = None,
            bytes_per_param: float = 2.0,
            caps: Mapping[str, float | str] = ...,
            cost: str | None = None,
        ) -> None:
            """Counts may be given as text, such as 100B; the fields are numbers."""

    def __post_init__(self) -> None:
        """Validate the fields."""
        if not isinstance(self.caps, Mapping):
            raise _refusal(f"caps = {self.caps!r}", "Such as {'N/E': 1e9}")
        # Plain numbers, so that the answer can be written as JSON.
        for name in (f.name for f in fields(self) if f.name not in ("caps", "cost")):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _positive(value, name))
        caps = {name: _positive(limit, name) for name, limit in self.caps.items()}
        object.__setattr__(self, "caps", caps)
        train, lifetime, served = self.train_flops, self.lifetime_flops, self.inference_tokens
        if train and (lifetime or served):
            other = "lifetime_flops" if lifetime else "inference_tokens"
            raise _refusal(
                f"train_flops and {other} are both given",
                "Give train_flops, or lifetime_flops: FLOPs for training and inference together",
            )
        if lifetime and not served:
            raise _refusal(
                "lifetime_flops without inference_tokens",
                "Give the number of inference tokens, or train_flops",
            )

    def __repr__(self) -> str:
        """The fields that are set."""
        return f"Budget({', '.join(f'{name}={v!r}' for name, v in self.to_dict().items())})"

    @property
    def flops(self) -> float | None:
        """The amount to spend, in the unit of the cost."""
        return self.train_flops if self.lifetime_flops is None else self.lifetime_flops

    @property
    def spends(self) -> str:
        """Name of the field with the amount, for messages."""
        return "train_flops" if self.inference_tokens is None else "lifetime_flops"

    def spending(self, amount: float) -> Budget:
        """The same budget with another amount.

        Parameters
        ----------
        amount : float
            FLOPs for training, or lifetime FLOPs if the budget has inference tokens.

        Returns
        -------
        Budget
            A new one.
        """
        if self.inference_tokens is None:
            return replace(self, train_flops=amount)
        return replace(self, lifetime_flops=amount)

    @cached_property
    def limits(self) -> tuple[Cap, ...]:
        """All caps, the named ones first."""
        named = {name: (text, getattr(self, name)) for name, text in _NAMED.items()}
        named["max_memory"] = (f"{self.bytes_per_param:g}*N", self.max_memory)
        return (
            *(
                Cap(name, parse_expression(text), limit)
                for name, (text, limit) in named.items()
                if limit is not None
            ),
            *(
                Cap(text, parse_expression(text, place="Budget, caps"), limit)
                for text, limit in self.caps.items()
            ),
        )

    def price(self, law: Law, known: Iterable[str], *, place: str) -> Cost:
        """Cost of a configuration, by the law's card or by the budget's ``cost``.

        Parameters
        ----------
        law : Law
            The law; the default is its card's cost.
        known : iterable of str
            Names with values besides the law's variables.
        place : str
            For messages.

        Returns
        -------
        Cost
            Of training, plus inference if the budget has inference tokens.

        Raises
        ------
        RequestError
            If there is no cost, or it depends on a variable of neither the law nor the request.
        """
        place = f"{place}, {self.spends}"
        cost = law.cost
        if self.cost is not None:
            cost = COSTS.get(self.cost, Cost("own", self.cost, "given"))
        if cost is None:
            raise RequestError(
                f"{law.name} predicts {law.predicts}, and its card states no cost",
                place=place,
                remedy="Omit the budget, or give it a cost: Budget(cost='6*N_a*D')",
            )
        if self.inference_tokens is not None:
            cost = lifetime(cost)
        lacking = sorted(cost.expression.names - {*law.variables, *known, "inference_tokens"})
        if lacking:
            raise RequestError(
                f"the cost {cost.name!r} of {law.name}, {cost.formula}, also depends on "
                f"{' and '.join(lacking)}",
                place=place,
                remedy=f"Fix it: at={{'{lacking[0]}': ...}}, or --at {lacking[0]}=...",
            )
        return cost

    def to_dict(self) -> dict[str, Any]:
        """The budget as plain data.

        Returns
        -------
        dict
            The fields that are set.
        """
        values = {name: v for name, v in asdict(self).items() if v is not None and v != {}}
        if self.max_memory is None:
            del values["bytes_per_param"]
        return values


def _refusal(problem: str, remedy: str) -> RequestError:
    return RequestError(problem, place="Budget", remedy=remedy)


def _positive(value: object, name: str) -> float:
    number = quantity(value, name, place="Budget")
    if not 0 < number < math.inf:
        raise _refusal(f"{name} = {value!r}", "Give a positive number")
    return number


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
