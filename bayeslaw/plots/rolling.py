"""How intervals on larger runs fared inside a table, by how much larger the runs were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.rolling_origin import RollingOrigin, widening
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def rolling(answer: RollingOrigin, *, ax: Axes | None = None) -> Figure:
    """Draw errors on larger runs, in half widths of their intervals, by distance.

    Parameters
    ----------
    answer : RollingOrigin
        A rolling origin.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A point a prediction: up where the run was above its median. Within the grey band lies what
        its interval held; the lines are the interval as wide as it should have been.
    """
    ax = style.axes(ax, figsize=(4.4, 3.0))
    rows = answer.rows
    beyond = rows["extrapolation_factor"].to_numpy()
    side = np.sign(rows["error"].to_numpy()) * rows["ratio"].to_numpy()
    grid = np.geomspace(1.0 + 1e-9, max(float(beyond.max()), 2.0), 200)
    wide = widening(grid, answer.growth)
    ax.axhspan(-1, 1, color="#dddddd", lw=0, label=f"{100 * answer.ci_prob:g}% interval")
    ax.axhline(0, color=style.PRIOR, lw=0.8)
    if answer.growth > 0:
        for sign, label in ((1, f"wider by {answer.growth:.2g} a doubling"), (-1, None)):
            ax.plot(grid, sign * wide, color=style.PRIOR, lw=1.2, ls="--", label=label)
    inside = rows["inside"].to_numpy(dtype=bool)
    for chosen, face, colour, said in (
        (inside, style.POSTERIOR, style.POSTERIOR, "inside"),
        (~inside, "white", style.PUBLISHED, "outside"),
    ):
        if chosen.any():
            ax.plot(
                beyond[chosen],
                side[chosen],
                "o",
                color=colour,
                mfc=face,
                mew=1.0,
                ms=3.5,
                ls="",
                label=f"{said}, {100 * chosen.mean():.0f}%",
            )
    most = float(np.nanmax(np.abs(side[np.isfinite(side)]), initial=1.0))
    top = 1.1 * max(most, float(wide.max()))
    ax.set_ylim(-top, 1.55 * top)
    ax.set_xscale("log")
    ax.set_xlabel(f"times the largest run fitted to, in {answer.over}", size=9)
    ax.set_ylabel("log measured over predicted,\nin half intervals", size=9)
    origins = rows["origin"].nunique()
    ax.set_title(f"larger runs predicted from {origins} origins inside the table", fontsize=9)
    ax.legend(fontsize=7.5, frameon=False, loc="upper left", ncols=2)
    ax.spines[["right", "top"]].set_visible(False)
    ax.tick_params(labelsize=7.5)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
