"""What runs say of a prediction along one variable, be the law's form right or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.optimum.budget import affordable, slope
from bayeslaw.optimum.problem import Problem
from bayeslaw.posterior.linearised import OWN, Linearised, log_slopes, typical_value
from bayeslaw.posterior.posterior import Posterior

# Values at which the law is searched for its best, and at which the bent curve is evaluated.
_SEARCHED, _POINTS = 121, 101
# Levels of a variable are knots; of more, quantiles. Distances of one level agree to a thousandth.
_LEVELS, _KNOTS, _SAME = 10, 7, 1e-3
# Residuals beyond this many scales count less.
_FAR, _ROUNDS = 2.0, 5
_FEWEST_DEGREES = 4
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Profile:
    """What runs say of the prediction along one variable, others at the reference run.

    The law's curve, bent smoothly by what it leaves of the runs. Places are in search
    coordinates, relative to the law's best value for each run.
    """

    #: The law's best at the reference run; whether it is every run's, or the end of the search.
    best: float
    everywhere: bool
    at_end: bool
    places: np.ndarray
    knots: np.ndarray
    #: Log prediction at the places, its covariance and degrees of freedom.
    curve: np.ndarray
    covariance: np.ndarray
    degrees: int


def profiles(posterior: Posterior, problem: Problem) -> dict[str, Profile]:
    """The profile of every free variable that the runs vary."""
    runs, law, reference = posterior.runs, problem.law, posterior.reference
    for column, group in (posterior.info.group or {}).items():
        runs = runs.select((runs.labels(column).astype(str) == group).to_numpy())
    linear = Linearised.of(posterior, runs)
    if linear is None:
        return {}
    columns, constant = runs.columns(law.variables), runs.constant(law.variables)
    on = {name: np.array(value) for name, value in posterior.model.medians.items()}
    raw = law.form.to_raw(on, reference.at, reference.loss)
    found = {}
    for i, name in enumerate(problem.structure.free):
        if name in law.variables and name not in constant:
            slices = _Slices(problem, i, raw)
            profile = _profile(posterior, slices, columns, linear)
            if profile is not None:
                found[name] = profile
    return found


def _profile(
    posterior: Posterior, slices: _Slices, columns: Mapping[str, np.ndarray], linear: Linearised
) -> Profile | None:
    x = slices.coordinate(columns)
    searched, span = slices.searched(x), float(np.ptp(x))
    reference = {name: np.array([posterior.reference.at[name]]) for name in columns}
    bests, (best,) = slices.best(columns, searched), slices.best(reference, searched)
    # Bends are of levels; without levels, or at fixed cost, of the distance from the law's best.
    by_level = slices.follower is None and len(_levels(x, _SAME * span)) <= _LEVELS
    places = x - (best if by_level else bests)
    if not np.isfinite(places).all() or not np.isfinite(best) or np.ptp(places) <= _SAME * span:
        return None
    knots = _knots(places, _SAME * span)
    every = np.union1d(np.linspace(places.min(), places.max(), _POINTS), knots)
    moved = slices.moved(reference, best + every[None, :])
    at = {name: np.broadcast_to(values, (1, len(every)))[0] for name, values in moved.items()}
    value = typical_value(posterior, at)
    legal = np.isfinite(value) & (value > 0) & slices.legal(at) & slices.allowed(best + every)
    every, value = every[legal], value[legal]
    slopes = log_slopes(posterior, {name: values[legal] for name, values in at.items()}, value)
    if slopes is None or not len(every):
        return None
    # Parameters of groups are at their common values.
    slopes = np.pad(slopes, ((0, 0), (0, linear.slopes.shape[1] - slopes.shape[1])))
    fitted = _fitted(linear, _bent(places, knots), (slopes, _bent(every, knots)))
    if fitted is None:
        return None
    shift, covariance, degrees = fitted
    return Profile(
        best=float(best),
        everywhere=bool(np.ptp(bests) <= _SAME * span),
        at_end=bool(best >= searched[-2]),
        places=every,
        knots=np.isin(every, knots),
        curve=slices.sign * (np.log(value) + shift),
        covariance=covariance,
        degrees=degrees,
    )


@dataclass(frozen=True)
class _Slices:
    """The law along one variable, at each run's other variables and, if one is spent, its cost."""

    problem: Problem
    place: int
    raw: Mapping[str, np.ndarray]

    @property
    def name(self) -> str:
        """The variable."""
        return self.problem.structure.free[self.place]

    @property
    def sign(self) -> float:
        """One where less is better."""
        return 1.0 if self.problem.structure.sense == "min" else -1.0

    def coordinate(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """The variable of runs in the coordinate of the search."""
        x = columns[self.name]
        return np.log(x) if self.problem.structure.logarithmic[self.place] else x

    def searched(self, x: np.ndarray) -> np.ndarray:
        """Places to look for the best: the runs' range, and as far again on each side."""
        problem, i, span = self.problem, self.place, np.ptp(x)
        low, high = x.min() - span, x.max() + span
        low = low if problem.far_low[i] else max(low, problem.low[i])
        # Below a cap that excludes every run, there is nothing to compare.
        high = high if problem.far_high[i] else max(min(high, problem.high[i]), low)
        return np.linspace(low, high, _SEARCHED)

    @property
    def follower(self) -> str | None:
        """What follows from the cost."""
        structure = self.problem.structure
        if structure.cost is None or structure.spent is not None:
            return structure.spent
        probe = {name: 1.7 + 0.3 * i for i, name in enumerate(sorted(structure.cost.names))}
        others = sorted(set(structure.free) - {self.name}, key=lambda name: (name != "D", name))
        affine = [n for n in others if n in probe and slope(structure.cost, probe, n) != 0]
        return affine[0] if affine else None

    def moved(self, columns: Mapping[str, np.ndarray], x: np.ndarray) -> dict[str, np.ndarray]:
        """Configurations of shape (runs, places), the variable at the places ``x``."""
        wide = {name: values[:, None] for name, values in columns.items()}
        at = {**self.problem.fixed, **wide}
        logarithmic = self.problem.structure.logarithmic[self.place]
        moved = {**at, self.name: np.exp(x) if logarithmic else x}
        cost, follower = self.problem.structure.cost, self.follower
        if cost is not None and follower is not None and self.name in cost.names:
            moved[follower] = affordable(cost, moved, follower, cost(at))
        return {name: np.asarray(moved[name]) for name in columns}

    def allowed(self, x: np.ndarray) -> np.ndarray:
        """Which places keep the caps on the variable."""
        problem, i = self.problem, self.place
        below = problem.far_high[i] | (x <= problem.high[i] + _ROUNDING)
        return np.asarray(below & (problem.far_low[i] | (x >= problem.low[i] - _ROUNDING)))

    def legal(self, at: Mapping[str, np.ndarray]) -> np.ndarray:
        """Which configurations lie in the domains of the variables."""
        inside = np.array(True)
        for name, values in at.items():
            domain = vocabulary.variable(name)
            inside = (
                inside & (values >= domain.low - _ROUNDING) & (values <= domain.high + _ROUNDING)
            )
        for small, large in vocabulary.ORDERED:
            if small in at and large in at:
                inside = inside & (at[small] <= at[large] * (1 + _ROUNDING))
        return inside

    def best(self, columns: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
        """The law's best place for each run; NaN where it has none."""
        moved = self.moved(columns, x[None, :])
        with np.errstate(all="ignore"):
            value = self.sign * np.asarray(
                self.problem.law.form.predict(moved, self.raw), dtype=float
            )
        shape = (len(next(iter(columns.values()))), len(x))
        value = np.where(np.isfinite(value) & self.legal(moved), value, np.inf)
        value = np.broadcast_to(value, shape)
        rows, least = np.arange(shape[0]), value.argmin(axis=1)
        # The vertex of the parabola through three values.
        middle = np.clip(least, 1, len(x) - 2)
        before, here, after = (value[rows, middle + k] for k in (-1, 0, 1))
        with np.errstate(all="ignore"):
            vertex = 0.5 * (before - after) / (before - 2 * here + after)
        shift = np.where((least == middle) & np.isfinite(vertex), vertex, 0.0)
        best = x[least] + shift * (x[1] - x[0])
        return np.where(np.isfinite(value[rows, least]), best, np.nan)


def _levels(places: np.ndarray, same: float) -> np.ndarray:
    ordered = np.sort(places)
    first = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > same)
    sizes = np.diff(first, append=len(ordered))
    return np.asarray(np.add.reduceat(ordered, first) / sizes)


def _knots(places: np.ndarray, same: float) -> np.ndarray:
    """Levels of the variable, or quantiles where there are many."""
    levels = _levels(places, same)
    if len(levels) <= _LEVELS:
        return levels
    return _levels(np.quantile(places, np.linspace(0, 1, _KNOTS)), same)


def _bent(places: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Natural cubic splines, each one at its own knot and zero at the others."""
    from scipy.interpolate import CubicSpline

    return np.asarray(CubicSpline(knots, np.eye(len(knots)), bc_type="natural")(places))


def _fitted(
    linear: Linearised, bends: np.ndarray, at: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Shifts of the law's curve at places, their covariance and degrees of freedom.

    Parameters take up what they can, and what bends explain of the rest is added, the smallest
    bends that do. ``at`` has slopes and bends at the places. Outliers count less.
    """
    taken, residuals = linear.taken, linear.residuals
    solve = np.linalg.pinv(taken.T @ linear.slopes) @ taken.T
    own, sizes, right = np.linalg.svd(bends, full_matrices=False)
    kept = sizes > _ROUNDING * sizes[0]
    own, back = own[:, kept], right[kept].T / sizes[kept]
    rest = own - taken @ (taken.T @ own)
    left, sizes, right = np.linalg.svd(rest, full_matrices=False)
    kept = sizes > OWN
    bent = left[:, kept]
    weights = back @ (right[kept].T / sizes[kept]) @ bent.T
    both = np.hstack([taken, bent])
    degrees = len(residuals) - both.shape[1]
    if degrees < _FEWEST_DEGREES:
        return None
    cleaned = residuals
    for _ in range(_ROUNDS):
        fitted = both @ (both.T @ cleaned)
        scale = 1.4826 * np.median(np.abs(residuals - fitted)) * np.sqrt(len(residuals) / degrees)
        cleaned = fitted + np.clip(residuals - fitted, -_FAR * scale, _FAR * scale)
    to_curve = at[0] @ (solve - solve @ bends @ weights) + at[1] @ weights
    variance = float(((cleaned - both @ (both.T @ cleaned)) ** 2).sum()) / degrees
    # Clipped residuals are too small for the variance of what is fitted to them.
    variance /= float((np.abs(residuals - fitted) <= _FAR * scale).mean()) ** 2
    return to_curve @ cleaned, variance * (to_curve @ to_curve.T), degrees
