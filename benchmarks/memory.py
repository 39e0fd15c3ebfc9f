"""Peak memory of reading a large table, of predicting one, and of comparing laws.

Every line is a process of its own; its peak is that of the whole process, beside that of its
imports and, for predictions, of the fit. Predictions are made some rows at a time, so that their
memory does not grow with the product of rows and draws.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from provenance import ROOT, heading, keep, peak, table

DRAWS = 4000
SIZES = {"read": (10_000, 1_000_000), "predict": (10_000, 100_000, 1_000_000), "compare": (100,)}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=1_000_000, help="rows at most")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out")
    asked = parser.parse_args()
    if asked.worker:
        what, rows = asked.worker
        _work(what, int(rows), asked.seed)
        return
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            [what, rows, *_measured(what, rows, asked.seed, folder)]
            for what, sizes in SIZES.items()
            for rows in sizes
            if rows <= asked.most
        ]
    command = f"python benchmarks/memory.py --seed {asked.seed} --most {asked.most}"
    heads = ["what", "rows", "peak before, MB", "peak, MB", "s", "processor s"]
    text = heading("Peak memory", command) + f"{(__doc__ or '').strip()}\n\n"
    text += f"{DRAWS} draws; laws compared: {', '.join(_laws())}.\n\n{table(heads, lines)}"
    keep(text, asked.out)


def _measured(what: str, rows: int, seed: int, folder: str) -> list[float]:
    """Run workers: the table is written by another than reads it."""
    found = ""
    for work in ("write", "read") if what == "read" else (what,):
        words = [str(Path(__file__).resolve()), "--worker", work, str(rows), "--seed", str(seed)]
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=True, cwd=folder
        )
        found = done.stdout
    return [float(word) for word in found.split()]


def _laws() -> list[str]:
    import bayeslaw as bl

    known = bl.laws()
    fits = [
        name
        for name in known.index
        if set(bl.law(name).variables) <= {"N", "N_a", "D", "G", "S"}
        and bl.law(name).predicts == "loss"
    ]
    return ["zhao2025", *(name for name in fits if name != "zhao2025")][:6]


def _work(what: str, rows: int, seed: int) -> None:
    """One measurement: the peak before and after, and the time."""
    import bayeslaw as bl

    runs = bl.simulate("zhao2025", design="independent", rows=100, seed=seed)
    rng = np.random.default_rng(seed)
    if what == "write":
        many = runs.table.iloc[rng.integers(len(runs), size=rows)].copy()
        # No two rows are alike: runs that are logged twice are kept once.
        many["loss"] *= np.exp(0.003 * rng.standard_normal(rows))
        many["D"] *= 1 + 0.01 * rng.random(rows)
        many.to_csv("runs.csv", index=False)
        return
    if what == "predict":
        posterior = bl.fit(runs, "zhao2025", method="laplace", seed=seed, progress=False)
        chosen = rng.integers(len(runs), size=rows)
        columns = {name: runs.column(name)[chosen] for name in posterior.law.variables}
    before, start, used = peak(), time.perf_counter(), time.process_time()
    if what == "read":
        assert len(bl.read_runs("runs.csv")) == rows
    elif what == "predict":
        assert len(posterior.predict(columns)) == rows
    else:
        bl.compare(runs, _laws(), skip_incompatible=True, force=True, progress=False)
    took = time.perf_counter() - start
    sys.stdout.write(f"{before} {peak()} {took} {time.process_time() - used}")


if __name__ == "__main__":
    main()
