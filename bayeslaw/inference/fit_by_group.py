"""One law fitted to each group of a table by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayeslaw.core.calls import public
from bayeslaw.core.errors import TableError
from bayeslaw.inference.fit import fit
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.read import as_runs

if TYPE_CHECKING:
    import pandas as pd


@public
def fit_by_group(
    runs: Runs | pd.DataFrame | str | Path,
    law: str | Path | Law,
    *,
    by: str,
    reference: ReferenceRun | None = None,
    **options: Any,
) -> dict[Any, Posterior]:
    """Fit a law to each group of a table by itself: nothing is shared but the priors.

    Parameters
    ----------
    runs, law, **options
        As for ``fit``.
    by : str
        Column of the groups.
    reference : ReferenceRun, optional
        Where priors are stated, for all groups; the full table's typical run unless given, so that
        every group has the same priors.

    Returns
    -------
    dict
        A posterior for each value of the column, in the order of its first row.

    Raises
    ------
    TableError
        If there is no such column, it has gaps, or the table lacks a column that the law needs.
    RequestError
        If an option does not fit.
    """
    law, runs = load_law(law), as_runs(runs)
    labels = runs.labels(by)
    runs = runs.require([*law.variables, law.predicts], purpose=f"the law {law.name!r}")
    gaps = labels.isna()
    if gaps.any():
        rows = ", ".join(map(str, labels.index[gaps][:5]))
        raise TableError(
            f"the column {by!r} is empty in {int(gaps.sum())} rows ({rows})",
            place=runs.source,
            remedy="Fill it, or leave those rows out with where=",
        )
    if reference is None:
        reference = ReferenceRun.of(runs, law.variables, law.predicts)
    posteriors = {}
    for value in dict.fromkeys(labels):
        part = runs.select((labels == value).to_numpy())
        named = replace(part, source=f"{runs.source}, {by} = {value}")
        posteriors[value] = fit(named, law, reference=reference, **options)
    return posteriors
