"""Laws side by side, and a law beside itself under a constraint."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.nested import NestedComparison
from bayeslaw.comparison.ranking import DISTINGUISHED
from bayeslaw.comparison.restriction import Restricted
from bayeslaw.comparison.result import Comparison
from bayeslaw.core.calls import public
from bayeslaw.plots import style
from bayeslaw.plots.labels import math, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Ticks of the axis of differences beyond its linear part, where all is as good as the best.
_STEPS = (10.0, 100.0, 1000.0, 10000.0, 100000.0)


@style.picture
@public
def comparison(answer: Comparison, *, ax: Axes | None = None) -> Figure:
    """Draw differences of predictive density, stacking weights, and errors beyond the runs.

    Parameters
    ----------
    answer : Comparison
        A comparison.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        For half a page, in panels below each other: differences to the best law with one standard
        error, on an axis that is logarithmic beyond what is distinguished; weights from runs left
        out (filled) and from larger runs held out (hollow); the continuous ranked probability score
        of larger runs by their distance. The last is left out where no run was held out.
    """
    laws = list(answer.frame.index)
    styles = style.law_styles(laws)
    beyond = len(answer.extrapolation) > 0
    row = 0.3 * len(laws) + 0.75
    heights = [row, row, 2.3] if beyond else [row, row]
    figure, canvas = style.canvas(ax, (4.0, sum(heights) + 0.1))
    panels = style.panels(canvas, len(heights), 1, height_ratios=heights)
    _differences(panels[0], answer, styles)
    _weights(panels[1], answer, styles, beyond)
    for panel in panels[:2]:
        style.rows_of(panel, [textwrap.shorten(law, 30, placeholder="...") for law in laws])
    if beyond:
        _distances(panels[2], answer, styles)
    return figure


def _differences(panel: Axes, answer: Comparison, styles: dict[str, tuple[str, str]]) -> None:
    values, errors = answer.frame["elpd_diff"], answer.frame["diff_se"].fillna(0.0)
    panel.axvspan(-DISTINGUISHED, DISTINGUISHED, color="#eeeeee", lw=0, zorder=0)
    panel.axvline(0.0, color=style.PRIOR, lw=0.8, zorder=1)
    for place, law in enumerate(answer.frame.index):
        colour, marker = styles[law]
        look: style.Look = {"color": colour, "marker": marker, "ms": 5, "capsize": 2}
        panel.errorbar(values[law], place, xerr=errors[law], **look)
    panel.set_xscale("symlog", linthresh=DISTINGUISHED, linscale=0.8)
    # The density of a law that excludes a run is infinitely worse, and off the picture.
    shown = np.isfinite(values)
    lowest = float((values - errors)[shown].min())
    marks = [-step for step in _STEPS if step <= max(-lowest, _STEPS[0])]
    panel.set_xticks([*marks[::-1], -DISTINGUISHED, 0.0], minor=False)
    panel.set_xticks([], minor=True)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    highest = float((values + errors)[shown].max())
    panel.set_xlim(1.3 * min(lowest, -_STEPS[0]), max(1.3 * highest, 1.5))
    left = "groups" if answer.leave == "group" else "runs"
    panel.set_xlabel(
        f"difference in log density [nats],\n{left} left out (grey: not distinguished)"
    )


def _weights(
    panel: Axes, answer: Comparison, styles: dict[str, tuple[str, str]], beyond: bool
) -> None:
    height = 0.36 if beyond else 0.6
    for place, law in enumerate(answer.frame.index):
        colour, _ = styles[law]
        shift = -height / 2 if beyond else 0.0
        panel.barh(place + shift, answer.weights[law], height, color=colour, edgecolor=colour)
        if beyond:
            weight = answer.extrapolation_weights[law]
            panel.barh(place - shift, weight, height, color="none", edgecolor=colour)
    panel.set_xlim(0, 1.02)
    kinds = "\n(filled: left out, hollow: larger runs)" if beyond else ""
    panel.set_xlabel(f"stacking weight{kinds}")


def _distances(panel: Axes, answer: Comparison, styles: dict[str, tuple[str, str]]) -> None:
    for place, law in enumerate(answer.frame.index):
        rows = answer.extrapolation[answer.extrapolation["law"] == law]
        rows = rows.sort_values("extrapolation_factor")
        colour, marker = styles[law]
        # Laws that predict alike lie on each other: the first shows around the next.
        size = max(8.5 - 1.5 * place, 4)
        look: style.Look = {"color": colour, "marker": marker, "ms": size, "lw": size / 4}
        panel.plot(rows["extrapolation_factor"], rows["crps"], **look)
    style.count_axis(panel, answer.extrapolation["extrapolation_factor"].to_numpy())
    scores = answer.extrapolation["crps"].to_numpy()
    if np.isfinite(scores).any():
        style.count_axis(panel, scores[np.isfinite(scores)], which="y")
    panel.set_xlabel(
        f"{math(answer.over)} of the runs held out,\nmedian over the largest fitted to"
    )
    panel.set_ylabel(f"CRPS of log {answer.predicts}\n(less is better)")


@style.picture
@public
def nested(answer: NestedComparison, *, ax: Axes | None = None) -> Figure:
    """Draw the posterior of what a constraint fixes, and how the runs are predicted under it.

    Parameters
    ----------
    answer : NestedComparison
        A law compared with itself under a constraint.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each parameter that the constraint fixes: posterior and prior of the free law to
        one scale (the prior unless it is too flat to be seen), the interval as a bar, and the value
        under the constraint as a line. Below them the difference of log predictive density, of what
        was left out with one standard error and, hollow, of each cut of larger runs; within the
        grey nothing is distinguished.
    """
    many = len(answer.restricted)
    height = 0.28 * (1 + len(answer.extrapolation)) + 0.75
    figure, canvas = style.canvas(ax, (max(4.2, 2.4 * many), 1.9 + height))
    grid = canvas.add_gridspec(2, 1, height_ratios=[1.6, height])
    label = f"posterior, {percent(answer.comparison.ci_prob)} interval"
    upper = grid[0].subgridspec(1, many)
    for place, (name, restricted) in enumerate(answer.restricted.items()):
        panel = canvas.add_subplot(upper[place])
        _posterior(panel, restricted, label)
        informed_by = "" if restricted.informed_by == "runs" else f" ({restricted.informed_by})"
        panel.set_title(f"{math(name)}{informed_by}")
    _costs(canvas.add_subplot(grid[1]), answer)
    for panel in canvas.axes:
        style.without_height(panel)
        panel.tick_params(labelsize=8)
    style.legend(canvas)
    canvas.suptitle(f"{answer.law}: {answer.constraint}?\nthe law under it: {answer.verdict}")
    return figure


def _posterior(panel: Axes, restricted: Restricted, label: str) -> None:
    ends = (restricted.low, restricted.high)
    prior = restricted.prior[np.isfinite(restricted.prior)]
    positive = restricted.draws.min() > 0 and prior.min() > 0
    support = (0.0, np.inf) if positive else style.EVERYWHERE
    style.posterior_panel(
        panel,
        restricted.draws,
        ends,
        also=[restricted.value],
        label=label,
        support=support,
        prior=prior,
    )
    panel.axvline(restricted.value, label="constraint", **style.PUBLISHED_LINE)


def _costs(panel: Axes, answer: NestedComparison) -> None:
    left = "groups" if answer.comparison.leave == "group" else "runs"
    names = [f"{left} left out", *(f"{cut} held out" for cut in answer.extrapolation["cut"])]
    panel.axvspan(-DISTINGUISHED, DISTINGUISHED, color="#eeeeee", lw=0, zorder=0)
    panel.axvline(0.0, color=style.PRIOR, lw=0.8, zorder=1)
    # One group or cut alone has no standard error.
    values = np.append(answer.difference, answer.extrapolation["difference"].astype(float))
    errors = np.nan_to_num(
        np.append(answer.difference_se, answer.extrapolation["error"].astype(float))
    )
    look: style.Look = {"fmt": "o", "color": style.POSTERIOR, "ms": 5, "capsize": 2}
    panel.errorbar(values[0], 0, xerr=errors[0], **look)
    panel.errorbar(values[1:], range(1, len(values)), xerr=errors[1:], mfc="none", **look)
    ends = np.abs(np.concatenate([values - errors, values + errors]))
    reach = 1.2 * max(ends[np.isfinite(ends)].max(), 2 * DISTINGUISHED)
    panel.set_xlim(-reach, reach)
    style.rows_of(panel, names)
    panel.set_xlabel(
        "difference in log density [nats]\n(below zero: worse; grey: not distinguished)"
    )
