"""Bridge sampling: the normalising constant of a density from draws of it.

Meng and Wong 1996, "Simulating ratios of normalizing constants via a simple identity"; in practice
as in Gronau et al. 2017, arXiv:1703.05984, and with the reflected density ("Warp-III") of Meng and
Schilling 2002, which takes the skewness out before the normal proposal is compared with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from bayeslaw.core.diagnostics import ess_mean
from bayeslaw.core.errors import refuse
from bayeslaw.inference.whitening import Whitening

#: Fewer draws a chain than this leave too few in each half to fit a proposal to.
LEAST_DRAWS = 100


@dataclass(frozen=True)
class Bridge:
    """The integral of a density, and the same from each half of each chain: ``parts``."""

    log_normaliser: float
    #: Monte-Carlo standard error: the larger of the one that theory gives, with autocorrelation
    #: through effective sample sizes, and the one that the parts show.
    error: float
    #: Of shape (2, chains).
    parts: np.ndarray


def bridge(
    log_density: Callable[[np.ndarray], np.ndarray],
    draws: np.ndarray,
    *,
    lp: np.ndarray | None = None,
    seed: int = 0,
) -> Bridge:
    """Integrate a density over all of its space by bridge sampling.

    A normal proposal has the moments of one half of every chain, and the bridge leads to the other
    half; then the halves change places, and the two logarithms are averaged.
    """
    chains, length, size = draws.shape
    least = f"Give {LEAST_DRAWS} or more"
    refuse("bridge", (length < LEAST_DRAWS, f"{length} draws a chain", least))
    if lp is None:
        lp = log_density(draws.reshape(-1, size)).reshape(chains, length)
    undefined = int((~np.isfinite(lp)).sum())
    problem = f"the density is zero or undefined at {undefined} of the draws"
    refuse("bridge", (undefined > 0, problem, "Give draws of the same density"))
    rng = np.random.default_rng(seed)
    estimates, errors, parts = [], [], []
    for fitted, bridged in halves(length):
        # A proposal fitted to the draws that it is compared with is too good on them, and the
        # integral comes out too small (Overstall and Forster 2010).
        whitening = Whitening.of_draws(draws[:, fitted])
        drawn = _ratios(log_density, whitening, draws[:, bridged], lp[:, bridged])
        x = rng.standard_normal((chains, length // 2, size))
        points = whitening.centre + x @ whitening.matrix.T
        proposed = _ratios(log_density, whitening, points, None)
        effective = min(ess_mean(drawn), drawn.size)
        estimates.append(crossing(drawn, proposed, effective))
        errors.append(_error(drawn, proposed, effective, estimates[-1]))
        pairs = zip(drawn, proposed, strict=True)
        parts.append([crossing(d, p, effective / chains) for d, p in pairs])
    spread = np.std(parts, ddof=1) / np.sqrt(2 * chains)
    error = max(float(spread), math.hypot(*errors) / 2)
    return Bridge(float(np.mean(estimates)), error, np.array(parts))


def halves(length: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The first and the second half of every chain, in both orders."""
    half = length // 2
    first, second = slice(0, half), slice(length - half, length)
    return (first, second), (second, first)


def _ratios(
    log_density: Callable[[np.ndarray], np.ndarray],
    whitening: Whitening,
    points: np.ndarray,
    lp: np.ndarray | None,
) -> np.ndarray:
    """Log of the density, averaged with its reflection in the centre, over the proposal's.

    Averaging changes neither the integral nor, for a symmetric proposal, the ratio's meaning; it
    removes all odd moments from what the proposal has to resemble. A draw with a random sign is a
    draw of the averaged density, and the symmetric ratio is the same for either sign.
    """
    shape, size = points.shape[:-1], points.shape[-1]
    flat = points.reshape(-1, size)
    own = log_density(flat) if lp is None else lp.ravel()
    reflected = log_density(2 * whitening.centre - flat)
    own, reflected = (np.where(np.isfinite(v), v, -np.inf) for v in (own, reflected))
    x = np.linalg.solve(whitening.matrix, (flat - whitening.centre).T)
    _, volume = np.linalg.slogdet(whitening.matrix)
    proposal = -0.5 * (x**2).sum(axis=0) - 0.5 * size * np.log(2 * np.pi) - volume
    return np.asarray((np.logaddexp(own, reflected) - np.log(2.0) - proposal).reshape(shape))


def crossing(drawn: np.ndarray, proposed: np.ndarray, effective: float) -> float:
    """The log normaliser at which both sides of the bridge agree."""
    shift = np.log(effective / proposed.size)
    finite = np.concatenate([drawn.ravel(), proposed[np.isfinite(proposed)]])
    reach = 50.0 + abs(shift)

    def lead(c: float) -> float:
        up = proposed.size * expit(proposed - c + shift).mean()
        return float(up - effective * expit(c - drawn - shift).mean())

    return float(brentq(lead, finite.min() - reach, finite.max() + reach, xtol=1e-10))


def _error(drawn: np.ndarray, proposed: np.ndarray, effective: float, estimate: float) -> float:
    """Relative error of the integral to first order (Frühwirth-Schnatter 2004)."""
    shift = np.log(effective / proposed.size)
    up, down = expit(proposed - estimate + shift), expit(estimate - drawn - shift)
    variance = up.var() / up.mean() ** 2 / up.size
    variance += down.var() / down.mean() ** 2 / min(ess_mean(down), down.size)
    return float(np.sqrt(variance))
