"""Formulas as LaTeX: exact text, and no parenthesis missing in whatever can be written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import FormulaError
from bayeslaw.formula import parse_expression, parse_formula
from bayeslaw.formula.latex import latex, latex_expression, latex_name
from bayeslaw.law.library import cards

NAMES = {
    "N": "N",
    "N_a": "N_a",
    "alpha": r"\alpha",
    "epsilon": r"\epsilon",
    "lam": r"\lambda",
    "Omega": r"\Omega",
    "E_start": r"E_{\mathrm{start}}",
    "shape": r"\mathrm{shape}",
    "c0": "c_0",
    "d1": "d_1",
    "kappa1": r"\kappa_1",
    "c12": "c_{12}",
    "x_alpha": r"x_{\alpha}",
    "kappa1_max": r"\kappa_{1,\mathrm{max}}",
    "a_b_c": "a_{b,c}",
    "size2": r"\mathrm{size}_2",
    "log2x": r"\mathrm{log2x}",
    "log10_L": r"\log_{10} L",
    "Eh": r"\hat{E}",
    "_a": "a",
    "a_": "a",
    "_": r"\_",
    "__": r"\mathrm{\_\_}",
}


@pytest.mark.parametrize(("name", "wanted"), NAMES.items(), ids=NAMES.keys())
def test_names(name: str, wanted: str) -> None:
    assert latex_name(name) == wanted


NUMBERS = {
    "0": "0",
    "0.0": "0",
    "2": "2",
    "2.0": "2",
    "2.50": "2.5",
    "100": "100",
    "32000": "32000",
    "1048576": "1048576",
    "123456.75": "123456.75",
    "1e5": "10^{5}",
    "150000": r"1.5 \times 10^{5}",
    "1e9": "10^{9}",
    "1_000_000_000": "10^{9}",
    "6.71e11": r"6.71 \times 10^{11}",
    "2e22": r"2 \times 10^{22}",
    "0.05": "0.05",
    "0.2383": "0.2383",
    "1e-3": "10^{-3}",
    "2.5e-3": r"2.5 \times 10^{-3}",
    "1e999": r"\infty",
}


@pytest.mark.parametrize(("text", "wanted"), NUMBERS.items(), ids=NUMBERS.keys())
def test_numbers(text: str, wanted: str) -> None:
    assert latex_expression(parse_expression(text)) == wanted


WRITTEN = {
    # Sums.
    "a - (b - c)": "a - (b - c)",
    "a - (b + c)": "a - (b + c)",
    "a - b - c": "a - b - c",
    "a + (b - c)": "a + b - c",
    "a + -b": "a + (-b)",
    "a - -b": "a - (-b)",
    "a + (-b + c)": "a + (-b + c)",
    "a - -b*c": r"a - (-b \, c)",
    "a + -b/c": r"a + \left(-\frac{b}{c}\right)",
    "-a + b": "-a + b",
    "-(a + b)": "-(a + b)",
    "-(a - b)": "-(a - b)",
    "--a": "-(-a)",
    "+a - +b": "a - b",
    # Products.
    "a*b": r"a \, b",
    "(a + b)*c": r"(a + b) \, c",
    "c*(a + b)": r"c \, (a + b)",
    "a*(-b)": r"a \, (-b)",
    "-a*b": r"-a \, b",
    "-(a*b)": r"-a \, b",
    "(a - b)*-c": r"(a - b) \, (-c)",
    "a*(b*c)": r"a \, b \, c",
    "2*a": r"2 \, a",
    "2*3": r"2 \cdot 3",
    "a*2": r"a \cdot 2",
    "2*3**b": r"2 \cdot 3^{b}",
    "2*(1/3)": r"2 \cdot \frac{1}{3}",
    "2*(a/3)": r"2 \, \frac{a}{3}",
    "6*N_a*D": r"6 \, N_a \, D",
    "a*1e9": r"a \cdot 10^{9}",
    "shape*room": r"\mathrm{shape} \, \mathrm{room}",
    # Quotients.
    "a/(b*c)": r"\frac{a}{b \, c}",
    "a/b*c": r"\frac{a}{b} \, c",
    "(a/b)/c": r"\frac{\frac{a}{b}}{c}",
    "a/(b/c)": r"\frac{a}{\frac{b}{c}}",
    "(a + b)/(c - a)": r"\frac{a + b}{c - a}",
    "a - b/c": r"a - \frac{b}{c}",
    "-a/b": r"-\frac{a}{b}",
    "-(a/b)": r"-\frac{a}{b}",
    "a/-b": r"\frac{a}{-b}",
    "-a/b*c": r"-\frac{a}{b} \, c",
    "(a/b + 1)*c": r"\left(\frac{a}{b} + 1\right) \, c",
    # Powers.
    "a**b": "a^{b}",
    "(-a)**b": "(-a)^{b}",
    "-a**b": "-a^{b}",
    "a**-b": "a^{-b}",
    "N_a**-alpha": r"N_a^{-\alpha}",
    "(a**b)**c": "(a^{b})^{c}",
    "a**(b**c)": "a^{b^{c}}",
    "a**b**c": "a^{b^{c}}",
    "(a + b)**2": "(a + b)^{2}",
    "(a*b)**c": r"(a \, b)^{c}",
    "(a/b)**c": r"\left(\frac{a}{b}\right)^{c}",
    "a**(1/3)": r"a^{\frac{1}{3}}",
    "a**(b + c)*b": r"a^{b + c} \, b",
    "1e9**b": "(10^{9})^{b}",
    "2.5e-3**b": r"(2.5 \times 10^{-3})^{b}",
    "(-2)**2": "(-2)^{2}",
    "-2**2": "-2^{2}",
    # Functions.
    "ln(N)": r"\ln(N)",
    "log2(N)*log10(D)": r"\log_{2}(N) \, \log_{10}(D)",
    "ln(N)**2": r"(\ln(N))^{2}",
    "exp(-a/b)": r"\exp\left(-\frac{a}{b}\right)",
    "sqrt(a + b)": r"\sqrt{a + b}",
    "sqrt(a)**3": r"\left(\sqrt{a}\right)^{3}",
    "abs(a - b)**2": r"\left|a - b\right|^{2}",
    "min(a, b + c)": r"\min(a, b + c)",
    "max(a, -b)": r"\max(a, -b)",
}


@pytest.mark.parametrize(("text", "wanted"), WRITTEN.items(), ids=WRITTEN.keys())
def test_parentheses_as_needed(text: str, wanted: str) -> None:
    assert latex_expression(parse_expression(text)) == wanted


def test_one_line_is_an_equation_and_several_are_aligned() -> None:
    assert latex(parse_formula("E + A/N**alpha")) == r"L = E + \frac{A}{N^{\alpha}}"
    assert latex(parse_formula("size = A*N**-alpha\nL_x = E + size")) == (
        r"\begin{aligned} \mathrm{size} &= A \, N^{-\alpha} \\ "
        r"L_x &= E + \mathrm{size} \end{aligned}"
    )


def test_a_row_filter_has_no_latex() -> None:
    for text in ("N > 3", "N > 3 and D < 2", "state == 'done'"):
        with pytest.raises(FormulaError, match="has no LaTeX"):
            latex_expression(parse_expression(text, comparisons=True))


@pytest.mark.parametrize("name", cards())
def test_a_notebook_shows_a_law_as_one_line_of_inline_math(name: str) -> None:
    # Line breaks and further dollar signs would end the formula in some notebooks.
    law = bl.law(name)
    shown = law._repr_latex_()
    assert shown.startswith(r"$\displaystyle ")
    assert shown.endswith("$")
    assert shown.count("$") == 2
    assert "\n" not in shown
    assert shown.count(r" \\ ") == len(law.formula.printed) - 1
    assert shown.count("{") == shown.count("}")
    assert shown.count(r"\left") == shown.count(r"\right")


# --- read back --------------------------------------------------------------------------------

TOKEN = re.compile(
    r"\\left\||\\right\||\\(?:left|right)|\\,|\\log_\{\d+\}|\\mathrm\{\w+\}|\\[a-z]+"
    r"|\d+(?:\.\d+)?|[A-Za-z](?:_[a-z])?|[-+^{}(),]"
)


class Reader:
    """Mathematical text back to the language of formulas, every operation in parentheses.

    It knows the conventions of print and no more: a sign only at the start of a sum, one
    superscript, and none on a fraction, a root or a function.
    """

    def __init__(self, text: str) -> None:
        found = [token for token in TOKEN.findall(text) if token not in (r"\left", r"\right")]
        self.tokens: Iterator[str] = iter([*found, ""])
        self.next = next(self.tokens)

    def take(self, wanted: str = "") -> str:
        token, self.next = self.next, next(self.tokens, "")
        assert not wanted or token == wanted, f"{token!r} where {wanted!r} should be"
        return token

    def within(self, opening: str, closing: str) -> str:
        self.take(opening)
        inner = self.sum()
        self.take(closing)
        return inner

    def sum(self) -> str:
        if self.next == "-":
            self.take()
            text = f"(-{self.product()})"
        else:
            text = self.product()
        while self.next in ("+", "-"):
            text = f"({text} {self.take()} {self.product()})"
        return text

    def product(self) -> str:
        text = self.power()
        while self.next in (r"\,", r"\cdot", r"\times"):
            self.take()
            text = f"({text} * {self.power()})"
        return text

    def power(self) -> str:
        alone = self.next[:1].isalnum() or self.next in ("(", r"\left|", r"\alpha")
        alone |= self.next.startswith(r"\mathrm")
        text = self.atom()
        if self.next == "^":
            assert alone, f"a superscript after {text}"
            self.take()
            exponent = self.within("{", "}")
            # As a number, since whole powers of negative numbers are computed as such.
            ten = text == "10" and re.fullmatch(r"\(?-?\d+\)?", exponent)
            text = f"1e{exponent.strip('()')}" if ten else f"({text} ** {exponent})"
            assert self.next != "^"
        return text

    def atom(self) -> str:
        if self.next == "(":
            return self.within("(", ")")
        if self.next == r"\left|":
            return f"abs({self.within(r'\left|', r'\right|')})"
        token = self.take()
        if token == r"\frac":
            return f"({self.within('{', '}')} / {self.within('{', '}')})"
        if token == r"\sqrt":
            return f"sqrt({self.within('{', '}')})"
        if token in (r"\min", r"\max"):
            self.take("(")
            one = self.sum()
            self.take(",")
            two = self.sum()
            self.take(")")
            return f"{token[1:]}({one}, {two})"
        if token in (r"\ln", r"\exp", r"\log_{2}", r"\log_{10}"):
            return re.sub(r"[\\_{}]", "", token) + f"({self.within('(', ')')})"
        name = re.fullmatch(r"\\mathrm\{(\w+)\}|\\?(alpha|[A-Za-z](?:_[a-z])?)", token)
        assert name or token[0].isdigit(), token
        return name[1] or name[2] if name else token


def read(text: str) -> str:
    reader = Reader(text)
    found = reader.sum()
    assert reader.next == "", f"{text!r} goes on after {found!r}"
    return found


def grow(rng: np.random.Generator, depth: int) -> ast.expr:
    """A random expression."""
    load = ast.Load()
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.3:
            return ast.Constant(float(rng.choice([2, 3, 0.5, 2.5e-3, 1e5, 1.7])))
        return ast.Name(str(rng.choice(["a", "b", "c", "alpha"])), load)
    kind = rng.choice(["sum", "difference", "product", "quotient", "power", "minus", "call", "two"])
    if kind == "minus":
        return ast.UnaryOp(ast.USub(), grow(rng, depth - 1))
    if kind == "call":
        name = str(rng.choice(["ln", "log2", "log10", "exp", "sqrt", "abs"]))
        return ast.Call(ast.Name(name, load), [grow(rng, depth - 1)], [])
    one, two = grow(rng, depth - 1), grow(rng, depth - 1)
    if kind == "two":
        return ast.Call(ast.Name(str(rng.choice(["min", "max"])), load), [one, two], [])
    operators: dict[str, ast.operator] = {
        "sum": ast.Add(),
        "difference": ast.Sub(),
        "product": ast.Mult(),
        "quotient": ast.Div(),
        "power": ast.Pow(),
    }
    return ast.BinOp(one, operators[str(kind)], two)


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_printed_reads_back(text: str) -> None:
    # A broken power of a negative number is not a number, printed or not.
    assert same_value(text) == (text != "(-a)**b")


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_random_expressions_read_back_with_the_same_value(depth: int) -> None:
    rng = np.random.default_rng(depth)
    finite = sum(same_value(ast.unparse(grow(rng, depth))) for _ in range(400))
    assert finite > 100


def same_value(text: str) -> bool:
    """Whether the value is finite; the same after printing and reading in any case."""
    values = {
        "a": np.array([0.31, 1.7]),
        "b": np.array([0.83, 0.59]),
        "c": np.array([1.37, 0.41]),
        "alpha": np.array([0.67, 1.19]),
        "N": np.array([2.3, 7.9]),
        "N_a": np.array([1.1, 0.37]),
        "D": np.array([5.3, 0.89]),
        "shape": np.array([0.73, 1.9]),
        "room": np.array([1.6, 0.53]),
    }
    expression = parse_expression(text)
    shown = latex_expression(expression)
    try:
        with np.errstate(all="ignore"):
            wanted = np.asarray(expression(values))
            found = np.asarray(parse_expression(read(shown))(values))
    except FormulaError:  # a plain number out of range, before and after alike
        read(shown)
        return False
    # Sums may be added in another order.
    np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=f"{text} as {shown}")
    return bool(np.isfinite(wanted).all())
