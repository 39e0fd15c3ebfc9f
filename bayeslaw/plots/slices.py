"""Configurations that a picture draws over: some variables move, the others are fixed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.quantities import quantity
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.plots import style
from bayeslaw.plots.labels import count, label, math
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import NEARBY, extrapolation_factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Span = tuple[float, float]
_POINTS = 160
#: Points of runs beside bands, which they must not hide.
RUN_POINTS: style.Look = {"color": style.RUNS, "ms": 2.5, "mew": 0, "alpha": 0.55, "zorder": 1.5}


@dataclass(frozen=True)
class Slice:
    """Configurations along a variable or an expression.

    ``grid`` holds the values of ``over`` in order, even on the logarithm if ``logarithmic``;
    ``columns`` the law's variables there; ``seen`` the values of ``over`` in the runs.
    """

    over: str
    grid: np.ndarray  # of shape (points,), like each of the columns
    columns: dict[str, np.ndarray]
    fixed: dict[str, float]
    seen: np.ndarray  # of shape (runs,)
    logarithmic: bool

    @property
    def outside(self) -> list[Span]:
        """Ends of the parts of the axis beyond the runs: none, one or two."""
        parts = (self.grid[self.grid < self.seen.min()], self.grid[self.grid > self.seen.max()])
        return [(float(part[0]), float(part[-1])) for part in parts if len(part)]

    def runs_on(self, ax: Axes, curve: np.ndarray, residuals: np.ndarray) -> None:
        """Draw runs around a curve over the grid, each as far off as it is from the law."""
        shown = (self.seen >= self.grid[0]) & (self.seen <= self.grid[-1]) & np.isfinite(residuals)
        place = self.seen[shown]
        height = np.interp(place, self.grid, curve) * np.exp(residuals[shown])
        label = "runs, moved here by the law" if self.fixed else "runs"
        ax.plot(place, height, "o", label=label, **RUN_POINTS)

    def finish(self, ax: Axes, *, ticks: bool = True) -> None:
        """Mark the runs as ticks, unless they are drawn, and label the axis."""
        if ticks:
            self._ticks(ax)
        if self.logarithmic:
            style.count_axis(ax, self.grid)
        ax.margins(x=0)
        ax.set_xlabel(label(self.over))

    def _ticks(self, ax: Axes) -> None:
        ticks = self.seen[(self.seen >= self.grid[0]) & (self.seen <= self.grid[-1])]
        place = np.full(len(ticks), 0.015)
        look: style.Look = {"color": style.RUNS, "ms": 7, "alpha": 0.5, "label": "runs"}
        ax.plot(ticks, place, "|", transform=ax.get_xaxis_transform(), **look)


def slice_along(
    posterior: Posterior,
    over: str,
    *,
    at: Mapping[str, float | str] | None,
    span: Span | None,
    place: str,
) -> Slice:
    """Configurations along a variable, or an expression affine in one that ``at`` leaves open."""
    law, at = posterior.law, dict(at or {})
    expression = parse_expression(over, place=f"{place}, over")
    unknown = f"{law.name} has no variable {{!r}}"
    check_names((*expression.names, *at), law.variables, unknown, place=place)
    moving = [name for name in law.variables if name in expression.names and name not in at]
    if not moving:
        raise RequestError(
            f"at= fixes all of {over}", place=place, remedy="Leave one of its variables open"
        )
    # A ratio is varied through what stands first in it, at a fixed remainder.
    order = re.findall(r"[A-Za-z_]\w*", expression.text)
    name = min(moving, key=order.index)
    fixed = fixed_values(posterior, (name,), at, place=place)
    seen = np.asarray(expression(posterior.runs.columns(expression.names)))
    grid = axis_grid(seen, name, span, _POINTS, place=place)
    columns = {key: np.full(_POINTS, value) for key, value in fixed.items()}
    columns[name] = _invert(expression, name, grid, fixed, place)
    kept = legal(columns)
    if not kept.any():
        raise RequestError(
            f"no legal value of {name} between {grid[0]:g} and {grid[-1]:g}",
            place=place,
            remedy="Give another span= or at=",
        )
    columns = {key: values[kept] for key, values in columns.items()}
    logarithmic = not vocabulary.variable(name).includes_zero
    return Slice(over, grid[kept], columns, fixed, seen, logarithmic)


def fixed_values(
    posterior: Posterior, moving: Iterable[str], at: Mapping[str, float | str] | None, *, place: str
) -> dict[str, float]:
    """Values of the variables that do not move: those of ``at``, else the reference run's."""
    at, moving = dict(at or {}), tuple(moving)
    variables, unknown = posterior.law.variables, f"{posterior.law.name} has no variable {{!r}}"
    check_names((*moving, *at), variables, unknown, place=place)
    for name in moving:
        if name in at:
            raise RequestError(
                f"{name} is fixed and varied at once", place=place, remedy="Leave it out of at="
            )
    values = {**posterior.reference.at, **at}
    place = f"{place}, at"
    fixed = {n: quantity(values[n], n, place=place) for n in variables if n not in moving}
    vocabulary.check_values(fixed, place=place)
    return fixed


def axis_grid(
    seen: np.ndarray, name: str, span: Span | None, points: int, *, place: str
) -> np.ndarray:
    """Values along an axis: over a span, or over the runs' range and a factor of 3 either side."""
    domain = vocabulary.variable(name)
    low, high = span if span is not None else (float(seen.min()), float(seen.max()))
    if span is None and domain.includes_zero:
        low, high = max(domain.low, low - 0.1), min(domain.high - 0.02, high + 0.1)
    elif span is None:
        low, high = max(domain.low, low / 3), min(domain.high, high * 3)
    if not low < high or not (domain.includes_zero or low > 0):
        raise RequestError(
            f"span = ({low:g}, {high:g})", place=f"{place}, {name}", remedy="0 < low < high"
        )
    return (np.linspace if domain.includes_zero else np.geomspace)(low, high, points)


def legal(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which configurations a run can have."""
    possible = [np.vectorize(vocabulary.variable(n).contains)(v) for n, v in columns.items()]
    ordered = [
        columns[small] <= columns[large] * (1 + 1e-9)
        for small, large in vocabulary.ORDERED
        if small in columns and large in columns
    ]
    return np.asarray(np.all([*possible, *ordered], axis=0))


def title(posterior: Posterior, fixed: Mapping[str, float]) -> str:
    """The law, where its other variables are fixed, and how far beyond the runs that is."""
    parts = []
    for name, value in fixed.items():
        factor = float(extrapolation_factor(posterior.runs, {name: np.array([value])})[0][0])
        far = f" ({factor:.2g}x beyond the runs)" if factor > NEARBY else ""
        parts.append(f"{math(name)} = {count(value)}{far}")
    # Three a line, which a column of a paper holds.
    lines = [", ".join(parts[i : i + 3]) for i in range(0, len(parts), 3)]
    where = ",\n".join(lines)
    return f"{posterior.law.name} at\n{where}" if parts else posterior.law.name


def _invert(
    expression: Expression, name: str, values: np.ndarray, fixed: Mapping[str, float], place: str
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
