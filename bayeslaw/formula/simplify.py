"""Formulas with names replaced: what becomes zero or one is worked out, nothing else is touched."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from bayeslaw.formula.formula import Formula
from bayeslaw.formula.language import Expression
from bayeslaw.formula.trees import names_in, number, replaced


def substitute(expression: Expression, values: Mapping[str, ast.expr]) -> Expression:
    """Replace names by expressions, and simplify."""
    if not expression.names & set(values):
        return expression
    tree = _simple(replaced(expression.tree, values))
    return Expression(ast.unparse(tree), tree)


def substitute_lines(
    formula: Formula, values: Mapping[str, ast.expr]
) -> tuple[Formula, dict[str, ast.expr]]:
    """Replace names in a formula; helper lines that become numbers are written out."""
    known, lines = dict(values), []
    for target, expression in formula.lines:
        new = substitute(expression, known)
        if target != formula.result and number(new.tree) is not None:
            known[target] = new.tree
        else:
            lines.append((target, new))
    return Formula(tuple(lines)), known


def divides_by_zero(tree: ast.expr) -> bool:
    """Whether an expression divides by the number zero."""
    return any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and number(node.right) == 0
        for node in ast.walk(tree)
    )


def _simple(node: ast.expr) -> ast.expr:
    """The same value, with zeros and ones worked out from the leaves upwards."""
    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            left, right = _simple(left), _simple(right)
            return _worked_out(left, operator, right) or _folded(ast.BinOp(left, operator, right))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _simple(operand)
        case ast.UnaryOp(op=operator, operand=operand):
            operand = _simple(operand)
            value = number(operand)
            return ast.UnaryOp(operator, operand) if value is None else _constant(-value)
        case ast.Call(func=function, args=arguments):
            return _folded(ast.Call(function, [_simple(argument) for argument in arguments], []))
    return node


def _worked_out(left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.expr | None:
    """The outcome where one side is zero or one, if it follows from that."""
    first, second = number(left), number(right)
    match operator:
        case ast.Add() if first == 0:
            return right
        case ast.Add() | ast.Sub() if second == 0:
            return left
        case ast.Sub() if first == 0:
            return ast.UnaryOp(ast.USub(), right)
        case ast.Mult() if 0 in (first, second):
            return _constant(0.0)
        case ast.Mult() if first == 1:
            return right
        case ast.Mult() | ast.Div() | ast.Pow() if second == 1:
            return left
        case ast.Div() if first == 0 and second != 0:
            return _constant(0.0)
        case ast.Pow() if second == 0 or first == 1:
            return _constant(1.0)
        # In a law the base of a power is a size, and its exponent positive.
        case ast.Pow() if first == 0:
            return _constant(0.0)
    return None


def _folded(node: ast.expr) -> ast.expr:
    """A tree without names as its number, where it has a finite one."""
    if any(names_in(node)) or divides_by_zero(node):
        return node
    value = float(Expression(ast.unparse(node), node)({}))
    return _constant(value) if math.isfinite(value) else node


def _constant(value: float) -> ast.expr:
    # A negative number is a sign and a number, as in any text that is read.
    plain = ast.Constant(int(abs(value)) if float(value).is_integer() else abs(value))
    return ast.UnaryOp(ast.USub(), plain) if value < 0 else plain
