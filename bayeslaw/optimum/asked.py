"""A question as it was asked, before any law makes it definite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bayeslaw.errors import RequestError
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.rules import Rules


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
    rules : Rules
        When fewer active parameters are enough.
    probability : float
        Probability of the intervals.
    """

    at: dict[str, float]
    budget: Budget
    free: tuple[str, ...] | None
    within: float
    rules: Rules
    probability: float

    @classmethod
    def of(
        cls,
        at: Mapping[str, float] | None,
        budget: Budget | None,
        free: Iterable[str] | None,
        within: float,
        rules: Rules | None,
        probability: float,
    ) -> Asked:
        """Put a question together.

        Parameters
        ----------
        at, budget, free, within, rules, probability
            As in ``optimum``.

        Returns
        -------
        Asked
            The question.

        Raises
        ------
        RequestError
            If a number is none that can be meant.
        """
        if not within > 0:
            raise RequestError(
                f"within = {within!r}", place="optimum", remedy="Give a positive number"
            )
        return cls(
            at=dict(at or {}),
            budget=budget or Budget(),
            free=None if free is None else tuple(free),
            within=within,
            rules=rules or Rules(),
            probability=probability,
        )
