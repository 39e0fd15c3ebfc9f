"""Separate what a formula computes from data alone from what it computes from parameters."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from bayeslaw.formula.language import Expression
from bayeslaw.formula.trees import factors, names_in, product, replaced, whole_exponent


class Hoister(ast.NodeTransformer):
    """Replace, in place, subtrees that read only data by names of precomputed columns."""

    def __init__(self, data: frozenset[str], lines: Mapping[str, Expression]) -> None:
        self.columns: dict[str, Expression] = {}
        self._known = set(data)
        self._expanded: dict[str, ast.expr] = {}
        for target, expression in lines.items():
            # A helper line that reads data alone is written out where it is used.
            if self._is_data(expression.tree):
                self._expanded[target] = replaced(expression.tree, self._expanded)
                self._known.add(target)

    def _is_data(self, node: ast.expr) -> bool:
        names = set(names_in(node))
        return bool(names) and names <= self._known

    def _column(self, tree: ast.expr) -> ast.expr:
        """The name of a column that holds a subtree's value."""
        tree = replaced(tree, self._expanded)
        text = ast.unparse(tree)
        same = [name for name, column in self.columns.items() if column.text == text]
        plain = tree.id if isinstance(tree, ast.Name) else None
        name = plain or (same[0] if same else f"column_{len(self.columns)}_")
        self.columns.setdefault(name, Expression(text, tree))
        return ast.Name(name, ast.Load())

    def visit(self, node: ast.AST) -> Any:
        """Rewrite a tree."""
        if isinstance(node, ast.expr) and self._is_data(node):
            return self._column(node)
        match node:
            case ast.BinOp(left=base, op=ast.Pow(), right=power) if (
                self._is_data(base) and whole_exponent(power) is None
            ):
                logarithm = self._column(ast.Call(ast.Name("ln", ast.Load()), [base], []))
                exponent = ast.BinOp(self.visit(power), ast.Mult(), logarithm)
                return ast.Call(ast.Name("exp", ast.Load()), [exponent], [])
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._product(node)
        return self.generic_visit(node)

    def _product(self, node: ast.BinOp) -> ast.expr:
        """Gather the data of a product into one column, reciprocals included."""
        every = list(factors(node))
        data = [(factor, above) for factor, above in every if self._is_data(factor)]
        rest = [(self.visit(factor), above) for factor, above in every if not self._is_data(factor)]
        return product([*rest, (self._column(product(data)), True)] if data else rest)
