"""Formulas: of the grammar, beside their values by other means; and hostile text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from hypothesis import strategies as st

import bayeslaw as bl
from bayeslaw.core.compilation import compiled
from bayeslaw.formula import parse_expression, parse_formula
from bayeslaw.formula.latex import latex
from robustness.odd import TEXTS, brief
from robustness.outcome import Attempt

AT = {"N": 1.7, "D": 2.9, "A": 0.3, "B": 1.1}
#: Text and value of an expression at ``AT``.
Valued = tuple[str, float]

CODE = (
    "__import__('os').system('touch canary')",
    "open('canary', 'w')",
    "().__class__.__bases__[0].__subclasses__()",
    "(lambda: 1)()",
    "[x for x in (1, 2)]",
    "(x := 3)",
    "f'{N}'",
    "N.real",
    "N[0]",
    "N if N else D",
    "exec('1')",
    "eval('1')",
    "print(N)",
    "'a' * 10**9",
    "9**9**9**9",
    "10**10**10",
    "N**1e999",
    "1 << 99999",
    "await N",
    "yield",
    "*N",
    "**N",
    "N; D",
    "import os",
    "N = D = 1",
    "del N",
    "N += 1",
    "def f(): pass",
    "N:int = 3",
    "a, b = 1, 2",
    "...",
    "1j",
    "b'x'",
    "True",
    "None",
    "N and D",
    "not N",
    "N < D < 3",
    "N @ D",
    "N // D",
    "N % D",
    "~N",
    "N == D",
    "exp(N, D)",
    "exp(x=N)",
    "exp(*N)",
    "min(N)",
    "sqrt",
    "ln",
    "exp + 1",
    "ln = N",
    "loss = N",
    "L = L",
    "N = N",
    "L = x\nx = N",
    "L = N\nL = D",
    "0/0",
    "1/0",
    "ln(0)",
    "(-1)**0.5",
    "N**-N**-N",
    "0x1F",
    "1_000*N",
    "ⅣN",
    "Ｎ",
    "N\u200b",
    "#",
    "N # D",
    "N \\",
    "(" * 200 + "N" + ")" * 200,
    "-" * 3000 + "N",
    "+".join(["N"] * 2400),
    "exp(" * 70 + "N" + ")" * 70,
    "N**" * 90 + "N",
    "(" * 4000,
    "9" * 4999,
    "N" * 4999,
    "1e" + "9" * 4000,
    "\n".join(f"x{i} = N" for i in range(300)),
    "\n".join(f"x{i} = {f'x{i - 1} * x{i - 1}' if i else 'N'}" for i in range(60)),
    "a = N\n" + "\n".join(f"{'abcdefghijklmnop'[i + 1]} = " + " + ".join(
        ["abcdefghijklmnop"[i]] * 9) for i in range(14)),
)  # fmt: skip


def _leaf() -> st.SearchStrategy[Valued]:
    constants = st.sampled_from([0.0, 1.0, 2.0, 3.0, 0.5, 1e-3, 1e3, 1e20])
    return st.sampled_from(sorted(AT)).map(lambda name: (name, AT[name])) | constants.map(
        lambda value: (repr(value), value)
    )


_BINARY: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: math.pow(a, b),
}
_CALLS: Mapping[str, Callable[[float], float]] = {
    **{"ln": math.log, "log2": math.log2, "log10": math.log10},
    **{"exp": math.exp, "sqrt": math.sqrt, "abs": abs},
}


def _value(compute: Callable[[], float]) -> float:
    try:
        return compute()
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def _joined(children: st.SearchStrategy[Valued]) -> st.SearchStrategy[Valued]:
    def binary(left: Valued, sign: str, right: Valued) -> Valued:
        value = _value(lambda: _BINARY[sign](left[1], right[1]))
        # A power of a base that is not positive has no logarithm.
        return f"({left[0]}) {sign} ({right[0]})", value

    def call(name: str, inner: Valued) -> Valued:
        return f"{name}({inner[0]})", _value(lambda: _CALLS[name](inner[1]))

    def negative(inner: Valued) -> Valued:
        return f"-({inner[0]})", -inner[1]

    return (
        st.builds(binary, children, st.sampled_from(sorted(_BINARY)), children)
        | st.builds(call, st.sampled_from(sorted(_CALLS)), children)
        | st.builds(negative, children)
    )


GRAMMAR = st.recursive(_leaf(), _joined, max_leaves=12)


def _reading(valued: Valued) -> Attempt:
    text, expected = valued

    def values() -> list[float]:
        formula = parse_formula(text)
        assert latex(formula)
        with np.errstate(all="ignore"):
            plain = float(formula.scope(AT)[formula.result])
            hoisted, columns = formula.hoist(frozenset({"N", "D"}))
            filled = {name: column(AT) for name, column in columns.items()}
            split = float(hoisted.scope({**AT, **filled})[hoisted.result])
            with compiled():
                jax = float(formula.scope(AT, jnp)[formula.result])
        return [plain, split, jax]

    def check(values: list[float]) -> None:
        # A value beyond double precision, or beside one, is no number to compare.
        if math.isfinite(expected) and 1e-200 < abs(expected) < 1e200:
            same = [math.isclose(value, expected, rel_tol=1e-6) for value in values]
            assert all(same) or _ill_conditioned(text, expected), f"{values} for {expected}"

    return Attempt(f"formula {text!r}", values, check)


def _ill_conditioned(text: str, expected: float) -> bool:
    """Whether rounding the variables changes the value much, or a part has none."""
    with np.errstate(all="ignore"):
        moved = {name: value * (1 + 1e-9) for name, value in AT.items()}
        value = float(parse_expression(text)(moved))
        plain = float(parse_expression(text)(AT))
    return not math.isclose(value, plain, rel_tol=1e-5) or not math.isfinite(plain)


def _doors(text: str) -> dict[str, Callable[[], Any]]:
    """Where a formula comes in."""
    table = pd.DataFrame({"N": [1e9, 2e9], "D": [1e10, 2e10], "loss": [3.0, 2.9]})
    law = bl.law("chinchilla")
    return {
        "formula": lambda: parse_formula(text).written_out,
        "from_formula": lambda: bl.Law.from_formula(text, variables=["N", "D"]),
        "columns": lambda: bl.read_runs(table, columns={"x": text}),
        "where": lambda: bl.read_runs(table, where=text),
        "caps": lambda: bl.Budget(caps={text: 1.0}).limits,
        "cost": lambda: bl.Budget(cost=text, train_flops=1e20).price(law, (), place="test"),
        "constrain": lambda: law.constrain(text),
        "tie": lambda: law.constrain(f"A = {text}"),
        "on": lambda: law.with_priors(
            A={"on": text, "family": "lognormal", "median": 1.0, "factor": 2.0}
        ),
    }


DOORS = tuple(_doors(""))


def _hostile(text: str, door: str) -> Attempt:
    return Attempt(f"{door}: {brief(text)}", _doors(text)[door])


def attempts() -> st.SearchStrategy[Attempt]:
    """Formulas and expressions, through every door."""
    words = [*AT, *_CALLS, *_BINARY, *"()=, .\n'`:[]{}", "1", "lambda", "L", "min", "__class__"]
    mixed = st.lists(st.sampled_from(words), max_size=14).map("".join)
    hostile = st.sampled_from(CODE) | st.sampled_from(TEXTS) | mixed
    return GRAMMAR.map(_reading) | st.builds(_hostile, hostile, st.sampled_from(DOORS))
