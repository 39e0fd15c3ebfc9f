"""The best share of active parameters as models grow, and what was built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.answer import Optimum
from bayeslaw.plots import style
from bayeslaw.plots.real_models import REAL_MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHARE = "N_a/N"
# Names that stand below their points, clear of a neighbour's.
_BELOW = {"Mixtral 8x7B", "gpt-oss-120b", "Kimi K2"}


def active_share(
    answers: Sequence[Optimum],
    *,
    rule: str | None = None,
    largest: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the best N_a/N against N with its band, the published curve, and real models.

    Parameters
    ----------
    answers : sequence of Optimum
        Optima at two or more N: ``[bl.optimum(posterior, at={"N": N}) for N in ...]``.
    rule : str, optional
        An efficiency-aware rule of the answers to draw as well, such as "slope 0.4".
    largest : float, optional
        The largest N of the runs; what lies beyond it is shaded.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Medians and intervals as bands, the published optimum as a line; released models of
        ``real_models`` as labelled points, hollow where they have no shared expert.

    Raises
    ------
    RequestError
        If an answer has no N_a/N or no N, or there are fewer than two.
    """
    found = sorted(answers, key=_size)
    if len(found) < 2:
        raise RequestError(
            f"{len(found)} answers make no curve", place="active_share", remedy="Give several N"
        )
    sizes = np.array([_size(one) for one in found])
    ax = style.axes(ax, figsize=(4.8, 3.7))
    shown = np.append(sizes, [model.N for model in REAL_MODELS])
    # Room for the name of the largest.
    ends = shown.min() / 1.2, shown.max() * 2.2
    if largest is not None and largest < ends[1]:
        ax.axvspan(largest, ends[1], color="black", alpha=0.05, lw=0, label="beyond the runs")
    drawn = [("optimum", style.POSTERIOR, "-", [one.quantities[_SHARE] for one in found])]
    if rule is not None:
        for one in found:
            if rule not in one.rules:
                raise RequestError(
                    f"no rule {rule!r}",
                    place="active_share",
                    remedy=f"There are: {', '.join(one.rules) or 'none'}",
                )
        drawn.append((rule, "#009E73", "--", [one.rules[rule] for one in found]))
    for name, colour, dash, parts in drawn:
        low, median, high = (
            np.array([getattr(one, end) for one in parts]) for end in ("low", "median", "high")
        )
        ax.fill_between(sizes, low, high, color=colour, alpha=0.25, lw=0)
        said = f"{name}, {100 * found[0].probability:g}% interval"
        ax.plot(sizes, median, color=colour, lw=1.6, ls=dash, label=said)
    published = [one.quantities[_SHARE].published for one in found]
    if None not in published:
        values = np.array(published, dtype=float)
        ax.plot(sizes, values, color=style.PUBLISHED, lw=1.3, ls="-.", label="published")
    for model in REAL_MODELS:
        share, face = model.N_a / model.N, style.RUNS if model.shared else "white"
        ax.plot(model.N, share, "o", color=style.RUNS, mfc=face, ms=5, zorder=4)
        up = model.name not in _BELOW
        ax.annotate(
            f"{model.name} ({model.routed}+{model.shared})",
            (model.N, share),
            xytext=(0, 6 if up else -6),
            textcoords="offset points",
            ha="center",
            va="bottom" if up else "top",
            size=6.5,
            zorder=5,
        )
    ax.plot([], [], "o", color=style.RUNS, ms=5, label="released (routed+shared)")
    ax.set_yscale("log")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    ax.set_yticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
    ax.minorticks_off()
    ax.set_ylim(0.015, 3.0)
    style.count_axis(ax, shown)
    ax.set_xlim(*ends)
    ax.set_xlabel(style.label("N"), size=9)
    ax.set_ylabel("N_a/N: share of active parameters", size=9)
    ax.legend(fontsize=7, frameon=False, loc="upper center", ncols=2)
    ax.spines[["right", "top"]].set_visible(False)
    ax.tick_params(labelsize=8)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _size(answer: Optimum) -> float:
    if _SHARE not in answer.quantities or "N" not in answer.at:
        raise RequestError(
            "an answer has no N_a/N at a fixed N",
            place="active_share",
            remedy='Ask a law that knows N_a: bl.optimum(posterior, at={"N": 30e9})',
        )
    return answer.at["N"]
