"""``compare``: several laws on the same runs, by how they predict what they have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.entrants import entrants
from bayeslaw.comparison.extrapolation import (
    CUTS,
    LEAST_HELD_OUT,
    LEAST_TRAINING,
    Cut,
    cuts_of,
    extrapolate,
    ordering,
)
from bayeslaw.comparison.folds import groups_of
from bayeslaw.comparison.loo import leave_groups_out, leave_runs_out
from bayeslaw.comparison.notes import remarks
from bayeslaw.comparison.odds import odds
from bayeslaw.comparison.ranking import ranked
from bayeslaw.comparison.result import Comparison, Leave
from bayeslaw.core.errors import PosteriorError, RequestError, TableError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.formula import Expression
from bayeslaw.inference.fit import fit
from bayeslaw.law import Law
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

if TYPE_CHECKING:
    import pandas as pd

#: Of fewer, none can be left out.
LEAST_RUNS = 3


def compare(
    runs: Runs,
    laws: Sequence[str | Path | Law] | Mapping[str, str | Path | Law],
    *,
    noise: str = "student_t",
    reference: Reference | None = None,
    leave: Leave | None = None,
    over: str | None = None,
    cuts: Sequence[float] = CUTS,
    skip_unfit: bool = False,
    force: bool = False,
    evidence: bool = False,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    ci_prob: float = INTERVAL,
    progress: bool | None = None,
) -> Comparison:
    """Compare laws by how they predict runs left out: within the table, and beyond it.

    All laws see the same rows, the same loss scale and the same noise model. The fits to all runs
    are NUTS. Fits without some of the runs are the normal approximation at the mode with importance
    weights, and NUTS with at most 500 draws a chain where that fails its own check.

    Parameters
    ----------
    runs : Runs
        The table, with the variables of every law.
    laws : sequence or mapping
        Two or more laws: names of the library, paths of cards, or ``Law`` objects; a mapping gives
        each a label of one's own.
    noise : {"student_t", "normal", "undertuned"}
        How log losses scatter around every law.
    reference : Reference, optional
        Where priors are stated; the table's own typical run unless given.
    leave : {"run", "group"}, optional
        What is left out at a time. By default the group where the runs were read with ``group=``;
        leaving single runs out is then reported beside it, as interpolation. Single runs are left
        out by importance sampling, or by fitting without them where Pareto k is large; groups
        always by fitting without them, in ten folds where there are more.
    over : str, optional
        What orders runs by size, a variable or an expression; by default the table's own compute,
        else ``6*N_a*D`` or ``6*N*D``.
    cuts : sequence of float
        Shares of its levels that are held out, the largest first: each law is fitted to the rest,
        priors stated at the rest's typical run. Empty for no extrapolation.
    skip_unfit : bool
        Leave out laws that need what the table does not give, with a note, instead of refusing.
    force : bool
        Compare fits that cannot be trusted too, and mark them.
    evidence : bool
        Add Bayes factors to the law of the highest evidence. They depend on every prior, so that
        across laws that do not share theirs all are fitted twice again, with priors half and twice
        as wide, to see by how much; laws made by ``constrain`` of one another share them.
    seed, chains, draws, warmup : int
        As for ``fit``.
    ci_prob : float
        Probability of the predictive intervals whose coverage is reported.
    progress : bool, optional
        Whether to show progress bars; by default where the error stream is a terminal.

    Returns
    -------
    Comparison
        The laws, the best first. Standard errors treat groups as independent of each other, and are
        rough below about 100 runs or 10 groups.

    Raises
    ------
    RequestError
        If the laws or options do not fit each other or the table.
    TableError
        If the table lacks what a law needs, or has fewer than three runs.
    PosteriorError
        If a fit cannot be trusted.
    """
    if not isinstance(runs, Runs):
        raise RequestError(
            f"a {type(runs).__name__} where runs belong",
            place="compare",
            remedy="bl.read_runs reads tables, DataFrames included",
        )
    if len(runs) < LEAST_RUNS:
        raise TableError(
            f"{len(runs)} runs",
            place=runs.source,
            remedy=f"Give {LEAST_RUNS} or more to compare on",
        )
    if not 0 < ci_prob < 1:
        raise RequestError(
            f"ci_prob = {ci_prob!r}",
            place="compare",
            remedy="Between 0 and 1",
        )
    chosen, runs, notes = entrants(runs, laws, skip_unfit=skip_unfit)
    groups, leave = _groups(runs, leave)
    largest = max(LEAST_TRAINING, *(len(law.parameters) for law in chosen.values()))
    ordered, steps, found = _steps(runs, over, cuts, largest)
    notes += found
    if reference is None:
        names = {name: None for law in chosen.values() for name in law.variables}
        predicts = next(iter(chosen.values())).predicts
        reference = Reference.of(runs, names, predicts)
    fits = {}
    for label, law in chosen.items():
        fits[label] = fit(
            runs,
            law,
            noise=noise,
            reference=_part(reference, law),
            seed=seed,
            chains=chains,
            draws=draws,
            warmup=warmup,
            progress=progress,
        )
        if not force:
            _trusted(label, fits[label])
    single = {label: leave_runs_out(one, progress=progress) for label, one in fits.items()}
    left = single
    if leave == "group":
        left = {
            label: leave_groups_out(one, groups, progress=progress) for label, one in fits.items()
        }
    else:
        groups = np.arange(len(runs))
    rows, held = _extrapolations(fits, steps, ci_prob, progress)
    weighed, doubts = odds(fits, seed=seed, progress=progress) if evidence else ({}, [])
    table = ranked(fits, left, single, groups, rows, held, weighed)
    order = list(table.index)
    if len(rows):
        rows = rows.set_index("law").loc[order].reset_index()
    notes += remarks(runs, fits, table, rows, left, single, leave, ordered)
    notes += doubts
    return Comparison(
        table=table,
        posteriors={label: fits[label] for label in order},
        pointwise={label: left[label].log_density for label in order},
        pareto_k={label: single[label].pareto_k for label in order},
        extrapolation=rows,
        held_out={label: held[label] for label in order},
        leave=leave,
        over="" if ordered is None else ordered.text,
        probability=ci_prob,
        predicts=fits[order[0]].law.predicts,
        notes=tuple(notes),
    )


def _groups(runs: Runs, leave: Leave | None) -> tuple[np.ndarray, Leave]:
    """Number of each run's group, and what is left out at a time."""
    groups = groups_of(runs)
    several = bool(runs.groups) and 1 < groups.max(initial=0) + 1 < len(runs)
    if leave is None:
        return groups, "group" if several else "run"
    if leave not in ("run", "group"):
        raise RequestError(f"leave = {leave!r}", place="compare", remedy='"run" or "group"')
    if leave == "group" and not several:
        said = f"{groups.max(initial=-1) + 1} groups of {len(runs)} runs"
        raise RequestError(
            f"there are no groups to leave out ({said if runs.groups else 'no column says so'})",
            place="compare, leave",
            remedy="Name the column that groups runs: read_runs(..., group=), --group",
        )
    return groups, leave


def _steps(
    runs: Runs, over: str | None, shares: Sequence[float], least: int
) -> tuple[Expression | None, list[Cut], list[Note]]:
    """What is held out to see how laws extrapolate."""
    if not isinstance(shares, Sequence):
        raise RequestError(f"cuts = {shares!r}", place="compare", remedy="Such as (0.1, 0.2)")
    ordered = ordering(runs, over)
    if not shares:
        return None, [], []
    if ordered is None:
        problem, remedy = "nothing orders the runs by size", "Say what does (over=, --over)"
    else:
        found, notes = cuts_of(runs, ordered, shares, least)
        if found:
            return ordered, found, notes
        problem = (
            f"too few runs to hold out the largest {ordered.text}: {len(runs)}, of which "
            f"{LEAST_HELD_OUT} must be held out and {least} left to fit to"
        )
        remedy = "Give more runs, other shares, or none (cuts=(), --no-extrapolation)"
    if over is None and tuple(shares) == CUTS:
        # Nobody asked for it: the rest of the comparison stands without.
        text = f"no extrapolation: {problem}"
        return None, [], [Note("no_extrapolation", "warning", text, remedy)]
    raise RequestError(problem, place="compare, cuts", remedy=remedy)


def _part(reference: Reference, law: Law) -> Reference:
    """The part of a common reference run that a law reads; what is missing, ``fit`` will name."""
    at = {name: reference.at[name] for name in law.variables if name in reference.at}
    return Reference(loss=reference.loss, at=at)


def _trusted(label: str, posterior: Posterior) -> None:
    found = [note for note in posterior.notes if note.severity == "error"]
    if found:
        raise PosteriorError(
            f"the fit of {label!r} cannot be trusted: {'; '.join(note.message for note in found)}",
            place="compare",
            remedy=f"{found[0].remedy}. Or leave that law out, or give force=True (--force)",
        )


def _extrapolations(
    fits: Mapping[str, Posterior], steps: Sequence[Cut], probability: float, progress: bool | None
) -> tuple[pd.DataFrame, dict[str, list[np.ndarray]]]:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    held: dict[str, list[np.ndarray]] = {label: [] for label in fits}
    for label, posterior in fits.items():
        for cut in steps:
            row, found = extrapolate(posterior, cut, probability=probability, progress=progress)
            rows.append({"law": label, **row})
            held[label].append(found.log_density)
    return pd.DataFrame(rows), held
