"""The canonical variables of scaling laws, and the constraints between them.

Cards map each paper's letters to these names; tables, optimisers and axes read domains, units and
constraints from here, so that each is written once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bayeslaw.core.errors import RequestError, refuse


@dataclass(frozen=True)
class Variable:
    """A quantity that describes a training run, with its unit as written on an axis."""

    name: str
    means: str
    unit: str = ""
    low: float = 0.0
    high: float = math.inf
    low_included: bool = False
    high_included: bool = False
    #: Values below it indicate an undeclared unit, such as a table in billions.
    smallest_plausible: float = 0.0
    #: Values above it are errors of a unit or of logging; squares of them can still be computed.
    largest_plausible: float = 1e100

    @property
    def includes_zero(self) -> bool:
        """Whether zero is a legal value, so that the variable has no logarithm."""
        return self.low < 0 or (self.low == 0 and self.low_included)

    @property
    def domain(self) -> str:
        """The domain as an interval, for messages."""
        left, right = "[" if self.low_included else "(", "]" if self.high_included else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def contains(self, value: float) -> bool:
        """Whether a value is in the domain."""
        above = value >= self.low if self.low_included else value > self.low
        below = value <= self.high if self.high_included else value < self.high
        return math.isfinite(value) and above and below


VOCABULARY: dict[str, Variable] = {
    variable.name: variable
    for variable in (
        Variable(
            "N", "total parameters", "parameters", smallest_plausible=1e5, largest_plausible=1e15
        ),
        Variable(
            "N_a",
            "parameters active per token",
            "parameters",
            smallest_plausible=1e5,
            largest_plausible=1e15,
        ),
        Variable("D", "training tokens", "tokens", smallest_plausible=1e6, largest_plausible=1e17),
        Variable(
            "G", "active experts per token, shared ones included", "experts", 1, low_included=True
        ),
        Variable("K", "routed experts active per token", "experts", 1, low_included=True),
        Variable("S", "shared experts over active experts", high=1, low_included=True),
        Variable("E", "number of experts", "experts", 1, low_included=True),
        Variable("activation", "activated over all experts", high=1, high_included=True),
        Variable("granularity", "d_ff / d_expert with d_ff = 4 d_model"),
        Variable(
            "sparsity", "share of experts that a token does not use", high=1, low_included=True
        ),
        Variable("C", "training FLOPs", "FLOPs", largest_plausible=1e35),
        Variable("loss", "cross-entropy", "nats per token"),
        Variable("loss_se", "standard error of the measured loss", low_included=True),
    )
}

#: Pairs (smaller, larger): the first never exceeds the second.
ORDERED: tuple[tuple[str, str], ...] = (("N_a", "N"), ("K", "E"))


def check_values(
    values: Mapping[str, float], *, place: str, typical: Mapping[str, float] | None = None
) -> None:
    """Refuse a configuration that no run can have."""
    for name, value in values.items():
        entry = variable(name)
        outside = f"{name} = {value:g} is outside {entry.domain}"
        least = min(entry.smallest_plausible, 1e-3 * (typical or {}).get(name, 0.0))
        raw = f"Give the raw count, such as {value:g}e9"
        refuse(
            place,
            (not entry.contains(value), outside, f"{name} is {entry.means}"),
            (value < least, f"{name} = {value:g} {entry.unit}", raw),
        )
    for small, large in ORDERED:
        if small in values and large in values and values[small] > values[large] * (1 + 1e-9):
            problem = f"{small} = {values[small]:g} exceeds {large} = {values[large]:.4g}"
            remedy = f"Give {large} too if it is fixed at the reference run"
            raise RequestError(problem, place=place, remedy=remedy)


def variable(name: str) -> Variable:
    """Look up a canonical variable; any other name is a positive number."""
    return VOCABULARY.get(name, Variable(name, name))
