"""The additive structure of a formula: which names stand together in a term, and as what."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bayeslaw.formula.language import names_in
from bayeslaw.formula.lines import Formula


def summands(tree: ast.expr) -> Iterator[ast.expr]:
    """The innermost additive terms of an expression, without their signs.

    Parameters
    ----------
    tree : ast.expr
        Any expression.

    Yields
    ------
    ast.expr
        Terms of its sums; sums inside products, quotients, powers and calls are not opened.
    """
    match tree:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            yield from summands(left)
            yield from summands(right)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            yield from summands(operand)
        case _:
            yield tree


def contexts(formula: Formula, name: str) -> list[frozenset[str]]:
    """What a name is combined with: one set of names for each place where it stands.

    Parameters
    ----------
    formula : Formula
        The formula.
    name : str
        A name that it reads.

    Returns
    -------
    list of frozenset of str
        For each innermost additive term that holds the name, the other names that the term reads.
        A helper line that is no more than that name's own term passes on to where it is used.
    """
    found: list[frozenset[str]] = []
    for target, expression in formula.lines:
        for term in _innermost(expression.tree, name):
            others = frozenset(names_in(term)) - {name}
            if others or target == formula.result:
                found.append(others)
            else:
                found.extend(contexts(formula, target))
    return found


def _innermost(tree: ast.expr, name: str) -> Iterator[ast.expr]:
    """Additive terms at any depth that hold a name and no smaller such term."""
    for term in summands(tree):
        if name not in names_in(term):
            continue
        inner = [
            found
            for child in ast.walk(term)
            if isinstance(child, ast.BinOp) and isinstance(child.op, ast.Add | ast.Sub)
            for found in _innermost(child, name)
        ]
        if inner:
            seen: set[int] = set()
            for found in inner:
                if id(found) not in seen:
                    seen.add(id(found))
                    yield found
        else:
            yield term


def factors(term: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product or quotient that stand above the line.

    Parameters
    ----------
    term : ast.expr
        Any expression.

    Yields
    ------
    ast.expr
        Its factors.
    """
    match term:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield from factors(left)
            yield from factors(right)
        case ast.BinOp(left=left, op=ast.Div()):
            yield from factors(left)
        case _:
            yield term


def exponents(tree: ast.expr) -> Iterator[str]:
    """Names that stand alone, signed or not, in an exponent.

    Parameters
    ----------
    tree : ast.expr
        Any expression.

    Yields
    ------
    str
        The names.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            if isinstance(power, ast.Name):
                yield power.id
