"""Budgets: numbers that no run has, and limits that contradict each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


@pytest.mark.parametrize("flops", [-1e21, 0, float("nan"), float("inf")])
def test_budgets_that_no_run_has(flops: float) -> None:
    with pytest.raises(RequestError, match=r"Budget: train_flops = .*Give a positive number"):
        bl.Budget(train_flops=flops)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"max_params": -1}, "max_params = -1"),
        ({"max_params": float("inf")}, "max_params = inf"),
        ({"caps": {"N": 0}}, "N = 0"),
        ({"train_flops": 1e22, "lifetime_flops": 1e22}, "both given"),
        ({"lifetime_flops": 1e22}, "without inference_tokens"),
        ({"train_flops": 1e22, "inference_tokens": 1e12}, "both given"),
        ({"bytes_per_param": 0}, "bytes_per_param = 0"),
    ],
)
def test_budgets_that_mean_nothing(budget: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        bl.Budget(**budget)


def test_numbers_of_a_table_are_numbers() -> None:
    budget = bl.Budget(max_params=np.int64(10**11), train_flops=np.float32(1e22))
    assert budget.max_params == 1e11
    assert type(budget.train_flops) is float


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no cap on N": (
        {"budget": {"train_flops": 1e24}},
        ["N is neither fixed nor capped", "--max-params", "--max-memory", "N <= r*N_a", "cost="],
    ),
    "N freed without a cap": (
        {"budget": {"train_flops": 1e24}, "free": ["N", "N_a", "D"]},
        [
            "the optimum of zhao2025 is unbounded: its loss decreases monotonically in N",
            "--max-params",
            "bytes of memory",
        ],
    ),
    "fixed beyond a cap": (
        {"at": {"N": 2e11}, "budget": {"train_flops": 1e24, "max_params": 1e11}},
        ["N = 2e+11 violates max_params (N <= 1e+11)", "raise max_params"],
    ),
    "two fixed beyond a ratio": (
        {"at": {"N": 1e11, "N_a": 1e9}, "budget": {"max_total_per_active": 20}},
        ["N = 1e+11 and N_a = 1e+09 violates max_total_per_active (N/N_a <= 20)"],
    ),
    "caps in conflict": (
        {
            "at": {"N": 1e11},
            "budget": {"train_flops": 1e24, "max_total_per_active": 10, "caps": {"N_a/D": 1e-5}},
        },
        ["no configuration satisfies", "train_flops"],
    ),
    "a ratio against a cap": (
        {
            "at": {"N": 1e12},
            "budget": {"train_flops": 1e24, "max_active": 1e10, "max_total_per_active": 10},
        },
        ["no configuration satisfies max_total_per_active (N/N_a <= 10)", "max_active"],
    ),
    "a cap on what the law lacks": (
        {"at": {"N": 1e11}, "budget": {"caps": {"E": 64}}},
        ["zhao2025 has no variable 'E', which E <= 64 limits", "N, N_a, D, G, S"],
    ),
    "a cap that is no expression": (
        {"at": {"N": 1e11}, "budget": {"caps": {"N +": 64}}},
        ["caps"],
    ),
    "inference without a total": (
        {"at": {"N": 1e11}, "budget": {"inference_tokens": 1e12}},
        ["inference_tokens without lifetime_flops"],
    ),
    "inference that eats everything": (
        {
            "at": {"N": 1e11, "N_a": 1e10},
            "budget": {"lifetime_flops": 1e22, "inference_tokens": 1e13},
            "free": ["G", "D"],
        },
        ["no configuration satisfies lifetime_flops"],
    ),
    "within nothing": (
        {"at": {"N": 1e11}, "regret_tolerance": 0},
        ["regret_tolerance = 0", "positive"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(thin: bl.Posterior, case: str) -> None:
    options, parts = REFUSED[case]

    def ask() -> None:
        bl.optimum(thin, **{**options, "budget": bl.Budget(**options.get("budget", {}))})

    with pytest.raises(bl.BayesLawError) as caught:
        ask()
    for part in parts:
        assert part in str(caught.value)
