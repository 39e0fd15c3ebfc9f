"""The law's coordinates where those of noise and discrepancy are given.

The covariance of the runs is then known, and factored once for whatever is asked of the law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp

from bayeslaw.inference.density import Density
from bayeslaw.model.model import Data


class Expansion(NamedTuple):
    """Gradient and Gauss-Newton curvature of the potential."""

    gradient: Any
    curvature: Any

    def step(self, damping: Any = 0.0) -> Any:
        """From the minimum to here; the diagonal is enlarged by a share, where one is given."""
        curvature = self.curvature + damping * jnp.diag(jnp.diag(self.curvature))
        factor = jnp.linalg.cholesky(curvature), True
        return jax.scipy.linalg.cho_solve(factor, self.gradient)


@dataclass(frozen=True)
class Conditional:
    """The potential of the law's coordinates; inside compiled functions only."""

    density: Density
    common: Any
    data: Data
    root: Any

    @classmethod
    def of(cls, density: Density, common: Any, data: Data) -> Self:
        """Beside given coordinates of noise and discrepancy."""
        return cls(density, common, data, jnp.linalg.cholesky(density.covariance(common, data)))

    def residuals(self, z: Any) -> Any:
        """Uncorrelated residuals, then those of the priors, and what the Jacobian adds."""
        away, change, centre, _ = self.density.parts([*z, *self.common], self.data)
        left = self.data.residuals(centre)
        white = jax.scipy.linalg.solve_triangular(self.root, left, lower=True)
        return jnp.concatenate([white, away]), change

    def potential(self, z: Any) -> Any:
        """Minus the log density, up to the constant of ``Density.potential``."""
        residuals, change = self.residuals(z)
        constant = 0.5 * self.data.counted.sum() * math.log(2.0 * math.pi)
        return 0.5 * residuals @ residuals + change + jnp.log(jnp.diag(self.root)).sum() + constant

    def expansion(self, z: Any) -> Expansion:
        """To second order around a point."""
        residuals, _ = self.residuals(z)
        slopes, change = jax.jacfwd(self.residuals)(z)
        return Expansion(slopes.T @ residuals + change, slopes.T @ slopes)
