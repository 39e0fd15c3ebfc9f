"""The language of expressions: text is parsed, checked and walked, never executed as code.

Arithmetic, powers and a handful of functions are all there is, so a card or a column mapping from a
stranger can compute nothing else. The same language, with comparisons, filters rows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from bayeslaw.core.errors import FormulaError, nearest

FUNCTIONS = ("ln", "log2", "log10", "exp", "sqrt", "abs", "min", "max")
_ARITY = {"min": 2, "max": 2}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
_SYMBOLS = {ast.BitXor: "^", ast.Mod: "%", ast.FloorDiv: "//", ast.MatMult: "@"}
_LONGEST, _DEEPEST = 5000, 60


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    Attributes
    ----------
    text : str
        The expression as written.
    tree : ast.expr
        Its syntax tree, restricted to the constructs of this module.
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the expression reads."""
        return frozenset(names_in(self.tree))

    def __call__(self, values: Mapping[str, Any], xp: ModuleType = np) -> Any:
        """Evaluate on arrays that broadcast against each other."""
        try:
            return _value(self.tree, values, xp, self.text)
        except (OverflowError, ZeroDivisionError, TypeError) as error:
            raise FormulaError(f"{self.text!r} cannot be computed ({error})") from None


def parse_expression(text: str, *, place: str = "", comparisons: bool = False) -> Expression:
    """Read one expression."""
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        return quoted.setdefault(match[1], f"quoted_{len(quoted)}_")

    source = re.sub(r"`([^`]+)`", stand_in, text.strip())
    tree = parse(source, "eval", text, place).body
    if quoted:
        original = {stand: name for name, stand in quoted.items()}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = original.get(node.id, node.id)
    check(tree, comparisons, text, place)
    return Expression(text.strip(), tree)


def parse(source: str, mode: str, text: str, place: str) -> Any:
    """Parse text to Python's syntax tree; nothing is evaluated."""
    if len(source) > _LONGEST:
        raise FormulaError(f"a formula of {len(source)} characters", place=place)
    try:
        return ast.parse(source, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) if mode == "exec" else None
        if line is not None:
            place, text = f"{place}, line {line}", source.splitlines()[line - 1]
        hint = "lambda is a word of Python: write lam" if re.search(r"\blambda\b", source) else ""
        raise FormulaError(
            f"{text.strip()!r} cannot be read ({getattr(error, 'msg', error)})",
            place=place,
            remedy=hint or "Use + - * / **, parentheses and " + ", ".join(FUNCTIONS),
        ) from None


def check(tree: ast.AST, comparisons: bool, text: str, place: str) -> None:
    """Refuse every construct that is not on the list, and nesting that no formula needs."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    if depth > _DEEPEST:
        raise FormulaError(f"{text.strip()[:60]!r}... is nested {depth} deep", place=place)
    for node in ast.walk(tree):
        problem, remedy = None, "Use + - * / **, parentheses and " + ", ".join(FUNCTIONS)
        match node:
            case ast.Name(id=name) if not name.isascii():
                problem = f"the name {name!r}"
                remedy = "Names are ASCII: write alpha, and lam for lambda"
            case ast.Name() | ast.Load() | ast.operator() | ast.unaryop() | ast.boolop():
                if isinstance(node, ast.operator) and not isinstance(node, _ARITHMETIC):
                    problem = f"the operator {_SYMBOLS.get(type(node), type(node).__name__)}"
                if isinstance(node, ast.BitXor):
                    remedy = "A power is written **"
                if isinstance(node, ast.Invert):
                    problem = "the operator ~"
            case ast.BinOp() | ast.UnaryOp():
                if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                    problem = None if comparisons else "the word 'not'"
            case ast.Constant(value=value):
                number = isinstance(value, int | float) and not isinstance(value, bool)
                if not number and not (comparisons and isinstance(value, str | bool)):
                    problem = f"the constant {value!r}"
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name == "log":
                    problem, remedy = "'log'", "Say which: ln, log2 or log10"
                elif name not in FUNCTIONS:
                    problem, remedy = f"the function {name!r}", nearest(name, FUNCTIONS)
                elif len(arguments) != _ARITY.get(name, 1):
                    problem, remedy = f"{len(arguments)} arguments of {name!r}", "Count them"
            case ast.BoolOp() | ast.Compare() | ast.Tuple() | ast.List() | ast.cmpop():
                allowed = not isinstance(node, ast.cmpop) or isinstance(node, _COMPARISONS)
                if not comparisons or not allowed:
                    problem = f"the construct {type(node).__name__}"
            case ast.Attribute() | ast.Subscript():
                problem = f"{ast.unparse(node)!r}"
            case _:
                problem = f"the construct {type(node).__name__}"
        if problem:
            raise FormulaError(
                f"{problem} in {text.strip()!r} is not allowed", place=place, remedy=remedy
            )


def names_in(tree: ast.AST) -> Iterator[str]:
    """The names that a tree reads, those of functions left out."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in functions:
            yield node.id


def whole_exponent(node: ast.expr) -> int | None:
    """The exponent of an integer power."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = whole_exponent(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return int(node.value) if float(node.value).is_integer() else None
    return None


def _value(node: ast.expr, values: Mapping[str, Any], xp: ModuleType, text: str) -> Any:
    def of(child: ast.expr) -> Any:
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
        case ast.BinOp(left=left, op=operator, right=right):
            return _BINARY[type(operator)](of(left), of(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return of(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return xp.logical_not(of(operand))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return getattr(xp, _IN_NUMPY[name])(*map(of, arguments))
        case ast.BoolOp(op=word, values=parts):
            join = xp.logical_and if isinstance(word, ast.And) else xp.logical_or
            outcome = of(parts[0])
            for part in parts[1:]:
                outcome = join(outcome, of(part))
            return outcome
        case ast.Compare(left=left, ops=operators, comparators=rights):
            outcome, before = True, of(left)
            for relation, right in zip(operators, rights, strict=True):
                after = of(right)
                outcome = xp.logical_and(outcome, _COMPARE[type(relation)](before, after))
                before = after
            return outcome
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [of(element) for element in elements]
    raise FormulaError(f"{ast.unparse(node)!r} cannot be evaluated")


_IN_NUMPY = {
    "ln": "log",
    "log2": "log2",
    "log10": "log10",
    "exp": "exp",
    "sqrt": "sqrt",
    "abs": "abs",
    "min": "minimum",
    "max": "maximum",
}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.In: lambda a, b: np.isin(a, b),
    ast.NotIn: lambda a, b: ~np.isin(a, b),
}
