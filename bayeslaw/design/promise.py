"""Promise against outcome: the batch refitted on imagined outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayeslaw.core.intervals import interval
from bayeslaw.design.misfit import misfit_of
from bayeslaw.design.sampled import Sampled, log_losses, thinned
from bayeslaw.design.target import Target
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

_DRAWS = 1000
# Tables that a worker of an executor takes at once.
_EACH = 5


@dataclass(frozen=True, eq=False)
class Imagined:
    """Outcomes of a batch, of shape (outcomes, runs), and the weights of the laws after each."""

    logs: np.ndarray
    shares: np.ndarray


def imagine(sampled: Sampled, columns: Mapping[str, np.ndarray], count: int, seed: int) -> Imagined:
    """Draw outcomes: a law by its weight, coefficients, misfit and noise."""
    rng = np.random.default_rng([seed, 6])
    size = len(next(iter(columns.values())))
    means, roots = [], []
    for one in sampled.posteriors:
        part = misfit_of(one, columns)
        covariance = part.block(np.arange(size), np.arange(size)) + np.diag(part.noise)
        means.append(log_losses(one, columns))
        roots.append(np.linalg.cholesky(covariance))
    laws = rng.choice(len(means), count, p=sampled.shares)
    logs = np.empty((count, size))
    for i, law in enumerate(laws):
        centre = means[law][rng.integers(len(means[law]))]
        logs[i] = centre + roots[law] @ rng.standard_normal(size)
    density = np.empty((count, len(means)))
    for j, (mean, root) in enumerate(zip(means, roots, strict=True)):
        white, seen = np.linalg.solve(root, mean.T).T, np.linalg.solve(root, logs.T).T
        far = ((seen[:, None, :] - white[None]) ** 2).sum(axis=2)
        height = np.log(np.diag(root)).sum()
        density[:, j] = logsumexp(-0.5 * far, axis=1) - np.log(len(mean)) - height
    density += np.log(np.maximum(sampled.shares, 1e-300))
    return Imagined(logs, np.exp(density - logsumexp(density, axis=1, keepdims=True)))


def extended(runs: Runs, columns: Mapping[str, np.ndarray], predicts: str, losses: Any) -> Runs:
    """The table with further runs."""
    size = len(next(iter(columns.values())))
    own: dict[str, Any] = {name: np.asarray(values) for name, values in columns.items()}
    own[predicts] = losses
    for name in runs.table.columns:
        if name not in own:
            values = runs.table[name]
            number = pd.api.types.is_numeric_dtype(values)
            own[name] = np.full(size, values.median()) if number else np.full(size, "new")
    more = pd.DataFrame(own)[list(runs.table.columns)]
    return replace(runs, table=pd.concat([runs.table, more], ignore_index=True))


def refits(
    posterior: Posterior,
    tables: list[Runs],
    seed: int,
    rows: int | None,
    executor: Executor | None = None,
) -> list[Posterior]:
    """A posterior's law fitted to other tables by Laplace, with its error beyond the runs."""
    settings = posterior.info.settings
    fits = fit_many(
        tables,
        posterior.law,
        method="laplace",
        noise=settings.noise,
        discrepancy=posterior.discrepancy and settings.discrepancy,
        reference=posterior.reference,
        chains=1,
        draws=_DRAWS,
        rows=rows,
        seed=seed,
        executor=executor,
        batch=len(tables) if executor is None else _EACH,
        progress=False,
    )
    if posterior.extrapolation is None:
        return fits
    size = fits[0].model.size
    error = thinned(posterior, size).extrapolation
    assert error is not None
    if len(error.scale) == size:
        return [replace(one, extrapolation=error) for one in fits]
    shorter = [thinned(one, len(error.scale)) for one in fits]
    return [replace(one, extrapolation=error) for one in shorter]


def obtained_widths(
    members: tuple[Posterior, ...],
    sampled: Sampled,
    target: Target,
    columns: Mapping[str, np.ndarray],
    *,
    count: int,
    ci_prob: float,
    seed: int,
    executor: Executor | None = None,
) -> np.ndarray:
    """Width of the target's interval after each of some imagined outcomes."""
    imagined = imagine(sampled, columns, count, seed)
    values: list[list[np.ndarray]] = []
    for posterior in members:
        own = {
            name: columns[name]
            for name in posterior.model.columns(posterior.runs)
            if name in columns
        }
        tables = [
            extended(posterior.runs, own, posterior.law.predicts, np.exp(logs))
            for logs in imagined.logs
        ]
        fits = refits(posterior, tables, seed, None, executor)
        values.append([target.values(one) for one in fits])
    return np.array(
        [
            width([law[i] for law in values], shares, ci_prob)
            for i, shares in enumerate(imagined.shares)
        ]
    )


def width(values: list[np.ndarray], shares: np.ndarray, ci_prob: float) -> float:
    """Width of the interval of a mixture."""
    low, _, high = weighted_interval(
        np.concatenate(values),
        np.concatenate([np.full(len(v), s / len(v)) for v, s in zip(values, shares, strict=True)]),
        ci_prob,
    )
    return high - low


def weighted_interval(
    values: np.ndarray, weights: np.ndarray, ci_prob: float
) -> tuple[float, float, float]:
    """Low end, median and high end of weighted draws."""
    if np.ptp(weights) == 0:
        low, median, high = interval(values, ci_prob)
        return float(low), float(median), float(high)
    order = np.argsort(values)
    heights = np.cumsum(weights[order]) - 0.5 * weights[order]
    tail = (1.0 - ci_prob) / 2.0
    ends = np.interp([tail, 0.5, 1.0 - tail], heights / weights.sum(), values[order])
    return float(ends[0]), float(ends[1]), float(ends[2])
