"""An axis that a picture follows: a variable or a ratio, the others held."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.plots import style
from bayeslaw.plots.slices import legal
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 160


@dataclass(frozen=True)
class Along:
    """Configurations along an axis.

    Attributes
    ----------
    grid : ndarray of shape (points,)
        Values of what is varied, in order.
    columns : dict of str to ndarray of shape (points,)
        The law's variables there.
    fixed : dict of str to float
        Those that are held.
    seen : ndarray of shape (runs,)
        Values of what is varied in the runs.
    logarithmic : bool
        Whether the grid is even on a logarithm.
    """

    grid: np.ndarray
    columns: dict[str, np.ndarray]
    fixed: dict[str, float]
    seen: np.ndarray
    logarithmic: bool

    @property
    def beyond(self) -> list[tuple[float, float]]:
        """Ends of the parts of the axis beyond the runs: none, one or two."""
        parts = (self.grid[self.grid < self.seen.min()], self.grid[self.grid > self.seen.max()])
        return [(float(part[0]), float(part[-1])) for part in parts if len(part)]

    def finish(self, ax: Axes, over: str) -> None:
        """Mark the runs as ticks and write the axis."""
        ticks = self.seen[(self.seen >= self.grid[0]) & (self.seen <= self.grid[-1])]
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
        if self.logarithmic:
            style.count_axis(ax, self.grid)
        ax.margins(x=0)
        ax.set_xlabel(style.label(over))


def along(
    posterior: Posterior,
    over: str,
    *,
    at: Mapping[str, float] | None,
    span: tuple[float, float] | None,
    place: str,
) -> Along:
    """Configurations along a variable or an expression.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    over : str
        What is varied: a canonical variable, or an expression affine in one that ``at`` leaves
        open.
    at : mapping or None
        The other variables; those not named stand at the reference run.
    span : tuple of float or None
        Ends of the axis; the runs' own range and a factor of 3 on both sides unless given.
    place : str
        For messages.

    Returns
    -------
    Along
        Those that a run can have.

    Raises
    ------
    RequestError
        If ``over``, ``at`` or ``span`` do not fit the law.
    """
    law, runs = posterior.law, posterior.runs
    expression = parse_expression(over, place=f"{place}, over")
    at = dict(at or {})
    for name in (*expression.names, *at):
        if name not in law.variables:
            raise RequestError(f"{law.name} has no variable {name!r}", place=place)
    moved = [name for name in law.variables if name in expression.names and name not in at]
    if not moved:
        raise RequestError(
            f"at= fixes all of {over}", place=place, remedy="Leave one of its variables open"
        )
    # A ratio is varied through what stands first in it, at a fixed remainder.
    standing = re.findall(r"[A-Za-z_]\w*", expression.text)
    name = min(moved, key=standing.index)
    fixed = {**posterior.reference.at, **at}
    fixed = {key: fixed[key] for key in law.variables if key != name}
    vocabulary.check_values(fixed, place=f"{place}, at")
    seen = np.asarray(expression(runs.columns(expression.names)))
    grid, logarithmic = _grid(seen, span, name, place)
    columns = {key: np.full(_POINTS, value) for key, value in fixed.items()}
    columns[name] = _invert(expression, name, grid, fixed, place)
    kept = legal(columns)
    if not kept.any():
        raise RequestError(f"no legal value of {name} over that span", place=place)
    columns = {key: values[kept] for key, values in columns.items()}
    return Along(grid[kept], columns, fixed, seen, logarithmic)


def _grid(
    seen: np.ndarray, span: tuple[float, float] | None, name: str, place: str
) -> tuple[np.ndarray, bool]:
    domain = vocabulary.variable(name)
    low, high = span if span is not None else (float(seen.min()), float(seen.max()))
    if domain.includes_zero:
        if span is None:
            low, high = max(domain.low, low - 0.1), min(domain.high - 0.02, high + 0.1)
        return np.linspace(low, high, _POINTS), False
    if span is None:
        low, high = low / 3, high * 3
    if not 0 < low < high:
        raise RequestError(f"span = ({low:g}, {high:g})", place=place, remedy="0 < low < high")
    return np.geomspace(low, high, _POINTS), True


def _invert(
    expression: Expression,
    name: str,
    values: np.ndarray,
    fixed: Mapping[str, float],
    place: str,
) -> np.ndarray:
    """Values of a variable that give an expression those values."""
    with np.errstate(all="ignore"):
        zero, one, two = (float(expression({**fixed, name: v})) for v in (0.0, 1.0, 2.0))
    if one == zero or not np.isclose(two - one, one - zero) or not np.isfinite(one):
        raise RequestError(
            f"{expression.text} is not affine in {name}",
            place=f"{place}, over",
            remedy=f"Give another expression, or {name} itself",
        )
    return np.asarray((values - zero) / (one - zero))
