"""The best configuration as the budget grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.optimum.optimum import Frontier
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def frontier(answer: Frontier, *, ax: Axes | None = None) -> Figure:
    """Draw every optimal quantity against the budget, with its interval.

    Parameters
    ----------
    answer : Frontier
        Optima over budgets.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a quantity: medians, bands, the published optimum; what lies beyond the largest run
        is shaded, and the caps stand in the title.
    """
    names = list(answer.answers[0].quantities)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, canvas = style.canvas(ax, figsize=(2.9 * columns, 2.3 * rows + 0.7))
    panels = canvas.subplots(rows, columns, squeeze=False, sharex=True)
    flops = answer.flops
    for name, panel in zip(names, panels.flat, strict=False):
        found = [one.quantities[name] for one in answer.answers]
        low, median, high = (
            np.array([getattr(one, end) for one in found]) for end in ("low", "median", "high")
        )
        panel.fill_between(flops, low, high, color=style.POSTERIOR, alpha=0.3, lw=0)
        panel.plot(flops, median, color=style.POSTERIOR, lw=1.4, marker="o", ms=3)
        if all(one.published is not None for one in found):
            published = np.array([one.published for one in found], dtype=float)
            panel.plot(flops, published, color=style.PUBLISHED, lw=1.2, ls="-.")
        if answer.largest is not None and flops[0] < answer.largest < flops[-1]:
            panel.axvspan(answer.largest, flops[-1], color="black", alpha=0.06, lw=0)
        panel.set_xscale("log")
        seen = np.concatenate([low, high])
        style.count_axis(panel, seen[np.isfinite(seen)], which="y")
        panel.set_title(f"best {name}", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["right", "top"]].set_visible(False)
    for panel in panels.flat[len(names) :]:
        panel.set_visible(False)
    spent = "lifetime FLOPs" if answer.answers[0].budget.inference_tokens else "training FLOPs"
    for panel in panels.flat[max(0, len(names) - columns) : len(names)]:
        panel.set_xlabel(spent, fontsize=9)
    canvas.suptitle(f"Optimum by budget, with {_short(answer)}", fontsize=10)
    _legend(canvas, answer)
    return figure


def _short(answer: Frontier) -> str:
    caps = [
        f"{cap.expression.text} ≤ {style.count(cap.limit)}"
        for cap in answer.answers[0].budget.limits
    ]
    return ", ".join(caps) or "no caps"


def _legend(canvas: Figure | SubFigure, answer: Frontier) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    probability = answer.answers[0].probability
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=style.POSTERIOR, marker="o", ms=3, label="median"),
        Patch(color=style.POSTERIOR, alpha=0.3, label=f"{100 * probability:g}% interval"),
    ]
    if any(one.published is not None for one in answer.answers[0].quantities.values()):
        handles.append(
            Line2D([], [], color=style.PUBLISHED, ls="-.", label="published coefficients")
        )
    if answer.largest is not None and answer.flops[0] < answer.largest < answer.flops[-1]:
        handles.append(Patch(color="black", alpha=0.06, label="beyond the largest run"))
    canvas.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
