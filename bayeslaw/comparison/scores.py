"""How well a posterior predicts runs that it has not seen: proper scores of log loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

# Draws times rows that are held at once.
_CELLS = 2_000_000


@dataclass(frozen=True)
class Scores:
    """Scores of runs under the predictive distribution of what would be measured.

    All are of the logarithm of the predicted quantity, so that those of two laws compare. Arrays
    have shape (runs,) unless stated.

    Attributes
    ----------
    measured : ndarray
        Logarithm of what was measured.
    log_density : ndarray
        Log predictive density.
    crps : ndarray
        Continuous ranked probability score; less is better. Infinite where part of the draws
        predicts nothing finite.
    pit : ndarray
        Probability that the prediction gives to smaller values than what was measured.
    low, median, high : ndarray
        Predictive interval and median.
    inside_drawn, above_drawn : ndarray of shape (draws,)
        How many runs of each draw's own table lie within the intervals, and above the medians: what
        is to be expected where all of them share one law's errors.
    """

    measured: np.ndarray
    log_density: np.ndarray
    crps: np.ndarray
    pit: np.ndarray
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    inside_drawn: np.ndarray
    above_drawn: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """What was measured less the predictive median; infinite where that is."""
        return self.measured - self.median

    @property
    def inside(self) -> np.ndarray:
        """Whether each run lies within its interval."""
        return (self.low <= self.measured) & (self.measured <= self.high)


def log_likelihood(posterior: Posterior, runs: Runs) -> np.ndarray:
    """Log density of runs for every draw, whether or not the posterior has seen them."""
    if posterior.discrepancy is not None:
        raise RequestError(
            "beside a Gaussian process, runs have no likelihoods of their own",
            place=posterior.law.name,
            remedy="Compare laws that are fitted without a discrepancy",
        )
    errors = runs.errors(posterior.law.predicts)
    return _log_likelihood(posterior, _centre(posterior, runs), _measured(posterior, runs), errors)


def score(
    posterior: Posterior,
    runs: Runs,
    *,
    probability: float = INTERVAL,
    widened: np.ndarray | None = None,
    seed: int = 0,
) -> Scores:
    """Score runs under a posterior's predictive distribution at level ``observation``."""
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // posterior.draws["noise_scale"].size)
    parts = []
    inside: np.ndarray | float = 0.0
    above: np.ndarray | float = 0.0
    for first in range(0, len(runs), step):
        wanted = np.zeros(len(runs), dtype=bool)
        wanted[first : first + step] = True
        block = runs.select(wanted)
        centre, measured = _centre(posterior, block), _measured(posterior, block)
        kept, mean, sd = posterior.misfit(posterior.columns(block))
        noise, errors = posterior.noise_draws(kept), block.errors(posterior.law.predicts)
        centre = centre[kept] + mean
        draws = centre + sd * rng.standard_normal(sd.shape)
        draws = draws + posterior.noise.draw(rng, noise, centre.shape, errors)
        at, factor = measured, np.ones(len(measured))
        if widened is not None:
            factor, middle = widened[wanted], np.median(draws, axis=0)
            with np.errstate(invalid="ignore"):
                draws = middle + factor * (draws - middle)
                # Where the measured value was before the distribution was widened.
                at = middle + (measured - middle) / factor
        if posterior.discrepancy is None:
            density = _log_likelihood(posterior, centre, at, errors) - np.log(factor)
        else:
            # The tails of the noise are lost in the misfit's spread where runs are new.
            wide = np.hypot(sd, noise["noise_scale"])
            wide = wide if errors is None else np.hypot(wide, errors)
            density = norm.logpdf(at, centre, wide) - np.log(factor)
        low, median, high = interval(draws, probability)
        inside = inside + ((low <= draws) & (draws <= high)).sum(axis=1)
        above = above + (draws > median).sum(axis=1)
        pit = ((draws < measured).sum(axis=0) + 0.5) / (len(draws) + 1)
        crps = _crps(draws, measured)
        parts.append((measured, mean_density(density), crps, pit, low, median, high))
    columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    names = ("measured", "log_density", "crps", "pit", "low", "median", "high")
    counts = {"inside_drawn": np.asarray(inside), "above_drawn": np.asarray(above)}
    return Scores(**dict(zip(names, columns, strict=True)), **counts)


def mean_density(log_density: np.ndarray) -> np.ndarray:
    """Log of the mean density over draws."""
    return np.asarray(logsumexp(log_density, axis=0) - np.log(len(log_density)))


def density_error(log_density: np.ndarray) -> np.ndarray:
    """Monte-Carlo standard error of ``mean_density``, if the draws are independent."""
    shifted = np.exp(log_density - log_density.max(axis=0).clip(min=np.finfo(float).min))
    mean = shifted.mean(axis=0)
    relative = np.divide(shifted.std(axis=0), mean, out=np.zeros_like(mean), where=mean > 0)
    return np.asarray(relative / np.sqrt(len(log_density)))


def law_and_measured(posterior: Posterior, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the law's value and of what was measured."""
    return _centre(posterior, runs), _measured(posterior, runs)


def _measured(posterior: Posterior, runs: Runs) -> np.ndarray:
    return np.log(runs.column(posterior.law.predicts))


def _centre(posterior: Posterior, runs: Runs) -> np.ndarray:
    value = posterior.evaluate(posterior.columns(runs))
    # A draw that predicts nothing positive predicts none of the runs.
    possible = value > 0
    return np.where(possible, np.log(np.where(possible, value, 1.0)), -np.inf)


def _log_likelihood(
    posterior: Posterior, centre: np.ndarray, measured: np.ndarray, errors: np.ndarray | None
) -> np.ndarray:
    noise = posterior.noise_draws()
    possible = np.isfinite(centre)
    with compiled():
        scatter = posterior.noise.distribution(np.where(possible, centre, 0.0), noise, errors)
        return np.where(possible, np.asarray(scatter.log_prob(measured)), -np.inf)


def _crps(draws: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Fair estimate: mean distance to what was measured, less half of that between two draws."""
    finite = np.isfinite(draws).all(axis=0)
    x = np.sort(np.where(finite, draws, 0.0), axis=0)
    count = len(x)
    ranks = 2.0 * np.arange(1, count + 1) - count - 1
    half_spread = ranks @ x / (count * (count - 1))
    return np.where(finite, np.abs(x - measured).mean(axis=0) - half_spread, np.inf)
