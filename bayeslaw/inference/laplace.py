"""The approximation at the mode by its curvature, moved and corrected by importance weights."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from bayeslaw.core.diagnostics import smoothed_log_weights
from bayeslaw.core.programs import compiled_for
from bayeslaw.inference import conditional_laplace
from bayeslaw.inference.density import Density
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data

#: Above this shape of the tail of the weights, no number of draws makes up for the approximation
#: (Vehtari et al. 2024, arXiv:1507.02646).
LARGEST_PARETO_K = 0.7
#: Fewer effective draws say too little of a tail.
SMALLEST_EFFECTIVE = 400.0
#: How many approximations are mixed, each where the weights of those before say the posterior is.
ROUNDS = 15
#: The same beside a discrepancy, where a round factors hundreds of matrices.
ROUNDS_WITH_MISFIT = 8
_DEGREES, _WIDER = 10.0, 1.3
# Points of a call, and numbers in the arrays of a batch of points.
_PART, _NUMBERS = 1_000, 1_000_000
# Runs of a block, whose numbers a processor's cache holds: points in turn would each fetch all.
_BLOCK = 4_096
# Weights are flattened until they leave this many draws for each parameter of a covariance.
_DRAWS_EACH = 20


@dataclass(frozen=True)
class Weighted:
    """Draws of the normal approximation, resampled by importance.

    Attributes
    ----------
    z : ndarray of shape (draws, parameters)
        Equally weighted draws in sampling coordinates, in random order.
    lp : ndarray of shape (draws,)
        Their log density, up to a constant.
    pareto_k : float
        Shape of the tail of the weights.
    effective : float
        Effective number of draws, from the smoothed weights.
    """

    z: np.ndarray
    lp: np.ndarray
    pareto_k: float
    effective: float

    @property
    def quality(self) -> tuple[bool, float, float]:
        """Larger for the better of two sets of draws."""
        return self.reliable, self.effective, -self.pareto_k

    @property
    def reliable(self) -> bool:
        """Whether Pareto k and the effective number of draws are within their limits."""
        return self.pareto_k < LARGEST_PARETO_K and self.effective > SMALLEST_EFFECTIVE


@compiled_for("density")
def potentials(density: Density, z: Any, data: Data) -> Any:
    """Minus the log density at many points, each block of runs at all of them in turn."""
    blocks, count = _blocks(data)
    size = min(max(_NUMBERS * count // data.table.size, 1), len(z))

    def add(likelihood: Any, rows: dict[str, Any]) -> tuple[Any, Any]:
        block = replace(data, **rows)
        prior, more = jax.lax.map(
            lambda point: density.prior_and_likelihood(point, block), z, batch_size=size
        )
        return likelihood + more, prior

    likelihood, priors = jax.lax.scan(add, jnp.zeros(len(z)), blocks, length=count)
    return priors[0] - likelihood


def _blocks(data: Data) -> tuple[dict[str, Any], int]:
    """Runs in blocks of one size along a first axis, the last filled up, and their number."""
    rows = len(data.counted)
    if rows <= _BLOCK or data.inputs is not None or data.firsts is not None:
        return {}, 1
    count = -(-rows // _BLOCK)
    places = np.minimum(np.arange(count * _BLOCK), rows - 1).reshape(count, _BLOCK)
    names = ("table", "observed", "counted", "errors", "places")
    parts = {name: getattr(data, name) for name in names if getattr(data, name) is not None}
    blocks = {name: jnp.moveaxis(part[..., places], -2, 0) for name, part in parts.items()}
    blocks["counted"] &= (np.arange(count * _BLOCK) < rows).reshape(count, _BLOCK)
    return blocks, count


def log_densities(density: Density, data: Data, z: np.ndarray, threads: int) -> np.ndarray:
    """Log density at many points, in parts that do not depend on the number of threads."""
    size = min(len(z), _PART)

    def part(first: int) -> np.ndarray:
        # Of one size, which is compiled once.
        rows = np.minimum(np.arange(first, first + size), len(z) - 1)
        # JAX's precision is a setting of each thread.
        with jax.enable_x64(True):
            return np.asarray(potentials(density, z[rows], data))

    with ThreadPoolExecutor(threads) as pool:
        return -np.concatenate(list(pool.map(part, range(0, len(z), size))))[: len(z)]


def laplace(
    density: Density,
    data: Data,
    modes: Sequence[Whitening],
    *,
    seed: int,
    draws: int,
    threads: int = 1,
) -> Weighted:
    """Draw from the normal approximation at each mode and weight by what they miss.

    Where the weights cannot be relied on, each approximation is moved to the moments of the
    weighted draws that are its own and drawn from again, up to ``ROUNDS`` times; all draws are then
    weighted as draws of the mixture of all approximations (adaptive multiple importance sampling,
    Cornuet et al. 2012, arXiv:0907.1254).
    """
    rng, before = np.random.default_rng(seed), True
    latest = [_Proposal(mode) for mode in modes]
    proposals: list[_Proposal] = []
    z, lp = np.empty((0, len(modes[0].centre))), np.empty(0)
    densities = np.empty((0, 0))
    for i in range(ROUNDS):
        new = [proposal.draw(rng, draws) for proposal in latest]
        lp = np.concatenate([lp, *(log_densities(density, data, x, threads) for x in new)])
        z = np.concatenate([z, *new])
        # Of earlier proposals the densities of earlier draws are there.
        there = len(densities.T)
        beside = np.array([proposal.log_density(z[there:]) for proposal in proposals])
        own = np.array([proposal.log_density(z) for proposal in latest])
        densities = np.block([[densities, beside], [own]]) if proposals else own
        proposals += latest
        weighted, logarithms = _resampled(z, lp, logsumexp(densities, axis=0), rng, draws)
        # Of several estimates of k one can be low by luck: twice running is no accident.
        if (weighted.reliable and before) or i == ROUNDS - 1:
            break
        before = weighted.reliable
        # The curvature at a mode may mislead: the weighted draws have the posterior's moments.
        shares = own - logsumexp(own, axis=0)
        latest = [_Proposal(_moved(z, logarithms + share)) for share in shares]
    return weighted


def laplace_with_misfit(
    density: Density, data: Data, whitening: Whitening, *, seed: int, draws: int
) -> Weighted:
    """``laplace`` where a discrepancy is integrated out.

    At least twice: the first draws locate its coordinates, whose mode is off their centre.
    Where the second do not suffice more are drawn, each around all before, and taken together.
    """
    rng = np.random.default_rng(seed)
    own = density.own
    covariance = whitening.matrix @ whitening.matrix.T
    outer = Whitening(whitening.centre[own:], np.linalg.cholesky(covariance[own:, own:]))
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    best = None
    while True:
        joined, lp, proposed = conditional_laplace.proposals(
            density, data, whitening.centre[:own], outer, draws=draws, rng=rng
        )
        # The rounds' densities compare only with the volume of each.
        height = np.linalg.slogdet(outer.matrix)[1]
        parts.append((joined, lp, proposed - height))
        # The first round, around the mode, is not mixed with the others.
        joined, lp, proposed = (
            np.concatenate(x) for x in zip(*parts[len(parts) > 1 :], strict=True)
        )
        weighted, _ = _resampled(joined, lp, proposed, rng, draws)
        if best is None or weighted.quality > best.quality:
            best = weighted
        if len(parts) > 1 and (best.reliable or len(parts) == ROUNDS_WITH_MISFIT):
            return best
        outer = Whitening.of_draws(weighted.z[None, :, own:])
        if len(parts) > 1:
            # Draws were too few where the weights are large: look further out.
            outer = replace(outer, matrix=_WIDER * outer.matrix)


class _Proposal:
    """A multivariate t about as wide as the normal, whose tails keep the weights bounded."""

    def __init__(self, whitening: Whitening) -> None:
        self._whitening = whitening
        self._inverse = np.linalg.inv(whitening.matrix)
        self._height = -np.linalg.slogdet(whitening.matrix)[1]

    def draw(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        x = rng.standard_normal((draws, len(self._inverse)))
        x *= np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (draws, 1)))
        return np.asarray(self._whitening.centre + x @ self._whitening.matrix.T)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        x = (z - self._whitening.centre) @ self._inverse.T
        squared = np.einsum("ij,ij->i", x, x)
        power = 0.5 * (_DEGREES + len(self._inverse))
        return np.asarray(self._height - power * np.log1p(squared / _DEGREES))


def _resampled(
    z: np.ndarray, lp: np.ndarray, proposed: np.ndarray, rng: np.random.Generator, draws: int
) -> tuple[Weighted, np.ndarray]:
    """Equally weighted draws from points of a proposal, and the smoothed log weights of those."""
    logarithms = np.where(np.isfinite(lp), lp, -np.inf) - proposed
    smoothed, pareto_k = smoothed_log_weights(logarithms)
    weights = np.exp(smoothed - smoothed.max())
    weights /= weights.sum()
    # Systematic resampling: each draw is kept as often as its weight says, to the next integer.
    places = (rng.random() + np.arange(draws)) / draws
    kept = rng.permutation(np.searchsorted(np.cumsum(weights), places).clip(max=len(z) - 1))
    effective = min(float(1.0 / (weights**2).sum()), float(draws))
    return Weighted(z[kept], lp[kept], pareto_k, effective), smoothed


def _moved(z: np.ndarray, logarithms: np.ndarray) -> Whitening:
    """Moments of draws under their weights, flattened where few of them hold it all."""
    power, least = 1.0, min(_DRAWS_EACH * z.shape[1], len(z) / 10)
    while True:
        weights = np.exp(power * (logarithms - logarithms.max()))
        weights /= weights.sum()
        if 1.0 / (weights**2).sum() >= least:
            break
        power *= 0.8
    return Whitening.of_draws(z, weights)
