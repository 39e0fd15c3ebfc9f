"""Whether runs lie within what was predicted of them, from the smallest to the largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.predictive import PosteriorPredictiveCheck
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def predictive(answer: PosteriorPredictiveCheck, *, ax: Axes | None = None) -> Figure:
    """Draw the share of runs outside their predictive intervals, part by part.

    Parameters
    ----------
    answer : PosteriorPredictiveCheck
        A predictive check.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A point a part, hollow where chance does not reach it, before the band that chance stays in
        and the share that was promised as a line.
    """
    ax = style.axes(ax, figsize=(4.2, 2.9))
    table, promised = answer.frame, 1 - answer.ci_prob
    place = np.arange(len(table))
    few, many = table["few"] / table["runs"], table["many"] / table["runs"]
    ax.bar(
        place,
        many - few,
        bottom=few,
        width=0.8,
        color="#dddddd",
        label=f"chance, {100 * answer.ci_prob:g}% for all parts",
    )
    ax.axhline(promised, color=style.PRIOR, lw=1.2, ls="--", label=f"expected, {100 * promised:g}%")
    share = table["share"].to_numpy()
    odd = ((table["outside"] > table["many"]) | (table["outside"] < table["few"])).to_numpy()
    for chosen, face, colour, said in (
        (~odd, style.POSTERIOR, style.POSTERIOR, "runs outside"),
        (odd, "white", style.PUBLISHED, "more or fewer than chance"),
    ):
        if chosen.any():
            ax.plot(
                place[chosen],
                share[chosen],
                "o",
                color=colour,
                mfc=face,
                mew=1.6,
                ms=6,
                label=said,
            )
    ends = [
        f"{style.count(one['low'])}\nto {style.count(one['high'])}"
        for one in table.to_dict("records")
    ]
    step = -(-len(ends) // 5)
    ax.set_xticks(place[::step], ends[::step])
    top = float(max(share.max(), many.max()))
    ax.set_ylim(0, 1.45 * top)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    ax.set_xlabel(f"runs ordered by {answer.over}", size=9)
    ax.set_ylabel("share of runs outside", size=9)
    ax.set_title(
        f"runs outside their {100 * answer.ci_prob:g}% predictive interval: "
        f"{100 * answer.share:.1f}%",
        fontsize=9,
    )
    ax.legend(fontsize=7.5, frameon=False, loc="upper left", ncols=2)
    ax.spines[["right", "top"]].set_visible(False)
    ax.tick_params(labelsize=7.5)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
