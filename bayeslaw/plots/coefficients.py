"""Posterior, prior and published value of every coefficient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.core.intervals import interval
from bayeslaw.plots import style
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def coefficients(
    posterior: Posterior, *, names: Iterable[str] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the posterior of coefficients beside their prior and the published value.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    names : iterable of str, optional
        Which; all of the law's unless given.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a coefficient, in the paper's units, on the scale where its prior is normal; an 89%
        interval as a bar. A coefficient that the runs say nothing about is marked.

    Raises
    ------
    RequestError
        If a name is no parameter of the law.
    """
    law = posterior.law
    wanted = list(law.parameters if names is None else names)
    for name in wanted:
        if name not in law.parameters:
            raise RequestError(
                f"{law.name} has no parameter {name!r}", remedy=nearest(name, law.parameters)
            )
    if not wanted:
        raise RequestError("no coefficient is named", place="coefficients", remedy="Name some")
    across = min(4, len(wanted))
    down = -(-len(wanted) // across)
    figure, canvas = style.canvas(ax, figsize=(2.5 * across, 1.9 * down + 0.5))
    panels = canvas.subplots(down, across, squeeze=False)
    published = law.published() if law.coefficients else {}
    for panel in panels.flat[len(wanted) :]:
        panel.set_visible(False)
    for name, panel in zip(wanted, panels.flat, strict=False):
        ours, before = posterior.draws[name].ravel(), posterior.prior[name]
        logarithmic = bool(ours.min() > 0 and ours.max() / ours.min() > 3)
        move = np.log10 if logarithmic else np.asarray
        low, _, high = interval(move(ours), 0.998)
        shown = [low, high] + ([move(published[name])] if name in published else [])
        width = max(shown) - min(shown)
        grid = np.linspace(min(shown) - 0.25 * width, max(shown) + 0.25 * width, 300)
        kept = before[before > 0] if logarithmic else before
        panel.fill_between(grid, style.density(move(ours), grid), color=style.POSTERIOR, alpha=0.35)
        panel.plot(grid, style.density(move(ours), grid), color=style.POSTERIOR, lw=1.2)
        panel.plot(grid, _beside(move(kept), grid), color=style.PRIOR, lw=1.2, ls="--")
        ends = interval(move(ours))
        panel.plot([ends.low, ends.high], [0.03, 0.03], color=style.POSTERIOR, lw=3)
        if name in published:
            panel.axvline(float(move(published[name])), color=style.PUBLISHED, lw=1.2, ls="-.")
        by = posterior.informed_by(name)
        only = "" if by == "runs" else f" ({by})"
        panel.set_title(f"{name}{only}", fontsize=10)
        panel.set_yticks([])
        panel.set_ylim(0, 1.12)
        panel.spines[["left", "right", "top"]].set_visible(False)
        panel.tick_params(labelsize=8)
        if logarithmic:
            ticks = _round_numbers(10 ** grid[0], 10 ** grid[-1])
            panel.set_xticks(np.log10(ticks), [style.count(tick) for tick in ticks])
        else:
            panel.locator_params(axis="x", nbins=4)
    _legend(canvas, bool(published))
    canvas.suptitle(
        f"{law.name} on {len(posterior.runs)} runs ({posterior.runs.source})", fontsize=11
    )
    return figure


def _beside(prior: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The prior's density with its highest point in the panel at one half, so that both show."""
    from scipy.stats import gaussian_kde

    # Tails far out of the panel would only widen the kernel.
    low, high = np.quantile(prior, [0.005, 0.995])
    height = gaussian_kde(prior[(prior >= low) & (prior <= high)])(grid)
    return np.asarray(0.5 * height / max(height.max(), 1e-300))


def _round_numbers(low: float, high: float) -> list[float]:
    """Two to four round numbers within a range, for a logarithmic axis."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        found = [d * 10.0**k for k in decades for d in digits if low <= d * 10.0**k <= high]
        if len(found) >= 3:
            return found[:: -(-len(found) // 4)]
    return found or [float(np.sqrt(low * high))]


def _legend(canvas: Figure | SubFigure, published: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=style.POSTERIOR, lw=3, label="posterior, 89% interval"),
        Line2D([], [], color=style.PRIOR, ls="--", label="prior (not to scale)"),
    ]
    if published:
        handles.append(Line2D([], [], color=style.PUBLISHED, ls="-.", label="published"))
    canvas.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
