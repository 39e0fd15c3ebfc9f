"""``calibrate``: whether the intervals of a design will be right, before compute is spent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bayeslaw.checks.calibrate.options import (
    PLACE,
    as_runs,
    check_discrepancy,
    check_posterior,
    check_settings,
    designs,
    quantities_of,
    source_of,
    usual_reference,
)
from bayeslaw.checks.calibrate.outcomes import Outcomes, outcomes
from bayeslaw.checks.calibrate.quantities import Quantities
from bayeslaw.checks.calibrate.result import Calibration
from bayeslaw.checks.calibrate.truths import Simulated, Truths, moved_priors
from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.version import __version__
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.inference.progress import bar
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.model.design_notes import design_notes
from bayeslaw.model.options import DiscrepancyOption
from bayeslaw.model.specification import Specification
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.per_law import reported
from bayeslaw.posterior.info import FitSettings
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

if TYPE_CHECKING:
    import pandas as pd

# Batches that an executor holds at once; a round is kept when all of them are done.
_AT_ONCE = 8


def calibrate(
    design: str | Runs | pd.DataFrame | Mapping[str, Any] | Posterior,
    law: str | Law,
    *,
    truth: str | Mapping[str, float] | Posterior | None = None,
    tables: int = 200,
    rows: int = 446,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    times: float | None = 10.0,
    quantities: Mapping[str, str] | None = None,
    method: Literal["nuts", "laplace"] = "nuts",
    noise: str = "student_t",
    discrepancy: DiscrepancyOption = None,
    scatter: float = 0.003,
    moved: float = 0.0,
    reference: Reference | None = None,
    seed: int = 0,
    chains: int = 2,
    draws: int = 1000,
    warmup: int = 400,
    fallback: bool = False,
    folder: str | Path | None = None,
    executor: Executor | None = None,
    batch: int = 20,
    progress: bool | None = None,
) -> Calibration:
    """Simulate tables of a design, fit each, and see whether intervals hold the truth.

    Where truths come from the prior, this is simulation-based calibration (Talts et al. 2018,
    arXiv:1804.06788; Modrák et al. 2023, arXiv:2211.02383, on the log likelihood as a quantity of
    its own). Where they come from a posterior, it is posterior SBC (Säilynoja et al. 2025,
    arXiv:2502.03279): each truth is one of its draws, new runs are simulated from it, and the law
    is fitted to old and new runs together, whose posterior that draw belongs to. Both are exact: a
    rank that is not uniform is an error of the computation. At one given set of coefficients
    nothing has to be exact, and coverage, width and bias say how intervals fare there.

    Parameters
    ----------
    law : str or Law
        A law, its name, or the path of a card.
    design : str, Runs, DataFrame, mapping or Posterior
        ``independent`` or ``one_at_a_time``, drawn anew for each table; configurations without
        losses, the same for every table; or a posterior: its runs' configurations and its draws.
    truth : str, mapping or Posterior, optional
        ``"prior"``; ``"published"``, the name of a published set, or raw coefficients; a posterior
        of this law. The design's posterior where that is one, else the prior.
    tables : int
        How many tables are simulated; more can be added later in the same folder.
    rows : int
        Runs of a named design.
    at, budget, free
        Which optimum is wanted, as in ``optimum``; none unless one of them is given.
    times : float, optional
        The loss of a run with so many times the largest compute is looked at too; None for none.
    quantities : mapping of str to str, optional
        Further expressions by name, over the card's parameters, helper lines, and letters at the
        reference run: such as an optimum in closed form, without its bounds.
    method, noise, discrepancy, chains, draws, warmup, fallback
        As for ``fit``; ``mode`` has no intervals. Truths from the prior then miss what the
        discrepancy says; at given coefficients the law misses nothing, and a wide interval is what
        caution costs. Truths of a posterior with a discrepancy are not simulated.
    scatter : float
        Standard deviation of log loss where coefficients are given; else the truth has its own.
    moved : float
        Move every prior median of the law up by so many of the prior's own factors (or standard
        deviations), for truths and fits alike.
    reference : Reference, optional
        Where priors are stated. That of the posterior, or the design's typical run, with the loss
        that the first published set puts there. It is part of the model: no simulation changes it.
    seed : int
        Table ``i`` is the same however many there are.
    folder : str or Path, optional
        Where finished rounds are kept, to be resumed: ``batch`` tables each, eight times as many
        with an executor.
    executor : concurrent.futures.Executor, optional
        Takes the fits, as in ``fit_many``.
    batch : int
        Tables in a batch.
    progress : bool, optional
        Whether to show a progress bar; by default where the error stream is a terminal.

    Returns
    -------
    Calibration
        Ranks, coverage, width and bias of all coefficients and quantities. Fits that cannot be
        trusted, and tables of absurd losses, are counted by reason and left out: rules on what was
        observed, never on the truth.

    Raises
    ------
    RequestError
        If an option does not fit.
    TableError
        If the design lacks a variable.
    PosteriorError
        If a kept round cannot be read.

    Examples
    --------
    >>> runs = bl.read_runs("planned.csv")  # doctest: +SKIP
    >>> bl.calibrate(runs, "zhao2025", at={"N": 30e9}).statement  # doctest: +SKIP
    """
    settings = FitSettings(method, noise, seed, chains, draws, warmup, fallback, discrepancy)
    check_settings(settings, tables, batch)
    one = load_law(law)
    old = design if isinstance(design, Posterior) else None
    if truth is None:
        truth = old if old is not None else "prior"
    if isinstance(truth, Posterior):
        old = truth
    if old is not None:
        check_posterior(old, one, noise, moved)
    if moved:
        one = moved_priors(one, real(moved, "moved", place=PLACE))
    drawn = designs(one, design, rows, seed)
    first = drawn(0)
    if reference is None:
        reference = old.reference if old is not None else usual_reference(one, first)
    source, words = source_of(one, truth)
    if not 0 < real(scatter, "scatter", place=PLACE) < 1:
        raise RequestError(f"scatter = {scatter}", place=PLACE, remedy="Between 0 and 1")
    check_discrepancy(discrepancy)
    specification = Specification.of(
        as_runs(first), one, reference, noise=noise, discrepancy=discrepancy, place=PLACE
    )
    truths = Truths(one, specification.noise, reference, source, scatter, specification.discrepancy)
    asked = quantities_of(one, reference, first, at, budget, free, times, quantities)
    if moved:
        words += f", every prior median moved up by {moved:g} of its own factors"
    about = {
        "card": one.card,
        "reference": reference.to_dict(),
        "fit": settings.to_dict(),
        "truth": words,
        "at": dict(at or {}),
        "budget": (budget or Budget()).to_dict(),
        "free": None if free is None else list(free),
        "far": asked.far,
        "quantities": dict(quantities or {}),
    }
    keep = _folder(folder)
    step = batch * (_AT_ONCE if executor is not None else 1)
    parts = []
    with bar(progress, tables, f"calibrating {one.name} on {tables} tables") as report:
        for start in range(0, tables, step):
            size = min(step, tables - start)
            simulated = [truths.simulated(drawn, seed, start + i) for i in range(size)]
            path = None if keep is None else keep / f"{_key(about, simulated)}.npz"
            if path is not None and path.exists():
                parts.append(Outcomes.read(path))
            else:
                parts.append(_round(simulated, truths, asked, settings, start, batch, executor))
                if path is not None:
                    parts[-1].write(path)
            report(start + size)
    table = replace(simulated[0].runs, source=_called(design))
    return Calibration(
        law=one.name,
        runs=len(next(iter(first.values()))),
        truth=words,
        ranked=source is None or isinstance(source, Posterior),
        first=tuple(parts[0].names[: _named(asked)]),
        outcomes=Outcomes.joined(parts),
        settings={**{k: v for k, v in about.items() if k != "card"}, "moved": moved},
        design_notes=design_notes(table, one, reference),
    )


def _round(
    simulated: list[Simulated],
    truths: Truths,
    asked: Quantities,
    settings: FitSettings,
    start: int,
    batch: int,
    executor: Executor | None,
) -> Outcomes:
    sane = [i for i, one in enumerate(simulated) if truths.sane(one.runs)]
    options = {k: v for k, v in settings.to_dict().items() if k not in ("seed", "pool")}
    options["discrepancy"] = truths.discrepancy
    more = {**options, "reference": truths.reference, "progress": False}

    found = fit_many(
        [simulated[i].runs for i in sane],
        truths.law,
        seed=settings.seed + start + (sane[0] if sane else 0),
        batch=batch,
        executor=executor,
        **more,
    )
    posteriors: list[Posterior | str] = ["losses"] * len(simulated)
    for i, one in zip(sane, found, strict=True):
        posteriors[i] = one
    return outcomes([one.truth for one in simulated], posteriors, asked, [s.rng for s in simulated])


def _named(asked: Quantities) -> int:
    """How many of the quantities come from what was asked, first of all."""
    optima = 0 if asked.question is None else len(reported(asked.law, asked.question))
    return optima + bool(asked.far)


def _called(design: Any) -> str:
    if isinstance(design, Posterior):
        return str(design.runs.source)
    return str(getattr(design, "source", "the design"))


def _folder(folder: str | Path | None) -> Path | None:
    if folder is None:
        return None
    keep = Path(folder)
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"the folder {keep.name!r} cannot be made ({error.strerror})",
            place=PLACE,
            remedy="Name a folder",
        ) from None
    return keep


def _key(about: Mapping[str, Any], simulated: list[Simulated]) -> str:
    """What a round's outcome depends on; its tables say what they were simulated from."""
    tables = [one.runs.fingerprint for one in simulated]
    text = json.dumps({"version": __version__, "tables": tables, **about}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
