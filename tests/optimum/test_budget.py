"""Optima under budgets and caps: closed forms, brute force, first-order conditions, refusals."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.quantile_search import EXACT
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.search import Solution, minimise


@pytest.fixture(scope="module")
def thin(posterior: bl.Posterior) -> bl.Posterior:
    """Fifty draws a chain of the session's posterior."""

    def part(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value[:, :50] for name, value in values.items()}

    return replace(posterior, draws=part(posterior.draws), stats=part(posterior.stats))


def solve(problem: Problem, draws: dict[str, np.ndarray]) -> Solution:
    """The search for one problem."""
    return minimise([problem], draws)[0]


def at_optimum(posterior: bl.Posterior, **budget: Any) -> tuple[Any, dict[str, np.ndarray], Any]:
    """The problem, every draw's configuration, and the solution."""
    request = Request.of("optimum", budget=bl.Budget(**budget))
    problem = pose(posterior.law, posterior.reference, request)
    solution = solve(problem, posterior.coefficients())
    assert solution.converged.all()
    return problem, problem.columns(solution.x), solution


CAPPED: dict[str, dict[str, Any]] = {
    "parameters": {"train_flops": 1e24, "max_params": 1e11},
    "parameters and tokens": {"train_flops": 1e24, "max_params": 1e11, "max_tokens": 2e12},
    "all at once": {
        "train_flops": 1e24,
        "max_params": 1e12,
        "max_tokens": 2e12,
        "max_active": 2e10,
        "max_total_per_active": 20,
    },
    "a ratio alone": {"train_flops": 1e23, "max_total_per_active": 10},
    "tokens per active parameter": {
        "train_flops": 1e24,
        "max_params": 1e11,
        "max_tokens_per_active": 50,
    },
    "memory": {"train_flops": 1e24, "max_memory": 80e9, "bytes_per_param": 1},
    "lifetime": {"lifetime_flops": 1e24, "inference_tokens": 1e13, "max_params": 1e11},
    "a cap of one's own": {"train_flops": 1e23, "caps": {"N**0.5 * D**0.25": 1e9}},
}


@pytest.mark.parametrize("case", CAPPED)
def test_no_configuration_within_the_limits_is_better(thin: bl.Posterior, case: str) -> None:
    """Random legal configurations, near and far, lose against every draw's optimum."""
    budget = CAPPED[case]
    _, columns, _ = at_optimum(thin, **budget)
    law, raw = thin.law, thin.coefficients()
    best = law.form.predict(columns, raw)
    rng = np.random.default_rng(3)
    size = (4000, len(best))
    other = {
        name: values * np.exp(rng.normal(0, rng.choice([0.01, 0.1, 1.0], size), size))
        for name, values in columns.items()
        if name != "inference_tokens"
    }
    other["G"] = np.maximum(other["G"], 1)
    other["S"] = np.clip(columns["S"] + rng.normal(0, 0.1, size), 0, 0.999)
    spent = 6 * other["N_a"] * (other["D"] + budget.get("inference_tokens", 0.0) / 3)
    legal = spent <= (budget.get("train_flops") or budget["lifetime_flops"])
    legal &= other["N_a"] <= other["N"]
    for cap in bl.Budget(**budget).limits:
        legal &= cap.expression(other) <= cap.limit
        # The optimum keeps it too.
        assert (cap.expression(columns) <= cap.limit * (1 + 1e-9)).all()
    assert (columns["N_a"] <= columns["N"] * (1 + 1e-9)).all()
    assert legal.mean() > 0.001
    value = np.where(legal, law.form.predict(other, raw), np.inf)
    # As exact as a minimum is: second order in a gradient of 1e-9.
    assert (value - best).min() > -1e-9


@pytest.mark.parametrize("case", CAPPED)
def test_starts_do_not_matter_under_caps(thin: bl.Posterior, case: str) -> None:
    problem, _, solution = at_optimum(thin, **CAPPED[case])
    raw = thin.coefficients()
    for start in problem.starts[1:]:
        other = solve(replace(problem, starts=start[None]), raw)
        assert other.converged.all()
        np.testing.assert_allclose(other.x, solution.x, rtol=0, atol=2e-6)


def test_a_cap_on_memory_is_one_on_parameters(thin: bl.Posterior) -> None:
    _, memory, _ = at_optimum(thin, train_flops=1e23, max_memory=80e9, bytes_per_param=2)
    _, plain, _ = at_optimum(thin, train_flops=1e23, max_params=40e9)
    for name in ("N", "N_a", "D", "G", "S"):
        np.testing.assert_allclose(memory[name], plain[name], rtol=1e-6)


def test_more_is_always_better_of_n(thin: bl.Posterior) -> None:
    """zhao2025 falls in N for ever: under a cap every draw stands at it."""
    answer = bl.optimum(thin, budget=bl.Budget(train_flops=1e24, max_params=1e11))
    assert answer.quantities["N"].shares["at_bound"] == 1
    assert answer.active_caps["max_params"] == 1
    # The ratio is chosen, though one of its two stands at a cap.
    assert answer.quantities["N_a/N"].status == "interior"
    assert {"N", "N_a", "D", "G", "S", "N_a/N"} == set(answer.quantities)


def test_how_far_the_answer_lies_beyond_the_runs(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, budget=bl.Budget(train_flops=1e24, max_params=1e11))
    for name in ("N", "N_a", "D"):
        far = answer.quantities[name].median / thin.runs.column(name).max()
        assert answer.extrapolation_factor[name] == pytest.approx(far)
    assert answer.extrapolation_factor["G"] == answer.extrapolation_factor["S"] == 1


def test_published_losses_at_fixed_compute(thin: bl.Posterior) -> None:
    """Loss 2.060, 2.000, 1.960, 1.945 at N = 1e11, 1e12, 1e14, 1e17 for 1e24 FLOPs."""
    law = thin.law
    for N, wanted in ((1e11, 2.060), (1e12, 2.000), (1e14, 1.960), (1e17, 1.945)):
        request = Request.of("optimum", {"N": N}, bl.Budget(train_flops=1e24), ["G", "S", "N_a"])
        problem = pose(law, thin.reference, request)
        raw = {name: np.array([value]) for name, value in law.published().items()}
        solution = solve(problem, raw)
        columns = problem.columns(solution.x)
        assert float(law.form.predict(columns, raw)[0]) == pytest.approx(wanted, abs=6e-4)


def test_what_training_leaves_follows_from_lifetime(thin: bl.Posterior) -> None:
    """6 N_a D + 2 N_a T is spent to the last; serving more makes the model smaller."""
    active = []
    for served in (1e11, 1e13, 1e14):
        _, columns, _ = at_optimum(
            thin, lifetime_flops=1e24, inference_tokens=served, max_params=1e11
        )
        spent = 6 * columns["N_a"] * columns["D"] + 2 * columns["N_a"] * served
        np.testing.assert_allclose(spent, 1e24, rtol=1e-9)
        active.append(np.median(columns["N_a"]))
    assert active[0] > active[1] > active[2]


def test_tokens_that_are_capped_leave_flops_unspent(thin: bl.Posterior) -> None:
    """With 1e9 tokens and at most 1e10 active parameters, 1e22 FLOPs cannot be spent."""
    problem, columns, solution = at_optimum(
        thin, train_flops=1e22, max_params=1e11, max_tokens=1e9, max_active=1e10
    )
    np.testing.assert_allclose(columns["D"], 1e9, rtol=1e-6)
    assert (6 * columns["N_a"] * columns["D"] < 1e21).all()
    assert not solution.at_cap[:, problem.names.index("train_flops")].any()


def test_budgets_at_once_are_budgets_one_by_one(thin: bl.Posterior) -> None:
    raw, amounts = thin.coefficients(), [1e21, 1e23, 1e25]
    capped = Request.of("optimum", budget=bl.Budget(max_params=1e11))
    problems = [pose(thin.law, thin.reference, capped.spending(amount)) for amount in amounts]
    together = minimise(problems, raw)
    for problem, found in zip(problems, together, strict=True):
        np.testing.assert_allclose(found.x, solve(problem, raw).x, atol=1e-6)


def test_the_frontier_is_an_optimum_at_each_budget(thin: bl.Posterior) -> None:
    frontier = bl.frontier(thin, [1e21, 1e24], budget=bl.Budget(max_params=1e11))
    for amount, one in zip(frontier.flops, frontier.optima, strict=True):
        alone = bl.optimum(thin, budget=bl.Budget(train_flops=amount, max_params=1e11))
        assert one.budget == alone.budget
        for name, quantity in alone.quantities.items():
            assert one.quantities[name].median == pytest.approx(quantity.median, rel=1e-6)
    assert frontier.caps == "max_params (N <= 1e+11)"
    frame = frontier.to_frame()
    assert list(frame.index.names) == ["flops", "quantity"]
    assert frame.loc[(1e24, "N"), "median"] == pytest.approx(1e11)
    runs = thin.runs
    largest = (6 * runs.column("N_a") * runs.column("D")).max()
    assert frontier.largest == pytest.approx(largest)


def test_a_law_with_two_valleys_is_searched_from_every_start() -> None:
    """A double well in ln x, deeper on the side that a draw's tilt says."""
    law = bl.Law.from_formula(
        "E + A*((ln(N) - 20)**2 - 4)**2 + B*(ln(N) - 20) + C/D**b", variables=["N", "D"]
    ).with_priors(
        E={"family": "lognormal", "median": 2, "factor": 2},
        A={"family": "lognormal", "median": 0.05, "factor": 2},
        B={"family": "normal", "mean": 0, "sd": 0.1},
        C={"family": "lognormal", "median": 10, "factor": 2},
        b={"family": "lognormal", "median": 0.3, "factor": 2},
    )
    tilts = np.array([-0.02, 0.02, -0.01, 0.01] * 50)
    raw = {
        "E": np.full(200, 2.0),
        "A": np.full(200, 0.05),
        "B": tilts,
        "C": np.full(200, 10.0),
        "b": np.full(200, 0.3),
    }
    table = {"N": np.geomspace(1e7, 1e10, 20), "D": np.geomspace(1e9, 1e11, 20)}
    runs = bl.read_runs(pd.DataFrame({**table, "loss": np.linspace(4, 3, 20)}))
    reference = bl.Reference.of(runs, law.variables)
    problem = pose(
        law, reference, Request.of("optimum", {"D": 1e10}, bl.Budget(max_params=1e11), ["N"])
    )
    solution = solve(problem, raw)
    assert solution.converged.all()
    np.testing.assert_array_equal(solution.x[:, 0] > 20, tilts < 0)


@pytest.mark.parametrize("E", [1.0, 8.0, 32.0])
def test_every_draw_of_the_joint_law_is_the_closed_form(E: float) -> None:
    """At fixed E it is m N^mu + n D^nu + c, whose optimum at C = 6 N D is Chinchilla's."""
    law = bl.law("ludziejewski2025")
    runs = bl.simulate(law, rows=40, seed=1)
    rng = np.random.default_rng(2)
    raw = {k: v * np.exp(0.02 * rng.standard_normal(200)) for k, v in law.published().items()}
    reference = bl.Reference.of(runs, law.variables)
    flops = 1e22
    budget = bl.Budget(train_flops=flops)
    problem = pose(law, reference, Request.of("optimum", {"E": E}, budget))
    solution = solve(problem, raw)
    assert solution.converged.all()
    columns = problem.columns(solution.x)
    shift = 1 / (1 / raw["E_start"] - 1 / raw["E_max"])
    hat = 1 / (1 / (E - 1 + shift) + 1 / raw["E_max"])
    mu = -(raw["alpha"] + raw["gamma"] * np.log(hat))
    nu = -(raw["beta"] + raw["zeta"] * np.log(hat))
    m, n = raw["a"] * hat ** raw["delta"], raw["b"] * hat ** raw["omega"]
    scale = (mu * m / (nu * n)) ** (1 / (mu + nu))
    N = scale * (flops / 6) ** (nu / (mu + nu))
    np.testing.assert_allclose(np.log(columns["N_a"]), np.log(N), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.log(columns["D"]), np.log(flops / 6 / N), rtol=0, atol=1e-6)


def test_memory_decides_between_numbers_of_experts() -> None:
    """ludziejewski2025's table once more, as a decision among configurations that fit."""
    law = bl.law("ludziejewski2025")
    table, vocabulary = [], 50257
    for blocks in np.geomspace(2, 200, 400):
        for experts in (1, 2, 4, 8, 16, 32):
            width = 64 * blocks
            active = 2 * width * vocabulary + 13 * blocks * width**2
            total = 2 * width * vocabulary + (4 + 9 * experts) * blocks * width**2
            table.append((active, float(experts), total))
    given = pd.DataFrame(table, columns=["N_a", "E", "total"])
    runs = bl.simulate(law, rows=40, seed=1)
    posterior = bl.fit(runs, law, method="mode", seed=1)
    published = {k: np.full((1, 1), v) for k, v in law.published().items()}
    posterior = replace(posterior, draws={**posterior.draws, **published})
    published_best = {(1e22, 24e9): 4, (1e22, 640e9): 32, (1e23, 24e9): 1, (1e24, 80e9): 1}
    for (flops, memory), best in published_best.items():
        answer = bl.decide(
            posterior,
            given,
            budget=bl.Budget(train_flops=flops, caps={"2*total": memory}),
        )
        assert answer.frame.iloc[0]["E"] == best
        assert (2 * answer.frame["total"] <= memory).all()
        assert any(note.code == "left_out" for note in answer.notes)


def test_what_moves_along_a_cap_has_no_range_of_its_own(thin: bl.Posterior) -> None:
    """With N = 20 N_a binding, neither can leave its optimum alone; G and S can."""
    budget = bl.Budget(train_flops=1e22, max_total_per_active=20)
    answer = bl.optimum(thin, budget=budget)
    assert set(answer.near_optimal) == {"G", "S"}
    (note,) = [note for note in answer.notes if note.code == "moves_along_a_cap"]
    assert (
        "near-optimal ranges are not reported for N and N_a: an active cap ties them"
        in note.message
    )


def test_tokens_are_what_a_budget_buys() -> None:
    """In krajewski2024 too, whose cost is straight in its granularity as well."""
    law = bl.law("krajewski2024")
    runs = bl.simulate(law, rows=40, seed=1)
    reference = bl.Reference.of(runs, law.variables)
    problem = pose(law, reference, Request.of("optimum", {"E": 64}, bl.Budget(train_flops=1e21)))
    assert problem.structure.spent == "D"
    assert set(problem.structure.free) == {"N", "granularity"}


def test_sparsity_has_no_best_value_without_a_cap_on_parameters() -> None:
    """abnar2025 at fixed compute: ever more, ever sparser parameters are ever better."""
    law = bl.law("abnar2025")
    posterior = bl.fit(bl.simulate(law, rows=60, seed=1), law, method="mode", seed=1)
    flops = bl.Budget(train_flops=1e21)
    with pytest.raises(RequestError, match=r"abnar2025 has no best N.*max_params"):
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


def test_rules_keep_to_the_caps(thin: bl.Posterior) -> None:
    """.22 of the best would be .087, where at most four times as many may be idle."""
    budget = bl.Budget(max_total_per_active=4)
    rules = bl.optimum(thin, at={"N": 3e10}, budget=budget).efficient
    np.testing.assert_allclose(rules["0.22 of the best"].draws, 0.25, rtol=1e-5)


# --- rules and near-optimal sets --------------------------------------------------------------


@pytest.mark.parametrize(
    ("N", "slope"), [(20e9, 0.096), (30e9, 0.089), (100e9, 0.070), (671e9, 0.049), (1e12, 0.045)]
)
def test_the_rules_reproduce_the_papers_shares(thin: bl.Posterior, N: float, slope: float) -> None:
    """Slope as in laws.md; the fraction agrees with it within a twentieth."""
    rules = bl.optimum(thin, at={"N": N}).efficient
    assert rules["slope 0.4"].published == pytest.approx(slope, abs=6e-4)
    assert rules["0.22 of the best"].published == pytest.approx(slope, rel=0.05)


def test_the_tolerance_at_two_sizes(thin: bl.Posterior) -> None:
    """Within .01 nats: 18% at 30B and 7% at 671B."""
    for N, share in ((30e9, 0.18), (671e9, 0.07)):
        rule = bl.optimum(thin, at={"N": N}).efficient["within 0.01 of the best"]
        assert rule.published == pytest.approx(share, abs=0.005)


def test_rules_keep_what_they_say(thin: bl.Posterior) -> None:
    """Draw by draw: the loss there, its slope, and what fewer tokens would have cost."""
    N, D = 30e9, 1e12
    asked = bl.EfficiencyRules(efficiency_tolerance=0.02, slope=0.3, fraction=0.5, compute=0.1)
    answer = bl.optimum(thin, at={"N": N, "D": D}, efficiency=asked)
    raw, law = thin.coefficients(), thin.law
    G, S = answer.draws["G"], answer.draws["S"]

    def loss(share: np.ndarray, D: float = D) -> np.ndarray:
        return np.asarray(law.form.predict({"N": N, "N_a": share * N, "D": D, "G": G, "S": S}, raw))

    best = answer.draws["N_a/N"]
    shares = {name: rule.draws for name, rule in answer.efficient.items()}
    np.testing.assert_allclose(
        loss(shares["within 0.02 of the best"]) - loss(best), 0.02, atol=1e-9
    )
    np.testing.assert_allclose(
        loss(shares["within 10% of compute"]), loss(best, 0.9 * D), atol=1e-9
    )
    steep, step = shares["slope 0.3"], 1e-5
    np.testing.assert_allclose(
        (loss(steep - step) - loss(steep + step)) / (2 * step), 0.3, rtol=1e-4
    )
    np.testing.assert_allclose(shares["0.5 of the best"], 0.5 * best, rtol=1e-12)
    assert [note.code for note in answer.notes].count("choice_of_rule") == 1


def test_a_rule_can_be_left_out(thin: bl.Posterior) -> None:
    answer = bl.optimum(
        thin, at={"N": 30e9}, efficiency=bl.EfficiencyRules(slope=None, fraction=None)
    )
    assert list(answer.efficient) == ["within 0.01 of the best"]
    assert bl.optimum(thin, at={"N": 30e9, "N_a": 3e9}).efficient == {}


def test_near_optimal_values_are_those_of_the_draws(thin: bl.Posterior) -> None:
    """At both ends of the set, 89% of draws lose less than the limit; just outside, fewer do."""
    N = 30e9
    answer = bl.optimum(thin, at={"N": N}, regret_tolerance=0.002)
    raw, law = thin.coefficients(), thin.law
    place = {"N": N, "D": thin.reference.at["D"]}
    best = {"G": answer.draws["G"], "S": answer.draws["S"], "N_a": answer.draws["N_a/N"] * N}

    def p_within(name: str, value: float) -> float:
        there = law.form.predict({**place, **best, name: value}, raw)
        return float(np.mean(there - law.form.predict({**place, **best}, raw) < 0.002))

    for name in ("G", "S", "N_a"):
        near = answer.near_optimal[name]
        assert near.low < np.median(best[name]) < near.high
        width = near.high - near.low
        for end, outwards in ((near.low, -1), (near.high, 1)):
            assert p_within(name, end - 0.02 * outwards * width) >= 0.89
            assert p_within(name, end + 0.02 * outwards * width) <= 0.90
    wider = bl.optimum(thin, at={"N": N}, regret_tolerance=0.004)
    assert wider.near_optimal["G"].low < answer.near_optimal["G"].low
    assert wider.near_optimal["G"].high > answer.near_optimal["G"].high


def test_what_leaving_s_costs(thin: bl.Posterior) -> None:
    """S = .13 costs .0013 nats at N = 3e10, N_a/N = .1, with the published coefficients."""
    law = thin.law
    raw = {k: np.full(200, v) for k, v in law.published().items()}
    shape = thin.stats["diverging"].shape
    fixed = replace(thin, draws={**thin.draws, **{k: v.reshape(shape) for k, v in raw.items()}})
    answer = bl.optimum(fixed, at={"N": 3e10, "N_a": 3e9})
    near = answer.near_optimal["S"]
    cost = float(np.interp(0.13, near.values, near.regret))
    assert cost == pytest.approx(0.0013, abs=1e-4)
    # So .13 lies outside of what costs less than .001, and inside for .002.
    assert near.low > 0.13
    assert (
        bl.optimum(fixed, at={"N": 3e10, "N_a": 3e9}, regret_tolerance=0.002).near_optimal["S"].low
        < 0.13
    )


# --- the cheapest that reaches a target -------------------------------------------------------


def test_the_cheapest_reaches_its_target_and_no_more(thin: bl.Posterior) -> None:
    answer = bl.cheapest(thin, 2.3, confidence=0.9, budget=bl.Budget(max_params=1e11))
    assert answer.reached == pytest.approx(0.9, abs=1 / len(answer.predicted_draws) + 1e-9)
    spent = 6 * answer.configuration["N_a"] * answer.configuration["D"]
    assert answer.cost == pytest.approx(spent, rel=1e-9)
    assert answer.even < answer.cost
    # It is a configuration of the law: the same draws predict it. One draw ends at the target
    # but for the tolerance of the search; on which side differs between machines.
    place = {k: np.array([answer.configuration[k]]) for k in thin.law.variables}
    value = thin.evaluate(place)[:, 0]
    assert np.mean(value <= 2.3 * (1 + EXACT)) == pytest.approx(0.9, abs=1e-9)
    assert np.mean(value <= 2.3 * (1 - EXACT)) < 0.9


def test_nothing_nearby_is_cheaper_and_as_sure(thin: bl.Posterior) -> None:
    """Legal configurations at 1% less cost reach the target with less confidence."""
    answer = bl.cheapest(thin, 2.3, confidence=0.8, budget=bl.Budget(max_params=1e11))
    rng, size = np.random.default_rng(5), 400
    place = {k: v * np.ones(size) for k, v in answer.configuration.items()}
    place["N_a"] = place["N_a"] * np.exp(rng.normal(0, 0.3, size))
    place["G"] = place["G"] * np.exp(rng.normal(0, 0.1, size))
    place["S"] = np.clip(place["S"] + rng.normal(0, 0.05, size), 0, 0.99)
    place["D"] = 0.99 * answer.cost / (6 * place["N_a"])
    reached = np.mean(thin.evaluate({k: place[k] for k in thin.law.variables}) <= 2.3, 0)
    assert reached.max() < 0.8
    # At the same cost some come within a whisker: the comparison is a sharp one.
    place["D"] = place["D"] / 0.99 * 1.01
    reached = np.mean(thin.evaluate({k: place[k] for k in thin.law.variables}) <= 2.3, 0)
    assert reached.max() > 0.75


def test_how_many_tokens_a_given_model_needs(thin: bl.Posterior) -> None:
    """Nothing is left to choose but how long to train: the quantile of the law's own answer."""
    place = {"N": 1e11, "N_a": 1e10, "G": 8.0, "S": 0.1}
    answer = bl.cheapest(thin, 2.3, confidence=0.8, at=place)
    raw = thin.coefficients()
    rest = thin.law.form.predict({**place, "D": np.inf}, raw)
    needed = ((2.3 - rest) / raw["b"]) ** (-1 / raw["beta"])
    tokens = np.sort(needed)[int(np.ceil(0.8 * len(needed))) - 1]
    assert answer.configuration["D"] == pytest.approx(tokens, rel=1e-5)


def test_one_draw_is_enough_for_a_point(thin: bl.Posterior) -> None:
    mode = bl.fit(thin.runs, thin.law, method="mode", seed=1)
    answer = bl.cheapest(mode, 2.3, at={"N": 1e11})
    best = bl.optimum(mode, at={"N": 1e11}, budget=bl.Budget(train_flops=answer.cost))
    assert best.predicted_interval[0] == pytest.approx(2.3, abs=1e-5)


def test_an_even_chance_costs_what_the_median_law_says(thin: bl.Posterior) -> None:
    """At confidence one half it is the budget at which the median of the optimum is the target."""
    answer = bl.cheapest(thin, 2.3, confidence=0.5, at={"N": 30e9})
    best = bl.optimum(thin, at={"N": 30e9}, budget=bl.Budget(train_flops=answer.cost))
    assert best.predicted_interval[0] == pytest.approx(2.3, abs=1e-3)
    assert answer.even == answer.cost


def test_serving_counts_towards_the_cost(thin: bl.Posterior) -> None:
    plain = bl.cheapest(thin, 2.3, budget=bl.Budget(max_params=1e11))
    served = bl.cheapest(thin, 2.3, budget=bl.Budget(max_params=1e11, inference_tokens=1e13))
    assert served.configuration["N_a"] < plain.configuration["N_a"]
    assert served.configuration["D"] > plain.configuration["D"]
    spent = 6 * plain.configuration["N_a"] * plain.configuration["D"]
    lifetime = spent + 2 * plain.configuration["N_a"] * 1e13
    assert served.cost < lifetime


# --- refusals ---------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no cap on N": (
        {"budget": {"train_flops": 1e24}},
        ["N is neither fixed nor capped", "--max-params", "--max-memory", "N <= r*N_a", "cost="],
    ),
    "N freed without a cap": (
        {"budget": {"train_flops": 1e24}, "free": ["N", "N_a", "D"]},
        ["zhao2025 has no best N: its loss falls for ever", "--max-params", "bytes of memory"],
    ),
    "fixed beyond a cap": (
        {"at": {"N": 2e11}, "budget": {"train_flops": 1e24, "max_params": 1e11}},
        ["N = 2e+11 against max_params (N <= 1e+11)", "raise max_params"],
    ),
    "two fixed beyond a ratio": (
        {"at": {"N": 1e11, "N_a": 1e9}, "budget": {"max_total_per_active": 20}},
        ["N = 1e+11 and N_a = 1e+09 against max_total_per_active (N/N_a <= 20)"],
    ),
    "caps in conflict": (
        {
            "at": {"N": 1e11},
            "budget": {"train_flops": 1e24, "max_total_per_active": 10, "caps": {"N_a/D": 1e-5}},
        },
        ["no configuration keeps", "train_flops"],
    ),
    "a ratio against a cap": (
        {
            "at": {"N": 1e12},
            "budget": {"train_flops": 1e24, "max_active": 1e10, "max_total_per_active": 10},
        },
        ["no configuration keeps max_total_per_active (N/N_a <= 10)", "max_active"],
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
        ["no configuration keeps lifetime_flops"],
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


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"efficiency_tolerance": 0}, "efficiency_tolerance = 0"),
        ({"fraction": 1.5}, "fraction = 1.5"),
        ({"compute": -0.1}, "compute"),
    ],
)
def test_rules_that_mean_nothing(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        bl.EfficiencyRules(**rules)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": 1.5, "at": {"N": 30e9}}, "no configuration reaches 1.5 with probability 0.9"),
        ({"target": -1.0}, "target = -1.0"),
        ({"target": 2.3, "confidence": 90}, "confidence = 90"),
        ({"target": 2.3}, "N is neither fixed nor capped"),
        ({"target": 2.3, "budget": {"train_flops": 1e22}}, "limits what cheapest"),
        ({"target": 2.0, "budget": {"max_params": 1e11, "max_tokens": 1e11}}, "loosen a cap"),
    ],
)
def test_targets_that_cannot_be_reached(
    thin: bl.Posterior, options: dict[str, Any], said: str
) -> None:
    budget = bl.Budget(**options.get("budget", {}))
    with pytest.raises(RequestError, match=said):
        bl.cheapest(thin, **{**options, "budget": budget})


# --- several laws -----------------------------------------------------------------------------


def shifted(posterior: bl.Posterior, by: float) -> bl.Posterior:
    """The same law with another optimum of G."""
    return replace(posterior, draws={**posterior.draws, "f": posterior.draws["f"] * by})


def test_a_mixture_of_one_law_with_itself_is_that_law(thin: bl.Posterior) -> None:
    alone, both = (
        bl.optimum(one, at={"N": 30e9}) for one in (thin, bl.average_laws([thin, thin], [2, 1]))
    )
    for name, quantity in alone.quantities.items():
        other = both.quantities[name]
        # Some draws twice, others not at all: of 200, ends move by a few ranks.
        assert other.median == pytest.approx(quantity.median, rel=0.01)
        assert other.shares == pytest.approx(quantity.shares)
    assert both.near_optimal["G"].low == pytest.approx(alone.near_optimal["G"].low, rel=0.02)


def test_a_mixture_holds_the_uncertainty_about_the_law(thin: bl.Posterior) -> None:
    """Two laws whose best G do not overlap: the interval spans both, in proportion."""
    far = shifted(thin, 2.0)
    mixture = bl.average_laws({"a": thin, "b": far}, {"a": 3, "b": 1})
    G = bl.optimum(mixture, at={"N": 30e9}).draws["G"]
    middle = np.median(bl.optimum(thin, at={"N": 30e9}).draws["G"]) * 2**0.25
    assert np.mean(middle > G) == pytest.approx(0.75, abs=1 / len(G))
    answer = bl.optimum(mixture, at={"N": 30e9})
    assert answer.quantities["G"].high > middle > answer.quantities["G"].low
    (note,) = [n for n in answer.notes if n.code == "mixture"]
    assert note.message == "a mixture of laws: 75% zhao2025, 25% zhao2025"


def test_predictions_and_decisions_of_a_mixture(thin: bl.Posterior) -> None:
    far = shifted(thin, 2.0)
    mixture = bl.average_laws([thin, far], [1, 1])
    place = {"N": [1e9], "N_a": [1e8], "D": [1e10], "G": [7.0], "S": [0.1]}
    low, high = (one.predict(place)["median"][0] for one in (thin, far))
    both = mixture.predict(place).iloc[0]
    assert low < both["median"] < high or both["low"] < low < high < both["high"]
    ranked = bl.decide(mixture, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8, "D": 1e10})
    alone = [
        bl.decide(one, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8, "D": 1e10})
        for one in (thin, far)
    ]
    expected = np.mean([one.frame["expected"].loc[ranked.frame.index] for one in alone], axis=0)
    np.testing.assert_allclose(ranked.frame["expected"], expected, rtol=1e-9)


def test_a_law_that_lacks_a_variable_is_refused_or_abstains(thin: bl.Posterior) -> None:
    dense = bl.fit(thin.runs, "chinchilla", method="laplace", seed=1)
    with pytest.raises(RequestError, match="chinchilla has no variable 'G'"):
        bl.optimum(bl.average_laws([thin, dense]), at={"N": 30e9}, free=["G"])
    mixture = bl.average_laws([thin, dense], [1, 9], on_missing="drop")
    answer = bl.optimum(mixture, at={"N": 30e9}, free=["G"])
    alone = bl.optimum(thin, at={"N": 30e9}, free=["G"])
    assert answer.quantities["G"].median == pytest.approx(alone.quantities["G"].median)
    assert any("chinchilla lacks G" in note.message for note in answer.notes)
    ranked = bl.decide(mixture, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8, "D": 1e10})
    assert any("is dropped" in note.message for note in ranked.notes)
    with pytest.raises(RequestError, match="chinchilla has no variable"):
        bl.decide(bl.average_laws([thin, dense]), bl.expert_grid(), at={"N": 1e9})


def test_laws_that_pay_differently_are_not_mixed_in_silence(thin: bl.Posterior) -> None:
    """chinchilla pays for N, zhao2025 for N_a: one budget would buy each other tokens."""
    dense = bl.fit(thin.runs, "chinchilla", method="laplace", seed=1)
    mixture = bl.average_laws([thin, dense], on_missing="drop")
    budget = bl.Budget(train_flops=1e22, max_params=1e11)
    with pytest.raises(RequestError, match=r"spend 6\*N_a\*D and 6\*N\*D"):
        bl.optimum(mixture, budget=budget)
    with pytest.raises(RequestError, match=r"Budget\(cost="):
        bl.decide(mixture, {"N": [1e9, 1e10]}, budget=bl.Budget(train_flops=1e22))
    same = bl.Budget(train_flops=1e22, cost="6*N*D")
    assert len(bl.decide(mixture, {"N": [1e9, 1e10]}, budget=same).frame) == 2


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda p: bl.optimum(p, at={"N": "30B"}), "N = '30B'"),
        (lambda p: bl.optimum(p, at={"N": [1e9, 2e9]}), "Give a number"),
        (
            lambda p: bl.optimum(p, at={"N": 1e9}, regret_tolerance="0.1"),
            "regret_tolerance = '0.1'",
        ),
        (lambda p: bl.optimum(p, at={"N": 1e9}, budget={"train_flops": 1e22}), "bl.Budget"),
        (lambda p: bl.optimum(p, at={"N": 1e9}, efficiency={"slope": 0.4}), "bl.EfficiencyRules"),
        (lambda p: bl.cheapest(p, "2.1"), "target = '2.1'"),
        (lambda p: bl.frontier(p, 1e20), "Give several"),
        (lambda p: bl.frontier(p, ["a"]), "flops = 'a'"),
        (lambda p: bl.Budget(caps=["N"]), "caps = "),
        (lambda p: bl.Budget(max_params=True), "max_params = True"),
        (lambda p: bl.decide(p, [{"G": 4}]), "a list where configurations belong"),
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


def test_columns_of_different_lengths(thin: bl.Posterior) -> None:
    with pytest.raises(TableError, match="2 of G, 3 of S"):
        bl.decide(thin, {"G": [4.0, 5.0], "S": [0.1, 0.2, 0.3]})


def test_numbers_of_a_table_are_numbers() -> None:
    budget = bl.Budget(max_params=np.int64(10**11), train_flops=np.float32(1e22))
    assert budget.max_params == 1e11
    assert type(budget.train_flops) is float


def test_a_cap_on_tokens_leaves_flops_unspent_in_a_decision(thin: bl.Posterior) -> None:
    """Small models could train on more than there is: they stay, with what there is."""
    table = {"N": [1e10, 1e11], "N_a": [1e9, 1e11], "G": [7.0, 7.0], "S": [0.3, 0.3]}
    budget = bl.Budget(train_flops=1e23, max_tokens=1e12)
    answer = bl.decide(thin, table, budget=budget)
    tokens = dict(zip(answer.frame["N_a"], answer.frame["D"], strict=True))
    assert tokens[1e9] == pytest.approx(1e12)
    assert tokens[1e11] == pytest.approx(1e23 / 6e11)
    (note,) = [note for note in answer.notes if note.code == "unspent"]
    assert note.message.startswith("in 1 of 2 configurations a cap on D")


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1], "1 weights for 2 posteriors"),
        ([1, -1], "weights 1, -1"),
        ([0, 0], "not all zero"),
        ({"zhao2025": 1}, "posteriors zhao2025, zhao2025"),
    ],
)
def test_weights_that_are_none(thin: bl.Posterior, weights: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        bl.average_laws([thin, thin], weights)


def test_mixtures_that_are_none(thin: bl.Posterior) -> None:
    with pytest.raises(RequestError, match="1 posterior to average"):
        bl.average_laws([thin])
    assert len(bl.average_laws([thin, thin, thin], [0.5, 0, 0.5]).posteriors) == 2
