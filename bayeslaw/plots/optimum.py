"""Densities of an optimum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.optimum.answer import Optimum
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def optimum(answers: Optimum | Sequence[Optimum], *, ax: Axes | None = None) -> Figure:
    """Draw the posterior of every optimal quantity, one row of panels for each answer.

    Parameters
    ----------
    answers : Optimum or sequence of Optimum
        Answers over the same quantities.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Densities with their 89% interval, the prior's interval as a dashed bar, the published
        optimum as a line, and the share of draws at a bound or without optimum in words.

    Raises
    ------
    RequestError
        If there is no answer.
    """
    from matplotlib.ticker import FuncFormatter

    rows = [answers] if isinstance(answers, Optimum) else list(answers)
    if not rows:
        raise RequestError("no answer is given", place="plots.optimum", remedy="Give some")
    names = list(rows[0].quantities)
    # More than three are broken into lines of three.
    across = min(3, len(names))
    lines = -(-len(names) // across)
    down = len(rows) * lines
    figure, canvas = style.canvas(ax, figsize=(2.7 * across, 2.0 * down + 0.5))
    panels = canvas.subplots(down, across, squeeze=False)
    for answer, block in zip(rows, np.split(panels, len(rows)), strict=True):
        for panel in block.flat[len(names) :]:
            panel.set_visible(False)
        for name, panel in zip(names, block.flat, strict=False):
            quantity, draws = answer.quantities[name], answer.draws[name]
            finite = draws[np.isfinite(draws)]
            if len(finite) and np.ptp(finite) > 0:
                low, _, high = (float(end) for end in interval(finite, 0.998))
                if quantity.published is not None and np.isfinite(quantity.published):
                    low, high = min(low, quantity.published), max(high, quantity.published)
                width = high - low
                grid = np.linspace(low - 0.15 * width, high + 0.15 * width, 300)
                height = style.density(finite, grid)
                panel.fill_between(grid, height, color=style.POSTERIOR, alpha=0.35)
                panel.plot(grid, height, color=style.POSTERIOR, lw=1.2)
                panel.set_xlim(grid[0], grid[-1])
            panel.plot([quantity.low, quantity.high], [0.03, 0.03], color=style.POSTERIOR, lw=3)
            ends = panel.get_xlim()
            prior = np.clip([quantity.prior_low, quantity.prior_high], *ends)
            panel.plot(prior, [-0.06, -0.06], color=style.PRIOR, lw=1.5, ls="--")
            panel.set_xlim(*ends)
            if quantity.published is not None:
                panel.axvline(quantity.published, color=style.PUBLISHED, lw=1.2, ls="-.")
            panel.set_ylim(-0.12, 1.12)
            away = {k: v for k, v in quantity.shares.items() if k != "interior" and v > 0}
            if away:
                said = "\n".join(f"{100 * v:.3g}% {k.replace('_', ' ')}" for k, v in away.items())
                panel.text(
                    0.98, 0.95, said, transform=panel.transAxes, ha="right", va="top", size=8
                )
            panel.set_yticks([])
            panel.spines[["left", "right", "top"]].set_visible(False)
            panel.locator_params(axis="x", nbins=4)
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.count(value)))
            panel.tick_params(labelsize=8)
            where = ", ".join(
                f"{key} = {style.count(value)}" for key, value in answer.at.items() if key == "N"
            )
            status = quantity.status.replace("_", " ")
            status = "" if status == "interior" else f" ({status})"
            panel.set_title(f"best {name}{status}" + (f" at {where}" if where else ""), fontsize=9)
    _legend(canvas, rows[0].probability)
    return figure


def _legend(canvas: Figure | SubFigure, probability: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=style.POSTERIOR, lw=3, label=f"posterior, {100 * probability:g}% interval"
        ),
        Line2D([], [], color=style.PRIOR, ls="--", label="prior's interval, where in view"),
        Line2D([], [], color=style.PUBLISHED, ls="-.", label="published coefficients"),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
