"""Coefficients: posterior, prior and published value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.plots import style
from bayeslaw.plots.labels import count, math
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.picture
@public
def coefficients(
    posterior: Posterior, *, names: Iterable[str] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the posterior of coefficients beside their prior and the published value.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    names : iterable of str, optional
        Parameters of the law; all unless given.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each coefficient, in the paper's units, on a logarithm where the draws span more
        than a factor of three; an 89% interval as a bar; the prior to the same scale, unless it is
        too flat to be seen beside the posterior. Titles mark coefficients that the runs do
        not inform.

    Raises
    ------
    RequestError
        If a name is no parameter of the law, or there is none.
    """
    law, runs = posterior.law, posterior.runs
    wanted = list(law.parameters if names is None else names)
    unknown = f"{law.name} has no parameter {{!r}}"
    check_names(wanted, law.parameters, unknown, place="coefficients")
    if not wanted:
        raise RequestError("no coefficient is named", place="coefficients", remedy="Name some")
    figure, canvas, panels = style.panels_for(ax, len(wanted), (2.5, 1.9), (0, 0.5), across=4)
    published = law.published() if law.coefficients else {}
    for name, panel in zip(wanted, panels, strict=True):
        draws, before = posterior.draws[name].ravel(), posterior.prior[name]
        logarithmic = bool(draws.min() > 0 and draws.max() / draws.min() > 3)
        moved = np.log10 if logarithmic else np.asarray
        low, _, high = (float(end) for end in interval(moved(draws)))
        also = [float(moved(published[name]))] if name in published else []
        before = moved(before[before > 0] if logarithmic else before)
        # Tails far out of the panel would only widen the kernel.
        least, most = np.quantile(before, [0.005, 0.995])
        positive = not logarithmic and draws.min() > 0 and before.min() > 0
        grid = style.posterior_panel(
            panel,
            moved(draws),
            (low, high),
            also=also,
            label="posterior, 89% interval",
            support=(0.0, np.inf) if positive else style.EVERYWHERE,
            prior=before[(before >= least) & (before <= most)],
        )
        for value in also:
            panel.axvline(value, label="published", **style.PUBLISHED_LINE)
        informed_by = posterior.informed_by(name)
        only = "" if informed_by == "runs" else f" ({informed_by})"
        panel.set_title(f"{math(name)}{only}", fontsize=10)
        if logarithmic:
            ticks = _round_numbers(10 ** grid[0], 10 ** grid[-1])
            panel.set_xticks(np.log10(ticks), [count(tick) for tick in ticks])
    style.legend(canvas)
    canvas.suptitle(f"{law.name} on {len(runs)} runs ({runs.source})")
    return figure


def _round_numbers(low: float, high: float) -> list[float]:
    """Two to four round numbers within a range, for a logarithmic axis."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        numbers = [d * 10.0**k for k in decades for d in digits if low <= d * 10.0**k <= high]
        if len(numbers) >= 3:
            return numbers[:: -(-len(numbers) // 4)]
    return numbers or [float(np.sqrt(low * high))]


@style.picture
@public
def prior_posterior(posterior: Posterior, *, ax: Axes | None = None) -> Figure:
    """Draw every parameter's posterior against its prior, on one axis for all.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each parameter, on the quantity that its prior is stated on, in standard
        deviations of the prior from its median (of the logarithm where the prior is lognormal): the
        prior's 89% interval in grey, the same for all; the posterior's in front, with its median as
        a point, hollow where the runs do not inform the parameter by itself. Where the bar is as
        wide as the grey one the runs add nothing; where it leaves it they contradict the prior.
    """
    law = posterior.law
    rows = np.arange(len(law.parameters))
    figure, ax = style.axes(ax, (4.4, 0.27 * len(rows) + 1.5))
    widest = reach = float(norm.ppf((1 + INTERVAL) / 2))
    ax.barh(rows, 2 * reach, left=-reach, height=0.8, color="#e2e2e2", label="prior, 89%")
    for row, (name, entry) in zip(rows, law.parameters.items(), strict=True):
        draws = posterior.draws.get(f"{name}_on", posterior.draws[name]).ravel()
        centre, spread, least = entry.prior.numbers
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.log(draws - least) if entry.prior.family == "lognormal" else draws
        low, median, high = (float(end) for end in interval((value - centre) / spread))
        label = "posterior, 89%" if row == 0 else None
        look: style.Look = {"color": style.POSTERIOR, "lw": 4, "solid_capstyle": "butt"}
        ax.plot([low, high], [row, row], label=label, **look)
        face = style.POSTERIOR if posterior.informed_by(name) == "runs" else "white"
        ax.plot([median], [row], "o", color=style.POSTERIOR, mfc=face, mew=1.4, ms=5, zorder=4)
        widest = max(widest, -low, high)
    if any(posterior.informed_by(name) != "runs" for name in law.parameters):
        hollow: style.Look = {"color": style.POSTERIOR, "mfc": "white", "mew": 1.4, "ms": 5}
        ax.plot([], [], "o", label="not by the runs alone", **hollow)
    style.rows_of(ax, [math(entry.on.text) for entry in law.parameters.values()])
    style.without_height(ax)
    ax.set_xlim(-1.1 * widest, 1.1 * widest)
    ax.set_xlabel("standard deviations of the prior from its median")
    ax.set_title(f"{law.name}: what {len(posterior.runs)} runs add to the prior")
    below = (0.5, -0.75 / (0.27 * len(rows) + 0.6))
    ax.legend(loc="upper center", bbox_to_anchor=below, ncols=2)
    return figure
