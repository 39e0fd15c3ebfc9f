"""Optima against closed forms, brute force and the published tables, draw by draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optima import SIZE, TOLERANCE, closed, codes, jittered, made, unclipped

import bayeslaw as bl
from bayeslaw.core.intervals import interval


@pytest.mark.parametrize("N", [1e9, 30e9, 671e9])
def test_every_draw_of_zhao2025_is_the_closed_form(posterior: bl.Posterior, N: float) -> None:
    answer = bl.optimum(posterior, at={"N": N})
    best = closed(posterior.coefficients(), N)
    np.testing.assert_allclose(np.log(answer.draws["G"]), np.log(best["G"]), atol=TOLERANCE)
    np.testing.assert_allclose(answer.draws["S"], best["S"], atol=TOLERANCE)
    np.testing.assert_allclose(
        np.log(answer.draws["N_a/N"]), np.log(best["N_a"] / N), atol=TOLERANCE
    )
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
    np.testing.assert_allclose(np.log(answer.draws["G"]), np.log(best["G"]), atol=TOLERANCE)
    np.testing.assert_allclose(answer.draws["S"], best["S"], atol=TOLERANCE)
    np.testing.assert_allclose(
        np.log(answer.draws["N_a/N"]), np.log(best["N_a"] / N), atol=TOLERANCE
    )
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
        np.testing.assert_allclose(few.draws[name], many.draws[name], rtol=TOLERANCE)
    assert many.predicted_interval < few.predicted_interval


def test_what_is_fixed_shapes_the_rest(thin: bl.Posterior) -> None:
    raw = thin.coefficients()
    answer = bl.optimum(thin, at={"N": 30e9, "G": 2, "S": 0.6})
    assert list(answer.quantities) == ["N_a/N"]
    A = raw["e"] * 2 + raw["f"] / 2 + raw["m"] * 0.36 + raw["n"] * 0.6
    wanted = raw["alpha"] * (A * raw["k"] + raw["c"]) * 30e9 / (A * raw["h"])
    share = wanted ** (1 / (1 + raw["alpha"])) / 30e9
    np.testing.assert_allclose(np.log(answer.draws["N_a/N"]), np.log(share), atol=TOLERANCE)


def test_only_what_is_asked_for_is_free(thin: bl.Posterior) -> None:
    answer = bl.optimum(thin, free=["G"])
    assert list(answer.quantities) == ["G"]
    assert set(answer.at) == {"N", "N_a", "D", "S"}
    assert answer.at == {name: thin.reference.at[name] for name in answer.at}
    raw = thin.coefficients()
    np.testing.assert_allclose(answer.draws["G"], np.sqrt(raw["f"] / raw["e"]), rtol=TOLERANCE)


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
        assert np.log(N_a[i]) == pytest.approx(root, abs=TOLERANCE)


@pytest.mark.parametrize("C", [1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26])
def test_every_draw_of_chinchilla_is_the_closed_form(dense: bl.Posterior, C: float) -> None:
    answer = bl.optimum(dense, budget=bl.Budget(train_flops=C))
    raw = dense.coefficients()
    al, be = raw["alpha"], raw["beta"]
    G0 = (al * raw["A"] / (be * raw["B"])) ** (1 / (al + be))
    N, D = G0 * (C / 6) ** (be / (al + be)), (C / 6) ** (al / (al + be)) / G0
    np.testing.assert_allclose(np.log(answer.draws["N"]), np.log(N), atol=TOLERANCE)
    np.testing.assert_allclose(np.log(answer.draws["D"]), np.log(D), atol=TOLERANCE)
    np.testing.assert_allclose(6 * answer.draws["N"] * answer.draws["D"], C, rtol=1e-12)
    assert {one.status for one in answer.quantities.values()} == {"interior"}
    assert answer.at == {}
    assert "held_at_reference" not in codes(answer)


def test_the_published_optimum_is_besiroglus(dense: bl.Posterior) -> None:
    answer = bl.optimum(dense, budget=bl.Budget(train_flops=5.76e23))
    # From the printed coefficients: G0 = (.3478 * 482.01 / (.3658 * 2085.43)) ** (1 / .7136).
    G0 = (0.3478 * 482.01 / (0.3658 * 2085.43)) ** (1 / 0.7136)
    assert answer.quantities["N"].published == pytest.approx(
        G0 * (0.96e23) ** (0.3658 / 0.7136), rel=TOLERANCE
    )
    # Hoffmann et al. trained 70B on 1.4T tokens; the refit agrees with twenty tokens a parameter.
    ratio = answer.quantities["D"].published / answer.quantities["N"].published
    assert 15 < ratio < 30


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
