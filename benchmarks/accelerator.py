"""Many chains and many tables at once, on a GPU where there is one, by the code that runs anywhere.

The density is bayeslaw's, as NUTS sees it; a batch is one call of ``jax.vmap``. Without a GPU a
line says so, and nothing is measured. The pinned jaxlib runs on the processor: for a GPU, install
JAX's own plugin for it into .venv, and run this with ``JAX_PLATFORMS=cuda,cpu``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.inference.density import Density
from bayeslaw.model.specification import Specification

STEPS = 200


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=4096)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--fits", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--anyway", action="store_true", help="also without a GPU")
    parser.add_argument("--out")
    asked = parser.parse_args()
    command = (
        f"python benchmarks/accelerator.py --chains {asked.chains} --tables {asked.tables} "
        f"--fits {asked.fits} --repeats {asked.repeats}"
    )
    text = heading("Many chains and many tables on a GPU", command)
    devices = jax.devices()
    if devices[0].platform == "cpu" and not asked.anyway:
        keep(text + "JAX sees no GPU here: nothing was measured.\n", asked.out)
        return
    places = {devices[0].device_kind: devices[0]}
    if devices[0].platform != "cpu":
        places["processor"] = jax.devices("cpu")[0]
    rows = [
        [where, said, *times]
        for where, device in places.items()
        for said, times in _measure(device, asked.chains, asked.tables, asked.repeats).items()
    ]
    heads = ["where", "at once", "µs a gradient", "range"]
    text += f"Gradients of zhao2025 on 446 runs, {STEPS} in a compiled loop.\n\n"
    text += table(heads, rows)
    fits: list[list[object]] = [
        [where, *_fits(device, asked.fits)] for where, device in places.items()
    ]
    heads = ["where", f"bl.fit, {asked.fits} chains [s]", f"bl.fit_many, {asked.fits} tables [s]"]
    keep(text + "Fits by NUTS, a second time.\n\n" + table(heads, fits), asked.out)


def _measure(device: Any, chains: int, tables: int, repeats: int) -> dict[str, list[object]]:
    law = bl.law("zhao2025")
    runs = [bl.simulate(law, seed=seed) for seed in range(tables)]
    specification = Specification.of(runs[0], law)
    built = [specification.build(one) for one in runs]
    density = Density(built[0][0])
    medians = {name: one.median for name, one in specification.priors.items()}
    start = density.locate(medians, built[0][1])
    found: dict[str, list[object]] = {}
    with jax.enable_x64(True), jax.default_device(device):
        one = jax.device_put(built[0][1], device)
        every = jax.device_put(
            jax.tree.map(lambda *parts: np.stack(parts), *(data for _, data in built)), device
        )
        jobs: dict[str, tuple[Callable[..., Any], Any, int]] = {
            "one chain": (_loop(density), (start, one), 1),
            f"{chains:,} chains of one table": (
                _loop(jax.vmap(jax.grad(density.potential), (0, None))),
                (np.tile(start, (chains, 1)), one),
                chains,
            ),
            f"a chain of each of {tables:,} tables": (
                _loop(jax.vmap(jax.grad(density.potential))),
                (np.tile(start, (tables, 1)), every),
                tables,
            ),
        }
        for said, (job, given, count) in jobs.items():
            job(*given).block_until_ready()
            times = []
            for _ in range(repeats):
                begun = time.perf_counter()
                job(*given).block_until_ready()
                times.append((time.perf_counter() - begun) / STEPS / count * 1e6)
            span = f"{min(times):.3g} to {max(times):.3g}"
            found[said] = [float(np.median(times)), span]
    return found


def _fits(device: Any, count: int) -> list[object]:
    """Seconds of fits as anyone would call them."""
    tables = [bl.simulate("zhao2025", seed=seed) for seed in range(count)]
    jobs: list[Callable[[], object]] = [
        lambda: bl.fit(tables[0], "zhao2025", chains=count, progress=False),
        lambda: bl.fit_many(tables, "zhao2025", progress=False),
    ]
    # For all threads: the context of jax.default_device holds for one.
    jax.config.update("jax_default_device", device)
    seconds: list[object] = []
    for job in jobs:
        job()
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    jax.config.update("jax_default_device", None)
    return seconds


def _loop(gradient: Any) -> Callable[..., Any]:
    slope = jax.grad(gradient.potential) if isinstance(gradient, Density) else gradient

    def run(z: Any, data: Any) -> Any:
        return jax.lax.fori_loop(0, STEPS, lambda _, at: at - 1e-14 * slope(at, data), z)

    return jax.jit(run)


if __name__ == "__main__":
    main()
