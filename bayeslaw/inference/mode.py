"""The posterior mode and the curvature there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.inference.density import Density
from bayeslaw.inference.whitening import Whitening
from bayeslaw.law.priors import Prior
from bayeslaw.model.model import Data

_PLATEAU = 1e15
# Where the prior is so wide that few of its draws have a density at all, more are tried.
_MORE_STARTS = 60
# A second mode so far below the first in nats cannot hold much.
_BELOW = 12.0
# As high as the best and nearer than this, in standard deviations there, it is the best.
_NEAR = 2.0
# Between two modes the density falls by at least this much below the lower one, in nats.
_BARRIER = 2.0

_Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


@partial(jax.jit, static_argnames="density")
def value_and_gradient(density: Density, z: Any, data: Data) -> Any:
    """The potential and its gradient, compiled once for each form of law and shape of table."""
    return jax.value_and_grad(density.potential)(z, data)


class NoFiniteStart(RequestError):
    """The density has no value where a search could begin."""


@dataclass(frozen=True)
class Apart:
    """Another mode, with the posterior next to nothing between it and the best one.

    Attributes
    ----------
    z : ndarray of shape (parameters,)
        Sampling coordinates.
    potential : float
        Minus the log density there.
    share : float
        Of the mass of both, by the normal approximation at each.
    """

    z: np.ndarray
    potential: float
    share: float


@dataclass(frozen=True)
class Mode:
    """Where the density is highest.

    Attributes
    ----------
    z : ndarray of shape (parameters,)
        Sampling coordinates.
    potential : float
        Minus the log density there.
    whitening : Whitening
        The normal approximation there.
    found : int
        How many starts ended there.
    starts : int
        How many there were.
    others : tuple of Apart
        Other modes that searches ended at.
    """

    z: np.ndarray
    potential: float
    whitening: Whitening
    found: int
    starts: int
    others: tuple[Apart, ...] = ()


@dataclass(frozen=True)
class _End:
    """Where a search may go on, as SciPy's minimisers tell it."""

    x: np.ndarray
    fun: float
    hess_inv: np.ndarray


def find_mode(
    density: Density,
    data: Data,
    priors: Mapping[str, Prior],
    *,
    seed: int,
    starts: int = 4,
    points: Sequence[np.ndarray] | None = None,
) -> Mode:
    """Search for the mode from the prior's median and from draws of the prior."""
    from scipy.optimize import minimize

    objective = _objective(density, data)
    begun = _starts(density, data, priors, seed, starts) if points is None else list(points)
    usable = [start for start in begun if objective(start)[0] < _PLATEAU]
    count = len(begun)
    if not usable and points is None:
        begun = _starts(density, data, priors, seed + 1, _MORE_STARTS)
        usable = [start for start in begun if objective(start)[0] < _PLATEAU][:starts]
        count = len(usable)
    if not usable:
        raise NoFiniteStart(
            f"the posterior density is finite at none of {len(begun)} starting points",
            remedy="Check units of the table, the reference run and the priors",
        )
    options = {"gtol": 1e-3, "maxiter": 2000}
    ends = [
        minimize(objective, start, jac=True, method="BFGS", options=options) for start in usable
    ]
    best = min(ends, key=lambda end: end.fun)
    # Twice this difference is far below what could change an interval.
    found = sum(end.fun < best.fun + 1e-2 for end in ends)
    spread = np.sqrt(np.maximum(np.diag(best.hess_inv), 1e-16))
    whitening = _whitening(objective, best.x, spread)
    others = _others(objective, best.x, float(best.fun), whitening, ends)
    return Mode(best.x, float(best.fun), whitening, found, count, others)


def moved_mode(density: Density, data: Data, mode: Mode, *, final: bool = True) -> Mode:
    """The mode of a density that differs little from one whose mode is known."""
    from scipy.optimize import minimize

    objective, matrix = _objective(density, data), mode.whitening.matrix

    def whitened(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(mode.z + matrix @ x)
        return value, matrix.T @ gradient

    start = np.zeros_like(mode.z)
    end = minimize(whitened, start, jac=True, method="BFGS", options={"gtol": 1e-2})
    z = mode.z + matrix @ end.x
    whitening, others = mode.whitening, mode.others
    if final:
        whitening = _whitening(objective, z, np.sqrt((matrix**2).sum(axis=1)))
        # What was another mode of the old density may be none of the new one.
        around = matrix @ matrix.T
        ends = [_End(one.z, objective(one.z)[0], around) for one in mode.others]
        others = _others(objective, z, float(end.fun), whitening, ends)
    return Mode(z, float(end.fun), whitening, mode.found, mode.starts, others)


def _others(
    objective: _Objective, z: np.ndarray, least: float, whitening: Whitening, ends: Sequence[Any]
) -> tuple[Apart, ...]:
    """Ends of searches that are modes of their own, and not merely searches that got stuck."""
    from scipy.optimize import minimize

    found: list[Apart] = []
    for end in ends:
        away = np.linalg.solve(whitening.matrix, end.x - z)
        same = end.fun - least < 1e-2 and float(np.linalg.norm(away)) < _NEAR
        if same or end.fun - least > _BELOW:
            continue
        # A search that stopped on the way goes on in better coordinates.
        spread = np.sqrt(np.maximum(np.diag(end.hess_inv), 1e-16))
        there, centre = _whitening(objective, end.x, spread), end.x

        def moved(
            x: np.ndarray, centre: np.ndarray = centre, matrix: np.ndarray = there.matrix
        ) -> tuple[float, np.ndarray]:
            value, gradient = objective(centre + matrix @ x)
            return value, matrix.T @ gradient

        again = minimize(moved, np.zeros_like(z), jac=True, method="BFGS", options={"gtol": 1e-3})
        point, value = centre + there.matrix @ again.x, float(again.fun)
        known = [(z, least), *((one.z, one.potential) for one in found)]
        if any(not _barrier(objective, point, value, *one) for one in known):
            continue
        there = _whitening(objective, point, np.sqrt((there.matrix**2).sum(axis=1)))
        volume = np.linalg.slogdet(there.matrix)[1] - np.linalg.slogdet(whitening.matrix)[1]
        odds = np.exp(min(least - value + volume, 50.0))
        found.append(Apart(point, value, float(odds / (1.0 + odds))))
    return tuple(found)


def _barrier(objective: _Objective, a: np.ndarray, at_a: float, b: np.ndarray, at_b: float) -> bool:
    """Whether the density falls between two points to well below the lower of them."""
    between = max(objective(a + part * (b - a))[0] for part in np.linspace(0.0, 1.0, 21)[1:-1])
    return between > max(at_a, at_b) + _BARRIER


def _objective(density: Density, data: Data) -> _Objective:
    """Potential and gradient for SciPy."""

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = (np.asarray(part) for part in value_and_gradient(density, z, data))
        if np.isfinite(value) and np.isfinite(gradient).all():
            return float(value), gradient
        # A line search that stepped into overflow has to come back, which it does from a plateau.
        return _PLATEAU, np.zeros_like(z)

    return objective


def _whitening(objective: _Objective, z: np.ndarray, spread: np.ndarray) -> Whitening:
    """The normal approximation at a mode, by differences of gradients over short steps."""
    steps = 1e-2 * spread
    rows = [
        (objective(z + row)[1] - objective(z - row)[1]) / (2 * step)
        for row, step in zip(np.diag(steps), steps, strict=True)
    ]
    hessian = np.array(rows)
    return Whitening.of_hessian(z, (hessian + hessian.T) / 2)


def _starts(
    density: Density, data: Data, priors: Mapping[str, Prior], seed: int, starts: int
) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    points = [{name: prior.median for name, prior in priors.items()}]
    while len(points) < starts:
        points.append({name: float(prior.sample(rng, 1)[0]) for name, prior in priors.items()})
    return located(density, data, points)


def located(
    density: Density, data: Data, points: Sequence[Mapping[str, float]]
) -> list[np.ndarray]:
    """Sampling coordinates to start from, of parameters that know nothing of the runs."""
    # Taken apart as NumPy's: every slice of a JAX array is a call of its own.
    data = jax.device_get(data)
    with np.errstate(all="ignore"):
        # Where a draw of the prior overflows, no search begins.
        found = [density.locate(point, data) for point in points]
    floor = density.model.form.floor
    if floor is not None:
        where = density.model.sampled.index(floor)
        for z in found:
            z[where] = np.exp(np.mean(data.observed[data.counted])) / data.scale
    return found
