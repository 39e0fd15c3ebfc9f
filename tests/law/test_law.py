"""Laws: cards and what is wrong with them, coordinates, formulas of one's own, the library."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import CardError, FormulaError, RequestError
from bayeslaw.formula import parse_formula
from bayeslaw.law import Law
from bayeslaw.law.library import cards, catalogue

LOGNORMAL = {"family": "lognormal", "median": 0.25, "factor": 2}
NORMAL = {"family": "normal", "mean": 0, "sd": 1}

CARD: dict[str, Any] = {
    "name": "test",
    "formula": "size = A*N**-alpha\nL = E + size",
    "variables": {"N": {"is": "N", "range": [1e8, 1e10], "base": "1e9"}},
    "parameters": {
        "E": {"on": "E / loss", "prior": LOGNORMAL, "role": "floor"},
        "A": {"on": "size / loss", "prior": LOGNORMAL},
        "alpha": {"prior": LOGNORMAL},
    },
    "coefficients": {"published": {"E": 1.7, "A": 400.0, "alpha": 0.3}},
}


def changed(**changes: Any) -> dict[str, Any]:
    """The card with entries replaced, at keys joined by two underscores; None takes one out."""
    card = copy.deepcopy(CARD)
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = card
        for key in parents:
            inner = inner.setdefault(key, {})
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return card


# --- cards that are not well formed ----------------------------------------------------------

# What is changed, the place that the error names, the problem and the remedy.
MALFORMED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "unknown key": ({"formulas": "L = N"}, "t.toml", "unknown key 'formulas'", "'formula'"),
    "no formula": ({"formula": None}, "t.toml", "'formula' is missing", 'formula = "L = ..."'),
    "formula is no text": (
        {"formula": 3},
        "t.toml, formula",
        "formula = 3 is not text",
        "Write formula = ",
    ),
    "unknown status": ({"status": "verifed"}, "t.toml, status", "unknown status", "'verified'"),
    "reserved line": (
        {"formula": "loss = A*N**-alpha\nL = E + loss"},
        "t.toml, formula",
        "'loss' is the reference value",
        "another letter",
    ),
    "a name that draws use": (
        {
            "formula": "L = E + T*N**-alpha",
            "parameters__A": None,
            "parameters__T": {"prior": NORMAL},
        },
        "t.toml, [parameters] T",
        "a parameter cannot be called 'T'",
        "another letter",
    ),
    "a name that sites use": (
        {
            "formula": "L = E + A_on*N**-alpha",
            "parameters__A": None,
            "parameters__A_on": {"prior": NORMAL},
        },
        "t.toml, [parameters] A_on",
        "a parameter cannot be called 'A_on'",
        "another letter",
    ),
    "no variables": ({"variables": None}, "t.toml", "'variables' is missing", "[variables]"),
    "variables is no table": ({"variables": 3}, "t.toml, variables", "not a table", "[variables]"),
    "letter not in the formula": (
        {"variables__M": {"is": "N"}},
        "t.toml, [variables] M",
        "does not read 'M'",
        "There are: A, E, N, alpha",
    ),
    "letter is no table": ({"variables__N": "N"}, "[variables] N", "not a table", '{ is = "N" }'),
    "unknown key of a letter": ({"variables__N__iss": "N"}, "[variables] N", "'iss'", "'is'"),
    "letter is a number": (
        {"variables__N__is": 3},
        "t.toml, [variables] N, is",
        "is = 3 is not text",
        "Write ",
    ),
    "range of one number": (
        {"variables__N__range": [1e8]},
        "t.toml, [variables] N, range",
        "range = [100000000.0]",
        "[low, high]",
    ),
    "range of text": (
        {"variables__N__range": ["a", 1]},
        "t.toml, [variables] N, range",
        "'a' is not a num",
        "",
    ),
    "values of text": (
        {"variables__N__values": ["a"]},
        "t.toml, [variables] N, values",
        "'a' is not a num",
        "",
    ),
    "parameter not in the formula": (
        {"parameters__B": {"prior": NORMAL}},
        "t.toml, [parameters] B",
        "'B' is no parameter",
        "There are: A, E, alpha",
    ),
    "parameter that is a letter": (
        {"parameters__N": {"prior": NORMAL}},
        "t.toml, [parameters] N",
        "'N' is no parameter",
        "A, E, alpha",
    ),
    "parameter without an entry": (
        {"parameters__alpha": None},
        "t.toml",
        "'alpha', which is neither a variable nor a parameter",
        "[variables] or [parameters]",
    ),
    "parameter is no table": ({"parameters__A": "lognormal"}, "[parameters] A", "not a table", ""),
    "unknown key of a parameter": ({"parameters__A__pior": 3}, "[parameters] A", "'pior'", "prior"),
    "unknown role": (
        {"parameters__A__role": "flor"},
        "t.toml, [parameters] A, role",
        "'flor'",
        "'floor'",
    ),
    "no prior": (
        {"parameters__A__prior": None},
        "[parameters] A",
        "'prior' is missing",
        "prior = { family = ",
    ),
    "prior is no table": (
        {"parameters__A__prior": 3},
        "t.toml, [parameters] A, prior",
        "no family",
        "family =",
    ),
    "unknown family": (
        {"parameters__A__prior": {**NORMAL, "family": "norml"}},
        "t.toml, [parameters] A, prior",
        "unknown prior family 'norml'",
        "Did you mean 'normal'?",
    ),
    "numbers of the other family": (
        {"parameters__A__prior": {**NORMAL, "family": "lognormal"}},
        "t.toml, [parameters] A, prior",
        "a lognormal prior takes median and factor, not ['mean', 'sd']",
        "",
    ),
    "normal with an end": (
        {"parameters__A__prior": {**NORMAL, "low": 0}},
        "t.toml, [parameters] A, prior",
        "a normal prior takes mean and sd, not",
        "",
    ),
    "median of zero": (
        {"parameters__A__prior": {**LOGNORMAL, "median": 0}},
        "t.toml, [parameters] A, prior",
        "median = 0, factor = 2",
        "Give a positive median and a factor above 1",
    ),
    "factor of one": (
        {"parameters__A__prior": {**LOGNORMAL, "factor": 1}},
        "t.toml, [parameters] A, prior",
        "factor = 1",
        "factor above 1",
    ),
    "sd of zero": (
        {"parameters__A__prior": {**NORMAL, "sd": 0}},
        "t.toml, [parameters] A, prior",
        "sd = 0",
        "Give a positive sd",
    ),
    "infinite prior": (
        {"parameters__A__prior": {**NORMAL, "mean": math.inf}},
        "t.toml, [parameters] A, prior",
        "mean = inf is not finite",
        "",
    ),
    "prior of text": (
        {"parameters__A__prior": {**NORMAL, "mean": "0"}},
        "t.toml, [parameters] A, prior",
        "mean = '0' is not a number",
        "",
    ),
    "cycle": (
        {"parameters__A__on": "A / alpha", "parameters__alpha__on": "alpha / A"},
        "t.toml, [parameters]",
        "the priors of A, alpha are stated on each other in a circle",
        "none of the others",
    ),
    "cycle through a line": (
        {"parameters__alpha__on": "alpha * size"},
        "t.toml, [parameters]",
        "the priors of A, alpha are stated on each other in a circle",
        "none of the others",
    ),
    "square and more": (
        {"parameters__A__on": "A**2 + A"},
        "t.toml, [parameters] A, on",
        "'A**2 + A' is neither affine in 'A' nor a power of it",
        "u + v*A or v*A**w",
    ),
    "a power that may be negative": (
        {"parameters__A__on": "A**2 / N", "parameters__A__prior": NORMAL},
        "t.toml, [parameters] A, prior",
        "stated on a power of 'A'",
        "lognormal",
    ),
    "without itself": ({"parameters__A__on": "N"}, "[parameters] A, on", "affine", "u + v*A"),
    "unknown name in on": (
        {"parameters__A__on": "size / lss"},
        "t.toml, [parameters] A, on",
        "unknown name 'lss'",
        "Did you mean 'loss'?",
    ),
    "on reads what may be zero": (
        {
            "formula": "L = E + A*S*N**-alpha",
            "variables__S": {"is": "S"},
            "parameters__A__on": "A*S/loss",
        },
        "t.toml, [parameters] A, on",
        "S may be zero",
        "positive at every reference run",
    ),
    "on reads it through a line": (
        {"formula": "size = A*S*N**-alpha\nL = E + size", "variables__S": {"is": "S"}},
        "t.toml, [parameters] A, on",
        "'size / loss', and S may be zero",
        "positive at every reference run",
    ),
    "on reads it through a letter": (
        {"variables__N__is": "N*(1 - sparsity)"},
        "t.toml, [parameters] A, on",
        "sparsity may be zero",
        "positive at every reference run",
    ),
    "floor that is an exponent": (
        {
            "parameters__E__role": None,
            "parameters__alpha__role": "floor",
            "parameters__A__on": "A / loss",
        },
        "t.toml, [parameters] alpha",
        "'alpha' has the role 'floor' but the prediction is not affine in it",
        "Leave the role out",
    ),
    "two floors": (
        {
            "formula": "L = E + A + N**-alpha",
            "parameters__A": {"prior": NORMAL, "role": "floor"},
        },
        "t.toml, [parameters] A",
        "E and A are both floors",
        "Leave one role out",
    ),
    "incomplete coefficients": (
        {"coefficients__published__A": None},
        "t.toml, [coefficients.published]",
        "'A' is missing",
        "",
    ),
    "foreign coefficient": (
        {"coefficients__published__beta": 1.0},
        "t.toml, [coefficients.published]",
        "unknown key 'beta'",
        "There are: E, A, alpha",
    ),
    "coefficient of text": (
        {"coefficients__published__A": "400"},
        "t.toml, [coefficients.published], A",
        "'400' is not a number",
        "",
    ),
    "coefficients without a set": (
        {"coefficients": {"E": 1.7, "A": 400.0, "alpha": 0.3}},
        "t.toml, [coefficients.E]",
        "not a table",
        "Write [coefficients.published]",
    ),
    "ratio over no letter": (
        {"design": {"ratios": {"N": {"over": "M", "range": [0, 1]}}}},
        "t.toml, [design] N",
        "unknown letter 'M'",
        "There are: N",
    ),
    "ratio of no letter": (
        {"design": {"ratios": {"M": {"over": "N", "range": [0, 1]}}}},
        "t.toml, [design] M",
        "unknown letter 'M'",
        "There are: N",
    ),
    "ratio without a range": (
        {"design": {"ratios": {"N": {"over": "N"}}}},
        "t.toml, [design] N",
        "'range' is missing",
        "range = [0.03, 0.7] }",
    ),
    "unknown key of the design": (
        {"design": {"ratio": {}}},
        "t.toml, [design]",
        "unknown key 'ratio'",
        "'ratios'",
    ),
    "check without a value": (
        {"checks": [{"of": "L", "value": 1}, {"of": "L"}]},
        "t.toml, check 2",
        "'value' is missing",
        "Write value = 2.5",
    ),
    "unknown key of a check": (
        {"checks": [{"of": "L", "value": 1, "rol": 2}]},
        "t.toml, check 1",
        "unknown key 'rol'",
        "'rtol'",
    ),
    "check of text": (
        {"checks": [{"of": "L", "value": "1"}]},
        "t.toml, check 1, value",
        "'1' is not a number",
        "",
    ),
    "free variable of no law": (
        {"optimum": {"free": ["D"]}},
        "t.toml, [optimum]",
        "'D' is no variable of the law",
        "There are: N",
    ),
    "unknown key of the optimum": (
        {"optimum": {"fre": ["N"]}},
        "t.toml, [optimum]",
        "unknown key 'fre'",
        "'free'",
    ),
    "unknown term": ({"terms": ["siz"]}, "t.toml, terms", "'siz' is no line", "'size'"),
    "values are no list": (
        {"variables__N__values": 3},
        "t.toml, [variables] N, values",
        "values = 3 is not a list of numbers",
        "[...]",
    ),
    "range upside down": (
        {"variables__N__range": [1e10, 1e8]},
        "t.toml, [variables] N, range",
        "range = [1e+10, 1e+08]",
        "Put the lower end first",
    ),
    "a list of families": (
        {"parameters__A__prior": {**NORMAL, "family": ["normal"]}},
        "t.toml, [parameters] A, prior",
        "unknown prior family ['normal']",
        "'normal'",
    ),
    "logarithm": ({"parameters__A__on": "ln(A)"}, "[parameters] A, on", "affine", "u + v*A"),
    "on reads the floor": (
        {"parameters__A__on": "size / E"},
        "t.toml, [parameters] A, on",
        "'size / E', which reads the floor",
        "State it on other terms",
    ),
    "on reads the floor through a line": (
        {"parameters__A__on": "A / L"},
        "t.toml, [parameters] A, on",
        "'A / L', which reads the floor",
        "State it on other terms",
    ),
    "ratio with a number for a range": (
        {"design": {"ratios": {"N": {"over": "N", "range": 3}}}},
        "t.toml, [design] N, range",
        "range = 3 is not a range",
        "range = [low, high]",
    ),
    "ratio with half a range": (
        {"design": {"ratios": {"N": {"over": "N", "range": [1]}}}},
        "t.toml, [design] N, range",
        "range = [1]",
        "range = [low, high]",
    ),
    "ratio over a list": (
        {"design": {"ratios": {"N": {"over": ["N"], "range": [0, 1]}}}},
        "t.toml, [design] N, over",
        "over = ['N'] is not text",
        "Write ",
    ),
    "checks are no list": (
        {"checks": 3},
        "t.toml, checks",
        "checks = 3 is not a list of tables",
        "checks = [...]",
    ),
    "check of a number": (
        {"checks": [{"of": 3, "value": 1}]},
        "t.toml, check 1, of",
        "of = 3 is not text",
        "Write ",
    ),
    "check of an unknown name": (
        {"checks": [{"of": "Q", "value": 1}]},
        "t.toml, check 1",
        "unknown name 'Q'",
        "size",
    ),
    "check at a list": (
        {"checks": [{"of": "L", "value": 1, "at": [1]}]},
        "t.toml, check 1, at",
        "at is not a table",
        "at = { ... }",
    ),
    "check of an unknown set": (
        {"checks": [{"of": "L", "value": 1, "coefficients": "publishd"}]},
        "t.toml, check 1",
        "no coefficient set 'publishd'",
        "'published'",
    ),
    "free is no list": (
        {"optimum": {"free": 3}},
        "t.toml, [optimum], free",
        "free = 3 is not a list of strings",
        "[...]",
    ),
    "free numbers": (
        {"optimum": {"free": [1]}},
        "t.toml, [optimum], free",
        "free = [1] is not a list of strings",
        "[...]",
    ),
    "free expression": (
        {"optimum": {"free": ["2*N"]}},
        "t.toml, [optimum]",
        "'2*N' is no variable of the law",
        "'N'",
    ),
    "terms are no list": (
        {"terms": 3},
        "t.toml, terms",
        "terms = 3 is not a list of strings",
        "terms = [...]",
    ),
    "unknown key of the units": (
        {"units": {"group": [["N"]]}},
        "t.toml, [units]",
        "unknown key 'group'",
        "'groups'",
    ),
    "units of no letter": (
        {"units": {"groups": [["N", "M"]]}},
        "t.toml, [units]",
        "unknown letter 'M'",
        "There are: N, L",
    ),
    "unknown cost": ({"cost": "trainng"}, "t.toml, cost", "unknown cost 'trainng'", "'training'"),
}


@pytest.mark.parametrize(
    ("changes", "place", "problem", "remedy"), MALFORMED.values(), ids=MALFORMED.keys()
)
def test_a_malformed_card_is_refused_with_place_and_remedy(
    changes: dict[str, Any], place: str, problem: str, remedy: str
) -> None:
    with pytest.raises(CardError) as caught:
        Law(changed(**changes), "t.toml")
    assert caught.value.place.endswith(place)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert str(caught.value).startswith(caught.value.place)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"formula": "L = E + A*N**-alpha +"}, "t.toml, formula, line 1"),
        ({"formula": "L = E + log(A)*N**-alpha"}, "t.toml, formula, line 1"),
        ({"variables__N__is": "N.x"}, "t.toml, [variables] N, is"),
        ({"variables__N__base": "N +"}, "t.toml, [variables] N, base"),
        ({"parameters__A__on": "size / ("}, "t.toml, [parameters] A, on"),
        ({"checks": [{"of": "L(", "value": 1}]}, "t.toml, check 1, of"),
    ],
)
def test_a_text_of_a_card_that_cannot_be_read_is_named(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(FormulaError) as caught:
        Law(changed(**changes), "t.toml")
    assert caught.value.place == place


def test_a_file_that_is_no_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"^mine\.toml: cannot be read \(No such file"):
        bl.law(tmp_path / "mine.toml")
    (tmp_path / "broken.toml").write_text("name = = 3")
    with pytest.raises(CardError, match=r"^broken\.toml: is not TOML .*line 1"):
        bl.law(tmp_path / "broken.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match=r"^binary\.toml: is not TOML"):
        Law.from_toml(tmp_path / "binary.toml")


def test_what_is_wrong_in_a_file_is_found_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('formula = "E + A*N**-alpha"\nvariable = 3\n')
    with pytest.raises(CardError, match=r"^mine\.toml: unknown key 'variable'.*'variables'"):
        Law.from_toml(path)


def test_a_card_of_ones_own_is_read_from_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        """
        name = "mine"
        formula = "L = E + A*P**-alpha"
        [variables]
        P = { is = "N_a / 1e9" }
        [parameters]
        E = { prior = { family = "normal", mean = 2, sd = 1 } }
        A = { on = "A / loss", prior = { family = "lognormal", median = 0.1, factor = 3 } }
        alpha = { prior = { family = "lognormal", median = 0.25, factor = 2, low = 0.1 } }
        """
    )
    law = bl.law(str(tmp_path / "mine.toml"))
    assert (law.name, law.status, law.predicts) == ("mine", "own", "loss")
    assert law.variables == ("N_a",)
    # Billions of active parameters: 16e9 is 16, and 16 to the -0.5 is a quarter.
    found = law.predict(coefficients={"E": 1.0, "A": 2.0, "alpha": 0.5}, N_a=16e9)
    assert found == pytest.approx(1.5, rel=1e-12)
    assert str(law.parameters["alpha"].prior) == "LogNormal(median: 0.25, factor: 2, low: 0.1)"
    with pytest.raises(RequestError, match="no coefficients of mine were published"):
        law.published()


# --- the library -----------------------------------------------------------------------------


def test_an_alias_is_the_law() -> None:
    for name in cards():
        law = bl.law(name)
        assert law.name == name
        for alias in law.card.get("aliases", ()):
            assert bl.law(alias).card == law.card


def test_an_unknown_law_gets_a_suggestion() -> None:
    with pytest.raises(RequestError, match=r"unknown law 'zaho2025'. Did you mean 'zhao2025'\?"):
        bl.law("zaho2025")
    with pytest.raises(RequestError, match=r"There are: abnar2025,.* zhao2025"):
        bl.law("")


def test_a_law_is_returned_as_it_is() -> None:
    law = bl.law("chinchilla")
    assert bl.law(law) is law


def test_the_list_of_laws_has_a_row_a_card() -> None:
    table = bl.laws()
    assert list(table.index) == [bl.law(name).name for name in cards()]
    assert table.loc["zhao2025", "parameters"] == 12
    assert table.loc["zhao2025", "variables"] == "N, N_a, D, G, S"


def test_the_catalogue_states_what_the_laws_do() -> None:
    for row in catalogue():
        law = bl.law(row["law"])
        assert row == {
            "law": law.name,
            "title": law.title,
            "year": law.year,
            "predicts": law.predicts,
            "variables": ", ".join(law.variables),
            "parameters": len(law.parameters),
            "status": law.status,
            "source": law.source,
        }


def test_importing_laws_and_listing_them_loads_no_slow_library() -> None:
    code = (
        "import sys; from bayeslaw.law.library import catalogue; catalogue(); "
        "print([m for m in ('jax', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- coefficients and predictions ------------------------------------------------------------


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


# --- coordinates -----------------------------------------------------------------------------


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


# --- other priors ----------------------------------------------------------------------------


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


# --- a formula of one's own ------------------------------------------------------------------


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


# --- priors ----------------------------------------------------------------------------------


def test_prior_draws_have_the_stated_median_and_spread() -> None:
    size = 20_000
    rng = np.random.default_rng(5)
    lognormal = bl.law("zhao2025").parameters["f"].prior  # median 50, factor 3
    draws = np.log(lognormal.sample(rng, size))
    # Four standard errors of a mean, 1/sqrt(n), and of an sd, 1/sqrt(2n), in units of the sd.
    assert abs(draws.mean() - math.log(50)) < 4 * math.log(3) / math.sqrt(size)
    assert abs(draws.std() / math.log(3) - 1) < 4 / math.sqrt(2 * size)
    normal = bl.law("zhao2025").parameters["k"].prior  # mean 0, sd 0.1
    draws = normal.sample(rng, size)
    assert abs(draws.mean()) < 4 * 0.1 / math.sqrt(size)
    assert abs(draws.std() / 0.1 - 1) < 4 / math.sqrt(2 * size)


def test_a_lognormal_above_a_low_end_stays_above_it() -> None:
    card = changed(parameters__alpha__prior={**LOGNORMAL, "low": 1.0})
    prior = Law(card).parameters["alpha"].prior
    assert prior.median == 1.25
    draws = prior.sample(np.random.default_rng(0), 1000)
    assert (draws > 1.0).all()
    # The share of draws below the median is one half, give or take four times sqrt(1/4/1000).
    assert abs((draws < prior.median).mean() - 0.5) < 4 * math.sqrt(0.25 / 1000)


# --- odd input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notes": 3}, "t.toml, notes: notes = 3"),
        ({"aliases": "abc"}, "t.toml, aliases: aliases = 'abc'"),
        ({"predicts": 3}, "t.toml, predicts: predicts = 3 is not text"),
        ({"coefficients__published__A": float("nan")}, "nan is not finite"),
        ({"year": "2025"}, "t.toml, year: year = '2025' is no year. Write year = 2025"),
        ({"status": "good"}, "t.toml, status: unknown status 'good'"),
        ({"cost": "free"}, "t.toml, cost: unknown cost 'free'"),
        ({"predicts": "N"}, "t.toml, predicts: 'N' is predicted and a variable at once"),
        (
            {"variables__N__range": [0, 1e12]},
            "[variables] N, range: range = [0, 1e+12], but N is positive",
        ),
        ({"variables__N__values": [1, 2]}, "the value 1 is outside the range"),
        ({"variables__N__base": "20*M"}, "[variables] N, base: unknown letter 'M'"),
        ({"variables__N__base": "2*N"}, "base values of N read each other in a circle"),
        (
            {"checks": [{"of": "L", "at": {"N": 1e9}, "value": 0}]},
            "t.toml, check 1: value = 0, rtol = 0.001. The tolerance is relative",
        ),
        (
            {"parameters__E__on": "E**2 / loss"},
            "[parameters] E, on: the prior of the floor 'E' is stated on a power of it",
        ),
    ],
)
def test_odd_entries_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError) as caught:
        Law(changed(**change), "t.toml")
    assert message in str(caught.value)


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
    with pytest.raises(RequestError, match="3 is neither a set of coefficients nor the name"):
        law.predict(N=1e9, D=1e10, coefficients=three)
    word: Any = "normal"
    with pytest.raises(RequestError, match=r"E = 'normal' is no prior"):
        law.with_priors(E=word)


def test_every_cost_can_be_read() -> None:
    table = bl.costs()
    assert {"training", "krajewski2024", "hunyuan2024", "tiled_ensemble"} <= set(table.index)
    assert (table["source"] != "").all()
    for name in ("tiled_ensemble", "expert_prototyping"):
        assert "paper" in table.loc[name, "lacks"]


def test_krajewskis_flops_are_those_of_its_architecture() -> None:
    """(72 d**2 + 14 d E G) n_b D with N = d**2 (8 E + 4) n_b and d = 64 n_b."""
    from bayeslaw.law.cost import COSTS

    for blocks, experts, grain in ((12, 64, 8), (32, 16, 1)):
        d = 64 * blocks
        total = d**2 * (8 * experts + 4) * blocks
        expected = (72 * d**2 + 14 * d * experts * grain) * blocks * 1e10
        found = COSTS["krajewski2024"].expression(
            {"N": total, "E": experts, "granularity": grain, "D": 1e10}
        )
        assert found == pytest.approx(expected, rel=1e-12)
