"""Optima against closed forms, brute force and the published tables, draw by draw."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.model.noise import Noise
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.search import Solution, minimise
from bayeslaw.posterior.info import FitInfo

CHAINS, DRAWS = 4, 50
#: Draws of the small posteriors; all have as many, so that they share compiled code.
SIZE = CHAINS * DRAWS
#: A minimiser is as exact as the gradient that it is found by: 1e-9 over a curvature of .01.
EXACT = 1e-6


def made(law: bl.Law, runs: bl.Runs, raw: Mapping[str, np.ndarray]) -> bl.Posterior:
    """A posterior with given draws of the coefficients."""
    reference = bl.Reference.of(runs, law.variables, law.predicts)
    wide = {name: np.broadcast_to(raw[name], SIZE) for name in law.parameters}
    flat = {
        **wide,
        "noise_scale": np.full(SIZE, 0.003),
        "noise_df": np.full(SIZE, 6.0),
        "T": law.form.predict(reference.at, wide),
    }
    shape = (CHAINS, DRAWS)
    posterior = bl.Posterior(
        law=law,
        runs=runs,
        reference=reference,
        noise=Noise("student_t"),
        draws={name: np.array(values).reshape(shape) for name, values in flat.items()},
        stats={"diverging": np.zeros(shape, bool), "energy": np.zeros(shape)},
        notes=(),
        info=FitInfo(),
    )
    return with_small_prior(posterior)


def with_small_prior(posterior: bl.Posterior) -> bl.Posterior:
    """The same with 200 draws of the prior, since 4000 take most of a search's time."""
    posterior = replace(posterior)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayeslaw.posterior.posterior._PRIOR_DRAWS", SIZE)
        assert len(posterior.prior["alpha"]) == SIZE
    return posterior


def jittered(values: Mapping[str, float], by: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {k: v * np.exp(by * rng.standard_normal(SIZE)) for k, v in values.items()}


@pytest.fixture(scope="module")
def thin(posterior: bl.Posterior) -> bl.Posterior:
    """A few draws of the session's posterior."""

    def part(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value[:, :DRAWS] for name, value in values.items()}

    fewer = replace(posterior, draws=part(posterior.draws), stats=part(posterior.stats))
    return with_small_prior(fewer)


@pytest.fixture(scope="module")
def dense() -> bl.Posterior:
    """Draws around Besiroglu's coefficients, correlated with nothing."""
    law = bl.law("chinchilla")
    return made(law, bl.simulate(law, rows=40, seed=3), jittered(law.published(), 0.03, 1))


def solve(problem: Problem, draws: Mapping[str, np.ndarray]) -> Solution:
    """The search for one problem."""
    return minimise([problem], draws)[0]


def codes(answer: bl.Optimum) -> list[str]:
    return [note.code for note in answer.notes]


def message(answer: bl.Optimum, code: str) -> str:
    (found,) = [note.message for note in answer.notes if note.code == code]
    return found


# --- zhao2025 against its closed form ---------------------------------------------------------


def unclipped(raw: Mapping[str, np.ndarray], N: float) -> dict[str, np.ndarray]:
    """The closed form at fixed N, G and S clipped where A needs them."""
    G, S = np.sqrt(raw["f"] / raw["e"]), -raw["n"] / (2 * raw["m"])
    legal_G, legal_S = np.maximum(G, 1), np.clip(S, 0, 1)
    A = raw["e"] * legal_G + raw["f"] / legal_G + raw["m"] * legal_S**2 + raw["n"] * legal_S
    alpha = raw["alpha"]
    power = alpha * (A * raw["k"] + raw["c"]) * N / (np.abs(A) * raw["h"])
    # Where A is not positive the law falls in N_a all the way.
    N_a = np.where(A > 0, np.abs(power) ** (1 / (1 + alpha)), np.inf)
    return {"G": G, "S": S, "N_a": N_a}


def closed(raw: Mapping[str, np.ndarray], N: float) -> dict[str, np.ndarray]:
    """Each variable can be clipped by itself: the shape's factor is positive, and so G and S
    minimise the shape wherever N_a is; in N_a the law then has one valley.
    """
    best = unclipped(raw, N)
    clipped = {"G": np.maximum(best["G"], 1), "S": np.clip(best["S"], 0, 1)}
    return {**clipped, "N_a": np.minimum(best["N_a"], N)}


@pytest.mark.parametrize("N", [1e9, 30e9, 671e9])
def test_every_draw_of_zhao2025_is_the_closed_form(posterior: bl.Posterior, N: float) -> None:
    answer = bl.optimum(posterior, at={"N": N})
    best = closed(posterior.coefficients(), N)
    np.testing.assert_allclose(np.log(answer.draws["G"]), np.log(best["G"]), atol=EXACT)
    np.testing.assert_allclose(answer.draws["S"], best["S"], atol=EXACT)
    np.testing.assert_allclose(np.log(answer.draws["N_a/N"]), np.log(best["N_a"] / N), atol=EXACT)
    for name, draws in answer.draws.items():
        found = answer.quantities[name]
        assert (found.low, found.median, found.high) == tuple(interval(draws))
        assert found.status == "interior"


PUBLISHED = {
    1e9: 0.771,
    3.4e9: 0.609,
    1e10: 0.495,
    2e10: 0.433,
    3e10: 0.401,
    1e11: 0.318,
    2.35e11: 0.270,
    6.71e11: 0.220,
    1e12: 0.204,
}


@pytest.mark.parametrize("N", PUBLISHED)
def test_the_published_table_to_three_digits(thin: bl.Posterior, N: float) -> None:
    answer = bl.optimum(thin, at={"N": N})
    published = {name: one.published for name, one in answer.quantities.items()}
    assert published["N_a/N"] == pytest.approx(PUBLISHED[N], abs=5e-4)
    assert published["N_a/N"] == pytest.approx(41.60 * N**-0.19244, rel=2e-4)  # of printed digits
    assert published["G"] == pytest.approx(6.778, abs=5e-4)
    assert published["S"] == pytest.approx(0.3148, abs=5e-5)


PUSHES: dict[str, dict[str, float]] = {
    "nowhere": {},
    "S below 0": {"n": 0.8},
    "S above 1": {"n": -12.0, "m": 4.0, "f": 300.0, "e": 1.0},
    "G below 1": {"f": 0.05},
    "N_a above N": {"h": 0.004},
    "G and S": {"f": 0.05, "n": 0.8},
    "S and N_a": {"n": 0.8, "h": 0.001},
    "A below 0, N_a with it": {"n": -8.0},
    "all of them": {"f": 0.05, "n": 0.8, "h": 0.0005},
    "a weak k below 0": {"k": -0.05},
}


@pytest.fixture(scope="module")
def pushed(runs: bl.Runs) -> bl.Posterior:
    """Draws whose optima lie inside, and on every bound alone and together."""
    law = bl.law("zhao2025")
    cases = list(PUSHES.values())
    values = {
        name: np.array([case.get(name, value) for case in cases])
        for name, value in law.published().items()
    }
    rng = np.random.default_rng(2)
    return made(
        law,
        runs,
        {
            name: np.tile(value, SIZE // len(cases)) * np.exp(0.05 * rng.standard_normal(SIZE))
            for name, value in values.items()
        },
    )


@pytest.mark.parametrize("N", [2e9, 30e9])
def test_bounds_clip_the_closed_form(pushed: bl.Posterior, N: float) -> None:
    answer = bl.optimum(pushed, at={"N": N})
    raw = pushed.coefficients()
    best = closed(raw, N)
    np.testing.assert_allclose(np.log(answer.draws["G"]), np.log(best["G"]), atol=EXACT)
    np.testing.assert_allclose(answer.draws["S"], best["S"], atol=EXACT)
    np.testing.assert_allclose(np.log(answer.draws["N_a/N"]), np.log(best["N_a"] / N), atol=EXACT)
    # A bound is the bound itself, not a number near it; S = 1 is open and is approached.
    free = unclipped(raw, N)
    assert set(answer.draws["S"][free["S"] < 0]) == {0.0}
    assert set(answer.draws["G"][free["G"] < 1]) == {1.0}
    assert np.ptp(answer.draws["N_a/N"][free["N_a"] > N]) == 0
    assert (answer.draws["S"] < 1).all()
    # And the shares of draws count them.
    beyond = {
        "G": free["G"] < 1,
        "S": (free["S"] < 0) | (free["S"] > 1),
        "N_a/N": free["N_a"] > N,
    }
    for name, where in beyond.items():
        shares = answer.quantities[name].shares
        assert 0.1 < where.mean() < 0.7
        assert shares["at_bound"] == pytest.approx(where.mean(), abs=1e-12)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-12)


def test_no_legal_configuration_nearby_is_better(pushed: bl.Posterior) -> None:
    """The clipped closed form itself, tried against random steps of all sizes."""
    raw, N = pushed.coefficients(), 30e9
    best = closed(raw, N)
    rng = np.random.default_rng(3)
    tries = 400
    size = 10 ** rng.uniform(-3, 0.3, (tries, 1))
    step = rng.standard_normal((3, tries, SIZE))
    others = {
        "G": np.maximum(best["G"] * np.exp(size * step[0]), 1),
        "S": np.clip(best["S"] + 0.3 * size * step[1], 0, 1),
        "N_a": np.minimum(best["N_a"] * np.exp(size * step[2]), N),
    }
    form, rest = pushed.law.form, {"N": N, "D": 1e11}
    lowest = form.predict({**rest, **best}, raw)
    assert (form.predict({**rest, **others}, raw) >= lowest * (1 - 1e-14)).all()


def test_a_draw_on_most_bounds_reports_them(runs: bl.Runs) -> None:
    law = bl.law("zhao2025")
    answer = bl.optimum(made(law, runs, {**law.published(), "n": 0.5}), at={"N": 30e9})
    S = answer.quantities["S"]
    assert S.status == "at_bound"
    assert (S.low, S.median, S.high) == (0, 0, 0)
    assert answer.quantities["G"].status == "interior"


def test_tokens_do_not_move_the_optimum(thin: bl.Posterior) -> None:
    few, many = (bl.optimum(thin, at={"N": 30e9, "D": D}) for D in (1e10, 1e13))
    for name in ("G", "S", "N_a/N"):
        np.testing.assert_allclose(few.draws[name], many.draws[name], rtol=EXACT)
    assert many.predicted_interval < few.predicted_interval


def test_what_is_fixed_shapes_the_rest(thin: bl.Posterior) -> None:
    raw = thin.coefficients()
    answer = bl.optimum(thin, at={"N": 30e9, "G": 2, "S": 0.6})
    assert list(answer.quantities) == ["N_a/N"]
    A = raw["e"] * 2 + raw["f"] / 2 + raw["m"] * 0.36 + raw["n"] * 0.6
    wanted = raw["alpha"] * (A * raw["k"] + raw["c"]) * 30e9 / (A * raw["h"])
    share = wanted ** (1 / (1 + raw["alpha"])) / 30e9
    np.testing.assert_allclose(np.log(answer.draws["N_a/N"]), np.log(share), atol=EXACT)


def test_only_what_is_asked_for_is_free(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, free=["G"])
    assert list(answer.quantities) == ["G"]
    assert set(answer.at) == {"N", "N_a", "D", "S"}
    assert answer.at == {name: thin.reference.at[name] for name in answer.at}
    raw = thin.coefficients()
    np.testing.assert_allclose(answer.draws["G"], np.sqrt(raw["f"] / raw["e"]), rtol=EXACT)


def test_predicted_is_the_law_at_each_own_optimum(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, at={"N": 30e9, "D": 1e12})
    raw = thin.coefficients()
    value = thin.law.form.predict({"N": 30e9, "D": 1e12, **closed(raw, 30e9)}, raw)
    low, median, high = interval(value)
    # The law is flat at its optimum: an error of 1e-6 there is one of 1e-12 here.
    assert answer.predicted_interval == pytest.approx((median, low, high), rel=1e-10)


def test_a_budget_with_fixed_size_trades_active_parameters_for_tokens(thin: bl.Posterior) -> None:
    from scipy.optimize import brentq

    N, C = 3e9, 1e21
    answer = bl.optimum(thin, at={"N": N}, budget=bl.Budget(train_flops=C))
    N_a, D = answer.draws["N_a/N"] * N, answer.draws["D"]
    np.testing.assert_allclose(6 * N_a * D, C, rtol=1e-12)
    raw = thin.coefficients()
    for i in range(0, SIZE, 29):
        one = {name: float(values[i]) for name, values in raw.items()}
        S, G = -one["n"] / (2 * one["m"]), (one["f"] / one["e"]) ** 0.5
        A = one["e"] * G + one["f"] / G + one["m"] * S**2 + one["n"] * S
        al, be = one["alpha"], one["beta"]

        def slope(u: float, one: Any = one, A: float = A, al: float = al, be: float = be) -> float:
            x = np.exp(u)
            falls = al * (A * one["k"] + one["c"]) * x**-al
            return float(
                A * one["h"] * x / N - falls + be * one["b"] * (C / 6) ** -be * x**be
            )  # of the law in ln N_a, with D = C / (6 N_a)

        root = brentq(slope, np.log(1e7), np.log(N), xtol=1e-13)
        assert np.log(N_a[i]) == pytest.approx(root, abs=EXACT)


# --- chinchilla against its closed form -------------------------------------------------------


@pytest.mark.parametrize("C", [1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26])
def test_every_draw_of_chinchilla_is_the_closed_form(dense: bl.Posterior, C: float) -> None:
    answer = bl.optimum(dense, budget=bl.Budget(train_flops=C))
    raw = dense.coefficients()
    al, be = raw["alpha"], raw["beta"]
    G0 = (al * raw["A"] / (be * raw["B"])) ** (1 / (al + be))
    N, D = G0 * (C / 6) ** (be / (al + be)), (C / 6) ** (al / (al + be)) / G0
    np.testing.assert_allclose(np.log(answer.draws["N"]), np.log(N), atol=EXACT)
    np.testing.assert_allclose(np.log(answer.draws["D"]), np.log(D), atol=EXACT)
    np.testing.assert_allclose(6 * answer.draws["N"] * answer.draws["D"], C, rtol=1e-12)
    assert {one.status for one in answer.quantities.values()} == {"interior"}
    assert answer.at == {}
    assert "held_at_reference" not in codes(answer)


def test_the_published_optimum_is_besiroglus(dense: bl.Posterior) -> None:
    answer = bl.optimum(dense, budget=bl.Budget(train_flops=5.76e23))
    # From the printed coefficients: G0 = (.3478 * 482.01 / (.3658 * 2085.43)) ** (1 / .7136).
    G0 = (0.3478 * 482.01 / (0.3658 * 2085.43)) ** (1 / 0.7136)
    assert answer.quantities["N"].published == pytest.approx(
        G0 * (0.96e23) ** (0.3658 / 0.7136), rel=EXACT
    )
    # Hoffmann et al. trained 70B on 1.4T tokens; the refit agrees with twenty tokens a parameter.
    ratio = answer.quantities["D"].published / answer.quantities["N"].published
    assert 15 < ratio < 30


# --- laws without a closed form ---------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> bl.Posterior:
    def lognormal(median: float) -> dict[str, Any]:
        return {"family": "lognormal", "median": median, "factor": 1.5}

    law = bl.Law.from_formula(
        "E + A/N_a**alpha + h*(N_a/N)*G**g + q/(G*N_a**p)",
        variables=["N", "N_a", "G"],
        priors={name: lognormal(0.3) for name in ("h", "g", "q", "p")},
    )
    values = {"E": 1.8, "A": 30.0, "alpha": 0.24, "h": 0.3, "g": 0.3, "q": 2.0, "p": 0.05}
    rng = np.random.default_rng(4)
    N = np.exp(rng.uniform(np.log(1e8), np.log(1e10), 30))
    design = {"N": N, "N_a": N * rng.uniform(0.05, 0.5, 30), "G": rng.uniform(1, 20, 30)}
    runs = bl.simulate(law, design=design, coefficients=values, seed=4)
    return made(law, runs, jittered(values, 0.1, 5))


def test_brute_force_on_a_law_without_closed_form(own: bl.Posterior) -> None:
    N = 4e9
    answer = bl.optimum(own, at={"N": N}, free=["N_a", "G"])
    raw = own.coefficients()
    for i in range(0, SIZE, 20):
        E, A, al, h, g, q, p = (float(raw[name][i]) for name in "E A alpha h g q p".split())
        centre, width = np.array([np.log(1e8), np.log(30.0)]), np.array([8.0, 6.0])
        for _ in range(10):
            u, v = (c + w * np.linspace(-0.5, 0.5, 81) for c, w in zip(centre, width, strict=True))
            x, y = np.meshgrid(np.exp(np.minimum(u, np.log(N))), np.exp(np.maximum(v, 0.0)))
            value = E + A / x**al + h * (x / N) * y**g + q / (y * x**p)
            row, column = np.unravel_index(np.argmin(value), value.shape)
            centre, width = np.log([x[row, column], y[row, column]]), width / 4
        # The last grid's step is 8 / 4**9 / 80 = 4e-7; the value is flat to 1e-16 within 1e-7.
        assert np.log(answer.draws["N_a"][i]) == pytest.approx(centre[0], abs=1e-5)
        assert np.log(answer.draws["G"][i]) == pytest.approx(centre[1], abs=1e-5)


def falling(share: float, slope: float) -> tuple[bl.Posterior, np.ndarray]:
    """A law with one valley in N where q > 0, and none where q < 0; N's optimum by draw."""
    law = bl.Law.from_formula(
        "E + A/N**alpha + q*ln(N)",
        variables=["N"],
        priors={"q": {"family": "normal", "mean": 0, "sd": 0.1}},
    )
    values = {"E": 1.0, "A": 400.0, "alpha": 0.3, "q": 0.05}
    runs = bl.simulate(law, design={"N": np.geomspace(1e8, 1e10, 30)}, coefficients=values, seed=6)
    raw = jittered(values, 0.05, 7)
    lost = np.random.default_rng(8).permutation(SIZE) < round(share * SIZE)
    raw["q"] = np.where(lost, slope, raw["q"])
    ratio = np.where(lost, 1.0, raw["alpha"] * raw["A"] / raw["q"])
    best = np.where(lost, np.inf, ratio ** (1 / raw["alpha"]))
    return made(law, runs, raw), best


def test_draws_without_optimum_count_as_beyond_the_others() -> None:
    posterior, best = falling(0.2, -0.01)
    answer = bl.optimum(posterior)
    found = answer.quantities["N"]
    assert found.shares == {"interior": 0.8, "at_bound": 0.0, "none": 0.2, "not_converged": 0.0}
    assert found.status == "interior"
    kept = np.isfinite(best)
    np.testing.assert_allclose(answer.draws["N"][kept], best[kept], rtol=1e-5)
    assert (answer.draws["N"][~kept] > best[kept].max()).all()
    # The median of all draws is their 62.5% quantile among those that have an optimum.
    ordered = np.sort(best)
    assert ordered[SIZE // 2 - 1] <= found.median * (1 + EXACT)
    assert found.median <= ordered[SIZE // 2] * (1 + EXACT)
    assert found.high > best[kept].max()
    assert "20% of draws have no optimum of N" in message(answer, "no_optimum")


@pytest.mark.parametrize("share", [0.05, 0.06, 0.2])
def test_an_end_beyond_every_bound_is_infinite(share: float) -> None:
    posterior, best = falling(share, -0.01)
    found = bl.optimum(posterior).quantities["N"]
    expected = interval(best)
    assert (found.low, found.median, found.high) == pytest.approx(tuple(expected), rel=1e-5)


def test_a_law_that_falls_below_zero_has_no_optimum() -> None:
    posterior, _ = falling(0.2, -0.2)
    assert bl.optimum(posterior).quantities["N"].shares["none"] == 0.2


@pytest.mark.parametrize(
    "slope",
    [
        -0.01,
        -0.2,
    ],
)
def test_an_unbounded_question_is_an_error(slope: float) -> None:
    posterior, _ = falling(0.6, slope)
    with pytest.raises(RequestError, match=r"no best N: its loss falls for ever.*60% of draws"):
        bl.optimum(posterior)


# --- the search itself ------------------------------------------------------------------------


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
        np.testing.assert_allclose(other.x, usual.x, atol=EXACT)
    # From the ends of a box of 24 decades the search may fail, but says so.
    for _ in range(3):
        far = rng.uniform(problem.low + margin, problem.high - margin, (3, 3))
        other = solve(replace(problem, starts=far), raw)
        found = other.converged
        assert found.mean() > 0.3
        np.testing.assert_allclose(other.x[found], usual.x[found], atol=EXACT)


def test_starts_do_not_matter_at_a_budget(dense: bl.Posterior) -> None:
    budget = bl.Budget(train_flops=1e22)
    problem = pose(dense.law, dense.reference, Request.of("optimum", budget=budget))
    raw = dense.coefficients()
    usual = solve(problem, raw)
    rng = np.random.default_rng(10)
    for _ in range(3):
        anywhere = rng.uniform(problem.low + 0.1, problem.high - 0.1, (3, 1))
        other = solve(replace(problem, starts=anywhere), raw)
        np.testing.assert_allclose(other.x, usual.x, atol=EXACT)


def test_draws_that_do_not_converge_are_left_out_and_said(
    thin: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("bayeslaw.optimum.optimise")

    def stuck(count: int) -> bl.Optimum:
        def half(problems: Any, raw: Any) -> list[Solution]:
            (found,) = minimise(problems, raw)
            converged = found.converged.copy()
            converged[:count] = False
            return [replace(found, converged=converged)]

        monkeypatch.setattr(module, "minimise", half)
        return bl.optimum(thin, at={"N": 30e9})

    answer, sound = stuck(10), closed(thin.coefficients(), 30e9)["G"]
    G = answer.quantities["G"]
    assert np.isnan(answer.draws["G"][:10]).all()
    assert G.shares["not_converged"] == pytest.approx(10 / SIZE, abs=1e-12)
    assert (G.low, G.median, G.high) == pytest.approx(tuple(interval(sound[10:])), rel=EXACT)
    notes = [note for note in answer.notes if note.code == "search"]
    assert [note.severity for note in notes] == ["error"] * 3
    assert "G did not converge in 5% of draws, which are left out" in notes[0].message
    assert [n.severity for n in stuck(1).notes if n.code == "search"] == ["warning"] * 3


def test_no_draw_that_converges(thin: bl.Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(problems: Any, raw: Any) -> list[Solution]:
        (found,) = minimise(problems, raw)
        return [replace(found, converged=np.zeros(len(raw["e"]), bool))]

    monkeypatch.setattr(importlib.import_module("bayeslaw.optimum.optimise"), "minimise", stuck)
    answer = bl.optimum(thin, at={"N": 30e9})
    assert {one.status for one in answer.quantities.values()} == {"not_converged"}
    assert np.isnan(answer.quantities["G"].median)


# --- what the answer says of itself -----------------------------------------------------------


def held_constant(posterior: bl.Posterior, **values: float) -> bl.Posterior:
    """The same posterior with a table in which some variables never varied."""
    runs = posterior.runs
    runs = replace(runs, table=runs.table.assign(**values))
    return with_small_prior(replace(posterior, runs=runs))


def test_a_variable_that_never_varied_is_the_priors(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.2), at={"N": 3e9})
    status = {name: one.status for name, one in answer.quantities.items()}
    assert status == {"G": "interior", "S": "prior_only", "N_a/N": "interior"}
    (note,) = [note for note in answer.notes if note.code == "depends_on_prior"]
    assert note.severity == "warning"
    assert "G, N_a/N: the optimum depends on that of S, which never varied" in note.message
    assert "Fix S with at= or --at" in note.remedy


def test_two_variables_that_never_varied(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.0, G=8.0), at={"N": 3e9})
    status = {name: one.status for name, one in answer.quantities.items()}
    assert status == {"G": "prior_only", "S": "prior_only", "N_a/N": "interior"}
    assert "N_a/N: the optimum depends on that of" in message(answer, "depends_on_prior")


def test_a_variable_that_never_varied_has_no_factor(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.0), at={"N": 3e9})
    median = answer.quantities["S"].median
    said = message(answer, "extrapolation")
    assert f"S = {median:.4g} differs from every run: all have S = 0: the interval" in said


def test_fixing_it_leaves_it_out(thin: bl.Posterior) -> None:
    answer = bl.optimum(held_constant(thin, S=0.2), at={"N": 3e9, "S": 0.2, "G": 8})
    assert {one.status for one in answer.quantities.values()} == {"interior"}
    assert "depends_on_prior" not in codes(answer)


def test_what_is_held_at_the_reference_is_said(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, at={"N": 3e9})
    D = thin.reference.at["D"]
    assert f"D = {D:.4g}: fixed at the reference run" in message(answer, "held_at_reference")
    assert answer.at == {"N": 3e9, "D": D}
    assert "held_at_reference" not in codes(bl.optimum(thin, at={"N": 3e9, "D": 2e10}))


@pytest.mark.parametrize(("factor", "side"), [(9.0, "largest"), (1 / 4, "smallest")])
def test_extrapolation_is_said_with_its_factor(
    thin: bl.Posterior, factor: float, side: str
) -> None:
    seen = thin.runs.column("N")
    N = factor * (seen.max() if factor > 1 else seen.min())
    said = message(bl.optimum(thin, at={"N": N, "D": 2e10}), "extrapolation")
    times = max(factor, 1 / factor)
    assert f"N = {N:.4g} parameters lies {times:.3g} times beyond the {side} run" in said


def test_no_extrapolation_next_to_the_runs(thin: bl.Posterior) -> None:
    for N in (thin.runs.column("N").max() * 1.4, 1e9, thin.runs.column("N").min() / 1.4):
        assert "extrapolation" not in codes(bl.optimum(thin, at={"N": N, "D": 2e10}))


def test_the_worst_of_two_extrapolations_hides_neither(thin: bl.Posterior) -> None:
    notes = bl.optimum(thin, at={"N": 1e12, "D": 1e13}).notes
    said = [note.message[:3] for note in notes if note.code == "extrapolation"]
    assert said == ["N =", "D ="]


def test_an_optimum_beyond_the_runs_is_said(dense: bl.Posterior) -> None:
    answer = bl.optimum(dense, budget=bl.Budget(train_flops=1e26))
    said = [note.message for note in answer.notes if note.code == "extrapolation"]
    for name, message in zip(("N", "D"), said, strict=True):
        median = answer.quantities[name].median
        times = median / dense.runs.column(name).max()
        assert times > 5
        assert message.startswith(f"{name} = {median:.4g} ")
        assert f"lies {times:.3g} times beyond the largest run" in message


def test_the_runs_narrow_the_prior(posterior: bl.Posterior) -> None:
    answer = bl.optimum(posterior, at={"N": 30e9})
    # Of the prior, the first thousand draws are carried to their optima.
    raw = {name: posterior.prior[name][:1000] for name in posterior.law.parameters}
    prior = closed(raw, 30e9)
    for name in ("G", "S", "N_a/N"):
        found = answer.quantities[name]
        assert found.prior_high - found.prior_low > 3 * (found.high - found.low)
        assert found.prior_low < found.low
        assert found.high < found.prior_high
    # The prior's is the push-forward of the prior's own draws.
    G = answer.quantities["G"]
    low, _, high = interval(prior["G"])
    assert (G.prior_low, G.prior_high) == pytest.approx((low, high), rel=0.02)  # few are stuck


def test_notes_of_the_posterior_come_first(thin: bl.Posterior) -> None:
    noted = with_small_prior(thin.with_notes(bl.Note("mine", "error", "a remark")))
    answer = bl.optimum(noted, at={"N": 3e9})
    assert answer.notes[: len(noted.notes)] == noted.notes


def test_chains_that_disagree_on_the_optimum_are_an_error(thin: bl.Posterior) -> None:
    f = thin.draws["f"] * np.array([[1.0], [1.0], [1.0], [2.0]])
    stuck = with_small_prior(replace(thin, draws={**thin.draws, "f": f}))
    answer = bl.optimum(stuck, at={"N": 3e9})
    (note,) = [n for n in answer.notes if n.code == "rhat" and "the optimum" in n.message]
    assert note.severity == "error"
    assert "above 1.01 for G" in note.message


def test_wider_probability_wider_interval(thin: bl.Posterior) -> None:
    half = bl.optimum(thin, at={"N": 3e9}, ci_prob=0.5)
    most = bl.optimum(thin, at={"N": 3e9}, ci_prob=0.95)
    assert (half.ci_prob, most.ci_prob) == (0.5, 0.95)
    for name, draws in half.draws.items():
        a, b = half.quantities[name], most.quantities[name]
        assert b.low < a.low < a.median < a.high < b.high
        assert np.mean((draws > a.low) & (draws < a.high)) == pytest.approx(0.5, abs=0.01)


def test_as_plain_data(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, at={"N": 30e9})
    data = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    parts = {"quantities", "efficient", "near_optimal", "active_caps", "predicted_interval", "at"}
    assert set(data) == {
        *parts,
        "extrapolation_factor",
        "distance",
        "level",
        "notes",
        "budget",
        "ci_prob",
    }
    assert list(data["quantities"]) == ["G", "S", "N_a/N"]
    for name, one in data["quantities"].items():
        keys = {"median", "low", "high", "status", "shares", "prior_low", "prior_high", "published"}
        keys |= {"rhat", "ess_bulk", "ess_tail", "mcse_low", "mcse_high"}
        assert set(one) == keys
        assert one["median"] == answer.quantities[name].median
        assert one["low"] < one["median"] < one["high"]
        assert set(one["shares"]) == {"interior", "at_bound", "none", "not_converged"}
    assert data["ci_prob"] == 0.89
    assert data["budget"] == {}
    assert set(data["predicted_interval"]) == {"of", "median", "low", "high"}
    assert data["predicted_interval"]["of"] == "loss"
    assert (
        data["predicted_interval"]["low"]
        < data["predicted_interval"]["median"]
        < data["predicted_interval"]["high"]
    )
    for note in data["notes"]:
        assert set(note) == {"code", "severity", "message", "remedy"}


def test_as_a_table(thin: bl.Posterior) -> None:
    frame = bl.optimum(thin, at={"N": 30e9}).to_frame()
    assert list(frame.index) == ["G", "S", "N_a/N"]
    assert frame.loc["G", "interior"] == 1
    assert frame.loc["G", "published"] == pytest.approx(6.778, abs=1e-3)


def test_the_same_question_has_the_same_answer(thin: bl.Posterior) -> None:
    first, second = (bl.optimum(thin, at={"N": 30e9}) for _ in range(2))
    assert first.quantities == second.quantities


# --- questions that cannot be answered --------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "fixed and free": (
        "zhao2025",
        {"at": {"N": 1e9, "G": 4}, "free": ["G"]},
        ["G is fixed at 4 and free at once", "Leave G out of at= or of free="],
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
        ["zhao2025 has no best N: its loss falls for ever", "--max-params", "--max-memory"],
    ),
    "budget without N": (
        "zhao2025",
        {"budget": bl.Budget(train_flops=1e21)},
        ["N is neither fixed nor capped: only N_a is paid for", "--at N=..."],
    ),
    "nothing left to spend on": (
        "chinchilla",
        {"at": {"N": 1e9, "D": 1e10}, "budget": bl.Budget(train_flops=1e20)},
        ["train_flops fixes nothing: 6*N*D has no free variable", "leave out the budget"],
    ),
    "nothing free": (
        "zhao2025",
        {"at": {"N": 1e9, "G": 4, "S": 0.1, "N_a": 1e8}},
        ["nothing is left to choose: all variables are fixed", "Leave a variable out of at="],
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
        ["zhao2025 has no best N", "falls for ever along it in 100% of draws", "Fix N"],
    ),
    "chinchilla without budget": (
        "chinchilla",
        {},
        ["chinchilla has no best N and D", "Fix N (at={'N': ...}", "Budget(train_flops=...)"],
    ),
    "chinchilla at fixed N": (
        "chinchilla",
        {"at": {"N": 1e9}},
        ["chinchilla has no best D", "--train-flops"],
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


@pytest.mark.parametrize("flops", [-1e21, 0, float("nan"), float("inf")])
def test_budgets_that_no_run_has(flops: float) -> None:
    with pytest.raises(RequestError, match=r"Budget: train_flops = .*Give a positive number"):
        bl.Budget(train_flops=flops)


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
