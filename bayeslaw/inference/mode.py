"""The posterior mode and the curvature there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.programs import compiled_for
from bayeslaw.inference.density import Density
from bayeslaw.inference.descent import descend
from bayeslaw.inference.quiet import quiet
from bayeslaw.inference.target import Target
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data

#: The potential where it overflows: a line search that stepped there comes back.
PLATEAU = 1e15
# Where the prior is so wide that few of its draws have a density at all, more are tried.
_MORE_STARTS = 60
# Tables with more runs are searched by so many of them first.
_MANY, _FEW = 50_000, 5_000
# Points of a call: as many as there are starts, and chains.
_PART = 4
# A second mode so far below the first in nats cannot hold much.
_BELOW = 12.0
# As high as the best and nearer than this, in standard deviations there, it is the best.
_NEAR = 2.0
# Between two modes the density falls by at least this much below the lower one, in nats.
_BARRIER = 2.0

#: Potential and gradient, for SciPy.
type Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


class HasPotential(Protocol):
    """A density of a flat vector, hashable, that compiled code is found by."""

    def potential(self, z: Any, data: Any) -> Any:
        """Minus the log density at one point."""


@compiled_for("density")
def value_and_gradient(density: HasPotential, z: Any, data: Any) -> Any:
    """The potential and its gradient, compiled once for each form of law and shape of table."""
    return jax.value_and_grad(density.potential)(z, data)


def slopes(density: HasPotential, points: np.ndarray, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Potentials and gradients at many points, of shape (points,) and (points, parameters)."""
    size = len(points)
    # In parts of one size, the last filled up: one program serves starts, curvature and chains.
    parts = np.minimum(np.arange(-(-size // _PART) * _PART), size - 1).reshape(-1, _PART)
    found = [_slopes(density, points[part], data) for part in parts]
    values, gradients = zip(*found, strict=True)
    return np.concatenate(values)[:size], np.concatenate(gradients)[:size]


@compiled_for("density")
def _slopes(density: HasPotential, points: Any, data: Any) -> Any:
    # One after another: side by side, large tables need memory.
    return jax.lax.map(lambda z: jax.value_and_grad(density.potential)(z, data), points)


#: The remedy where a density overflows.
CHECK_SCALES = "Check units of the table, the reference run and the priors"


class NoFiniteStart(RequestError):
    """The density is finite at no starting point, or has no curvature where its search ends."""


@dataclass(frozen=True)
class OtherMode:
    """Another mode, with next to no density between it and the best one.

    Attributes
    ----------
    z : ndarray of shape (parameters,)
        Sampling coordinates.
    potential : float
        Minus the log density there.
    share : float
        Of the mass of both, by the normal approximation at each.
    whitening : Whitening
        The normal approximation there.
    """

    z: np.ndarray
    potential: float
    share: float
    whitening: Whitening


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
    converged, starts : int
        Searches that ended there, and all searches.
    others : tuple of OtherMode
        Other modes that searches ended at.
    """

    z: np.ndarray
    potential: float
    whitening: Whitening
    converged: int
    starts: int
    others: tuple[OtherMode, ...] = ()


class _End(NamedTuple):
    """Where a search ended, with rough standard deviations there."""

    z: np.ndarray
    potential: float
    spread: np.ndarray


def find_mode(
    target: Target, *, seed: int, starts: int = 4, points: Sequence[np.ndarray] | None = None
) -> Mode:
    """Search for the mode from ``points``, or from the prior's median and draws of the prior.

    Of a large table a few runs locate it, and all runs refine it.
    """
    objective = _Objective(target)
    if len(target.data.observed) > _MANY:
        few = find_mode(target.thinned(_FEW), seed=seed, starts=starts, points=points)
        return updated(objective, few)
    try:
        return search(objective, _starts(target, seed, starts) if points is None else points)
    except NoFiniteStart:
        if points is not None:
            raise
        return search(objective, _starts(target, seed + 1, _MORE_STARTS), most=starts)


def search(objective: Objective, starts: Sequence[np.ndarray], *, most: int | None = None) -> Mode:
    """Search from each start with a density, or from the first of those."""
    values, _ = _at(objective, starts)
    usable = [z for z, value in zip(starts, values, strict=True) if value < PLATEAU][:most]
    if not usable:
        raise NoFiniteStart(
            f"the posterior density is finite at none of {len(starts)} starting points",
            remedy=CHECK_SCALES,
        )
    if isinstance(objective, _Objective):
        ends = objective.descents(usable)
    else:
        ends = [_minimised(objective, start, 1e-3) for start in usable]
    best = min(ends, key=lambda end: end.potential)
    # Twice this difference is far below what could change an interval.
    converged = sum(end.potential < best.potential + 1e-2 for end in ends)
    whitening = _whitening(objective, best.z, best.spread)
    others = _other_modes(objective, best.z, best.potential, whitening, ends)
    count = len(starts) if most is None else len(usable)
    return Mode(best.z, best.potential, whitening, converged, count, others)


def updated(objective: Objective, mode: Mode, *, final: bool = True) -> Mode:
    """The mode of a density that differs little from one whose mode is known."""
    matrix = mode.whitening.matrix
    z, potential = _descend(objective, mode.z, matrix, 1e-2)
    whitening, others = mode.whitening, mode.others
    if final:
        whitening = _whitening(objective, z, np.sqrt((matrix**2).sum(axis=1)))
        # What was another mode of the old density may be none of the new one.
        spread = _spread(matrix @ matrix.T)
        ends = [_End(other.z, objective(other.z)[0], spread) for other in mode.others]
        others = _other_modes(objective, z, potential, whitening, ends)
    return Mode(z, potential, whitening, mode.converged, mode.starts, others)


def sampling_coordinates(target: Target, points: Sequence[Mapping[str, float]]) -> list[np.ndarray]:
    """Coordinates to start from, of parameters chosen without the runs."""
    data, density = target.data, target.density
    with np.errstate(all="ignore"):
        # Where a draw of the prior overflows, no search begins.
        located = [density.locate(point, data) for point in points]
    for z in located:
        for where, level in density.levels(data).items():
            z[where] = level
    return located


def _other_modes(
    objective: Objective, z: np.ndarray, least: float, whitening: Whitening, ends: Sequence[_End]
) -> tuple[OtherMode, ...]:
    """Ends of searches that are modes of their own, and not merely searches that got stuck."""
    others: list[OtherMode] = []
    for end in ends:
        away = np.linalg.solve(whitening.matrix, end.z - z)
        same = end.potential - least < 1e-2 and float(np.linalg.norm(away)) < _NEAR
        if same or end.potential - least > _BELOW:
            continue
        # A search that stopped on the way goes on in better coordinates.
        matrix = _whitening(objective, end.z, end.spread).matrix
        point, value = _descend(objective, end.z, matrix, 1e-3)
        known = [(z, least), *((other.z, other.potential) for other in others)]
        if any(not _barrier(objective, point, value, *mode) for mode in known):
            continue
        own = _whitening(objective, point, np.sqrt((matrix**2).sum(axis=1)))
        volume = np.linalg.slogdet(own.matrix)[1] - np.linalg.slogdet(whitening.matrix)[1]
        odds = np.exp(min(least - value + volume, 50.0))
        others.append(OtherMode(point, value, float(odds / (1.0 + odds)), own))
    return tuple(others)


def _barrier(objective: Objective, a: np.ndarray, at_a: float, b: np.ndarray, at_b: float) -> bool:
    """Whether the density falls between two points to well below the lower of them."""
    between = max(objective(a + part * (b - a))[0] for part in np.linspace(0.0, 1.0, 21)[1:-1])
    return between > max(at_a, at_b) + _BARRIER


@dataclass(frozen=True)
class _Objective:
    """Potential and gradient of a target, and its searches as one compiled call."""

    target: Target

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient; a plateau where either overflows."""
        at = value_and_gradient(self.target.density, z, self.target.device_data)
        value, gradient = (np.asarray(part)[None] for part in at)
        (value,), (gradient,) = _with_plateau(value, gradient)
        return float(value), gradient

    def many(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same at many points."""
        return _with_plateau(*slopes(self.target.density, points, self.target.device_data))

    def descents(self, starts: Sequence[np.ndarray]) -> list[_End]:
        """The end of a search from each start."""
        points = np.stack(starts)
        found = _descents(self.target.density, points, self.target.device_data)
        ends = zip(*(np.asarray(part) for part in found), strict=True)
        return [_End(z, float(value), _spread(inverse)) for z, value, inverse in ends]


def _with_plateau(values: np.ndarray, gradients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A plateau where either is not finite: a line search that stepped there has to come back."""
    finite = np.isfinite(values) & np.isfinite(gradients).all(axis=1)
    return np.where(finite, values, PLATEAU), np.where(finite[:, None], gradients, 0.0)


def _at(objective: Objective, points: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Values and gradients of an objective at many points."""
    if isinstance(objective, _Objective):
        return objective.many(np.stack(points))
    values, gradients = zip(*map(objective, points), strict=True)
    return np.array(values), np.array(gradients)


@compiled_for("density")
def _descents(density: Density, starts: Any, data: Data) -> Any:
    # One after another: side by side, each would wait for the longest.
    return jax.lax.map(
        lambda start: descend(lambda z: value_and_gradient(density, z, data), start, 1e-3), starts
    )


def _minimised(objective: Objective, start: np.ndarray, tolerance: float) -> _End:
    """The end of a search by SciPy."""
    from scipy.optimize import minimize

    with quiet():
        end = minimize(objective, start, jac=True, method="BFGS", options={"gtol": tolerance})
    return _End(end.x, float(end.fun), _spread(end.hess_inv))


def _descend(
    objective: Objective, centre: np.ndarray, matrix: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float]:
    """Minimum of the potential near a point, searched in whitened coordinates."""

    def whitened(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(centre + matrix @ x)
        return value, matrix.T @ gradient

    end = _minimised(whitened, np.zeros_like(centre), tolerance)
    return centre + matrix @ end.z, end.potential


def _spread(covariance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(np.diag(covariance), 1e-16))


def _whitening(objective: Objective, z: np.ndarray, spread: np.ndarray) -> Whitening:
    """The normal approximation at a mode, by differences of gradients over short steps."""
    steps = np.diag(1e-2 * spread)
    above, below = np.split(_at(objective, [*(z + steps), *(z - steps)])[1], 2)
    hessian = (above - below) / (2e-2 * spread[:, None])
    return Whitening.of_hessian(z, (hessian + hessian.T) / 2)


def _starts(target: Target, seed: int, starts: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    points = [{name: prior.median for name, prior in target.priors.items()}]
    while len(points) < starts:
        points.append(
            {name: float(prior.sample(rng, 1)[0]) for name, prior in target.priors.items()}
        )
    return sampling_coordinates(target, points)
