"""What is asked of every fit besides its coefficients: optima, and the loss of larger runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from bayeslaw.core.errors import RequestError
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.law.cost import Cost
from bayeslaw.optimum.per_law import carried, filled, reported
from bayeslaw.optimum.problem import Question
from bayeslaw.optimum.search import solve
from bayeslaw.runs import Reference

# A larger run is one of more parameters and tokens, not one of other experts.
_COUNTS_OF_EXPERTS = frozenset({"E", "K", "G", "S", "granularity", "sparsity", "activation"})


@dataclass(frozen=True)
class Quantities:
    """Functions of a law's coefficients.

    Attributes
    ----------
    law : Law
        The law.
    reference : Reference
        Where expressions are evaluated.
    question : Question or None
        Whose answers are wanted.
    far : dict of str to float
        A larger configuration whose loss is wanted, by canonical variable; empty for none.
    times : float
        How many times the largest compute it takes.
    more : dict of str to Expression
        Further expressions over parameters, helper lines, and letters at the reference run.
    """

    law: Law
    reference: Reference
    question: Question | None
    far: dict[str, float]
    times: float
    more: dict[str, Expression]

    def of(self, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Evaluate them."""
        raw = {name: np.asarray(raw[name]) for name in self.law.parameters}
        found: dict[str, np.ndarray] = {}
        with np.errstate(all="ignore"):
            if self.question is not None:
                ours = carried(self.question, solve(self.question, raw))
                for text in reported(self.law, self.question):
                    values = filled(parse_expression(text), ours.columns, ours.where)
                    found[f"{text}*"] = values
            if self.far:
                name = f"{self.law.predicts} at {self.times:g}x compute"
                found[name] = np.asarray(self.law.form.predict(self.far, raw))
            if self.more:
                letters = self.law.form.in_letters(self.reference.at)
                scope = self.law.form.scope({**letters, **raw}, self.reference.loss)
                found |= {name: np.asarray(one(scope)) for name, one in self.more.items()}
        size = len(next(iter(raw.values())))
        return {
            name: np.where(np.isnan(values), np.inf, np.broadcast_to(values, (size,)))
            for name, values in found.items()
        }


def larger(law: Law, columns: Mapping[str, np.ndarray], times: float) -> dict[str, float]:
    """The largest run of a design, grown until it takes a multiple of its compute."""
    cost: Cost | None = law.cost
    if cost is None and "C" not in law.variables:
        return {}
    spent = parse_expression("C") if cost is None else cost.expression
    if not spent.names <= set(law.variables):
        return {}
    first = int(np.argmax(spent(columns)))
    at = {name: float(np.atleast_1d(columns[name])[first]) for name in law.variables}
    grown = {name for name in spent.names if name not in _COUNTS_OF_EXPERTS}
    for group in law.units:
        alike = {n for name in group if name in law.letters for n in law.letters[name].is_.names}
        if alike & grown:
            grown |= alike

    def grow(factor: float) -> dict[str, float]:
        return {name: value * factor if name in grown else value for name, value in at.items()}

    base = float(spent(at))

    def short(logarithm: float) -> float:
        return float(np.log(spent(grow(float(np.exp(logarithm)))) / base / times))

    if not grown or not short(0.0) < 0 < short(2 * np.log(times)):
        raise RequestError(
            f"no run of {times:g} times the largest compute can be made of {', '.join(at)}",
            place="calibrate, times",
            remedy="Give times=None to leave that loss out",
        )
    return grow(float(np.exp(brentq(short, 0.0, 2 * np.log(times)))))
