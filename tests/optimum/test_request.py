"""Options of the wrong kind, and rules that mean nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda p: bl.optimum(p, at={"N": "30 billion"}), "N = '30 billion'"),
        (lambda p: bl.optimum(p, at={"N": [1e9, 2e9]}), "Give a number"),
        (
            lambda p: bl.optimum(p, at={"N": 1e9}, regret_tolerance="0.1"),
            "regret_tolerance = '0.1'",
        ),
        (lambda p: bl.optimum(p, at={"N": 1e9}, budget={"train_flops": 1e22}), "bl.Budget"),
        (lambda p: bl.optimum(p, at={"N": 1e9}, efficiency={"slope": 0.4}), "bl.EfficiencyRules"),
        (lambda p: bl.cheapest(p, "2.1"), "target = '2.1'"),
        (lambda p: bl.frontier(p, 1e20), "flops = 1e+20. Give a list"),
        (lambda p: bl.frontier(p, ["a"]), "flops = 'a'"),
        (lambda p: bl.Budget(caps=["N"]), "caps = "),
        (lambda p: bl.Budget(max_params=True), "max_params = True"),
        (lambda p: bl.decide(p, [{"G": 4}]), "candidates is a list. Give runs"),
        (lambda p: bl.decide(p, {"G": [4.0], "median": [1.0]}), "a column 'median'"),
        (lambda p: bl.decide(p, {"G": [4.0, 5.0], "cost": [1.0, np.nan]}), "cost = nan in row"),
        (
            lambda p: bl.decide(p, {"G": [4.0]}, budget=bl.Budget(inference_tokens=1e12)),
            "inference_tokens without lifetime_flops",
        ),
    ],
)
def test_what_is_no_number_or_of_another_kind(thin: bl.Posterior, ask: Any, said: str) -> None:
    with pytest.raises(RequestError, match=re.escape(said)):
        ask(thin)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"efficiency_tolerance": 0}, "efficiency_tolerance = 0"),
        ({"fraction": 1.5}, "fraction = 1.5"),
        ({"compute_share": -0.1}, "compute_share"),
    ],
)
def test_rules_that_mean_nothing(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        bl.EfficiencyRules(**rules)
