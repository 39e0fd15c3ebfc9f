"""The options ``discrepancy=`` and ``pool=``, read and checked against a law and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bayeslaw.core.errors import RequestError, check_names
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
    items = option if isinstance(option, list | tuple) else [option]
    parts = [part for item in items for part in _kernels(item, law, runs, place)]
    names = [name for part in parts for name in part.priors]
    twice = next((name for name in names if names.count(name) > 1), None)
    _refuse(
        place,
        (not parts, "an empty discrepancy", f"Give None to {_WITHOUT}"),
        (twice, f"two parts of the discrepancy have a {twice}", ""),
        (
            len(runs) > LARGEST_TABLE,
            f"{len(runs)} runs, and an exact Gaussian process takes up to {LARGEST_TABLE}",
            f"Fit a part of them (a filter, the last checkpoint of each run), or {_WITHOUT}",
        ),
    )
    return Discrepancy(tuple(parts))


def _kernels(item: object, law: Law, runs: Runs, place: str) -> list[Kernel]:
    varying = tuple(name for name in law.variables if np.ptp(runs.column(name)) > 0)
    kernels: list[Kernel]
    if isinstance(item, str):
        check_names([item], NAMES, "unknown discrepancy {!r}", place=place)
        remedy = 'Name it: read_runs(..., group="sweep")'
        ungrouped = item == "group" and not runs.groups
        _refuse(place, (ungrouped, "no column groups the runs", remedy))
        kernels = [Offsets(name) for name in runs.groups]
        if item != "group":
            kernels = [GaussianProcess(varying) if item == "gp" else Growth(varying)]
    elif isinstance(item, OverVariables | Offsets):
        kernels = [item]
    else:
        problem = f"a {type(item).__name__} where a discrepancy belongs"
        remedy = 'Give "gp", "group", "growth", a bl.GaussianProcess or None'
        raise RequestError(problem, place=place, remedy=remedy)
    for kernel in kernels:
        if isinstance(kernel, OverVariables):
            _check_inputs(kernel.variables, law, runs, varying, place)
        else:
            for column in kernel.columns:
                _groups(column, runs, place)
    return kernels


def _check_inputs(
    names: tuple[str, ...], law: Law, runs: Runs, varying: tuple[str, ...], place: str
) -> None:
    check_names(names, law.variables, f"{{!r}} is no variable of {law.name}", place=place)
    fixed = ", ".join(name for name in names if name not in varying)
    _refuse(
        place,
        (
            fixed,
            f"{fixed} is the same in all {len(runs)} runs: they show no misfit over it",
            f"Leave it out of the process, or {_WITHOUT}",
        ),
        (
            not names,
            "a Gaussian process without inputs",
            f"Name variables that vary in the table, or {_WITHOUT}",
        ),
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
    check_names(option, law.parameters, f"{law.name} has no parameter {{!r}}", place=place)
    return tuple(Pool(name, by, _groups(by, runs, place)) for name, by in option.items())


def _groups(column: str, runs: Runs, place: str) -> tuple[str, ...]:
    """The groups of a column, in the order of their first runs."""
    check_names([column], runs.table.columns, "the table has no column {!r}", place=place)
    groups = tuple(dict.fromkeys(str(label) for label in runs.labels(column)))
    _refuse(
        place,
        (
            column not in runs.groups,
            f"{column!r} is no column that groups runs",
            f'Name it when reading: read_runs(..., group="{column}")',
        ),
        (
            len(groups) == 1,
            f"all {len(runs)} runs have the same {column}: one group has nothing to differ from",
            "Leave it out",
        ),
        (
            len(groups) == len(runs),
            f"each of the {len(runs)} runs has a {column} of its own: a group's effect cannot be "
            "separated from noise",
            "Name a column with several runs a group, or leave it out",
        ),
    )
    return groups


def _refuse(place: str, *cases: tuple[object, str, str]) -> None:
    """Raise the first problem whose condition holds, with its remedy."""
    for wrong, problem, remedy in cases:
        if wrong:
            raise RequestError(problem, place=place, remedy=remedy)
