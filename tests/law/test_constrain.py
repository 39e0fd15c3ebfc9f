"""Laws with parameters fixed or tied: nesting of the laws of the field, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.checks.card import reproduces
from bayeslaw.core.errors import RequestError

RNG = np.random.default_rng(0)


N = 10 ** RNG.uniform(8, 12, 50)


D = 10 ** RNG.uniform(9, 13, 50)


DENSE = {"E": 1.7, "A": 400.0, "B": 500.0, "alpha": 0.33, "beta": 0.29}


def dense() -> np.ndarray:
    return bl.law("chinchilla").predict(coefficients=DENSE, N=N, D=D)


# Which constraints make which law the dense one, and the dense law's letters for its coefficients.
NESTED = {
    "krajewski2024": (["g = 0"], {"c": "E", "a": "A", "b": "B"}),
    "skaling2026": (["k = 1"], {}),
    "wang2024": (["gamma = 0"], {"sigma": "E"}),
    "zhao2025": (
        ["e = 0", "f = 0", "m = 0", "n = 0", "c = 0"],
        {"epsilon": "E", "a": "A", "b": "B"},
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_the_dense_law_is_nested_in_others(name: str) -> None:
    constraints, letters = NESTED[name]
    law = bl.law(name).constrain(*constraints)
    size = "N_a" if name == "wang2024" else "N"
    assert set(law.variables) == {size, "D"}
    assert len(law.parameters) == 5
    raw = {one: DENSE[letters.get(one, one)] for one in law.parameters}
    found = law.predict(coefficients=raw, **{size: N, "D": D})
    np.testing.assert_allclose(found, dense(), rtol=1e-12)


def test_the_joint_law_is_nested_in_the_looped_one() -> None:
    """One pass: the looped block counts for nothing, whatever its size."""
    looped, joint = bl.law("looped2026"), bl.law("ludziejewski2025")
    raw = looped.published()
    at = {"N_a": N, "N": 5 * N, "E": 8.0, "K": 1.0, "R": 1.0, "D": D}
    first, second = (
        looped.predict(coefficients=raw, N_loop=share * N, **at) for share in (0.1, 0.9)
    )
    np.testing.assert_allclose(first, second, rtol=1e-12)
    # The same with counts instead of billions.
    shift = np.log(1e9)
    a = raw["A"] * np.exp(-shift * raw["alpha"])
    b = raw["B"] * np.exp(-shift * raw["beta"])
    plain = {
        **{name: raw[name] for name in joint.parameters if name in raw},
        **{"a": a, "b": b},
        "delta": raw["delta"] - shift * raw["gamma"],
        "omega": raw["omega"] - shift * raw["zeta"],
    }
    found = joint.predict(coefficients=plain, N_a=N, D=D, E=8.0)
    np.testing.assert_allclose(found, first, rtol=1e-10)


def test_a_fixed_parameter_is_gone_from_everything() -> None:
    law = bl.law("zhao2025").constrain("k = 0")
    assert law.name == "zhao2025 (k = 0)"
    assert "k" not in law.parameters
    assert "k" not in law.formula.names
    assert law.coefficients == {}
    assert len(law.parameters) == 11
    raw = {**bl.law("zhao2025").published(), "k": 0.0}
    at = {"N": N, "N_a": 0.2 * N, "D": D, "G": 7.0, "S": 0.3}
    expected = bl.law("zhao2025").predict(coefficients=raw, **at)
    assert law.predict(coefficients=raw, **at) == pytest.approx(expected, rel=1e-13)


def test_a_tied_parameter_follows_the_other() -> None:
    law = bl.law("chinchilla").constrain("beta = 1.5*alpha")
    raw = {name: value for name, value in DENSE.items() if name != "beta"}
    expected = bl.law("chinchilla").predict(
        coefficients={**raw, "beta": 1.5 * raw["alpha"]}, N=N, D=D
    )
    assert law.predict(coefficients=raw, N=N, D=D) == pytest.approx(expected, rel=1e-13)
    # Priors stated on what the tied parameter entered follow as well.
    assert law.parameters["B"].on.text == "data / loss"
    at = {"N": 1e9, "D": 2e10}
    on = law.form.to_on(raw, at, 3.0)
    assert on["B"] == pytest.approx(raw["B"] * 2e10 ** (-1.5 * raw["alpha"]) / 3, rel=1e-12)


def test_a_chain_is_a_constraint_of_each_parameter() -> None:
    law = bl.law("zhao2025")
    assert law.constrain("m = n = 0").card == law.constrain("m = 0", "n = 0").card
    with pytest.raises(RequestError, match="not a constraint"):
        law.constrain("m == 0")


def test_constraints_may_read_each_other() -> None:
    law = bl.law("chinchilla").constrain("alpha = beta", "beta = 0.3")
    assert set(law.parameters) == {"E", "A", "B"}
    raw = {name: DENSE[name] for name in law.parameters}
    expected = raw["E"] + raw["A"] * N**-0.3 + raw["B"] * D**-0.3
    assert law.predict(coefficients=raw, N=N, D=D) == pytest.approx(expected, rel=1e-12)


def test_a_published_set_that_holds_is_kept() -> None:
    law = bl.law("tian2025").constrain("a = 1.23")
    assert list(law.coefficients) == ["published"]
    assert "a" not in law.coefficients["published"]
    # With it the numbers that it reproduces.
    assert len(law.checks) == len(bl.law("tian2025").checks)
    assert not list(reproduces(law))
    assert bl.law("chinchilla").constrain("alpha = beta").coefficients == {}


def test_the_law_itself_stays_as_it_is() -> None:
    law = bl.law("zhao2025")
    before = (law.card["formula"], list(law.parameters), law.predict(N=N, N_a=N, D=D, G=2, S=0))
    law.constrain("k = 0", "h = 0")
    assert before[:2] == (law.card["formula"], list(law.parameters))
    assert (law.predict(N=N, N_a=N, D=D, G=2, S=0) == before[2]).all()


def test_a_constrained_law_is_fitted_like_any_other() -> None:
    runs = bl.simulate("chinchilla", rows=60, noise_sd=0.002, seed=3)
    posterior = bl.fit(runs, bl.law("chinchilla").constrain("alpha = beta"), method="mode")
    assert set(posterior.coefficients()) == {"E", "A", "B", "beta"}


@pytest.mark.parametrize(
    ("constraints", "problem"),
    [
        (("k",), r"zhao2025.constrain\('k'\): not a constraint. Write \"k = 0\""),
        (("k == 0",), "not a constraint"),
        (("kk = 0",), r"no parameter 'kk'. Did you mean 'k'"),
        (("k = N_a",), r"no parameter 'N_a'"),
        (("k = 0", "k = 1"), "'k' is constrained twice"),
        (("alpha = beta", "beta = alpha"), "'alpha' is tied to itself"),
        ((), "no constraint is given"),
        (("e = 0",), r"the prior of 'f' is stated on 'f / e', which is gone. Constrain 'f' too"),
        (("k = log(2)",), "Name its base: ln, log2 or log10"),
        (("alpha >= 0.3",), "not a constraint"),
        (("alpha != 0.3",), "not a constraint"),
        ((None,), "constraints = None. Give text"),
        (("G = 8",), "'G' is a variable of zhao2025. Keep runs at one value of it with where="),
        (("alpha = 1/0",), "cannot be computed"),
        (("alpha = ln(0)",), "is no finite number"),
        (("a = 0", "b = 0", "c = 0", "e = 0", "f = 0", "m = 0", "n = 0"), "leave no variable"),
    ],
)
def test_what_is_no_constraint_is_named(constraints: tuple[str, ...], problem: str) -> None:
    with pytest.raises(bl.BayesLawError, match=problem):
        bl.law("zhao2025").constrain(*constraints)


def test_another_prior_frees_a_ratio_from_what_is_gone() -> None:
    prior = {"on": "f * N**-alpha / loss", "family": "lognormal", "median": 0.01, "factor": 3}
    law = bl.law("zhao2025").with_priors(f=prior).constrain("e = 0")
    assert "e" not in law.parameters
    assert law.parameters["f"].on.text == "f * N**-alpha / loss"


def test_a_power_of_zero_is_zero() -> None:
    """Without its scale a term is gone, and its exponent with it."""
    law = bl.law("frantar2023").constrain("a_D = 0")
    assert set(law.parameters) == {"a_S", "b_S", "c_S", "b_N", "c"}
    assert set(law.variables) == {"density", "N_a"}


def test_a_constraint_that_leaves_nothing_finite_is_refused() -> None:
    with pytest.raises(RequestError, match=r"ludziejewski2025.constrain: .* cannot be computed"):
        bl.law("ludziejewski2025").constrain("E_max = E_start")


def test_requests_and_cards_are_told_apart() -> None:
    with pytest.raises(RequestError):
        bl.law("chinchilla").constrain("gamma = 1")
