"""The law's value along one axis, with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.checks.residuals import residuals
from bayeslaw.core.calls import public
from bayeslaw.core.intervals import interval
from bayeslaw.plots import style
from bayeslaw.plots.labels import math, percent, predicted
from bayeslaw.plots.slices import slice_along, title
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.picture
@public
def band(
    posterior: Posterior,
    over: str,
    *,
    at: Mapping[str, float | str] | None = None,
    span: tuple[float, float] | None = None,
    relative: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw the law's value with 50% and 89% credible bands.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    over : str
        What varies: a canonical variable, or an expression affine in one that ``at`` leaves open,
        such as ``"N_a/N"`` at a given N.
    at : mapping, optional
        The other variables; those not named are fixed at the reference run. The title lists all.
    span : tuple of float, optional
        Ends of the axis; by default the runs' range and a factor of 3 on either side.
    relative : bool
        Draw each draw less its own best value along the axis: the regret of leaving it. Effects of
        G and S are smaller than the uncertainty of the loss itself, which this removes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Median and bands, hatched beyond the range of the runs; the published law as a line. Runs
        are points: each as far from the median as it is from the law at its own configuration
        (ticks on the axis if ``relative``).

    Raises
    ------
    RequestError
        If ``over``, ``at`` or ``span`` do not fit the law.
    """
    law = posterior.law
    axis = slice_along(posterior, over, at=at, span=span, place="band")
    best = np.min if law.optimum.sense == "min" else np.max

    def shown(value: np.ndarray) -> np.ndarray:
        return np.abs(value - best(value, axis=-1, keepdims=True)) if relative else value

    value = shown(posterior.evaluate(axis.columns))
    figure, ax = style.axes(ax, (5.2, 3.6))
    for probability, alpha in ((0.89, 0.25), (0.5, 0.35)):
        ends = interval(value, probability)
        look = {**style.CREDIBLE, "alpha": alpha, "label": f"{percent(probability)} credible"}
        ax.fill_between(axis.grid, ends.low, ends.high, **look)
    ax.plot(axis.grid, np.median(value, axis=0), label="median", **style.MEDIAN)
    if law.coefficients:
        published = shown(law.form.predict(axis.columns, law.published()))
        ax.plot(axis.grid, published, label="published", **style.PUBLISHED_LINE)
    style.hatch(ax, axis.outside, 0.27, zorder=0)
    if not relative:
        left = residuals(posterior)
        axis.runs_on(ax, np.median(value, axis=0), left.median * left.scale)
    axis.finish(ax, ticks=relative)
    name = f"{law.predicts} above the best {math(over)}" if relative else law.predicts
    unit = predicted(law.predicts, posterior.runs.loss_unit)
    ax.set_ylabel(unit.replace(law.predicts, name, 1))
    if relative:
        ax.set_ylim(bottom=0)
    ax.set_title(title(posterior, axis.fixed))
    ax.legend()
    return figure
