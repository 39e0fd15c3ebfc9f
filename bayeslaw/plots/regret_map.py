"""Expected regret over pairs of routed and shared experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.decide import Decision
from bayeslaw.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Regret is drawn up to this many times what counts as nothing: beyond, all is equally out.
_MOST = 30


def regret_map(
    answer: Decision, *, x: str = "K", y: str = "shared", ax: Axes | None = None
) -> Figure:
    """Draw expected regret over two columns of a decision, such as routed and shared experts.

    Parameters
    ----------
    answer : Decision
        A ranking whose configurations have both columns, as those of ``lattice`` have.
    x, y : str
        The columns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        A cell a pair, darker for more regret on a logarithmic scale, with its regret in units of
        what counts as nothing; a star in the best, a frame around those that are near-optimal.

    Raises
    ------
    RequestError
        If a column is missing or a pair stands twice.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    table = answer.table
    for name in (x, y):
        if name not in table.columns:
            raise RequestError(
                f"the decision has no column {name!r}",
                place="regret_map",
                remedy="Decide between bl.expert_grid(), or name two columns of your own",
            )
    if table.duplicated([x, y]).any():
        raise RequestError(
            f"some pairs of {x} and {y} stand twice",
            place="regret_map",
            remedy="Name the columns that tell configurations apart",
        )
    grid = table.pivot(index=y, columns=x, values="regret")
    regret = grid.to_numpy() / answer.within
    ax = style.axes(ax, figsize=(max(3.2, 0.42 * grid.shape[1] + 1.3), 0.42 * grid.shape[0] + 1.6))
    norm = LogNorm(0.1, _MOST, clip=True)
    ax.imshow(np.clip(regret, 0.1, _MOST), cmap="Blues", norm=norm, origin="lower", aspect="auto")
    best = table.iloc[0]
    near = table.pivot(index=y, columns=x, values="near_optimal")
    for (row, column), value in np.ndenumerate(regret):
        if not np.isfinite(value):
            continue
        chosen = grid.index[row] == best[y] and grid.columns[column] == best[x]
        said = "★" if chosen else f"{value:.2g}" if value < 9.95 else f"{value:.0f}"
        dark = norm(np.clip(value, 0.1, _MOST)) > 0.6
        colour = "white" if dark else "black"
        ax.text(column, row, said, ha="center", va="center", size=7, color=colour)
        if bool(near.iat[row, column]):
            frame = Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False)
            frame.set(edgecolor=style.PUBLISHED, linewidth=1.6)
            ax.add_patch(frame)
    ax.set_xticks(range(grid.shape[1]), [f"{one:g}" for one in grid.columns])
    ax.set_yticks(range(grid.shape[0]), [f"{one:g}" for one in grid.index])
    named = {"K": "routed experts per token", "shared": "shared experts"}
    ax.set_xlabel(named.get(x, x), size=9)
    ax.set_ylabel(named.get(y, y), size=9)
    ax.tick_params(labelsize=8, length=0)
    unit = "nats" if answer.predicts == "loss" else answer.predicts
    said = ", ".join(f"{name} = {style.count(value)}" for name, value in answer.at.items())
    ax.set_title(
        f"expected regret [{answer.within:g} {unit}]{' at ' + said if said else ''}\n"
        f"★ best; framed: below 1 with probability {answer.probability:g}",
        fontsize=8.5,
    )
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
