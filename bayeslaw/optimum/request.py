"""What ``optimum``, ``frontier``, ``cheapest`` and ``decide`` are asked, validated once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.quantities import quantity
from bayeslaw.optimum.budget import Budget

#: Regret in the unit of the prediction below which a configuration counts as good as the best.
REGRET_TOLERANCE = 0.001


@public
@dataclass(frozen=True)
class EfficiencyRules:
    """When fewer active parameters are enough.

    Attributes
    ----------
    efficiency_tolerance : float or None
        Smallest N_a whose value is within so much of the best, in the unit of the prediction.
    slope : float or None
        N_a at which the prediction still falls by so much per unit of N_a/N (.40 nats reproduces
        the published 9% at 30B and 5% at 671B; inferred).
    fraction : float or None
        This share of the best N_a (.22 reproduces them too; inferred).
    compute_share : float or None
        Smallest N_a that loses no more than leaving out this share of the training tokens would.
    """

    efficiency_tolerance: float | None = 0.01
    slope: float | None = 0.40
    fraction: float | None = 0.22
    compute_share: float | None = None

    def __post_init__(self) -> None:
        """Refuse values outside a rule's range."""
        for name, value in asdict(self).items():
            share = name in ("fraction", "compute_share")
            if value is not None and not 0 < real(value, name, place="EfficiencyRules") < (
                1 if share else np.inf
            ):
                legal = "a share between 0 and 1" if share else "a positive number"
                remedy = f"Give {legal}, or None to leave the rule out"
                raise RequestError(f"{name} = {value!r}", place="EfficiencyRules", remedy=remedy)


@dataclass(frozen=True)
class Request:
    """A validated request; ``place`` names its call, ``free`` replaces a card's free variables."""

    place: str
    at: dict[str, float]
    budget: Budget
    free: tuple[str, ...] | None = None
    regret_tolerance: float = REGRET_TOLERANCE
    efficiency: EfficiencyRules = EfficiencyRules()
    ci_prob: float = INTERVAL

    @classmethod
    def of(
        cls,
        place: str,
        at: Mapping[str, float | str] | None = None,
        budget: Budget | None = None,
        free: Iterable[str] | None = None,
        *,
        regret_tolerance: float = REGRET_TOLERANCE,
        efficiency: EfficiencyRules | None = None,
        ci_prob: float = INTERVAL,
    ) -> Request:
        """Validate the options of a call; ``place`` names it in messages."""
        if not real(regret_tolerance, "regret_tolerance", place=place) > 0:
            problem = f"regret_tolerance = {regret_tolerance!r}"
            raise RequestError(problem, place=place, remedy="Give a positive number")
        if at is not None and (not isinstance(at, Mapping) or not at):
            remedy = 'Name a variable, such as {"N": 30e9}, or leave at= out'
            raise RequestError(f"at = {at!r} fixes nothing", place=place, remedy=remedy)
        for name, value, kind, example in (
            ("budget", budget, Budget, "bl.Budget(train_flops=...)"),
            ("efficiency", efficiency, EfficiencyRules, "bl.EfficiencyRules(slope=...)"),
        ):
            if value is not None and not isinstance(value, kind):
                raise RequestError(f"{name} = {value!r}", place=place, remedy=f"Give {example}")
        return cls(
            place=place,
            at={name: quantity(v, name, place=f"{place}, at") for name, v in (at or {}).items()},
            budget=budget or Budget(),
            free=None if free is None else tuple(free),
            regret_tolerance=regret_tolerance,
            efficiency=efficiency or EfficiencyRules(),
            ci_prob=ci_prob,
        )

    def spending(self, amount: float) -> Request:
        """The same request with another amount to spend."""
        return replace(self, budget=self.budget.spending(amount))

    def require_amount(self) -> None:
        """Refuse tokens to be served without FLOPs to serve them with."""
        if self.budget.inference_tokens is not None and self.budget.lifetime_flops is None:
            raise RequestError(
                "inference_tokens without lifetime_flops",
                place=f"{self.place}, budget",
                remedy="Give FLOPs for training and inference together, or use cheapest()",
            )

    def refuse_amount(self, remedy: str) -> None:
        """Refuse FLOPs to be spent where the answer is itself an amount, or many are given."""
        budget = self.budget
        if budget.flops is not None:
            raise RequestError(
                f"{budget.spends} = {budget.flops:g} limits what {self.place}() varies",
                place=f"{self.place}, budget",
                remedy=remedy,
            )
