"""From the paper's letters back to canonical variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayeslaw.core.errors import CardError
from bayeslaw.formula import Expression
from bayeslaw.formula.trees import names_in
from bayeslaw.law.card import Letter


def to_canonical(
    letters: Mapping[str, Letter], values: Mapping[str, Any], place: str
) -> dict[str, Any]:
    """Canonical variables under which letters have given values.

    A letter that reads one variable not yet known gives that variable; where a letter reads several
    (``E / K``), all but the first that is written are taken to be 1.
    """
    known: dict[str, Any] = {}
    waiting = dict(letters)
    while waiting:
        name = min(waiting, key=lambda one: len(waiting[one].is_.names - set(known)))
        letter = waiting.pop(name)
        unknown = [one for one in names_in(letter.is_.tree) if one not in known]
        for other in unknown[1:]:
            known.setdefault(other, np.ones_like(values[name], dtype=float))
        if unknown:
            here = f"{place}, [variables] {name}"
            known[unknown[0]] = _solved(letter.is_, unknown[0], known, values[name], here)
    return known


def _solved(
    expression: Expression, name: str, known: Mapping[str, Any], wanted: Any, place: str
) -> Any:
    """The value of a variable, in which an expression or its reciprocal is affine."""
    if expression.text == name:
        return wanted
    wanted = np.asarray(wanted, dtype=float)
    with np.errstate(all="ignore"):
        found = [np.asarray(expression({**known, name: value})) for value in (1.0, 2.0, 3.0)]
        for values, target in ((found, wanted), ([1 / value for value in found], 1 / wanted)):
            first, second, third = values
            slope = second - first
            if np.allclose(third - second, slope, rtol=1e-9) and np.all(slope != 0):
                return 1.0 + (target - first) / slope
    raise CardError(
        f"{expression.text!r} cannot be solved for {name!r}",
        place=place,
        remedy="Make it affine in a variable, or one over such an expression",
    )
