"""The law's value over two variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.plots import style
from bayeslaw.plots.slices import grid_of, held, legal, span_of, where
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

_POINTS = 41


def contours(
    posterior: Posterior,
    x: str,
    y: str,
    *,
    at: Mapping[str, float] | None = None,
    x_span: tuple[float, float] | None = None,
    y_span: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw lines of equal loss over two variables, and of equal training FLOPs.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    x, y : str
        Variables of the law.
    at : mapping, optional
        The others; those not named stand at the reference run, as the picture says.
    x_span, y_span : tuple of float, optional
        Ends of the axes; the runs' own range and a factor of 3 on both sides unless given.
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
    law = posterior.law
    if x == y:
        raise RequestError(f"x and y are both {x}", place="contours", remedy="Name two variables")
    fixed = held(posterior, (x, y), at, place="contours")
    across = grid_of(x, span_of(posterior, x, x_span), _POINTS)
    up = grid_of(y, span_of(posterior, y, y_span), _POINTS)
    wide, high = np.meshgrid(across, up)
    columns = {name: np.full(wide.shape, value) for name, value in fixed.items()}
    columns |= {x: wide, y: high}
    kept = legal(columns)
    if not kept.any():
        raise RequestError(f"no legal pair of {x} and {y} over those spans", place="contours")
    predicted = posterior.predict({name: values[kept] for name, values in columns.items()})
    value = np.full(wide.shape, np.nan)
    value[kept] = predicted["median"]
    ax = style.axes(ax, figsize=(4.6, 4.0))
    levels = _levels(value[kept])
    better = "Blues_r" if law.optimum.sense == "min" else "Blues"
    ax.contourf(across, up, value, levels=30, cmap=better, alpha=0.4, zorder=0, antialiased=True)
    lines = ax.contour(across, up, value, levels=levels, colors=style.RUNS, linewidths=0.9)
    for name, values, which in ((x, across, "x"), (y, up, "y")):
        style.count_axis(ax, values, which=which)
        (ax.set_xlabel if which == "x" else ax.set_ylabel)(style.label(name), size=9)
    ax.set_xlim(across[0], across[-1])
    ax.set_ylim(up[0], up[-1])
    taken: list[np.ndarray] = []
    _labels(ax, lines, taken)
    handles = [_handle(color=style.RUNS, lw=0.9, label=_named(posterior))]
    cost = None if law.cost is None else law.cost.expression
    if cost is not None and {x, y} & cost.names and cost.names <= set(columns):
        flops = np.where(kept, cost({name: columns[name] for name in cost.names}), np.nan)
        decades = _decades(flops[kept])
        equal = ax.contour(
            across,
            up,
            flops,
            levels=decades,
            colors=style.PUBLISHED,
            linewidths=1.2,
            linestyles="dashed",
        )
        _labels(ax, equal, taken, fmt=style.count)
        handles.append(_handle(color=style.PUBLISHED, lw=1.2, ls="--", label="training FLOPs"))
    seen = posterior.runs.columns((x, y))
    ax.plot(seen[x], seen[y], ".", color=style.RUNS, ms=2.5, alpha=0.45, zorder=2)
    handles.append(_handle(color=style.RUNS, marker=".", ls="", label="runs"))
    said = where(posterior, fixed)
    ax.set_title(f"{law.name}{' at\n' + said if said else ''}", fontsize=9)
    ax.tick_params(labelsize=8)
    figure = ax.get_figure(root=True)
    assert figure is not None
    # Below the axes, where it covers no contour.
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=3,
        fontsize=7.5,
        frameon=False,
    )
    return figure


def _labels(ax: Axes, lines: QuadContourSet, taken: list[np.ndarray], **how: Any) -> None:
    """A label on each line, away from those that are taken, readable over points and lines."""
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
    for text in ax.clabel(lines, fontsize=7.5, manual=places, **how):
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
        text.set_zorder(5)


def _handle(**how: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], **how)


def _named(posterior: Posterior) -> str:
    predicts, unit = posterior.law.predicts, posterior.runs.loss_unit
    return f"{predicts}, {unit} per token" if predicts == "loss" else predicts


def _levels(values: np.ndarray) -> np.ndarray:
    """Round values that are spread evenly over the picture's area and not over its range."""
    ends = np.quantile(values, np.linspace(0.06, 0.94, 7))
    digits = max(0, 2 - int(np.floor(np.log10(max(np.ptp(ends), 1e-12)))))
    return np.unique(np.round(ends, min(digits, 12)))


def _decades(flops: np.ndarray) -> np.ndarray:
    low, high = np.log10(flops[flops > 0].min()), np.log10(flops.max())
    return np.asarray(10.0 ** np.arange(np.ceil(low), np.floor(high) + 1))
