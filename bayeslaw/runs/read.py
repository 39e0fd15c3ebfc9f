"""``read_runs``: a table of any kind in, checked runs out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.calls import public
from bayeslaw.core.errors import TableError
from bayeslaw.core.notes import Note
from bayeslaw.runs.checks import check_values
from bayeslaw.runs.draft import Draft
from bayeslaw.runs.mapping import counts_sizes, map_columns
from bayeslaw.runs.options import PERPLEXITIES, Options, read_options
from bayeslaw.runs.plausible import plausibility_notes
from bayeslaw.runs.repeats import checkpoint_notes, keep_once
from bayeslaw.runs.selection import keep_best, select_rows
from bayeslaw.runs.source import read_source
from bayeslaw.runs.table import Runs


@public
def read_runs(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str | float | None] | Iterable[tuple[str, str]] | None = None,
    units: Mapping[str, float] | Iterable[tuple[str, float]] | None = None,
    architecture: Mapping[str, str | float] | Iterable[tuple[str, str]] | None = None,
    where: str | None = None,
    run: str | None = None,
    step: str | None = None,
    best_of: str | Sequence[str] = (),
    group: str | Sequence[str] = (),
    embeddings: str | None = None,
    loss_unit: str | None = None,
    mapping: str | Path | None = None,
    drop_invalid: bool = False,
) -> Runs:
    """Read a table of training runs: map its columns, select rows, validate every value.

    Parameters
    ----------
    source : str, Path or pandas.DataFrame
        A .csv, .tsv, .parquet, .jsonl, .ndjson or .json (one object a line) file, compressed with
        .gz or not, an .xlsx workbook of one sheet (by openpyxl), or a DataFrame, which is not
        changed.
    columns : mapping of str to str, optional
        Variable to source column, or to an expression over source columns: ``{"N": "n_total",
        "D": "D1 + D2", "G": "top_k + n_shared", "S": "n_shared / G"}``; other variables are read in
        counts, after their units. Names with spaces, points or slashes stand in back quotes
        inside expressions: ``{"K": "config.model.top_k", "G": "`config.model.top_k` + 1"}``, in a
        shell ``--column K=config.model.top_k --column 'G=`config.model.top_k` + 1'``.
        Columns with canonical names need no entry; an empty text unmaps a column of that name.
        Cells may hold counts such as 5B, 1.5T or 300M.
    units : mapping of str to float, optional
        Factor of each variable: ``{"N": 1e9}`` for billions.
    architecture : mapping of str to str or float, optional
        Derives N, N_a, G, K, S, E, activation, granularity and sparsity of every row: ``family``
        names a model type, and fields of its config.json stand for columns, expressions or
        numbers: ``{"family": "olmoe", "hidden_size": "d_model", "vocab_size": 50304}``. Columns
        that bear a field's name need no entry; variables that the table has are kept.
    where : str, optional
        Condition over source columns and variables: ``"state == 'finished' and D > 1e9"``.
    run, step : str, optional
        Columns that name a run and order its checkpoints. Only the last is kept, since a
        mid-schedule loss is not a shorter run's loss. Of a table that Weights & Biases exports:
        ``run="Name", step="_step", where="State == 'finished'"``.
    best_of : str or sequence of str
        Tuned columns, or variables that they are mapped to: of valid rows that agree in all other
        variables and groups, those with the setting of the lowest loss are kept.
    group : str or sequence of str
        Columns that group runs, such as a sweep or a model family.
    embeddings : {"included", "excluded"}, optional
        Whether parameter counts include embeddings; with ``architecture``, whether they shall.
    loss_unit : str, optional
        "nats" (the default), "bits" or "ppl" (perplexity), which are converted to nats, or any
        label. Losses that cannot be in nats are refused unless it is stated.
    mapping : str or Path, optional
        A TOML file with any of the options above; arguments win over it, ``columns`` and ``units``
        key by key.
    drop_invalid : bool
        Drop rows with bad values, and list them in a note, instead of raising.

    Returns
    -------
    Runs
        The validated table. Rows that agree in every variable and in the loss are kept once.

    Raises
    ------
    TableError
        Naming file, row, column, value and remedy of whatever cannot be used.
    FormulaError
        If an expression or condition cannot be read.
    RequestError
        If options have the wrong form or do not fit each other.
    """
    options = read_options(
        mapping, columns=columns, units=units, architecture=architecture, where=where, run=run,
        step=step, best_of=best_of, group=group, embeddings=embeddings, loss_unit=loss_unit,
    )  # fmt: skip
    draft = map_columns(read_source(source), options)
    if options.embeddings is None and counts_sizes(draft, options):
        options = replace(options, embeddings="included")
    draft = select_rows(draft, options)
    draft = check_values(draft, options, drop_invalid=drop_invalid)
    draft = keep_once(draft, options)
    draft = keep_best(draft, options)
    notes = (*checkpoint_notes(draft, options), *plausibility_notes(draft, options))
    draft = replace(draft, notes=(*draft.notes, *notes))
    return _runs(draft, options)


def as_runs(runs: Runs | pd.DataFrame | str | Path) -> Runs:
    """A table in any form that needs no mapping of its columns."""
    return runs if isinstance(runs, Runs) else read_runs(runs)


def configurations(new: Runs | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Configurations as a table of their own, one a row."""
    if isinstance(new, Runs):
        return new.table.copy()
    if isinstance(new, pd.DataFrame):
        return new.copy()
    wide = {name: np.atleast_1d(values) for name, values in new.items()}
    for name, values in wide.items():
        if values.ndim > 1:
            problem = f"{name} has {values.ndim} dimensions"
            remedy = "Give a number, or a list of numbers"
            raise TableError(problem, place="configurations", remedy=remedy)
    lengths = {name: len(values) for name, values in wide.items() if len(values) != 1}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{length} of {name}" for name, length in lengths.items())
        problem = f"columns of different lengths: {listed}"
        remedy = "Give as many values of each, or one"
        raise TableError(problem, place="configurations", remedy=remedy)
    return pd.DataFrame(dict(zip(wide, np.broadcast_arrays(*wide.values()), strict=True)))


def _runs(draft: Draft, options: Options) -> Runs:
    draft, unit = _in_nats(draft, options.loss_unit or "nats")
    table = draft.source.table
    columns = {name: np.ascontiguousarray(v.values) for name, v in draft.variables.items()}
    others = {name: table[name].array for name in table.columns if name not in columns}
    return Runs(
        table=pd.DataFrame({**columns, **others}, index=table.index),
        source=draft.source.name,
        variables=tuple(columns),
        groups=options.group,
        embeddings=options.embeddings,
        loss_unit=unit,
        notes=draft.notes,
    )


def _in_nats(draft: Draft, unit: str) -> tuple[Draft, str]:
    """Losses of a known unit in nats."""
    if unit == "bits":
        code, text = "bits_to_nats", "The loss was in bits and was multiplied by ln 2"
    elif unit in PERPLEXITIES:
        code, text = "perplexity_to_nats", "The loss was a perplexity; its logarithm is in nats"
    else:
        return draft, unit
    if "loss" not in draft.variables:
        return draft, "nats"
    names = [name for name in draft.variables if name in ("loss", "loss_se")]
    before = {name: draft.variables[name].values for name in names}
    if unit == "bits":
        after = {name: values * math.log(2) for name, values in before.items()}
    else:
        # To first order, an error of a logarithm is a relative error.
        after = {name: values / before["loss"] for name, values in before.items()}
        after["loss"] = np.log(before["loss"])
    nats = draft.with_values(after)
    return replace(nats, notes=(*draft.notes, Note(code, "info", text))), "nats"
