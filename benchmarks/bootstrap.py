"""Least squares, or Huber's loss, on many resamples at once, from where the whole fit ends."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from regret import fitted

from bayeslaw.core.compilation import compiled
from bayeslaw.law import Law
from bayeslaw.runs import ReferenceRun, Runs

_STEPS = 60


def resampled(
    law: Law,
    runs: Runs,
    reference: ReferenceRun,
    *,
    resamples: int = 500,
    seed: int = 0,
    huber: float = np.inf,
) -> dict[str, np.ndarray]:
    """Coefficients of a pairs bootstrap.

    Parameters
    ----------
    law : Law
        The law.
    runs : Runs
        The table.
    reference : ReferenceRun
        For coordinates only: no prior takes part, but for the starts of the first fit.
    resamples : int
        How often runs are drawn with replacement.
    seed : int
        For the resamples.
    huber : float
        Residual of log loss from where on the loss is linear; least squares without.

    Returns
    -------
    dict of str to ndarray of shape (resamples,)
        Raw coefficients.
    """
    form, rng = law.form, np.random.default_rng(seed)
    whole = fitted(law, runs, reference, seed)
    on = form.to_on(
        {name: np.asarray(value) for name, value in whole.items()}, reference.at, reference.loss
    )
    start = np.array([float(on[name]) for name in form.parameters])
    picked = rng.integers(len(runs), size=(resamples, len(runs)))
    weights = np.stack([np.bincount(one, minlength=len(runs)) for one in picked]).astype(float)
    more = (
        runs.columns(law.variables),
        np.log(runs.column(law.predicts)),
        reference.at,
        reference.loss,
        huber,
    )
    threads = os.cpu_count() or 1

    def part(chunk: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(_all(form, start, chunk, *more))

    with compiled(), ThreadPoolExecutor(threads) as pool:
        ends = np.concatenate(list(pool.map(part, np.array_split(weights, threads))))
    back = dict(zip(form.parameters, ends.T, strict=True))
    return {k: np.asarray(v) for k, v in form.to_raw(back, reference.at, reference.loss).items()}


@partial(jax.jit, static_argnames="form")
def _all(
    form: Any,
    start: Any,
    weights: Any,
    columns: Any,
    observed: Any,
    at: Any,
    scale: Any,
    huber: Any,
) -> Any:
    """Levenberg and Marquardt's method for every row of weights."""

    def residuals(z: Any) -> Any:
        raw = form.to_raw(dict(zip(form.parameters, z, strict=True)), at, scale, jnp)
        return jnp.log(form.predict(columns, raw, jnp)) - observed

    slopes = jax.jacfwd(residuals)

    def one(weight: Any) -> Any:
        def cost(z: Any) -> Any:
            away = jnp.abs(residuals(z))
            near = jnp.minimum(away, huber)
            # Twice the usual definition: half of it is the square where the loss is quadratic.
            value = (weight * jnp.where(away > near, near * (2 * away - near), away**2)).sum()
            return jnp.where(jnp.isfinite(value), value, jnp.inf)

        def going(state: Any) -> Any:
            _, _, _, step, done = state
            return (step < _STEPS) & ~done

        def body(state: Any) -> Any:
            z, value, damping, step, _ = state
            away, slope = residuals(z), slopes(z)
            # Iteratively reweighted: far residuals pull as if they were at the bend.
            pull = jnp.minimum(1.0, huber / jnp.maximum(jnp.abs(away), 1e-300))
            weighted = slope * (weight * pull)[:, None]
            normal = weighted.T @ slope
            scales = jnp.diag(normal) + 1e-12 * jnp.diag(normal).max()
            move = jnp.linalg.solve(normal + damping * jnp.diag(scales), -weighted.T @ away)
            there = cost(z + move)
            better = there < value
            # What is left to gain is far below what moves an interval.
            done = (better & (value - there < 1e-8 * value)) | (damping > 1e8)
            return (
                jnp.where(better, z + move, z),
                jnp.where(better, there, value),
                jnp.where(better, damping / 5, damping * 5),
                step + 1,
                done,
            )

        begin = (start, cost(start), 1e-3, 0, False)
        return jax.lax.while_loop(going, body, begin)[0]

    return jax.lax.map(one, weights)
