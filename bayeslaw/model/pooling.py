"""Coefficients that vary from group to group around a common value, partially pooled.

Several sweeps, tokenisers or model families share most of a law: its floor differs with the data,
its exponents hardly. A pooled coefficient has a value of its own in every group, drawn around the
common one, and how far groups differ is fitted too (Gelman and Hill 2007): many groups that agree
pull a lonely one towards them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.law.priors import Prior

#: Spread between groups: a tenth, in the logarithm of what a lognormal prior is stated on, or in
#: standard deviations of a normal one.
SPREAD = Prior("lognormal", 0.1, 3.0)
# No group's value is above the prior's median by so many of its standard deviations, or doublings.
_MOST = 5.0
_UNIT = Prior("normal", 0.0, 1.0)


@dataclass(frozen=True)
class Pool:
    """A coefficient that varies by the groups of a column, in the order of their first runs.

    ``spread`` is the prior of how far groups differ. ``direct``: every group's own value is
    sampled, as suits groups that each have many runs, instead of its distance from the common one.
    """

    parameter: str
    column: str
    groups: tuple[str, ...]
    spread: Prior = SPREAD
    direct: bool = False

    @property
    def scale(self) -> str:
        """Name of the spread between groups."""
        return f"pool_scale_{self.parameter}"

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of each group's distance from the common value, in units of the spread."""
        return tuple(f"pool_{self.parameter}_{place}" for place in range(len(self.groups)))

    @property
    def priors(self) -> dict[str, Prior]:
        """The spread's, and a unit normal for each group."""
        return {self.scale: self.spread, **dict.fromkeys(self.sites, _UNIT)}

    def places(self, labels: Iterable[object]) -> np.ndarray:
        """The place of each label among the groups; minus one for an unseen group."""
        known = {group: place for place, group in enumerate(self.groups)}
        return np.array([known.get(str(label), -1) for label in labels])

    def move(
        self, values: Mapping[str, Any], prior: Any, family: str, place: Any, xp: ModuleType
    ) -> Any:
        """A group's value of the quantity that the prior is stated on, from the common one."""
        common = values[self.parameter]
        away = values[self.scale] * xp.stack([values[site] for site in self.sites])[place]
        if family == "lognormal":
            # An exponent that a group's runs do not inform wanders; far up its term is nothing at
            # all, and its amplitude overflows.
            most = xp.exp(prior[0] + xp.maximum(_MOST * prior[1], _MOST * np.log(2.0)))
            return prior[2] + xp.minimum((common - prior[2]) * xp.exp(away), most)
        return common + prior[1] * away

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "parameter": self.parameter,
            "column": self.column,
            "groups": [*self.groups],
            "spread": [self.spread.location, self.spread.spread, self.spread.low],
            "direct": self.direct,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | list[Any]) -> Pool:
        """The inverse of ``to_dict``; a list is parameter, column and groups alone."""
        if not isinstance(data, Mapping):
            parameter, column, groups = data
            return cls(parameter, column, tuple(groups))
        spread = Prior("lognormal", *data["spread"])
        groups = tuple(data["groups"])
        return cls(data["parameter"], data["column"], groups, spread, data.get("direct", False))
