"""Which runs are left out together, and the fits without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.comparison.scores import density_error, log_likelihood, mean_density
from bayeslaw.core.errors import RequestError
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

#: Up to so many groups are left out one by one; more are dealt out to so many folds.
MOST_FOLDS = 10
#: Draws a chain of a fit without some of the runs: the approximation's cost next to nothing, and
#: those of NUTS most of the time; a mean density needs fewer than an interval's end.
APPROXIMATE_DRAWS, SAMPLED_DRAWS = 2500, 500


def groups_of(runs: Runs) -> np.ndarray:
    """Number of the group of each run: runs that agree in all grouping columns share one."""
    if not runs.groups:
        return np.arange(len(runs))
    labels = list(zip(*(runs.labels(name) for name in runs.groups), strict=True))
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([numbers[label] for label in labels], dtype=int)


def folds_of(groups: np.ndarray, most: int = MOST_FOLDS) -> list[np.ndarray]:
    """Folds of whole groups."""
    sizes = np.bincount(groups)
    if len(sizes) <= most:
        return [groups == group for group in range(len(sizes))]
    fold_of, filled = np.empty(len(sizes), dtype=int), np.zeros(most, dtype=int)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return [fold_of[groups] == fold for fold in range(most)]


def refit(
    posterior: Posterior,
    tables: Sequence[Runs],
    *,
    reference: Reference | None = None,
    progress: bool | None = None,
) -> list[Posterior]:
    """Fit a posterior's law to parts of its table.

    Noise and loss scale are the posterior's: they belong to the model. The fits are the normal
    approximation at the mode with importance weights, which are as good as draws wherever they pass
    their own check; where they do not, NUTS takes over.
    """
    if posterior.grouped:
        raise RequestError(
            "coefficients that vary by group, and a fit without some of the runs",
            place=posterior.law.name,
            remedy="Compare laws that are fitted without pool=",
        )
    settings = posterior.info.settings
    shared: dict[str, Any] = {
        "noise": posterior.noise.name,
        "discrepancy": posterior.discrepancy,
        "reference": posterior.reference if reference is None else reference,
        "seed": settings.seed,
        "chains": settings.chains,
        "progress": progress,
        "rows": len(posterior.runs),
    }
    found = fit_many(tables, posterior.law, method="laplace", draws=APPROXIMATE_DRAWS, **shared)
    failed = [i for i, one in enumerate(found) if not one.trusted]
    if posterior.discrepancy is not None:
        # By NUTS, each of these would take minutes; their notes say that they are not trusted.
        return found
    again = fit_many(
        [tables[i] for i in failed],
        posterior.law,
        draws=min(settings.draws, SAMPLED_DRAWS),
        warmup=settings.warmup,
        **shared,
    )
    for i, one in zip(failed, again, strict=True):
        found[i] = one
    return found


@dataclass(frozen=True)
class Unseen:
    """How the runs of one fold are predicted by a fit without them.

    Attributes
    ----------
    log_density : ndarray of shape (left out,)
        Log predictive densities.
    error : ndarray of shape (left out,)
        Their Monte-Carlo standard errors.
    trusted : bool
        Whether the fit can be relied on.
    """

    log_density: np.ndarray
    error: np.ndarray
    trusted: bool


def leave_out(
    posterior: Posterior, folds: Sequence[np.ndarray], *, progress: bool | None = None
) -> list[Unseen]:
    """Fit again without each fold, and see how its runs are predicted."""
    runs = posterior.runs
    fits = refit(posterior, [runs.select(~fold) for fold in folds], progress=progress)
    found = []
    for one, fold in zip(fits, folds, strict=True):
        every = log_likelihood(one, runs.select(fold))
        found.append(Unseen(mean_density(every), density_error(every), one.trusted))
    return found
