"""The look of all pictures: colours, sizes, axes, panels, densities and legends."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.plots.labels import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayeslaw.optimum.quantity import OptimumQuantity

#: How something is drawn: options of Matplotlib.
Look = dict[str, Any]

# Okabe and Ito's palette keeps apart for colour-blind readers, and these in greyscale too.
POSTERIOR, PRIOR, PUBLISHED, RUNS = "#0072B2", "#999999", "#D55E00", "#333333"
#: Lines and areas that mean the same in every picture.
MEDIAN: Look = {"color": POSTERIOR, "lw": 1.5}
CREDIBLE: Look = {"color": POSTERIOR, "alpha": 0.3, "lw": 0}
PRIOR_LINE: Look = {"color": PRIOR, "lw": 1.2, "ls": "--"}
PUBLISHED_LINE: Look = {"color": PUBLISHED, "lw": 1.3, "ls": "-."}
#: Ends of the values that something may have.
Support = tuple[float, float]
EVERYWHERE: Support = (-np.inf, np.inf)
# A prior whose highest point is lower than this share of the posterior's is not seen beside it.
_FLAT = 0.02
FAR: Look = {"color": "black", "alpha": 0.06, "lw": 0}

_SIZES: Any = {
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "figure.titlesize": 10,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
}
# The same palette, without its yellow that vanishes on white, and three dark ones.
_LAWS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#7A4419", "#5B3FA0", "#333333"),
)
_MARKERS = "osD^vPX<>"
# Where the sums that give names their colours start: the laws that are compared most often differ.
_START = 197


def picture[**P](draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a function draw with the sizes that all pictures have."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> Figure:
        import matplotlib as mpl

        # Only these are restored: the first figure of a notebook loads Jupyter's backend, whose
        # own settings the end of an rc_context would undo, and later pictures would not show.
        before = {name: mpl.rcParams[name] for name in _SIZES}
        mpl.rcParams.update(_SIZES)
        try:
            return draw(*args, **options)
        finally:
            mpl.rcParams.update(before)

    return drawn


def axes(ax: Axes | None, size: tuple[float, float], *, frame: bool = False) -> tuple[Figure, Axes]:
    """A figure, and the axes in it to draw on: the caller's or new ones."""
    if ax is None:
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(layout="constrained", figsize=size)
    else:
        figure = cast("Figure", ax.get_figure(root=True))
    _look(ax, frame=frame)
    return figure, ax


def canvas(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Figure | SubFigure]:
    """A figure, and what to put panels on: a new figure, or the place of the caller's axes."""
    import matplotlib.pyplot as plt

    if ax is None:
        figure = plt.figure(layout="constrained", figsize=size)
        return figure, figure
    place = ax.get_subplotspec()
    whole, parent = ax.get_figure(root=True), ax.get_figure(root=False)
    if place is None or whole is None or parent is None:
        raise RequestError(
            "the axes belong to no grid, so several panels cannot replace them",
            place="plots, ax",
            remedy="Take axes from plt.subplots or Figure.add_subplot",
        )
    ax.remove()
    return whole, parent.add_subfigure(place)


def panels(on: Figure | SubFigure, rows: int, columns: int, **grid: Any) -> list[Axes]:
    """Panels, row after row."""
    every: list[Axes] = list(on.subplots(rows, columns, squeeze=False, **grid).flat)
    for panel in every:
        _look(panel)
    return every


def panels_for(
    ax: Axes | None,
    count: int,
    cell: tuple[float, float],
    rest: tuple[float, float],
    *,
    across: int = 3,
    blocks: int = 1,
    **grid: Any,
) -> tuple[Figure, Figure | SubFigure, list[Axes]]:
    """A figure, what its panels stand on, and a count of panels for each block, in short rows.

    Sizes in inches are those of a panel and of what surrounds them all.
    """
    columns = min(across, count)
    rows = -(-count // columns)
    size = (cell[0] * columns + rest[0], cell[1] * rows * blocks + rest[1])
    figure, on = canvas(ax, size)
    shown = []
    for place, panel in enumerate(panels(on, rows * blocks, columns, **grid)):
        used = place % (rows * columns) < count
        panel.set_visible(used)
        shown += [panel] if used else []
    return figure, on, shown


def _look(ax: Axes, *, frame: bool = False) -> None:
    ax.spines[["right", "top"]].set_visible(frame)
    ax.tick_params(labelsize=8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_fontsize(9)


def without_height(panel: Axes) -> None:
    """Leave an axis away on which only order or shape counts."""
    panel.spines[["left", "right", "top"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def columns(quantities: Iterable[OptimumQuantity]) -> Iterator[np.ndarray]:
    """Low ends, medians, high ends and published values of quantities."""
    rows = [(each.low, each.median, each.high, each.published) for each in quantities]
    yield from np.array(rows, dtype=float).T


def density(draws: np.ndarray, grid: np.ndarray, support: Support = EVERYWHERE) -> np.ndarray:
    """A smooth density of draws; none of it leaves their support."""
    from scipy.stats import gaussian_kde

    smooth = gaussian_kde(draws)
    # What the kernel carries across an end is folded back.
    folded = [2 * end - grid for end in support if np.isfinite(end)]
    height = sum((np.asarray(smooth(places)) for places in folded), np.asarray(smooth(grid)))
    return np.where((support[0] <= grid) & (grid <= support[1]), height, 0.0)


def support_of(text: str) -> Support:
    """The values that an expression over variables may have."""
    if text.isidentifier():
        domain = vocabulary.variable(text)
        return domain.low, domain.high
    share = tuple(text.split("/")) in vocabulary.ORDERED
    return 0.0, 1.0 if share else np.inf


def grid_of(
    draws: np.ndarray,
    also: Iterable[float] = (),
    margin: float = 0.15,
    support: Support = EVERYWHERE,
) -> np.ndarray:
    """An axis that holds nearly all draws and some values besides, within their support."""
    # Tails can reach a thousand times as far as the rest.
    reach = interval(draws, 0.998)
    shown = [float(reach.low), float(reach.high), *also]
    room = margin * (max(shown) - min(shown))
    ends = max(min(shown) - room, support[0]), min(max(shown) + room, support[1])
    return np.linspace(*ends, 300)


def posterior_panel(
    panel: Axes,
    draws: np.ndarray,
    ends: tuple[float, float],
    *,
    also: Iterable[float] = (),
    label: str,
    support: Support = EVERYWHERE,
    prior: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a posterior with its interval as a bar, and its prior to the same scale; its axis.

    A prior too flat to be seen beside the posterior is left out.
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) and np.ptp(finite) > 0:
        grid = grid_of(finite, also, support=support)
        height = density(finite, grid, support)
        before = np.zeros(len(grid)) if prior is None else density(prior, grid, support)
        top = max(float(height.max()), float(before.max()), 1e-300)
        panel.fill_between(grid, height / top, color=POSTERIOR, alpha=0.35, lw=0)
        panel.plot(grid, height / top, color=POSTERIOR, lw=1.2)
        if before.max() > _FLAT * top:
            panel.plot(grid, before / top, label="prior", **PRIOR_LINE)
        panel.set_xlim(grid[0], grid[-1])
    panel.plot(ends, [0.03, 0.03], color=POSTERIOR, lw=3, label=label)
    without_height(panel)
    panel.set_yticks([])
    panel.set_ylim(0, 1.12)
    panel.locator_params(axis="x", nbins=4)
    return np.linspace(*panel.get_xlim(), 300)


def rows_of(panel: Axes, names: Iterable[object]) -> None:
    """Name the rows of a panel, the first on top."""
    texts = [str(name) for name in names]
    panel.set_yticks(range(len(texts)), texts)
    panel.set_ylim(len(texts) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)


def legend(on: Figure | SubFigure, columns: int = 3, **options: Any) -> None:
    """A legend below all panels, with each label once."""
    entries: dict[str, Any] = {}
    for panel in on.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    place: Look = {"loc": "outside lower center", "ncols": columns, **options}
    on.legend(entries.values(), entries.keys(), **place)


def law_styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each law, which follow from the laws' names."""
    taken = dict.fromkeys(range(len(_LAWS)), 0)
    styles = {}
    for name in sorted(set(names)):
        first = zlib.crc32(name.encode(), _START) % len(_LAWS)
        turns = [(first + step) % len(_LAWS) for step in range(len(_LAWS))]
        place = min(turns, key=lambda turn: taken[turn])
        taken[place] += 1
        styles[name] = (_LAWS[place], _MARKERS[place])
    return styles


def hatch(ax: Axes, regions: Iterable[tuple[float, float]], grey: float, **options: Any) -> None:
    """Mark the parts of an axis beyond the runs."""
    label: str | None = "beyond the runs"
    look: Look = {"facecolor": "none", "edgecolor": (0, 0, 0, grey), "hatch": "//", "lw": 0}
    for low, high in regions:
        ax.axvspan(low, high, label=label, **look, **options)
        label = None  # further regions need no entry of their own


def two_kinds(
    ax: Axes, x: np.ndarray, y: np.ndarray, kept: np.ndarray, names: tuple[str, str], size: float
) -> None:
    """Points that are as expected, filled, and those that are not, hollow."""
    for chosen, face, colour, name in (
        (kept, POSTERIOR, POSTERIOR, names[0]),
        (~kept, "white", PUBLISHED, names[1]),
    ):
        if chosen.any():
            look: Look = {"color": colour, "mfc": face, "mew": 1.3, "ms": size, "label": name}
            ax.plot(x[chosen], y[chosen], "o", **look)


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
