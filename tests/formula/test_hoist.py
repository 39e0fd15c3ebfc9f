"""What a formula computes from data alone is split off, and changes no value."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.formula import Formula, parse_formula

CLARK = """
start = 1/E_start - 1/E_max
eh = 1/(1/(E - 1 + 1/start) + 1/E_max)
L = exp(a*ln(N) + b*ln(eh) + c*ln(N)*ln(eh) + d)
"""


HOISTED: dict[str, tuple[str, set[str]]] = {
    "zhao2025": (bl.law("zhao2025").card["formula"], {"N", "N_a", "D", "G", "S"}),
    "chinchilla": (bl.law("chinchilla").card["formula"], {"N", "D"}),
    "clark2022": (CLARK, {"N", "E"}),
    "helper lines of data alone": (
        "ratio = N_a/N\nroot = sqrt(ratio)*2\nL = a*ratio**-b + c*root + d*N**-b*ratio + root",
        {"N", "N_a"},
    ),
    "a helper line of data alone in an exponent": ("r = N_a/N\nL = a**r + b**(r*2)", {"N", "N_a"}),
    "powers of sums and of helper lines": ("x = N + D\nL = a*x**-b + c*(x/D)**b", {"N", "D"}),
    "whole powers": ("L = a*N**2 + (N - D)**3 + b*(D - N)**-2 + N**-1*c", {"N", "D"}),
    "a helper line without names": ("two = 2\nL = a*N*two + two**b", {"N"}),
    "functions": ("L = max(a*ln(N), min(N/D, b)) + abs(ln(N/D) - c) + log2(D)", {"N", "D"}),
    "no data in a line": ("s = a*b\nL = s + s**2*N", {"N"}),
    "data alone": ("x = N/D\nL = x + ln(N)", {"N", "D"}),
    "a bare expression": ("a + b*N**-c", {"N"}),
    "products and quotients": (
        "r = N/D\nL = a*N/D*b/(N*c) + 1/(a*N) + 2/N/a + a/(b/(r*D)) - N*a**2*N**-b*(N/c)",
        {"N", "D"},
    ),
    "nested powers": ("L = a*(N**b + D**b)**c + (N**-b)**c", {"N", "D"}),
}


def dumped(formula: Formula) -> list[tuple[str, str, str]]:
    return [(name, line.text, ast.dump(line.tree)) for name, line in formula.lines]


@pytest.mark.parametrize(("text", "data"), HOISTED.values(), ids=HOISTED.keys())
def test_hoisting_changes_no_value_and_not_the_formula(text: str, data: set[str]) -> None:
    formula = parse_formula(text)
    before = dumped(formula)
    hoisted, columns = formula.hoist(frozenset(data))
    assert dumped(formula) == before
    rng = np.random.default_rng(2)
    for _ in range(5):
        letters = {name: np.exp(rng.uniform(0.5, 5.0, 7)) for name in sorted(data)}
        parameters = {name: rng.uniform(0.3, 2.0) for name in sorted(formula.names - data)}
        table = {name: column(letters) for name, column in columns.items()}
        wanted = formula.scope({**letters, **parameters})[formula.result]
        # The letters themselves are not given: nothing but the columns may be read.
        found = hoisted.scope({**table, **parameters})[hoisted.result]
        # Both are the same real function; a dozen operations round differently.
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["zhao2025", "chinchilla"])
def test_after_hoisting_no_power_of_the_table_is_left_to_the_loop(name: str) -> None:
    text, data = HOISTED[name]
    hoisted, columns = parse_formula(text).hoist(frozenset(data))
    powers = [
        node
        for _, line in hoisted.lines
        for node in ast.walk(line.tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    ]
    assert powers == []
    assert {"ln(N)", "ln(D)"} <= {column.text for column in columns.values()}


def test_a_column_that_stands_twice_is_computed_once() -> None:
    _, columns = parse_formula("L = a*ln(N/D) + b*N**-c + d*N**-e + f*ln(N/D)").hoist(
        frozenset({"N", "D"})
    )
    assert sorted(column.text for column in columns.values()) == ["ln(N / D)", "ln(N)"]
