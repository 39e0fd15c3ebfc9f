"""Which runs are left out together, and the fits without them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayeslaw.comparison.scores import log_likelihood, mean_density
from bayeslaw.inference.many import fit_many
from bayeslaw.posterior import Posterior
from bayeslaw.runs import Runs

#: Up to so many groups are left out one by one; more are dealt out to so many folds.
MOST_FOLDS = 10


def groups_of(runs: Runs) -> np.ndarray:
    """Number of the group of each run: runs that agree in all grouping columns share one.

    Parameters
    ----------
    runs : Runs
        The table.

    Returns
    -------
    ndarray of int of shape (runs,)
        Counted in the order of their first rows; every run by itself where nothing groups them.
    """
    if not runs.groups:
        return np.arange(len(runs))
    labels = list(zip(*(runs.labels(name) for name in runs.groups), strict=True))
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([numbers[label] for label in labels], dtype=int)


def folds_of(groups: np.ndarray, most: int = MOST_FOLDS) -> list[np.ndarray]:
    """Folds of whole groups.

    Parameters
    ----------
    groups : ndarray of int of shape (runs,)
        Number of each run's group.
    most : int
        Up to so many groups each are a fold; more are dealt out, the largest first, each to the
        fold that has the fewest runs.

    Returns
    -------
    list of ndarray of bool of shape (runs,)
        True for the runs that are left out together; every run is in one of them.
    """
    sizes = np.bincount(groups)
    if len(sizes) <= most:
        return [groups == group for group in range(len(sizes))]
    fold_of, filled = np.empty(len(sizes), dtype=int), np.zeros(most, dtype=int)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return [fold_of[groups] == fold for fold in range(most)]


def leave_out(
    posterior: Posterior, folds: Sequence[np.ndarray], *, progress: bool | None = None
) -> tuple[list[np.ndarray], list[int]]:
    """Fit again without each fold, and see how its runs are predicted.

    Noise, reference run and loss scale are the posterior's: they belong to the model. The fits are
    the normal approximation at the mode with importance weights, which are as good as draws
    wherever they pass their own check; where they do not, NUTS takes over.

    Parameters
    ----------
    posterior : Posterior
        The fit to all runs.
    folds : sequence of ndarray of bool of shape (runs,)
        True for the runs to leave out.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    densities : list of ndarray
        For each fold the log predictive densities of the runs left out.
    untrusted : list of int
        Folds whose fits have an error-level note.
    """
    settings = posterior.settings
    fitted = fit_many(
        [posterior.runs.select(~fold) for fold in folds],
        posterior.law,
        method="laplace",
        hand_over=True,
        noise=posterior.noise.name,
        reference=posterior.reference,
        seed=settings["seed"],
        chains=settings["chains"],
        draws=settings["draws"],
        warmup=settings["warmup"],
        progress=progress,
    )
    densities = [
        mean_density(log_likelihood(one, posterior.runs.select(fold)))
        for one, fold in zip(fitted, folds, strict=True)
    ]
    return densities, [i for i, one in enumerate(fitted) if not one.trusted]
