"""The rule: greedy choice by conditional covariance per cost, then exchanges.

Targets and log losses of candidates are taken as jointly normal. A run reduces the variance of a
target by its squared covariance with it over its own variance, noise included; conditioning on a
chosen run updates all covariances by one outer product. (Krause, Singh and Guestrin 2008 choose
sensors alike; exchanges are those of Fedorov 1972.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Objective = Literal["target", "information"]
#: Powers of the cost by which gains are divided: 1 where the budget binds, 0 where the number does.
POWERS = (1.0, 0.75, 0.5, 0.25, 0.0)
# A gain below this share of the target's variance is none.
_NONE = 1e-9
# An exchange has to reduce the variance by this share.
_WORTH = 1e-4
# Exchanges times runs, and batches that are improved by exchanges.
_EXCHANGES, _EXCHANGED = 3000, 2
# Candidates that an exchange considers.
_CONSIDERED = 5000


@dataclass(frozen=True, eq=False)
class Joint:
    """Covariances of targets and candidates.

    Attributes
    ----------
    factors : ndarray of shape (rank, candidates)
        Log losses over draws, reduced to the directions in which they vary.
    targets : ndarray of shape (rank, targets)
        The targets over the same directions.
    variances, weights : ndarray of shape (targets,)
        Variance of each target, and what a unit of it counts.
    noise : ndarray of shape (candidates,)
        Variance of what replicates do not share.
    misfit : callable
        Covariance of misfit between some candidates and some, of shape (rows, columns).
    misfit_variance : ndarray of shape (candidates,)
        Its diagonal.
    misfit_targets : ndarray of shape (targets, candidates)
        Its covariance with the targets.
    """

    factors: np.ndarray
    targets: np.ndarray
    variances: np.ndarray
    weights: np.ndarray
    noise: np.ndarray
    misfit: Callable[[np.ndarray, np.ndarray], np.ndarray]
    misfit_variance: np.ndarray
    misfit_targets: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """Variance of each candidate's log loss without noise."""
        return np.asarray((self.factors**2).sum(axis=0) + self.misfit_variance)

    @property
    def cross(self) -> np.ndarray:
        """Covariance of each target with each candidate, of shape (targets, candidates)."""
        return np.asarray(self.targets.T @ self.factors + self.misfit_targets)

    def rows(self, chosen: Sequence[int] | np.ndarray) -> np.ndarray:
        """Covariance of some candidates with all, of shape (chosen, candidates)."""
        places = np.asarray(chosen, dtype=int)
        everything = np.arange(len(self.noise))
        drawn = self.factors[:, places].T @ self.factors
        return np.asarray(drawn + self.misfit(places, everything))

    def among(self, chosen: Sequence[int] | np.ndarray) -> np.ndarray:
        """Covariance of some candidates with each other, noise included."""
        places = np.asarray(chosen, dtype=int)
        drawn = self.factors[:, places].T @ self.factors[:, places]
        return np.asarray(drawn + self.scatter(places))

    def scatter(self, chosen: Sequence[int] | np.ndarray) -> np.ndarray:
        """Covariance of the misfit and noise of some candidates."""
        places = np.asarray(chosen, dtype=int)
        return np.asarray(self.misfit(places, places) + np.diag(self.noise[places]))

    @property
    def total(self) -> float:
        """Weighted variance of the targets."""
        return float(self.weights @ self.variances)

    def only(self, kept: np.ndarray) -> Joint:
        """Some of the candidates."""
        return replace(
            self,
            factors=self.factors[:, kept],
            noise=self.noise[kept],
            misfit=lambda rows, columns: self.misfit(kept[rows], kept[columns]),
            misfit_variance=self.misfit_variance[kept],
            misfit_targets=self.misfit_targets[:, kept],
        )

    def without_misfit(self) -> Joint:
        """The same if the law were right, and all scatter noise."""
        nothing = np.zeros_like(self.misfit_variance)
        return replace(
            self,
            noise=self.noise + self.misfit_variance,
            misfit=lambda rows, columns: np.zeros((len(rows), len(columns))),
            misfit_variance=nothing,
            misfit_targets=np.zeros_like(self.misfit_targets),
        )

    def single_gains(self) -> np.ndarray:
        """Weighted variance that each candidate alone removes."""
        return np.asarray(self.weights @ self.cross**2 / (self.variance + self.noise))

    def left(self, chosen: Sequence[int]) -> np.ndarray:
        """Variance of each target after each of the chosen runs, of shape (chosen + 1, targets)."""
        places = np.asarray(chosen, dtype=int)
        root = np.linalg.cholesky(self.among(places))
        white = np.linalg.solve(root, self.cross[:, places].T)
        removed = np.vstack([np.zeros((1, len(self.weights))), np.cumsum(white**2, axis=0)])
        return np.asarray(np.maximum(self.variances - removed, 0.0))


@dataclass(frozen=True)
class Limits:
    """What a batch may cost, how many runs it may have, and how often one configuration."""

    costs: np.ndarray
    budget: float
    batch: int
    copies: int


def choose(joint: Joint, limits: Limits, objective: Objective = "target") -> list[int]:
    """Places of the chosen candidates in the order of their choice, repeated for replicates."""
    if len(limits.costs) > _CONSIDERED:
        kept = _promising(joint, limits.costs)
        within = replace(limits, costs=limits.costs[kept])
        return [int(kept[i]) for i in choose(joint.only(kept), within, objective)]
    batches = [greedy(joint, limits, power, objective) for power in POWERS]
    if objective == "information":
        return max(batches, key=lambda batch: _information(joint, batch))
    batches = sorted(filter(None, batches), key=lambda batch: _weighed(joint, batch))
    batches = [exchange(joint, limits, batch) for batch in batches[:_EXCHANGED]]
    return min(batches, key=lambda batch: _weighed(joint, batch), default=[])


def _weighed(joint: Joint, batch: list[int]) -> float:
    """Weighted variance of the targets after a batch."""
    return float(joint.weights @ joint.left(batch)[-1])


def _promising(joint: Joint, costs: np.ndarray) -> np.ndarray:
    """The best candidates by themselves at several powers of the cost, and some of all others."""
    gains, each = joint.single_gains(), _CONSIDERED // 8
    best = [np.argsort(-gains / costs**power, kind="stable")[:each] for power in POWERS]
    rest = np.linspace(0, len(costs) - 1, _CONSIDERED - each * len(POWERS)).astype(int)
    return np.unique(np.concatenate([*best, rest]))


def greedy(joint: Joint, limits: Limits, power: float, objective: Objective) -> list[int]:
    """One run after the other, each of the largest gain over a power of its cost."""
    latent, cross = joint.variance, joint.cross
    counts = np.zeros(len(latent), dtype=int)
    roots = np.empty((min(limits.batch, 64), len(latent)))
    chosen: list[int] = []
    left = limits.budget
    price = limits.costs**power
    while len(chosen) < limits.batch:
        spread = latent + joint.noise
        if objective == "target":
            gain = joint.weights @ cross**2 / spread
            least = _NONE * joint.total
        else:
            gain, least = np.log1p(np.maximum(latent, 0.0) / joint.noise), 0.0
        open_ = (limits.costs <= left) & (counts < limits.copies) & (gain > least)
        if not open_.any():
            break
        best = int(np.argmax(np.where(open_, gain / price, -np.inf)))
        before = roots[: len(chosen)]
        root = joint.rows([best])[0] - before[:, best] @ before
        root = root / np.sqrt(spread[best])
        cross = cross - np.outer(cross[:, best] / np.sqrt(spread[best]), root)
        latent = np.maximum(latent - root**2, 0.0)
        if len(chosen) == len(roots):
            roots = np.concatenate([roots, np.empty_like(roots)])
        roots[len(chosen)] = root
        chosen.append(best)
        counts[best] += 1
        left -= limits.costs[best]
    return chosen


def exchange(joint: Joint, limits: Limits, chosen: list[int]) -> list[int]:
    """Replace chosen runs while that reduces the variance of the targets and fits the budget.

    All exchanges are judged at once: the inverse of the covariance of the chosen runs holds what
    leaving each of them out would change.
    """
    chosen, cross, latent = list(chosen), joint.cross, joint.variance
    rows = joint.rows(chosen)
    for _ in range(min(3 * len(chosen), _EXCHANGES // len(chosen))):
        inverse = np.linalg.inv(rows[:, chosen] + np.diag(joint.noise[chosen]))
        solved = inverse @ cross[:, chosen].T
        removed = (cross[:, chosen].T * solved).sum(axis=0)
        weighed = inverse @ rows
        diagonal = np.diag(inverse)[:, None]
        spread = latent + joint.noise - (rows * weighed).sum(axis=0) + weighed**2 / diagonal
        after = np.zeros_like(weighed)
        residual = cross - solved.T @ rows
        for weight, own, rest, total in zip(
            joint.weights, solved.T, residual, removed, strict=True
        ):
            kept = total - own[:, None] ** 2 / diagonal
            gained = (rest + weighed * own[:, None] / diagonal) ** 2 / np.maximum(spread, 1e-300)
            after += weight * (kept + gained)
        spare = limits.budget - limits.costs[chosen].sum()
        fits = limits.costs <= spare + limits.costs[chosen][:, None]
        counts = np.bincount(chosen, minlength=len(latent))
        free = counts[None, :] - (np.array(chosen)[:, None] == np.arange(len(latent)))
        after = np.where(fits & (free < limits.copies), after, -np.inf)
        leaves, enters = np.unravel_index(int(np.argmax(after)), after.shape)
        now = float(joint.weights @ removed)
        remaining = joint.total - now
        if after[leaves, enters] - now < _WORTH * max(remaining, 1e-300):
            break
        chosen[leaves] = int(enters)
        rows[leaves] = joint.rows([int(enters)])[0]
    return chosen


def _information(joint: Joint, chosen: list[int]) -> float:
    """Log determinant of what a batch says of the law's coefficients."""
    if not chosen:
        return 0.0
    noise = joint.noise[chosen]
    scaled = joint.among(chosen) / np.sqrt(noise) / np.sqrt(noise)[:, None]
    return float(np.linalg.slogdet(scaled)[1])
