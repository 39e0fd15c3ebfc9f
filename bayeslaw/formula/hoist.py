"""Separate what a formula computes from data alone from what it computes from parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from bayeslaw.formula.language import Expression, names_in, whole_exponent


class Hoister(ast.NodeTransformer):
    """Replace subtrees that read only data by names of precomputed columns."""

    def __init__(self, data: frozenset[str], lines: Mapping[str, Expression]) -> None:
        self._data, self.columns = data, dict[str, Expression]()
        self._expanded: dict[str, ast.expr] = {}
        for target, expression in lines.items():
            # A helper line that reads data alone is written out where it is used.
            if expression.names and expression.names <= data | set(self._expanded):
                self._expanded[target] = self._expand(expression.tree)

    def _expand(self, tree: ast.expr) -> ast.expr:
        expanded = self._expanded

        class Expander(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.expr:
                return expanded.get(node.id, node)

        return Expander().visit(ast.parse(ast.unparse(tree), mode="eval").body)

    def _column(self, tree: ast.expr) -> ast.expr:
        tree = self._expand(tree)
        if isinstance(tree, ast.Name):
            self.columns[tree.id] = Expression(tree.id, tree)
            return tree
        text = ast.unparse(tree)
        for name, expression in self.columns.items():
            if expression.text == text:
                return ast.Name(name, ast.Load())
        name = f"column_{len(self.columns)}_"
        self.columns[name] = Expression(text, tree)
        return ast.Name(name, ast.Load())

    def visit(self, node: ast.AST) -> Any:
        """Rewrite a tree."""
        if isinstance(node, ast.expr):
            names = set(names_in(node))
            if names and names <= self._data | set(self._expanded):
                return self._column(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            base = set(names_in(node.left))
            if (
                base
                and base <= self._data | set(self._expanded)
                and whole_exponent(node.right) is None
            ):
                logarithm = self._column(
                    ast.Call(ast.Name("ln", ast.Load()), [node.left], keywords=[])
                )
                product = ast.BinOp(self.visit(node.right), ast.Mult(), logarithm)
                return ast.Call(ast.Name("exp", ast.Load()), [product], keywords=[])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            return self._product(node)
        return self._copy(node)

    def _product(self, node: ast.BinOp) -> ast.expr:
        """Gather the data of a product into one column, reciprocals included."""
        data: list[tuple[ast.expr, bool]] = []
        rest: list[tuple[ast.expr, bool]] = []
        for factor, above in _factors(node):
            names = set(names_in(factor))
            known = bool(names) and names <= self._data | set(self._expanded)
            (data if known else rest).append((factor, above))
        parts = [(self.visit(factor), above) for factor, above in rest]
        if data:
            parts.append((self._column(_joined(data)), True))
        return _joined(parts)

    def _copy(self, node: ast.AST) -> ast.AST:
        # generic_visit changes nodes in place: work on a shallow copy, so that the source formula
        # stays as it was.
        fields = {
            name: [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
            if isinstance(value, list)
            else self.visit(value)
            if isinstance(value, ast.AST)
            else value
            for name, value in ast.iter_fields(node)
        }
        return type(node)(**fields)


def _factors(node: ast.expr, above: bool = True) -> Iterator[tuple[ast.expr, bool]]:
    """Factors of a product or quotient, and whether each stands above the line."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield from _factors(left, above)
            yield from _factors(right, above)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            yield from _factors(left, above)
            yield from _factors(right, not above)
        case _:
            yield node, above


def _joined(factors: list[tuple[ast.expr, bool]]) -> ast.expr:
    """The product of factors, those below the line as divisors."""
    over = [factor for factor, above in factors if above]
    product = over[0] if over else ast.Constant(1)
    for factor in over[1:]:
        product = ast.BinOp(product, ast.Mult(), factor)
    for factor, above in factors:
        if not above:
            product = ast.BinOp(product, ast.Div(), factor)
    return product
