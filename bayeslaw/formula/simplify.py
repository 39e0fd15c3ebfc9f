"""Formulas with names replaced: what becomes zero or one is worked out, nothing else is touched."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from bayeslaw.formula.language import Expression, names_in
from bayeslaw.formula.lines import Formula


def substitute(expression: Expression, values: Mapping[str, ast.expr]) -> Expression:
    """Replace names by expressions, and simplify."""
    if not expression.names & set(values):
        return expression

    class Writer(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return values.get(node.id, node)

    # Parsed anew, so that the tree of the old expression stays as it is.
    fresh = ast.parse(ast.unparse(expression.tree), mode="eval").body
    tree = _simple(Writer().visit(fresh))
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


def number(node: ast.expr) -> float | None:
    """The value of a tree that is a number, signed or not."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -float(value)
    return None


def divides_by_zero(expression: Expression) -> bool:
    """Whether an expression divides by the number zero."""
    return any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and number(node.right) == 0
        for node in ast.walk(expression.tree)
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
            return _folded(ast.Call(function, [_simple(one) for one in arguments], []))
    return node


def _worked_out(left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.expr | None:
    one, other = number(left), number(right)
    match operator:
        case ast.Add() if one == 0:
            return right
        case ast.Add() | ast.Sub() if other == 0:
            return left
        case ast.Sub() if one == 0:
            return ast.UnaryOp(ast.USub(), right)
        case ast.Mult() if 0 in (one, other):
            return _constant(0.0)
        case ast.Mult() if one == 1:
            return right
        case ast.Mult() | ast.Div() | ast.Pow() if other == 1:
            return left
        case ast.Div() if one == 0 and other != 0:
            return _constant(0.0)
        case ast.Pow() if other == 0 or one == 1:
            return _constant(1.0)
        # Of a law: what is raised to a power there is a size, and its exponent positive.
        case ast.Pow() if one == 0:
            return _constant(0.0)
    return None


def _folded(node: ast.expr) -> ast.expr:
    """A tree without names as its number, where it has a finite one."""
    if any(True for _ in names_in(node)) or divides_by_zero(Expression("", node)):
        return node
    value = float(Expression(ast.unparse(node), node)({}))
    return _constant(value) if abs(value) < float("inf") else node


def _constant(value: float) -> ast.expr:
    # A negative number is a sign and a number, as in any text that is read.
    plain = ast.Constant(int(abs(value)) if float(value).is_integer() else abs(value))
    return ast.UnaryOp(ast.USub(), plain) if value < 0 else plain
