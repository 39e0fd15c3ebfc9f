"""What pictures over configurations share: the others held, and what no run can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.plots import style
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import NEARBY, beyond


def held(
    posterior: Posterior, moved: Iterable[str], at: Mapping[str, float] | None, *, place: str
) -> dict[str, float]:
    """Where the variables stand that a picture does not move."""
    law, given, moved = posterior.law, dict(at or {}), tuple(moved)
    for name in (*moved, *given):
        if name not in law.variables:
            raise RequestError(
                f"{law.name} has no variable {name!r}",
                place=place,
                remedy=nearest(name, law.variables),
            )
    both = [name for name in moved if name in given]
    if both:
        raise RequestError(
            f"{both[0]} is fixed and moved at once", place=place, remedy="Leave it out of at="
        )
    values = {**posterior.reference.at, **given}
    fixed = {name: float(values[name]) for name in law.variables if name not in moved}
    vocabulary.check_values(fixed, place=f"{place}, at")
    return fixed


def legal(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which configurations a run can have."""
    found = np.ones(np.broadcast_shapes(*(np.shape(one) for one in columns.values())), dtype=bool)
    for name, values in columns.items():
        found = found & np.vectorize(vocabulary.variable(name).contains)(values)
    for small, large in vocabulary.ORDERED:
        if small in columns and large in columns:
            found = found & (columns[small] <= np.asarray(columns[large]) * (1 + 1e-9))
    return found


def span_of(posterior: Posterior, name: str, span: tuple[float, float] | None) -> np.ndarray:
    """Both ends of an axis: those given, or the runs' own range and a factor of 3 on both sides."""
    domain, seen = vocabulary.variable(name), posterior.runs.column(name)
    if span is not None:
        low, high = span
        if not low < high or not (domain.includes_zero or low > 0):
            raise RequestError(f"span = ({low:g}, {high:g})", place=name, remedy="0 < low < high")
        return np.array([low, high], dtype=float)
    if domain.includes_zero:
        ends = [max(domain.low, seen.min() - 0.1), min(domain.high - 0.02, seen.max() + 0.1)]
    else:
        ends = [max(domain.low, seen.min() / 3), min(domain.high, seen.max() * 3)]
    return np.array(ends, dtype=float)


def grid_of(name: str, ends: np.ndarray, points: int) -> np.ndarray:
    """Values along an axis, even on the scale that the variable has."""
    low, high = (float(end) for end in ends)
    if vocabulary.variable(name).includes_zero:
        return np.linspace(low, high, points)
    return np.geomspace(low, high, points)


def where(posterior: Posterior, fixed: Mapping[str, float]) -> str:
    """Where the others are held, and how far beyond the runs, for a title."""
    said = []
    for name, value in fixed.items():
        times = float(beyond(posterior.runs, {name: np.array([value])})[0][0])
        far = f" ({times:.2g}x beyond the runs)" if times > NEARBY else ""
        said.append(f"{name} = {style.count(value)}{far}")
    return ", ".join(said)
