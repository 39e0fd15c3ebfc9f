"""What makes a prediction uncertain, along an axis or run by run: stacked shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.plots import style
from bayeslaw.plots.along import along
from bayeslaw.plots.slices import where
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


def variance_shares(
    posterior: Posterior,
    over: str | Runs | pd.DataFrame | Mapping[str, Any],
    *,
    at: Mapping[str, float] | None = None,
    span: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw which share of a prediction's variance coefficients, misfit and noise have.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    over : str, Runs, DataFrame or mapping
        What is varied, as ``band`` takes it; or a table of planned runs, one bar a row in its own
        order, named by its index.
    at : mapping, optional
        The other variables; those not named stand at the reference run, as the picture says. Not
        with a table.
    span : tuple of float, optional
        Ends of the axis; the runs' own range and a factor of 3 on both sides unless given. Not with
        a table.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Stacked shares of log loss as ``Posterior.variance_shares`` gives them: of squared half
        widths of central 68% intervals, which for normal distributions are variances, and which
        heavy tails leave finite. Without a discrepancy there is no part for misfit, and the legend
        says where it is. Above the picture all sources together, as a percentage of the loss.
        Hatched beyond the runs.

    Raises
    ------
    RequestError
        If ``over``, ``at`` or ``span`` do not fit the law or each other.
    TableError
        If a row of the table has an impossible value.
    """
    if isinstance(over, str):
        axis = along(posterior, over, at=at, span=span, place="variance_shares")
        table = posterior.variance_shares(axis.columns)
        ax = style.axes(ax, figsize=(6.0, 3.6))
        bottom = np.zeros(len(table))
        for name, colour in _kept(table):
            top = bottom + table[name].to_numpy()
            ax.fill_between(
                axis.grid, bottom, top, facecolor=colour, edgecolor="white", lw=0.6, label=name
            )
            bottom = top
        outside = axis.beyond
        axis.finish(ax, over)
        edges = np.linspace(0, len(axis.grid) - 1, 2 * _SPREADS + 1)[1::2].astype(int)
        _spreads(ax, axis.grid[edges], table["spread"].to_numpy()[edges])
        ax.set_title(f"{posterior.law.name} at\n{where(posterior, axis.fixed)}", fontsize=9)
    else:
        if at is not None or span is not None:
            raise RequestError(
                "at= and span= with a table of runs",
                place="variance_shares",
                remedy="Give the runs alone, or a variable that is varied",
            )
        table = posterior.variance_shares(over)
        place = np.arange(len(table))
        ax = style.axes(ax, figsize=(max(5.0, min(9.0, 0.62 * len(table) + 2.8)), 3.6))
        bottom = np.zeros(len(table))
        for name, colour in _kept(table):
            share = table[name].to_numpy()
            ax.bar(place, share, bottom=bottom, width=0.86, color=colour, label=name)
            bottom = bottom + share
        far = table["beyond"].to_numpy() > 1
        outside = [(float(one) - 0.43, float(one) + 0.43) for one in place[far]]
        step = -(-len(table) // _NAMED)
        ax.set_xticks(place[::step], [str(label) for label in table.index[::step]])
        ax.margins(x=0.01)
        ax.set_xlabel("planned runs")
        chosen = place[:: -(-len(table) // 8)]
        _spreads(ax, chosen.astype(float), table["spread"].to_numpy()[chosen])
        ax.set_title(f"{posterior.law.name}: {len(table)} runs", fontsize=9)
    words = iter(["beyond the runs"])  # further regions need no entry of their own
    for low, high in outside:
        ax.axvspan(
            low,
            high,
            facecolor="none",
            edgecolor=(0, 0, 0, 0.4),
            hatch="//",
            lw=0,
            zorder=2.5,
            label=next(words, None),
        )
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    ax.set_ylabel("share of the predictive variance\n(squared half width of central 68%)", size=9)
    _legend(ax, posterior.discrepancy is None)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _kept(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(name, colour) for name, colour in _PARTS.items() if name in table]


def _spreads(ax: Axes, places: np.ndarray, spreads: np.ndarray) -> None:
    """All sources together, above the picture."""
    above = ax.secondary_xaxis("top")
    above.set_xticks(places, [f"±{f'{100 * one:#.2g}'.rstrip('.')}%" for one in spreads])
    above.minorticks_off()
    above.tick_params(labelsize=8)
    above.set_xlabel("all together: half width of 68% of losses", size=8)


def _legend(ax: Axes, together: bool) -> None:
    """Beside the picture, in the order of the stack."""
    handles, labels = ax.get_legend_handles_labels()
    order = [*reversed(_PARTS), "beyond the runs", "runs"]
    found = sorted(zip(labels, handles, strict=True), key=lambda one: order.index(one[0]))
    said = [_TOGETHER if together and name == "noise" else name for name, _ in found]
    ax.legend(
        [handle for _, handle in found],
        said,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        fontsize=8,
        frameon=False,
    )
