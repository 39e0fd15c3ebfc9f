"""Cards that are not well formed: each problem with its place and remedy."""

from __future__ import annotations

import math
from typing import Any

import pytest
from small_card import LOGNORMAL, NORMAL, changed

from bayeslaw.core.errors import CardError, FormulaError
from bayeslaw.law import Law

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
