"""Optima under the error that a posterior has beyond its runs.

The error grows with the distance and tilts with the shape of a model, so that it moves optima. A
draw's error has the size that belongs to the draw's own optimum without it, the same wherever the
search looks: what differs between the configurations compared is the shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import override

import numpy as np

from bayeslaw.formula import Array
from bayeslaw.law import Form
from bayeslaw.model.extrapolation import standardised
from bayeslaw.optimum.optimise import DrawOptima, Draws, optimise_draws, optimise_sets
from bayeslaw.optimum.problem import Problem
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.reach import Direction

_SIZE = "error size"


@dataclass(frozen=True)
class ErringForm(Form):
    """A law times the exponential of an error whose coefficients are among the law's."""

    shapes: tuple[Direction, ...] = ()

    @override
    def predict(
        self, columns: Mapping[str, Array], raw: Mapping[str, Array], xp: ModuleType = np
    ) -> Array:
        value = super().predict(columns, raw, xp)
        return value * xp.exp(raw[_SIZE] * standardised(self.shapes, columns, raw, xp))


def optimise_with_error(
    posterior: Posterior, problem: Problem, sets: Sequence[Draws]
) -> tuple[Problem, list[Draws], list[DrawOptima]]:
    """The problem and the sets of draws with the posterior's error beyond the runs; their optima.

    Draws of the prior and published coefficients have none.
    """
    error, reach = posterior.extrapolation, posterior.model.reach
    assert error is not None
    shapes = tuple(axis.direction for axis in reach.shapes)
    form = problem.structure.form
    erring = ErringForm(**{f.name: getattr(form, f.name) for f in fields(form)}, shapes=shapes)
    problem = replace(problem, structure=replace(problem.structure, form=erring))
    coefficients = error.coefficients(reach)

    def extended(draws: Draws, size: np.ndarray | float) -> Draws:
        """Draws with an error; one without has the same names, so that compiled code serves."""
        count = len(next(iter(draws.values())))
        own = {name: np.resize(values, count) for name, values in coefficients.items()}
        return {**draws, **own, _SIZE: np.broadcast_to(size, (count,))}

    none = [extended(draws, 0.0) for draws in sets]
    optima = optimise_sets([problem], none)[0]
    places = {n: np.asarray(v) for n, v in optima[0].columns.items() if n in problem.law.variables}
    # Draws without an optimum are infinite or missing.
    with np.errstate(all="ignore"):
        far = np.nan_to_num(reach.doublings(places), nan=0.0, posinf=0.0)
    moved = extended(sets[0], error.scale * far**error.prior.power)
    return problem, [moved, *none[1:]], [optimise_draws(problem, moved), *optima[1:]]
