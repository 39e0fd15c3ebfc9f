"""The mode beside a discrepancy: noise and discrepancy are searched, the law follows.

Given their covariance the law's coordinates are a least-squares problem of small matrices. What is
left to search has about eight dimensions, and each evaluation one factorisation and one inverse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit, logit

from bayeslaw.core.programs import compiled_for
from bayeslaw.inference.conditional import Conditional
from bayeslaw.inference.density import Density
from bayeslaw.inference.mode import CHECK_SCALES, PLATEAU, Mode, NoFiniteStart, OtherMode
from bayeslaw.inference.target import Target
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data

# A least-squares step that would lower the potential by less is the last.
_CLOSE = 1e-8
_STEPS = 60
_LEAST, _MOST = 1e-6, 1e8


class _Point(NamedTuple):
    """The best of the law's coordinates beside given others, and what is known there."""

    value: Any
    gradient: Any
    z: Any
    curvature: Any


class _Search(NamedTuple):
    """State of a damped least-squares search (Levenberg-Marquardt)."""

    z: Any
    value: Any
    curvature: Any
    damping: Any
    steps: Any
    done: Any


@compiled_for("density")
def profile(density: Density, start: Any, common: Any, data: Data) -> _Point:
    """The least potential beside given coordinates of noise and discrepancy, and its slope.

    The slope is written out: differentiating through the factorisation takes several times as long.
    """
    covariance, pull = jax.vjp(lambda at: density.covariance(at, data), common)
    root = jnp.linalg.cholesky(covariance)
    conditional = Conditional(density, common, data, root)
    z, value, curvature = _least(conditional, start)
    inverse = jax.scipy.linalg.cho_solve((root, True), jnp.eye(len(root)))

    def prior(at: Any) -> Any:
        away, change, centre, _ = density.parts([*z, *at], data)
        return 0.5 * away @ away + change, centre

    slope, centre = jax.grad(prior, has_aux=True)(common)
    white = inverse @ data.residuals(centre)
    (through,) = pull(0.5 * (inverse - jnp.outer(white, white)))
    return _Point(value, slope + through, z, curvature)


def _least(conditional: Conditional, start: Any) -> tuple[Any, Any, Any]:
    """The law's coordinates of least potential, that potential, and its curvature."""

    def step(at: _Search) -> _Search:
        expansion = conditional.expansion(at.z)
        move = expansion.step(at.damping)
        z = at.z - move
        value = conditional.potential(z)
        better = value < at.value
        # What the expansion promises, without damping that is worth the name.
        close = (0.5 * move @ expansion.gradient < _CLOSE) & (at.damping < 1.0)
        damping = jnp.where(better, at.damping / 10.0, jnp.maximum(at.damping, 1e-4) * 10.0)
        return _Search(
            jnp.where(better, z, at.z),
            jnp.where(better, value, at.value),
            expansion.curvature,
            damping.clip(_LEAST, _MOST),
            at.steps + 1,
            close | (damping > _MOST),
        )

    def going(at: _Search) -> Any:
        return ~at.done & (at.steps < _STEPS)

    nothing = jnp.zeros((len(start), len(start)))
    first = _Search(start, conditional.potential(start), nothing, _LEAST, 0, False)
    end = jax.lax.while_loop(going, step, first)
    return end.z, end.value, end.curvature


class Profile:
    """The potential of noise and discrepancy for SciPy; each search goes on from the last."""

    def __init__(self, target: Target, start: np.ndarray) -> None:
        """Of a target, with the law's coordinates to begin from."""
        self.target, self.start = target, start

    def at(self, common: np.ndarray) -> _Point:
        """Arrays of NumPy."""
        found = profile(self.target.density, self.start, common, self.target.device_data)
        return _Point(*(np.asarray(part) for part in found))

    def __call__(self, common: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient; a plateau where these or the curvature overflow."""
        found = self.at(common)
        if all(np.isfinite(p).all() for p in (found.value, found.gradient, found.curvature)):
            self.start = found.z
            return float(found.value), found.gradient
        return PLATEAU, np.zeros_like(common)

    def with_weights(self, weights: np.ndarray) -> Profile:
        """The same with other weights of the runs' noise."""
        return Profile(self.target.with_weights(weights), self.start)

    def coordinates(self, common: np.ndarray) -> np.ndarray:
        """All coordinates."""
        return np.concatenate([self.at(common).z, common])

    def joint(self, mode: Mode) -> Mode:
        """A mode in noise and discrepancy as one in all coordinates."""
        best = self.at(mode.z)
        if not np.isfinite(best.curvature).all():
            problem = "the curvature of the posterior density overflows at its mode"
            raise NoFiniteStart(problem, remedy=CHECK_SCALES)
        found = [self._joint_other(other, best) for other in mode.others]
        others = tuple(other for other in found if other is not None)
        whitening = self._joint_whitening(mode.z, mode.whitening, best)
        return replace(mode, z=whitening.centre, whitening=whitening, others=others)

    def _joint_whitening(self, common: np.ndarray, whitening: Whitening, at: _Point) -> Whitening:
        inside = whitening.matrix
        # How the law's coordinates follow, over a short way along each direction.
        follows = [
            (self.at(common + way).z - self.at(common - way).z) / 2e-2 for way in 1e-2 * inside.T
        ]
        own = Whitening.of_hessian(at.z, at.curvature).matrix
        matrix = np.block(
            [[own, np.stack(follows, axis=1)], [np.zeros((len(inside), len(own))), inside]]
        )
        return Whitening(np.concatenate([at.z, common]), matrix)

    def _joint_other(self, other: OtherMode, best: _Point) -> OtherMode | None:
        """Another mode, its share by the volume in all coordinates, unless that overflows."""
        here = self.at(other.z)
        if not np.isfinite(here.curvature).all():
            return None
        wider = np.linalg.slogdet(best.curvature)[1] - np.linalg.slogdet(here.curvature)[1]
        share = float(expit(logit(other.share) + 0.5 * wider))
        whitening = self._joint_whitening(other.z, other.whitening, here)
        return replace(other, z=whitening.centre, share=share, whitening=whitening)
