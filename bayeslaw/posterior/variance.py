"""What makes a prediction uncertain: coefficients, misfit and noise, each by its share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, stdtr

from bayeslaw.core.intervals import interval

if TYPE_CHECKING:
    from bayeslaw.posterior.posterior import Posterior

#: What lies within one standard deviation of a normal.
ONE_SD = float(ndtr(1.0) - ndtr(-1.0))

# Halvings of a bracket: beyond double precision.
_HALVINGS = 60
# For each draw, where the noise leans to one side.
_DEVIATIONS = 50
_CELLS = 2_000_000


def spreads(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Half the width of the central 68% interval that each source alone gives log loss."""
    size = len(next(iter(columns.values())))
    step = max(1, _CELLS // posterior.draws["noise_scale"].size)
    parts: dict[str, list[np.ndarray]] = {"coefficients": [np.empty(0)]}
    if posterior.discrepancy is not None:
        parts["misfit"] = [np.empty(0)]
    for first in range(0, size, step):
        block = {name: values[first : first + step] for name, values in columns.items()}
        kept, mean, sd = posterior.misfit(block)
        value = posterior.evaluate(block)[kept]
        with np.errstate(invalid="ignore", divide="ignore"):
            ends = interval(np.where(value > 0, np.log(value), -np.inf) + mean, ONE_SD)
            half = np.where(np.isfinite(ends.low), (ends.high - ends.low) / 2, np.inf)
        parts["coefficients"].append(half)
        if "misfit" in parts:
            parts["misfit"].append(_half_width(ndtr, sd))
    found = {name: np.concatenate(part) for name, part in parts.items()}
    noise = posterior.noise_draws()
    if posterior.noise.name == "undertuned":
        rng = np.random.default_rng(posterior.info.settings.seed)
        drawn = posterior.noise.draw(rng, noise, (len(noise["noise_scale"]), _DEVIATIONS))
        ends = interval(drawn.ravel(), ONE_SD)
        return {**found, "noise": np.full(size, (ends.high - ends.low) / 2)}
    below = partial(stdtr, noise["noise_df"]) if "noise_df" in noise else ndtr
    found["noise"] = np.full(size, _half_width(below, noise["noise_scale"])[0])
    return found


def _half_width(below: Callable[[np.ndarray], np.ndarray], scale: np.ndarray) -> np.ndarray:
    """Half the central 68% interval of a symmetric variable whose scale is uncertain."""
    unknown = np.isnan(scale).any(axis=0)
    scale = np.where(unknown, 1.0, scale)

    def enough(half: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(scale > 0, half / scale, np.inf)
        return np.asarray(below(z)).mean(axis=0) >= (1 + ONE_SD) / 2

    low, high = np.zeros(scale.shape[1]), scale.max(axis=0)
    while not (reached := enough(high)).all():
        high = np.where(reached, high, 2 * high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = enough(middle)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(unknown, np.nan, high)
