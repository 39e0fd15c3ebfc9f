"""What a run costs: formula strings over the vocabulary, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bayeslaw.formula import Expression, parse_expression


@dataclass(frozen=True)
class Cost:
    """A cost convention.

    Attributes
    ----------
    name : str
        Short name.
    formula : str
        Expression over canonical variables.
    unit : str
        What it counts.
    source : str
        Where the convention is stated.
    """

    name: str
    formula: str
    unit: str
    source: str

    @cached_property
    def expression(self) -> Expression:
        """The formula, checked."""
        return parse_expression(self.formula, place=f"cost {self.name!r}")


_KAPLAN = "Kaplan et al. 2020, arXiv:2001.08361, section 2.1: 6 FLOPs per parameter and token"

COSTS: dict[str, Cost] = {
    cost.name: cost
    for cost in (
        Cost("training", "6*N_a*D", "FLOPs", _KAPLAN + ", counting the active parameters"),
        Cost("training_dense", "6*N*D", "FLOPs", _KAPLAN),
    )
}
