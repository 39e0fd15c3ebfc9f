"""The posterior mode and the curvature there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from bayeslaw.errors import RequestError
from bayeslaw.inference.density import Density
from bayeslaw.inference.whitening import Whitening
from bayeslaw.law.priors import Prior
from bayeslaw.numpyro_model import Data

_PLATEAU = 1e15


@partial(jax.jit, static_argnames="density")
def value_and_gradient(density: Density, z: Any, data: Data) -> Any:
    """The potential and its gradient, compiled once for each form of law and shape of table.

    Parameters
    ----------
    density : Density
        What to evaluate.
    z : array of shape (parameters,)
        Where.
    data : Data
        Table, reference and priors.

    Returns
    -------
    tuple of array
        Value, and gradient of the shape of ``z``.
    """
    return jax.value_and_grad(density.potential)(z, data)


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
    """

    z: np.ndarray
    potential: float
    whitening: Whitening
    found: int
    starts: int


def find_mode(
    density: Density, data: Data, priors: Mapping[str, Prior], *, seed: int, starts: int = 4
) -> Mode:
    """Search for the mode from the prior's median and from draws of the prior.

    Parameters
    ----------
    density : Density
        What to maximise.
    data : Data
        Table, reference and priors.
    priors : mapping
        Priors of the sampled parameters.
    seed : int
        For the starts.
    starts : int
        Number of starts.

    Returns
    -------
    Mode
        The best end point.

    Raises
    ------
    RequestError
        If the density is finite at none of the starts.
    """
    from scipy.optimize import minimize

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = (np.asarray(part) for part in value_and_gradient(density, z, data))
        if np.isfinite(value) and np.isfinite(gradient).all():
            return float(value), gradient
        # A line search that stepped into overflow has to come back, which it does from a plateau.
        return _PLATEAU, np.zeros_like(z)

    ends = []
    for start in _starts(density, data, priors, seed, starts):
        if objective(start)[0] < _PLATEAU:
            end = minimize(
                objective, start, jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 2000}
            )
            ends.append(end)
    if not ends:
        raise RequestError(
            f"the posterior density is finite at none of {starts} starting points",
            remedy="Check units of the table, the reference run and the priors",
        )
    best = min(ends, key=lambda end: end.fun)
    # Twice this difference is far below what could change an interval.
    found = sum(end.fun < best.fun + 1e-2 for end in ends)
    steps = 1e-2 * np.sqrt(np.maximum(np.diag(best.hess_inv), 1e-16))
    rows = [
        (objective(best.x + row)[1] - objective(best.x - row)[1]) / (2 * step)
        for row, step in zip(np.diag(steps), steps, strict=True)
    ]
    hessian = np.array(rows)
    whitening = Whitening.of_hessian(best.x, (hessian + hessian.T) / 2)
    return Mode(best.x, float(best.fun), whitening, found, starts)


def _starts(
    density: Density, data: Data, priors: Mapping[str, Prior], seed: int, starts: int
) -> list[np.ndarray]:
    # Taken apart as NumPy's: every slice of a JAX array is a call of its own.
    data = jax.device_get(data)
    rng = np.random.default_rng(seed)
    points = [{name: prior.median for name, prior in priors.items()}]
    while len(points) < starts:
        points.append({name: float(prior.sample(rng, 1)[0]) for name, prior in priors.items()})
    located = [density.locate(point, data) for point in points]
    floor = density.model.form.floor
    if floor is not None:
        # The runs say about where T is; the prior does not.
        where = density.model.sampled.index(floor)
        for z in located:
            z[where] = np.exp(np.mean(data.observed)) / data.scale
    return located
