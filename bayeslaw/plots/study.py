"""A study: runs and what is predicted beyond them, its past, and the weights of its laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.plots import style
from bayeslaw.plots.labels import label, math, percent, predicted
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.reach import SIZES
from bayeslaw.study.result import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# How far the axis continues beyond the largest run.
_BEYOND = 30.0
_POINTS = 60
# Rows of the right side, in inches.
_ROW = 0.27


@style.picture
@public
def study(answer: Study, *, held_out: Runs | None = None, ax: Axes | None = None) -> Figure:
    """Draw runs with what a study predicts beyond them, its back-tests, and its laws' weights.

    Parameters
    ----------
    answer : Study
        The study.
    held_out : Runs, optional
        Runs that the study has not seen.
    ax : matplotlib.axes.Axes, optional
        Whose place in its figure to fill with the panels; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        On the left the runs against compute (or parameters, if no law reads tokens), the bands of a
        new run at the shape that runs have on average at that size, and the median of each law;
        runs held out are hollow, each with the interval predicted at its own shape. On the right
        the mean error of log loss beyond each origin, hollow where fewer runs than stated lie in
        their intervals, before the interval and with its coverage; below, the weights.
    """
    tested = len(answer.back_test)
    heights = [_ROW * tested + 0.8] * bool(tested) + [_ROW * len(answer.weights) + 0.6]
    figure, canvas = style.canvas(ax, (9.0, max(sum(heights), 3.6)))
    # Typed as one of them, whatever the grid.
    sides: Any = canvas.subfigures(1, 2, width_ratios=[1.15, 1])
    left, right = sides
    (panel,) = style.panels(left, 1, 1)
    colours = style.law_styles(answer.weights)
    _losses(panel, answer, held_out, colours)
    style.legend(left, columns=2)
    rows = style.panels(right, len(heights), 1, height_ratios=heights)
    if tested:
        _past(rows[0], answer)
    _weights(rows[-1], answer, colours)
    return figure


def _losses(
    panel: Axes, answer: Study, held_out: Runs | None, colours: dict[str, tuple[str, str]]
) -> None:
    """Runs, the bands along their own trend, and the median of each law."""
    runs, predicts = answer.runs, answer.posteriors[0].law.predicts
    size = _size(answer)
    here = _position(runs, size)
    there = _position(held_out, size) if held_out is not None else here
    largest = max(_BEYOND * here.max(), 1.5 * there.max())
    grid = np.geomspace(here.min(), largest, _POINTS)
    path = trend(answer, here, grid)
    for probability, alpha in ((answer.ci_prob, 0.25), (0.5, 0.35)):
        band = answer.posterior.predict(path, level="run", ci_prob=probability, seed=answer.seed)
        look = {**style.CREDIBLE, "alpha": alpha, "label": f"{percent(probability)} credible"}
        panel.fill_between(grid, band["low"], band["high"], **look)
    panel.plot(grid, band["median"], label="median", **style.MEDIAN)
    for one in answer.posteriors:
        median = one.predict(path, level="law")["median"]
        panel.plot(grid, median, color=colours[one.law.name][0], lw=0.8, ls="--")
    look = {"color": style.RUNS, "ms": 3, "ls": "", "label": f"{len(runs)} runs"}
    panel.plot(here, runs.column(predicts), "o", **look)
    if held_out is not None:
        _held_out(panel, answer, held_out, there)
    style.hatch(panel, [(here.max(), grid[-1])], 0.2, zorder=0)
    style.count_axis(panel, grid)
    panel.set_xlim(grid[0] / 1.3, grid[-1])
    laws = "one law" if len(colours) == 1 else f"{len(colours)} laws"
    unit = " [FLOPs]" if len(size) > 1 else ""
    panel.set_xlabel(f"compute ${_product(size)}${unit}" if unit else label(size[0]))
    panel.set_ylabel(predicted(predicts, runs.loss_unit))
    panel.set_title(f"{runs.source}: {laws}, with the error beyond the runs")


def _held_out(panel: Axes, answer: Study, held_out: Runs, there: np.ndarray) -> None:
    """Runs held out, each with its interval; the legend counts those inside."""
    measured = held_out.column(answer.posteriors[0].law.predicts)
    band = answer.predict(held_out)
    low, high = band["low"].to_numpy(), band["high"].to_numpy()
    inside = int(((low <= measured) & (measured <= high)).sum())
    panel.vlines(there, low, high, color=style.PUBLISHED, lw=0.8, alpha=0.7)
    name = f"held out: {inside} of {len(measured)} inside"
    look: style.Look = {"color": style.PUBLISHED, "mfc": "white", "mew": 1.1, "ms": 4, "ls": ""}
    panel.plot(there, measured, "o", label=name, **look)


def _size(answer: Study) -> tuple[str, ...]:
    """The variables whose product is the size of a run."""
    names = {name for one in answer.posteriors for name in one.law.variables}
    size = "N_a" if "N_a" in names else "N"
    return (size, "D") if "D" in names else (size,)


def _product(size: tuple[str, ...]) -> str:
    """Compute in letters."""
    return rf"C = 6\,{size[0]}\,{size[1]}"


def _position(runs: Runs, size: tuple[str, ...]) -> np.ndarray:
    """Where runs are along the axis."""
    values = [runs.column(name) for name in size]
    return np.asarray((6.0 if len(size) > 1 else 1.0) * np.prod(values, axis=0))


def trend(answer: Study, here: np.ndarray, grid: np.ndarray) -> dict[str, np.ndarray]:
    """Configurations along the axis: sizes by power laws, the rest at medians."""
    names = list(dict.fromkeys(name for one in answer.posteriors for name in one.law.variables))
    reference = ReferenceRun.of(answer.runs, tuple(names)).at
    design = np.stack([np.ones_like(here), np.log(here)], axis=1)
    path = {}
    for name in names:
        path[name] = np.full(len(grid), reference[name])
        if name in SIZES:
            logs = np.log(answer.runs.column(name))
            level, slope = np.linalg.lstsq(design, logs, rcond=None)[0]
            path[name] = np.exp(level + slope * np.log(grid))
    if {"N", "N_a"} <= set(path):
        # Two power laws may cross, and no model has more active parameters than it has.
        share = answer.runs.column("N_a") / answer.runs.column("N")
        path["N"] = path["N_a"] / np.exp(np.mean(np.log(share)))
    return path


def _past(panel: Axes, answer: Study) -> None:
    """The error beyond each origin before its interval."""
    frame = answer.back_test
    place = np.arange(len(frame))
    name = f"{percent(answer.ci_prob)} interval"
    panel.barh(place, frame["width"], left=-frame["width"] / 2, height=0.6, color="#dddddd")
    panel.axvline(0, color=style.PRIOR, lw=0.8)
    # More numbers of this length would touch.
    panel.locator_params(axis="x", nbins=3)
    held = frame["coverage"].to_numpy() >= answer.ci_prob
    for chosen, face in ((held, style.POSTERIOR), (~held, "white")):
        look: style.Look = {"color": style.POSTERIOR, "mfc": face, "mew": 1.2, "ms": 5, "ls": ""}
        panel.plot(frame["error"][chosen], place[chosen], "o", **look)
    heads = []
    for direction, covered in zip(frame["direction"], frame["coverage"], strict=True):
        axis, _, end = direction.partition(" ")
        heads.append(f"{math(axis)} {end}: {100 * covered:.0f}%")
    style.rows_of(panel, heads)
    hollow = "\nhollow: fewer inside" if not held.all() else ""
    panel.set_xlabel(f"mean error of log loss\ngrey: {name}{hollow}")
    panel.set_title("back-tests: share of runs inside")


def _weights(panel: Axes, answer: Study, colours: dict[str, tuple[str, str]]) -> None:
    """Weights as bars in the colours of the laws' lines."""
    for place, (name, weight) in enumerate(answer.weights.items()):
        panel.barh(place, weight, height=0.55, color=colours[name][0])
        panel.text(weight + 0.02, place, percent(weight), va="center", fontsize=8)
    style.rows_of(panel, answer.weights)
    panel.set_xlim(0, 1)
    panel.set_xlabel("weight (dashed: law alone)")
