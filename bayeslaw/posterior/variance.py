"""Variance decomposition of predictions into coefficients, misfit and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtr

from bayeslaw.core.intervals import interval
from bayeslaw.posterior.evaluation import evaluate
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.misfit import misfit
from bayeslaw.posterior.prediction import beyond, blocks, read_configurations
from bayeslaw.runs import Runs

#: Probability within one standard deviation of a normal.
ONE_SD = float(ndtr(1.0) - ndtr(-1.0))

# Halvings of a bracket: beyond double precision.
_HALVINGS = 60
# For each draw, where the noise is skewed.
_DEVIATIONS = 50


def variance_shares(
    model: FittedModel, new: Runs | pd.DataFrame | Mapping[str, Any]
) -> pd.DataFrame:
    """Shares of each source in the squared half widths, and how far runs lie beyond the table."""
    table = read_configurations(new, model.law)
    squared = pd.DataFrame(half_widths(model, model.columns(table)), index=table.table.index) ** 2
    total = squared.sum(axis=1, skipna=False)
    shares = squared.div(total, axis=0)
    return shares.assign(spread=np.sqrt(total), **beyond(model, table))


def half_widths(model: FittedModel, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Half width of the central 68% interval of log loss due to each source alone."""
    size = len(next(iter(columns.values())))
    parts: dict[str, list[np.ndarray]] = {"coefficients": [np.empty(0)]}
    if model.specification.discrepancy is not None:
        parts["misfit"] = [np.empty(0)]
    for block in blocks(columns, model.size):
        kept, mean, sd = misfit(model, block)
        value = evaluate(model, block)[kept]
        with np.errstate(invalid="ignore", divide="ignore"):
            ends = interval(np.where(value > 0, np.log(value), -np.inf) + mean, ONE_SD)
            half = np.where(np.isfinite(ends.low), (ends.high - ends.low) / 2, np.inf)
        parts["coefficients"].append(half)
        if "misfit" in parts:
            parts["misfit"].append(_half_width(ndtr, sd))
    widths = {name: np.concatenate(part) for name, part in parts.items()}
    pool = model.pool_of_noise
    if pool is None or pool.column not in columns:
        return {**widths, "noise": np.full(size, _noise_half_width(model))}
    labels, places = np.unique(columns[pool.column].astype(str), return_inverse=True)
    own = [_noise_half_width(model, {pool.column: labels[[i]]}) for i in range(len(labels))]
    return {**widths, "noise": np.array(own)[places]}


def _noise_half_width(model: FittedModel, columns: Mapping[str, np.ndarray] | None = None) -> float:
    """Of the common noise, or of the noise of the group that ``columns`` names."""
    noise = model.noise_draws(columns=columns)
    if model.noise.name == "undertuned":
        rng = np.random.default_rng(model.seed)
        drawn = model.noise.draw(rng, noise, (model.size, _DEVIATIONS))
        ends = interval(drawn.ravel(), ONE_SD)
        return float(ends.high - ends.low) / 2
    below = partial(stdtr, noise["noise_df"]) if "noise_df" in noise else ndtr
    return float(_half_width(below, noise["noise_scale"])[0])


def _half_width(below: Callable[[np.ndarray], np.ndarray], scale: np.ndarray) -> np.ndarray:
    """Half width of the central 68% interval of a symmetric scale mixture."""
    unknown = np.isnan(scale).any(axis=0)
    scale = np.where(unknown, 1.0, scale)

    def covers(half: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(scale > 0, half / scale, np.inf)
        return np.asarray(below(z)).mean(axis=0) >= (1 + ONE_SD) / 2

    low, high = np.zeros(scale.shape[1]), scale.max(axis=0)
    while not (reached := covers(high)).all():
        high = np.where(reached, high, 2 * high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = covers(middle)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(unknown, np.nan, high)
