"""The options ``discrepancy=`` and ``pool=``, read and checked against a law and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.kernels import GaussianProcess, Growth, Kernel, Offsets, OverVariables
from bayeslaw.model.pooling import Pool
from bayeslaw.runs import Runs

#: Every evaluation factors a matrix of runs by runs: beyond, a fit takes many minutes.
LARGEST_TABLE = 1000

NAMES = ("gp", "group", "growth")
_WITHOUT = "fit without a discrepancy"

#: A name, a kernel, or several of them, which are added up.
DiscrepancyOption = str | Kernel | Discrepancy | Sequence[str | Kernel] | None
#: Coefficients that vary by group: names, with the only column that groups runs, or a column each.
PoolOption = Sequence[str] | Mapping[str, str]


def read_discrepancy(
    option: DiscrepancyOption, law: Law, runs: Runs, *, place: str
) -> Discrepancy | None:
    """The discrepancy of a law on a table."""
    if option is None:
        return None
    if isinstance(option, Discrepancy):
        option = option.parts
    parts = [
        part
        for item in (option if isinstance(option, list | tuple) else [option])
        for part in _kernels(item, law, runs, place)
    ]
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


def _kernels(item: object, law: Law, runs: Runs, place: str) -> list[Kernel]:
    varying = tuple(name for name in law.variables if np.ptp(runs.column(name)) > 0)
    kernels: list[Kernel]
    match item:
        case "group":
            if not runs.groups:
                raise RequestError(
                    "no column groups the runs",
                    place=place,
                    remedy='Name it: read_runs(..., group="sweep")',
                )
            kernels = [Offsets(name) for name in runs.groups]
        case "gp":
            kernels = [GaussianProcess(varying)]
        case "growth":
            kernels = [Growth(varying)]
        case OverVariables() | Offsets():
            kernels = [item]
        case str():
            remedy = nearest(item, NAMES)
            raise RequestError(f"unknown discrepancy {item!r}", place=place, remedy=remedy)
        case _:
            raise RequestError(
                f"a {type(item).__name__} where a discrepancy belongs",
                place=place,
                remedy='Give "gp", "group", "growth", a bl.GaussianProcess or None',
            )
    for kernel in kernels:
        if isinstance(kernel, OverVariables):
            _check_inputs(kernel, law, runs, varying, place)
        else:
            for column in kernel.columns:
                _groups(column, runs, place)
    return kernels


def _check_inputs(
    kernel: OverVariables, law: Law, runs: Runs, varying: tuple[str, ...], place: str
) -> None:
    for name in kernel.variables:
        if name not in law.variables:
            remedy = f"Its variables are {', '.join(law.variables)}"
            raise RequestError(f"{name!r} is no variable of {law.name}", place=place, remedy=remedy)
        if name not in varying:
            raise RequestError(
                f"{name} is the same in all {len(runs)} runs: they show no misfit over it",
                place=place,
                remedy=f"Leave it out of the process, or {_WITHOUT}",
            )
    if not kernel.variables:
        raise RequestError(
            "a Gaussian process without inputs",
            place=place,
            remedy=f"Name variables that vary in the table, or {_WITHOUT}",
        )


def read_pool(option: PoolOption, law: Law, runs: Runs, *, place: str) -> tuple[Pool, ...]:
    """The coefficients of a law that vary by the groups of a table."""
    place = f"{place}, pool"
    if not isinstance(option, Mapping):
        names = [option] if isinstance(option, str) else list(option)
        if names and len(runs.groups) != 1:
            raise RequestError(
                f"{', '.join(names)} shall vary by group, and the columns that group runs are "
                f"{', '.join(runs.groups) or 'none'}",
                place=place,
                remedy='Name one in read_runs(group=...), or give the column: pool={"E": "family"}',
            )
        option = {name: runs.groups[0] for name in names}
    for name in option:
        if name not in law.parameters:
            raise RequestError(
                f"{law.name} has no parameter {name!r}",
                place=place,
                remedy=nearest(name, law.parameters),
            )
    return tuple(
        Pool(name, column, _groups(column, runs, place)) for name, column in option.items()
    )


def _groups(column: str, runs: Runs, place: str) -> tuple[str, ...]:
    """The groups of a column, in the order of their first runs."""
    if column not in runs.table.columns:
        raise RequestError(
            f"the table has no column {column!r}",
            place=place,
            remedy=nearest(column, [str(name) for name in runs.table.columns]),
        )
    if column not in runs.groups:
        raise RequestError(
            f"{column!r} is no column that groups runs",
            place=place,
            remedy=f'Name it when reading: read_runs(..., group="{column}")',
        )
    groups = tuple(dict.fromkeys(str(label) for label in runs.labels(column)))
    if len(groups) == 1:
        raise RequestError(
            f"all {len(runs)} runs have the same {column}: one group has nothing to differ from",
            place=place,
            remedy="Leave it out",
        )
    if len(groups) == len(runs):
        raise RequestError(
            f"each of the {len(runs)} runs has a {column} of its own: a group's effect cannot be "
            "separated from noise",
            place=place,
            remedy="Name a column with several runs a group, or leave it out",
        )
    return groups
