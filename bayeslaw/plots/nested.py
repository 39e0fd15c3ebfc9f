"""A law beside itself under a constraint: what the constraint fixes, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.nested import Nested
from bayeslaw.comparison.ranking import DISTINGUISHED
from bayeslaw.comparison.restriction import Restricted
from bayeslaw.core.intervals import interval
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_SMALL = 8
_POINTS = 300
_FEW = 20


def nested(answer: Nested, *, ax: Axes | None = None) -> Figure:
    """Draw the posterior of what a constraint fixes, and how the runs are predicted under it.

    Parameters
    ----------
    answer : Nested
        The answer.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each parameter that the constraint fixes: posterior and prior of the free law,
        each with its highest point at the same height, the interval as a bar, and the value under
        the constraint as a line. Below them the difference of log predictive density, of what was
        left out with one standard error and of each cut of larger runs; within the grey nothing is
        distinguished.
    """
    many = len(answer.restricted)
    rows = 1 + len(answer.extrapolation)
    height = 0.28 * rows + 0.75
    figure, canvas = style.canvas(ax, figsize=(max(4.2, 2.4 * many), 1.9 + height))
    grid = canvas.add_gridspec(2, many, height_ratios=[1.6, height])
    for place, (name, one) in enumerate(answer.restricted.items()):
        _posterior(canvas.add_subplot(grid[0, place]), name, one)
    panel = canvas.add_subplot(grid[1, :])
    _differences(panel, answer)
    for axes in canvas.axes:
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.tick_params(labelsize=_SMALL)
    _legend(canvas, answer.comparison.ci_prob)
    canvas.suptitle(
        f"{answer.law}: {answer.constraint}?\nthe law under it: {answer.verdict}", fontsize=10
    )
    return figure


def _posterior(panel: Axes, name: str, one: Restricted) -> None:
    # Tails of a prior can reach a thousand times as far as the posterior.
    reach = interval(one.draws, 0.998)
    shown = [float(reach.low), float(reach.high), one.value]
    margin = 0.15 * (max(shown) - min(shown))
    grid = np.linspace(min(shown) - margin, max(shown) + margin, _POINTS)
    height = style.density(one.draws, grid)
    panel.fill_between(grid, height, color=style.POSTERIOR, alpha=0.35, lw=0)
    panel.plot(grid, height, color=style.POSTERIOR, lw=1.2)
    inside = one.prior[(one.prior >= grid[0]) & (one.prior <= grid[-1])]
    # Where hardly a draw of the prior lies in the panel, its shape there is not known.
    if len(inside) >= _FEW:
        # A smooth curve would reach across the end of a prior.
        known = grid[(grid >= inside.min()) & (grid <= inside.max())]
        panel.plot(known, style.density(inside, known), color=style.PRIOR, lw=1.2, ls="--")
    panel.plot([one.low, one.high], [0.03, 0.03], color=style.POSTERIOR, lw=3)
    panel.axvline(one.value, color=style.PUBLISHED, lw=1.3, ls="-.")
    by = "" if one.informed_by == "runs" else f" ({one.informed_by})"
    panel.set_title(f"{name}{by}", fontsize=9)
    panel.set_yticks([])
    panel.set_ylim(0, 1.12)
    panel.locator_params(axis="x", nbins=4)


def _differences(panel: Axes, answer: Nested) -> None:
    left = "groups" if answer.comparison.leave == "group" else "runs"
    names = [f"{left} left out", *(f"{cut} held out" for cut in answer.extrapolation["cut"])]
    values = [answer.difference, *answer.extrapolation["difference"]]
    panel.axvspan(-DISTINGUISHED, DISTINGUISHED, color="#eeeeee", lw=0, zorder=0)
    panel.axvline(0.0, color=style.PRIOR, lw=0.8, zorder=1)
    # Of one group there is no standard error.
    error = answer.error if np.isfinite(answer.error) else 0.0
    panel.errorbar(values[0], 0, xerr=error, color=style.POSTERIOR, marker="o", ms=5, capsize=2)
    further = answer.extrapolation["error"].fillna(0.0).to_numpy(dtype=float)
    panel.errorbar(
        values[1:],
        range(1, len(values)),
        xerr=further,
        fmt="o",
        color=style.POSTERIOR,
        mfc="none",
        ms=5,
        capsize=2,
    )
    beyond = answer.extrapolation["difference"].to_numpy(dtype=float)
    ends = np.concatenate(
        [[values[0] - error, values[0] + error], beyond - further, beyond + further]
    )
    reach = 1.2 * max(np.abs(ends[np.isfinite(ends)]).max(), 2 * DISTINGUISHED)
    panel.set_xlim(-reach, reach)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    panel.set_xlabel(
        "difference in log density [nats]\n(below zero: worse; grey: not distinguished)",
        size=_SMALL + 0.5,
    )


def _legend(canvas: Figure | SubFigure, probability: float) -> None:
    from matplotlib.lines import Line2D

    said = f"posterior, {100 * probability:.0f}% interval"
    handles = [
        Line2D([], [], color=style.POSTERIOR, lw=3, label=said),
        Line2D([], [], color=style.PRIOR, ls="--", label="prior (not to scale)"),
        Line2D([], [], color=style.PUBLISHED, ls="-.", label="constraint"),
    ]
    canvas.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7, frameon=False)
