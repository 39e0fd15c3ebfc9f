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
        """From the curvature at a mode.

        Parameters
        ----------
        mode : ndarray of shape (parameters,)
            The mode.
        hessian : ndarray of shape (parameters, parameters)
            Second derivatives of minus the log density.

        Returns
        -------
        Whitening
            Directions without curvature get a finite length.
        """
        size = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-12))
        values, vectors = np.linalg.eigh(hessian / np.outer(size, size))
        root = vectors / np.sqrt(np.maximum(values, 1e-4)) / size[:, None]
        return cls(mode, np.asarray(root))

    @classmethod
    def of_draws(cls, z: np.ndarray) -> Whitening:
        """From the moments of draws.

        Parameters
        ----------
        z : ndarray of shape (chains, draws, parameters)
            Draws in sampling coordinates.

        Returns
        -------
        Whitening
            All chains together.
        """
        flat = z.reshape(-1, z.shape[-1])
        size = np.maximum(flat.std(axis=0), 1e-12)
        correlation = np.cov(((flat - flat.mean(axis=0)) / size).T)
        values, vectors = np.linalg.eigh(np.atleast_2d(correlation))
        root = size[:, None] * vectors * np.sqrt(np.maximum(values, 1e-8))
        return cls(flat.mean(axis=0), np.asarray(root))
