"""Times of import, of a cold and a second fit, and effective draws per second.

Every cold figure is taken in a process of its own; figures are medians with their range.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np
from provenance import heading, keep, table

_FIT = """
import time
start = time.perf_counter()
import bayeslaw as bl
imported = time.perf_counter()
tables = [bl.simulate("zhao2025", seed=seed) for seed in range(7, 13)]
made = time.perf_counter()
times, sizes = [], []
for runs in tables:
    before = time.perf_counter()
    posterior = bl.fit(runs, "zhao2025", seed=1, progress=False)
    times.append(time.perf_counter() - before)
    sizes.append(min(posterior.convergence.ess_bulk.values()))
print(imported - start, *times, *sizes)
"""


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out")
    asked = parser.parse_args()
    imports, rows = [], []
    for _ in range(asked.repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import bayeslaw"], check=True)
        imports.append(time.perf_counter() - start)
        done = subprocess.run(
            [sys.executable, "-c", _FIT], check=True, capture_output=True, text=True
        )
        rows.append([float(word) for word in done.stdout.split()])
    found = np.array(rows)
    inside, fits, sizes = found[:, 0], found[:, 1:7], found[:, 7:]
    second = fits[:, 1:]
    text = heading(
        "Times of the main job", f"python benchmarks/timing.py --repeats {asked.repeats}"
    )
    lines = [
        ["python -c 'import bayeslaw', whole process", *_range(np.array(imports)), "s"],
        ["import bayeslaw inside a process", *_range(inside), "s"],
        ["first fit of a process: 446 runs, 4 chains of 1,000 after 400", *_range(fits[:, 0]), "s"],
        ["later fits, other tables of that shape", *_range(second), "s"],
        [
            "smallest bulk ESS of a fit over its time, later fits",
            *_range(sizes[:, 1:] / second),
            "/s",
        ],
    ]
    text += table(["what", "median", "least", "most", "unit"], [list(line) for line in lines])
    keep(text, asked.out)


def _range(values: np.ndarray) -> tuple[float, float, float]:
    return float(np.median(values)), float(values.min()), float(values.max())


if __name__ == "__main__":
    main()
