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

from bayeslaw.core.diagnostics import ess
from bayeslaw.core.errors import RequestError
from bayeslaw.inference.whitening import Whitening

#: Fewer draws a chain than this leave too few in each half to fit a proposal to.
LEAST_DRAWS = 100


@dataclass(frozen=True)
class Bridge:
    """The integral of a density.

    Attributes
    ----------
    log_normaliser : float
        Natural logarithm of the integral.
    error : float
        Its Monte-Carlo standard error: the larger of the one that theory gives, with
        autocorrelation through effective sample sizes, and the one that the parts show.
    parts : ndarray of shape (2, chains)
        The same estimated from each half of each chain alone.
    """

    log_normaliser: float
    error: float
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
    if length < LEAST_DRAWS:
        raise RequestError(
            f"{length} draws a chain", place="bridge", remedy=f"Give {LEAST_DRAWS} or more"
        )
    if lp is None:
        lp = log_density(draws.reshape(-1, size)).reshape(chains, length)
    if not np.isfinite(lp).all():
        raise RequestError(
            f"the density is zero or undefined at {int((~np.isfinite(lp)).sum())} of the draws",
            place="bridge",
            remedy="Give draws of the same density",
        )
    rng = np.random.default_rng(seed)
    half = length // 2
    halves = (slice(0, half), slice(length - half, length))
    found, errors, parts = [], [], []
    for fitted, bridged in (halves, halves[::-1]):
        # The proposal must not have seen the draws that it is compared with (Overstall and Forster
        # 2010): otherwise it is too good on them, and the integral comes out too small.
        whitening = Whitening.of_draws(draws[:, fitted])
        ours = _ratios(log_density, whitening, draws[:, bridged], lp[:, bridged])
        x = rng.standard_normal((chains, half, size))
        theirs = _ratios(log_density, whitening, whitening.centre + x @ whitening.matrix.T, None)
        effective = min(effective_size(ours), ours.size)
        found.append(crossing(ours, theirs, effective))
        errors.append(_error(ours, theirs, effective, found[-1]))
        each = [crossing(o, t, effective / chains) for o, t in zip(ours, theirs, strict=True)]
        parts.append(each)
    spread = np.std(parts, ddof=1) / np.sqrt(2 * chains)
    error = max(float(spread), math.hypot(*errors) / 2)
    return Bridge(float(np.mean(found)), error, np.array(parts))


def effective_size(values: np.ndarray) -> float:
    """Effective number of draws for a mean."""
    if np.ptp(values) == 0:
        return float(values.size)
    return ess(values, "mean")


def _ratios(
    log_density: Callable[[np.ndarray], np.ndarray],
    whitening: Whitening,
    points: np.ndarray,
    lp: np.ndarray | None,
) -> np.ndarray:
    """Log of the density, averaged with its reflection in the centre, over the proposal.

    Averaging changes neither the integral nor, for a symmetric proposal, the ratio's meaning; it
    takes all odd moments out of what the proposal has to resemble. A draw is one of the averaged
    density once its sign is tossed, which the symmetric ratio does not notice.
    """
    shape, size = points.shape[:-1], points.shape[-1]
    flat = points.reshape(-1, size)
    here = log_density(flat) if lp is None else lp.ravel()
    there = log_density(2 * whitening.centre - flat)
    here, there = (np.where(np.isfinite(one), one, -np.inf) for one in (here, there))
    x = np.linalg.solve(whitening.matrix, (flat - whitening.centre).T)
    _, volume = np.linalg.slogdet(whitening.matrix)
    proposed = -0.5 * (x**2).sum(axis=0) - 0.5 * size * np.log(2 * np.pi) - volume
    return np.asarray((np.logaddexp(here, there) - np.log(2.0) - proposed).reshape(shape))


def crossing(ours: np.ndarray, theirs: np.ndarray, effective: float) -> float:
    """The bridge itself: the log normaliser at which both sides agree."""
    shift = np.log(effective / theirs.size)
    finite = np.concatenate([ours.ravel(), theirs[np.isfinite(theirs)]])
    reach = 50.0 + abs(shift)

    def lead(c: float) -> float:
        up = theirs.size * expit(theirs - c + shift).mean()
        return float(up - effective * expit(c - ours - shift).mean())

    return float(brentq(lead, finite.min() - reach, finite.max() + reach, xtol=1e-10))


def _error(ours: np.ndarray, theirs: np.ndarray, effective: float, found: float) -> float:
    """Relative error of the integral to first order (Frühwirth-Schnatter 2004)."""
    shift = np.log(effective / theirs.size)
    up, down = expit(theirs - found + shift), expit(found - ours - shift)
    variance = up.var() / up.mean() ** 2 / up.size
    variance += down.var() / down.mean() ** 2 / min(effective_size(down), down.size)
    return float(np.sqrt(variance))
