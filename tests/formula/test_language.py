"""The language of expressions: what it refuses and what it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayeslaw.core.errors import FormulaError
from bayeslaw.formula import parse_expression

REFUSED = {
    "attribute": ("N.real", r"'N\.real' in 'N\.real' is not allowed"),
    "attribute of a constant": ("(1).real", r"is not allowed"),
    "subscript": ("N[0]", r"'N\[0\]'"),
    "unknown function": ("foo(N)", r"the function 'foo' .*There are: ln, log2, log10, exp"),
    "near miss": ("sqr(N)", r"the function 'sqr' .*Did you mean 'sqrt'\?"),
    "capitals": ("LN(N)", r"Did you mean 'ln'\?"),
    "import": ("__import__('os')", r"the function '__import__'"),
    "call of a call": ("exp(N)(2)", r"the construct Call"),
    "keyword": ("ln(x=N)", r"the construct Call"),
    "starred": ("max(*N, 2)", r"the construct Starred"),
    "bare log": ("log(N)", r"'log' .*Name its base: ln, log2 or log10"),
    "too many arguments": ("ln(N, 2)", r"'ln' of 2 arguments .*Give ln 1"),
    "too few arguments": ("max(N)", r"'max' of 1 arguments .*Give max 2"),
    "no arguments": ("exp()", r"'exp' of 0 arguments .*Give exp 1"),
    "lambda": ("lambda x: x", r"the construct Lambda"),
    "lambda as a letter": ("a*N**-lambda", r"lambda is a word of Python: write lam"),
    "list comprehension": ("[x for x in N]", r"the construct ListComp"),
    "generator": ("max((x for x in N), 2)", r"the construct GeneratorExp"),
    "f-string": ("f'{N}'", r"the construct JoinedStr"),
    "walrus": ("(x := 3)", r"the construct NamedExpr"),
    "conditional": ("N if N else D", r"the construct IfExp"),
    "dictionary": ("{1: N}", r"the construct Dict"),
    "set": ("{N}", r"the construct Set"),
    "yield": ("(yield N)", r"the construct Yield"),
    "text": ("'N'", r"the constant 'N'"),
    "truth value": ("N*True", r"the constant True"),
    "none": ("None", r"the constant None"),
    "complex number": ("2j*N", r"the constant 2j"),
    "modulo": ("N % 2", r"the operator %"),
    "floor division": ("N // 2", r"the operator //"),
    "matrix product": ("N @ D", r"the operator @"),
    "bitwise": ("N ^ 2", r"the operator \^ .*A power is written \*\*"),
    "inversion": ("~N", r"the operator ~"),
    "Greek letter": ("N**-α", r"the name 'α' .*Names are ASCII: write alpha, and lam for lambda"),
    "deep nesting": ("-" * 100 + "N", r"nested 10\d deep\. Split it into helper lines"),
    "very deep nesting": ("-" * 4000 + "N", r"nested|cannot be read"),
    "parentheses": ("(" * 300 + "N" + ")" * 300, r"cannot be read .*parentheses"),
    "long": ("N + " * 2000 + "N", r"the formula has 8001 characters\. Write it in at most 5000"),
    "empty": ("", r"'' cannot be read"),
    "unfinished": ("N +", r"'N \+' cannot be read .*Use \+ - \* / \*\*"),
    "statement": ("import os", r"cannot be read"),
    "assignment": ("x = 3", r"cannot be read"),
    "two expressions": ("N; D", r"cannot be read"),
    "null byte": ("N\0", r"cannot be read"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_whatever_is_not_on_the_list_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message) as caught:
        parse_expression(text, place="card.toml, is")
    assert caught.value.place == "card.toml, is"


@pytest.mark.parametrize("text", ["N < 3", "N == 3", "N in (1, 2)", "not N", "N and D", "N, D"])
def test_comparisons_are_refused_unless_allowed(text: str) -> None:
    with pytest.raises(FormulaError, match="is not allowed"):
        parse_expression(text)
    if text != "N, D":
        values = {"N": np.array([1.0, 3.0]), "D": np.array([0.0, 1.0])}
        assert parse_expression(text, comparisons=True)(values).dtype == bool


@pytest.mark.parametrize("text", ["N is 3", "N if D else 3", "N.a == 'x'", "x[0] > 1", "f'{N}'"])
def test_a_filter_allows_no_more_than_comparisons_and_text(text: str) -> None:
    with pytest.raises(FormulaError, match="is not allowed"):
        parse_expression(text, comparisons=True)


def test_reading_runs_nothing() -> None:
    # Would raise ZeroDivisionError, or take for ever, if the parser computed anything.
    parse_expression("1/0")
    parse_expression("9**9**9**9")


N, D = np.array([2.0, 5e8, 3e11]), np.array([7.0, 1e9, 2e13])


COMPUTED: dict[str, Any] = {
    "N + D - 3": N + D - 3,
    "N*D/7": N * D / 7,
    "-N + +D": -N + D,
    "-N**2": -(N**2),
    "2**3**2": 512.0,
    "N**-0.25": N**-0.25,
    "N**(1/3)": np.cbrt(N),
    "D**-(0.1 + 0.2)": D**-0.3,
    "ln(N)": np.log(N),
    "log2(N)": np.log2(N),
    "log10(N)": np.log10(N),
    "exp(-1/N)": np.exp(-1 / N),
    "sqrt(N)": np.sqrt(N),
    "abs(3 - N)": np.abs(3 - N),
    "min(N, D/100)": np.minimum(N, D / 100),
    "max(N, D/100)": np.maximum(N, D / 100),
    "6*N*D": 6 * N * D,
    "1e9": 1e9,
}


@pytest.mark.parametrize(("text", "wanted"), COMPUTED.items(), ids=COMPUTED.keys())
def test_an_expression_means_what_numpy_means(text: str, wanted: Any) -> None:
    expression = parse_expression(text)
    # exp(p ln x) loses about |p ln x| rounding errors, at most 30 of them here.
    np.testing.assert_allclose(expression({"N": N, "D": D}), wanted, rtol=1e-14)
    assert expression.names <= {"N", "D"}


def test_whole_powers_are_exact_and_take_negative_numbers() -> None:
    x = np.array([-3.0, -0.5, 2.0])
    assert (parse_expression("x**3")({"x": x}) == x**3).all()
    assert (parse_expression("x**-2")({"x": x}) == 1 / x**2).all()
    assert (parse_expression("x**2.0")({"x": x}) == x**2).all()
    assert parse_expression("x**2")({"x": np.zeros(1)}) == 0
    assert parse_expression("x**0")({"x": np.zeros(1)}) == 1


def test_other_powers_of_negative_numbers_are_not_numbers() -> None:
    with np.errstate(invalid="ignore"):
        assert np.isnan(parse_expression("x**0.5")({"x": np.array([-4.0])})).all()


def test_a_name_without_a_value_is_named_with_the_nearest() -> None:
    with pytest.raises(FormulaError, match=r"'N_active' in 'N_active/2' has no value.*'n_active'"):
        parse_expression("N_active/2")({"n_active": 1.0})


def test_division_by_a_plain_zero_is_an_error_of_ours() -> None:
    with pytest.raises(FormulaError, match=r"'1/N' cannot be computed"):
        parse_expression("1/N")({"N": 0.0})


FILTERS: dict[str, list[bool]] = {
    "state == 'done'": [True, False, True],
    "state != 'done'": [False, True, False],
    "state in ('done', 'late')": [True, False, True],
    "state not in ['done']": [False, True, False],
    "1 < x < 3": [False, True, False],
    "x == 3 != 4": [False, False, True],
    "x >= 2 and state == 'done'": [False, False, True],
    "x < 2 or not state == 'done'": [True, True, False],
    "x**2 > 5 or ok": [False, True, True],
    "ok == True": [False, True, False],
}


@pytest.mark.parametrize(("text", "wanted"), FILTERS.items(), ids=FILTERS.keys())
def test_a_filter_compares_row_by_row(text: str, wanted: list[bool]) -> None:
    values = {
        "x": np.array([1.0, 2.0, 3.0]),
        "state": np.array(["done", "run", "done"], dtype=object),
        "ok": np.array([False, True, False]),
    }
    assert parse_expression(text, comparisons=True)(values).tolist() == wanted


def test_back_quoted_names_may_hold_anything() -> None:
    expression = parse_expression("`loss (val)` / 2 + `n-total`*x + `loss (val)`")
    assert expression.names == {"loss (val)", "n-total", "x"}
    assert expression({"loss (val)": 4.0, "n-total": 3.0, "x": 10.0}) == 36.0


def test_back_quotes_open_no_door() -> None:
    for text in ("`a b`.real", "`a b`(3)", "`a` if `b` else 1"):
        with pytest.raises(FormulaError, match="is not allowed"):
            parse_expression(text)
