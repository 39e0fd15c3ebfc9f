"""Requests made definite: what is free, spent and bounded, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import Request

REFUSED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "fixed and free": (
        "zhao2025",
        {"at": {"N": 1e9, "G": 4}, "free": ["G"]},
        ["G is both fixed at 4 and free", "Remove G from at= or from free="],
    ),
    "unknown, at": (
        "zhao2025",
        {"at": {"n": 1e9}},
        ["at: zhao2025 has no variable 'n'", "Did you mean 'N'?"],
    ),
    "unknown, free": (
        "zhao2025",
        {"at": {"N": 1e9}, "free": ["granularity"]},
        ["free: zhao2025 has no variable 'granularity'", "N, N_a, D, G, S"],
    ),
    "S outside": (
        "zhao2025",
        {"at": {"N": 1e9, "S": 1.0}},
        ["at: S = 1 is outside [0, 1)", "shared experts over active experts"],
    ),
    "G outside": ("zhao2025", {"at": {"N": 1e9, "G": 0.5}}, ["G = 0.5 is outside [1, inf)"]),
    "N zero": ("zhao2025", {"at": {"N": 0}}, ["N = 0 is outside (0, inf)", "total parameters"]),
    "N negative": ("zhao2025", {"at": {"N": -1e9}}, ["N = -1e+09 is outside (0, inf)"]),
    "N not a number": ("zhao2025", {"at": {"N": float("nan")}}, ["N = nan is outside"]),
    "N infinite": ("zhao2025", {"at": {"N": float("inf")}}, ["N = inf is outside"]),
    "N_a above N": (
        "zhao2025",
        {"at": {"N": 1e9, "N_a": 2e9}},
        ["at: N_a = 2e+09 exceeds N = 1e+09"],
    ),
    "N and N_a free": (
        "zhao2025",
        {"free": ["N", "N_a"]},
        [
            "the optimum of zhao2025 is unbounded: its loss decreases monotonically in N",
            "--max-params",
            "--max-memory",
        ],
    ),
    "budget without N": (
        "zhao2025",
        {"budget": bl.Budget(train_flops=1e21)},
        ["N is neither fixed nor capped: the cost depends on N_a, but not on N", "--at N=..."],
    ),
    "nothing left to spend on": (
        "chinchilla",
        {"at": {"N": 1e9, "D": 1e10}, "budget": bl.Budget(train_flops=1e20)},
        ["train_flops fixes nothing: 6*N*D has no free variable", "leave out the budget"],
    ),
    "nothing free": (
        "zhao2025",
        {"at": {"N": 1e9, "G": 4, "S": 0.1, "N_a": 1e8}},
        ["nothing is left to choose: all variables are fixed", "Remove a variable from at="],
    ),
    "nothing named": (
        "zhao2025",
        {"at": {"N": 1e9}, "free": []},
        ["nothing is left to choose", "name one in free="],
    ),
    "all but one, and a budget": (
        "chinchilla",
        {"at": {"N": 1e9}, "budget": bl.Budget(train_flops=1e20)},
        ["nothing is left to choose: D follows from the budget"],
    ),
    "unbounded N": (
        "zhao2025",
        {"free": ["N"]},
        ["zhao2025 is unbounded", "decreases monotonically in N in 100% of draws", "Fix N"],
    ),
    "chinchilla without budget": (
        "chinchilla",
        {},
        [
            "chinchilla is unbounded: its loss decreases monotonically in N and D",
            "Fix N (at={'N': ...}",
            "Budget(train_flops=...)",
        ],
    ),
    "chinchilla at fixed N": (
        "chinchilla",
        {"at": {"N": 1e9}},
        ["chinchilla is unbounded: its loss decreases monotonically in D", "--train-flops"],
    ),
    "interval": (
        "zhao2025",
        {"at": {"N": 1e9}, "ci_prob": 89},
        ["ci_prob = 89", "Between 0 and 1"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(thin: bl.Posterior, dense: bl.Posterior, case: str) -> None:
    law, options, parts = REFUSED[case]
    with pytest.raises(RequestError) as caught:
        bl.optimum({"zhao2025": thin, "chinchilla": dense}[law], **options)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("name", ["cheapest", "frontier", "optimum"])
@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"at": {"n": 1e9}}, ", at"),
        ({"free": ["n"]}, ", free"),
        ({"at": {"N": 3}}, ", at"),
        ({"at": {"N": 1e9}, "free": ["N"]}, ""),
        ({"at": {"N": 1e9}, "budget": bl.Budget(max_params=1e8)}, ", at and budget"),
        ({"budget": bl.Budget(caps={"G": 4})}, ", budget"),
    ],
)
def test_an_error_names_the_call(
    dense: bl.Posterior, name: str, options: dict[str, Any], place: str
) -> None:
    calls: dict[str, Any] = {
        "cheapest": lambda **options: bl.cheapest(dense, 2.5, **options),
        "frontier": lambda **options: bl.frontier(dense, [1e21], **options),
        "optimum": lambda **options: bl.optimum(dense, **options),
    }
    with pytest.raises(RequestError) as caught:
        calls[name](**options)
    assert caught.value.place == name + place


def test_a_variable_freed_twice_is_free_once(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, at={"N": 3e9}, free=["G", "G"])
    assert answer.quantities["G"].status == "interior"


def test_active_parameters_above_a_held_total(thin: bl.Posterior) -> None:
    # Nothing was said of N, which stands at the reference run, far below.
    with pytest.raises(RequestError, match="N_a"):
        bl.optimum(thin, at={"N_a": 5e10})


def test_a_size_in_billions_asks_for_the_unit(thin: bl.Posterior) -> None:
    with pytest.raises(RequestError, match="30"):
        bl.optimum(thin, at={"N": 30})


def test_tokens_are_what_a_budget_buys() -> None:
    """In krajewski2024 too, whose cost is straight in its granularity as well."""
    law = bl.law("krajewski2024")
    runs = bl.simulate(law, rows=40, seed=1)
    reference = bl.ReferenceRun.of(runs, law.variables)
    problem = pose(law, reference, Request.of("optimum", {"E": 64}, bl.Budget(train_flops=1e21)))
    assert problem.structure.spent == "D"
    assert set(problem.structure.free) == {"N", "granularity"}


def test_more_is_always_better_of_n(thin: bl.Posterior) -> None:
    """zhao2025 falls in N for ever: under a cap every draw stands at it."""
    answer = bl.optimum(thin, budget=bl.Budget(train_flops=1e24, max_params=1e11))
    assert answer.quantities["N"].shares["at_bound"] == 1
    assert answer.active_caps["max_params"] == 1
    # The ratio is chosen, though one of its two stands at a cap.
    assert answer.quantities["N_a/N"].status == "interior"
    assert {"N", "N_a", "D", "G", "S", "N_a/N"} == set(answer.quantities)


def test_sparsity_has_no_best_value_without_a_cap_on_parameters() -> None:
    """abnar2025 at fixed compute: ever more, ever sparser parameters are ever better."""
    law = bl.law("abnar2025")
    posterior = bl.fit(bl.simulate(law, rows=60, seed=1), law, method="mode", seed=1)
    flops = bl.Budget(train_flops=1e21)
    with pytest.raises(
        RequestError,
        match=r"abnar2025 is unbounded: its loss decreases monotonically in N.*max_params",
    ):
        bl.optimum(posterior, budget=flops)
    capped = bl.optimum(posterior, budget=bl.Budget(train_flops=1e21, max_params=1e11))
    assert capped.quantities["N"].status == "at_bound"
    assert 0.9 < capped.quantities["sparsity"].median < 1


def test_at_least_is_a_cap_on_the_inverse(thin: bl.Posterior) -> None:
    free = bl.optimum(thin, at={"N": 3e10})
    least = 1.5 * free.quantities["N_a/N"].median
    budget = bl.Budget(caps={"1/N_a": 1 / (least * 3e10)})
    answer = bl.optimum(thin, at={"N": 3e10}, budget=budget)
    assert answer.quantities["N_a/N"].median == pytest.approx(least, rel=1e-6)
