"""Evidence by bridge sampling against sequential Monte Carlo from the prior, on simulated tables.

The second way shares next to nothing with the first: particles drawn from the prior itself are
carried to the posterior by raising the likelihood's power step by step (Del Moral, Doucet and Jasra
2006; each step the largest that leaves half of them effective), and moved by random-walk Metropolis
in the priors' own normal coordinates. There is no T, no Jacobian, no normal approximation and no
NUTS in it, and the prior needs no constant, since what is drawn from it is normalised by itself.
Its error is that of the mean of independent repetitions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from provenance import heading, keep, table
from scipy.optimize import brentq
from scipy.special import logsumexp

import bayeslaw as bl
from bayeslaw.model.model import Data, Model

CASES = (("chinchilla", 60, 0.01), ("zhao2025", 100, 0.01))


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=2000)
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out")
    asked = parser.parse_args()
    rows: list[list[object]] = []
    for name, size, noise in CASES:
        runs = bl.simulate(name, rows=size, noise_sd=noise, seed=asked.seed)
        start = time.perf_counter()
        posterior = bl.fit(runs, name, seed=asked.seed, progress=False)
        fitted = time.perf_counter()
        ours = bl.evidence(posterior, seed=asked.seed)
        weighed = time.perf_counter()
        model, data = posterior.specification.build(runs)
        with jax.enable_x64(True):
            move = mover(model, asked.moves)
            found = np.array(
                [
                    tempered(move, data, asked.particles, asked.seed + i)
                    for i in range(asked.repeats)
                ]
            )
        # Not the logarithm but the evidence itself is unbiased.
        times = np.exp(found - found.max())
        theirs = float(np.log(times.mean()) + found.max())
        error = float(times.std(ddof=1) / times.mean() / np.sqrt(len(times)))
        both = float(np.hypot(error, ours.mcse))
        rows.append(
            [
                f"{name}, {size} runs, noise {noise:g}",
                f"{ours.log_evidence:.3f} ± {ours.mcse:.3f}",
                f"{theirs:.3f} ± {error:.3f}",
                f"{ours.log_evidence - theirs:.3f} ({(ours.log_evidence - theirs) / both:.1f} se)",
                f"{fitted - start:.1f} + {weighed - fitted:.1f}",
                f"{time.perf_counter() - weighed:.1f}",
            ]
        )
    command = (
        f"python benchmarks/evidence.py --particles {asked.particles} --moves {asked.moves} "
        f"--repeats {asked.repeats} --seed {asked.seed}"
    )
    heads = ["table", "bridge", "sequential Monte Carlo", "difference", "s: fit + bridge", "s: SMC"]
    text = heading("Log evidence of log loss, by two ways", command)
    text += table(heads, rows)
    text += (
        "Seconds include compilation, and an idle machine was not assured. The error of sequential "
        f"Monte Carlo is from {asked.repeats} repetitions, and as rough as so few make it.\n"
    )
    keep(text, asked.out)


def mover(model: Model, moves: int) -> Callable[..., Any]:
    """Metropolis moves of all particles, compiled once for all powers of the likelihood."""
    from jax import numpy as jnp

    def log_likelihood(u: Any, data: Data) -> Any:
        values = {}
        for (name, family), x, numbers in zip(model.families, u, data.numbers, strict=True):
            normal = numbers[0] + numbers[1] * x
            values[name] = numbers[2] + jnp.exp(normal) if family == "lognormal" else normal
        centre = model.centre(model.raw(values, data, jnp), data)
        found = model.noise.distribution(centre, values).log_prob(data.observed).sum()
        return jnp.where(jnp.isfinite(found), found, -jnp.inf)

    every = jax.vmap(log_likelihood, (0, None))

    @jax.jit
    def move(u: Any, power: Any, root: Any, key: Any, data: Data) -> Any:
        def step(state: Any, key: Any) -> Any:
            u, there = state
            first, second, third = jax.random.split(key, 3)
            # Long steps and short ones: the ridge is narrower in some places than on average.
            size = 2.4 / np.sqrt(u.shape[1]) * 10 ** -jax.random.uniform(third, (len(u), 1))
            new = u + 2 * size * (jax.random.normal(first, u.shape) @ root.T)
            then = every(new, data)
            gain = power * (then - there) - 0.5 * ((new**2).sum(1) - (u**2).sum(1))
            taken = jnp.log(jax.random.uniform(second, (len(u),))) < gain
            return (
                jnp.where(taken[:, None], new, u),
                jnp.where(taken, then, there),
            ), taken.mean()

        (u, there), taken = jax.lax.scan(step, (u, every(u, data)), jax.random.split(key, moves))
        return u, there, taken.mean()

    return move


def tempered(move: Callable[..., Any], data: Data, particles: int, seed: int) -> float:
    """Log evidence of one run from prior to posterior."""
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((particles, len(data.numbers)))
    power, total = 0.0, 0.0
    there = None
    while power < 1.0:
        if there is None:
            # At power zero, with no step at all: only the likelihood of the prior's draws.
            nothing = np.zeros((u.shape[1], u.shape[1]))
            there = np.asarray(move(u, 0.0, nothing, jax.random.key(seed), data)[1])
        rise = _rise(there, 1.0 - power)
        weights = rise * there
        total += float(logsumexp(weights) - np.log(particles))
        power += rise
        share = np.exp(weights - logsumexp(weights))
        places = (rng.random() + np.arange(particles)) / particles
        u = np.asarray(u)[np.searchsorted(np.cumsum(share), places).clip(max=particles - 1)]
        root = np.linalg.cholesky(np.cov(u.T) + 1e-12 * np.eye(u.shape[1]))
        key = jax.random.key(int(rng.integers(2**32)))
        u, found, _ = move(u, power, root, key, data)
        there = np.asarray(found)
    return total


def _rise(there: np.ndarray, most: float) -> float:
    """By how much the power may rise so that half of the particles stay effective."""

    def effective(rise: float) -> float:
        weights = rise * there
        return float(np.exp(2 * logsumexp(weights) - logsumexp(2 * weights))) / len(there) - 0.5

    return most if effective(most) > 0 else float(brentq(effective, 1e-12, most, xtol=1e-14))


if __name__ == "__main__":
    main()
