"""The law's value along one axis, with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.plots import style
from bayeslaw.plots.along import along
from bayeslaw.plots.slices import where
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def band(
    posterior: Posterior,
    over: str,
    *,
    at: Mapping[str, float] | None = None,
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
        What is varied: a canonical variable, or an expression affine in one that ``at`` leaves
        open, such as ``"N_a/N"`` at a given N.
    at : mapping, optional
        The other variables; those not named stand at the reference run, as the picture says.
    span : tuple of float, optional
        Ends of the axis; the runs' own range and a factor of 3 on both sides unless given.
    relative : bool
        Draw each draw less its own best value along the axis: what is lost by leaving it. Effects
        of G and S are smaller than the uncertainty of the loss itself, which this leaves out.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Solid within the range of the runs, hatched beyond it; the runs as ticks on the axis, the
        published law as a line.

    Raises
    ------
    RequestError
        If ``over`` or ``at`` do not fit the law.
    """
    law, runs = posterior.law, posterior.runs
    axis = along(posterior, over, at=at, span=span, place="band")
    grid, columns = axis.grid, axis.columns

    def shown(value: np.ndarray) -> np.ndarray:
        if not relative:
            return value
        best = np.min if law.optimum.sense == "min" else np.max
        return np.abs(value - best(value, axis=-1, keepdims=True))

    value = shown(posterior.evaluate(columns))
    ax = style.axes(ax, figsize=(5.2, 3.6))
    for probability, alpha in ((0.89, 0.25), (0.5, 0.35)):
        ends = interval(value, probability)
        ax.fill_between(
            grid,
            ends.low,
            ends.high,
            color=style.POSTERIOR,
            alpha=alpha,
            lw=0,
            label=f"{100 * probability:.0f}% credible",
        )
    ax.plot(grid, np.median(value, axis=0), color=style.POSTERIOR, lw=1.6, label="median")
    if law.coefficients:
        ax.plot(
            grid,
            shown(law.form.predict(columns, law.published())),
            color=style.PUBLISHED,
            lw=1.3,
            ls="-.",
            label="published",
        )
    labels = iter(["beyond the runs"])  # the second region needs no entry of its own
    for low, high in axis.beyond:
        ax.axvspan(
            low,
            high,
            facecolor="none",
            edgecolor="#bbbbbb",
            hatch="//",
            lw=0,
            zorder=0,
            label=next(labels, None),
        )
    axis.finish(ax, over)
    unit = runs.loss_unit if law.predicts == "loss" else ""
    what = f"{law.predicts} lost against the best {over}" if relative else law.predicts
    ax.set_ylabel(f"{what} [{unit} per token]" if unit else what)
    if relative:
        ax.set_ylim(bottom=0)
    ax.set_title(f"{law.name} at\n{where(posterior, axis.fixed)}", fontsize=9)
    ax.legend(fontsize=8, frameon=False)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
