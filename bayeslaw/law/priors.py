"""The two prior families of a card, stated by their median or mean and their spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.core.errors import CardError
from bayeslaw.law import keys

#: Family -> the names of its location and spread.
FAMILIES = {"lognormal": ("median", "factor"), "normal": ("mean", "sd")}


@dataclass(frozen=True)
class Prior:
    """A prior on one number.

    ``location`` and ``spread`` are the mean and standard deviation of a normal; of a lognormal, the
    median above ``low`` and the factor by which one standard deviation of the logarithm multiplies.
    """

    family: str
    location: float
    spread: float
    low: float = 0.0

    @property
    def numbers(self) -> tuple[float, float, float]:
        """Centre, scale and lower end, on the scale where the family is normal."""
        if self.family == "lognormal":
            return math.log(self.location), math.log(self.spread), self.low
        return self.location, self.spread, 0.0

    @property
    def median(self) -> float:
        """The prior median."""
        return self.low + self.location if self.family == "lognormal" else self.location

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draw from the prior."""
        return self.from_standard(rng.standard_normal(size))

    def standardise(self, value: np.ndarray | float) -> np.ndarray:
        """Standard deviations from the centre: minus infinity at the lower end and below it."""
        centre, scale, low = self.numbers
        if self.family == "lognormal":
            with np.errstate(divide="ignore"):
                value = np.log(np.maximum(value - low, 0.0))
        return np.asarray((value - centre) / scale)

    def from_standard(self, away: np.ndarray) -> np.ndarray:
        """The inverse of ``standardise``."""
        centre, scale, low = self.numbers
        value = centre + scale * away
        return low + np.exp(value) if self.family == "lognormal" else value

    def __str__(self) -> str:
        """Readable form, as in ``LogNormal(median: 0.25, factor: 2)``."""
        location, spread = FAMILIES[self.family]
        family = {"lognormal": "LogNormal", "normal": "Normal"}[self.family]
        low = f", low: {self.low:g}" if self.low else ""
        return f"{family}({location}: {self.location:g}, {spread}: {self.spread:g}{low})"

    @classmethod
    def parse(cls, entry: Any, key: str, place: str) -> Prior:
        """Read a prior as a card states it."""
        if not isinstance(entry, Mapping) or "family" not in entry:
            remedy = 'Write { family = "lognormal", median = 0.25, factor = 2 }'
            raise CardError(f"the {key} {entry!r} has no family", place=place, remedy=remedy)
        family = keys.one_of(*FAMILIES)(entry["family"], "prior family", place)
        names = FAMILIES[family]
        numbers = {name: value for name, value in entry.items() if name != "family"}
        stated = {name: keys.number(value, name, place) for name, value in numbers.items()}
        low = stated.pop("low", 0.0) if family == "lognormal" else 0.0
        if set(stated) != set(names):
            problem = f"a {family} prior takes {' and '.join(names)}, not {sorted(stated)}"
            raise CardError(problem, place=place)
        location, spread = (stated[name] for name in names)
        if family == "lognormal" and (location <= 0 or spread <= 1):
            problem = f"median = {location:g}, factor = {spread:g}"
            remedy = "Give a positive median and a factor above 1"
            raise CardError(problem, place=place, remedy=remedy)
        if family == "normal" and spread <= 0:
            raise CardError(f"sd = {spread:g}", place=place, remedy="Give a positive sd")
        return cls(family, location, spread, low)
