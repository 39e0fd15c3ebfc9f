"""Whether a configuration reaches its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.optimum.target import Cheapest
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def target(answer: Cheapest, *, ax: Axes | None = None) -> Figure:
    """Draw the law's value at the cheapest configuration against the target.

    Parameters
    ----------
    answer : Cheapest
        An answer.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        The density of the law's value, what reaches the target filled.
    """
    ax = style.axes(ax, figsize=(4.2, 2.8))
    draws = answer.values[np.isfinite(answer.values)]
    low, _, high = (float(end) for end in interval(draws, 0.998))
    low, high = min(low, answer.target), max(high, answer.target)
    grid = np.linspace(low - 0.1 * (high - low), high + 0.1 * (high - low), 400)
    height = style.density(draws, grid)
    ax.plot(grid, height, color=style.POSTERIOR, lw=1.2)
    reached = grid <= answer.target
    ax.fill_between(
        grid[reached],
        height[reached],
        color=style.POSTERIOR,
        alpha=0.35,
        lw=0,
        label=f"reaches it: {100 * answer.reached:.3g}%",
    )
    ax.axvline(
        answer.target, color=style.PUBLISHED, lw=1.4, ls="-.", label=f"target {answer.target:g}"
    )
    ax.set_ylim(0, 1.35)
    ax.set_yticks([])
    ax.set_xlabel(style.label(answer.predicts))
    ax.set_title(f"the cheapest configuration costs {style.count(answer.cost)}", fontsize=9)
    ax.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.tick_params(labelsize=8)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
