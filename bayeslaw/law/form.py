"""The functional form of a law: everything about it but its numbers.

Two laws of the same form share compiled code. The form also holds the two sets of coordinates: the
paper's *raw* coefficients, and the quantities that the priors are stated *on*, at a reference run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import CardError
from bayeslaw.formula import Array, Expression, Formula, Scope

#: Name that an ``on`` uses for the reference value of the predicted quantity.
SCALE = "loss"


@dataclass(frozen=True)
class Form:
    """A formula over letters and parameters, with what each prior is stated on; hashable.

    ``letters`` are expressions over canonical variables, ``floor`` is the additive irreducible
    parameter, and ``place`` serves messages: two forms that differ only there are one.
    """

    formula: Formula
    letters: tuple[tuple[str, Expression], ...]
    on: tuple[tuple[str, Expression], ...]
    floor: str | None
    place: str = field(default="", compare=False)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the card's order."""
        return tuple(name for name, _ in self.on)

    @cached_property
    def canonical(self) -> tuple[str, ...]:
        """Canonical variables that the law reads, in the card's order."""
        return tuple(dict.fromkeys(name for _, is_ in self.letters for name in sorted(is_.names)))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Parameters sorted so that each ``on`` reads only those before it and its own."""
        order, circle = sort_by_need(
            {name: (self.formula.reads(on) & set(self.parameters)) - {name} for name, on in self.on}
        )
        if circle:
            problem = f"the priors of {', '.join(circle)} are stated on each other in a circle"
            remedy = "State one of them on quantities that read none of the others"
            raise CardError(problem, place=f"{self.place}, [parameters]", remedy=remedy)
        return tuple(order)

    def canonical_reads(self, expression: Expression) -> frozenset[str]:
        """Canonical variables behind an expression over letters, lines and parameters."""
        read = self.formula.reads(expression)
        return frozenset(n for letter, is_ in self.letters if letter in read for n in is_.names)

    def in_letters(self, columns: Mapping[str, Array], xp: ModuleType = np) -> dict[str, Array]:
        """Translate canonical variables to the paper's letters."""
        return {
            letter: is_(columns, xp) for letter, is_ in self.letters if is_.names <= set(columns)
        }

    def scope(self, values: Mapping[str, Array], scale: Array, xp: ModuleType = np) -> Scope:
        """Letters, parameters, helper lines and the reference scale together."""
        return self.formula.scope({**values, SCALE: scale}, xp)

    def predict(
        self, columns: Mapping[str, Array], raw: Mapping[str, Array], xp: ModuleType = np
    ) -> Array:
        """The law's value."""
        scope = self.formula.scope({**self.in_letters(columns, xp), **raw}, xp)
        return scope[self.formula.result]

    @cached_property
    def hoisted(self) -> tuple[Formula, dict[str, Expression]]:
        """The formula over precomputed columns, and those columns as expressions over letters."""
        return self.formula.hoist(frozenset(letter for letter, _ in self.letters))

    def hoist(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Precompute what the formula reads from a table."""
        letters = self.in_letters(columns)
        shape = np.broadcast_shapes(*(np.shape(value) for value in letters.values()))
        return {
            name: np.ascontiguousarray(np.broadcast_to(expression(letters), shape), dtype=float)
            for name, expression in self.hoisted[1].items()
        }

    def to_raw(
        self, on: Mapping[str, Array], at: Mapping[str, Array], scale: Array, xp: ModuleType = np
    ) -> dict[str, Array]:
        """From prior coordinates to the paper's coefficients."""
        raw: dict[str, Array] = {}
        letters = self.in_letters(at, xp)
        for name in self.order:
            if name in on:
                raw[name] = self._solve(name, on[name], {**letters, **raw}, scale, xp)
        return {name: raw[name] for name in self.parameters if name in raw}

    def to_on(
        self, raw: Mapping[str, Array], at: Mapping[str, Array], scale: Array, xp: ModuleType = np
    ) -> dict[str, Array]:
        """From the paper's coefficients to prior coordinates: the inverse of ``to_raw``."""
        scope = self.scope({**self.in_letters(at, xp), **raw}, scale, xp)
        return {name: expression(scope, xp) for name, expression in self.on}

    def line(
        self, name: str, known: Mapping[str, Array], scale: Array, xp: ModuleType
    ) -> tuple[Array, Array]:
        """Offset and slope of a parameter's ``on`` in the parameter itself."""
        at_zero, at_one = self._on_at(name, (0.0, 1.0), known, scale, xp)
        return at_zero, at_one - at_zero

    def check(self) -> None:
        """Verify what the coordinates rely on."""
        if self.floor in self.powers:
            raise CardError(
                f"the prior of the floor {self.floor!r} is stated on a power of it",
                place=f"{self.place}, [parameters] {self.floor}, on",
                remedy=f"State it on something affine, such as {self.floor} / loss",
            )
        if self.floor is not None:
            columns, raw = self._example
            steps = (0.0, 1.0, 2.0)
            values = [float(self.predict(columns, {**raw, self.floor: step})) for step in steps]
            first, second = np.diff(values)
            if not (first > 0 and np.isclose(first, second, rtol=1e-9)):
                raise CardError(
                    f"{self.floor!r} has the role 'floor' but the prediction is not affine in it",
                    place=f"{self.place}, [parameters] {self.floor}",
                    remedy="Leave the role out",
                )

    @cached_property
    def linear(self) -> tuple[str, ...]:
        """Parameters in which the prediction is affine, floor included."""
        columns, raw = self._example
        steps, found = np.array([0.5, 1.0, 2.0, 4.0]), []
        for name in self.parameters:
            with np.errstate(all="ignore"):
                values = np.asarray(self.predict(columns, {**raw, name: steps}), dtype=float)
            if values.shape == steps.shape:
                slopes = np.diff(values) / np.diff(steps)
                if np.isfinite(slopes).all() and np.allclose(slopes, slopes[0], rtol=1e-6):
                    found.append(name)
        return tuple(found)

    @cached_property
    def powers(self) -> frozenset[str]:
        """Parameters whose ``on`` is a power of them, times anything else."""
        columns, raw = self._example
        known = {**self.in_letters(columns), **raw}
        steps = np.array([0.0, 0.5, 1.0, 2.0, -1.0, 4.0])
        powers = set()
        for name in self.order:
            with np.errstate(all="ignore"):
                (values,) = self._on_at(name, (steps,), known, 1.7, np)
                values = np.broadcast_to(np.asarray(values, dtype=float), steps.shape)
                slope = values[2] - values[0]
                affine = np.isfinite(slope) and slope != 0
                affine &= np.allclose(values, values[0] + slope * steps, rtol=1e-9, atol=1e-12)
                # Each step doubles the one before: equal ratios mean a power.
                ratios = values[[2, 3, 5]] / values[[1, 2, 3]]
                power = (values[[1, 2, 3, 5]] > 0).all() and abs(ratios[0] - 1) > 1e-9
                power &= np.allclose(ratios, ratios[0], rtol=1e-9)
            if not affine and not power:
                raise CardError(
                    f"{dict(self.on)[name].text!r} is neither affine in {name!r} nor a power of it",
                    place=f"{self.place}, [parameters] {name}, on",
                    remedy=f"State the prior on something of the form u + v*{name} or v*{name}**w",
                )
            if not affine:
                powers.add(name)
        return frozenset(powers)

    @cached_property
    def _shifted(self) -> frozenset[str]:
        """Parameters whose ``on`` is not zero where they are."""
        columns, raw = self._example
        known = {**self.in_letters(columns), **raw}
        return frozenset(
            name
            for name in set(self.parameters) - self.powers
            if self.line(name, known, 1.7, np)[0] != 0.0
        )

    @cached_property
    def _example(self) -> tuple[dict[str, float], dict[str, float]]:
        """Arbitrary variables and coefficients, at which the form's properties are verified."""
        columns = {}
        for i, name in enumerate(self.canonical):
            domain = vocabulary.variable(name)
            width = min(domain.high - domain.low, 3.0)
            columns[name] = domain.low + width * (0.4 + 0.03 * i)
        return columns, {name: 0.7 + 0.05 * i for i, name in enumerate(self.parameters)}

    def _on_at(
        self,
        name: str,
        values: Iterable[Array],
        known: Mapping[str, Array],
        scale: Array,
        xp: ModuleType,
    ) -> tuple[Array, ...]:
        """What a parameter's prior is stated on, at some values of the parameter."""
        on = dict(self.on)[name]
        return tuple(on(self.scope({**known, name: value}, scale, xp), xp) for value in values)

    def _solve(
        self, name: str, wanted: Array, known: Mapping[str, Array], scale: Array, xp: ModuleType
    ) -> Array:
        """The parameter at which its ``on`` takes a value."""
        if dict(self.on)[name].text == name:
            return wanted
        if name in self.powers:
            at_one, at_two = self._on_at(name, (1.0, 2.0), known, scale, xp)
            return xp.exp(np.log(2.0) * xp.log(wanted / at_one) / xp.log(at_two / at_one))
        offset, slope = self.line(name, known, scale, xp)
        # A coefficient that has no effect there has no solution; its draw is not finite.
        with np.errstate(divide="ignore", invalid="ignore"):
            solution = (wanted - offset) / slope
            if name in self._shifted:
                # A slope that is small beside the offset has lost digits; taken over the whole way
                # from zero to the parameter it has all of them.
                (reached,) = self._on_at(name, (solution,), known, scale, xp)
                rise = reached - offset
                flat = rise == 0.0
                better = (wanted - offset) * solution / xp.where(flat, 1.0, rise)
                solution = xp.where(flat, solution, better)
        return solution


def sort_by_need(needs: Mapping[str, Collection[str]]) -> tuple[list[str], list[str]]:
    """Names sorted so that each needs only names before it, and those that need each other."""
    ready: list[str] = []
    while True:
        free = [name for name in needs if name not in ready and set(needs[name]) <= set(ready)]
        if not free:
            return ready, [name for name in needs if name not in ready]
        ready += free
