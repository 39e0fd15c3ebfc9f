"""A question as it was asked, before any law makes it definite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bayeslaw.core.errors import RequestError, real
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.efficiency import EfficiencyRules


@dataclass(frozen=True)
class Asked:
    """What ``optimum`` and its like were asked.

    Attributes
    ----------
    at : dict of str to float
        Fixed variables.
    budget : Budget
        Constraints.
    free : tuple of str or None
        Variables to search over instead of a card's.
    within : float
        Regret that counts as nothing.
    rules : EfficiencyRules
        When fewer active parameters are enough.
    probability : float
        Probability of the intervals.
    """

    at: dict[str, float]
    budget: Budget
    free: tuple[str, ...] | None
    within: float
    rules: EfficiencyRules
    probability: float

    @classmethod
    def of(
        cls,
        at: Mapping[str, float] | None,
        budget: Budget | None,
        free: Iterable[str] | None,
        within: float,
        rules: EfficiencyRules | None,
        probability: float,
    ) -> Asked:
        """Put a question together."""
        if not real(within, "within", place="optimum") > 0:
            raise RequestError(
                f"within = {within!r}", place="optimum", remedy="Give a positive number"
            )
        return cls(
            at=numbers_of(at, place="optimum, at"),
            budget=budget_of(budget, place="optimum"),
            free=None if free is None else tuple(free),
            within=within,
            rules=rules_of(rules),
            probability=probability,
        )


def numbers_of(at: Mapping[str, float] | None, *, place: str) -> dict[str, float]:
    """Fixed variables as plain numbers."""
    if at is None:
        return {}
    if not isinstance(at, Mapping):
        raise RequestError(f"{at!r}", place=place, remedy='Such as {"N": 30e9}')
    return {name: real(value, name, place=place) for name, value in at.items()}


def budget_of(budget: Budget | None, *, place: str) -> Budget:
    """The budget, or none."""
    if budget is not None and not isinstance(budget, Budget):
        raise RequestError(
            f"budget = {budget!r}", place=place, remedy="Give bl.Budget(train_flops=...)"
        )
    return budget or Budget()


def rules_of(rules: EfficiencyRules | None) -> EfficiencyRules:
    """The rules, or the usual ones."""
    if rules is not None and not isinstance(rules, EfficiencyRules):
        raise RequestError(
            f"rules = {rules!r}", place="optimum", remedy="Give bl.EfficiencyRules(tolerance=...)"
        )
    return rules or EfficiencyRules()
