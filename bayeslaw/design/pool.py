"""Candidates: runs that could be trained, with what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import qmc

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.quantities import quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import expert_grid
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs, read_runs
from bayeslaw.runs.geometry import on_scale
from bayeslaw.runs.reach import SIZES
from bayeslaw.runs.read import configurations

if TYPE_CHECKING:
    import pandas as pd

#: Candidates that are drawn where none are given.
DRAWN = 2000
# Share of them whose variables are at one of a few levels, where designs end up.
_LEVELS = 5
# Draws for each candidate that is kept.
_TRIES = 16


@dataclass(frozen=True, eq=False)
class Pool:
    """Candidates, one a row of ``table``, the laws' variables in ``columns``, and costs."""

    table: pd.DataFrame
    columns: dict[str, np.ndarray]
    costs: np.ndarray
    unit: str
    drawn: bool

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.table)


def pool_of(
    posteriors: Sequence[Posterior],
    candidates: Runs | pd.DataFrame | Mapping[str, Any] | None,
    *,
    ranges: Mapping[str, tuple[float, float]] | None,
    cost: str | None,
    seed: int,
    place: str,
) -> Pool:
    """The caller's candidates, or drawn ones."""
    names = list(dict.fromkeys(name for one in posteriors for name in one.law.variables))
    drawn = candidates is None
    if candidates is None:
        table = _drawn(posteriors, names, ranges or {}, cost, seed, place)
    else:
        if ranges is not None:
            raise RequestError(
                "ranges= beside candidates", place=place, remedy="Leave one of them out"
            )
        table = _given(candidates, names, posteriors, place)
    columns = read_runs(table[names]).columns(names) if not drawn else _arrays(table, names)
    pools = {pool.column for one in posteriors for pool in one.pool}
    discrepancies = [one.discrepancy for one in posteriors if one.discrepancy is not None]
    grouping = pools.union(*(set(each.columns) for each in discrepancies)) - set(names)
    columns |= {name: table[name].to_numpy() for name in grouping if name in table}
    costs, unit = costs_of(posteriors[0], table, cost, place)
    return Pool(table, columns, costs, unit, drawn)


def _given(
    candidates: Runs | pd.DataFrame | Mapping[str, Any],
    names: Sequence[str],
    posteriors: Sequence[Posterior],
    place: str,
) -> pd.DataFrame:
    table = configurations(candidates)
    if not len(table):
        raise RequestError("no candidates", place=place, remedy="Give one a row")
    for one in posteriors:
        missing = [name for name in one.law.variables if name not in table.columns]
        if missing:
            raise RequestError(
                f"the candidates lack {', '.join(missing)}, which {one.law.name} reads",
                place=f"{place}, candidates",
                remedy=f"Give a column {missing[0]}: one value for all if it does not vary "
                "(read_runs maps columns)",
            )
    return table.reset_index(drop=True)


def _arrays(table: pd.DataFrame, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy(dtype=float) for name in names}


def costs_of(
    posterior: Posterior, table: pd.DataFrame, cost: str | None, place: str
) -> tuple[np.ndarray, str]:
    """Cost of each candidate: its own column, or by a formula."""
    if "cost" in table.columns and cost is None:
        import pandas as pd

        values = pd.to_numeric(table["cost"], errors="coerce").to_numpy(dtype=float)
        unit = "cost"
    else:
        price = Budget(train_flops=1.0, cost=cost).price(posterior.law, table, place=place)
        names = price.expression.names
        # Numbers of NumPy's float64: products of counts exceed integers.
        with np.errstate(all="ignore"):
            values = np.broadcast_to(price.expression(_arrays(table, sorted(names))), len(table))
        unit = price.unit if cost is None else "cost"
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(bad):
        raise RequestError(
            f"cost = {values[bad[0]]:g} of candidate {bad[0] + 1} of {len(table)}",
            place=f"{place}, candidates",
            remedy="Costs are positive numbers",
        )
    return np.asarray(values, dtype=float), unit


def _drawn(
    posteriors: Sequence[Posterior],
    names: Sequence[str],
    ranges: Mapping[str, tuple[float, float]],
    cost: str | None,
    seed: int,
    place: str,
) -> pd.DataFrame:
    """Candidates over sizes of the runs and shapes of the card, in part at levels of each."""
    import pandas as pd

    check_names(ranges, names, "no law has a variable {!r}", place=f"{place}, ranges")
    axes = {name: _axis(name, posteriors, ranges.get(name), place) for name in names}
    moving = [name for name, axis in axes.items() if len(axis) > 1]
    if not moving:
        raise RequestError(
            "nothing varies in the runs or ranges",
            place=place,
            remedy='Give candidates, or ranges={"N": (1e8, 1e9)}',
        )
    sobol = qmc.Sobol(len(moving), rng=np.random.default_rng(seed))
    points = sobol.random_base2(int(np.ceil(np.log2(DRAWN * _TRIES))))
    leveled = np.round(points[::2] * _LEVELS - 0.5) / (_LEVELS - 1)
    points[::2] = np.clip(leveled, 0.0, 1.0)
    columns = {name: np.full(len(points), axis[0]) for name, axis in axes.items()}
    for share, name in zip(points.T, moving, strict=True):
        columns[name] = _along(name, axes[name], share)
    if {"G", "S"} <= set(moving):
        _on_lattice(columns, axes)
    legal = np.ones(len(points), dtype=bool)
    for small, large in vocabulary.ORDERED:
        if {small, large} <= set(names):
            legal &= columns[small] <= columns[large]
    for low, high, ratio in _ratios(posteriors, columns, ranges):
        legal &= (ratio >= low * (1 - 1e-9)) & (ratio <= high * (1 + 1e-9))
    table = pd.DataFrame({name: values[legal] for name, values in columns.items()})
    table = table.drop_duplicates(ignore_index=True)
    if table.empty:
        raise RequestError(
            "no candidate within ranges and ratios",
            place=place,
            remedy="Widen ranges=, or give candidates",
        )
    if len(table) > DRAWN:
        # Cheap runs are the most informative for what they cost, and there is room for many.
        cheap = costs_of(posteriors[0], table, cost, place)[0] ** -0.5
        chance = 0.5 * cheap / cheap.sum() + 0.5 / len(table)
        rng = np.random.default_rng([seed, 8])
        kept = rng.choice(len(table), DRAWN, replace=False, p=chance)
        table = table.iloc[np.sort(kept)].reset_index(drop=True)
    return table


def _axis(
    name: str,
    posteriors: Sequence[Posterior],
    given: tuple[float, float] | None,
    place: str,
) -> np.ndarray:
    """Ends of a variable's range, or the values that it can have."""
    seen = next(one.runs.column(name) for one in posteriors if name in one.law.variables)
    own = np.array([seen.min(), seen.max()])
    if given is not None:
        own = np.array([quantity(v, name, place=f"{place}, ranges") for v in given])
        variable = vocabulary.variable(name)
        if len(own) != 2 or own[0] > own[1] or not all(map(variable.contains, own)):
            raise RequestError(
                f"{name} = {given!r}", place=f"{place}, ranges", remedy="Give low and high"
            )
    elif name not in SIZES:
        letters = [
            letter
            for one in posteriors
            for letter in one.law.letters.values()
            if letter.is_.text == name and (letter.values or letter.range)
        ]
        if letters:
            return np.array(letters[0].values or letters[0].range, dtype=float)
        values = np.unique(seen)
        if len(values) <= 20:
            return values
    return own[:1] if own[0] == own[1] else own


def _along(name: str, axis: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values at shares of an axis: evenly on its scale, or from a list."""
    if len(axis) > 2:
        return np.asarray(axis[np.minimum((share * len(axis)).astype(int), len(axis) - 1)])
    low, high = on_scale(name, axis)
    values = low + (high - low) * share
    return np.asarray(values if vocabulary.variable(name).includes_zero else np.exp(values))


def _on_lattice(columns: dict[str, np.ndarray], axes: Mapping[str, np.ndarray]) -> None:
    """Move G and S to the nearest legal pair of routed and shared experts."""
    grid = expert_grid()
    pairs = grid[["G", "S"]].drop_duplicates().to_numpy()
    reach = {name: (axes[name].min(), axes[name].max()) for name in ("G", "S")}
    inside = [
        (pairs[:, i] >= low) & (pairs[:, i] <= high) for i, (low, high) in enumerate(reach.values())
    ]
    pairs = pairs[np.all(inside, axis=0)] if np.all(inside, axis=0).any() else pairs
    scale = np.array(
        [np.log(max(reach["G"][1] / reach["G"][0], 1.1)), max(np.ptp(reach["S"]), 0.05)]
    )
    wish = np.stack([np.log(columns["G"]), columns["S"]], axis=1) / scale
    have = np.stack([np.log(pairs[:, 0]), pairs[:, 1]], axis=1) / scale
    nearest = np.argmin(((wish[:, None] - have[None]) ** 2).sum(axis=2), axis=1)
    columns["G"], columns["S"] = pairs[nearest].T


def _ratios(
    posteriors: Sequence[Posterior],
    columns: Mapping[str, np.ndarray],
    ranges: Mapping[str, tuple[float, float]],
) -> list[tuple[float, float, np.ndarray]]:
    """Bounds of ratios: of the cards, and of the shape N_a/N as the runs have it."""
    found = []
    for one in posteriors:
        for bound in one.law.ratios:
            if {bound.letter, bound.over} <= set(columns):
                found.append((bound.low, bound.high, columns[bound.letter] / columns[bound.over]))
    if not found and {"N_a", "N"} <= set(columns) and not {"N", "N_a"} & set(ranges):
        runs = next(one.runs for one in posteriors if {"N", "N_a"} <= set(one.law.variables))
        seen = runs.column("N_a") / runs.column("N")
        found.append((float(seen.min()), float(seen.max()), columns["N_a"] / columns["N"]))
    return found
