"""How time and memory grow: with runs, parameters, chains and tables.

Every cell is a process of its own: once to compile, then warm, the median of up to three times; a
cell whose first time is long counts it, and says so. The exponent of a curve is the slope of log
time on log size, over all cells and over the last two: small sizes cost what any call costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from provenance import ROOT, heading, keep, peak, table

#: Sizes by curve: what is done while what grows.
CURVES: dict[tuple[str, str], tuple[int, ...]] = {
    ("gradient", "runs"): (100, 1000, 10_000, 100_000, 1_000_000),
    ("mode", "runs"): (100, 1000, 10_000, 100_000, 1_000_000),
    ("nuts", "runs"): (100, 1000, 10_000, 100_000),
    ("gradient", "parameters"): (3, 5, 9, 13, 19),
    ("mode", "parameters"): (3, 5, 9, 13, 19),
    ("nuts", "parameters"): (3, 5, 9, 13, 19),
    ("nuts", "chains"): (1, 2, 4, 16, 64),
    ("nuts", "tables"): (1, 3, 10, 30, 100, 300),
    ("laplace", "tables"): (1, 3, 10, 30, 100, 300),
}
QUICK = {"runs": 10_000, "parameters": 9, "chains": 4, "tables": 10}
#: A first time above this is not repeated, in seconds.
LONG = 20.0
VARIABLES = ("N", "D", "N_a", "G", "K", "E", "granularity", "activation", "C")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--limit", type=float, default=400, help="seconds a cell")
    parser.add_argument("--only", nargs="*", help="curves, such as nuts-runs")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--out")
    asked = parser.parse_args()
    if asked.worker:
        _work(*asked.worker)
        return
    command = f"python benchmarks/growth.py --limit {asked.limit:g}"
    command += " --quick" if asked.quick else ""
    command += f" --only {' '.join(asked.only)}" if asked.only else ""
    cells: list[list[object]] = []
    slopes: list[list[object]] = []
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BAYESLAW_CACHE"] = cache
        os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        base = _cell("import", "nothing", 0, asked.limit)
        for (what, over), sizes in CURVES.items():
            if asked.only and f"{what}-{over}" not in asked.only:
                continue
            used = [size for size in sizes if not asked.quick or size <= QUICK[over]]
            found = _curve(what, over, used, asked.limit)
            cells += _rows(what, over, sizes, found)
            slopes.append(_slope(what, over, found, base["memory"] if base else 0.0))
    text = heading("How time and memory grow", command) + _explain(base)
    text += table(["what", "over", "cells", "exponent of time", "of the last two cells",
                   "exponent of memory above the import"], slopes)  # fmt: skip
    keep(text + table(["what", "over", "size", "s", "peak MB", ""], cells), asked.out)


def _explain(base: dict[str, Any] | None) -> str:
    memory = f" Importing alone takes {base['memory']:.0f} MB." if base else ""
    return (
        "zhao2025 on 446 simulated runs unless runs grow; four chains, or two where tables grow; a "
        "law of additive power terms where parameters grow (they do not count the noise's two). A "
        f"gradient is one evaluation in a compiled loop.{memory}\n\n"
    )


def _curve(what: str, over: str, sizes: list[int], limit: float) -> dict[int, dict[str, Any]]:
    found = {}
    for size in sizes:
        cell = _cell(what, over, size, limit)
        if cell is None:
            break  # the larger ones would take longer still
        found[size] = cell
    return found


def _cell(what: str, over: str, size: int, limit: float) -> dict[str, Any] | None:
    command = [sys.executable, "-W", "ignore", __file__, "--worker", what, over, str(size)]
    start = time.perf_counter()
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    sys.stderr.write(f"{what} over {over} at {size}: {time.perf_counter() - start:.0f} s\n")
    if ran.returncode:
        sys.stderr.write(f"{what} over {over} at {size} failed:\n{ran.stderr[-2000:]}\n")
        return None
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _rows(
    what: str, over: str, sizes: tuple[int, ...], found: dict[int, dict[str, Any]]
) -> list[list[object]]:
    rows: list[list[object]] = []
    for size in sizes:
        if size in found:
            one = found[size]
            said = "" if one["warm"] else "compilation included"
            rows.append([what, over, f"{size:,}", one["seconds"], one["memory"], said])
            continue
        guess = ""
        if len(found) > 1:
            (a, one), (b, two) = list(found.items())[-2:]
            slope = np.log(two["seconds"] / one["seconds"]) / np.log(b / a)
            seconds = two["seconds"] * (size / b) ** slope
            guess = f"; {seconds:.2g} s if the last two cells' exponent held"
        rows.append([what, over, f"{size:,}", "-", "-", f"not run{guess}"])
    return rows


def _slope(what: str, over: str, found: dict[int, dict[str, Any]], base: float) -> list[object]:
    if len(found) < 3:
        return [what, over, len(found), "-", "-", "-"]
    x = np.log(list(found))
    seconds = np.log([one["seconds"] for one in found.values()])
    memory = np.log([max(one["memory"] - base, 1.0) for one in found.values()])
    last = (seconds[-1] - seconds[-2]) / (x[-1] - x[-2])
    return [what, over, len(found), _fit(x, seconds), float(last), _fit(x, memory)]


def _fit(x: np.ndarray, y: np.ndarray) -> str:
    """Slope by least squares, and its standard error."""
    away = x - x.mean()
    slope = float(away @ y / (away @ away))
    rest = y - y.mean() - slope * away
    error = float(np.sqrt(rest @ rest / (len(x) - 2) / (away @ away)))
    return f"{slope:.2f} ({error:.2f})"


def _work(what: str, over: str, size: str) -> None:
    """One cell, in the process that is measured."""
    import bayeslaw as bl

    report: dict[str, Any] = {"seconds": np.nan, "warm": True}
    if what != "import":
        job = _job(bl, what, over, int(size))
        times: list[float] = []
        while len(times) < 4 and sum(times) < LONG:
            start = time.perf_counter()
            per = job()
            times.append((time.perf_counter() - start) / per)
            if per * times[-1] > LONG:
                break
        report = {"seconds": float(np.median(times[1:] or times)), "warm": len(times) > 1}
    report["memory"] = peak()
    print(json.dumps(report))


def _job(bl: Any, what: str, over: str, size: int) -> Callable[[], float]:
    """What is timed: a call that returns how many times it did its work."""
    if over == "tables":
        tables = [bl.simulate("zhao2025", seed=seed) for seed in range(size)]
        return lambda: float(
            bool(bl.fit_many(tables, "zhao2025", method=what, chains=2, progress=False))
        )
    if over == "parameters":
        law, runs = _additive(bl, size)
    else:
        law = bl.law("zhao2025")
        runs = bl.simulate(law, rows=size if over == "runs" else 446, seed=7)
    if what == "gradient":
        return _gradient(bl, law, runs)
    chains = size if over == "chains" else 4
    return lambda: float(
        bool(bl.fit(runs, law, method=what, chains=chains, seed=1, progress=False))
    )


def _additive(bl: Any, size: int) -> tuple[Any, Any]:
    """A floor and (size - 1)/2 power terms, on 446 runs with exponents from .2 to .5."""
    names = VARIABLES[: (size - 1) // 2]
    terms = [f"a{i}*{name}**-p{i}" for i, name in enumerate(names)]
    law = bl.Law.from_formula(
        " + ".join(["least", *terms]), variables=names, name=f"additive{size}"
    )
    rng = np.random.default_rng(7)
    spans = {"N": (9, 11), "D": (10, 12), "N_a": (7, 9), "E": (2, 3), "C": (20, 23)}
    spans |= {"G": (0, 1.3), "K": (0, 1), "granularity": (0, 1.3), "activation": (-2, 0)}
    columns = {name: 10 ** rng.uniform(*spans[name], 446) for name in names}
    loss = np.full(446, 1.5)
    for i, name in enumerate(names):
        relative = columns[name] / np.exp(np.log(columns[name]).mean())
        loss = loss + 0.2 * relative ** -(0.2 + 0.3 * i / len(VARIABLES))
    import pandas as pd

    frame = pd.DataFrame({**columns, "loss": loss * np.exp(0.003 * rng.standard_normal(446))})
    return law, bl.read_runs(frame)


def _gradient(bl: Any, law: Any, runs: Any) -> Callable[[], float]:
    import jax

    from bayeslaw.inference.density import Density
    from bayeslaw.model.specification import Specification

    specification = Specification.of(runs, law)
    model, numbers = specification.build(runs)
    density, data = Density(model), jax.device_put(numbers)
    steps = int(np.clip(2e6 / len(runs), 5, 5000))
    medians = {name: one.median for name, one in specification.priors.items()}
    with jax.enable_x64(True):
        z, data = density.locate(medians, numbers), jax.device_put(numbers)

        def step(_: int, at: Any) -> Any:
            # A step too small to matter keeps the loop from being folded into one evaluation.
            return at - 1e-14 * jax.grad(density.potential)(at, data)

        loop = jax.jit(lambda at: jax.lax.fori_loop(0, steps, step, at))

    def job() -> float:
        with jax.enable_x64(True):
            loop(z).block_until_ready()
        return float(steps)

    return job


if __name__ == "__main__":
    main()
