"""Covariances of a target with candidates, from draws reduced to the directions that they span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.core.threads import one_thread
from bayeslaw.design.beyond import Block, error_beyond
from bayeslaw.design.misfit import Misfit, misfit_of
from bayeslaw.design.rule import Joint
from bayeslaw.design.sampled import Sampled
from bayeslaw.design.target import Target

# Candidates that the directions are found from.
_SOME = 200
_RANK = 60
# Variance, over the noise, that the directions left out may have.
_LEFT = 1e-3
# Draws times candidates that are held at once.
_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Setting:
    """Covariances of a target and candidates, and what they are taken from.

    Attributes
    ----------
    joint : Joint
        The covariances, as the posterior has them.
    guarded : Joint
        The same with the error that laws have beyond their runs: what runs are chosen by.
    explained : float
        Share of the targets' variance that candidates without noise would remove.
    share : float
        Share of misfit in the scatter of a run.
    """

    joint: Joint
    guarded: Joint
    explained: float
    share: float


def setting_of(sampled: Sampled, target: Target, columns: Mapping[str, np.ndarray]) -> Setting:
    """Evaluate target and candidates under all draws."""
    weights = sampled.weights
    values, counts = target.narrowed(sampled)
    size = len(next(iter(columns.values())))
    points, factors = target.contrast or ({}, np.empty((0, 0)))
    together = {
        name: np.concatenate([column, points[name]]) if name in points else column
        for name, column in columns.items()
    }
    misfit = _mixed(sampled, together)
    cross = np.zeros((values.shape[1], size))
    variances = weights @ (values - weights @ values) ** 2
    if len(factors):
        cross, added = _contrasted(misfit.block, factors, size)
        variances = variances + added
    roots = np.sqrt(weights)[:, None]
    aims = (values - weights @ values) * roots

    def centred(places: np.ndarray) -> np.ndarray:
        logs = sampled.log_losses({name: column[places] for name, column in columns.items()})
        return np.asarray((logs - weights @ logs) * roots)

    some = np.unique(np.linspace(0, size - 1, min(size, _SOME)).astype(int))
    step = max(1, _CELLS // len(weights))
    blocks = [np.arange(first, min(first + step, size)) for first in range(0, size, step)]
    with one_thread():
        basis = _basis(centred(some), misfit.noise[:size])
        reduced = np.concatenate([basis.T @ centred(block) for block in blocks], axis=1)
        joint = Joint(
            factors=reduced,
            targets=basis.T @ aims,
            variances=variances,
            weights=counts / max(float(counts @ variances), 1e-300),
            noise=misfit.noise[:size],
            misfit=misfit.block,
            misfit_variance=misfit.variance[:size],
            misfit_targets=cross,
        )
    guarded = _guarded(joint, sampled, together, factors, misfit.share)
    explained = float(joint.weights @ (joint.targets**2).sum(axis=0))
    return Setting(joint, guarded, explained, misfit.share)


def _contrasted(block: Block, factors: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of targets with candidates, and their variances, where targets are sums."""
    points = np.arange(size, size + factors.shape[1])
    rows = factors @ block(points, np.arange(size + len(points)))
    return rows[:, :size], np.asarray((rows[:, size:] * factors).sum(axis=1))


def _guarded(
    joint: Joint,
    sampled: Sampled,
    together: Mapping[str, np.ndarray],
    factors: np.ndarray,
    share: float,
) -> Joint:
    """Covariances with the average error of the laws beyond their runs."""
    size = len(joint.noise)
    blocks, variances = zip(
        *(error_beyond(one, together, share) for one in sampled.posteriors), strict=True
    )
    error, within = _average(blocks, sampled.shares), joint.misfit
    cross, added = joint.misfit_targets, np.zeros(1)
    if len(factors):
        more, added = _contrasted(error, factors, size)
        cross = cross + more
    return replace(
        joint,
        variances=joint.variances + added,
        misfit=lambda rows, others: within(rows, others) + error(rows, others),
        misfit_variance=joint.misfit_variance + (sampled.shares @ np.stack(variances))[:size],
        misfit_targets=cross,
    )


def _basis(some: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Orthonormal directions of the draws in which candidates vary by more than noise.

    Draws of a law of a dozen coefficients span about as many; the rest of a sample's covariance is
    chance, by which the most promising of many candidates would be chosen.
    """
    values, vectors = np.linalg.eigh(some.T @ some)
    values, vectors = values[::-1], vectors[:, ::-1]
    left = np.cumsum(np.maximum(values, 0.0)[::-1])[::-1] / some.shape[1]
    rank = int(np.sum(left > _LEFT * float(np.median(noise))))
    rank = min(max(rank, 1), _RANK, max(len(some) // 4, 1), int(np.sum(values > 1e-12 * values[0])))
    return np.asarray(some @ vectors[:, :rank] / np.sqrt(values[:rank]))


def _mixed(sampled: Sampled, columns: Mapping[str, np.ndarray]) -> Misfit:
    """The average misfit of the laws."""
    parts = [misfit_of(one, columns) for one in sampled.posteriors]
    shares = sampled.shares
    return Misfit(
        _average([part.block for part in parts], shares),
        shares @ np.stack([part.variance for part in parts]),
        shares @ np.stack([part.noise for part in parts]),
        float(shares @ [part.share for part in parts]),
    )


def _average(blocks: Sequence[Block], shares: np.ndarray) -> Block:
    """The covariance of what one of several laws has, each with its share."""

    def block(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        each = zip(shares, blocks, strict=True)
        return np.asarray(sum(share * own(rows, others) for share, own in each))

    return block
