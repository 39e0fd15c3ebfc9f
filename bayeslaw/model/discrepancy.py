"""What a law misses in all: a sum of kernels, integrated out of the likelihood of the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, override

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.law.priors import Prior
from bayeslaw.model.kernels import GaussianProcess, Growth, Kernel, Offsets

# Keeps the covariance of repeated configurations positive definite; a share of the misfit's.
_JITTER = 1e-8
_KIND: dict[type, str] = {GaussianProcess: "gp", Offsets: "group", Growth: "growth"}


@dataclass(frozen=True)
class Discrepancy(Kernel):
    """A sum of kernels; its inputs are those of all parts, below each other.

    Attributes
    ----------
    parts : tuple of Kernel
        What is added up.
    """

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
    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        return np.concatenate([part.inputs(seen, columns) for part in self.parts])

    @override
    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        return sum(
            part.covariance(values, a, b)
            for part, a, b in zip(self.parts, self._split(x), self._split(y), strict=True)
        )

    @override
    def variance(self, values: Mapping[str, Any], x: Any) -> Any:
        return sum(
            part.variance(values, a) for part, a in zip(self.parts, self._split(x), strict=True)
        )

    def draw(
        self,
        rng: np.random.Generator,
        values: Mapping[str, float],
        columns: Mapping[str, np.ndarray],
    ) -> np.ndarray:
        """Draw the misfit of a table."""
        x = self.inputs(columns, columns)
        with compiled():
            covariance = np.asarray(self.covariance(values, x, x))
        size, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(size, 0.0))
        return np.asarray(root @ rng.standard_normal(len(root)))

    def of_runs(self, values: Mapping[str, Any], x: Any, weights: Any, errors: Any = None) -> Any:
        """Covariance of log losses around the law."""
        variance = self.variance(values, x)
        # In single precision, which a caller's own sampler may use, less would be nothing.
        jitter = max(_JITTER, 100 * float(jnp.finfo(jnp.result_type(variance)).eps))
        noise = values["noise_scale"] ** 2 / weights + jitter * variance
        if errors is not None:
            noise = noise + errors**2
        return self.covariance(values, x, x) + jnp.diag(noise)

    def words(self) -> dict[str, list[str]]:
        """What a file keeps of it: the columns of each part, by its kind."""
        return {_KIND[type(part)] + f" {i}": [*part.columns] for i, part in enumerate(self.parts)}

    @classmethod
    def of_words(cls, words: Mapping[str, list[str]] | list[str]) -> Discrepancy:
        """The inverse of ``words``."""
        if isinstance(words, list):
            # As it was kept when a process was all there was.
            return cls((GaussianProcess(tuple(words)),))
        kinds = {kind: part for part, kind in _KIND.items()}
        parts: list[Kernel] = []
        for named, columns in words.items():
            kind = kinds[named.split()[0]]
            parts.append(Offsets(*columns) if kind is Offsets else kind(tuple(columns)))
        return cls(tuple(parts))

    def _split(self, x: Any) -> list[Any]:
        parts, first = [], 0
        for part in self.parts:
            parts.append(x[first : first + len(part.columns)])
            first += len(part.columns)
        return parts


@jax.custom_vjp
def log_density(residuals: Any, covariance: Any) -> Any:
    """Log density of residuals that are jointly normal with mean zero.

    Its gradient is written out: differentiating through the factorisation takes several times as
    long.
    """
    root = jnp.linalg.cholesky(covariance)
    white = jax.scipy.linalg.solve_triangular(root, residuals, lower=True)
    constant = 0.5 * len(residuals) * math.log(2.0 * math.pi)
    return -0.5 * white @ white - jnp.log(jnp.diag(root)).sum() - constant


def _forward(residuals: Any, covariance: Any) -> Any:
    root = jnp.linalg.cholesky(covariance)
    inverse = jax.scipy.linalg.cho_solve((root, True), jnp.eye(len(residuals)))
    white = inverse @ residuals
    constant = 0.5 * len(residuals) * math.log(2.0 * math.pi)
    value = -0.5 * residuals @ white - jnp.log(jnp.diag(root)).sum() - constant
    return value, (white, inverse)


def _backward(kept: Any, slope: Any) -> Any:
    white, inverse = kept
    return -slope * white, 0.5 * slope * (jnp.outer(white, white) - inverse)


log_density.defvjp(_forward, _backward)


@partial(jax.jit, static_argnames="process")
def conditional(
    process: Discrepancy,
    values: Mapping[str, Any],
    residuals: Any,
    seen: Any,
    new: Any,
    weights: Any,
    errors: Any = None,
) -> tuple[Any, Any]:
    """Misfit at new configurations, given residuals at the runs."""
    root = jnp.linalg.cholesky(process.of_runs(values, seen, weights, errors))
    between = jax.scipy.linalg.solve_triangular(
        root, process.covariance(values, seen, new), lower=True
    )
    white = jax.scipy.linalg.solve_triangular(root, residuals.T, lower=True)
    variance = process.variance(values, new) - (between**2).sum(axis=0)
    return white.T @ between, jnp.sqrt(jnp.maximum(variance, 0.0))
