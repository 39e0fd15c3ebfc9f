"""The language of expressions: text is parsed, checked and walked, never executed as code.

Arithmetic, powers and a few functions are all there is, so a card or a column mapping from a
stranger can compute nothing else. With comparisons, the same language filters rows.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.core.errors import FormulaError, nearest
from bayeslaw.formula.trees import names_in, whole_exponent

#: A number or an array, of NumPy or of JAX: the module ``xp`` that a caller passes decides.
type Array = Any

#: Functions of the language and their names in NumPy.
FUNCTIONS = {
    **{"ln": "log", "log2": "log2", "log10": "log10", "exp": "exp", "sqrt": "sqrt", "abs": "abs"},
    **{"min": "minimum", "max": "maximum"},
}
_BINARY: dict[type, Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARE: dict[type, Callable[[Array, Array], Array]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: np.isin,
    ast.NotIn: lambda a, b: ~np.isin(a, b),
}
_ALLOWED = (ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.Pow, *_BINARY)
_LOGIC = (ast.Compare, ast.BoolOp, ast.boolop, ast.Not, ast.Tuple, ast.List, *_COMPARE)
_SYMBOLS: dict[type, str] = {
    **{ast.BitXor: "^", ast.Mod: "%", ast.FloorDiv: "//", ast.MatMult: "@"},
    **{ast.Invert: "~", ast.Not: "not"},
}
_LONGEST, _DEEPEST = 5000, 60
_REMEDY = "Use + - * / **, parentheses and " + ", ".join(FUNCTIONS)


@dataclass(frozen=True)
class Expression:
    """A checked expression: its text, and its syntax tree of the constructs of this module."""

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the expression reads."""
        return frozenset(names_in(self.tree))

    def __call__(self, values: Mapping[str, Array], xp: ModuleType = np) -> Array:
        """Evaluate on arrays that broadcast against each other."""
        try:
            return _value(self.tree, values, xp, self.text)
        except (OverflowError, ZeroDivisionError, TypeError) as error:
            problem = f"{self.text!r} cannot be computed ({error})"
            remedy = "Look for a division by zero, or for text among numbers"
            raise FormulaError(problem, remedy=remedy) from None


def parse_expression(text: str, *, place: str = "", comparisons: bool = False) -> Expression:
    """Read one expression."""
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        return quoted.setdefault(match[1], f"quoted_{len(quoted)}_")

    source = re.sub(r"`([^`]+)`", stand_in, text.strip())
    tree = parse(source, "eval", text, place).body
    original = {name: column for column, name in quoted.items()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = original.get(node.id, node.id)
    check(tree, text, place, comparisons=comparisons)
    return Expression(text.strip(), tree)


def parse(source: str, mode: str, text: str, place: str) -> Any:
    """Parse text to Python's syntax tree; nothing is evaluated."""
    if len(source) > _LONGEST:
        remedy = f"Write it in at most {_LONGEST}"
        raise FormulaError(f"the formula has {len(source)} characters", place=place, remedy=remedy)
    try:
        return ast.parse(source, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) if mode == "exec" else None
        if line is not None:
            place, text = f"{place}, line {line}", source.splitlines()[line - 1]
        reserved = re.search(r"\blambda\b", source)
        problem = f"{text.strip()!r} cannot be read ({getattr(error, 'msg', error)})"
        remedy = "lambda is a word of Python: write lam" if reserved else _REMEDY
        raise FormulaError(problem, place=place, remedy=remedy) from None


def check(tree: ast.AST, text: str, place: str, *, comparisons: bool = False) -> None:
    """Refuse every construct that is not on the list, and nesting that no formula needs."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    if depth > _DEEPEST:
        problem = f"{text.strip()[:60]!r}... is nested {depth} deep"
        raise FormulaError(problem, place=place, remedy="Split it into helper lines")
    for node in ast.walk(tree):
        if found := _problem(node, comparisons):
            problem, remedy = f"{found[0]} in {text.strip()!r} is not allowed", found[1]
            raise FormulaError(problem, place=place, remedy=remedy)


def _problem(node: ast.AST, comparisons: bool) -> tuple[str, str] | None:
    """Why a node may not stand in an expression, and what may."""
    kind = type(node)
    allowed = issubclass(kind, (*_ALLOWED, *_LOGIC) if comparisons else _ALLOWED)
    match node:
        case ast.Name(id=name) if not name.isascii():
            return f"the name {name!r}", "Names are ASCII: write alpha, and lam for lambda"
        case ast.Constant(value=value):
            kinds = (int, float, str, bool) if comparisons else (int, float)
            return None if type(value) in kinds else (f"the constant {value!r}", _REMEDY)
        case ast.Call(func=ast.Name(id="log")):
            return "'log'", "Name its base: ln, log2 or log10"
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            takes = 2 if name in ("min", "max") else 1
            if name not in FUNCTIONS:
                return f"the function {name!r}", nearest(name, FUNCTIONS)
            if len(arguments) != takes:
                return f"{name!r} of {len(arguments)} arguments", f"Give {name} {takes}"
            return None
        case ast.operator() | ast.unaryop() if not allowed:
            remedy = "A power is written **" if kind is ast.BitXor else _REMEDY
            return f"the operator {_SYMBOLS.get(kind, kind.__name__)}", remedy
        case ast.Attribute() | ast.Subscript():
            return repr(ast.unparse(node)), _REMEDY
    return None if allowed else (f"the construct {kind.__name__}", _REMEDY)


def _value(node: ast.expr, values: Mapping[str, Array], xp: ModuleType, text: str) -> Array:
    def of(child: ast.expr) -> Array:
        return _value(child, values, xp, text)

    match node:
        case ast.Constant(value=value):
            return float(value) if type(value) is int else value
        case ast.Name(id=name):
            try:
                return values[name]
            except KeyError:
                raise FormulaError(
                    f"the name {name!r} in {text!r} has no value", remedy=nearest(name, values)
                ) from None
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            power = whole_exponent(right)
            if power is not None:
                return of(left) ** power if power >= 0 else 1.0 / of(left) ** -power
            return xp.exp(of(right) * xp.log(of(left)))
        case ast.BinOp(left=left, op=binary, right=right):
            return _BINARY[type(binary)](of(left), of(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return of(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return xp.logical_not(of(operand))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return getattr(xp, FUNCTIONS[name])(*map(of, arguments))
        case ast.BoolOp(op=word, values=parts):
            join = xp.logical_and if isinstance(word, ast.And) else xp.logical_or
            return reduce(join, map(of, parts))
        case ast.Compare(left=left, ops=operators, comparators=rights):
            sides = pairwise(map(of, (left, *rights)))
            relations = (_COMPARE[type(relation)] for relation in operators)
            held = (relation(*pair) for relation, pair in zip(relations, sides, strict=True))
            return reduce(xp.logical_and, held, True)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [of(element) for element in elements]
    raise FormulaError(f"{ast.unparse(node)!r} cannot be evaluated")
