"""NUTS: NumPyro's kernel in whitened coordinates, compiled once, one thread a chain."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from bayeslaw.core.diagnostics import smallest_bfmi
from bayeslaw.core.programs import compiled_for
from bayeslaw.inference.mode import HasPotential, slopes
from bayeslaw.inference.whitening import Whitening
from bayeslaw.posterior.info import CHUNK, FitSettings

#: Takes the number of iterations done.
Report = Callable[[int], None]


@dataclass(frozen=True)
class Chains:
    """What NUTS returns.

    Attributes
    ----------
    z : ndarray of shape (chains, draws, parameters)
        Draws in sampling coordinates.
    stats : dict of str to ndarray of shape (chains, draws)
        ArviZ's names: diverging, energy, lp, n_steps, acceptance_rate, step_size.
    bfmi : float
        Smallest E-BFMI over the chains, from all iterations: thinning would hide a low one.
    failed : tuple of str
        What ended chains that are not among the draws.
    """

    z: np.ndarray
    stats: dict[str, np.ndarray]
    bfmi: float
    failed: tuple[str, ...] = ()


def _kernel(
    density: HasPotential, data: Any, centre: Any, matrix: Any, start: Any, target: Any, warmup: int
) -> tuple[Any, Callable[..., Any]]:
    """NumPyro's initial state and step, in coordinates x with z = centre + matrix @ x."""
    # Imported to be traced: what is compiled already does without.
    from numpyro.infer.hmc import hmc
    from numpyro.infer.util import ParamInfo

    init, step = hmc(lambda x: density.potential(centre + matrix @ x, data), algo="NUTS")
    x, value, gradient, key = start
    state = init(
        ParamInfo(x, value, gradient),
        warmup,
        step_size=0.5,
        target_accept_prob=target,
        trajectory_length=None,
        rng_key=key,
    )
    return state, step


@compiled_for("density", "warmup")
def _begin(
    density: HasPotential,
    data: Any,
    centre: Any,
    matrix: Any,
    start: Any,
    target: Any,
    *,
    warmup: int,
) -> Any:
    state, _ = _kernel(density, data, centre, matrix, start, target, warmup)
    return jax.tree.leaves(state)


@compiled_for("density", "warmup")
def _advance(
    density: HasPotential,
    data: Any,
    centre: Any,
    matrix: Any,
    start: Any,
    target: Any,
    state: Any,
    *,
    warmup: int,
) -> Any:
    # NumPyro's step closes over what its init set up; of the initial state the structure is needed.
    first, step = _kernel(density, data, centre, matrix, start, target, warmup)
    state = jax.tree.unflatten(jax.tree.structure(first), state)

    def body(state: Any, _: Any) -> tuple[Any, Any]:
        state = step(state)
        kept = (
            state.z,
            state.diverging,
            state.energy,
            -state.potential_energy,
            state.num_steps,
            state.accept_prob,
            state.adapt_state.step_size,
        )
        return state, kept

    state, kept = jax.lax.scan(body, state, None, length=CHUNK)
    return jax.tree.leaves(state), kept


def _thinned(out: list[np.ndarray], thin: int) -> list[np.ndarray]:
    """One draw of every few; a divergence or a step in between still counts."""
    if thin == 1:
        return out
    kept = [part[thin - 1 :: thin] for part in out]
    for position, gather in ((1, np.any), (4, np.sum)):
        kept[position] = gather(out[position].reshape(-1, thin), axis=1)
    return kept


_STATS = ("diverging", "energy", "lp", "n_steps", "acceptance_rate", "step_size")


def nuts(
    density: HasPotential,
    data: Any,
    whitening: Whitening,
    settings: FitSettings,
    *,
    target_accept: float,
    thin: int = 1,
    report: Report = lambda done: None,
    threads: int = 1,
) -> Chains:
    """Sample by NUTS."""
    centre, matrix = whitening.centre, whitening.matrix
    chains, warmup = settings.chains, settings.warmup
    # NumPy's: every function of JAX's generator would be compiled, which takes a tenth of a second.
    rng = np.random.default_rng(settings.seed)
    starts = rng.standard_normal((chains, len(centre)))
    values, gradients = slopes(density, centre + starts @ matrix.T, data)
    while (lost := ~np.isfinite(values) & (np.abs(starts).max(axis=1) > 1e-3)).any():
        # Towards the centre, where there is a density.
        starts[lost] /= 2
        values, gradients = slopes(density, centre + starts @ matrix.T, data)
    # What jax.random.key makes of such a number.
    words: Any = [np.array([0, number], np.uint32) for number in rng.integers(2**32, size=chains)]
    chain_keys = [jax.random.wrap_key_data(word, impl="threefry2x32") for word in words]
    stop, done = threading.Event(), [0] * chains
    energies: list[list[np.ndarray]] = [[] for _ in range(chains)]

    def run(chain: int) -> list[Any]:
        # JAX's precision is a setting of each thread; its cache, of the process.
        with jax.enable_x64(True):
            start = (starts[chain], values[chain], gradients[chain] @ matrix, chain_keys[chain])
            shared = (density, data, centre, matrix, start, target_accept)
            state = _begin(*shared, warmup=warmup)
            kept = []
            for chunk in range((warmup + settings.draws * thin) // CHUNK):
                if stop.is_set():
                    break
                state, out = _advance(*shared, state, warmup=warmup)
                if chunk >= warmup // CHUNK:
                    parts = [np.asarray(part) for part in out]
                    energies[chain].append(parts[2])
                    kept.append(_thinned(parts, thin))
                done[chain] += CHUNK
            return [np.concatenate(parts) for parts in zip(*kept, strict=True)]

    with ThreadPoolExecutor(min(chains, threads)) as pool:
        futures = [pool.submit(run, chain) for chain in range(chains)]
        try:
            while wait(futures, timeout=0.1).not_done:
                report(sum(done))
        finally:
            # An interrupt ends the chains at their next chunk instead of at their end.
            stop.set()
    ended = [future.exception() for future in futures]
    good = [i for i, error in enumerate(ended) if error is None]
    if not good:
        futures[0].result()
    x, *stats = (np.stack(p) for p in zip(*(futures[i].result() for i in good), strict=True))
    report(sum(done))
    named = dict(zip(_STATS, stats, strict=True))
    bfmi = smallest_bfmi(np.stack([np.concatenate(energies[i]) for i in good]))
    failed = tuple(f"{type(error).__name__}: {error}" for error in ended if error is not None)
    return Chains(centre + x @ matrix.T, named, bfmi, failed)
