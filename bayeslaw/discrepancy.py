"""What a law misses: a Gaussian process over the logarithms of its inputs, integrated out.

Runs that lie close to each other miss the law together: log loss is the law's logarithm, plus a
zero-mean process (Kennedy and O'Hagan 2001), plus noise. The amplitude and lengths of the process
are fitted with the coefficients of the law. It is not identified apart from the law: where it could
be either, its prior, which is that misfit is small, decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw import vocabulary
from bayeslaw.errors import RequestError, nearest
from bayeslaw.law.priors import Prior

if TYPE_CHECKING:
    from bayeslaw.law import Law
    from bayeslaw.runs import Runs

#: Every evaluation factors a matrix of runs by runs: beyond, a fit takes many minutes.
LARGEST_TABLE = 1000

#: Amplitude of the misfit, a standard deviation of log loss.
SCALE = "misfit_scale"
#: Beginning of the names of its lengths, in standard deviations of each input.
LENGTH = "misfit_length_"

_SCALE = Prior("lognormal", 0.003, 3.0)
_LENGTH = Prior("lognormal", 1.5, 2.0)
# Keeps the covariance of repeated configurations positive definite; a share of the misfit's.
_JITTER = 1e-8


@dataclass(frozen=True)
class GaussianProcess:
    """A Matern 5/2 process with a length for each input; hashable, free of numbers.

    Attributes
    ----------
    variables : tuple of str
        Its inputs: the logarithm of each, or the value itself where a variable can be zero, over
        its standard deviation in the table.
    """

    variables: tuple[str, ...]

    @property
    def priors(self) -> dict[str, Prior]:
        """Amplitude and one length for each input."""
        return {SCALE: _SCALE, **{LENGTH + name: _LENGTH for name in self.variables}}

    def inputs(
        self, seen: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Standardised inputs.

        Parameters
        ----------
        seen : mapping of str to ndarray of shape (runs,)
            The runs fitted to, whose spread is the unit.
        columns : mapping of str to ndarray of shape (configurations,)
            What to standardise.

        Returns
        -------
        ndarray of shape (inputs, configurations)
            In standard deviations from the mean of the runs.
        """
        rows = []
        for name in self.variables:
            before, x = _scaled(name, seen[name]), _scaled(name, columns[name])
            rows.append((x - before.mean()) / before.std())
        return np.stack(np.broadcast_arrays(*rows))

    def lengths(self, values: Mapping[str, Any]) -> Any:
        """Lengths in order of the inputs.

        Parameters
        ----------
        values : mapping
            By parameter.

        Returns
        -------
        array of shape (inputs,)
            In standard deviations.
        """
        return jnp.stack([jnp.asarray(values[LENGTH + name]) for name in self.variables])

    def covariance(self, values: Mapping[str, Any], x: Any, y: Any) -> Any:
        """Prior covariance of the misfit between configurations.

        Parameters
        ----------
        values : mapping
            Amplitude and lengths.
        x, y : array of shape (inputs, configurations)
            Standardised inputs.

        Returns
        -------
        array of shape (configurations of x, configurations of y)
            Of log loss, squared.
        """
        inverse = (1.0 / self.lengths(values))[:, None]
        squared = ((x * inverse)[:, :, None] - (y * inverse)[:, None, :]) ** 2
        # The root's slope at zero is infinite, and multiplies a zero.
        far = jnp.sqrt(5.0 * squared.sum(axis=0) + 1e-12)
        return values[SCALE] ** 2 * (1.0 + far + far**2 / 3.0) * jnp.exp(-far)

    def of_runs(self, values: Mapping[str, Any], x: Any, weights: Any) -> Any:
        """Covariance of log losses around the law.

        Parameters
        ----------
        values : mapping
            Amplitude, lengths and ``noise_scale``.
        x : array of shape (inputs, runs)
            Standardised inputs.
        weights : array of shape (runs,)
            By which the precision of each run's noise is multiplied.

        Returns
        -------
        array of shape (runs, runs)
            Misfit and noise.
        """
        noise = values["noise_scale"] ** 2 / weights + _JITTER * values[SCALE] ** 2
        return self.covariance(values, x, x) + jnp.diag(noise)


def _scaled(name: str, values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values if vocabulary.variable(name).includes_zero else np.log(values)


@jax.custom_vjp
def log_density(residuals: Any, covariance: Any) -> Any:
    """Log density of residuals that are jointly normal with mean zero.

    Its gradient is written out: differentiating through the factorisation takes several times as
    long.

    Parameters
    ----------
    residuals : array of shape (runs,)
        Log loss less log of the law's value.
    covariance : array of shape (runs, runs)
        Positive definite.

    Returns
    -------
    scalar array
        NaN where the covariance is not positive definite.
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
    process: GaussianProcess,
    values: Mapping[str, Any],
    residuals: Any,
    seen: Any,
    new: Any,
    weights: Any,
) -> tuple[Any, Any]:
    """Misfit at new configurations, given residuals at the runs.

    Parameters
    ----------
    process : GaussianProcess
        The process.
    values : mapping of str to scalar
        Amplitude, lengths and ``noise_scale``.
    residuals : array of shape (draws, runs)
        Log loss less log of the law's value, for several draws that share these values.
    seen : array of shape (inputs, runs)
        Standardised inputs of the runs.
    new : array of shape (inputs, configurations)
        The same of the configurations.
    weights : array of shape (runs,)
        By which the precision of each run's noise is multiplied.

    Returns
    -------
    mean : array of shape (draws, configurations)
        Of the misfit.
    sd : array of shape (configurations,)
        Its standard deviation.
    """
    root = jnp.linalg.cholesky(process.of_runs(values, seen, weights))
    between = jax.scipy.linalg.solve_triangular(
        root, process.covariance(values, seen, new), lower=True
    )
    white = jax.scipy.linalg.solve_triangular(root, residuals.T, lower=True)
    variance = values[SCALE] ** 2 - (between**2).sum(axis=0)
    return white.T @ between, jnp.sqrt(jnp.maximum(variance, 0.0))


Discrepancy = GaussianProcess


def discrepancy(
    asked: str | Discrepancy | None, law: Law, runs: Runs, *, place: str = "fit"
) -> Discrepancy | None:
    """What was asked for, for a law and its table.

    Parameters
    ----------
    asked : {"gp"}, GaussianProcess or None
        ``"gp"`` takes every variable of the law that varies in the table.
    law : Law
        The law.
    runs : Runs
        The table.
    place : str
        Who asks, for messages.

    Returns
    -------
    GaussianProcess or None
        With its inputs.

    Raises
    ------
    RequestError
        If there is no such discrepancy, an input is constant or foreign, or there are more runs
        than it takes.
    """
    if asked is None:
        return None
    without = "fit without a discrepancy"
    varying = tuple(name for name in law.variables if np.ptp(runs.column(name)) > 0)
    if isinstance(asked, str):
        if asked != "gp":
            remedy = nearest(asked, ("gp",))
            raise RequestError(f"unknown discrepancy {asked!r}", place=place, remedy=remedy)
        asked = GaussianProcess(varying)
    if not isinstance(asked, GaussianProcess):
        raise RequestError(
            f"a {type(asked).__name__} where a discrepancy belongs",
            place=place,
            remedy='Give "gp", a bl.GaussianProcess or None',
        )
    for name in asked.variables:
        if name not in law.variables:
            remedy = f"Its variables are {', '.join(law.variables)}"
            raise RequestError(f"{name!r} is no variable of {law.name}", place=place, remedy=remedy)
        if name not in varying:
            raise RequestError(
                f"{name} is the same in all {len(runs)} runs: no misfit over it can be seen",
                place=place,
                remedy=f"Leave it out of the process, or {without}",
            )
    if not asked.variables:
        raise RequestError(
            "a Gaussian process without inputs",
            place=place,
            remedy=f"Name variables that vary in the table, or {without}",
        )
    if len(runs) > LARGEST_TABLE:
        raise RequestError(
            f"{len(runs)} runs, and an exact Gaussian process takes up to {LARGEST_TABLE}",
            place=place,
            remedy=f"Fit a part of them (a filter, the last checkpoint of each run), or {without}",
        )
    return asked
