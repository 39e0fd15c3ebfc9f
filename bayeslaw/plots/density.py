"""Densities of draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def density(draws: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A smooth density of draws, its highest point at 1."""
    from scipy.stats import gaussian_kde

    height = np.asarray(gaussian_kde(draws)(grid))
    return height / max(float(height.max()), 1e-300)


def grid_of(draws: np.ndarray, also: Iterable[float] = (), margin: float = 0.15) -> np.ndarray:
    """An axis that holds nearly all draws and some values besides."""
    # Tails can reach a thousand times as far as the rest.
    reach = interval(draws, 0.998)
    shown = [float(reach.low), float(reach.high), *also]
    room = margin * (max(shown) - min(shown))
    return np.linspace(min(shown) - room, max(shown) + room, 300)


def posterior_panel(
    panel: Axes,
    draws: np.ndarray,
    ends: tuple[float, float],
    *,
    also: Iterable[float] = (),
    label: str,
) -> np.ndarray:
    """Draw a posterior with its interval as a bar; the axis that it has."""
    finite = draws[np.isfinite(draws)]
    if len(finite) and np.ptp(finite) > 0:
        grid = grid_of(finite, also)
        height = density(finite, grid)
        panel.fill_between(grid, height, color=style.POSTERIOR, alpha=0.35, lw=0)
        panel.plot(grid, height, color=style.POSTERIOR, lw=1.2)
        panel.set_xlim(grid[0], grid[-1])
    panel.plot(ends, [0.03, 0.03], color=style.POSTERIOR, lw=3, label=label)
    style.without_height(panel)
    panel.set_yticks([])
    panel.set_ylim(0, 1.12)
    panel.locator_params(axis="x", nbins=4)
    return np.linspace(*panel.get_xlim(), 300)
