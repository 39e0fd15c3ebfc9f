"""A law: published coefficients, predictions and other priors."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from small_card import LOGNORMAL

import bayeslaw as bl
from bayeslaw.core.errors import CardError, RequestError
from bayeslaw.law import Law


def test_published_sets_go_by_name_and_the_first_is_the_default() -> None:
    law = bl.law("chinchilla")
    assert law.published() == law.published("besiroglu")
    # Hoffmann et al. 2022, eq. 10; Besiroglu et al. 2024, table 1.
    assert law.published("hoffmann") == {
        "E": 1.69,
        "A": 406.4,
        "B": 410.7,
        "alpha": 0.34,
        "beta": 0.28,
    }
    with pytest.raises(RequestError, match=r"'hofman'. Did you mean 'hoffmann'\?"):
        law.published("hofman")
    law.published()["E"] = 0.0
    assert law.published()["E"] == 1.8172


def test_predict_broadcasts_and_takes_other_coefficients() -> None:
    law = bl.law("chinchilla")
    found = law.predict(N=[[1e9], [7e10]], D=[2e10, 1.4e12, 1e13])
    assert found.shape == (2, 3)
    # Chinchilla itself, 70e9 parameters on 1.4e12 tokens, by hand.
    assert found[1, 1] == pytest.approx(1.8172 + 482.01 / 7e10**0.3478 + 2085.43 / 1.4e12**0.3658)
    named = law.predict(coefficients="hoffmann", N=7e10, D=1.4e12)
    given = law.predict(coefficients=law.published("hoffmann"), N=7e10, D=1.4e12)
    assert named == given == pytest.approx(1.69 + 406.4 / 7e10**0.34 + 410.7 / 1.4e12**0.28)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"N": 1e9}, r"chinchilla takes N, D: D is missing"),
        ({"N": 1e9, "D": 1e9, "G": 3}, r"chinchilla takes N, D: G is not in the law"),
        ({"N": 1e9, "d": 1e9}, r"D is missing; d is not in the law"),
    ],
)
def test_predict_names_what_is_missing_and_what_is_foreign(
    given: dict[str, float], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        bl.law("chinchilla").predict(**given)


def test_predict_names_a_missing_coefficient() -> None:
    with pytest.raises(RequestError, match=r"coefficients E, A, .*: A is missing; B is missing"):
        bl.law("chinchilla").predict(coefficients={"E": 1.8}, N=1e9, D=1e9)


def test_predict_names_what_does_not_fit() -> None:
    law = bl.law("chinchilla")
    raw = law.published()
    with pytest.raises(RequestError, match=r"chinchilla.predict: .* beta is missing"):
        law.predict(N=1e9, D=1e10, coefficients={n: v for n, v in raw.items() if n != "beta"})
    with pytest.raises(RequestError, match="size is a line of the formula"):
        law.predict(N=1e9, D=1e10, coefficients={**raw, "size": 3.0})
    with pytest.raises(RequestError, match=r"no numbers of matching shapes"):
        law.predict(N=[1e9, 2e9], D=[1e10, 2e10, 3e10])
    with pytest.raises(RequestError, match=r"no numbers of matching shapes"):
        law.predict(N="many", D=1e10)
    with pytest.raises(RequestError, match=r"N = -1 is outside \(0, inf\). N is total parameters"):
        law.predict(N=[1e9, -1], D=1e10)
    three: Any = 3
    with pytest.raises(RequestError, match=r"published: name = 3\. Give text"):
        law.predict(N=1e9, D=1e10, coefficients=three)
    word: Any = "normal"
    with pytest.raises(RequestError, match=r"E = 'normal' is no prior"):
        law.with_priors(E=word)


def test_with_priors_changes_priors_and_nothing_else() -> None:
    law = bl.law("chinchilla")
    before = copy.deepcopy(law.card)
    other = law.with_priors(
        alpha={"family": "lognormal", "median": 0.35, "factor": 1.1},
        E={"family": "normal", "mean": 1.8, "sd": 0.1, "on": "E"},
    )
    assert law.card == before
    assert str(other.parameters["alpha"].prior) == "LogNormal(median: 0.35, factor: 1.1)"
    assert other.parameters["E"].on.text == "E"
    assert other.form.floor == "E"
    for name in ("A", "B", "beta"):
        assert other.parameters[name] == law.parameters[name]
    assert other.predict(N=1e9, D=1e10) == law.predict(N=1e9, D=1e10)


def test_with_priors_names_what_is_wrong() -> None:
    law = bl.law("chinchilla")
    with pytest.raises(RequestError, match=r"no parameter 'alfa'. Did you mean 'alpha'\?"):
        law.with_priors(alfa=LOGNORMAL)
    with pytest.raises(CardError, match=r"\[parameters\] E, prior: unknown prior family 'gamma'"):
        law.with_priors(E={"family": "gamma"})
    with pytest.raises(CardError, match=r"neither affine in 'A'"):
        law.with_priors(A={**LOGNORMAL, "on": "A**2 + 1"})


def test_more_may_be_better() -> None:
    """The best granularity of the efficiency leverage is 2**(-beta/(2*gamma)), its maximum."""
    law = bl.law("tian2025")
    runs = bl.simulate(law, rows=120, noise_sd=0.005, seed=2)
    posterior = bl.fit(runs, law, method="laplace", seed=1)
    best = bl.optimum(posterior, at={"activation": 0.03, "C": 1e22})
    raw = posterior.coefficients()
    closed = 2 * 2 ** (-raw["beta"] / (2 * raw["gamma"]))
    np.testing.assert_allclose(np.log(best.draws["granularity"]), np.log(closed), atol=1e-6)


def test_a_rising_prediction_without_end_is_said_to_rise() -> None:
    card = {
        **json.loads(json.dumps(bl.law("power_law").card)),
        "optimum": {"free": ["x"], "sense": "max"},
    }
    law = Law(card).constrain("alpha = -0.5")
    runs = bl.simulate(law, rows=30, noise_sd=0.01, coefficients={"A": 1e-4}, seed=1)
    with pytest.raises(RequestError, match="its loss increases monotonically in"):
        bl.optimum(bl.fit(runs, law, method="laplace"))
    with pytest.raises(
        CardError, match=r"\[optimum\], sense: unknown sense 'most'\. There are: min, max"
    ):
        Law({**card, "optimum": {"free": ["x"], "sense": "most"}})


def test_a_name_with_braces_is_printed_as_it_is() -> None:
    law = Law.from_formula("E + A*N**-alpha", variables=["N"], name="{mine}")
    with pytest.raises(RequestError, match=r"\{mine\} has no parameter 'beta'"):
        law.with_priors(beta=LOGNORMAL)
