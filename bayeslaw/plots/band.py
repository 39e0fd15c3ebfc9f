"""The law's value along one axis, with its uncertainty."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw import vocabulary
from bayeslaw.errors import RequestError
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.intervals import interval
from bayeslaw.plots import style
from bayeslaw.plots.slices import legal, where
from bayeslaw.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 160


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
    expression = parse_expression(over, place="band, over")
    at = dict(at or {})
    for name in (*expression.names, *at):
        if name not in law.variables:
            raise RequestError(f"{law.name} has no variable {name!r}", place="band")
    moved = [name for name in law.variables if name in expression.names and name not in at]
    if not moved:
        raise RequestError(
            f"at= fixes all of {over}", place="band", remedy="Leave one of its variables open"
        )
    # A ratio is varied through what stands first in it, at a fixed remainder.
    standing = re.findall(r"[A-Za-z_]\w*", expression.text)
    name = min(moved, key=standing.index)
    fixed = {**posterior.reference.at, **at}
    fixed = {key: fixed[key] for key in law.variables if key != name}
    vocabulary.check_values(fixed, place="band, at")
    seen = np.asarray(expression(runs.columns(expression.names)))
    grid, logarithmic = _grid(seen, span, name)
    columns = {key: np.full(_POINTS, value) for key, value in fixed.items()}
    columns[name] = _invert(expression, name, grid, fixed)
    kept = legal(columns)
    if not kept.any():
        raise RequestError(f"no legal value of {name} over that span", place="band")
    grid, columns = grid[kept], {key: values[kept] for key, values in columns.items()}

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
    for part in (grid < seen.min(), grid > seen.max()):
        if part.any():
            ax.axvspan(
                grid[part][0],
                grid[part][-1],
                facecolor="none",
                edgecolor="#bbbbbb",
                hatch="//",
                lw=0,
                zorder=0,
                label=next(labels, None),
            )
    ticks = seen[(seen >= grid[0]) & (seen <= grid[-1])]
    ax.plot(
        ticks,
        np.full(len(ticks), 0.015),
        "|",
        color=style.RUNS,
        ms=7,
        alpha=0.5,
        transform=ax.get_xaxis_transform(),
        label="runs",
    )
    if logarithmic:
        style.count_axis(ax, grid)
    ax.margins(x=0)
    ax.set_xlabel(style.label(over))
    unit = runs.loss_unit if law.predicts == "loss" else ""
    what = f"{law.predicts} lost against the best {over}" if relative else law.predicts
    ax.set_ylabel(f"{what} [{unit} per token]" if unit else what)
    if relative:
        ax.set_ylim(bottom=0)
    ax.set_title(f"{law.name} at\n{where(posterior, fixed)}", fontsize=9)
    ax.legend(fontsize=8, frameon=False)
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _grid(seen: np.ndarray, span: tuple[float, float] | None, name: str) -> tuple[np.ndarray, bool]:
    domain = vocabulary.variable(name)
    low, high = span if span is not None else (float(seen.min()), float(seen.max()))
    if domain.includes_zero:
        if span is None:
            low, high = max(domain.low, low - 0.1), min(domain.high - 0.02, high + 0.1)
        return np.linspace(low, high, _POINTS), False
    if span is None:
        low, high = low / 3, high * 3
    if not 0 < low < high:
        raise RequestError(f"span = ({low:g}, {high:g})", place="band", remedy="0 < low < high")
    return np.geomspace(low, high, _POINTS), True


def _invert(
    expression: Expression, name: str, values: np.ndarray, fixed: Mapping[str, float]
) -> np.ndarray:
    """Values of a variable that give an expression those values."""
    with np.errstate(all="ignore"):
        zero, one, two = (float(expression({**fixed, name: v})) for v in (0.0, 1.0, 2.0))
    if one == zero or not np.isclose(two - one, one - zero) or not np.isfinite(one):
        raise RequestError(
            f"{expression.text} is not affine in {name}",
            place="band, over",
            remedy=f"Give another expression, or {name} itself",
        )
    return np.asarray((values - zero) / (one - zero))
