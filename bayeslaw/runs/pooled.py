"""``pool_runs``: several tables of runs as one, with the source of every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, TableError, check_names
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.runs.table import Runs

#: Columns of a pooled table: the source of a run, and the set that has one floor where some sources
#: are contrasts.
SOURCE, SET = "source", "contrast_set"
_PLACE = "pool_runs"


@public
def pool_runs(
    sources: Mapping[str, Runs],
    *,
    constants: Mapping[str, Mapping[str, float]] | None = None,
    contrasts: Mapping[str, str] | None = None,
    nats: Mapping[str, float] | None = None,
) -> Runs:
    """Make one table of several sources, for ``fit(..., pool="sources")``.

    Parameters
    ----------
    sources : mapping of str to Runs
        Tables by the name of their source: two or more.
    constants : mapping of str to mapping of str to float, optional
        Variables that a source does not state and that are the same in all of its runs:
        ``{"clark": {"D": 130e9, "S": 0}}``. If the value is unknown, any value serves where the
        effect of the variable is part of the source's own floor and amplitudes.
    contrasts : mapping of str to str, optional
        For a source of pairs or small sets at equal budget, the column whose values name the sets:
        ``{"structure": "hidden_dim"}``. Every set has a floor of its own, so that only differences
        within it inform the law.
    nats : mapping of str to float, optional
        For a source whose losses are in another unit, how many nats per token one unit is:
        ``{"ours": 2.9}`` for bits per byte at 4.2 bytes a token (ln 2 times 4.2). ``read_runs``
        converts bits per token and perplexity.

    Returns
    -------
    Runs
        Variables that all sources have, with the column ``source`` as group (and ``contrast_set``
        where there are contrasts). Rows are named by source and row. Notes state what each source
        does not vary, which variables are left out, and conventions that differ.

    Raises
    ------
    RequestError
        If there are fewer than two sources or an option names none of them.
    TableError
        If losses are in different units, or no variable is common to all sources.

    Examples
    --------
    >>> import bayeslaw as bl
    >>> parts = {name: bl.simulate("chinchilla", rows=20, seed=i) for i, name in enumerate("ab")}
    >>> bl.pool_runs(parts).groups
    ('source',)
    """
    if not isinstance(sources, Mapping) or len(sources) < 2:
        problem = f"{len(sources) if isinstance(sources, Mapping) else 'no mapping of'} sources"
        remedy = 'Give two or more by name: pool_runs({"ours": runs, "public": other})'
        raise RequestError(problem, place=_PLACE, remedy=remedy)
    for name, runs in sources.items():
        if not isinstance(name, str) or not name or not isinstance(runs, Runs):
            problem = f"the source {name!r} is a {type(runs).__name__}"
            raise RequestError(problem, place=_PLACE, remedy="Give tables from read_runs by name")
    for option, chosen in (("constants", constants), ("contrasts", contrasts), ("nats", nats)):
        check_names(chosen or (), sources, f"{option} for {{!r}}, which is no source", place=_PLACE)
    parts = {
        name: _with_constants(name, runs, (constants or {}).get(name, {}))
        for name, runs in sources.items()
    }
    parts |= {name: _in_nats(name, parts[name], factor) for name, factor in (nats or {}).items()}
    _same_unit(parts)
    every = list(dict.fromkeys(name for runs in parts.values() for name in runs.variables))
    common = [name for name in every if all(name in runs.variables for runs in parts.values())]
    if not {*common} - {"loss"}:
        problem = "no variable is common to all sources"
        raise TableError(
            problem, place=_PLACE, remedy="Map columns alike in read_runs(columns=...)"
        )
    parts, alone = _without_lone_runs(parts, contrasts or {})
    tables = [_labelled(name, runs, common, contrasts) for name, runs in parts.items()]
    kinds = {runs.embeddings for runs in parts.values()}
    return Runs(
        table=pd.concat(tables),
        source=" + ".join(parts),
        variables=tuple(common),
        groups=(SOURCE, SET) if contrasts else (SOURCE,),
        embeddings=kinds.pop() if len(kinds) == 1 else None,
        loss_unit=next(iter(parts.values())).loss_unit,
        notes=(*_notes(parts, every, common), *alone),
    )


def sources(runs: Runs) -> tuple[str, ...]:
    """Names of the sources of a pooled table, in their order."""
    if SOURCE not in runs.groups:
        raise RequestError(
            f"{runs.source} has no column {SOURCE!r} that names the source of each run",
            place="fit, pool",
            remedy='Pool tables first: pool_runs({"ours": runs, "public": other})',
        )
    return tuple(dict.fromkeys(str(label) for label in runs.labels(SOURCE)))


def sets(runs: Runs) -> tuple[str, ...]:
    """What has a floor of its own: the sources, or the sets of those that are contrasts."""
    column = SET if SET in runs.groups else SOURCE
    return tuple(dict.fromkeys(str(label) for label in runs.labels(column)))


def one_source(runs: Runs, name: str) -> Runs:
    """The runs of one source."""
    return replace(runs.select((runs.labels(SOURCE) == name).to_numpy()), source=name)


def _with_constants(name: str, runs: Runs, constants: Mapping[str, float]) -> Runs:
    place = f"{_PLACE}, constants, {name}"
    table, added = runs.table.copy(), []
    for variable, value in constants.items():
        if variable in runs.variables:
            problem = f"{variable} = {value!r}, and the table has a column {variable}"
            raise RequestError(problem, place=place, remedy="Leave out one of them")
        domain = VOCABULARY.get(variable)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        least = domain.low if domain is not None else -np.inf
        if not number or not np.isfinite(value) or value < least:
            problem = f"{variable} = {value!r} is no value of {variable}"
            raise RequestError(problem, place=place, remedy="Give a number in its domain")
        table[variable] = float(value)
        added.append(variable)
    return replace(runs, table=table, variables=(*runs.variables, *added)) if added else runs


def _in_nats(name: str, runs: Runs, factor: float) -> Runs:
    """A source with its losses in nats per token."""
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not number or not 0 < factor < np.inf or "loss" not in runs.variables:
        problem = f"{factor!r} nats a unit of the losses of {name}"
        remedy = 'Give a positive number for a source with losses: nats={"ours": 2.9}'
        raise RequestError(problem, place=f"{_PLACE}, nats", remedy=remedy)
    losses = [column for column in ("loss", "loss_se") if column in runs.variables]
    table = runs.table.assign(**{column: factor * runs.column(column) for column in losses})
    message = f"losses in {runs.loss_unit} times {factor:.4g}: nats per token"
    return replace(
        runs,
        table=table,
        loss_unit="nats",
        notes=(*runs.notes, Note("loss_unit_converted", "info", message)),
    )


def _same_unit(parts: Mapping[str, Runs]) -> None:
    units = {name: runs.loss_unit for name, runs in parts.items() if "loss" in runs.variables}
    if len({*units.values()}) > 1:
        listed = ", ".join(f"{name} in {unit}" for name, unit in units.items())
        raise TableError(
            f"losses are in different units: {listed}",
            place=_PLACE,
            remedy="Convert bits and perplexities when reading (loss_unit='bits', 'ppl'), and "
            'state how many nats per token one unit of another is: nats={"ours": 2.9}',
        )


def _without_lone_runs(
    parts: Mapping[str, Runs], contrasts: Mapping[str, str]
) -> tuple[dict[str, Runs], list[Note]]:
    """Sources without runs that are the only one of their set, with notes on those left out."""
    kept, notes = dict(parts), []
    for name, column in contrasts.items():
        labels = parts[name].labels(column)
        alone = (labels.map(labels.value_counts()) < 2).to_numpy()
        if alone.all():
            problem = f"every run of {name} has a {column} of its own: nothing to contrast"
            remedy = "Name a column whose values repeat, or pool it as a source like any"
            raise TableError(problem, place=f"{_PLACE}, contrasts", remedy=remedy)
        if alone.any():
            kept[name] = parts[name].select(~alone)
            which = ", ".join(f"{column} = {_short(label)}" for label in labels[alone])
            message = f"{name}: {which} left out, the only run of its set"
            notes.append(Note("nothing_to_contrast", "info", message))
    return kept, notes


def _short(label: Any) -> str:
    """A label as text; a whole number without a point."""
    return f"{label:g}" if isinstance(label, float) else str(label)


def _labelled(
    name: str, runs: Runs, common: list[str], contrasts: Mapping[str, str] | None
) -> pd.DataFrame:
    """The table of a source with its name, and row labels that name it."""
    others = runs.table.drop(columns=[*runs.variables])
    table = runs.table[common].join(others.drop(columns=[SOURCE, SET], errors="ignore"))
    table = table.assign(**{SOURCE: name})
    if contrasts:
        column = contrasts.get(name)
        labels: Any = name
        if column is not None:
            labels = [f"{name} {column}={_short(label)}" for label in runs.labels(column)]
        table[SET] = labels
    table.index = pd.Index([f"{name}: {row}" for row in table.index], name="row")
    return table


def _notes(parts: Mapping[str, Runs], every: list[str], common: list[str]) -> list[Note]:
    notes = [
        replace(note, message=f"{name}: {note.message}")
        for name, runs in parts.items()
        for note in runs.notes
    ]
    for name, runs in parts.items():
        fixed = runs.constant(name for name in common if name != "loss")
        if fixed:
            values = ", ".join(f"{n} = {runs.column(n)[0]:.4g}" for n in common if n in fixed)
            message = f"{name} does not vary {values}: it says nothing of their effects"
            notes.append(Note("source_constant", "info", message))
    for variable in [name for name in every if name not in common]:
        lacking = [name for name, runs in parts.items() if variable not in runs.variables]
        message = f"{variable} is left out: {', '.join(lacking)} lack it"
        remedy = (
            f'State it where it is constant: constants={{"{lacking[0]}": {{"{variable}": ...}}}}'
        )
        notes.append(Note("variable_left_out", "info", message, remedy))
    conventions = {name: runs.embeddings for name, runs in parts.items() if runs.embeddings}
    if len({*conventions.values()}) > 1:
        listed = ", ".join(f"{kind} in {name}" for name, kind in conventions.items())
        message = f"parameter counts differ in embeddings: {listed}"
        notes.append(Note("embeddings_differ", "warning", message, "Count alike (bl.architecture)"))
    return notes
