"""Affine coordinates in which a posterior is about standard normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Whitening:
    """A centre and a matrix: ``centre + matrix @ x`` with standard normal ``x``.

    Attributes
    ----------
    centre : ndarray of shape (parameters,)
        Where ``x`` is zero, in sampling coordinates.
    matrix : ndarray of shape (parameters, parameters)
        A square root of the covariance.
    """

    centre: np.ndarray
    matrix: np.ndarray

    @classmethod
    def of_hessian(cls, mode: np.ndarray, hessian: np.ndarray) -> Whitening:
        """From the curvature at a mode."""
        size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-12))
        values, vectors = np.linalg.eigh(hessian / np.outer(size, size))
        root = vectors / np.sqrt(np.maximum(values, 1e-4)) / size[:, None]
        return cls(mode, np.asarray(root))

    @classmethod
    def of_draws(cls, z: np.ndarray, weights: np.ndarray | None = None) -> Whitening:
        """From the moments of draws."""
        flat = z.reshape(-1, z.shape[-1])
        share = np.full(len(flat), 1.0 / len(flat)) if weights is None else weights / weights.sum()
        centre = share @ flat
        away = flat - centre
        size = np.maximum(np.sqrt(share @ away**2), 1e-12)
        away /= size
        values, vectors = np.linalg.eigh((away * share[:, None]).T @ away)
        root = size[:, None] * vectors * np.sqrt(np.maximum(values, 1e-8))
        return cls(centre, np.asarray(root))
