"""From what a user asks for to a discrepancy of a table, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.kernels import GaussianProcess, Growth, Kernel, Offsets, OverVariables
from bayeslaw.model.pooling import groups

if TYPE_CHECKING:
    from bayeslaw.law import Law
    from bayeslaw.runs import Runs

#: Every evaluation factors a matrix of runs by runs: beyond, a fit takes many minutes.
LARGEST_TABLE = 1000

NAMES = ("gp", "group", "growth")
_WITHOUT = "fit without a discrepancy"

#: What may be asked for.
Asked = str | Kernel | Discrepancy | Sequence[str | Kernel] | None


def discrepancy(asked: Asked, law: Law, runs: Runs, *, place: str = "fit") -> Discrepancy | None:
    """What was asked for, for a law and its table."""
    if asked is None:
        return None
    given: Sequence[object]
    if isinstance(asked, Discrepancy):
        given = asked.parts
    else:
        given = asked if isinstance(asked, (list, tuple)) else [asked]
    parts = [part for one in given for part in _parts(one, law, runs, place)]
    if not parts:
        raise RequestError("an empty discrepancy", place=place, remedy=f"Give None to {_WITHOUT}")
    names = [name for part in parts for name in part.priors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(f"two parts of the discrepancy have a {twice}", place=place)
    if len(runs) > LARGEST_TABLE:
        raise RequestError(
            f"{len(runs)} runs, and an exact Gaussian process takes up to {LARGEST_TABLE}",
            place=place,
            remedy=f"Fit a part of them (a filter, the last checkpoint of each run), or {_WITHOUT}",
        )
    return Discrepancy(tuple(parts))


def _parts(asked: object, law: Law, runs: Runs, place: str) -> list[Kernel]:
    varying = tuple(name for name in law.variables if np.ptp(runs.column(name)) > 0)
    if isinstance(asked, str):
        if asked not in NAMES:
            remedy = nearest(asked, NAMES)
            raise RequestError(f"unknown discrepancy {asked!r}", place=place, remedy=remedy)
        if asked == "group":
            if not runs.groups:
                raise RequestError(
                    "no column says which runs belong together",
                    place=place,
                    remedy='Name it: read_runs(..., group="sweep")',
                )
            found: list[Kernel] = [Offsets(name) for name in runs.groups]
        else:
            found = [GaussianProcess(varying) if asked == "gp" else Growth(varying)]
    elif isinstance(asked, OverVariables | Offsets):
        found = [asked]
    else:
        raise RequestError(
            f"a {type(asked).__name__} where a discrepancy belongs",
            place=place,
            remedy='Give "gp", "group", a bl.GaussianProcess or None',
        )
    for part in found:
        if isinstance(part, OverVariables):
            _check_inputs(part, law, runs, varying, place)
        else:
            for column in part.columns:
                groups(column, runs, place=place)
    return found


def _check_inputs(
    part: OverVariables, law: Law, runs: Runs, varying: tuple[str, ...], place: str
) -> None:
    for name in part.variables:
        if name not in law.variables:
            remedy = f"Its variables are {', '.join(law.variables)}"
            raise RequestError(f"{name!r} is no variable of {law.name}", place=place, remedy=remedy)
        if name not in varying:
            raise RequestError(
                f"{name} is the same in all {len(runs)} runs: no misfit over it can be seen",
                place=place,
                remedy=f"Leave it out of the process, or {_WITHOUT}",
            )
    if not part.variables:
        raise RequestError(
            "a Gaussian process without inputs",
            place=place,
            remedy=f"Name variables that vary in the table, or {_WITHOUT}",
        )
