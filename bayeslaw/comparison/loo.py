"""Leaving runs out: by importance where that is right, by fitting again where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayeslaw.comparison.folds import Unseen, folds_of, leave_out
from bayeslaw.comparison.scores import log_likelihood, mean_density
from bayeslaw.core.diagnostics import loo
from bayeslaw.posterior.posterior import Posterior


@dataclass(frozen=True)
class LeftOut:
    """How each run is predicted by the others.

    Attributes
    ----------
    log_density : ndarray of shape (runs,)
        Log predictive density of the log of what was measured.
    effective : ndarray of shape (runs,)
        How much better the fit to all runs predicts it; they add up to the effective number of
        parameters.
    pareto_k : ndarray of shape (runs,)
        Shape of the tail of the importance weights; NaN where none were used.
    refitted : ndarray of bool of shape (runs,)
        Whether the law was fitted again without the run.
    untrusted : int
        How many of those fits have an error-level note.
    error : float
        Monte-Carlo standard error that those fits leave in the sum of ``log_density``.
    """

    log_density: np.ndarray
    effective: np.ndarray
    pareto_k: np.ndarray
    refitted: np.ndarray
    untrusted: int = 0
    error: float = 0.0


def largest_k(draws: int) -> float:
    """The largest Pareto k at which importance weights can be relied on."""
    return min(1.0 - 1.0 / np.log10(draws), 0.7)


def leave_runs_out(posterior: Posterior, *, progress: bool | None = None) -> LeftOut:
    """Leave each run out by Pareto-smoothed importance sampling.

    Where Pareto k is above ``largest_k``, the law is fitted again without that run
    (``folds.leave_out``).
    """
    flat = log_likelihood(posterior, posterior.runs)
    chains, draws = posterior.stats["diverging"].shape
    runs = flat.shape[1]
    every = flat.reshape(chains, draws, runs)
    # Correlated draws put fewer of their number into the tail.
    sizes = posterior.convergence.ess_bulk
    names = [*posterior.law.parameters, *posterior.noise.priors]
    share = min(1.0, float(np.mean([sizes[name] for name in names])) / (chains * draws))
    density, k = loo(every, share)
    # A comparison with NaN is false: weights whose tail cannot be fitted are bad ones.
    bad = ~(k <= largest_k(chains * draws))
    found: list[Unseen] = []
    if bad.any():
        folds = [np.arange(runs) == i for i in np.flatnonzero(bad)]
        found = leave_out(posterior, folds, progress=progress)
        density[bad] = np.concatenate([one.log_density for one in found])
    effective = mean_density(flat) - density
    return LeftOut(density, effective, k, bad, *_quality(found))


def leave_groups_out(
    posterior: Posterior, groups: np.ndarray, *, progress: bool | None = None
) -> LeftOut:
    """Leave whole groups out by fitting again without them."""
    folds = folds_of(groups)
    found = leave_out(posterior, folds, progress=progress)
    density = np.empty(len(groups))
    for fold, one in zip(folds, found, strict=True):
        density[fold] = one.log_density
    untrusted, error = _quality(found)
    return LeftOut(
        log_density=density,
        effective=mean_density(log_likelihood(posterior, posterior.runs)) - density,
        pareto_k=np.full(len(groups), np.nan),
        refitted=np.ones(len(groups), dtype=bool),
        untrusted=untrusted,
        error=error,
    )


def _quality(found: Sequence[Unseen]) -> tuple[int, float]:
    """How many fits cannot be trusted, and the Monte-Carlo error of the sum of densities."""
    error = sum(float((one.error**2).sum()) for one in found)
    return sum(not one.trusted for one in found), float(np.sqrt(error))


def standard_error(values: np.ndarray, groups: np.ndarray) -> float:
    """Standard error of a sum over runs that are alike within their groups."""
    count = int(groups.max()) + 1
    if count < 2:
        return float("nan")
    away = np.bincount(groups, weights=values - values.mean())
    return float(np.sqrt(count / (count - 1) * (away**2).sum()))
