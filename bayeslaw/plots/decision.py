"""Configurations ranked by their expected regret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.decide import Decision
from bayeslaw.plots import style
from bayeslaw.plots.labels import at_values, regret_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.picture
@public
def decision(answer: Decision, *, most: int = 15, ax: Axes | None = None) -> Figure:
    """Draw expected regret and the probability of being best, the best configuration on top.

    Parameters
    ----------
    answer : Decision
        A ranking.
    most : int
        How many configurations to show.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Bars of expected regret, filled where near-optimal, with the tolerated regret as a line;
        beside them the probability of being the best.
    """
    table = answer.frame.head(most)
    rows = np.arange(len(table))
    figure, canvas = style.canvas(ax, (7.5, 1.2 + 0.27 * len(table)))
    left, right = style.panels(canvas, 1, 2, sharey=True, width_ratios=[2, 1])
    near, unit = table["near_optimal"].to_numpy(), regret_unit(answer.predicts)
    for chosen, face, label in (
        (near, style.POSTERIOR, f"near-optimal (P ≥ {answer.ci_prob:g})"),
        (~near, "none", "not near-optimal"),
    ):
        if chosen.any():
            look: style.Look = {"color": face, "edgecolor": style.POSTERIOR, "height": 0.7}
            left.barh(rows[chosen], table["regret"][chosen], label=label, **look)
    left.axvline(
        answer.regret_tolerance, label=f"{answer.regret_tolerance:g} {unit}", **style.PUBLISHED_LINE
    )
    style.rows_of(left, table.index)
    left.set_xlabel(f"expected regret [{unit}]")
    left.legend(loc="upper right", frameon=True)
    right.barh(rows, table["p_best"], color=style.PRIOR, height=0.7)
    right.set_xlim(0, max(1.05 * table["p_best"].max(), 0.05))
    right.set_xlabel("probability of being best")
    canvas.suptitle(f"{len(answer.frame)} configurations{at_values(answer.at)}")
    return figure


# The colours span these multiples of the tolerated regret: beyond, all is equally out.
_LEAST, _MOST = 0.1, 30


@style.picture
@public
def regret_map(
    answer: Decision, *, x: str = "K", y: str = "shared", ax: Axes | None = None
) -> Figure:
    """Draw expected regret over two columns of a decision, such as routed and shared experts.

    Parameters
    ----------
    answer : Decision
        A ranking whose configurations have both columns, as those of ``expert_grid`` have.
    x, y : str
        The columns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A cell for each pair, darker for more regret on a logarithmic scale, with its regret as a
        multiple of the tolerated one; a star in the best, a frame around near-optimal ones.

    Raises
    ------
    RequestError
        If a column is missing or a pair occurs twice.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    table = answer.frame
    for name in (x, y):
        if name not in table.columns:
            raise RequestError(
                f"the decision has no column {name!r}",
                place="regret_map",
                remedy="Decide between bl.expert_grid(), or name two columns of your own",
            )
    if table.duplicated([x, y]).any():
        raise RequestError(
            f"some pairs of {x} and {y} occur twice",
            place="regret_map",
            remedy="Name columns whose pairs are unique",
        )
    grid = table.pivot(index=y, columns=x, values="regret")
    near = table.pivot(index=y, columns=x, values="near_optimal").to_numpy()
    regret = grid.to_numpy() / answer.regret_tolerance
    best = (grid.index.get_loc(table.iloc[0][y]), grid.columns.get_loc(table.iloc[0][x]))
    size = (max(3.2, 0.42 * grid.shape[1] + 1.3), 0.42 * grid.shape[0] + 1.6)
    figure, ax = style.axes(ax, size, frame=True)
    norm = LogNorm(_LEAST, _MOST, clip=True)
    ax.imshow(
        np.clip(regret, _LEAST, _MOST), cmap="Blues", norm=norm, origin="lower", aspect="auto"
    )
    for (row, column), value in np.ndenumerate(regret):
        if not np.isfinite(value):
            continue
        text = "★" if (row, column) == best else f"{value:.2g}" if value < 9.95 else f"{value:.0f}"
        colour = "white" if norm(np.clip(value, _LEAST, _MOST)) > 0.6 else "black"
        ax.text(column, row, text, ha="center", va="center", size=7, color=colour)
        if near[row, column]:
            look: style.Look = {"fill": False, "edgecolor": style.PUBLISHED, "linewidth": 1.6}
            ax.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, **look))
    ax.set_xticks(range(grid.shape[1]), [f"{value:g}" for value in grid.columns])
    ax.set_yticks(range(grid.shape[0]), [f"{value:g}" for value in grid.index])
    labels = {"K": "routed experts per token", "shared": "shared experts"}
    ax.set(xlabel=labels.get(x, x), ylabel=labels.get(y, y))
    ax.tick_params(length=0)
    ax.set_title(
        f"expected regret [{answer.regret_tolerance:g} {regret_unit(answer.predicts)}]"
        f"{at_values(answer.at)}\n"
        f"★ best; framed: below 1 with probability {answer.ci_prob:g}"
    )
    return figure
