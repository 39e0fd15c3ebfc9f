"""How flat an optimum is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.answer import Optimum
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def regret(answer: Optimum, *, ax: Axes | None = None) -> Figure:
    """Draw what leaving the optimum costs, one variable at a time, the near-optimal set shaded.

    Parameters
    ----------
    answer : Optimum
        An optimum.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a variable: expected regret, the limit below which it counts as nothing, and the
        values that stay below it with the probability asked for.

    Raises
    ------
    RequestError
        If no draw has an optimum.
    """
    if not answer.near:
        raise RequestError("no draw has an optimum", place="plots.regret")
    columns = min(3, len(answer.near))
    rows = -(-len(answer.near) // columns)
    figure, canvas = style.canvas(ax, figsize=(2.9 * columns, 2.3 * rows + 0.7))
    panels = canvas.subplots(rows, columns, squeeze=False)
    within = next(iter(answer.near.values())).within
    for (name, near), panel in zip(answer.near.items(), panels.flat, strict=False):
        seen = np.isfinite(near.regret)
        panel.plot(near.values[seen], near.regret[seen], color=style.POSTERIOR, lw=1.4)
        panel.axhline(within, color=style.PUBLISHED, lw=1, ls="-.")
        if np.isfinite(near.low):
            panel.axvspan(near.low, near.high, color=style.POSTERIOR, alpha=0.15, lw=0)
        panel.set_ylim(0, 6 * within)
        style.count_axis(panel, near.values, which="x")
        panel.locator_params(axis="y", nbins=4)
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["right", "top"]].set_visible(False)
    for panel in panels.flat[len(answer.near) :]:
        panel.set_visible(False)
    unit = "nats" if answer.predicts == "loss" else answer.predicts
    canvas.supylabel(f"expected regret [{unit}]", fontsize=9)
    _legend(canvas, answer, within)
    return figure


def _legend(canvas: Figure | SubFigure, answer: Optimum, within: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    probability = next(iter(answer.near.values())).probability
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=style.POSTERIOR, label="expected regret"),
        Line2D([], [], color=style.PUBLISHED, ls="-.", label=f"{within:g}"),
        Patch(
            color=style.POSTERIOR,
            alpha=0.15,
            label=f"below {within:g} with probability {probability:g}",
        ),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
