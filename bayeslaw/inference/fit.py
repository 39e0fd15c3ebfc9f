"""``fit``: a table of runs and a law in, a posterior out."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.compilation import compiled
from bayeslaw.core.threads import one_thread
from bayeslaw.core.version import __version__
from bayeslaw.inference.mode import Mode, NoFiniteStart, find_mode
from bayeslaw.inference.nuts import Report
from bayeslaw.inference.outlier_weights import (
    draw_degrees,
    misfit_mode,
    misfit_starts,
    robust_mode,
)
from bayeslaw.inference.progress import bar
from bayeslaw.inference.sampling import sample, sample_prior
from bayeslaw.inference.target import Target
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.model.design_notes import design_notes
from bayeslaw.model.options import DiscrepancyOption, PoolOption
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.along import judged
from bayeslaw.posterior.fit_checks import fit_checks
from bayeslaw.posterior.info import FitSettings, Method
from bayeslaw.posterior.offsets import offset_notes
from bayeslaw.posterior.outliers import outlier_notes
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.read import as_runs
from bayeslaw.runs.tried import refuse_tried

if TYPE_CHECKING:
    import pandas as pd


@public
def fit(
    runs: Runs | pd.DataFrame | str | Path,
    law: str | Path | Law,
    *,
    method: Method = "nuts",
    noise: str = "student_t",
    discrepancy: DiscrepancyOption = None,
    pool: PoolOption = (),
    reference: ReferenceRun | None = None,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    fallback: bool = False,
    progress: bool | None = None,
) -> Posterior:
    """Fit a law to runs.

    Parameters
    ----------
    runs : Runs, DataFrame, str or Path
        The table, with the law's variables and what it predicts; a DataFrame or file needs
        canonical column names (``read_runs`` maps others).
    law : str or Law
        A law, its name, the path of a card, or a formula: ``"E + A/N**alpha + B/D**beta"``.
    method : {"nuts", "laplace", "mode"}
        ``nuts`` is the reference. ``laplace`` is the normal approximation at the mode with
        importance weights, for loops over hundreds of fits. ``mode`` is a single point.
    noise : {"student_t", "normal", "undertuned"}
        How log losses scatter around the law, and around law and misfit where there is a
        discrepancy.
    discrepancy : {"gp", "group", "growth"}, kernel, a sequence of them or None
        What the law misses and runs share. ``"gp"``: what neighbouring runs share, a Gaussian
        process over every variable that varies. ``"group"``: an offset for each group of runs,
        partially pooled, for every column that ``read_runs`` groups by. ``"growth"``: misfit that
        grows away from the middle of the runs. A sequence adds them up; ``bl.GaussianProcess``,
        ``bl.Offsets`` and ``bl.Growth`` name their inputs. It takes the place of the misfit in
        intervals on coefficients and optima, and in predictions of runs. Prefer
        ``method="laplace"`` with it: NUTS factors a matrix of runs by runs at every step.
    pool : sequence of str or mapping of str to str
        Coefficients that vary by group around a common value, partially pooled: ``("E",)`` by the
        column that ``read_runs`` groups by, or ``{"E": "tokenizer"}``. What is stated of the law is
        the common value; ``Posterior.of_group`` gives one group's.
    reference : ReferenceRun, optional
        Where priors are stated; the table's own typical run unless given.
    seed : int
        The same seed gives the same draws.
    chains, draws, warmup : int
        Number of chains, kept draws a chain, and adaptation steps before them; the last two in
        hundreds.
    fallback : bool
        Whether NUTS takes over where ``laplace`` fails.
    progress : bool, optional
        Whether to show a progress bar; by default where the error stream is a terminal.

    Returns
    -------
    Posterior
        Draws in the paper's coefficients, with notes on what cannot be trusted. Draws of NUTS that
        diverge or do not mix are drawn once more, at a higher target acceptance, whitened by the
        first, and thinned where these are too few, before a note says so.

    Raises
    ------
    RequestError
        If an option or the reference does not fit.
    TableError
        If the table lacks a column that the law needs.
    """
    runs = as_runs(runs)
    settings = FitSettings(method, noise, seed, chains, draws, warmup, fallback, discrepancy, pool)
    law = load_law(law)
    with compiled(), bar(progress, settings.iterations, f"fitting {law.name}") as report:
        return fit_one(runs, law, reference, settings, report, os.cpu_count() or 1)


@one_thread()
def fit_one(
    runs: Runs,
    law: Law,
    reference: ReferenceRun | None,
    settings: FitSettings,
    report: Report,
    threads: int,
    rows: int | None = None,
) -> Posterior:
    """Fit one table, inside ``compiled``."""
    runs = runs.require([*law.variables, law.predicts], purpose=f"the law {law.name!r}")
    refuse_tried(runs, [*law.variables], law.predicts, f"the law {law.name!r}")
    options = {name: getattr(settings, name) for name in ("noise", "discrepancy", "pool")}
    specification = Specification.of(runs, law, reference, **options)
    target = Target.of(specification, runs, rows=rows)
    mode = squared = None
    try:
        target, mode, squared = _find_mode(target, specification, settings.seed)
    except NoFiniteStart as error:
        # One table among hundreds, or one law among several, does not take the others with it.
        drawn = sample_prior(target, settings, error)
    else:
        if settings.method != "nuts":
            # The search is half of the work, and draws come at once.
            report(settings.iterations // 2)
        drawn = sample(target, mode, settings, report, threads)
        report(settings.iterations)
    if squared is not None:
        shape, rng = drawn.draws["noise_scale"].shape, np.random.default_rng(settings.seed)
        degrees = draw_degrees(squared, target.priors["noise_df"], rng, int(np.prod(shape)))
        drawn.draws["noise_df"] = degrees.reshape(shape)
    posterior = Posterior.of(
        specification,
        runs,
        weights=target.weights,
        draws=drawn.draws,
        stats=drawn.stats,
        notes=(*runs.notes, *design_notes(runs, law, specification.reference), *drawn.notes),
        info=replace(
            drawn.info,
            settings=settings.as_recorded,
            starts_at_mode=None if mode is None else (mode.converged, mode.starts),
            versions={"bayeslaw": __version__, **_versions()},
        ),
    )
    if mode is None:
        return posterior
    linear = judged(posterior)
    outliers, offsets = outlier_notes(posterior, linear), offset_notes(posterior)
    return posterior.with_notes(*outliers, *offsets, *fit_checks(posterior, linear))


def _find_mode(
    target: Target, specification: Specification, seed: int
) -> tuple[Target, Mode, np.ndarray | None]:
    """The mode; beside a discrepancy, with weights of outliers where the noise has heavy tails."""
    if specification.discrepancy is None:
        return target, find_mode(target, seed=seed), None
    points = misfit_starts(target, specification.discrepancy)
    if "noise_df" in target.priors:
        return robust_mode(target, points)
    return target, misfit_mode(target, points), None


@cache
def _versions() -> dict[str, str]:
    """Versions of what computes, read from the disk once."""
    return {name: metadata.version(name) for name in ("jax", "numpyro", "arviz")}
