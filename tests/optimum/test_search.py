"""The search: starts, valleys, several budgets at once, and draws that do not converge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from optima import CAPPED, TOLERANCE, at_optimum, solve

import bayeslaw as bl
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.search import minimise


def test_starts_do_not_matter(thin: bl.Posterior) -> None:
    request = Request.of("optimum", {"N": 30e9}, free=["G", "S", "N_a"])
    problem = pose(thin.law, thin.reference, request)
    raw = thin.coefficients()
    usual = solve(problem, raw)
    assert usual.converged.all()
    rng = np.random.default_rng(9)
    # Within a factor of 1000 of the reference run, and anywhere in S.
    near = problem.starts[0] + np.log(1e3) * rng.uniform(-1, 1, (9, 3))
    near[:, 1] = rng.uniform(0.02, 0.98, 9)
    margin = 0.01 * (problem.high - problem.low)
    near = np.clip(near, problem.low + margin, problem.high - margin)
    # One alone (three times, which compiles nothing new), and nine others.
    for starts in (problem.starts[[0, 0, 0]], near[:3], near[3:6], near[6:]):
        other = solve(replace(problem, starts=starts), raw)
        assert other.converged.all()
        np.testing.assert_allclose(other.x, usual.x, atol=TOLERANCE)
    # From the ends of a box of 24 decades the search may fail, but says so.
    for _ in range(3):
        far = rng.uniform(problem.low + margin, problem.high - margin, (3, 3))
        other = solve(replace(problem, starts=far), raw)
        found = other.converged
        assert found.mean() > 0.3
        np.testing.assert_allclose(other.x[found], usual.x[found], atol=TOLERANCE)


def test_starts_do_not_matter_at_a_budget(dense: bl.Posterior) -> None:
    budget = bl.Budget(train_flops=1e22)
    problem = pose(dense.law, dense.reference, Request.of("optimum", budget=budget))
    raw = dense.coefficients()
    usual = solve(problem, raw)
    rng = np.random.default_rng(10)
    for _ in range(3):
        anywhere = rng.uniform(problem.low + 0.1, problem.high - 0.1, (3, 1))
        other = solve(replace(problem, starts=anywhere), raw)
        np.testing.assert_allclose(other.x, usual.x, atol=TOLERANCE)


@pytest.mark.parametrize("case", CAPPED)
def test_starts_do_not_matter_under_caps(thin: bl.Posterior, case: str) -> None:
    problem, _, solution = at_optimum(thin, **CAPPED[case])
    raw = thin.coefficients()
    for start in problem.starts[1:]:
        other = solve(replace(problem, starts=start[None]), raw)
        assert other.converged.all()
        # A search ends where multiplier times room is below 1e-9 for each limit. Where a cap hardly
        # presses both are small, and starts may end anywhere within the room that is left; a cap
        # that presses leaves none that shows.
        ends = [problem.columns(one.x) for one in (other, solution)]
        rooms = np.stack(
            [problem.structure.room(at, problem.amount, problem.limits, np) for at in ends]
        )
        left = np.where(rooms < 1e-4, rooms, 0.0).max(axis=(0, 1))
        away = abs(other.x - solution.x).max(axis=1)
        assert np.mean(away < 2e-6 + 2 * left) > 0.98
        # Along a flat direction a loss within 1e-9 of the lowest is a place within its root.
        assert (away < 1e-9**0.5 + 2 * left).all()
        # The law is as low.
        found, usual = (thin.law.form.predict(at, raw) for at in ends)
        np.testing.assert_allclose(found, usual, rtol=1e-9)


def test_budgets_at_once_are_budgets_one_by_one(thin: bl.Posterior) -> None:
    raw, amounts = thin.coefficients(), [1e21, 1e23, 1e25]
    capped = Request.of("optimum", budget=bl.Budget(max_params=1e11))
    problems = [pose(thin.law, thin.reference, capped.spending(amount)) for amount in amounts]
    together = minimise(problems, raw)
    for problem, found in zip(problems, together, strict=True):
        np.testing.assert_allclose(found.x, solve(problem, raw).x, atol=1e-6)


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
    reference = bl.ReferenceRun.of(runs, law.variables)
    problem = pose(
        law, reference, Request.of("optimum", {"D": 1e10}, bl.Budget(max_params=1e11), ["N"])
    )
    solution = solve(problem, raw)
    assert solution.converged.all()
    np.testing.assert_array_equal(solution.x[:, 0] > 20, tilts < 0)


def test_tokens_that_are_capped_leave_flops_unspent(thin: bl.Posterior) -> None:
    """With 1e9 tokens and at most 1e10 active parameters, 1e22 FLOPs cannot be spent."""
    problem, columns, solution = at_optimum(
        thin, train_flops=1e22, max_params=1e11, max_tokens=1e9, max_active=1e10
    )
    np.testing.assert_allclose(columns["D"], 1e9, rtol=1e-6)
    assert (6 * columns["N_a"] * columns["D"] < 1e21).all()
    assert not solution.at_cap[:, problem.names.index("train_flops")].any()


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


def test_a_cap_on_memory_is_one_on_parameters(thin: bl.Posterior) -> None:
    _, memory, _ = at_optimum(thin, train_flops=1e23, max_memory=80e9, bytes_per_param=2)
    _, plain, _ = at_optimum(thin, train_flops=1e23, max_params=40e9)
    for name in ("N", "N_a", "D", "G", "S"):
        np.testing.assert_allclose(memory[name], plain[name], rtol=1e-6)


@pytest.mark.parametrize("E", [1.0, 8.0, 32.0])
def test_every_draw_of_the_joint_law_is_the_closed_form(E: float) -> None:
    """At fixed E it is m N^mu + n D^nu + c, whose optimum at C = 6 N D is Chinchilla's."""
    law = bl.law("ludziejewski2025")
    runs = bl.simulate(law, rows=40, seed=1)
    rng = np.random.default_rng(2)
    raw = {k: v * np.exp(0.02 * rng.standard_normal(200)) for k, v in law.published().items()}
    reference = bl.ReferenceRun.of(runs, law.variables)
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
