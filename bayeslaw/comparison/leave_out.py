"""Leaving runs out: by importance weights where these hold, else by a fit without the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.comparison.scores import density_error, mean_density
from bayeslaw.core.diagnostics import loo
from bayeslaw.core.errors import refuse
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import log_likelihood
from bayeslaw.runs import ReferenceRun, Runs

#: Up to this many groups are left out one by one; more are dealt out to as many folds.
MOST_FOLDS = 10
#: Draws a chain of a fit without some of the runs. Those of the approximation cost next to nothing,
#: those of NUTS most of the time; a mean density needs fewer than the end of an interval.
APPROXIMATE_DRAWS, SAMPLED_DRAWS = 2500, 500


@dataclass(frozen=True)
class LeftOut:
    """How each run is predicted by the others; arrays have shape (runs,)."""

    #: Log predictive density of the log of the measured value.
    log_density: np.ndarray
    #: Log density under the fit to all runs, less ``log_density``: in sum the effective number of
    #: parameters.
    effective: np.ndarray
    #: Shape of the tail of the importance weights; NaN where none were used.
    pareto_k: np.ndarray
    #: Whether the law was fitted again without the run; how many of those fits have an error-level
    #: note; Monte-Carlo standard error of the sum of ``log_density`` from them.
    refitted: np.ndarray
    untrusted: int = 0
    error: float = 0.0


def leave_runs_out(posterior: Posterior, *, progress: bool | None = None) -> LeftOut:
    """Leave each run out: Pareto-smoothed importance sampling, a new fit where k is too large."""
    flat = log_likelihood(posterior.model, posterior.runs)
    chains, draws = posterior.stats["diverging"].shape
    every = flat.reshape(chains, draws, -1)
    # Correlated draws put fewer of their number into the tail.
    sizes = posterior.convergence.ess_bulk
    names = [*posterior.law.parameters, *posterior.noise.priors]
    share = min(1.0, float(np.mean([sizes[name] for name in names])) / (chains * draws))
    density, k = loo(every, share)
    # A comparison with NaN is false: weights whose tail cannot be fitted are bad ones.
    bad = ~(k <= largest_k(chains * draws))
    untrusted, error = 0, 0.0
    if bad.any():
        folds = list(np.eye(len(bad), dtype=bool)[bad])
        refitted, untrusted, error = refit_without(posterior, folds, progress=progress)
        density[bad] = refitted[bad]
    return LeftOut(density, mean_density(flat) - density, k, bad, untrusted, error)


def leave_groups_out(
    posterior: Posterior, groups: np.ndarray, *, progress: bool | None = None
) -> LeftOut:
    """Leave whole groups out, by fits without them."""
    density, untrusted, error = refit_without(posterior, deal_folds(groups), progress=progress)
    own = mean_density(log_likelihood(posterior.model, posterior.runs))
    nothing, all_runs = np.full(len(groups), np.nan), np.ones(len(groups), dtype=bool)
    return LeftOut(density, own - density, nothing, all_runs, untrusted, error)


def refit_without(
    posterior: Posterior, folds: Sequence[np.ndarray], *, progress: bool | None = None
) -> tuple[np.ndarray, int, float]:
    """Log density of each run under a fit without its fold (NaN in no fold).

    The second value counts fits that cannot be trusted, the third is the Monte-Carlo standard error
    of the densities' sum.
    """
    runs = posterior.runs
    fits = refit(posterior, [runs.select(~fold) for fold in folds], progress=progress)
    density, variance = np.full(len(runs), np.nan), 0.0
    for fitted, fold in zip(fits, folds, strict=True):
        every = log_likelihood(fitted.model, runs.select(fold))
        density[fold] = mean_density(every)
        variance += float((density_error(every) ** 2).sum())
    return density, sum(not fitted.trusted for fitted in fits), float(np.sqrt(variance))


def refit(
    posterior: Posterior,
    tables: Sequence[Runs],
    *,
    reference: ReferenceRun | None = None,
    progress: bool | None = None,
) -> list[Posterior]:
    """Fit a posterior's law to parts of its table, with its noise and its loss scale.

    The fits are the normal approximation at the mode with importance weights, as good as draws
    where its own check passes; NUTS takes over where it does not.
    """
    problem = "a fit without some of the runs, of coefficients that vary by group"
    remedy = "Compare laws that are fitted without pool="
    refuse(posterior.law.name, (posterior.grouped, problem, remedy))
    law, settings = posterior.law, posterior.info.settings
    shared: dict[str, Any] = {
        "noise": posterior.noise.name,
        "discrepancy": posterior.discrepancy,
        "reference": posterior.reference if reference is None else reference,
        "seed": settings.seed,
        "chains": settings.chains,
        "progress": progress,
        "rows": len(posterior.runs),
    }
    fits = fit_many(tables, law, method="laplace", draws=APPROXIMATE_DRAWS, **shared)
    if posterior.discrepancy is not None:
        # NUTS would take minutes for each that failed; its notes say that it is not trusted.
        return fits
    failed = [table for table, fitted in zip(tables, fits, strict=True) if not fitted.trusted]
    shared |= {"draws": min(settings.draws, SAMPLED_DRAWS), "warmup": settings.warmup}
    sampled = iter(fit_many(failed, law, **shared))
    return [fitted if fitted.trusted else next(sampled) for fitted in fits]


def largest_k(draws: int) -> float:
    """The largest Pareto k at which importance weights can be relied on."""
    return float(min(1.0 - 1.0 / np.log10(draws), 0.7))


def group_numbers(runs: Runs) -> np.ndarray:
    """Number of the group of each run: runs that agree in all grouping columns share one."""
    if not runs.groups:
        return np.arange(len(runs))
    labels = list(zip(*(runs.labels(name) for name in runs.groups), strict=True))
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([numbers[label] for label in labels], dtype=int)


def deal_folds(groups: np.ndarray, most: int = MOST_FOLDS) -> list[np.ndarray]:
    """Folds of whole groups, as masks of about the same size."""
    sizes = np.bincount(groups)
    if len(sizes) <= most:
        return [groups == group for group in range(len(sizes))]
    fold_of, filled = np.empty(len(sizes), dtype=int), np.zeros(most, dtype=int)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return [fold_of[groups] == fold for fold in range(most)]


def standard_error(values: np.ndarray, groups: np.ndarray) -> float:
    """Standard error of a sum over runs that are alike within their groups."""
    count = int(groups.max()) + 1
    if count < 2:
        return float("nan")
    away = np.bincount(groups, weights=values - values.mean())
    return float(np.sqrt(count / (count - 1) * (away**2).sum()))
