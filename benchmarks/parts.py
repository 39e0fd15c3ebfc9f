"""Times of every part, each beside its floor: what no implementation of the same job could beat.

Parts run in turn, in rounds; the first round, in which code is compiled, is left out. Imports run
in processes of their own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from floors import budgeted, by_hand, closed_form, drawn, leave_out, predicted
from provenance import ROOT, heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.leave_out import leave_runs_out
from bayeslaw.inference.density import Density
from bayeslaw.inference.mode import find_mode
from bayeslaw.inference.target import Target
from bayeslaw.law.library import cards

SIZE, ROWS = 30e9, 100_000
#: Gradients in a compiled loop.
STEPS = 5000


@dataclass(frozen=True)
class Part:
    """A part, what it should take at least, and why."""

    what: str
    job: Callable[[], object]
    floor: Callable[[], object] | float
    why: str
    per: float = 1.0


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out")
    asked = parser.parse_args()
    command = f"python benchmarks/parts.py --repeats {asked.repeats} --seed {asked.seed}"
    with tempfile.TemporaryDirectory() as folder:
        rows, slow = _measure(Path(folder), asked.repeats, asked.seed)
    heads = ["part", "median", "range", "its floor", "times the floor", "the floor is"]
    text = heading("Parts and their floors", command)
    text += (
        f"{asked.repeats} rounds in turn, warm; zhao2025 on 446 simulated runs unless said "
        "otherwise. A floor that is measured is measured in the same rounds; one made of gradients "
        "counts those that no method could do without, at the measured time of ours.\n\n"
    )
    keep(text + table(heads, rows) + slow, asked.out)


def _measure(folder: Path, repeats: int, seed: int) -> tuple[list[list[object]], str]:
    imports = {
        "import": [_fresh("import bayeslaw") for _ in range(repeats)],
        "floor": [_fresh("import jax, numpyro, arviz") for _ in range(repeats)],
    }
    gradient, *parts = _parts(folder, seed)
    seconds: dict[str, list[float]] = {}
    floors: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for part in (gradient, *parts):
            took = _time(part.job) / part.per
            least = part.floor if isinstance(part.floor, float) else _time(part.floor) / part.per
            if turn:
                seconds.setdefault(part.what, []).append(took)
                floors.setdefault(part.what, []).append(least)
    once = float(np.median(seconds[gradient.what]))
    rows = [_row("import bayeslaw, a process", imports["import"], imports["floor"],
                 "importing jax, numpyro and arviz, a process")]  # fmt: skip
    for part in (gradient, *parts):
        least = floors[part.what]
        if isinstance(part.floor, float):
            least = [count * once for count in least]
        rows.append(_row(part.what, seconds[part.what], least, part.why))
    far = sorted(((float(str(row[4])), str(row[0])) for row in rows), reverse=True)
    slow = ", ".join(f"{what} ({times:.3g} times)" for times, what in far[:3])
    return rows, f"Furthest from their floors: {slow}.\n"


def _row(what: str, took: list[float], least: list[float], why: str) -> list[object]:
    ratio = float(np.median(took)) / float(np.median(least))
    span = f"{_said(min(took))} to {_said(max(took))}"
    floor = _said(float(np.median(least)))
    return [what, _said(float(np.median(took))), span, floor, f"{ratio:.3g}", why]


def _said(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _time(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _fresh(code: str) -> float:
    place = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    return _time(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=place))


def _parts(folder: Path, seed: int) -> list[Part]:
    law = bl.law("zhao2025")
    runs = bl.simulate(law, seed=seed)
    large = str(folder / "runs.csv")
    bl.simulate(law, rows=ROWS, seed=seed).table.to_csv(large, index=False)
    posterior = bl.fit(runs, law, seed=seed, progress=False)
    saved, bare = folder / "posterior.nc", folder / "arrays.npz"
    posterior.save(saved)
    arrays: dict[str, Any] = {**posterior.draws, **posterior.stats}
    np.savez(bare, **arrays)
    model, numbers = posterior.specification.build(runs)
    density, data = Density(model), jax.device_put(numbers)
    priors = posterior.specification.priors
    with jax.enable_x64(True):
        z = density.locate({name: one.median for name, one in priors.items()}, numbers)
        ours = _loop(lambda at: density.potential(at, data), z)
        theirs = _loop(by_hand(runs, posterior.reference, law), z)
    draws, size = posterior.stats["diverging"].size, len(z)
    cores = os.cpu_count() or 1
    card = cards()["zhao2025"]
    raw = posterior.coefficients()
    grid = {name: np.full(160, value) for name, value in posterior.reference.at.items()}
    grid["D"] = np.geomspace(1e10, 1e13, 160)
    budget = bl.Budget(train_flops=1e22, max_params=1e11)

    def mode() -> object:
        with jax.enable_x64(True):
            return find_mode(Target(density, numbers, priors), seed=seed)

    def fit(method: Any) -> Callable[[], object]:
        return lambda: bl.fit(runs, law, method=method, seed=seed, progress=False)

    quadratic = f"{size + 1} gradients, which a quadratic of {size} unknowns takes"
    parts = [
        Part("gradient, in a compiled loop", ours, theirs,
             "the same density written by hand for this law, in JAX", STEPS),
        Part("a law from its card", lambda: bl.law("zhao2025"),
             lambda: tomllib.loads(card.read_text()), "parsing the file's TOML"),
        Part(f"reading {ROWS:,} rows", lambda: bl.read_runs(large),
             lambda: pd.read_csv(large), "pandas.read_csv alone"),
        Part("mode, from all its starts", mode, float(size + 1), quadratic),
        Part("fit by NUTS", fit("nuts"), draws / cores,
             f"a gradient for each of {draws:,} draws on {cores} cores, none for warm-up"),
        Part("fit by Laplace", fit("laplace"), 2 * size + 1 + draws / cores / 3,
             f"that of the mode, {size} more for the curvature, and a density (a third of a "
             f"gradient) for each of {draws:,} draws on {cores} cores"),
        Part("optimum at 30B", lambda: bl.optimum(posterior, at={"N": SIZE}),
             lambda: closed_form(raw), "the law's closed form over the draws, in NumPy"),
        Part("optimum under a budget, five variables", lambda: bl.optimum(posterior, budget=budget),
             lambda: budgeted(raw), "six evaluations of the law over the draws, in NumPy: a slope "
             "in five variables, once"),
        Part("leaving each run out", lambda: leave_runs_out(posterior, progress=False),
             lambda: leave_out(posterior), "the log-likelihood and its variance over the draws"),
        Part("evidence by bridge", lambda: bl.evidence(posterior, seed=seed),
             draws / 3, f"a density for {draws // 2:,} draws and as many others"),
        Part("bands at 160 places", lambda: posterior.predict(grid),
             lambda: predicted(raw, grid), "the law by hand over draws and places in NumPy, and "
             "three quantiles"),
        Part("saving", lambda: posterior.save(saved), lambda: np.savez(bare, **arrays),
             "numpy.savez of the same arrays"),
        Part("loading", lambda: bl.load(saved),
             lambda: dict(np.load(bare)), "numpy.load of the same arrays"),
        Part("report", lambda: bl.report(posterior, folder / "report.html", at={"N": SIZE}),
             lambda: drawn(posterior), "a panel of the posterior, drawn and encoded as often as it "
             "has pictures"),
    ]  # fmt: skip
    return parts


def _loop(potential: Callable[[Any], Any], z: np.ndarray) -> Callable[[], object]:
    """Many gradients in one compiled call."""

    def step(_: int, at: Any) -> Any:
        # A step too small to matter keeps the loop from being folded into one evaluation.
        return at - 1e-14 * jax.grad(potential)(at)

    loop = jax.jit(lambda at: jax.lax.fori_loop(0, STEPS, step, at))

    def job() -> object:
        with jax.enable_x64(True):
            return loop(z).block_until_ready()

    return job


if __name__ == "__main__":
    main()
