"""What the runs added to the priors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.plots import style
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        A row a parameter, on the quantity that its prior is stated on, in standard deviations of
        the prior from its median (of the logarithm where the prior is lognormal): the prior's 89%
        interval in grey, the same for all; the posterior's in front, with its median as a point,
        hollow where the runs do not inform the parameter by itself. A bar as wide as the grey one
        has learnt nothing; one that leaves it disagrees with the prior.
    """
    law = posterior.law
    rows = np.arange(len(law.parameters))
    ax = style.axes(ax, figsize=(4.4, 0.27 * len(rows) + 1.5))
    reach = float(norm.ppf((1 + INTERVAL) / 2))
    ax.barh(rows, 2 * reach, left=-reach, height=0.8, color="#e2e2e2", label="prior, 89%")
    widest = reach
    for row, (name, entry) in zip(rows, law.parameters.items(), strict=True):
        drawn = posterior.draws.get(f"{name}_on", posterior.draws[name]).ravel()
        centre, spread, least = entry.prior.numbers
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.log(drawn - least) if entry.prior.family == "lognormal" else drawn
        low, median, high = (float(end) for end in interval((value - centre) / spread))
        ax.plot([low, high], [row, row], color=style.POSTERIOR, lw=4, solid_capstyle="butt")
        known = posterior.informed_by(name) == "runs"
        face = style.POSTERIOR if known else "white"
        ax.plot([median], [row], "o", color=style.POSTERIOR, mfc=face, mew=1.4, ms=5, zorder=4)
        widest = max(widest, -low, high)
    ax.plot([], [], color=style.POSTERIOR, lw=4, label="posterior, 89%")
    names = [
        name if entry.on.text == name else entry.on.text for name, entry in law.parameters.items()
    ]
    ax.set_yticks(rows, names)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-1.1 * widest, 1.1 * widest)
    ax.set_xlabel("standard deviations of the prior from its median", size=9)
    ax.set_title(f"{law.name}: what {len(posterior.runs)} runs add to the prior", size=9)
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.75 / (0.27 * len(rows) + 0.6)),
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.tick_params(labelsize=8)
    ax.tick_params(axis="y", length=0)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
