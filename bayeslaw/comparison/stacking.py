"""Stacking weights: of the mixture of laws that predicts what was left out best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: How far the mean log score of the weights may be from the best one, in nats a run.
TOLERANCE = 1e-8
_STEPS = 20_000


def stack(log_density: np.ndarray, importance: np.ndarray | None = None) -> np.ndarray:
    """Stack laws (Yao et al. 2018, arXiv:1704.02030)."""
    from scipy.optimize import LinearConstraint, minimize

    laws = log_density.shape[1]
    count = np.ones(len(log_density)) if importance is None else np.asarray(importance, dtype=float)
    highest = log_density.max(axis=1)
    # A run that is impossible under every law does not distinguish them.
    used = np.isfinite(highest) & (count > 0)
    weights = np.full(laws, 1.0 / laws)
    if not used.any():
        return weights
    density = np.exp(log_density[used] - highest[used, None])
    count = count[used] / count[used].sum()

    def gradient(weights: np.ndarray) -> np.ndarray:
        return np.asarray(count / (density @ weights) @ density)

    optimum = minimize(
        lambda weights: -float(count @ np.log(density @ weights)),
        weights,
        jac=lambda weights: -gradient(weights),
        bounds=[(1e-12, 1.0)] * laws,
        constraints=LinearConstraint(np.ones(laws), 1.0, 1.0),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    if optimum.success:
        weights = optimum.x / optimum.x.sum()
    # Every step raises the score, which is concave: the best one is at most the largest slope less
    # one above it.
    for _ in range(_STEPS):
        slope = gradient(weights)
        if slope.max() - 1.0 <= TOLERANCE:
            break
        weights = weights * slope
    weights = np.where(weights < 1e-9, 0.0, weights)
    return np.asarray(weights / weights.sum())


def stack_parts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Stack laws over several sets of runs, each of which counts the same."""
    importance = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in parts])
    return stack(np.concatenate(parts), importance)
