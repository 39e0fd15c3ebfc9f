"""What a law leaves of the runs, against each variable: where it misses, and by how much."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.residuals import Residuals, residuals as residuals_of
from bayeslaw.comparison.extrapolation import sizes
from bayeslaw.core.errors import RequestError
from bayeslaw.formula import parse_expression
from bayeslaw.plots import style
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FITTED = "fitted"
_ACROSS = 3
# More series than there are colours would share them.
_MOST_GROUPS = 9
# Of more runs the intervals hide each other.
_MOST_BARS = 150
_SMALL = 8


@dataclass(frozen=True)
class _Series:
    """Points of one law, or of one of its groups."""

    name: str
    colour: str
    marker: str
    runs: Runs
    found: Residuals
    shown: np.ndarray
    place: int


def residuals(
    posterior: Posterior | Mapping[str, Posterior],
    *,
    over: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw standardised residuals of log loss, with their intervals and the band of the noise.

    A law that fits leaves a level cloud of which 89% lies within the band; a slope, a bend or a
    shifted group is what it misses.

    Parameters
    ----------
    posterior : Posterior or mapping of str to Posterior
        One fit, or several by the names of their laws, such as the ``posteriors`` of a comparison;
        laws have the colours that they have there.
    over : str, optional
        A variable, an expression over several, a column that says what runs belong together, or
        ``"fitted"``, the law's own value. By default a panel for each variable of the laws that
        varies and one for the fitted value.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Residuals in units of each law's own noise scale, which the legend names. Points are medians
        over the draws, bars 89% intervals (left out beyond 150 runs). The runs of one posterior are
        coloured by group where they have up to nine; the band is grey for one posterior and between
        lines of the law's colour for several.

    Raises
    ------
    RequestError
        If there is no posterior, ``over`` is not in a table, or no residual is finite.
    """
    fits = {posterior.law.name: posterior} if isinstance(posterior, Posterior) else {**posterior}
    if not fits:
        raise RequestError("no posterior is given", place="residuals", remedy="Give one or more")
    found = {name: residuals_of(one) for name, one in fits.items()}
    series = list(_series(fits, found))
    wanted = [over] if over is not None else [*_varied(fits), FITTED]
    bars = sum(len(one.median) for one in found.values()) <= _MOST_BARS
    across = min(_ACROSS, len(wanted))
    down = -(-len(wanted) // across)
    figure, canvas = style.canvas(ax, figsize=(2.7 * across + 0.9, 2.3 * down + 0.6))
    panels = canvas.subplots(down, across, squeeze=False, sharey=True)
    for panel in panels.flat[len(wanted) :]:
        panel.set_visible(False)
    for what, panel in zip(wanted, panels.flat, strict=False):
        _band(panel, fits, found)
        _points(panel, what, series, bars=bars)
        panel.spines[["right", "top"]].set_visible(False)
        panel.tick_params(labelsize=_SMALL)
    _limits(panels.flat[0], found)
    predicts = next(iter(fits.values())).law.predicts
    for row in panels:
        row[0].set_ylabel(f"log {predicts} less the law's,\nover the noise scale", size=_SMALL + 1)
    _words(canvas, fits, found, series)
    return figure


def _varied(fits: Mapping[str, Posterior]) -> list[str]:
    """Variables of any law that vary, in the order of the laws."""
    names = []
    for one in fits.values():
        constant = one.runs.constant(one.law.variables)
        names += [name for name in one.law.variables if name not in constant]
    return list(dict.fromkeys(names))


def _series(fits: Mapping[str, Posterior], found: Mapping[str, Residuals]) -> Iterator[_Series]:
    groups = _groups(next(iter(fits.values())).runs) if len(fits) == 1 else None
    if groups is not None:
        ((_, one),), ((_, left),) = fits.items(), found.items()
        styles = style.law_styles(dict.fromkeys(groups))
        for place, name in enumerate(dict.fromkeys(groups)):
            yield _Series(name, *styles[name], one.runs, left, groups == name, place)
        return
    styles = style.law_styles(fits)
    for place, (name, one) in enumerate(fits.items()):
        every = np.ones(len(one.runs), dtype=bool)
        yield _Series(name, *styles[name], one.runs, found[name], every, place)


def _groups(runs: Runs) -> np.ndarray | None:
    """The group of each run in words, where there are several but not too many."""
    if not runs.groups:
        return None
    columns = [runs.labels(name) for name in runs.groups]
    names = [", ".join(map(str, label)) for label in zip(*columns, strict=True)]
    return np.array(names) if 1 < len(set(names)) <= _MOST_GROUPS else None


def _band(panel: Axes, fits: Mapping[str, Posterior], found: Mapping[str, Residuals]) -> None:
    panel.axhline(0.0, color=style.PRIOR, lw=0.8, zorder=1)
    if len(found) == 1:
        (one,) = found.values()
        panel.axhspan(*one.band, color="#eeeeee", lw=0, zorder=0)
        return
    styles = style.law_styles(fits)
    for name, one in found.items():
        for end in one.band:
            panel.axhline(end, color=styles[name][0], lw=0.8, ls="--", zorder=1)


def _points(panel: Axes, what: str, series: list[_Series], *, bars: bool) -> None:
    names = _names(what, series)
    seen = []
    for one in series:
        if what == FITTED:
            x = one.found.fitted
        elif names is not None:
            # Beside each other, where series share a place.
            shift = 0.5 * ((one.place + 0.5) / len(series) - 0.5)
            x = np.array([names.index(str(label)) for label in one.runs.labels(what)]) + shift
        else:
            x = _values(one.runs, what)
        shown = one.shown & np.isfinite(one.found.median)
        x, y = x[shown], one.found.median[shown]
        if bars:
            low, high = one.found.low[shown], one.found.high[shown]
            panel.vlines(x, low, high, color=one.colour, lw=0.8, alpha=0.5, zorder=2)
        size = 4.0 if bars else 2.5
        panel.plot(
            x, y, one.marker, color=one.colour, ms=size, alpha=0.8, mew=0, label=one.name, zorder=3
        )
        seen.append(x)
    values = np.concatenate(seen)
    if names is not None:
        words = [textwrap.shorten(name, 14, placeholder="...") for name in names]
        panel.set_xticks(range(len(names)), words, rotation=30, ha="right")
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.set_xlabel(what, size=_SMALL + 1)
        return
    if what != FITTED and len(values):
        style.count_axis(panel, values)
    said = "fitted value (law's median)" if what == FITTED else style.label(what)
    panel.set_xlabel(textwrap.fill(said, 34), size=_SMALL + 1)


def _names(what: str, series: list[_Series]) -> list[str] | None:
    """Labels of a column that groups runs or holds words, in the order of their first rows."""
    if what == FITTED:
        return None
    found: list[str] = []
    for one in series:
        runs = one.runs
        if what in runs.variables or what not in runs.table.columns:
            return None
        labels = runs.labels(what)
        if what not in runs.groups and labels.dtype.kind in "fiu":
            return None
        found += map(str, labels)
    return list(dict.fromkeys(found))


def _values(runs: Runs, what: str) -> np.ndarray:
    if what in runs.table.columns:
        return runs.column(what)
    expression = parse_expression(what, place="residuals, over")
    lacking = sorted(expression.names - set(runs.variables))
    if lacking or not expression.names:
        known = dict.fromkeys((*runs.variables, *runs.groups, FITTED))
        raise RequestError(
            f"the table has no variable or column {lacking[0]!r}"
            if lacking
            else f"{what!r} names no variable",
            place="residuals, over",
            remedy=f"There are: {', '.join(known)}",
        )
    return sizes(runs, expression)


def _limits(panel: Axes, found: Mapping[str, Residuals]) -> None:
    """All medians and bands in view; the ends of bars may leave it."""
    parts = [np.concatenate([one.median, one.band]) for one in found.values()]
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if len(values) <= 2 * len(found):
        raise RequestError(
            "no residual is finite",
            place="residuals",
            remedy="The law predicts nothing positive there: look at its fit",
        )
    reach = 1.15 * float(np.abs(values).max())
    panel.set_ylim(-reach, reach)


def _words(
    canvas: Figure | SubFigure,
    fits: Mapping[str, Posterior],
    found: Mapping[str, Residuals],
    series: list[_Series],
) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for one in series:
        said = textwrap.shorten(one.name, 30, placeholder="...")
        if len(fits) > 1:
            said += f" (scale {one.found.scale:.2g})"
        handles.append(Line2D([], [], color=one.colour, marker=one.marker, ls="", label=said))
    if len(handles) > 1:
        columns = min(len(handles), 3)
        canvas.legend(
            handles=handles, loc="outside lower center", ncols=columns, fontsize=8, frameon=False
        )
    first = next(iter(fits.values()))
    title = f"{len(first.runs)} runs ({first.runs.source})"
    if len(fits) == 1:
        (left,) = found.values()
        title = f"{first.law.name} on {title}: noise scale {left.scale:.2g}"
    probability = next(iter(found.values())).ci_prob
    band = "grey" if len(fits) == 1 else "between dashed lines"
    title += f"\n{100 * probability:.0f}% of the noise {band}"
    lost = sum(int((~np.isfinite(left.median)).sum()) for left in found.values())
    if lost:
        title += f"; {lost} residuals are infinite and not drawn"
    canvas.suptitle(title, fontsize=9.5)
