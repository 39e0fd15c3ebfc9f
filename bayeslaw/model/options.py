"""The options ``discrepancy=`` and ``pool=``, read and checked against a law and its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.law import Law
from bayeslaw.model.by_source import BySource
from bayeslaw.model.discrepancy import KERNELS, Discrepancy
from bayeslaw.model.kernels import Kernel, Offsets, OverVariables
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.runs import Runs

#: Every evaluation factors a matrix of runs by runs: larger tables take many minutes.
LARGEST_TABLE = 1000

_WITHOUT = "fit without a discrepancy"

#: A name, a kernel, or a sequence of them, which is their sum.
DiscrepancyOption = str | Kernel | Discrepancy | Sequence[str | Kernel] | None
#: The option ``pool`` for a table of several sources, at the defaults of ``BySource``.
SOURCES = "sources"
#: Coefficients that vary by group: names (of the only grouping column), a column for each, or what
#: sources have of their own.
PoolOption = Sequence[str] | Mapping[str, str] | BySource


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
    if not parts:
        problem, remedy = "an empty discrepancy", f"Give None to {_WITHOUT}"
    elif twice:
        problem, remedy = f"two parts of the discrepancy have a {twice}", ""
    elif len(runs) > LARGEST_TABLE:
        problem = f"{len(runs)} runs, and an exact Gaussian process takes up to {LARGEST_TABLE}"
        remedy = f"Fit a part of them (a filter, the last checkpoint of each run), or {_WITHOUT}"
    else:
        return Discrepancy(tuple(parts))
    raise RequestError(problem, place=place, remedy=remedy)


def _kernels(item: object, law: Law, runs: Runs, place: str) -> list[Kernel]:
    varying = tuple(name for name in law.variables if np.ptp(runs.column(name)) > 0)
    kernels: list[Kernel]
    if isinstance(item, str):
        check_names([item], KERNELS, "unknown discrepancy {!r}", place=place)
        kind: Any = KERNELS[item]
        by_group = kind is Offsets
        if by_group and not runs.groups:
            remedy = 'Name it: read_runs(..., group="sweep")'
            raise RequestError("no column groups the runs", place=place, remedy=remedy)
        kernels = [kind(name) for name in runs.groups] if by_group else [kind(varying)]
    elif isinstance(item, OverVariables | Offsets):
        kernels = [item]
    else:
        problem = f"a {type(item).__name__} where a discrepancy belongs"
        names = ", ".join(f'"{name}"' for name in KERNELS)
        remedy = f"Give {names}, a bl.GaussianProcess or None"
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
    if fixed:
        problem = f"{fixed} is the same in all {len(runs)} runs: misfit over it is not identified"
        remedy = f"Remove it from the process, or {_WITHOUT}"
    elif not names:
        problem = "a Gaussian process without inputs"
        remedy = f"Name variables that vary in the table, or {_WITHOUT}"
    else:
        return
    raise RequestError(problem, place=place, remedy=remedy)


# From so many runs a group on, each group's value is sampled by itself.
_RUNS_EACH = 5


def read_pool(
    option: PoolOption, law: Law, runs: Runs, *, place: str, noise: Noise
) -> tuple[Pool, ...]:
    """The coefficients of a law, and of the noise, that vary by the groups of a table."""
    place = f"{place}, pool"
    if isinstance(option, str) and option == SOURCES and SOURCES not in law.parameters:
        option = BySource()
    if isinstance(option, BySource):
        return option.pools(law, runs, noise)
    if not isinstance(option, Mapping):
        listed = isinstance(option, Iterable) and not isinstance(option, str)
        names: list[Any] = [*option] if listed else [option]
        if not all(isinstance(name, str) for name in names):
            problem = f"pool = {option!r} names no coefficients"
            raise RequestError(problem, place=place, remedy='Give names, such as ["E"]')
        if names and len(runs.groups) != 1:
            raise RequestError(
                f"pool= needs exactly one grouping column for {', '.join(names)}; the table has "
                f"{', '.join(runs.groups) or 'none'}",
                place=place,
                remedy='Name one in read_runs(group=...), or give the column: pool={"E": "family"}',
            )
        option = {name: runs.groups[0] for name in names}
    check_names(option, law.parameters, f"{law.name} has no parameter {{!r}}", place=place)
    groups = {by: _groups(by, runs, place) for by in option.values()}
    # Groups of many runs locate their own value, those of few its distance from the others.
    direct = {by: len(runs) >= _RUNS_EACH * len(labels) for by, labels in groups.items()}
    return tuple(Pool(name, by, groups[by], direct=direct[by]) for name, by in option.items())


def _groups(column: str, runs: Runs, place: str) -> tuple[str, ...]:
    """The groups of a column, in the order of their first runs."""
    check_names([column], runs.table.columns, "the table has no column {!r}", place=place)
    groups = tuple(dict.fromkeys(str(label) for label in runs.labels(column)))
    size = len(runs)
    if column not in runs.groups:
        problem = f"{column!r} is not a grouping column"
        remedy = f'Name it when reading: read_runs(..., group="{column}")'
    elif len(groups) == 1:
        problem = f"all {size} runs have the same {column}: effects of groups are not identified"
        remedy = "Leave it out"
    elif len(groups) == size:
        apart = "effects of groups are confounded with noise"
        problem = f"each of the {size} runs has its own {column}: {apart}"
        remedy = "Name a column with several runs a group, or omit it"
    else:
        return groups
    raise RequestError(problem, place=place, remedy=remedy)
