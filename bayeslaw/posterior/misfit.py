"""Conditional mean and sd of the discrepancy at configurations, given the residuals of the runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.core.threads import one_thread
from bayeslaw.model.discrepancy import conditional
from bayeslaw.posterior.evaluation import evaluate
from bayeslaw.posterior.fitted_model import FittedModel

# Largest number of covariances to factor.
_COVARIANCES = 400


def misfit(
    model: FittedModel, columns: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The draws kept, and conditional mean and sd of the discrepancy of log loss, (kept, rows).

    At most some hundreds of draws are kept if each has its own covariance. A configuration without
    a group belongs to a new one. Without a discrepancy, both are zero.
    """
    kept = np.arange(model.size)
    configurations = len(next(iter(columns.values())))
    process = model.specification.discrepancy
    if process is None:
        zero = np.zeros((model.size, configurations))
        return kept, zero, zero
    names = (*process.priors, "noise_scale")
    values = np.stack([model.draws[name].ravel() for name in names], axis=1)
    if len(np.unique(values, axis=0)) > _COVARIANCES:
        kept = kept[:: -(-model.size // _COVARIANCES)]
    distinct, which = np.unique(values[kept], axis=0, return_inverse=True)
    which = which.ravel()
    runs = model.columns(model.runs)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.log(evaluate(model, runs)[kept])
    # A draw that predicts no positive loss for some run implies no misfit there.
    residuals = np.where(np.isfinite(centre), model.measured - centre, 0.0)
    seen, new = process.inputs(runs, runs), process.inputs(runs, columns)
    # One shape for all, a power of two, so that one compilation serves.
    most = 1 << (int(np.bincount(which).max()) - 1).bit_length()
    mean, sd = np.empty((2, len(kept), configurations))
    with compiled(), one_thread():
        for i, numbers in enumerate(distinct):
            members = which == i
            count = np.count_nonzero(members)
            block = np.zeros((most, residuals.shape[1]))
            block[:count] = residuals[members]
            at = dict(zip(names, numbers, strict=True))
            moments = conditional(process, at, block, seen, new, model.weights, model.errors)
            mean[members], sd[members] = np.asarray(moments[0])[:count], np.asarray(moments[1])
    return kept, mean, sd
