"""Expressions and conditions over the columns of a table, with errors in the table's terms."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from bayeslaw.core.errors import FormulaError, TableError, check_names, nearest
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.runs.cells import hint, numeric
from bayeslaw.runs.source import Source

_QUOTES = "Put names that hold spaces or signs into back quotes: "


def parse(text: str, names: Iterable[str], place: str, *, comparisons: bool = False) -> Expression:
    """Parse an expression over columns; a name that is none of them is an error."""
    names = list(names)
    try:
        expression = parse_expression(text, place=place, comparisons=comparisons)
    except FormulaError as error:
        if (quoted := _quoted(text, names)) != text:
            raise FormulaError(error.problem, place=place, remedy=_QUOTES + quoted) from None
        if comparisons and (equal := re.fullmatch(r"\s*([^=<>!]+?)\s*=\s*([^=]+?)\s*", text)):
            value = equal[2] if re.match(r"['\"\d.+-]", equal[2]) else repr(equal[2])
            remedy = f"Equality is written ==, and text is quoted: {equal[1]} == {value}"
            raise FormulaError(error.problem, place=place, remedy=remedy) from None
        # "Model Siz" is no expression, but what was meant is clear.
        plain = re.fullmatch(r"[\w\s.]+", text)
        if plain and difflib.get_close_matches(text, names, n=1, cutoff=0.7):
            problem, remedy = f"there is no column {text!r}", nearest(text, names)
            raise TableError(problem, place=place, remedy=remedy) from None
        raise
    used = sorted(expression.names)
    # "top-k" reads as a difference, of names that are no columns.
    if not set(used) <= set(names) and (quoted := _quoted(text, names)) != text:
        problem = f"there is no column {next(name for name in used if name not in names)!r}"
        raise TableError(problem, place=place, remedy=_QUOTES + quoted)
    check_names(used, names, "there is no column {!r}", place=place, error=TableError)
    return expression


def _quoted(text: str, names: Iterable[str]) -> str:
    """The text with back quotes around each column whose name is no plain word."""
    signs = sorted((name for name in names if not name.isidentifier()), key=len, reverse=True)
    if not signs:
        return text
    columns = "|".join(map(re.escape, signs))
    # Longer names first, what is quoted already as it is, and no parts of words.
    pattern = rf"(`[^`]*`)|(?<!\w)({columns})(?!\w)"
    return re.sub(pattern, lambda found: found[1] or f"`{found[2]}`", text)


def evaluate(expression: Expression, scope: Mapping[str, np.ndarray], place: str) -> Any:
    """The value of an expression, row by row."""
    try:
        # A row that divides by zero is found, and named, by the checks.
        with np.errstate(all="ignore"):
            return expression(scope)
    except (FormulaError, ValueError) as error:
        remedy = "Compare text with text and numbers with numbers, and compute with numbers only"
        raise TableError(str(error), place=place, remedy=remedy) from error


def check_comparisons(
    condition: Expression, scope: Mapping[str, np.ndarray], source: Source, place: str
) -> None:
    """Refuse text against numbers, which NumPy silently takes for unequal in every row."""
    for node in ast.walk(condition.tree):
        if not isinstance(node, ast.Compare):
            continue
        for left, right in pairwise([node.left, *node.comparators]):
            if {"text", "number"} != _kinds(left, scope) | _kinds(right, scope):
                continue
            name = next((side.id for side in (left, right) if isinstance(side, ast.Name)), None)
            text = name is not None and scope[name].dtype == object
            remedy = "Quote the value" if text else "Write the value without quotes"
            if name is not None and text and name in source.table:
                bad = np.flatnonzero(numeric(source.table[name])[1])
                if len(bad):
                    cell = source.table[name].iloc[bad[0]]
                    remedy += (
                        f"; or, if {name} should be a number, see {source.row(bad[0])}, which has "
                        f"{cell!r}: {hint(cell)}"
                    )
            problem = f"{ast.unparse(node)!r} compares text with a number"
            raise TableError(problem, place=place, remedy=remedy)


def _kinds(node: ast.expr, scope: Mapping[str, np.ndarray]) -> set[str]:
    match node:
        case ast.Constant(value=value):
            return {"text" if isinstance(value, str) else "number"}
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return set().union(*(_kinds(element, scope) for element in elements))
        case ast.Name(id=name):
            return {"text" if scope[name].dtype == object else "number"}
    return set()
