"""What bounds an optimum."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from bayeslaw.core.errors import RequestError
from bayeslaw.core.quantities import quantity
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.law.cost import COSTS, Cost, lifetime


@dataclass(frozen=True)
class Cap:
    """An upper limit on a positive expression over canonical variables.

    Attributes
    ----------
    name : str
        The budget's name of it.
    expression : Expression
        What is limited.
    limit : float
        The limit, which is legal itself.
    """

    name: str
    expression: Expression
    limit: float

    def __str__(self) -> str:
        """The cap as an inequality, for messages."""
        text = f"{self.expression.text} <= {self.limit:.6g}"
        return text if self.name == self.expression.text else f"{self.name} ({text})"


# Which expression each of the named limits is on.
_NAMED = {
    "max_params": "N",
    "max_active": "N_a",
    "max_tokens": "D",
    "max_tokens_per_active": "D/N_a",
    "max_total_per_active": "N/N_a",
}


@dataclass(frozen=True, repr=False)
class Budget:
    """Constraints on the runs that are considered.

    Attributes
    ----------
    train_flops : float or None
        Training FLOPs, spent in full unless a cap on tokens prevents it.
    lifetime_flops : float or None
        FLOPs for training and for the ``inference_tokens`` together, instead of ``train_flops``.
    inference_tokens : float or None
        Tokens served over the model's life. One costs a third of a training token (2 FLOPs per
        active parameter where training takes 6).
    max_params, max_active, max_tokens : float or None
        Most total parameters N, active parameters N_a and training tokens D.
    max_tokens_per_active : float or None
        Most training tokens per active parameter, D/N_a.
    max_total_per_active : float or None
        Most total parameters per active one, N/N_a.
    max_memory : float or None
        Most bytes of memory for the weights.
    bytes_per_param : float
        Precision of the weights: 2 bytes for bfloat16.
    caps : mapping of str to float
        Further limits on positive expressions over canonical variables: ``{"N/E": 1e9}``.
    cost : str or None
        What is spent, instead of the card's cost: a name of ``costs()``, or an expression.
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

    def __post_init__(self) -> None:
        """Refuse budgets that no run has."""
        if not isinstance(self.caps, Mapping):
            raise RequestError(
                f"caps = {self.caps!r}", place="Budget", remedy="Such as {'N/E': 1e9}"
            )
        numbers = {f.name: getattr(self, f.name) for f in fields(self)}
        del numbers["caps"], numbers["cost"]
        for name, value in (*numbers.items(), *self.caps.items()):
            if value is None:
                continue
            number = quantity(value, name, place="Budget")
            if not (math.isfinite(number) and number > 0):
                raise RequestError(
                    f"{name} = {value!r}", place="Budget", remedy="Give a positive number"
                )
            if name in numbers:
                # Plain numbers, so that the answer can be written as JSON.
                object.__setattr__(self, name, number)
        caps = {name: quantity(cap, name, place="Budget") for name, cap in self.caps.items()}
        object.__setattr__(self, "caps", caps)
        train, lifetime, served = self.train_flops, self.lifetime_flops, self.inference_tokens
        for wrong, problem, remedy in (
            (
                train is not None and lifetime is not None,
                "train_flops and lifetime_flops are both given",
                "Give one: FLOPs for training, or for training and inference together",
            ),
            (
                lifetime is not None and served is None,
                "lifetime_flops without inference_tokens",
                "Give the number of tokens to be served, or train_flops",
            ),
            (
                train is not None and served is not None,
                "train_flops and inference_tokens are both given",
                "Give lifetime_flops, FLOPs for training and inference together",
            ),
        ):
            if wrong:
                raise RequestError(problem, place="Budget", remedy=remedy)

    def __repr__(self) -> str:
        """The fields that are set."""
        return f"Budget({', '.join(f'{name}={v!r}' for name, v in self.to_dict().items())})"

    @property
    def flops(self) -> float | None:
        """What is spent, in the unit of the cost."""
        return self.train_flops if self.lifetime_flops is None else self.lifetime_flops

    @property
    def spends(self) -> str:
        """The name of what is spent, for messages."""
        return "train_flops" if self.inference_tokens is None else "lifetime_flops"

    def spending(self, amount: float) -> Budget:
        """The same budget with another amount.

        Parameters
        ----------
        amount : float
            FLOPs for training, or for the whole life where inference tokens are named.

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
        return tuple(self._limits())

    def _limits(self) -> Iterator[Cap]:
        for name, text in _NAMED.items():
            limit = getattr(self, name)
            if limit is not None:
                yield Cap(name, parse_expression(text), float(limit))
        if self.max_memory is not None:
            text = f"{float(self.bytes_per_param):g}*N"
            yield Cap("max_memory", parse_expression(text), float(self.max_memory))
        for text, limit in self.caps.items():
            yield Cap(text, parse_expression(text, place="Budget, caps"), float(limit))

    def price(self, law: Law, known: Iterable[str], *, place: str) -> Cost:
        """What a configuration costs, under a law's convention or the budget's own.

        Parameters
        ----------
        law : Law
            The law; its card's cost holds unless the budget names another.
        known : iterable of str
            Names that are given besides the law's variables.
        place : str
            For messages.

        Returns
        -------
        Cost
            Of training, and of inference where tokens to be served are named.

        Raises
        ------
        RequestError
            If there is no cost, or one that reads a variable of neither the law nor the request.
        """
        place = f"{place}, {self.spends}"
        cost = law.cost
        if self.cost is not None:
            cost = COSTS.get(self.cost, Cost("own", self.cost, "given"))
        if cost is None:
            raise RequestError(
                f"{law.name} predicts {law.predicts}, and its card states no cost",
                place=place,
                remedy="Leave out the budget, or give it a cost: Budget(cost='6*N_a*D')",
            )
        if self.inference_tokens is not None:
            cost = lifetime(cost)
        lacking = sorted(cost.expression.names - {*law.variables, *known, "inference_tokens"})
        if lacking:
            raise RequestError(
                f"the cost {cost.name!r} of {law.name}, {cost.formula}, also reads "
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
