"""Standardised residuals: log loss less the law's, over the noise scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayeslaw.comparison.scores import log_measured
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import log_law

# Deviations drawn for each draw, so that the band's ends are known to about a hundredth.
_DEVIATIONS = 20


@dataclass(frozen=True)
class Residuals:
    """Standardised residuals of the runs that a law was fitted to.

    Arrays have shape (runs,). A residual is the log of the measured value less that of the
    law's, over the noise scale of the same draw.
    """

    #: Median of the law's value, in its unit.
    fitted: np.ndarray
    #: Each residual over the draws; infinite where the law predicts nothing positive.
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    #: Interval of standardised deviations under the noise model alone.
    band: tuple[float, float]
    #: Median of the noise scale of log loss.
    scale: float
    ci_prob: float


def residuals(posterior: Posterior, *, ci_prob: float = INTERVAL) -> Residuals:
    """Standardised residuals of a posterior's own runs."""
    law, measured = (
        log_law(posterior.model, posterior.runs),
        log_measured(posterior, posterior.runs),
    )
    noise = posterior.model.noise_draws(columns=posterior.model.columns(posterior.runs))
    scale, errors = noise["noise_scale"], posterior.runs.errors(posterior.law.predicts)
    # A run whose loss is unsure may lie further away.
    wide = scale if errors is None else np.hypot(scale, errors)
    ends = interval((measured - law) / wide, ci_prob)
    rng = np.random.default_rng(posterior.info.settings.seed)
    # A column for each run where its group has noise of its own.
    count = _DEVIATIONS if scale.shape[1] == 1 else scale.shape[1]
    drawn = posterior.noise.draw(rng, noise, (len(scale), count)) / scale
    band = interval(drawn.ravel(), ci_prob)
    return Residuals(
        fitted=np.exp(interval(law, ci_prob).median),
        low=ends.low,
        median=ends.median,
        high=ends.high,
        band=(float(band.low), float(band.high)),
        scale=float(np.median(scale)),
        ci_prob=ci_prob,
    )
