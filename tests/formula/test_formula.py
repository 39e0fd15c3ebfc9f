"""Formulas: assignments, helper lines and what they read."""

from __future__ import annotations

import pytest

from bayeslaw.core.errors import FormulaError
from bayeslaw.formula import parse_expression, parse_formula

FORMULAS = {
    "empty": ("", r"card: the formula is empty\. Write 'L = \.\.\.'"),
    "a comment": ("# nothing", r"card: the formula is empty"),
    "twice": (
        "a = N\na = D\nL = a",
        r"card, line 2: 'a' is assigned twice\. Give each line a name",
    ),
    "too early": ("L = a*N\na = D", r"'L' reads 'a' before it is assigned\. Move that line up"),
    "itself": ("L = L + N", r"'L' reads 'L' before it is assigned"),
    "two bare expressions": ("N\nD", r"card, line 1: 'N' is not an assignment"),
    "a bare line": ("a = N\na*D", r"card, line 2: 'a \* D' is not an assignment"),
    "augmented": ("L = N\nL += 1", r"card, line 2: 'L \+= 1' is not an assignment"),
    "annotated": ("L: float = N", r"is not an assignment"),
    "chained": ("a = b = N", r"is not an assignment"),
    "unpacked": ("a, b = N, D", r"is not an assignment"),
    "import": ("import os\nL = N", r"card, line 1: 'import os' is not an assignment"),
    "loop": ("for i in N: L = i", r"is not an assignment"),
    "forbidden in a line": ("a = N\nL = a.real", r"card, line 2: 'a\.real'"),
    "log in a line": ("L = log(N)", r"card, line 1: 'log' in 'log\(N\)' .*Name its base"),
    "indented": ("a = N\n  L = a", r"cannot be read .*indent"),
}


@pytest.mark.parametrize(("text", "message"), FORMULAS.values(), ids=FORMULAS.keys())
def test_a_formula_is_assignments_each_read_after_it_is_made(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        parse_formula(text, place="card")


def test_a_bare_expression_is_the_result() -> None:
    formula = parse_formula("E + A*N**-alpha")
    assert formula.result == "L"
    assert formula.names == {"E", "A", "N", "alpha"}
    assert formula.scope({"E": 1.0, "A": 8.0, "N": 16.0, "alpha": 0.5})["L"] == pytest.approx(3.0)


def test_the_last_line_is_the_result_and_helper_lines_can_be_named() -> None:
    formula = parse_formula("x = 1/N\ny = x + a\nL = x*y")
    assert formula.result == "L"
    assert formula.names == {"N", "a"}
    scope = formula.scope({"N": 4.0, "a": 2.0})
    assert (scope["x"], scope["y"], scope["L"]) == (0.25, 2.25, 0.5625)
    assert set(scope) == {"x", "y", "L", "N", "a"}
    assert len(scope) == 5


def test_a_line_is_computed_only_when_it_is_read() -> None:
    assert parse_formula("x = 1/N\ny = a\nL = x + y").scope({"a": 2.0})["y"] == 2.0


def test_reads_follows_helper_lines() -> None:
    formula = parse_formula("x = 1/N\ny = x + a\nL = x*y + b")
    assert formula.reads(parse_expression("y + loss")) == {"N", "a", "loss"}
