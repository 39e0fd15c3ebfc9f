"""Formulas as LaTeX, with the parentheses that they need and no others."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from decimal import Decimal

from bayeslaw.core.errors import FormulaError
from bayeslaw.formula.formula import Formula
from bayeslaw.formula.language import FUNCTIONS, Expression

_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split()
)
_FUNCTIONS = {
    "ln": r"\ln",
    "log2": r"\log_{2}",
    "log10": r"\log_{10}",
    # Not e^{...}, since e is a coefficient in many papers.
    "exp": r"\exp",
    "min": r"\min",
    "max": r"\max",
}
# How tightly text holds together. A fraction is set apart by its bar everywhere but under a power.
_SUM, _PRODUCT, _FRACTION, _POWER, _ATOM = range(5)


@dataclass(frozen=True)
class _Piece:
    """Text of a subtree, how tightly it holds together, and whether a minus sign starts it."""

    text: str
    level: int
    signed: bool = False


def latex(formula: Formula) -> str:
    r"""A formula as LaTeX, for math mode."""
    lines = [(latex_name(target), latex_expression(line)) for target, line in formula.printed]
    if len(lines) == 1:
        return " = ".join(lines[0])
    rows = r" \\ ".join(f"{target} &= {text}" for target, text in lines)
    return rf"\begin{{aligned}} {rows} \end{{aligned}}"


def latex_expression(expression: Expression) -> str:
    """An expression as LaTeX, for math mode."""
    return _piece(expression.tree).text


def latex_name(name: str) -> str:
    r"""A name as LaTeX."""
    if hat := re.fullmatch(r"([A-Z])h", name):
        return rf"\hat{{{hat[1]}}}"
    if logarithm := re.fullmatch(r"(ln|log2|log10)_(\w+)", name):
        return f"{_FUNCTIONS[logarithm[1]]} {latex_name(logarithm[2])}"
    head, *below = [part for part in name.split("_") if part] or [name]
    numbered = re.fullmatch(r"([A-Za-z]+)(\d+)", head)
    if numbered and head not in FUNCTIONS:
        head, below = numbered[1], [numbered[2], *below]
    subscript = ",".join(_word(part) for part in below)
    if len(subscript) > 1:
        subscript = f"{{{subscript}}}"
    return _word(head) + (f"_{subscript}" if subscript else "")


def _word(word: str) -> str:
    symbol = {"lam": "lambda", "Lam": "Lambda"}.get(word, word)
    if symbol in _GREEK:
        return f"\\{symbol}"
    plain = word.replace("_", r"\_")
    return plain if len(word) == 1 or word.isdigit() else rf"\mathrm{{{plain}}}"


def _number(value: float) -> _Piece:
    number = Decimal(repr(value))
    if not number.is_finite():
        return _Piece(r"\infty", _ATOM)
    _, digits, _ = number.as_tuple()
    shown = "".join(map(str, digits)).strip("0") or "0"
    power = number.adjusted() if number else 0
    # Powers of ten where they are shorter; a count such as 1048576 keeps its digits.
    if power <= -3 or power >= max(5, len(shown) + 1):
        ten = f"10^{{{power}}}"
        if shown == "1":
            return _Piece(ten, _POWER)
        mantissa = f"{shown[0]}.{shown[1:]}" if len(shown) > 1 else shown
        return _Piece(rf"{mantissa} \times {ten}", _PRODUCT)
    plain = f"{number:f}"
    return _Piece(plain.rstrip("0").rstrip(".") if "." in plain else plain, _ATOM)


def _piece(node: ast.expr) -> _Piece:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _number(value)
        case ast.Name(id=name):
            return _Piece(latex_name(name), _ATOM)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _piece(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _piece(operand)
            text = _held(inner, _PRODUCT)
            return _Piece(f"-{text}", max(_PRODUCT, min(inner.level, _FRACTION)), True)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=right):
            first, second = _piece(left), _piece(right)
            sign, level = ("+", _SUM) if isinstance(operator, ast.Add) else ("-", _PRODUCT)
            return _Piece(f"{first.text} {sign} {_held(second, level)}", _SUM, first.signed)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_piece(left), _piece(right))
        case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=above), op=ast.Div(), right=below):
            # The sign stands before the bar, as in print.
            return _Piece(f"-{_fraction(above, below)}", _FRACTION, True)
        case ast.BinOp(left=above, op=ast.Div(), right=below):
            return _Piece(_fraction(above, below), _FRACTION)
        case ast.BinOp(left=base, op=ast.Pow(), right=power):
            return _Piece(f"{_held(_piece(base), _ATOM)}^{{{_piece(power).text}}}", _POWER)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, [_piece(argument).text for argument in arguments])
        case _:
            raise FormulaError(
                f"{ast.unparse(node)!r} has no LaTeX", remedy="Only arithmetic and functions do"
            )


def _held(piece: _Piece, level: int) -> str:
    """Text in parentheses unless it holds together at a level and no sign follows another."""
    return _parenthesised(piece.text) if piece.level < level or piece.signed else piece.text


def _parenthesised(text: str) -> str:
    # Plain ones where nothing is tall: \left and \right add space.
    tall = r"\frac" in text or r"\sqrt" in text
    return rf"\left({text}\right)" if tall else f"({text})"


def _product(left: _Piece, right: _Piece) -> _Piece:
    first = _parenthesised(left.text) if left.level < _PRODUCT else left.text
    second = _held(right, _PRODUCT)
    # Two numbers side by side would read as one, and a number before a fraction as their sum.
    meet = second[0].isdigit() or (first[-1].isdigit() and re.match(r"\\frac\{\d", second))
    sign = r"\cdot" if meet else r"\,"
    return _Piece(f"{first} {sign} {second}", _PRODUCT, left.signed)


def _fraction(above: ast.expr, below: ast.expr) -> str:
    return rf"\frac{{{_piece(above).text}}}{{{_piece(below).text}}}"


def _call(name: str, arguments: list[str]) -> _Piece:
    inside = ", ".join(arguments)
    if name == "sqrt":
        return _Piece(rf"\sqrt{{{inside}}}", _POWER)
    if name == "abs":
        return _Piece(rf"\left|{inside}\right|", _ATOM)
    # Below a power: \ln(x)^{2} could be either.
    return _Piece(_FUNCTIONS[name] + _parenthesised(inside), _POWER)
