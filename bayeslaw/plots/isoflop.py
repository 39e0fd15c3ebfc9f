"""Profiles at equal compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.optimum.problem import bought
from bayeslaw.plots import style
from bayeslaw.plots.slices import grid_of, held, legal, span_of, where
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 120
_DASHES = ("-", "--", "-.", ":")


def isoflop(
    posterior: Posterior,
    flops: Sequence[float],
    *,
    over: str | None = None,
    spend: str = "D",
    at: Mapping[str, float] | None = None,
    span: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the law's value along configurations that cost the same.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    flops : sequence of float
        Training FLOPs, a curve for each.
    over : str, optional
        What is varied: N_a where the law's cost reads it, else N.
    spend : str
        What follows from the FLOPs.
    at : mapping, optional
        The other variables; those not named stand at the reference run, as the picture says.
    span : tuple of float, optional
        Ends of the axis; the runs' own range and a factor of 3 on both sides unless given.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Medians with 89% bands, darker for more FLOPs, and a point where each median is best.

    Raises
    ------
    RequestError
        If the law has no cost that can be spent so, or nothing is legal.
    """
    law = posterior.law
    amounts = sorted(float(one) for one in flops)
    if not amounts or not amounts[0] > 0:
        raise RequestError(f"flops = {flops!r}", place="isoflop", remedy="Give positive FLOPs")
    if law.cost is None:
        raise RequestError(
            f"the card of {law.name} states no cost", place="isoflop", remedy="Draw a band"
        )
    cost = law.cost.expression
    over = over or ("N_a" if "N_a" in cost.names else "N")
    if spend not in cost.names or over == spend:
        raise RequestError(
            f"{spend} does not follow from {law.cost.formula} along {over}",
            place="isoflop, spend",
            remedy=f"One of {', '.join(sorted(cost.names - {over}))}",
        )
    fixed = held(posterior, (over, spend), at, place="isoflop")
    grid = grid_of(over, span_of(posterior, over, span), _POINTS)
    ax = style.axes(ax, figsize=(4.6, 3.6))
    drawn = []
    for place, amount in enumerate(amounts):
        columns = {name: np.full(_POINTS, one) for name, one in fixed.items()} | {over: grid}
        paid = {name: columns[name] for name in cost.names - {spend}}
        columns[spend] = bought(cost, paid, spend, amount)
        kept = legal(columns)
        if not kept.any():
            continue
        value = posterior.evaluate({name: one[kept] for name, one in columns.items()})
        low, median, high = interval(value)
        shade = str(0.62 * (1 - (place + 1) / len(amounts))) if len(amounts) > 1 else "0"
        x, dash = grid[kept], _DASHES[place % len(_DASHES)]
        ax.fill_between(x, low, high, color=style.POSTERIOR, alpha=0.2, lw=0)
        ax.plot(x, median, color=shade, lw=1.4, ls=dash, label=style.count(amount))
        best = int(np.argmin(median) if law.optimum.sense == "min" else np.argmax(median))
        if 0 < best < len(x) - 1:
            ax.plot(x[best], median[best], "o", color=style.PUBLISHED, ms=5, zorder=4)
        drawn.append(median)
    if not drawn:
        raise RequestError(f"no legal {over} and {spend} cost any of these FLOPs", place="isoflop")
    style.count_axis(ax, grid)
    ax.set_xlim(grid[0], grid[-1])
    _room(ax, drawn)
    ax.set_xlabel(style.label(over), size=9)
    unit = f" [{posterior.runs.loss_unit} per token]" if law.predicts == "loss" else ""
    ax.set_ylabel(f"{law.predicts}{unit}", size=9)
    said = where(posterior, fixed)
    ax.set_title(f"{law.name}{' at\n' + said if said else ''}", fontsize=9)
    ax.spines[["right", "top"]].set_visible(False)
    ax.tick_params(labelsize=8)
    ax.legend(
        title=f"FLOPs = {law.cost.formula}; dots: best",
        title_fontsize=7.5,
        fontsize=7.5,
        frameon=False,
        ncols=min(4, len(drawn)),
        loc="upper center",
    )
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _room(ax: Axes, drawn: list[np.ndarray]) -> None:
    """Curves rise without end at small sizes: show four times what lies between their lowest."""
    lows = [float(np.nanmin(one)) for one in drawn]
    highs = [float(np.nanmax(one)) for one in drawn]
    reach = min(max(highs), max(lows) + 1.2 * max(np.ptp(lows), 0.1 * max(lows)))
    # A third above the curves belongs to the legend.
    ax.set_ylim(min(lows) - 0.05 * (reach - min(lows)), reach + 0.35 * (reach - min(lows)))
