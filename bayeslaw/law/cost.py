"""What a run costs: formula strings over the vocabulary, each with its source."""

from __future__ import annotations

import ast
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.formula.simplify import substitute

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cost:
    """A cost convention: a formula over canonical variables, and what its source leaves open."""

    name: str
    formula: str
    source: str
    lacks: str = ""
    unit: str = "FLOPs"

    @cached_property
    def expression(self) -> Expression:
        """The formula, checked."""
        return parse_expression(self.formula, place=f"cost {self.name!r}")


_KAPLAN = "Kaplan et al. 2020, arXiv:2001.08361, section 2.1: 6 FLOPs per parameter and token"

COSTS: dict[str, Cost] = {
    cost.name: cost
    for cost in (
        Cost("training", "6*N_a*D", _KAPLAN + ", counting the active parameters"),
        Cost("training_dense", "6*N*D", _KAPLAN),
        Cost(
            "training_sparse",
            "6*N*(1 - sparsity)*D",
            "Abnar et al. 2025, arXiv:2501.12370: every parameter is taken to belong to experts",
        ),
        Cost(
            "krajewski2024",
            # (72 d^2 + 14 d E G) n_b D with N = d^2 (8 E + 4) n_b and d = 64 n_b, written in N.
            "D*(72*N/(8*E + 4) + 896*E*granularity*(N/(4096*(8*E + 4)))**(2/3))",
            "Krajewski et al. 2024, arXiv:2402.07871: experts, attention and router of a model "
            "with d_model = 64 n_blocks",
        ),
        Cost(
            "hunyuan2024",
            "9.59*N_a*D + 2.3e8*D",
            "Sun et al. 2024, arXiv:2411.02265: with attention over long sequences",
        ),
        Cost(
            "training_looped",
            "6*(N_a + (R - 1)*N_loop)*D",
            "6 FLOPs per parameter, token and pass, after Kaplan et al. 2020, arXiv:2001.08361",
            "Our count: every pass but the first goes through the N_loop parameters of the looped "
            "block again; the convention of arXiv:2609.40316 is not known to us",
        ),
        Cost(
            "tiled_ensemble",
            "6*N_a*D*(shared + members*(1 - shared))",
            "Allingham et al. 2021, arXiv:2110.03360: one pass up to the first tiled layer, then "
            "one for each member",
            "The paper reports FLOPs of whole models (up to 45% fewer than a deep ensemble), not "
            "the share of a member's FLOPs that lies before the first tiled layer: give it as "
            "'shared', and the number of members as 'members'",
        ),
        Cost(
            "expert_prototyping",
            "6*N_one*D",
            "Yang et al. 2021, arXiv:2105.15082 (M6-T): k groups of top-1 routing at the constant "
            "capacity T/E, so that G = k experts are active at the FLOPs of one",
            "The paper states no parameter count for it: give the parameters that are active with "
            "one expert as 'N_one'",
        ),
    )
}


def lifetime(cost: Cost) -> Cost:
    """The cost of training and of serving ``inference_tokens`` together.

    A served token goes forward only, which is a third of what it costs in training (2 of 6 FLOPs
    per parameter; Kaplan et al. 2020, arXiv:2001.08361, section 2.1).
    """
    if "D" not in cost.expression.names:
        problem = f"the cost {cost.name!r}, {cost.formula}, does not count tokens"
        raise RequestError(problem, place="lifetime_flops", remedy="Give a cost that reads D")
    served = substitute(cost.expression, {"D": ast.Name("inference_tokens")})
    formula = f"{cost.formula} + ({ast.unparse(served.tree)})/3"
    return replace(cost, name=f"{cost.name}, lifetime", formula=formula)


@public
def costs() -> pd.DataFrame:
    """Every cost convention.

    Returns
    -------
    pandas.DataFrame
        A row a convention: formula, unit, source, and what the source leaves open.
    """
    import pandas as pd

    return pd.DataFrame([asdict(cost) for cost in COSTS.values()]).set_index("name")
