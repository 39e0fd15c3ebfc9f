"""Draws of a posterior or mixture that stand for it: some of each law's, by weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.model.extrapolation import ExtrapolationError
from bayeslaw.optimum.members import Members
from bayeslaw.posterior.evaluation import evaluate
from bayeslaw.posterior.misfit import misfit
from bayeslaw.posterior.posterior import Posterior

#: Draws that covariances are taken from.
DRAWS = 1000
# With a discrepancy each draw has a covariance to factor.
_DRAWS_WITH_MISFIT = 300
# Draws that a law of small weight keeps.
_FEWEST = 20
# Draws times points that are evaluated at once.
_CELLS = 1_000_000


@dataclass(frozen=True, eq=False)
class Sampled:
    """Posteriors thinned to as many draws as their weights allow; ``shares`` sum to one."""

    posteriors: tuple[Posterior, ...]
    shares: np.ndarray

    @classmethod
    def of(cls, members: Members, most: int = DRAWS) -> Sampled:
        """Thin the posteriors of a mixture."""
        if any(one.discrepancy is not None for one in members.posteriors):
            most = min(most, _DRAWS_WITH_MISFIT)
        counts = np.maximum(np.round(members.weights * most).astype(int), _FEWEST)
        parts = [thinned(one, count) for one, count in zip(members.posteriors, counts, strict=True)]
        return cls(tuple(parts), members.weights)

    @property
    def weights(self) -> np.ndarray:
        """Weight of each draw, of shape (draws,)."""
        sizes = [one.model.size for one in self.posteriors]
        return np.concatenate(
            [np.full(size, share / size) for size, share in zip(sizes, self.shares, strict=True)]
        )

    def log_losses(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Log loss of a run at points under every draw, of shape (draws, points)."""
        return np.concatenate([log_losses(one, columns) for one in self.posteriors])


def thinned(posterior: Posterior, most: int) -> Posterior:
    """The same posterior with evenly spaced draws, as one chain."""
    size = posterior.model.size
    kept = np.linspace(0, size - 1, min(size, most)).astype(int)
    draws = {name: values.reshape(1, -1)[:, kept] for name, values in posterior.draws.items()}
    stats = {name: values.reshape(1, -1)[:, kept] for name, values in posterior.stats.items()}
    error = posterior.extrapolation
    if error is not None:
        error = ExtrapolationError(
            prior=error.prior,
            scale=error.scale[kept],
            level=error.level[kept],
            tilt={name: values[kept] for name, values in error.tilt.items()},
        )
    return replace(posterior, draws=draws, stats=stats, extrapolation=error)


def log_losses(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Log of the law's value with misfit and the error beyond the runs, (draws, points).

    Where a draw predicts no positive loss, the median of the others stands for it.
    """
    model = posterior.model
    size = len(next(iter(columns.values())))
    values = np.empty((model.size, size))
    step = max(1, _CELLS // model.size)
    for first in range(0, size, step):
        part = slice(first, first + step)
        block = {name: column[part] for name, column in columns.items()}
        with np.errstate(all="ignore"):
            logs = np.log(evaluate(model, block))
        if model.specification.discrepancy is not None:
            kept, mean, _ = misfit(model, block)
            logs[kept] += mean
        values[:, part] = logs + model.extrapolation_error(block)
    if not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, np.nan)
        middle = np.nan_to_num(np.nanmedian(values, axis=0))
        values = np.where(np.isnan(values), middle, values)
    return values
