"""Formulas of one's own: the role of each parameter and the prior that follows from it."""

from __future__ import annotations

import pytest
from small_card import LOGNORMAL, NORMAL

import bayeslaw as bl
from bayeslaw.core.errors import CardError, FormulaError
from bayeslaw.formula import parse_formula
from bayeslaw.law import Law


def test_roles_follow_from_the_formula() -> None:
    law = Law.from_formula("E + A/N**alpha + B*D**(-beta)", variables=["N", "D"])
    assert law.form.floor == "E"
    assert law.variables == ("N", "D")
    assert {name: entry.on.text for name, entry in law.parameters.items()} == {
        "E": "E / loss",
        "A": "(A / N ** alpha) / loss",
        "B": "(B * D ** (-beta)) / loss",
        "alpha": "alpha",
        "beta": "beta",
    }
    # At a reference loss of 3, A's prior median is a tenth of it whatever the units of N.
    raw = {"E": 1.8, "A": 300.0, "B": 900.0, "alpha": 0.3, "beta": 0.3}
    on = law.form.to_on(raw, {"N": 1e9, "D": 1e10}, 3.0)
    assert on["A"] == pytest.approx(300.0 * 1e9**-0.3 / 3.0)


def test_the_chinchilla_formula_gets_the_priors_of_its_card() -> None:
    card = bl.law("chinchilla")
    own = Law.from_formula("E + A*N**-alpha + B*D**-beta", variables=["N", "D"])
    assert set(own.parameters) == set(card.parameters)
    for name, entry in card.parameters.items():
        assert own.parameters[name].prior == entry.prior
        assert own.parameters[name].role == entry.role
    raw, at = card.published(), {"N": 1e9, "D": 2e10}
    assert own.form.to_on(raw, at, 3.0) == pytest.approx(card.form.to_on(raw, at, 3.0), rel=1e-12)
    assert own.predict(coefficients=raw, **at) == pytest.approx(card.predict(**at), rel=1e-12)


def test_the_card_of_chinchilla_may_be_written_with_helper_lines() -> None:
    text = bl.law("chinchilla").card["formula"]
    own = Law.from_formula(text, variables=["N", "D"])
    assert own.form.floor == "E"


def test_without_a_floor_the_terms_share_the_loss() -> None:
    law = Law.from_formula("A*N**-alpha + B*D**-beta", variables=["N", "D"])
    assert law.form.floor is None
    assert law.parameters["A"].prior.median == law.parameters["B"].prior.median == 0.5


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        ("E + (A/N)**alpha", "A"),
        ("E + A*N**-alpha + A*D**-beta", "A"),
        ("E + A*B*N**-alpha*D**-beta", "A"),
        ("E + A*N**-(alpha + gamma)*D**-beta", "alpha"),
        ("E + A*N**-E*D**-beta", "E"),
        ("E + A*N**-alpha*D**-beta + c*S", "c"),
    ],
)
def test_an_unclear_role_is_refused_until_a_prior_is_given(text: str, unclear: str) -> None:
    variables = sorted(parse_formula(text).names & {"N", "D", "S"})
    with pytest.raises(CardError, match=f"the role of '{unclear}' is unclear") as caught:
        Law.from_formula(text, variables=variables)
    assert f'priors={{"{unclear}"' in caught.value.remedy


def test_a_given_prior_replaces_the_default() -> None:
    law = Law.from_formula(
        "E + A*N**-alpha + c*S",
        variables={"N": "N_a / 1e9", "S": "S"},
        priors={"c": NORMAL, "A": {**LOGNORMAL, "on": "A / loss"}},
    )
    assert law.variables == ("N_a", "S")
    assert law.parameters["c"].prior.family == "normal"
    assert law.parameters["A"].on.text == "A / loss"
    with pytest.raises(CardError, match="a prior for 'Q', which is no parameter"):
        Law.from_formula("E + A*N**-alpha", variables=["N"], priors={"Q": NORMAL})


def test_a_floor_with_a_prior_of_ones_own_stays_the_floor() -> None:
    prior = {"family": "lognormal", "median": 0.7, "factor": 1.2, "on": "E / loss"}
    law = Law.from_formula("E + A*N**-alpha", variables=["N"], priors={"E": prior})
    assert law.form.floor == "E"


def test_from_formula_names_what_is_wrong() -> None:
    with pytest.raises(CardError, match="the formula does not read 'D'"):
        Law.from_formula("E + A*N**-alpha", variables=["N", "D"])
    with pytest.raises(CardError, match="E and F are both floors"):
        Law.from_formula("E + F + A*N**-alpha", variables=["N"])
    with pytest.raises(FormulaError, match="'log'"):
        Law.from_formula("E + A*log(N)", variables=["N"])
