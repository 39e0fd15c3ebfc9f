"""How far beyond the runs a configuration lies, in doublings, and what shape it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.runs.table import Runs

#: Variables that make a run larger; all others, and ratios of these, shape it.
SIZES = ("N", "N_a", "D", "C")
# A variable that never varied and has no logarithm counts as if it had varied this much.
_LEAST_SPAN = 0.1
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Direction:
    """A canonical variable, or a product or ratio of some; hashable and without numbers."""

    expression: Expression

    @classmethod
    def of(cls, text: str) -> Direction:
        """Read a direction."""
        return cls(parse_expression(text))

    @property
    def name(self) -> str:
        """As written."""
        return self.expression.text

    @property
    def logarithmic(self) -> bool:
        """Whether positions are logarithms: unless the variable can be zero."""
        single = len(self.expression.names) == 1
        return not (single and vocabulary.variable(self.name).includes_zero)

    @property
    def shapes(self) -> bool:
        """Whether it shapes a run rather than enlarge it: a ratio, or no size."""
        return "/" in self.name or (self.name not in SIZES and "*" not in self.name)

    def position(self, columns: Mapping[str, Any], xp: ModuleType = np) -> Any:
        """Where configurations are along it."""
        value = self.expression(columns, xp)
        return xp.log(value) if self.logarithmic else value


@dataclass(frozen=True)
class Axis:
    """A direction with the range, mean and standard deviation of the runs along it."""

    direction: Direction
    low: float
    high: float
    centre: float
    sd: float

    @classmethod
    def of(cls, direction: Direction, runs: Runs) -> Axis:
        """Where runs are along a direction."""
        columns = runs.columns(sorted(direction.expression.names))
        x = np.asarray(direction.position(columns), dtype=float)
        return cls(direction, float(x.min()), float(x.max()), float(x.mean()), float(x.std()))

    @property
    def name(self) -> str:
        """As written."""
        return self.direction.name

    @property
    def varied(self) -> bool:
        """Whether the runs vary along it."""
        return self.high - self.low > _ROUNDING

    def doublings(self, columns: Mapping[str, Any]) -> np.ndarray:
        """Doublings beyond the runs, on either side; of their span where there is no logarithm."""
        x = np.asarray(self.direction.position(columns), dtype=float)
        outside = np.maximum(np.maximum(x - self.high, self.low - x), 0.0)
        if self.direction.logarithmic:
            return np.asarray(outside / np.log(2.0))
        span = max(self.high - self.low, _LEAST_SPAN)
        return np.asarray(np.log2(1.0 + outside / span))


@dataclass(frozen=True)
class Reach:
    """The axes along which predictions can leave a table."""

    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, runs: Runs, variables: Sequence[str]) -> Reach:
        """The axes of some variables: each of them, compute, and ratios of sizes."""
        return cls(tuple(Axis.of(Direction.of(text), runs) for text in axis_texts(variables)))

    @property
    def shapes(self) -> tuple[Axis, ...]:
        """Axes that shape a run rather than enlarge it, and that the runs vary."""
        return tuple(axis for axis in self.axes if axis.direction.shapes and axis.varied)

    def doublings(self, columns: Mapping[str, Any]) -> np.ndarray:
        """Doublings beyond the runs along the furthest axis."""
        each = [axis.doublings(columns) for axis in self.axes]
        return np.asarray(np.max(np.stack(np.broadcast_arrays(*each)), axis=0))

    def furthest(self, columns: Mapping[str, Any]) -> tuple[str, float]:
        """Name of the furthest axis of one configuration, and the doublings along it."""
        each = {axis.name: float(np.max(axis.doublings(columns))) for axis in self.axes}
        name = max(each, key=lambda axis: each[axis])
        return name, each[name]


def axis_texts(variables: Sequence[str]) -> list[str]:
    """Each variable, compute, and the ratios that shape a model of them."""
    texts = list(variables)
    size = "N_a" if "N_a" in variables else "N"
    if size in variables and "D" in variables:
        texts += [f"{size}*D", f"D/{size}"]
    if {"N_a", "N"} <= set(variables):
        texts.append("N_a/N")
    return texts
