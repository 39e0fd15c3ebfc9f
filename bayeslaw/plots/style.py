"""What all pictures share: colours, numbers and axes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito's palette keeps apart for colour-blind readers, and these in greyscale too.
POSTERIOR, PRIOR, PUBLISHED, RUNS = "#0072B2", "#999999", "#D55E00", "#333333"

# The same palette, without its yellow that vanishes on white, and three dark ones.
_LAWS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7A4419",
    "#5B3FA0",
    "#333333",
)
_MARKERS = "osD^vPX<>"
# Where the sums that give names their colours start: the laws that are compared most often differ.
_START = 197
_PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def count(value: float, digits: int = 3) -> str:
    """A count as people write it: 30B, 133M; large FLOPs as 1e22."""
    value = float(f"{value:.{digits}g}")
    for size, prefix in _PREFIXES:
        if size <= abs(value) < 1e15:
            return f"{value / size:.{digits}g}{prefix}"
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    # So few digits of thousands would be written with an exponent.
    return f"{value:.0f}" if abs(value) >= 10.0**digits else f"{value:.{digits}g}"


def law_styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each law, which follow from the laws' names."""
    wanted = sorted(set(names))
    taken: dict[int, int] = dict.fromkeys(range(len(_LAWS)), 0)
    found = {}
    for name in wanted:
        first = zlib.crc32(name.encode(), _START) % len(_LAWS)
        turns = [(first + step) % len(_LAWS) for step in range(len(_LAWS))]
        place = min(turns, key=lambda turn: taken[turn])
        taken[place] += 1
        found[name] = (_LAWS[place], _MARKERS[place])
    return found


def label(expression: str) -> str:
    """An axis label: the name, what it means and its unit."""
    if expression not in vocabulary.VOCABULARY:
        return expression
    what = vocabulary.variable(expression)
    unit = f" [{what.unit}]" if what.unit and what.unit not in what.means else ""
    return f"{expression}: {what.means}{unit}"


def axes(ax: Axes | None, **size: Any) -> Axes:
    """The axes to draw on."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **size)[1]


def canvas(ax: Axes | None, **size: Any) -> tuple[Figure, Figure | SubFigure]:
    """What to draw several panels on."""
    import matplotlib.pyplot as plt

    if ax is None:
        figure = plt.figure(layout="constrained", **size)
        return figure, figure
    place = ax.get_subplotspec()
    whole, parent = ax.get_figure(root=True), ax.get_figure(root=False)
    if place is None or whole is None or parent is None:
        raise RequestError(
            "the axes stand in no grid, so that several panels cannot take their place",
            place="plots, ax",
            remedy="Take axes from plt.subplots or Figure.add_subplot",
        )
    ax.remove()
    return whole, parent.add_subfigure(place)


def density(draws: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A smooth density of draws, for the eye."""
    from scipy.stats import gaussian_kde

    height = gaussian_kde(draws)(grid)
    return np.asarray(height / height.max())


def count_axis(ax: Axes, values: np.ndarray, *, which: str = "x") -> None:
    """Write counts on an axis the short way, on a logarithmic scale where they span a decade."""
    from matplotlib.ticker import Formatter, LogLocator, NullFormatter

    class Counts(Formatter):
        def __call__(self, value: float, pos: int | None = None) -> str:
            return count(value)

        def format_ticks(self, values: Any) -> list[str]:
            # Values that hardly differ need more digits to be told apart.
            for digits in range(3, 8):
                labels = [count(value, digits) for value in values]
                if len(set(labels)) == len(labels):
                    break
            return labels

    axis = ax.xaxis if which == "x" else ax.yaxis
    low, high = np.min(values), np.max(values)
    if low > 0 and high / low >= 8:
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
        subs = (1.0,) if high / low > 300 else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(Counts())
