"""Prior families of a card: two, stated in the numbers that people think in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.core.errors import CardError, nearest

#: Family -> the names of its location and spread.
FAMILIES = {"lognormal": ("median", "factor"), "normal": ("mean", "sd")}


@dataclass(frozen=True)
class Prior:
    """A prior on one number.

    Attributes
    ----------
    family : {"lognormal", "normal"}
        Shape. A lognormal lies above ``low``.
    location : float
        Median (lognormal, counted from ``low``) or mean (normal).
    spread : float
        Lognormal: the factor that one standard deviation of the logarithm multiplies by. Normal:
        the standard deviation.
    low : float
        Lower end of a lognormal.
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
        centre, scale, low = self.numbers
        draws = centre + scale * rng.standard_normal(size)
        return low + np.exp(draws) if self.family == "lognormal" else draws

    def __str__(self) -> str:
        """Readable form, as in ``LogNormal(median: 0.25, factor: 2)``."""
        first, second = FAMILIES[self.family]
        family = {"lognormal": "LogNormal", "normal": "Normal"}[self.family]
        above = f", low: {self.low:g}" if self.low else ""
        return f"{family}({first}: {self.location:g}, {second}: {self.spread:g}{above})"

    @classmethod
    def parse(cls, entry: Any, place: str) -> Prior:
        """Read a prior as a card states it."""
        if not isinstance(entry, Mapping) or "family" not in entry:
            raise CardError(
                f"the prior {entry!r} has no family",
                place=place,
                remedy='Write { family = "lognormal", median = 0.25, factor = 2 }',
            )
        family = entry["family"]
        if not isinstance(family, str) or family not in FAMILIES:
            remedy = nearest(str(family), FAMILIES)
            raise CardError(f"unknown prior family {family!r}", place=place, remedy=remedy)
        names = FAMILIES[family]
        optional = {"low"} if family == "lognormal" else set()
        if not set(names) <= set(entry) <= {"family", *names, *optional}:
            found = sorted(set(entry) - {"family"})
            wanted = " and ".join(names)
            raise CardError(f"a {family} prior takes {wanted}, not {found}", place=place)
        for name in set(entry) - {"family"}:
            number = entry[name]
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise CardError(f"{name} = {number!r} is not a number", place=place)
            if not math.isfinite(number):
                raise CardError(f"{name} = {number!r} is not finite", place=place)
        location, spread = float(entry[names[0]]), float(entry[names[1]])
        if family == "lognormal" and (location <= 0 or spread <= 1):
            raise CardError(
                f"median = {location:g}, factor = {spread:g}",
                place=place,
                remedy="The median is positive and the factor above 1",
            )
        if family == "normal" and spread <= 0:
            raise CardError(f"sd = {spread:g}", place=place, remedy="It is positive")
        return cls(family, location, spread, float(entry.get("low", 0.0)))
