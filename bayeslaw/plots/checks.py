"""Whether intervals hold what they should: on the runs, on larger runs, and on simulated tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.calibrate.result import OFF, Calibration
from bayeslaw.checks.predictive import PosteriorPredictiveCheck
from bayeslaw.checks.rolling_origin import RollingOrigin, widening
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.plots import style
from bayeslaw.plots.labels import count, math, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.picture
@public
def predictive(answer: PosteriorPredictiveCheck, *, ax: Axes | None = None) -> Figure:
    """Draw the share of runs outside their predictive intervals, part by part.

    Parameters
    ----------
    answer : PosteriorPredictiveCheck
        A posterior predictive check.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A point for each part, hollow where the share exceeds what chance explains, before the band
        that chance explains and the expected share as a line.
    """
    figure, ax = style.axes(ax, (4.2, 2.9))
    table, expected = answer.frame, 1 - answer.ci_prob
    place = np.arange(len(table))
    few, many = table["few"] / table["runs"], table["many"] / table["runs"]
    chance = f"chance, {percent(answer.ci_prob)} for all parts"
    ax.bar(place, many - few, bottom=few, width=0.8, color="#dddddd", label=chance)
    ax.axhline(expected, label=f"expected, {percent(expected)}", **style.PRIOR_LINE)
    share = table["share"].to_numpy()
    usual = table["outside"].between(table["few"], table["many"]).to_numpy()
    style.two_kinds(ax, place, share, usual, ("runs outside", "more or fewer than chance"), 6)
    ends = [f"{count(low)}\nto {count(high)}" for low, high in table[["low", "high"]].to_numpy()]
    step = -(-len(ends) // 5)
    ax.set_xticks(place[::step], ends[::step])
    ax.set_ylim(0, 1.45 * float(max(share.max(), many.max())))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    ax.set(xlabel=f"runs ordered by {math(answer.over)}", ylabel="share of runs outside")
    ax.set_title(
        f"runs outside their {percent(answer.ci_prob)} predictive interval: "
        f"{100 * answer.share:.1f}%"
    )
    ax.legend(loc="upper left", ncols=2)
    return figure


@style.picture
@public
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
        A point for each prediction, above zero where the run exceeds its median. The grey band is
        the interval; the dashed lines are the interval as wide as it should have been.
    """
    figure, ax = style.axes(ax, (4.4, 3.0))
    rows = answer.rows
    beyond, inside = rows["extrapolation_factor"].to_numpy(), rows["inside"].to_numpy(dtype=bool)
    errors = np.sign(rows["error"].to_numpy()) * rows["ratio"].to_numpy()
    grid = np.geomspace(1.0 + 1e-9, max(float(beyond.max()), 2.0), 200)
    wide = widening(grid, answer.growth)
    ax.axhspan(-1, 1, color="#dddddd", lw=0, label=f"{percent(answer.ci_prob)} interval")
    ax.axhline(0, color=style.PRIOR, lw=0.8)
    if answer.growth > 0:
        label = f"wider by {answer.growth:.2g} a doubling"
        ax.plot(grid, wide, label=label, **style.PRIOR_LINE)
        ax.plot(grid, -wide, **style.PRIOR_LINE)
    shares = (inside.mean(), 1 - inside.mean())
    names = [f"{n}, {100 * s:.0f}%" for n, s in zip(("inside", "outside"), shares, strict=True)]
    style.two_kinds(ax, beyond, errors, inside, (names[0], names[1]), 3.5)
    most = float(np.nanmax(np.abs(errors[np.isfinite(errors)]), initial=1.0))
    top = 1.1 * max(most, float(wide.max()))
    ax.set_ylim(-top, 1.55 * top)
    ax.set_xscale("log")
    ax.set_xlabel(f"multiple of the largest run fitted to, in {math(answer.over)}")
    ax.set_ylabel("log measured over predicted\n[half intervals]")
    ax.set_title(f"larger runs predicted from {rows['origin'].nunique()} origins in the table")
    ax.legend(loc="upper left", ncols=2)
    return figure


# Of more, names and colours would not tell them apart.
_MOST_NAMES = 8


@style.picture
@public
def calibration(
    answer: Calibration, *, names: Iterable[str] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw a calibration.

    Parameters
    ----------
    answer : Calibration
        The calibration.
    names : iterable of str, optional
        Quantities to name; the rest is drawn in grey. By default the optima and the loss of a
        larger run, and whatever is not uniform.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        On the left how far the distribution function of the truths' places lies above that of
        uniform numbers, with the band in which all quantities together stay with 99% where
        intervals are right. On the right the share of intervals that hold the truth against their
        probability, with three standard errors either way.

    Raises
    ------
    RequestError
        If no fit counts, or there is no such quantity.
    """
    if not answer.quantities:
        raise RequestError(
            "no fit counts: there is nothing to draw",
            place="plots.calibration",
            remedy="See left_out for the reasons",
        )
    named = list(dict.fromkeys([*answer.first, *answer.nonuniform] if names is None else names))
    check_names(named, answer.quantities, "no quantity {!r}")
    figure, canvas = style.canvas(ax, (8.4, 3.6))
    left, right = style.panels(canvas, 1, 2)
    ecdf = answer.ecdf()
    if answer.ranked:
        left.fill_between(ecdf.index, ecdf["low"], ecdf["high"], step="mid", color="0.9", lw=0)
    probabilities = np.linspace(0.02, 0.98, 49)
    error = OFF * np.array([answer.coverage(answer.quantities[0], p)[1] for p in probabilities])
    right.fill_between(probabilities, -error, error, color="0.9", lw=0)
    colours = style.law_styles(named)
    for name in [*(n for n in answer.quantities if n not in named), *named]:
        shares = np.array([answer.coverage(name, p)[0] for p in probabilities])
        look: style.Look = {"color": "0.6", "lw": 0.6, "alpha": 0.6}
        if name in named:
            look = {"color": colours[name][0], "lw": 1.6}
        label = name if name in named[:_MOST_NAMES] else None
        left.plot(ecdf.index, ecdf[name], label=label, **look)
        right.plot(probabilities, shares - probabilities, **look)
    for panel, x, y in (
        (left, "probability that the fit gave to less than the truth", "ECDF less uniform"),
        (right, "probability of the interval", "share that holds the truth, less it"),
    ):
        panel.axhline(0, color="0.3", lw=0.8)
        panel.set(xlabel=x, ylabel=y, xlim=(0, 1))
    right.axvline(INTERVAL, color="0.3", lw=0.8, ls=":")
    if 0 < len(named) <= _MOST_NAMES:
        # Beside the curves: where they leave room differs from one calibration to the next.
        style.legend(canvas, columns=min(len(named), 4))
    canvas.suptitle(f"{answer.law}, {answer.tables} tables of {answer.runs} runs, {answer.truth}")
    return figure
