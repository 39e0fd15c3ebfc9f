"""The error of a law beyond its runs: learned from public tables, updated by a table's own.

Laws fitted to the smaller runs of a table miss its larger ones by more than their posterior allows,
and alike: errors of one table are shared. An error of log loss is drawn once for a table. It grows
with the doublings beyond the runs and tilts with the shape of a model, so that it moves optima; its
scale has a prior over tables.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any, Literal

import numpy as np
from scipy.special import logsumexp

from bayeslaw.runs.reach import Direction, Reach

Of = Literal["law", "mixture"]
#: Grid of the logarithm of a scale, and its half width in standard deviations of the prior.
_GRID, _WIDE = 61, 5.0


@dataclass(frozen=True)
class ExtrapolationPrior:
    """How badly laws extrapolate, over tables.

    Attributes
    ----------
    scale, spread : float
        Median over tables, and standard deviation of its logarithm, of the error of log loss one
        doubling beyond the runs.
    power : float
        Growth of the error with the number of doublings.
    tilt : float
        Size of its slope along a standard deviation of each shape, over that of its level.
    degrees : float
        Degrees of freedom of the Student-t that the error follows.
    """

    scale: float
    power: float
    spread: float
    tilt: float
    degrees: float = 5.0

    @property
    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the scale, and their log probabilities before any data."""
        log_scale = np.log(self.scale) + self.spread * np.linspace(-_WIDE, _WIDE, _GRID)
        density = -0.5 * np.linspace(-_WIDE, _WIDE, _GRID) ** 2
        return log_scale, density - logsumexp(density)

    def draw(
        self,
        reach: Reach,
        size: int,
        rng: np.random.Generator,
        likelihood: np.ndarray | float = 0.0,
    ) -> ExtrapolationError:
        """Draw errors, given the log likelihood of the scale at the points of ``grid``."""
        log_scale, density = self.grid
        weight = np.exp(density + likelihood - logsumexp(density + likelihood))
        step = log_scale[1] - log_scale[0]
        scale = rng.choice(log_scale, size, p=weight) + step * rng.uniform(-0.5, 0.5, size)
        heavy = np.sqrt(self.degrees / rng.chisquare(self.degrees, size))
        shapes = [axis.name for axis in reach.shapes]
        return ExtrapolationError(
            prior=self,
            scale=np.exp(scale),
            level=heavy * rng.standard_normal(size),
            tilt={name: heavy * rng.standard_normal(size) for name in shapes},
        )


@dataclass(frozen=True, eq=False)
class ExtrapolationError:
    """Draws of the error that a law has beyond the runs.

    Attributes
    ----------
    prior : ExtrapolationPrior
        What its scale is drawn from, before the table's own errors.
    scale, level : ndarray of shape (draws,)
        Error of log loss one doubling beyond the runs, and its standardised value.
    tilt : dict of str to ndarray of shape (draws,)
        Standardised slopes by shape.
    """

    prior: ExtrapolationPrior
    scale: np.ndarray
    level: np.ndarray
    tilt: dict[str, np.ndarray]

    def log_error(self, reach: Reach, columns: Mapping[str, Any]) -> np.ndarray:
        """Error of log loss at configurations, of shape (draws, configurations)."""
        wide = {name: values[:, None] for name, values in self.coefficients(reach).items()}
        shapes = [axis.direction for axis in reach.shapes]
        size = self.scale[:, None] * reach.doublings(columns) ** self.prior.power
        return np.asarray(size * standardised(shapes, columns, wide))

    def coefficients(self, reach: Reach) -> dict[str, np.ndarray]:
        """What ``standardised`` reads, by name, each of shape (draws,)."""
        values = {LEVEL: self.level}
        for axis in reach.shapes:
            values[TILT + axis.name] = self.tilt[axis.name]
            for head, number in ((CENTRE, axis.centre), (WIDTH, axis.sd / self.prior.tilt)):
                values[head + axis.name] = np.full(len(self.level), number)
        return values

    def to_dict(self) -> dict[str, Any]:
        """The prior as plain data, and quantiles of the scale."""
        low, median, high = np.quantile(self.scale, [0.055, 0.5, 0.945])
        return {**asdict(self.prior), "updated": [float(low), float(median), float(high)]}


#: Heads of the names that coefficients of the error have beside those of a law.
LEVEL, TILT, CENTRE, WIDTH = "error level", "error tilt ", "error centre ", "error width "


def standardised(
    shapes: Sequence[Direction],
    columns: Mapping[str, Any],
    coefficients: Mapping[str, Any],
    xp: ModuleType = np,
) -> Any:
    """The error over its scale: as large for every shape, and smooth between shapes."""
    total, squared = coefficients[LEVEL], 1.0
    for shape in shapes:
        u = shape.position(columns, xp) - coefficients[CENTRE + shape.name]
        scaled = u / coefficients[WIDTH + shape.name]
        total = total + coefficients[TILT + shape.name] * scaled
        squared = squared + scaled**2
    return total / xp.sqrt(squared)


@cache
def field_prior(of: Of = "law") -> ExtrapolationPrior:
    """The prior learned from public tables, of one law or of a mixture of laws."""
    text = resources.files("bayeslaw.model").joinpath("field_prior.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return ExtrapolationPrior(**data[of], degrees=data["degrees"])
