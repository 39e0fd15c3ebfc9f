"""The law's value over two variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.plots import style
from bayeslaw.plots.labels import count, label, predicted as value_label
from bayeslaw.plots.slices import Span, axis_grid, fixed_values, legal, title
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

_POINTS = 41


@style.picture
@public
def contours(
    posterior: Posterior,
    x: str,
    y: str,
    *,
    at: Mapping[str, float | str] | None = None,
    x_span: Span | None = None,
    y_span: Span | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw lines of equal loss over two variables, and of equal training FLOPs.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    x, y : str
        Variables of the law.
    at, x_span, y_span : mapping, tuple of float, optional
        As ``at`` and ``span`` for ``band``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        The posterior's median of the law as labelled contours, darker where it is better; decades
        of FLOPs under the law's own cost as dashed lines, where it has one that x or y enters; the
        runs as points. What no run can be, such as N_a above N, stays empty.

    Raises
    ------
    RequestError
        If the variables do not fit the law, or no configuration is legal.
    """
    law, runs = posterior.law, posterior.runs
    if x == y:
        raise RequestError(f"x and y are both {x}", place="contours", remedy="Name two variables")
    fixed = fixed_values(posterior, (x, y), at, place="contours")
    across = axis_grid(runs.column(x), x, x_span, _POINTS, place="contours")
    up = axis_grid(runs.column(y), y, y_span, _POINTS, place="contours")
    x_grid, y_grid = np.meshgrid(across, up)
    columns = {name: np.full(x_grid.shape, value) for name, value in fixed.items()}
    columns |= {x: x_grid, y: y_grid}
    kept = legal(columns)
    if not kept.any():
        raise RequestError(f"no legal pair of {x} and {y} over those spans", place="contours")
    predicted = posterior.predict({name: values[kept] for name, values in columns.items()})
    value = np.full(x_grid.shape, np.nan)
    value[kept] = predicted["median"]
    figure, ax = style.axes(ax, (4.6, 4.0), frame=True)
    better = "Blues_r" if law.optimum.sense == "min" else "Blues"
    ax.contourf(across, up, value, levels=30, cmap=better, alpha=0.4, zorder=0, antialiased=True)
    levels = _levels(value[kept])
    lines = ax.contour(across, up, value, levels=levels, colors=style.RUNS, linewidths=0.9)
    for name, values, which in ((x, across, "x"), (y, up, "y")):
        style.count_axis(ax, values, which=which)
        ax.set(**{f"{which}label": label(name), f"{which}lim": (values[0], values[-1])})
    taken: list[np.ndarray] = []
    _labels(ax, lines, taken)
    # Contours have no entry in a legend of their own.
    ax.plot([], [], color=style.RUNS, lw=0.9, label=value_label(law.predicts, runs.loss_unit))
    cost = None if law.cost is None else law.cost.expression
    if cost is not None and {x, y} & cost.names and cost.names <= set(columns):
        flops = np.where(kept, cost({name: columns[name] for name in cost.names}), np.nan)
        look: style.Look = {"colors": style.PUBLISHED, "linewidths": 1.2, "linestyles": "dashed"}
        equal = ax.contour(across, up, flops, levels=_decades(flops[kept]), **look)
        _labels(ax, equal, taken, fmt=count)
        ax.plot([], [], color=style.PUBLISHED, lw=1.2, ls="--", label="training FLOPs")
    dots: style.Look = {"color": style.RUNS, "ms": 2.5, "alpha": 0.45, "zorder": 2, "label": "runs"}
    ax.plot(runs.column(x), runs.column(y), ".", **dots)
    ax.set_title(title(posterior, fixed))
    # Below the axes, where it covers no contour.
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, markerscale=2)
    return figure


def _labels(ax: Axes, lines: QuadContourSet, taken: list[np.ndarray], **options: Any) -> None:
    """A label on each line, away from those placed before, readable over points and lines."""
    from matplotlib.patheffects import withStroke

    places = []
    for path in lines.get_paths():
        # As shares of the axes.
        vertices = np.asarray(path.vertices)
        spots = ax.transAxes.inverted().transform(ax.transData.transform(vertices))
        inside = np.all(np.abs(spots - 0.5) < 0.42, axis=1)
        if not inside.any():
            continue
        spots = spots[inside]
        worth = -0.2 * np.linalg.norm(spots - 0.5, axis=1)
        if taken:
            apart = np.linalg.norm(spots[:, None] - np.array(taken), axis=2).min(axis=1)
            worth += np.minimum(apart, 0.25)
        best = int(np.argmax(worth))
        taken.append(spots[best])
        places.append(vertices[inside][best])
    if not places:
        return
    for text in ax.clabel(lines, fontsize=7.5, manual=places, **options):
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
        text.set_zorder(5)


def _levels(values: np.ndarray) -> np.ndarray:
    """Round values that are spread evenly over the picture's area and not over its range."""
    ends = np.quantile(values, np.linspace(0.06, 0.94, 7))
    digits = max(0, 2 - int(np.floor(np.log10(max(np.ptp(ends), 1e-12)))))
    return np.unique(np.round(ends, min(digits, 12)))


def _decades(flops: np.ndarray) -> np.ndarray:
    low, high = np.log10(flops[flops > 0].min()), np.log10(flops.max())
    return np.asarray(10.0 ** np.arange(np.ceil(low), np.floor(high) + 1))
