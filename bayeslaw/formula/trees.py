"""What syntax trees of expressions hold: names, terms, factors and numbers."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping


def names_in(tree: ast.AST) -> Iterator[str]:
    """The names that a tree reads, those of functions left out."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in functions:
            yield node.id


class _Replacer(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def replaced(tree: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    """A copy of a tree with names replaced by other trees."""
    new: ast.expr = _Replacer(values).visit(copy.deepcopy(tree))
    return new


def number(node: ast.expr) -> float | None:
    """The value of a tree that is a number, with or without a minus sign."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            unsigned = number(operand)
            return None if unsigned is None else -unsigned
    return None


def whole_exponent(node: ast.expr) -> int | None:
    """The exponent of an integer power."""
    value = number(node)
    return int(value) if value is not None and value.is_integer() else None


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


def factors(term: ast.expr, above: bool = True) -> Iterator[tuple[ast.expr, bool]]:
    """Factors of a product or quotient, and whether each stands above the line."""
    match term:
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as operator, right=right):
            yield from factors(left, above)
            yield from factors(right, above == isinstance(operator, ast.Mult))
        case _:
            yield term, above


def product(factors: list[tuple[ast.expr, bool]]) -> ast.expr:
    """The product of factors, those below the line as divisors."""
    over = [factor for factor, above in factors if above] or [ast.Constant(1)]
    under = [factor for factor, above in factors if not above]
    tree = over[0]
    for operator, group in ((ast.Mult(), over[1:]), (ast.Div(), under)):
        for factor in group:
            tree = ast.BinOp(tree, operator, factor)
    return tree


def exponents(tree: ast.expr) -> Iterator[str]:
    """Names that stand alone, signed or not, in an exponent."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            if isinstance(power, ast.Name):
                yield power.id
