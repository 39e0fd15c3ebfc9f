"""Configurations in the order of their expected regret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.optimum.decide import Decision
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def decision(answer: Decision, *, most: int = 15, ax: Axes | None = None) -> Figure:
    """Draw expected regret and the probability of being best, the best configuration on top.

    Parameters
    ----------
    answer : Decision
        A ranking.
    most : int
        How many configurations to show.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Bars of expected regret, filled where near-optimal, with the limit of near-optimality as a
        line; beside them the probability of being the best.
    """
    table = answer.table.head(most)
    rows = np.arange(len(table))
    figure, canvas = style.canvas(ax, figsize=(7.5, 1.2 + 0.27 * len(table)))
    left, right = canvas.subplots(1, 2, sharey=True, width_ratios=[2, 1])
    near = table["near_optimal"].to_numpy()
    for chosen, face, said in (
        (near, style.POSTERIOR, f"near-optimal (P ≥ {answer.probability:g})"),
        (~near, "none", "not"),
    ):
        if chosen.any():
            left.barh(
                rows[chosen],
                table["regret"][chosen],
                color=face,
                edgecolor=style.POSTERIOR,
                height=0.7,
                label=said,
            )
    left.axvline(answer.within, color=style.PUBLISHED, lw=1, ls="-.", label=f"{answer.within:g}")
    left.set_yticks(rows, [str(label) for label in table.index])
    left.invert_yaxis()
    left.set_xlabel(f"expected regret ({answer.predicts})")
    left.legend(fontsize=8, loc="upper right")
    right.barh(rows, table["p_best"], color=style.PRIOR, height=0.7)
    right.set_xlim(0, max(1.05 * table["p_best"].max(), 0.05))
    right.set_xlabel("probability of being best")
    for panel in (left, right):
        panel.spines[["right", "top"]].set_visible(False)
        panel.tick_params(labelsize=8)
    said = ", ".join(f"{name} = {style.count(value)}" for name, value in answer.at.items())
    canvas.suptitle(
        f"{len(answer.table)} configurations{' at ' + said if said else ''}", fontsize=10
    )
    return figure
