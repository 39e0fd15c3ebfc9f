"""Times of the core on the 446-run table of zhao2025: import, fits, gradient, Laplace, many fits.

Whatever is cold is measured in a process of its own; figures are medians with their range. Compiled
code is kept in a temporary folder, empty at first.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jax
import numpy as np
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.core.compilation import compiled
from bayeslaw.inference.density import Density
from bayeslaw.model.specification import Specification

_FRESH = """
import time
start = time.perf_counter()
import bayeslaw as bl
imported = time.perf_counter()
runs = bl.simulate("zhao2025", seed=7)
before = time.perf_counter()
posterior = bl.fit(runs, "zhao2025", seed=1, progress=False)
fitted = time.perf_counter()
bl.optimum(posterior, budget=bl.Budget(train_flops=1e22, max_params=1e11))
print(imported - start, fitted - before, fitted - start, time.perf_counter() - fitted)
"""


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--tables", type=int, default=1000, help="many fits by NUTS; 0 leaves them out"
    )
    parser.add_argument("--out")
    asked = parser.parse_args()
    command = f"python benchmarks/timing.py --repeats {asked.repeats} --tables {asked.tables}"
    heads = ["what", "median", "least", "most", "unit", "goal"]
    rows = [*_processes(asked.repeats), *_fits(asked.repeats), *_gradients()]
    if asked.tables:
        rows += _many(asked.tables)
        rows += _killed(min(asked.tables, 60))
    keep(heading("Times of the core", command) + table(heads, rows), asked.out)


def _row(what: str, values: object, unit: str, goal: str = "") -> list[object]:
    found = np.atleast_1d(np.asarray(values, dtype=float))
    return [what, float(np.median(found)), float(found.min()), float(found.max()), unit, goal]


def _processes(repeats: int) -> list[list[object]]:
    imports, first, warm = [], [], []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import bayeslaw"], check=True)
        imports.append(time.perf_counter() - start)
        with tempfile.TemporaryDirectory() as folder:
            first.append(_fresh(folder))
            warm.append(_fresh(folder))
    firsts, warms = np.array(first), np.array(warm)
    return [
        _row("import bayeslaw, whole process", imports, "s", "2.5"),
        _row("first fit ever, import included", firsts[:, 2], "s", "10"),
        _row("- of it the fit", firsts[:, 1], "s"),
        _row("fresh process, compiled code on disk, import included", warms[:, 2], "s", "4"),
        _row("- of it the fit", warms[:, 1], "s"),
        _row("first budgeted optimum ever, after a fit", firsts[:, 3], "s", "6"),
        _row("first budgeted optimum of a process, after a fit", warms[:, 3], "s", "2"),
    ]


def _fresh(folder: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", _FRESH],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "BAYESLAW_CACHE": folder},
    )
    return [float(word) for word in done.stdout.split()]


def _fits(repeats: int) -> list[list[object]]:
    tables = [bl.simulate("zhao2025", seed=seed) for seed in range(7, 8 + 2 * repeats)]
    rows: list[list[object]] = []
    for method, goal in (("nuts", ".35"), ("laplace", ".08")):
        times, sizes, gradients = [], [], []
        for i, runs in enumerate(tables):
            start = time.perf_counter()
            posterior = bl.fit(runs, "zhao2025", method=method, seed=1, progress=False)
            times.append(time.perf_counter() - start)
            if not i:
                times.clear()
                continue
            sizes.append(min(posterior.convergence.ess_bulk.values()))
            if method == "nuts":
                gradients.append(sizes[-1] / posterior.stats["n_steps"].sum())
        rows.append(_row(f"second fit in a process, {method}", times, "s", goal))
        if method == "nuts":
            rate = np.array(sizes) / np.array(times)
            rows.append(_row("smallest bulk ESS over the time of the fit", rate, "/s"))
            rows.append(_row("smallest bulk ESS per gradient", gradients, "", ".12"))
    return rows


def _gradients() -> list[list[object]]:
    law = bl.law("zhao2025")
    rows: list[list[object]] = []
    for size, steps in ((446, 20000), (10_000, 1000), (100_000, 100), (1_000_000, 10)):
        runs = bl.simulate(law, rows=size, seed=7)
        specification = Specification.of(runs, law)
        model, numbers = specification.build(runs)
        density = Density(model)
        with compiled():
            data = jax.device_put(numbers)
            medians = {name: one.median for name, one in specification.priors.items()}
            z = density.locate(medians, numbers)
            loop = jax.jit(partial(_descend, density, steps))
            loop(z, data).block_until_ready()
            times = []
            for _ in range(7):
                start = time.perf_counter()
                loop(z, data).block_until_ready()
                times.append((time.perf_counter() - start) / steps * 1e6)
        goal = "5" if size == 446 else ""
        rows.append(_row(f"gradient in a compiled loop, {size:,} runs", times, "µs", goal))
    return rows


def _descend(density: Density, steps: int, z: jax.Array, data: object) -> jax.Array:
    gradient = jax.grad(density.potential)
    # A step too small to matter keeps the loop from being folded into one evaluation.
    return jax.lax.fori_loop(0, steps, lambda _, at: at - 1e-14 * gradient(at, data), z)


def _many(count: int) -> list[list[object]]:
    tables = [bl.simulate("zhao2025", seed=seed) for seed in range(count)]
    bl.fit(tables[0], "zhao2025", chains=2, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        found = bl.fit_many(tables, "zhao2025", chains=2, draws=1000, folder=folder)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        again = bl.fit_many(tables, "zhao2025", chains=2, draws=1000, folder=folder)
        reading = time.perf_counter() - start
    same = all(
        np.array_equal(one.draws[name], other.draws[name])
        for one, other in zip(found, again, strict=True)
        for name in one.draws
    )
    if not same:
        raise RuntimeError("draws read again differ from those that were kept")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [
        _row(f"{count:,} fits by NUTS, 2 chains of 1,000", seconds / 60, "min", "4"),
        _row("- a fit", seconds / count, "s", ".23"),
        _row("- of them clean", sum(one.trusted for one in found), ""),
        _row("- reading them again", reading, "s"),
        _row("- peak memory of the process", peak, "GB"),
    ]


_BATCHES = """
import sys
import bayeslaw as bl
tables = [bl.simulate("zhao2025", seed=seed) for seed in range(int(sys.argv[2]))]
bl.fit_many(tables, "zhao2025", chains=2, folder=sys.argv[1], batch=10, progress=False)
"""


def _killed(count: int) -> list[list[object]]:
    """Kill a process in the middle of its batches, start it again, and compare."""

    def start(folder: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", _BATCHES, folder, str(count)])

    def read(folder: str) -> list[bl.Posterior]:
        tables = [bl.simulate("zhao2025", seed=seed) for seed in range(count)]
        return bl.fit_many(tables, "zhao2025", chains=2, folder=folder, batch=10)

    with tempfile.TemporaryDirectory() as cut, tempfile.TemporaryDirectory() as whole:
        process = start(cut)
        while len(list(Path(cut).glob("*.npz"))) < 2:
            time.sleep(0.05)
        process.kill()
        process.wait()
        kept = {path: path.stat().st_mtime_ns for path in Path(cut).glob("*.npz")}
        if start(cut).wait() or start(whole).wait():
            raise RuntimeError("a run of batches failed")
        again = sum(path.stat().st_mtime_ns != then for path, then in kept.items())
        same = all(
            np.array_equal(one.draws[name], other.draws[name])
            for one, other in zip(read(cut), read(whole), strict=True)
            for name in one.draws
        )
    return [
        _row(f"killed among {count} fits: batches finished by then", len(kept), ""),
        _row("- of them fitted again", again, "", "0"),
        _row("- draws equal to those of a run that was not killed", float(same), "", "1"),
    ]


if __name__ == "__main__":
    main()
