"""Formulas: a few lines of assignments in the paper's letters, the last one the prediction."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np

from bayeslaw.core.errors import FormulaError
from bayeslaw.formula.hoist import Hoister
from bayeslaw.formula.language import Array, Expression, check, parse
from bayeslaw.formula.trees import replaced

#: Parts of a formula whose helper lines are written out where they are read.
_LARGEST = 10_000


@dataclass(frozen=True)
class Formula:
    """Assignments; the last is the result, the others are helper lines that may be named too."""

    lines: tuple[tuple[str, Expression], ...]

    @property
    def result(self) -> str:
        """Name of the last line: the prediction."""
        return self.lines[-1][0]

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Names of the lines."""
        return tuple(target for target, _ in self.lines)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that the formula reads but does not define."""
        return frozenset().union(*(line.names for _, line in self.lines)) - set(self.targets)

    def closure(self, names: Set[str]) -> frozenset[str]:
        """Names and all that their lines read, lines included."""
        closed = set(names)
        # A line reads only those above it.
        for target, expression in reversed(self.lines):
            if target in closed:
                closed |= expression.names
        return frozenset(closed)

    def reads(self, expression: Expression) -> frozenset[str]:
        """Names that an expression reads once its helper lines are followed."""
        return self.closure(expression.names) - set(self.targets)

    @cached_property
    def printed(self) -> tuple[tuple[str, Expression], ...]:
        """The lines that the prediction follows from; others only serve to state priors."""
        wanted = self.closure({self.result})
        return tuple((target, line) for target, line in self.lines if target in wanted)

    @cached_property
    def written_out(self) -> ast.expr:
        """The prediction with its helper lines in their places."""
        trees: dict[str, ast.expr] = {}
        for target, expression in self.lines:
            trees[target] = replaced(expression.tree, trees)
        return trees[self.result]

    def scope(self, values: Mapping[str, Array], xp: ModuleType = np) -> Scope:
        """Values and helper lines together; a line is computed when it is first read."""
        return Scope(dict(self.lines), values, xp)

    def hoist(self, data: frozenset[str]) -> tuple[Formula, dict[str, Expression]]:
        """Split off what depends on data alone, so that a sampler's loop does not repeat it.

        ``x**p`` with ``x`` from the data becomes ``exp(p * ln x)`` with ``ln x`` precomputed, since
        double precision ``pow`` is three times slower than ``exp``.
        """
        hoister = Hoister(data, dict(self.lines))
        trees = [hoister.visit(copy.deepcopy(expression.tree)) for _, expression in self.lines]
        lines = (Expression(ast.unparse(tree), tree) for tree in trees)
        return Formula(tuple(zip(self.targets, lines, strict=True))), hoister.columns


class Scope(Mapping[str, Array]):
    """Values and lazily computed helper lines of a formula."""

    def __init__(
        self, lines: Mapping[str, Expression], values: Mapping[str, Array], xp: ModuleType
    ) -> None:
        self._lines, self._values, self._xp = lines, dict(values), xp

    def __getitem__(self, name: str) -> Array:
        """Look up a value, or compute a line."""
        if name not in self._values and name in self._lines:
            self._values[name] = self._lines[name](self, self._xp)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Go over all names."""
        return iter({**self._lines, **self._values})

    def __len__(self) -> int:
        """Count the names."""
        return len({**self._lines, **self._values})


def parse_formula(text: str, *, place: str = "formula", result: str = "L") -> Formula:
    """Read a formula: assignments, one a line, or a single bare expression."""
    statements = parse(text.strip(), "exec", text, place).body
    if not statements:
        raise FormulaError("the formula is empty", place=place, remedy="Write 'L = ...'")
    if len(statements) == 1 and isinstance(statements[0], ast.Expr):
        tree = statements[0].value
        check(tree, text, place)
        return Formula(((result, Expression(text.strip(), tree)),))
    lines: dict[str, Expression] = {}
    for statement in statements:
        line_place = f"{place}, line {statement.lineno}"
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=tree):
                source = ast.unparse(tree)
            case _:
                problem = f"{ast.unparse(statement)!r} is not an assignment"
                remedy = "Write 'name = expression', one a line"
                raise FormulaError(problem, place=line_place, remedy=remedy)
        if target in lines:
            remedy = "Give each line a name of its own"
            raise FormulaError(f"{target!r} is assigned twice", place=line_place, remedy=remedy)
        check(tree, source, line_place)
        lines[target] = Expression(source, tree)
    targets = list(lines)
    for position, (target, expression) in enumerate(lines.items()):
        early = sorted(expression.names & set(targets[position:]))
        if early:
            problem = f"{target!r} reads {early[0]!r} before it is assigned"
            raise FormulaError(problem, place=place, remedy="Move that line up")
    _check_size(lines, place)
    return Formula(tuple(lines.items()))


def _check_size(lines: Mapping[str, Expression], place: str) -> None:
    """Refuse lines that, written out in each other, are larger than any law is."""
    sizes: dict[str, int] = {}
    for target, expression in lines.items():
        nodes = list(ast.walk(expression.tree))
        names = (node.id for node in nodes if isinstance(node, ast.Name))
        sizes[target] = len(nodes) + sum(sizes.get(name, 0) for name in names)
        if sizes[target] > _LARGEST:
            problem = f"written out, {target!r} has {sizes[target]} parts"
            remedy = f"Write a formula of at most {_LARGEST}"
            raise FormulaError(problem, place=place, remedy=remedy)
