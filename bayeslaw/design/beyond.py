"""The error that a law has beyond its runs, as a covariance between points.

Runs of sizes or shapes far from those at hand say most of the coefficients if the law is right, and
laws err most there. How much is known from public tables, or from the fit's own error beyond the
runs, and from the residuals: a law that shows no misfit within its runs errs less beyond them.
Errors of a table are alike, so their covariance falls slowly with distance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.spatial.distance import cdist

from bayeslaw.design.misfit import EXPECTED_SHARE, matern, positions
from bayeslaw.model.extrapolation import field_prior
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.reach import Reach

# In standard deviations of the runs along each variable.
_LENGTH = 3.0

Block = Callable[[np.ndarray, np.ndarray], np.ndarray]


def error_beyond(
    posterior: Posterior, columns: Mapping[str, np.ndarray], share: float
) -> tuple[Block, np.ndarray]:
    """Covariance of the error between points, by their places, and its variance at each.

    ``share`` is that of misfit in the scatter of a run.
    """
    runs, variables = posterior.runs, posterior.law.variables
    prior, error = field_prior(), posterior.extrapolation
    # Mean square over tables of the error one doubling beyond the runs.
    square = prior.scale**2 * np.exp(2.0 * prior.spread**2)
    if error is not None:
        prior, square = error.prior, float(np.mean(error.scale**2))
    square *= prior.degrees / (prior.degrees - 2.0) * share / EXPECTED_SHARE
    doublings = Reach.of(runs, variables).doublings(columns)
    size = np.sqrt(square) * doublings**prior.power
    constant = runs.constant(variables)
    there = positions(runs.columns([n for n in variables if n not in constant]), columns)

    def block(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        near = matern(cdist(there[rows], there[others]) / _LENGTH)
        return np.asarray(size[rows][:, None] * size[others] * near)

    return block, size**2
