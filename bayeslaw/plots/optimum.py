"""The best configuration: its posterior, its flatness, and how it moves with the budget."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.cheapest import Cheapest
from bayeslaw.optimum.frontier import Frontier
from bayeslaw.optimum.quantity import OptimumQuantity
from bayeslaw.optimum.result import Optimum
from bayeslaw.plots import style
from bayeslaw.plots.labels import at_values, best, count, label, math, percent, regret_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Draws that differ by such a factor are drawn on a logarithmic axis.
_WIDE = 10.0
# Logarithms of ratios that differ by less are rounding.
_SAME = 1e-6


@style.picture
@public
def optimum(answers: Optimum | Sequence[Optimum], *, ax: Axes | None = None) -> Figure:
    """Draw the posterior of every optimal quantity, one row of panels for each optimum.

    Parameters
    ----------
    answers : Optimum or sequence of Optimum
        Optima of the same quantities.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Densities with their interval, the prior's interval as a dashed bar, the published optimum
        as a line, and the share of draws without optimum as text; on a logarithmic axis where 90%
        of the draws differ more than tenfold. Where most draws have the optimum at a bound,
        a bar as high as their share stands there. Of quantities that are multiples of each other,
        such as N_a/N and N_a at a fixed N, the first is drawn.

    Raises
    ------
    RequestError
        If there is no optimum.
    """
    optima = [answers] if isinstance(answers, Optimum) else list(answers)
    if not optima:
        raise RequestError("no optimum is given", place="plots.optimum", remedy="Give one or more")
    names = _distinct(optima)
    blocks = len(optima)
    figure, canvas, panels = style.panels_for(ax, len(names), (2.7, 2.0), (0, 0.5), blocks=blocks)
    pairs = itertools.product(optima, names)
    for (answer, name), panel in zip(pairs, panels, strict=True):
        quantity = answer.quantities[name]
        _panel(panel, name, quantity, f"posterior, {percent(answer.ci_prob)} interval")
        status = " (prior only)" if quantity.status == "prior_only" else ""
        size = {key: value for key, value in answer.at.items() if key == "N"}
        panel.set_title(f"optimal {best(name)}{status}{at_values(size)}")
    style.legend(canvas, min(3, len(names)))
    return figure


def _distinct(optima: Sequence[Optimum]) -> list[str]:
    """Quantities without those whose draws are a multiple of another's, such as N_a of N_a/N."""
    kept: list[str] = []
    for name in optima[0].quantities:
        if not any(all(_multiple(o, name, other) for o in optima) for other in kept):
            kept.append(name)
    return kept


def _multiple(optimum: Optimum, name: str, other: str) -> bool:
    """Whether the draws of one quantity are a multiple of another's that varies."""
    one, two = optimum.draws[name], optimum.draws[other]
    with np.errstate(all="ignore"):
        logs = np.log(np.stack([two, one / two]))
    if not np.isfinite(logs).all():
        return False
    spread, ratio = np.ptp(logs, axis=1)
    return bool(spread > _SAME > ratio)


def _panel(panel: Axes, name: str, quantity: OptimumQuantity, label: str) -> None:
    published = quantity.published
    shown = [published] if published is not None and np.isfinite(published) else []
    shares = {kind: share for kind, share in quantity.shares.items() if share}
    finite = quantity.draws[np.isfinite(quantity.draws)]
    low, high = np.quantile(finite, [0.05, 0.95]) if len(finite) else (0.0, 0.0)
    logarithmic = quantity.status != "at_bound" and high > _WIDE * low > 0
    on_axis = np.log10 if logarithmic else np.asarray
    also = on_axis(shown)
    if quantity.status == "at_bound" and np.isfinite(quantity.median):
        _bound(panel, quantity, style.support_of(name))
        shares.pop("at_bound", None)
    else:
        with np.errstate(divide="ignore"):
            low, high = on_axis([quantity.low, quantity.high])
            prior = on_axis([quantity.prior_low, quantity.prior_high])
            support, draws = on_axis(style.support_of(name)), on_axis(quantity.draws)
        style.posterior_panel(
            panel, draws, (low, high), also=also, label=label, support=(support[0], support[1])
        )
        ends = panel.get_xlim()
        prior = np.clip(prior, *ends)
        label = "prior's interval, where in view"
        panel.plot(prior, [-0.06, -0.06], label=label, **{**style.PRIOR_LINE, "lw": 1.5})
        panel.set_xlim(*ends)
    panel.set_ylim(-0.12, 1.12)
    if len(also):
        panel.axvline(also[0], label="published coefficients", **style.PUBLISHED_LINE)
    text = "\n".join(
        f"{percent(share)} {kind.replace('_', ' ')}"
        for kind, share in shares.items()
        if kind != "interior"
    )
    panel.text(0.98, 0.95, text, transform=panel.transAxes, ha="right", va="top", size=8)
    if logarithmic:
        panel.locator_params(axis="x", nbins=3)
    panel.xaxis.set_major_formatter(
        lambda value, _: count(float(f"{10**value:.2g}") if logarithmic else value)
    )


def _bound(panel: Axes, quantity: OptimumQuantity, support: style.Support) -> None:
    """An optimum that most draws have at a bound, as a bar in the middle of an axis."""
    value = quantity.median
    draws = quantity.draws[np.isfinite(quantity.draws)]
    width = max(1.2 * float(np.abs(draws - value).max(initial=0.0)), 0.05 * abs(value), 1e-12)
    share = quantity.shares.get("at_bound", 1.0)
    look: style.Look = {"color": style.POSTERIOR, "alpha": 0.6, "lw": 0}
    panel.bar(value, share, width=0.06 * width, **look)
    text = f"{percent(share)} of draws\nat the bound {count(value)}"
    last = value >= support[1]
    look = {"textcoords": "offset points", "va": "top", "ha": "right" if last else "left"}
    panel.annotate(text, (value, 0.8), xytext=(-8 if last else 8, 0), size=8, **look)
    style.without_height(panel)
    panel.set_yticks([])
    panel.set_xlim(max(value - width, support[0]), min(value + width, support[1]))
    panel.locator_params(axis="x", nbins=4)


@style.picture
@public
def regret(answer: Optimum, *, ax: Axes | None = None) -> Figure:
    """Draw the cost of leaving the optimum, one variable at a time, the near-optimal set shaded.

    Parameters
    ----------
    answer : Optimum
        An optimum.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each variable: expected regret, the tolerated regret, and the values whose
        regret stays below it with the probability asked for.

    Raises
    ------
    RequestError
        If no draw has an optimum.
    """
    if not answer.near_optimal:
        raise RequestError("no draw has an optimum", place="plots.regret")
    figure, canvas, panels = style.panels_for(ax, len(answer.near_optimal), (2.9, 2.3), (0, 0.7))
    unit = regret_unit(answer.predicts)
    for (name, near), panel in zip(answer.near_optimal.items(), panels, strict=True):
        limit = f"{near.regret_tolerance:g} {unit}"
        known = np.isfinite(near.regret)
        panel.plot(near.values[known], near.regret[known], label="expected regret", **style.MEDIAN)
        panel.axhline(near.regret_tolerance, label=limit, **style.PUBLISHED_LINE)
        if np.isfinite(near.low):
            label = f"below {limit} with probability {near.ci_prob:g}"
            panel.axvspan(near.low, near.high, label=label, **{**style.CREDIBLE, "alpha": 0.15})
        panel.set_ylim(0, max(6 * near.regret_tolerance, 4 * float(near.regret[known].min())))
        style.count_axis(panel, near.values)
        panel.locator_params(axis="y", nbins=4)
        panel.set_title(math(name))
    canvas.supylabel(f"expected regret [{unit}]", fontsize=9)
    style.legend(canvas)
    return figure


@style.picture
@public
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
        A panel for each quantity: medians, bands, the published optimum; shaded beyond the largest
        run. The title lists the caps.
    """
    first = answer.optima[0]
    names, flops = list(first.quantities), answer.flops
    figure, canvas, panels = style.panels_for(ax, len(names), (2.9, 2.3), (0, 0.7), sharex=True)
    for name, panel in zip(names, panels, strict=True):
        quantities = (optimum.quantities[name] for optimum in answer.optima)
        low, median, high, published = style.columns(quantities)
        panel.plot(flops, median, marker="o", ms=3, label="median", **style.MEDIAN)
        interval = f"{percent(first.ci_prob)} interval"
        panel.fill_between(flops, low, high, label=interval, **style.CREDIBLE)
        if np.isfinite(published).all():
            panel.plot(flops, published, label="published coefficients", **style.PUBLISHED_LINE)
        if answer.largest_run_cost is not None and flops[0] < answer.largest_run_cost < flops[-1]:
            panel.axvspan(
                answer.largest_run_cost, flops[-1], label="beyond the largest run", **style.FAR
            )
        panel.set_xscale("log")
        ends = np.concatenate([low, high])
        style.count_axis(panel, ends[np.isfinite(ends)], which="y")
        panel.set_title(f"optimal {best(name)}")
    spent = "lifetime FLOPs" if first.budget.inference_tokens else "training FLOPs"
    for panel in panels[-3:]:
        panel.set_xlabel(spent)
    caps = [f"{math(cap.expression.text)} ≤ {count(cap.limit)}" for cap in first.budget.limits]
    canvas.suptitle(f"Optimum by budget, with {', '.join(caps) or 'no caps'}")
    style.legend(canvas, columns=4)
    return figure


@style.picture
@public
def target(answer: Cheapest, *, ax: Axes | None = None) -> Figure:
    """Draw the law's value at the cheapest configuration against the target.

    Parameters
    ----------
    answer : Cheapest
        The cheapest configuration that reaches a target.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        The density of the law's value, filled where it reaches the target.
    """
    figure, ax = style.axes(ax, (4.2, 2.8))
    draws = answer.predicted_draws[np.isfinite(answer.predicted_draws)]
    grid = style.grid_of(draws, [answer.target], 0.1)
    height = style.density(draws, grid)
    height /= height.max()
    ax.plot(grid, height, color=style.POSTERIOR, lw=1.2)
    reached = grid <= answer.target
    text = f"reaches it: {percent(answer.reached)}"
    look: style.Look = {"color": style.POSTERIOR, "alpha": 0.35, "lw": 0, "label": text}
    ax.fill_between(grid[reached], height[reached], **look)
    ax.axvline(answer.target, label=f"target {answer.target:g}", **style.PUBLISHED_LINE)
    style.without_height(ax)
    ax.set_yticks([])
    ax.set_ylim(0, 1.35)
    ax.set_xlabel(label(answer.predicts))
    ax.set_title(f"the cheapest configuration costs {count(answer.cost)}")
    ax.legend(loc="upper left", ncols=2)
    return figure
