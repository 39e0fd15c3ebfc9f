"""Diagnostics of draws of shape (chains, draws), and of importance weights.

R-hat and effective sample sizes are those of Vehtari et al. (2021), as ArviZ's and NumPyro's, which
take half a second and more to import (a test holds them together). Weights and sensitivity are
ArviZ's.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import numpy as np

# Fewer draws of a chain have no halves to compare.
_FEWEST = 4


def _array_stats() -> Any:
    """ArviZ's statistics of arrays, loaded when first used since they take a second to import."""
    return import_module("arviz_stats.base").array_stats


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from one, of equal values their mean, of shape (values,)."""
    _, places, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places])


def rhat_and_ess(draws: np.ndarray) -> tuple[float, float]:
    """Rank-normalised split R-hat, and the effective number of draws of the centre."""
    if _undefined(draws):
        return np.nan, np.nan
    halves = _halves(draws)
    scores = _scores(halves)
    if len(draws) < 2:
        return np.nan, _effective(scores)
    folded = _scores(np.abs(halves - np.median(halves)))
    return max(_reduction(scores), _reduction(folded)), _effective(scores)


def ess_tail(draws: np.ndarray, probabilities: tuple[float, float]) -> float:
    """Effective number of draws of the worse of two quantiles."""
    if _undefined(draws):
        return np.nan
    halves, ends = _halves(draws), np.quantile(draws, probabilities)
    return min(_effective((halves <= end).astype(float)) for end in ends)


def ess_mean(draws: np.ndarray) -> float:
    """Effective number of draws of the mean."""
    return np.nan if _undefined(draws) else _effective(_halves(draws))


def mcse_mean(draws: np.ndarray) -> float:
    """Monte-Carlo standard error of the mean."""
    return float(np.std(draws, ddof=1) / np.sqrt(ess_mean(draws)))


def smallest_bfmi(energy: np.ndarray) -> float:
    """Energy Bayesian fraction of missing information of the worst chain (Betancourt 2016)."""
    steps = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return float(np.min(steps / np.var(energy, axis=1, ddof=1)))


def _undefined(draws: np.ndarray) -> bool:
    return draws.shape[1] < _FEWEST or not bool(np.isfinite(draws).all())


def _halves(draws: np.ndarray) -> np.ndarray:
    """Each chain as two."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _scores(draws: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks among all draws, by Blom's places."""
    from scipy.special import ndtri

    places = (average_ranks(draws) - 0.375) / (draws.size + 0.25)
    return np.asarray(ndtri(places).reshape(draws.shape))


def _reduction(draws: np.ndarray) -> float:
    """By how much the standard deviation could shrink if chains were longer."""
    within, between = draws.var(axis=1, ddof=1).mean(), draws.mean(axis=1).var(ddof=1)
    return float(np.sqrt(between / within + 1.0 - 1.0 / draws.shape[1]))


def _effective(draws: np.ndarray) -> float:
    """Effective number of draws of the mean, by Geyer's initial monotone sequence."""
    if np.ptp(draws) == 0:
        return float(draws.size)
    chains, length = draws.shape
    centred = draws - draws.mean(axis=1, keepdims=True)
    # Twice as long, so that the end does not wrap around to the beginning.
    power = np.abs(np.fft.rfft(centred, 1 << (2 * length - 1).bit_length())) ** 2
    covariance = np.fft.irfft(power.mean(axis=0))[:length] / length
    within = covariance[0] * length / (length - 1)
    total = covariance[0] + (draws.mean(axis=1).var(ddof=1) if chains > 1 else 0.0)
    correlation = 1.0 - (within - covariance) / total
    correlation[0] = 1.0
    pairs = correlation[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    # Of reversible chains sums of pairs are positive and fall; what is neither is noise.
    noise = np.flatnonzero(pairs <= 0)
    count = int(noise[0]) if len(noise) else len(pairs) - 1
    time = 2.0 * np.minimum.accumulate(pairs[:count]).sum() - 1.0
    time += max(float(correlation[2 * count]), 0.0)
    # Antithetic chains have no more than N log N.
    return float(draws.size / max(time, 1.0 / np.log10(draws.size)))


def smoothed_log_weights(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    """Pareto-smoothed log importance weights and the Pareto k of their tail."""
    # ArviZ takes log likelihoods to leave out, whose weights are their inverse.
    smoothed, pareto_k = _array_stats().psislw(log_ratios.max() - log_ratios)
    return np.asarray(smoothed), float(pareto_k)


def loo(log_likelihood: np.ndarray, r_eff: float) -> tuple[np.ndarray, np.ndarray]:
    """Leave-one-out log densities and Pareto k, from shape (chains, draws, runs)."""
    density, pareto_k, _ = _array_stats().loo(np.moveaxis(log_likelihood, -1, 0), r_eff=r_eff)
    return np.array(density, dtype=float), np.array(pareto_k, dtype=float)


def power_scaling(
    draws: Mapping[str, np.ndarray],
    log_density: np.ndarray,
    component: Literal["prior", "likelihood"],
) -> dict[str, float]:
    """Power-scaling sensitivity to a component of the posterior; NaN where draws do not vary."""
    import arviz_base

    varying = [
        name for name, values in draws.items() if np.isfinite(values).all() and np.ptp(values) > 0
    ]
    # By number: a name such as N_a/N would be taken for a path.
    numbered = {str(i): draws[name] for i, name in enumerate(varying)}
    tree = arviz_base.from_dict({"posterior": numbered, f"log_{component}": {"sum": log_density}})
    sensitivity = import_module("arviz_stats").psense(tree, group=component)
    known = {name: float(sensitivity[str(i)]) for i, name in enumerate(varying)}
    return {name: known.get(name, np.nan) for name in draws}
