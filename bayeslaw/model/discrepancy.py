"""The misfit of a law: a sum of kernels, integrated out of the likelihood of the runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add
from typing import Any, override

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.core.programs import compiled_for
from bayeslaw.law.priors import Prior
from bayeslaw.model.kernels import Columns, GaussianProcess, Growth, Kernel, Offsets, Values

# Keeps the covariance of repeated configurations positive definite; a share of the misfit's.
_JITTER = 1e-8
#: Kernels by the name that the option ``discrepancy`` has for them.
KERNELS: dict[str, type[Kernel]] = {"gp": GaussianProcess, "group": Offsets, "growth": Growth}


@dataclass(frozen=True)
class Discrepancy(Kernel):
    """A sum of kernels; its inputs are those of all parts, below each other."""

    parts: tuple[Kernel, ...]

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.columns))

    @property
    @override
    def priors(self) -> dict[str, Prior]:
        return {name: prior for part in self.parts for name, prior in part.priors.items()}

    @override
    def inputs(self, seen: Columns, columns: Columns) -> np.ndarray:
        return np.concatenate([part.inputs(seen, columns) for part in self.parts])

    @override
    def covariance(self, values: Values, x: jax.Array, y: jax.Array) -> jax.Array:
        parts = self._rows()
        return reduce(add, (part.covariance(values, x[own], y[own]) for part, own in parts))

    @override
    def variance(self, values: Values, x: jax.Array) -> jax.Array:
        return reduce(add, (part.variance(values, x[own]) for part, own in self._rows()))

    def _rows(self) -> Iterator[tuple[Kernel, slice]]:
        """Each part with the rows of the inputs that are its own."""
        ends = [0, *accumulate(len(part.columns) for part in self.parts)]
        yield from zip(self.parts, map(slice, ends, ends[1:]), strict=True)

    def draw(
        self, rng: np.random.Generator, values: Mapping[str, float], columns: Columns
    ) -> np.ndarray:
        """Draw the misfit of a table."""
        inputs = self.inputs(columns, columns)
        with compiled():
            x = jnp.asarray(inputs)
            covariance = np.asarray(self.covariance(values, x, x))
        size, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(size, 0.0))
        return np.asarray(root @ rng.standard_normal(len(root)))

    def marginal_covariance(
        self, values: Values, x: jax.Array, weights: Any, errors: Any = None
    ) -> jax.Array:
        """Covariance of log losses around the law, noise and standard errors included."""
        variance = self.variance(values, x)
        # In single precision, which a caller's own sampler may use, less would be nothing.
        jitter = max(_JITTER, 100 * float(np.finfo(variance.dtype).eps))
        noise = values["noise_scale"] ** 2 / weights + jitter * variance
        if errors is not None:
            noise = noise + errors**2
        return self.covariance(values, x, x) + jnp.diag(noise)

    def to_dict(self) -> dict[str, list[str]]:
        """Plain data: the columns of each part, by its kind."""
        names = {kind: name for name, kind in KERNELS.items()}
        return {f"{names[type(part)]} {i}": [*part.columns] for i, part in enumerate(self.parts)}

    @classmethod
    def from_dict(cls, data: Mapping[str, list[str]] | list[str]) -> Discrepancy:
        """The inverse of ``to_dict``; a bare list of variables is one Gaussian process."""
        if isinstance(data, list):
            data = {"gp": data}
        parts: list[Kernel] = []
        for name, columns in data.items():
            kind: Any = KERNELS[name.split()[0]]
            parts.append(kind(columns[0] if kind is Offsets else tuple(columns)))
        return cls(tuple(parts))


@jax.custom_vjp
def log_density(residuals: jax.Array, covariance: jax.Array) -> jax.Array:
    """Log density of residuals that are jointly normal with mean zero.

    Its gradient is written out: differentiating through the factorisation takes several times as
    long.
    """
    root = jnp.linalg.cholesky(covariance)
    white = jax.scipy.linalg.solve_triangular(root, residuals, lower=True)
    constant = 0.5 * len(residuals) * math.log(2.0 * math.pi)
    return -0.5 * white @ white - jnp.log(jnp.diag(root)).sum() - constant


def _forward(
    residuals: jax.Array, covariance: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    root = jnp.linalg.cholesky(covariance)
    inverse = jax.scipy.linalg.cho_solve((root, True), jnp.eye(len(residuals)))
    white = inverse @ residuals
    constant = 0.5 * len(residuals) * math.log(2.0 * math.pi)
    value = -0.5 * residuals @ white - jnp.log(jnp.diag(root)).sum() - constant
    return value, (white, inverse)


def _backward(kept: tuple[jax.Array, jax.Array], slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    white, inverse = kept
    return -slope * white, 0.5 * slope * (jnp.outer(white, white) - inverse)


log_density.defvjp(_forward, _backward)


@compiled_for("discrepancy")
def conditional(
    discrepancy: Discrepancy,
    values: Values,
    residuals: jax.Array,
    seen: jax.Array,
    new: jax.Array,
    weights: jax.Array,
    errors: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Mean and standard deviation of the misfit at new inputs, given residuals at the runs."""
    root = jnp.linalg.cholesky(discrepancy.marginal_covariance(values, seen, weights, errors))
    between = jax.scipy.linalg.solve_triangular(
        root, discrepancy.covariance(values, seen, new), lower=True
    )
    white = jax.scipy.linalg.solve_triangular(root, residuals.T, lower=True)
    variance = discrepancy.variance(values, new) - (between**2).sum(axis=0)
    return white.T @ between, jnp.sqrt(jnp.maximum(variance, 0.0))
