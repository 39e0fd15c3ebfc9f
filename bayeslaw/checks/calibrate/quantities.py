"""Quantities of every fit besides its coefficients: optima, and the loss of larger runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from bayeslaw.checks.calibrate.simulation import PLACE, Columns, Simulation
from bayeslaw.core.errors import check_names, real, refuse
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.optimise import optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.request import Request
from bayeslaw.runs import ReferenceRun

# A larger run is one of more parameters and tokens, not one of other experts.
_COUNTS_OF_EXPERTS = frozenset({"E", "K", "G", "S", "granularity", "sparsity", "activation"})


@dataclass(frozen=True)
class Quantities:
    """Functions of a law's coefficients."""

    law: Law
    #: Where expressions are evaluated.
    reference: ReferenceRun
    #: Whose optima are wanted, and that request as plain data.
    problem: Problem | None
    request: dict[str, Any]
    #: A larger configuration whose loss is wanted, by canonical variable (empty for none), and its
    #: compute over the largest of the design.
    larger_run: dict[str, float]
    compute_factor: float
    #: Further expressions over parameters, helper lines, and letters at the reference run.
    more: dict[str, Expression]

    @property
    def first(self) -> int:
        """How many quantities come before the further expressions and the coefficients."""
        optima = 0 if self.problem is None else len(self.problem.expressions)
        return optima + bool(self.larger_run)

    def of(self, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Evaluate them at coefficients, each of shape (draws,)."""
        raw = {name: np.asarray(raw[name]) for name in self.law.parameters}
        found: dict[str, np.ndarray] = {}
        with np.errstate(all="ignore"):
            if self.problem is not None:
                optima = optimise_draws(self.problem, raw)
                for text, expression in self.problem.expressions.items():
                    found[f"{text}*"] = optima.values(expression)
            if self.larger_run:
                name = f"{self.law.predicts} at {self.compute_factor:g}x compute"
                found[name] = np.asarray(self.law.form.predict(self.larger_run, raw))
            if self.more:
                letters = self.law.form.in_letters(self.reference.at)
                scope = self.law.form.scope({**letters, **raw}, self.reference.loss)
                found |= {name: np.asarray(each(scope)) for name, each in self.more.items()}
        size = len(next(iter(raw.values())))
        return {
            name: np.where(np.isnan(values), np.inf, np.broadcast_to(values, (size,)))
            for name, values in found.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """What is wanted, as plain data."""
        more = {name: expression.text for name, expression in self.more.items()}
        return {**self.request, "larger_run": self.larger_run, "quantities": more}


def read_quantities(
    simulation: Simulation,
    at: Mapping[str, float] | None,
    budget: Budget | None,
    free: Iterable[str] | None,
    compute_factor: float | None,
    more: Mapping[str, str] | None,
) -> Quantities:
    """Read the options of ``calibrate`` that say what is wanted of every fit."""
    law, reference = simulation.law, simulation.specification.reference
    free = None if free is None else list(free)
    problem = None
    if (at, budget, free) != (None, None, None):
        problem = pose(law, reference, Request.of(PLACE, at, budget, free))
    request = {"at": dict(at or {}), "budget": (budget or Budget()).to_dict(), "free": free}
    factor = 0.0
    if compute_factor is not None:
        factor = real(compute_factor, "compute_factor", place=PLACE)
        refuse(PLACE, (not factor > 1, f"compute_factor = {compute_factor!r}", "Above 1, or None"))
    run = larger_run(law, simulation.design(0), factor) if factor else {}
    known = {*law.parameters, *law.letters, *(target for target, _ in law.formula.lines)}
    place = f"{PLACE}, quantities"
    expressions = {n: parse_expression(text, place=place) for n, text in (more or {}).items()}
    for each in expressions.values():
        reads = f"{each.text!r} reads {{!r}}"
        check_names(sorted(each.names), sorted(known), reads, place=place)
    return Quantities(law, reference, problem, request, run, factor, expressions)


def larger_run(law: Law, columns: Columns, compute_factor: float) -> dict[str, float]:
    """The largest run of a design, grown until it takes a multiple of its compute."""
    spent = parse_expression("C") if law.cost is None else law.cost.expression
    if not spent.names <= set(law.variables):
        return {}
    first = int(np.argmax(spent(columns)))
    at = {name: float(np.atleast_1d(columns[name])[first]) for name in law.variables}
    grown = {name for name in spent.names if name not in _COUNTS_OF_EXPERTS}
    for group in law.units:
        alike = {n for name in group if name in law.letters for n in law.letters[name].is_.names}
        if alike & grown:
            grown |= alike

    def grow(logarithm: float) -> dict[str, float]:
        factor = float(np.exp(logarithm))
        return {name: value * factor if name in grown else value for name, value in at.items()}

    base, most = float(spent(at)), 2 * np.log(compute_factor)

    def short(logarithm: float) -> float:
        return float(np.log(spent(grow(logarithm)) / base / compute_factor))

    problem = (
        f"no run of {compute_factor:g} times the largest compute can be made of {', '.join(at)}"
    )
    remedy = "Give compute_factor=None to leave that loss out"
    impossible = not grown or not short(0.0) < 0 < short(most)
    refuse(f"{PLACE}, compute_factor", (impossible, problem, remedy))
    return grow(brentq(short, 0.0, most))
