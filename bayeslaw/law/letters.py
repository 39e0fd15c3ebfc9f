"""From the paper's letters back to canonical variables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.core.errors import CardError
from bayeslaw.formula import Array, Expression
from bayeslaw.formula.trees import names_in
from bayeslaw.law.card import Letter


def to_canonical(
    letters: Mapping[str, Letter], values: Mapping[str, Array], place: str
) -> dict[str, Array]:
    """Canonical variables at which the letters have these values.

    A letter that reads one unknown variable determines it; where a letter reads several
    (``E / K``), all but the first are taken to be 1.
    """
    known: dict[str, Array] = {}
    waiting = dict(letters)
    while waiting:
        name = min(waiting, key=lambda letter: len(waiting[letter].is_.names - set(known)))
        is_ = waiting.pop(name).is_
        unknown = [variable for variable in names_in(is_.tree) if variable not in known]
        for other in unknown[1:]:
            known.setdefault(other, np.ones_like(values[name], dtype=float))
        if unknown:
            letter_place = f"{place}, [variables] {name}"
            known[unknown[0]] = _solved(is_, unknown[0], known, values[name], letter_place)
    return known


def _solved(
    expression: Expression, name: str, known: Mapping[str, Array], value: Array, place: str
) -> Array:
    """The value of a variable, in which an expression or its reciprocal is affine."""
    if expression.text == name:
        return value
    value = np.asarray(value, dtype=float)
    with np.errstate(all="ignore"):
        steps = np.array([expression({**known, name: step}) for step in (1.0, 2.0, 3.0)])
        for (first, second, third), target in ((steps, value), (1 / steps, 1 / value)):
            slope = second - first
            if np.allclose(third - second, slope, rtol=1e-9) and np.all(slope != 0):
                return 1.0 + (target - first) / slope
    problem = f"{expression.text!r} cannot be solved for {name!r}"
    remedy = "Make it affine in a variable, or one over such an expression"
    raise CardError(problem, place=place, remedy=remedy)
