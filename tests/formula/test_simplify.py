"""Names replaced by numbers: zeros and ones are worked out, values stay."""

from __future__ import annotations

import numpy as np
import pytest

from bayeslaw.formula import parse_expression
from bayeslaw.formula.simplify import substitute


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a*x + b", "b"),
        ("b - a", "b"),
        ("a - b", "-b"),
        ("b**a", "1"),
        ("a/b + c", "c"),
        ("(1 + a)*b", "b"),
        ("b/(1 + a)", "b"),
        ("exp(a)*b", "b"),
        ("-a + b*ln(exp(a))", "0"),
        ("b**(a + 1)", "b"),
        ("2*3*b + a", "6 * b"),
    ],
)
def test_zeros_and_ones_are_worked_out(text: str, expected: str) -> None:
    zero = parse_expression("0").tree
    assert substitute(parse_expression(text), {"a": zero}).text == expected


def test_random_expressions_keep_their_value() -> None:
    """Simplification changes what is written, never what it is worth."""
    rng = np.random.default_rng(5)
    names = ["x", "y", "z"]

    def random(depth: int) -> str:
        if depth == 0 or rng.random() < 0.2:
            return str(rng.choice([*names, "0", "1", "2.5"]))
        left, right = random(depth - 1), random(depth - 1)
        return str(
            rng.choice(
                [f"({left} {operator} {right})" for operator in "+-*"]
                + [f"(-{left})", f"({left})**2", f"exp(0.1*{left})", f"{left}/(2 + ({right})**2)"]
            )
        )

    for _ in range(300):
        text = random(4)
        value = float(rng.choice([0.0, 1.0, -0.5]))
        new = substitute(parse_expression(text), {"x": parse_expression(str(value)).tree})
        others = {"y": 0.7, "z": -1.3}
        expected = float(parse_expression(text)({**others, "x": value}))
        assert float(new(others)) == pytest.approx(expected, rel=1e-9, abs=1e-9), text
        assert float(parse_expression(new.text)(others)) == pytest.approx(
            expected, rel=1e-9, abs=1e-9
        ), text
