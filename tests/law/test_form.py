"""Coordinates: from the paper's coefficients to what priors are stated on, and back."""

from __future__ import annotations

import math

import pytest
from small_card import LOGNORMAL, NORMAL, changed

import bayeslaw as bl
from bayeslaw.law import Law


def test_coordinates_of_zhao2025_are_what_its_card_says() -> None:
    law = bl.law("zhao2025")
    raw = law.published()
    at = {"N": 1e9, "N_a": 2e8, "D": 2e10, "G": 7.0, "S": 0.14}
    on = law.form.to_on(raw, at, 3.0)
    assert on["n"] == pytest.approx(-raw["n"] / (2 * raw["m"]))  # S*
    assert on["n"] == pytest.approx(0.31485, rel=1e-4)
    assert math.sqrt(on["f"]) == pytest.approx(6.778, rel=1e-4)  # G*
    assert on["b"] == pytest.approx(raw["b"] * 2e10 ** -raw["beta"] / 3.0)
    assert on["epsilon"] == pytest.approx(raw["epsilon"] / 3.0)
    assert on["alpha"] == raw["alpha"]
    back = law.form.to_raw(on, at, 3.0)
    assert back == pytest.approx(raw, rel=1e-12)


def test_each_on_reads_only_what_stands_before_it() -> None:
    form = bl.law("zhao2025").form
    place = {name: i for i, name in enumerate(form.order)}
    assert sorted(form.order) == sorted(form.parameters)
    for first, then in [("e", "f"), ("m", "n"), ("alpha", "a"), ("beta", "b"), ("alpha", "k")]:
        assert place[first] < place[then]


def test_an_additive_shift_is_inverted() -> None:
    # The joint law's delta on "delta + gamma*ln(N)": offset as well as slope.
    card = changed(
        formula="L = E + A*N**-alpha",
        parameters__E={"on": "2*E + alpha*ln(N) - A", "prior": NORMAL},
        parameters__A={"prior": NORMAL},
    )
    form = Law(card).form
    raw = {"E": 1.7, "A": 4.0, "alpha": 0.3}
    on = form.to_on(raw, {"N": 1e9}, 3.0)
    assert on["E"] == pytest.approx(3.4 + 0.3 * math.log(1e9) - 4.0)
    assert form.to_raw(on, {"N": 1e9}, 3.0) == pytest.approx(raw, rel=1e-12)


def test_a_prior_may_be_stated_on_a_power() -> None:
    """(A/N)**alpha as a share of the loss fixes A: written out, A = N * (share*loss)**(1/alpha)."""
    law = bl.Law.from_formula(
        "E + (A/N)**alpha",
        variables=["N"],
        priors={"A": {**LOGNORMAL, "on": "(A/N)**alpha / loss"}},
    )
    on = {"E": 0.6, "A": 0.1, "alpha": 0.3}
    raw = law.form.to_raw(on, {"N": 1e9}, 3.0)
    assert raw["A"] == pytest.approx(1e9 * (0.1 * 3.0) ** (1 / 0.3), rel=1e-12)
    assert law.form.to_on(raw, {"N": 1e9}, 3.0) == pytest.approx(on, rel=1e-12)
