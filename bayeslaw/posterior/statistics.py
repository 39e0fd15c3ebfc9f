"""Statistics of a fit as functions of arrays: interval ends, runs left out, neighbouring runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import betaincinv, kolmogorov, ndtr, ndtri

from bayeslaw.core.diagnostics import average_ranks
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note

#: Part of an interval's width that the Monte-Carlo error of its ends may take.
LARGEST_ERROR = 0.1
# Runs are neighbours within about this many standard deviations of the logarithm of the inputs:
# misfit that reaches further is taken up by the coefficients.
_REACH = 1.0
_PERMUTATIONS = 400


def end_errors(
    draws: np.ndarray, ess_tail: float, ci_prob: float = INTERVAL
) -> tuple[float, float]:
    """Monte-Carlo standard errors of the ends of an equal-tailed interval."""
    if not np.isfinite(draws).all() or not ess_tail > 0:
        return np.nan, np.nan
    tail = (1 - ci_prob) / 2
    at = np.array([tail, 1 - tail])
    one_sd = ndtr([[-1.0], [1.0]])
    around = betaincinv(ess_tail * at + 1, ess_tail * (1 - at) + 1, one_sd)
    low, high = np.quantile(draws, around)
    first, second = (high - low) / 2
    return float(first), float(second)


def rough_ends(
    draws: Mapping[str, np.ndarray], ess_tail: Mapping[str, float], what: str
) -> tuple[Note, ...]:
    """A note on intervals whose ends have a large Monte-Carlo error."""
    bad = []
    for name, values in draws.items():
        ends = interval(values)
        width = float(ends.high - ends.low)
        if width > 0 and np.isfinite(width):
            share = max(end_errors(values, ess_tail[name])) / width
            if share > LARGEST_ERROR:
                bad.append(f"{name} ({100 * share:.0f}%)")
    if not bad:
        return ()
    message = (
        f"the ends of the {100 * INTERVAL:g}% interval of {what} have a Monte-Carlo error above "
        f"{100 * LARGEST_ERROR:g}% of its width: {', '.join(bad)}"
    )
    return (Note("rough_ends", "warning", message, "Draw more (draws=)"),)


def loo_pit(log_density: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Probability that the fit to all other runs gives to less than was measured, for each run.

    From draws of shape (draws, runs): log densities, and whether a predicted value lies below. By
    importance sampling from the fit to all runs, with weights truncated at the mean weight times
    the root of the number of draws (Ionides 2008).
    """
    weight = np.exp(log_density.min(axis=0) - log_density)
    weight = np.minimum(weight, weight.mean(axis=0) * np.sqrt(len(weight)))
    return np.asarray((weight * below).sum(axis=0) / weight.sum(axis=0))


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal quantiles of the values' ranks."""
    return np.asarray(ndtri((average_ranks(values) - 0.5) / len(values)))


def uniform_p_value(values: np.ndarray) -> float:
    """Of Kolmogorov's test that values are uniform, with Stephens' (1970) correction for few."""
    count, ordered = len(values), np.sort(values)
    places = np.arange(count + 1) / count
    distance = max((places[1:] - ordered).max(), (ordered - places[:-1]).max())
    root = np.sqrt(count)
    return float(kolmogorov((root + 0.12 + 0.11 / root) * distance))


def neighbour_correlation(
    residuals: np.ndarray, inputs: np.ndarray, slopes: np.ndarray
) -> tuple[float, float, float]:
    """Correlation of neighbouring residuals, its p-value and mean under independent noise.

    Moran's I of the residuals' normal scores, with weights that fall with the distance of two rows
    of ``inputs``. Under independent noise, residuals are what remains of permuted scores after
    projection onto ``slopes``, of shape (runs, parameters): without the projection they would seem
    to disagree, since a fit takes smooth errors up.
    """
    # Columns of one length, so that none is lost for its unit.
    lengths = np.sqrt((slopes**2).sum(axis=0))
    basis, sizes, _ = np.linalg.svd(
        slopes[:, lengths > 0] / lengths[lengths > 0], full_matrices=False
    )
    basis = basis[:, sizes > 1e-7]
    weights = np.exp(-0.5 * cdist(inputs, inputs, "sqeuclidean") / _REACH**2)
    np.fill_diagonal(weights, 0.0)
    rng = np.random.default_rng(0)
    scores = normal_scores(residuals)
    permuted = np.stack([rng.permutation(scores) for _ in range(_PERMUTATIONS)], axis=1)
    permuted -= basis @ (basis.T @ permuted)
    observed = float(scores @ weights @ scores / (scores @ scores))
    null = (permuted * (weights @ permuted)).sum(axis=0) / (permuted**2).sum(axis=0)
    p_value = float((1 + np.count_nonzero(null >= observed)) / (1 + _PERMUTATIONS))
    unit = max(float(weights.sum(axis=1).mean()), 1e-300)
    return observed / unit, p_value, float(null.mean()) / unit
