"""``study``: one call from a table to an answer that includes what laws miss beyond the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.calls import public
from bayeslaw.core.errors import BayesLawError, RequestError, TableError, some_of, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.inference.fit import fit
from bayeslaw.inference.progress import bar
from bayeslaw.law import Law
from bayeslaw.model.extrapolation import ExtrapolationPrior, field_prior
from bayeslaw.optimum.budget import Budget
from bayeslaw.posterior.as_prior import law_with_prior, prior_note
from bayeslaw.posterior.mixture import Mixture, average_laws
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.read import as_runs, configurations
from bayeslaw.study.backtest import Block, back_test, scale_likelihood, weigh
from bayeslaw.study.candidates import study_laws
from bayeslaw.study.keep import Kept
from bayeslaw.study.misfit import beside_misfit
from bayeslaw.study.origins import Origin, find_origins
from bayeslaw.study.result import Study

_PLACE = "study"
# Fewer runs than this below an origin say nothing.
_LEAST_RUNS = 10
# What these say of a law they would say of any: they are about the table.
_OF_TABLE = frozenset({"residuals_too_wide", "rising_loss", "rounded_losses"})


@public
def study(
    runs: Runs | pd.DataFrame | str | Path,
    *,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    laws: Iterable[str | Law] | None = None,
    free: Iterable[str] | None = None,
    predict: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
    predicts: str = "loss",
    prior: ExtrapolationPrior | Posterior | None = None,
    ci_prob: float = INTERVAL,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool | None = None,
) -> Study:
    """Answer from a table of runs, with intervals that include what laws miss beyond it.

    Every law that suits the table is fitted to all runs, and short of several origins along every
    size and shape that the runs vary. Laws are averaged, with weights inverse to their error beyond
    the origins, shrunk to equal ones. Predictions and optima include an error beyond the runs whose
    scale has a prior learned from public tables, updated by the table's own origins.

    Parameters
    ----------
    runs : Runs, DataFrame, str or Path
        The table; a DataFrame or file needs canonical column names.
    at, budget, free
        What the optimum is asked for, as for ``optimum``; without either only losses are predicted.
    laws : iterable of str or Law, optional
        The laws; by default those of the library that read what varies in the table and have a
        floor.
    predict : Runs, DataFrame or mapping, optional
        Configurations whose losses are to be predicted.
    predicts : str
        The quantity that the laws predict.
    prior : ExtrapolationPrior or Posterior, optional
        A posterior of other sources (``fit(pool_runs(...), law, pool="sources")``) gives its law
        the priors that an unseen source has; other laws keep theirs. An ``ExtrapolationPrior``:
        How badly laws extrapolate; as learned from public tables unless given.
    ci_prob : float
        Probability of the intervals.
    seed : int
        The same seed gives the same answer.
    folder : str or Path, optional
        Where finished fits are kept: an interrupted study goes on from them.
    progress : bool, optional
        Whether to show a progress bar; by default where the error stream is a terminal.

    Returns
    -------
    Study
        The averaged posterior, back-tests, weights, the optimum and the predictions.

    Raises
    ------
    RequestError
        If no law suits the table, or all fail; if the request does not fit, as for ``optimum``.
    TableError
        If the table lacks a column or has invalid rows.
    """
    whole(seed, "seed", place=_PLACE)
    runs = as_runs(runs)
    chosen, notes = study_laws(runs, laws, predicts)
    _require_capped(chosen, budget)
    if isinstance(prior, Posterior):
        chosen, told = _with_prior(chosen, prior, runs)
        notes, prior = [*notes, told], None
    variables = list(dict.fromkeys(name for law in chosen for name in law.variables))
    runs = runs.require([*variables, predicts], purpose="the study")
    least = max(_LEAST_RUNS, min(len(law.parameters) for law in chosen) + 2)
    origins = find_origins(runs, variables, least)
    kept = Kept.of(folder, runs)
    fits: dict[str, Posterior] = {}
    past: dict[str, list[Block | None]] = {}
    total = len(chosen) * (len(origins) + 2)
    with bar(progress, total, f"studying {runs.source}") as report:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(done)

        for law in chosen:
            try:
                fits[law.name], past[law.name] = _study_one(
                    runs, law, origins, kept, ci_prob, seed, advance
                )
            except TableError:
                raise
            except BayesLawError as error:
                message = f"{law.name} leaves the study: {error.problem}"
                notes.append(Note("law_failed", "warning", message, error.remedy))
        fits, past, left = trusted_laws(fits, past)
        beside, misfit_notes = beside_misfit(runs, fits, kept, seed, advance)
    notes += [*left, *misfit_notes]
    if not fits:
        every = "; ".join(note.message for note in notes if note.code == "law_failed")
        raise RequestError(f"no law can be fitted: {every}", place=_PLACE, remedy="Name others")
    result = assemble(
        runs, fits, past, beside=beside, prior=prior, ci_prob=ci_prob, seed=seed, notes=notes
    )
    if at is not None or budget is not None:
        result = replace(result, optimum=result.best(at=at, budget=budget, free=free))
    if predict is not None:
        result = replace(result, predictions=result.predict(configurations(predict)))
    return result


def _require_capped(laws: Iterable[Law], budget: Budget | None) -> None:
    """Refuse caps on what no law reads, before minutes are spent on fits."""
    laws = list(laws)
    caps = () if budget is None else budget.limits
    for cap in caps:
        lacking = {name for law in laws for name in cap.expression.names - {*law.variables}}
        if not any(cap.expression.names <= {*law.variables} for law in laws):
            raise RequestError(
                f"{cap}: no law of the study ({some_of(law.name for law in laws)}) reads "
                f"{' and '.join(sorted(lacking))}",
                place=f"{_PLACE}, budget",
                remedy="Leave out that cap, or name a law with that variable in laws= (--laws)",
            )


def trusted_laws(
    fits: dict[str, Posterior], past: dict[str, list[Block | None]]
) -> tuple[dict[str, Posterior], dict[str, list[Block | None]], list[Note]]:
    """Laws whose fit can be relied on, if there are any, with their past; notes on the others."""
    errors = {name: [n for n in fits[name].notes if _of_fit(n)] for name in fits}
    bad = [name for name, own in errors.items() if own]
    if len(bad) == len(fits):
        return fits, past, []
    notes = []
    for name in bad:
        told = "; ".join(note.message for note in errors[name])
        notes.append(Note("law_failed", "warning", f"{name} leaves the study: {told}"))
    kept = [name for name in fits if name not in bad]
    return {name: fits[name] for name in kept}, {name: past[name] for name in kept}, notes


def _of_fit(note: Note) -> bool:
    return note.severity == "error" and note.code not in _OF_TABLE


def assemble(
    runs: Runs,
    fits: Mapping[str, Posterior],
    past: Mapping[str, list[Block | None]],
    *,
    beside: Mapping[str, Posterior] | None = None,
    prior: ExtrapolationPrior | None = None,
    ci_prob: float = INTERVAL,
    seed: int = 0,
    notes: Iterable[Note] = (),
) -> Study:
    """Weigh laws by their past, and give them their error beyond the runs.

    ``beside`` are the fits beside a misfit that optima are taken from.
    """
    notes, tested = list(notes), any(map(len, past.values()))
    weights = weigh(past) if tested else {name: 1 / len(fits) for name in fits}
    prior = prior or field_prior("mixture" if len(fits) > 1 else "law")
    likelihood = scale_likelihood(past, weights, prior) if tested else 0.0
    if not tested:
        notes.append(_no_origins(runs))

    def averaged(each: Mapping[str, Posterior]) -> Mixture | Posterior:
        posteriors = []
        for i, fitted in enumerate(each.values()):
            rng = np.random.default_rng([seed, 1, i])
            error = prior.draw(fitted.model.reach, fitted.model.size, rng, likelihood)
            posteriors.append(replace(fitted, extrapolation=error))
        if len(posteriors) == 1:
            return posteriors[0]
        return average_laws(posteriors, [*weights.values()], on_missing="drop")

    posterior = averaged(fits)
    return Study(
        runs=runs,
        posterior=posterior,
        misfit_posterior=averaged({**fits, **beside}) if beside else posterior,
        weights=weights,
        past=dict(past),
        prior=prior,
        ci_prob=ci_prob,
        seed=seed,
        study_notes=tuple(notes),
    )


def _study_one(
    runs: Runs,
    law: Law,
    origins: list[Origin],
    kept: Kept,
    ci_prob: float,
    seed: int,
    advance: Any,
) -> tuple[Posterior, list[Block | None]]:
    """One law fitted to all runs, and short of every origin."""
    reference = ReferenceRun.of(runs, law.variables, law.predicts)

    def full() -> Posterior:
        return fit(
            runs,
            law,
            method="laplace",
            fallback=True,
            reference=reference,
            chains=2,
            seed=seed,
            progress=False,
        )

    fitted = kept.posterior(law, seed, full)
    advance(1)
    blocks = back_test(
        runs,
        law,
        origins,
        reference=reference,
        ci_prob=ci_prob,
        seed=seed,
        folder=kept.folder,
        report=advance,
    )
    return fitted, blocks


def _with_prior(laws: list[Law], prior: Posterior, runs: Runs) -> tuple[list[Law], Note]:
    """The laws, the one that a posterior of other sources is of with its priors."""
    names = [law.name for law in laws]
    if prior.law.name not in names:
        problem = f"the prior is of {prior.law.name}, and the study is of {', '.join(names)}"
        remedy = f'Give laws=["{prior.law.name}", ...], or fit the other sources by one of these'
        raise RequestError(problem, place=f"{_PLACE}, prior", remedy=remedy)
    runs = runs.require([*prior.law.variables, prior.law.predicts], purpose="the study")
    reference = ReferenceRun.of(runs, prior.law.variables, prior.law.predicts)
    informed = law_with_prior(prior, reference)
    return [informed if law.name == informed.name else law for law in laws], prior_note(prior)


def _no_origins(runs: Runs) -> Note:
    message = (
        f"{len(runs)} runs have no origin: laws are weighed alike, and how far their errors grow "
        "beyond the runs is known from public tables alone"
    )
    return Note("no_origins", "warning", message, "Add runs at three or more levels of compute")
