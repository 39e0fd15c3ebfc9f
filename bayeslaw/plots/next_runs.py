"""Runs to train next: candidates by cost and gain, and the width as runs are added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.design.result import NextRuns
from bayeslaw.plots import style
from bayeslaw.plots.labels import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES: dict[str, style.Look] = {
    "chosen": {"color": style.POSTERIOR, "lw": 1.6},
    "random": {"color": style.PRIOR, "lw": 1.4, "ls": "--"},
    "iso-FLOP grid": {"color": style.PUBLISHED, "lw": 1.3, "ls": "-."},
}


@style.picture
@public
def next_runs(answer: NextRuns, *, ax: Axes | None = None) -> Figure:
    """Draw candidates by cost and gain, and the promised width as runs are added.

    Parameters
    ----------
    answer : NextRuns
        A batch.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        On the left each candidate by its cost and by how much it alone would narrow the interval,
        the chosen ones numbered in their order. On the right the width of the target's interval by
        what is spent, beside random runs and an iso-FLOP grid; the mean of refits of imagined
        outcomes, with two standard errors, where there are any.
    """
    figure, canvas = style.canvas(ax, (9.0, 3.8))
    left, right = style.panels(canvas, 1, 2)
    _candidates(left, answer)
    _widths(right, answer)
    canvas.suptitle(f"{answer.target}: {'stop' if answer.stop else 'train'}")
    return figure


def _candidates(panel: Axes, answer: NextRuns) -> None:
    table = answer.candidates
    cost, gain = table["cost"].to_numpy(), 100 * table["gain"].to_numpy()
    chosen = table["chosen"].to_numpy() > 0
    look: style.Look = {"color": style.PRIOR, "ms": 3, "alpha": 0.5, "mew": 0, "ls": ""}
    panel.plot(cost[~chosen], gain[~chosen], "o", label=f"{len(table)} candidates", **look)
    look = {"color": style.POSTERIOR, "ms": 6, "ls": ""}
    panel.plot(cost[chosen], gain[chosen], "o", label=f"{len(answer.frame)} chosen", **look)
    style.count_axis(panel, cost)
    panel.set_xlabel(f"cost [{answer.unit}]")
    panel.set_ylabel("narrowing by one run alone [%]")
    # Room for the legend above the points.
    panel.set_ylim(0, 1.25 * max(float(gain.max()), 1e-3))
    panel.legend(loc="upper left")


def _widths(panel: Axes, answer: NextRuns) -> None:
    for design, part in answer.path.groupby("design", sort=False):
        label = {"chosen": "chosen", "random": "random runs"}.get(str(design), str(design))
        panel.plot(part["cost"], part["width"], label=label, **_LINES[str(design)])
    if answer.obtained is not None:
        error = answer.obtained_error if np.isfinite(answer.obtained_error or np.nan) else 0.0
        panel.errorbar(
            [answer.cost],
            [answer.obtained],
            yerr=[2 * float(error or 0.0)],
            fmt="s",
            color=style.RUNS,
            ms=5,
            capsize=3,
            label="refits of imagined outcomes",
        )
    panel.set_ylim(0, 1.05 * answer.width)
    style.count_axis(panel, np.linspace(0, max(answer.cost, 1e-300), 3))
    panel.set_xlabel(f"spent [{answer.unit}]")
    panel.set_ylabel(f"width of the {percent(answer.ci_prob)} interval of {answer.scale}")
    panel.legend(loc="lower left")
