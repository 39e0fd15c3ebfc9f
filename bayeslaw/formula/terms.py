"""The additive structure of a formula: which names stand in a term, and as what."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def summands(tree: ast.expr) -> Iterator[ast.expr]:
    """The innermost additive terms of an expression, without their signs."""
    match tree:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            yield from summands(left)
            yield from summands(right)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            yield from summands(operand)
        case _:
            yield tree


def factors(term: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product or quotient that stand above the line."""
    match term:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield from factors(left)
            yield from factors(right)
        case ast.BinOp(left=left, op=ast.Div()):
            yield from factors(left)
        case _:
            yield term


def exponents(tree: ast.expr) -> Iterator[str]:
    """Names that stand alone, signed or not, in an exponent."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            if isinstance(power, ast.Name):
                yield power.id
