"""Profiles at equal compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.residuals import residuals
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import Interval, interval
from bayeslaw.optimum.budget import affordable
from bayeslaw.plots import style
from bayeslaw.plots.labels import count, label, math, predicted
from bayeslaw.plots.slices import RUN_POINTS, axis_grid, fixed_values, legal, title
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 120
_NEAR = 1.5
_DASHES = ("-", "--", "-.", ":")


@style.picture
@public
def isoflop(
    posterior: Posterior,
    flops: Sequence[float],
    *,
    over: str | None = None,
    spend: str = "D",
    at: Mapping[str, float | str] | None = None,
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
        What varies: N_a where the law's cost depends on it, else N.
    spend : str
        The variable that the FLOPs determine.
    at, span : mapping, tuple of float, optional
        As for ``band``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Medians with 89% bands, darker for more FLOPs, and a point where each median is best; runs
        that cost within a factor of 1.5 of a curve as small points, each as far from it as it is
        from the law at its own configuration.

    Raises
    ------
    RequestError
        If the law has no cost that determines ``spend``, or no configuration is legal.
    """
    law = posterior.law
    amounts = sorted(float(amount) for amount in flops)
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
    fixed = fixed_values(posterior, (over, spend), at, place="isoflop")
    grid = axis_grid(posterior.runs.column(over), over, span, _POINTS, place="isoflop")
    curves = _curves(posterior, amounts, {**fixed, over: grid}, over, spend)
    figure, ax = style.axes(ax, (4.6, 3.6))
    for place, (amount, (x, ends)) in enumerate(curves.items()):
        shade = str(0.62 * (1 - (place + 1) / len(curves))) if len(curves) > 1 else "0"
        ax.fill_between(x, ends.low, ends.high, **style.CREDIBLE)
        dash = _DASHES[place % len(_DASHES)]
        ax.plot(x, ends.median, color=shade, lw=1.4, ls=dash, label=count(amount))
        best = int((np.argmin if law.optimum.sense == "min" else np.argmax)(ends.median))
        if 0 < best < len(x) - 1:
            ax.plot(x[best], ends.median[best], "o", color=style.PUBLISHED, ms=5, zorder=4)
        _runs(ax, posterior, over, amount, x, ends.median)
    style.count_axis(ax, grid)
    ax.set_xlim(grid[0], grid[-1])
    _limit(ax, [ends.median for _, ends in curves.values()])
    ax.set_xlabel(label(over))
    ax.set_ylabel(predicted(law.predicts, posterior.runs.loss_unit))
    ax.set_title(title(posterior, fixed))
    heading = f"FLOPs = {math(law.cost.formula)}; dots: best"
    ax.legend(title=heading, ncols=min(4, len(curves)), loc="upper center")
    return figure


def _curves(
    posterior: Posterior,
    amounts: Sequence[float],
    paid: Mapping[str, float | np.ndarray],
    over: str,
    spend: str,
) -> dict[float, tuple[np.ndarray, Interval]]:
    """The law along legal configurations that cost each amount, once the rest is paid."""
    cost, curves = posterior.law.cost, {}
    assert cost is not None
    for amount in amounts:
        columns = {name: np.broadcast_to(value, _POINTS) for name, value in paid.items()}
        rest = {name: columns[name] for name in cost.expression.names - {spend}}
        columns[spend] = affordable(cost.expression, rest, spend, amount)
        kept = legal(columns)
        if kept.any():
            value = posterior.evaluate({name: column[kept] for name, column in columns.items()})
            curves[amount] = columns[over][kept], interval(value)
    if not curves:
        raise RequestError(
            f"no legal {over} and {spend} cost any of these FLOPs",
            place="isoflop",
            remedy="Give other FLOPs, at= or span=",
        )
    return curves


def _runs(
    ax: Axes, posterior: Posterior, over: str, amount: float, x: np.ndarray, curve: np.ndarray
) -> None:
    """Runs near a curve's cost, moved to it by the law."""
    assert posterior.law.cost is not None
    cost, runs = posterior.law.cost.expression, posterior.runs
    spent, place = cost(runs.columns(cost.names)), runs.column(over)
    left = residuals(posterior)
    near = np.abs(np.log(spent / amount)) <= np.log(_NEAR)
    near &= (place >= x[0]) & (place <= x[-1]) & np.isfinite(left.median)
    height = np.interp(place[near], x, curve) * np.exp(left.median[near] * left.scale)
    if near.any():
        ax.plot(place[near], height, "o", **RUN_POINTS)


def _limit(ax: Axes, medians: list[np.ndarray]) -> None:
    """Curves rise without end at small sizes: show four times what lies between their lowest."""
    lows = [float(np.nanmin(median)) for median in medians]
    highs = [float(np.nanmax(median)) for median in medians]
    reach = min(max(highs), max(lows) + 1.2 * max(np.ptp(lows), 0.1 * max(lows)))
    # A third above the curves belongs to the legend.
    ax.set_ylim(min(lows) - 0.05 * (reach - min(lows)), reach + 0.35 * (reach - min(lows)))
