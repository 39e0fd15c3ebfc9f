"""Laws side by side: how they predict runs left out, and larger runs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.ranking import DISTINGUISHED
from bayeslaw.comparison.result import Comparison
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALL = 8
# The axis of differences is linear so far, where all is as good as the best.
_STEPS = (10.0, 100.0, 1000.0, 10000.0, 100000.0)


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
        of larger runs by their distance. The last is left out where nothing was held out.
    """
    laws = list(answer.frame.index)
    styles = style.law_styles(laws)
    beyond = len(answer.extrapolation) > 0
    names = [textwrap.shorten(str(law), 30, placeholder="...") for law in laws]
    row = 0.3 * len(laws) + 0.75
    heights = [row, row, 2.3] if beyond else [row, row]
    figure, canvas = style.canvas(ax, figsize=(4.0, sum(heights) + 0.1))
    panels = canvas.subplots(len(heights), 1, height_ratios=heights)
    _differences(panels[0], answer, styles)
    _weights(panels[1], answer, styles, beyond)
    for panel in panels[:2]:
        panel.set_yticks(np.arange(len(laws)), names)
        panel.set_ylim(len(laws) - 0.4, -0.6)
        panel.tick_params(axis="y", length=0)
    if beyond:
        _distances(panels[2], answer, styles)
    for panel in panels:
        panel.spines[["right", "top"]].set_visible(False)
        panel.tick_params(labelsize=_SMALL)
        panel.xaxis.label.set_size(_SMALL + 0.5)
        panel.yaxis.label.set_size(_SMALL + 0.5)
    return figure


def _differences(panel: Axes, answer: Comparison, styles: dict[str, tuple[str, str]]) -> None:
    values, errors = answer.frame["elpd_diff"], answer.frame["diff_se"].fillna(0.0)
    panel.axvspan(-DISTINGUISHED, DISTINGUISHED, color="#eeeeee", lw=0, zorder=0)
    panel.axvline(0.0, color=style.PRIOR, lw=0.8, zorder=1)
    for place, law in enumerate(answer.frame.index):
        colour, marker = styles[law]
        panel.errorbar(
            values[law], place, xerr=errors[law], color=colour, marker=marker, ms=5, capsize=2
        )
    panel.set_xscale("symlog", linthresh=DISTINGUISHED, linscale=0.8)
    # A law that thinks a run impossible is infinitely worse, and off the picture.
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
    said = "\n(filled: left out, hollow: larger runs)" if beyond else ""
    panel.set_xlabel(f"stacking weight{said}")


def _distances(panel: Axes, answer: Comparison, styles: dict[str, tuple[str, str]]) -> None:
    for place, law in enumerate(answer.frame.index):
        rows = answer.extrapolation[answer.extrapolation["law"] == law].sort_values(
            "extrapolation_factor"
        )
        colour, marker = styles[law]
        # Laws that predict alike lie on each other: the first shows around the next.
        size = max(8.5 - 1.5 * place, 4)
        panel.plot(
            rows["extrapolation_factor"],
            rows["crps"],
            color=colour,
            marker=marker,
            ms=size,
            lw=size / 4,
        )
    distances = answer.extrapolation["extrapolation_factor"].to_numpy()
    style.count_axis(panel, distances)
    scores = answer.extrapolation["crps"].to_numpy()
    if np.isfinite(scores).any():
        style.count_axis(panel, scores[np.isfinite(scores)], which="y")
    panel.set_xlabel(f"{answer.over} of the runs held out,\nmedian over the largest fitted to")
    panel.set_ylabel(f"CRPS of log {answer.predicts}\n(less is better)")
