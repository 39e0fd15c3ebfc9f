"""What a law misses at configurations, given what it missed at the runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.model.discrepancy import conditional

if TYPE_CHECKING:
    from bayeslaw.posterior.posterior import Posterior

# Covariances that are factored for a prediction.
_COVARIANCES = 400


def _together(count: int) -> int:
    """The next power of two."""
    return 1 << (int(count) - 1).bit_length()


def misfit(
    posterior: Posterior, columns: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Misfit at configurations, as ``Posterior.misfit`` gives it."""
    everything = np.arange(posterior.draws["noise_scale"].size)
    size = len(next(iter(columns.values())))
    if posterior.discrepancy is None:
        nothing = np.zeros((len(everything), size))
        return everything, nothing, nothing
    process = posterior.discrepancy
    names = (*process.priors, "noise_scale")
    given = np.stack([posterior.draws[name].ravel() for name in names], axis=1)
    kept = everything
    if len(np.unique(given, axis=0)) > _COVARIANCES:
        step = -(-len(everything) // _COVARIANCES)
        kept = everything[::step]
    distinct, which = np.unique(given[kept], axis=0, return_inverse=True)
    runs = posterior.columns(posterior.runs)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.log(posterior.evaluate(runs)[kept])
    # A draw that predicts nothing for some run says nothing of what the law misses there.
    left = np.where(
        np.isfinite(centre), np.log(posterior.runs.column(posterior.law.predicts)) - centre, 0.0
    )
    seen, new = process.inputs(runs, runs), process.inputs(runs, columns)
    errors = posterior.runs.errors(posterior.law.predicts)
    mean, sd = np.empty((2, len(kept), size))
    with compiled():
        for i, values in enumerate(distinct):
            at = dict(zip(names, values, strict=True))
            mine = which.ravel() == i
            # One shape for all, so that one compilation serves.
            block = np.zeros((_together(int(np.bincount(which.ravel()).max())), left.shape[1]))
            block[: mine.sum()] = left[mine]
            found = conditional(process, at, block, seen, new, posterior.weights, errors)
            mean[mine], sd[mine] = np.asarray(found[0])[: mine.sum()], np.asarray(found[1])
    return kept, mean, sd
