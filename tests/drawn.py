"""What a test finds in a picture, and optima to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

import bayeslaw as bl
from bayeslaw.optimum.quantity import OptimumQuantity


def line(axes: Axes, label: str) -> Line2D:
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return found


def curve(axes: Any, label: str) -> tuple[np.ndarray, np.ndarray]:
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def verticals(axes: Axes) -> list[float]:
    """Where lines from bottom to top stand."""
    return [
        float(one.get_xdata()[0])
        for one in axes.lines
        if len(set(one.get_xdata())) == 1 and list(one.get_ydata()) == [0, 1]
    ]


def polygon(collection: PolyCollection, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of a filled band over a grid."""
    vertices = collection.get_paths()[0].vertices
    edges = [vertices[np.isclose(vertices[:, 0], at, rtol=1e-12), 1] for at in x]
    return np.array([y.min() for y in edges]), np.array([y.max() for y in edges])


def hatched(axes: Axes) -> list[tuple[float, float]]:
    spans = [one for one in axes.patches if isinstance(one, Rectangle) and one.get_hatch()]
    return [(one.get_x(), one.get_x() + one.get_width()) for one in spans]


def shown(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def words(figure: Figure) -> str:
    """All that is written in titles and legends."""
    figure.canvas.draw()
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    legends = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    return "\n".join([*titles, *(text.get_text() for one in legends for text in one.get_texts())])


def share_optima(posterior: bl.Posterior) -> list[bl.Optimum]:
    """Optima over N as ``optimum`` answers them, without the search."""
    found = []
    for size in (1e12, 1e10, 1e9):
        draws = 41.6 * size**-0.19244 * np.linspace(0.9, 1.1, 50)
        one = OptimumQuantity.of(
            [draws, draws, np.array([41.6 * size**-0.19244])],
            {"interior": 1.0},
            prior_only=False,
            ci_prob=0.89,
        )
        found.append(
            bl.Optimum(
                quantities={"N_a/N": one},
                efficient={"slope 0.4": one},
                near_optimal={},
                active_caps={},
                extrapolation_factor={},
                predicted_interval=(2.0, 1.9, 2.1),
                predicts="loss",
                at={"N": size},
                budget=bl.Budget(),
                ci_prob=0.89,
                notes=(),
                predicted_draws=np.zeros(50),
            )
        )
    return found
