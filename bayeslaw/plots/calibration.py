"""Ranks of truths among draws, and how often intervals hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.calibrate.result import OFF, Calibration
from bayeslaw.checks.calibrate.uniform import band, places
from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW = 8


def calibration(
    found: Calibration, *, names: Iterable[str] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw a calibration.

    Parameters
    ----------
    found : Calibration
        The calibration.
    names : iterable of str, optional
        Which quantities are named; the rest is drawn in grey. By default the optima and the loss of
        a larger run, and whatever is not uniform.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        On the left how far the distribution function of the truths' places lies above that of
        uniform numbers, with the band in which all quantities together stay with 99% where
        intervals are right. On the right the share of intervals that hold the truth against their
        probability, with three standard errors either way.

    Raises
    ------
    RequestError
        If no fit counts, or there is no such quantity.
    """
    if not found.quantities:
        raise RequestError(
            "no fit counts: there is nothing to draw",
            place="plots.calibration",
            remedy="See left_out for the reasons",
        )
    named = list(dict.fromkeys([*found.first, *found.uneven])) if names is None else list(names)
    for name in named:
        if name not in found.quantities:
            raise RequestError(f"no quantity {name!r}", remedy=nearest(name, found.quantities))
    count = len(found.places(found.quantities[0]))
    figure, canvas = style.canvas(ax, figsize=(8.4, 3.6))
    left, right = canvas.subplots(1, 2)
    where = places(count)
    low, high = band(count, 1 - found.smallest_p)
    if found.ranked:
        left.fill_between(where, low - where, high - where, step="mid", color="0.9", lw=0)
    wide = np.linspace(0.02, 0.98, 49)
    error = OFF * np.sqrt(wide * (1 - wide) / count)
    right.fill_between(wide, -error, error, color="0.9", lw=0)
    colours = style.law_styles(named)
    for name in [*(n for n in found.quantities if n not in named), *named]:
        ours = np.sort(found.places(name))
        above = np.searchsorted(ours, where, side="right") / len(ours) - where
        shares = np.array([found.coverage(name, p)[0] for p in wide])
        said = name in named
        colour = colours[name][0] if said else "0.6"
        look = {"color": colour, "lw": 1.6 if said else 0.6, "alpha": 1.0 if said else 0.6}
        label = name if said and len(named) <= _FEW else None
        left.plot(where, above, label=label, **look)
        right.plot(wide, shares - wide, **look)
    for axes, x, y in (
        (left, "probability that the fit gave to less than the truth", "ECDF less uniform"),
        (right, "probability of the interval", "share that holds the truth, less it"),
    ):
        axes.axhline(0, color="0.3", lw=0.8)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.set_xlim(0, 1)
        axes.spines[["right", "top"]].set_visible(False)
    right.axvline(INTERVAL, color="0.3", lw=0.8, ls=":")
    if named and len(named) <= _FEW:
        # Beside the curves: where they leave room differs from one calibration to the next.
        across = min(len(named), 4)
        canvas.legend(loc="outside lower center", ncols=across, fontsize=8, frameon=False)
    canvas.suptitle(
        f"{found.law}, {found.tables} tables of {found.runs} runs, {found.truth}", fontsize=10
    )
    return figure
