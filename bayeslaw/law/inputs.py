"""Checks of what a law is evaluated at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError
from bayeslaw.law.card import LawData


def check_inputs(
    law: LawData, variables: Mapping[str, Any], raw: Mapping[str, Any], place: str
) -> dict[str, np.ndarray]:
    """Columns of the variables, which fit the law, its coefficients and each other."""
    # Sets of a law with more parameters are accepted as they are.
    own = [name for name in raw if name in (*law.parameters, *law.formula.targets)]
    for takes, names, present, foreign in (
        ("takes", law.variables, variables, "not in the law"),
        ("has the coefficients", law.parameters, own, "a line of the formula"),
    ):
        problems = [f"{name} is missing" for name in names if name not in present]
        problems += [f"{name} is {foreign}" for name in present if name not in names]
        if problems:
            problem = f"{law.name} {takes} {', '.join(names)}: {'; '.join(problems)}"
            raise RequestError(problem, place=place)
    try:
        columns = {name: np.asarray(value, dtype=float) for name, value in variables.items()}
        np.broadcast_shapes(*(np.shape(value) for value in (*columns.values(), *raw.values())))
    except (TypeError, ValueError) as error:
        problem = f"the variables are no numbers of matching shapes ({error})"
        remedy = "Give numbers, or arrays of one length"
        raise RequestError(problem, place=place, remedy=remedy) from None
    for name, values in columns.items():
        domain = vocabulary.variable(name)
        bad = ~((values >= domain.low) & (values <= domain.high) & np.isfinite(values))
        if bad.any():
            problem = f"{name} = {values[bad].flat[0]:g} is outside {domain.domain}"
            raise RequestError(problem, place=place, remedy=f"{name} is {domain.means}")
    return columns
