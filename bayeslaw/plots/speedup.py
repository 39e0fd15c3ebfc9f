"""The speedup of a variant, along what is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.speedup_result import Speedup
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.plots import style
from bayeslaw.plots.labels import label, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.picture
@public
def speedup(answer: Speedup, *, ax: Axes | None = None) -> Figure:
    """Draw the speedup at each place, with its interval and the line of no speedup.

    Parameters
    ----------
    answer : Speedup
        A speedup.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Medians and intervals over what the variant spends. An interval without upper end, where the
        baseline may never reach the loss, ends in an arrow.

    Raises
    ------
    RequestError
        If no place has a finite speedup.
    """
    if not np.isfinite(answer.frame["speedup"]).any():
        problem = "no place has a finite speedup"
        remedy = "Ask at a smaller scale, or for a higher loss"
        raise RequestError(problem, place="plots.speedup", remedy=remedy)
    figure, canvas = style.canvas(ax, (4.0, 2.6))
    panel = style.panels(canvas, 1, 1)[0]
    rows = answer.frame[np.isfinite(answer.frame["speedup"])]
    places, middle = rows[answer.over].to_numpy(), rows["speedup"].to_numpy()
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    open_ended = ~np.isfinite(high)
    shown = np.where(open_ended, 2 * middle, high)
    errors = np.stack([middle - low, shown - middle])
    text = f"median, {percent(answer.ci_prob)} interval"
    look: style.Look = {"fmt": "o", "color": style.POSTERIOR, "ms": 5, "capsize": 2, "label": text}
    panel.errorbar(places, middle, yerr=errors, lolims=open_ended, **look)
    panel.axhline(1.0, color=style.PRIOR, lw=0.8, zorder=1)
    panel.set_yscale("log")
    ends = np.concatenate([low, shown, [1.0]])
    style.count_axis(panel, ends[np.isfinite(ends) & (ends > 0)], which="y")
    style.count_axis(panel, places)
    panel.set_xlabel(f"{label(answer.over)} spent on {answer.variant}")
    panel.set_ylabel(f"speedup over {answer.baseline}")
    style.legend(canvas)
    return figure
