"""Proper scores of log loss: how well a posterior predicts runs out of sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.posterior.misfit import misfit
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import log_law, noise_density
from bayeslaw.runs import Runs

# Largest number of draws times rows in memory at once.
_CELLS = 2_000_000


@dataclass(frozen=True)
class Scores:
    """Scores of runs under the predictive distribution at level ``observation``.

    All are of the logarithm of the predicted quantity, so that scores of two laws compare. Arrays
    have shape (runs,) unless stated.
    """

    measured: np.ndarray
    log_density: np.ndarray
    #: Continuous ranked probability score; infinite where some draws predict nothing finite.
    crps: np.ndarray
    #: Predictive probability of smaller values than the measured one.
    pit: np.ndarray
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    #: Numbers of runs inside the intervals, and above the medians, in a table simulated from each
    #: draw, shape (draws,): the runs of one table share its draw's errors.
    inside_drawn: np.ndarray
    above_drawn: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Measured value less predictive median; infinite where the median is."""
        return np.asarray(self.measured - self.median)

    @property
    def inside(self) -> np.ndarray:
        """Whether each run is within its interval."""
        return (self.low <= self.measured) & (self.measured <= self.high)


def score(
    posterior: Posterior,
    runs: Runs,
    *,
    ci_prob: float = INTERVAL,
    widened: np.ndarray | None = None,
    seed: int = 0,
) -> Scores:
    """Score runs, each predictive distribution ``widened`` about its median by a factor."""
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // posterior.draws["noise_scale"].size)
    parts = []
    for first in range(0, len(runs), step):
        chosen = np.zeros(len(runs), dtype=bool)
        chosen[first : first + step] = True
        block = runs.select(chosen)
        centre, measured = log_law(posterior.model, block), log_measured(posterior, block)
        columns = posterior.model.columns(block)
        kept, mean, sd = misfit(posterior.model, columns)
        noise = posterior.model.noise_draws(kept, columns)
        errors = block.errors(posterior.law.predicts)
        beyond = posterior.model.extrapolation_error(columns)
        centre = (centre + beyond)[kept] + mean
        draws = centre + sd * rng.standard_normal(sd.shape)
        draws = draws + posterior.noise.draw(rng, noise, centre.shape, errors)
        at, factor = measured, np.ones(len(measured))
        if widened is not None:
            factor, middle = widened[chosen], np.median(draws, axis=0)
            with np.errstate(invalid="ignore"):
                draws = middle + factor * (draws - middle)
                # The measured value's position in the distribution before widening.
                at = middle + (measured - middle) / factor
        if posterior.discrepancy is None:
            density = noise_density(posterior.model, centre, at, errors, columns)
        else:
            # For new runs the misfit's spread dominates the tails of the noise.
            wide = np.hypot(sd, noise["noise_scale"])
            density = norm.logpdf(at, centre, wide if errors is None else np.hypot(wide, errors))
        low, median, high = interval(draws, ci_prob)
        scores = {
            "measured": measured,
            "log_density": mean_density(density - np.log(factor)),
            "crps": crps_of(draws, measured),
            "pit": ((draws < measured).sum(axis=0) + 0.5) / (len(draws) + 1),
            "low": low,
            "median": median,
            "high": high,
        }
        inside = ((low <= draws) & (draws <= high)).sum(axis=1)
        parts.append((scores, inside, (draws > median).sum(axis=1)))
    by_run = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
    inside, above = (np.sum([part[i] for part in parts], axis=0) for i in (1, 2))
    return Scores(**by_run, inside_drawn=inside, above_drawn=above)


def mean_density(log_density: np.ndarray) -> np.ndarray:
    """Log of the mean density over draws."""
    return np.asarray(logsumexp(log_density, axis=0) - np.log(len(log_density)))


def density_error(log_density: np.ndarray) -> np.ndarray:
    """Monte-Carlo standard error of ``mean_density``, if the draws are independent."""
    shifted = np.exp(log_density - log_density.max(axis=0).clip(min=np.finfo(float).min))
    mean = shifted.mean(axis=0)
    relative = np.divide(shifted.std(axis=0), mean, out=np.zeros_like(mean), where=mean > 0)
    return np.asarray(relative / np.sqrt(len(log_density)))


def log_measured(posterior: Posterior, runs: Runs) -> np.ndarray:
    """Logarithm of the measured values."""
    return np.log(runs.column(posterior.law.predicts))


def crps_of(draws: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Fair estimate: mean distance to the measured value, less half of that between two draws."""
    finite = np.isfinite(draws).all(axis=0)
    x = np.sort(np.where(finite, draws, 0.0), axis=0)
    count = len(x)
    ranks = 2.0 * np.arange(1, count + 1) - count - 1
    half_spread = ranks @ x / (count * (count - 1))
    return np.where(finite, np.abs(x - measured).mean(axis=0) - half_spread, np.inf)
