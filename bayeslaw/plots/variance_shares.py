"""What makes a prediction uncertain, along an axis or run by run: stacked shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.plots import style
from bayeslaw.plots.slices import slice_along, title
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From the bottom to the top, each darker than the one below in greyscale too.
_PARTS = {"noise": "#dddddd", "misfit": "#E69F00", "coefficients": style.POSTERIOR}
_TOGETHER = "noise and misfit\n(no discrepancy\nwas fitted)"
_SPREADS = 5
# More rows than this have no room for their names.
_NAMED = 12


@style.picture
@public
def variance_shares(
    posterior: Posterior,
    over: str | Runs | pd.DataFrame | Mapping[str, Any],
    *,
    at: Mapping[str, float | str] | None = None,
    span: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the shares of coefficients, misfit and noise in a prediction's variance.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    over : str, Runs, DataFrame or mapping
        What varies, as for ``band``; or a table of planned runs, one bar a row in its own order,
        named by its index.
    at, span : mapping, tuple of float, optional
        As for ``band``. Not with a table.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Stacked shares of log loss as ``Posterior.variance_shares`` gives them: of squared half
        widths of central 68% intervals, which for normal distributions are variances, and which
        heavy tails leave finite. Without a discrepancy there is no part for misfit: noise contains
        it, as the legend says. Above the picture all sources together, as a percentage of the loss.
        Hatched beyond the runs.

    Raises
    ------
    RequestError
        If ``over``, ``at`` or ``span`` do not fit the law or each other.
    TableError
        If a row of the table has an impossible value.
    """
    if isinstance(over, str):
        figure, ax = _along(posterior, over, at, span, ax)
    elif at is None and span is None:
        figure, ax = _rows(posterior, over, ax)
    else:
        raise RequestError(
            "at= and span= with a table of runs",
            place="variance_shares",
            remedy="Give the runs alone, or a variable to vary",
        )
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    ax.set_ylabel("share of the predictive variance\n(squared half width of central 68%)")
    # Beside the picture, in the order of the stack.
    handles, labels = ax.get_legend_handles_labels()
    order = [*reversed(_PARTS), "beyond the runs", "runs"]
    entries = sorted(zip(labels, handles, strict=True), key=lambda entry: order.index(entry[0]))
    together = posterior.discrepancy is None
    texts = [_TOGETHER if together and text == "noise" else text for text, _ in entries]
    beside: style.Look = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
    ax.legend([handle for _, handle in entries], texts, **beside)
    return figure


def _along(
    posterior: Posterior,
    over: str,
    at: Mapping[str, float | str] | None,
    span: tuple[float, float] | None,
    ax: Axes | None,
) -> tuple[Figure, Axes]:
    axis = slice_along(posterior, over, at=at, span=span, place="variance_shares")
    table = posterior.variance_shares(axis.columns)
    figure, ax = style.axes(ax, (6.0, 3.6), frame=True)
    for name, bottom, share in _stacked(table):
        look: style.Look = {"facecolor": _PARTS[name], "edgecolor": "white", "lw": 0.6}
        ax.fill_between(axis.grid, bottom, bottom + share, label=name, **look)
    style.hatch(ax, axis.outside, 0.4, zorder=2.5)
    axis.finish(ax)
    places = np.linspace(0, len(axis.grid) - 1, 2 * _SPREADS + 1)[1::2].astype(int)
    _spreads(ax, axis.grid[places], table["spread"].to_numpy()[places])
    ax.set_title(title(posterior, axis.fixed))
    return figure, ax


def _rows(
    posterior: Posterior, planned: Runs | pd.DataFrame | Mapping[str, Any], ax: Axes | None
) -> tuple[Figure, Axes]:
    table = posterior.variance_shares(planned)
    place = np.arange(len(table))
    figure, ax = style.axes(ax, (max(5.0, min(9.0, 0.62 * len(table) + 2.8)), 3.6), frame=True)
    for name, bottom, share in _stacked(table):
        ax.bar(place, share, bottom=bottom, width=0.86, color=_PARTS[name], label=name)
    far = place[table["extrapolation_factor"].to_numpy() > 1]
    style.hatch(ax, [(float(row) - 0.43, float(row) + 0.43) for row in far], 0.4, zorder=2.5)
    step = -(-len(table) // _NAMED)
    ax.set_xticks(place[::step], [str(label) for label in table.index[::step]])
    ax.margins(x=0.01)
    ax.set_xlabel("planned runs")
    chosen = place[:: -(-len(table) // 8)]
    _spreads(ax, chosen.astype(float), table["spread"].to_numpy()[chosen])
    ax.set_title(f"{posterior.law.name}: {len(table)} runs")
    return figure, ax


def _stacked(table: pd.DataFrame) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Each part with where it starts and its share."""
    names = [name for name in _PARTS if name in table]
    tops = table[names].to_numpy().cumsum(axis=1)
    return [(n, tops[:, i] - table[n].to_numpy(), table[n].to_numpy()) for i, n in enumerate(names)]


def _spreads(ax: Axes, places: np.ndarray, spreads: np.ndarray) -> None:
    """All sources together, above the picture."""
    above = ax.secondary_xaxis("top")
    above.set_xticks(places, [f"±{f'{100 * spread:#.2g}'.rstrip('.')}%" for spread in spreads])
    above.minorticks_off()
    above.tick_params(labelsize=8)
    above.set_xlabel("all together: half width of 68% of losses", size=8)
