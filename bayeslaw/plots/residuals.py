"""What a law leaves of the runs, against each variable: where it misses, and by how much."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.residuals import Residuals, residuals as residuals_of
from bayeslaw.comparison.extrapolation import sizes
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.formula import parse_expression
from bayeslaw.plots import style
from bayeslaw.plots.labels import label, percent
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FITTED = "fitted"
_ACROSS = 3
# More series than there are colours would share them.
_MOST_GROUPS = 9
# Of more runs the intervals hide each other.
_MOST_BARS = 150


@dataclass(frozen=True)
class _Series:
    """Points of one law or of one of its groups: those of its runs that are ``shown``."""

    label: str
    colour: str
    marker: str
    runs: Runs
    residuals: Residuals
    shown: np.ndarray


@style.picture
@public
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
        A variable, an expression over several, a column that groups runs, or ``"fitted"``, the
        law's own value. By default a panel for each variable of the laws that varies and one for
        the fitted value.
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
    by_law = {name: residuals_of(fit) for name, fit in fits.items()}
    reach = _reach(by_law)
    series = _series(fits, by_law)
    wanted = [over] if over is not None else [*_varying(fits), FITTED]
    placed = {what: _places(what, series) for what in wanted}
    bars = sum(len(residual.median) for residual in by_law.values()) <= _MOST_BARS
    figure, canvas, panels = style.panels_for(
        ax, len(wanted), (2.7, 2.3), (0.9, 0.6), across=_ACROSS, sharey=True
    )
    predicts = next(iter(fits.values())).law.predicts
    for place, (panel, (what, (x, names))) in enumerate(zip(panels, placed.items(), strict=True)):
        _band(panel, by_law)
        for part, places in zip(series, x, strict=True):
            _points(panel, part, places, bars=bars)
        _axis(panel, what, np.concatenate(x), names)
        if place % _ACROSS == 0:
            panel.set_ylabel(f"log {predicts} less the law's\n[noise scales]")
    panels[0].set_ylim(-reach, reach)
    if len(series) > 1:
        style.legend(canvas, markerscale=1.5)
    canvas.suptitle(_title(fits, by_law), fontsize=9.5)
    return figure


def _varying(fits: Mapping[str, Posterior]) -> list[str]:
    """Variables of any law that vary, in the order of the laws."""
    pairs = [(fit.runs, name) for fit in fits.values() for name in fit.law.variables]
    return list(dict.fromkeys(name for runs, name in pairs if not runs.constant([name])))


def _series(fits: Mapping[str, Posterior], by_law: Mapping[str, Residuals]) -> list[_Series]:
    first, *others = fits
    groups = None if others else _groups(fits[first].runs)
    if groups is None:
        parts = [(law, law, np.array(True)) for law in fits]
    else:
        parts = [(group, first, groups == group) for group in dict.fromkeys(groups)]
    styles = style.law_styles(name for name, _, _ in parts)
    series = []
    for name, law, chosen in parts:
        residual = by_law[law]
        text = textwrap.shorten(name, 30, placeholder="...")
        text += f" (scale {residual.scale:.2g})" if others else ""
        shown = chosen & np.isfinite(residual.median)
        colour, marker = styles[name]
        # Nothing to be told apart from.
        marker = marker if len(parts) > 1 else "o"
        series.append(_Series(text, colour, marker, fits[law].runs, residual, shown))
    return series


def _groups(runs: Runs) -> np.ndarray | None:
    """The group of each run as text, where there are several but not too many."""
    if not runs.groups:
        return None
    columns = [runs.labels(name) for name in runs.groups]
    names = [", ".join(map(str, label)) for label in zip(*columns, strict=True)]
    return np.array(names) if 1 < len(set(names)) <= _MOST_GROUPS else None


def _band(panel: Axes, by_law: Mapping[str, Residuals]) -> None:
    panel.axhline(0.0, color=style.PRIOR, lw=0.8, zorder=1)
    if len(by_law) == 1:
        (residual,) = by_law.values()
        panel.axhspan(*residual.band, color="#eeeeee", lw=0, zorder=0)
        return
    styles = style.law_styles(by_law)
    for name, residual in by_law.items():
        for end in residual.band:
            panel.axhline(end, color=styles[name][0], lw=0.8, ls="--", zorder=1)


def _points(panel: Axes, series: _Series, x: np.ndarray, *, bars: bool) -> None:
    residual, shown, colour = series.residuals, series.shown, series.colour
    if bars:
        panel.vlines(x, residual.low[shown], residual.high[shown], color=colour, lw=0.8, alpha=0.5)
    look: style.Look = {"color": colour, "ms": 4.0 if bars else 2.5, "alpha": 0.8, "mew": 0}
    panel.plot(x, residual.median[shown], series.marker, label=series.label, zorder=3, **look)


def _places(what: str, series: list[_Series]) -> tuple[list[np.ndarray], list[str] | None]:
    """Where the points of each series stand on an axis, and its names where it has no numbers."""
    if what == FITTED:
        return [part.residuals.fitted[part.shown] for part in series], None
    if not all(_has_labels(part.runs, what) for part in series):
        return [_values(part.runs, what)[part.shown] for part in series], None
    labels = [np.array([str(text) for text in part.runs.labels(what)]) for part in series]
    names = list(dict.fromkeys(np.concatenate(labels)))
    # Beside each other, where series share a place.
    shifts = 0.5 * ((np.arange(len(series)) + 0.5) / len(series) - 0.5)
    return [
        np.array([names.index(text) for text in texts[part.shown]]) + shift
        for texts, part, shift in zip(labels, series, shifts, strict=True)
    ], names


def _has_labels(runs: Runs, what: str) -> bool:
    """Whether a column groups runs or holds words."""
    if what in runs.variables or what not in runs.table.columns:
        return False
    return what in runs.groups or runs.labels(what).dtype.kind not in "fiu"


def _values(runs: Runs, what: str) -> np.ndarray:
    if what in runs.table.columns:
        return runs.column(what)
    expression = parse_expression(what, place="residuals, over")
    missing = sorted(expression.names - set(runs.variables))
    if missing or not expression.names:
        known = dict.fromkeys((*runs.variables, *runs.groups, FITTED))
        problem = f"{what!r} names no variable"
        if missing:
            problem = f"the table has no variable or column {missing[0]!r}"
        raise RequestError(
            problem, place="residuals, over", remedy=f"There are: {', '.join(known)}"
        )
    return sizes(runs, expression)


def _axis(panel: Axes, what: str, values: np.ndarray, names: list[str] | None) -> None:
    if names is not None:
        texts = [textwrap.shorten(name, 14, placeholder="...") for name in names]
        panel.set_xticks(range(len(names)), texts, rotation=30, ha="right")
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.set_xlabel(what)
    elif what == FITTED:
        panel.set_xlabel("fitted value (law's median)")
    else:
        if len(values):
            style.count_axis(panel, values)
        panel.set_xlabel(textwrap.fill(label(what), 34))


def _reach(by_law: Mapping[str, Residuals]) -> float:
    """An axis from minus this to this has all medians and bands; the ends of bars may leave it."""
    values = np.concatenate([[*residual.median, *residual.band] for residual in by_law.values()])
    values = values[np.isfinite(values)]
    if len(values) <= 2 * len(by_law):
        raise RequestError(
            "no residual is finite",
            place="residuals",
            remedy="The law predicts nothing positive there: look at its fit",
        )
    return 1.15 * float(np.abs(values).max())


def _title(fits: Mapping[str, Posterior], by_law: Mapping[str, Residuals]) -> str:
    first, residual = next(iter(fits.values())), next(iter(by_law.values()))
    title = f"{len(first.runs)} runs ({first.runs.source})"
    if len(fits) == 1:
        title = f"{first.law.name} on {title}: noise scale {residual.scale:.2g}"
    band = "in the grey band" if len(fits) == 1 else "between dashed lines"
    title += f"\n{percent(residual.ci_prob)} of the noise {band}"
    lost = sum(int((~np.isfinite(each.median)).sum()) for each in by_law.values())
    return f"{title}; {lost} residuals are infinite and not drawn" if lost else title
