"""ArviZ's diagnostics as typed functions of arrays of shape (chains, draws)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import numpy as np

_AXES = {"chain_axis": 0, "draw_axis": 1}


def _array_stats() -> Any:
    """ArviZ's statistics of arrays, loaded when first used since they take a second to import."""
    return import_module("arviz_stats.base").array_stats


def rhat(draws: np.ndarray) -> float:
    """Rank-normalised split R-hat (Vehtari et al. 2021)."""
    return float(_array_stats().rhat(draws, **_AXES))


def ess(
    draws: np.ndarray,
    method: Literal["bulk", "tail", "mean"],
    prob: tuple[float, float] | None = None,
) -> float:
    """Effective sample size; for the tail, of the two quantiles at ``prob``."""
    return float(_array_stats().ess(draws, method=method, prob=prob, **_AXES))


def mcse_mean(draws: np.ndarray) -> float:
    """Monte-Carlo standard error of the mean."""
    return float(_array_stats().mcse(draws, **_AXES))


def smallest_bfmi(energy: np.ndarray) -> float:
    """Energy Bayesian fraction of missing information of the worst chain (Betancourt 2016)."""
    return float(np.min(_array_stats().bfmi(energy, **_AXES)))


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
