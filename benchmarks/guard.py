"""Whether one commit is slower than another, on this machine: a command, not a test.

    python benchmarks/guard.py HEAD~1 HEAD

Both commits are checked out beside each other, and each part is timed in processes of either, in
turn: base, head, head, base, and so on. A part counts as slower if the median of the paired ratios
is above 1.5 and the pairs agree on it: above 1.2 by two standard errors, which come from the
spread of the ratios. What looks slower is measured again, with twice as many pairs, before it is
said. The exit status is 1 if anything is slower, so that a script can stop there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from provenance import ROOT, table

#: How much slower a part may be, and how sure of some slowing one has to be.
ALLOWED, SURE = 1.5, 1.2

# Only what both commits are likely to have: the public names.
_PARTS = """
import json, os, sys, time
clock = getattr(time, sys.argv[3])
start = clock()
import bayeslaw as bl
seconds = {"import": [clock() - start]}
if not bl.__file__.startswith(sys.argv[2]):
    raise SystemExit(f"timed {bl.__file__} instead of {sys.argv[2]}")
runs = [bl.simulate("zhao2025", seed=seed) for seed in range(5)]
here = sys.argv[1]
large = bl.simulate("zhao2025", rows=20000, seed=1)
large.table.to_csv(os.path.join(here, "runs.csv"), index=False)
start = clock()
posterior = bl.fit(runs[0], "zhao2025", seed=1, progress=False)
seconds["first fit of a process"] = [clock() - start]
budget = bl.Budget(train_flops=1e22, max_params=1e11)
jobs = {
    "card": lambda i: bl.law("zhao2025"),
    "reading 20,000 rows": lambda i: bl.read_runs(os.path.join(here, "runs.csv")),
    "mode": lambda i: bl.fit(runs[1 + i], "zhao2025", method="mode", seed=1, progress=False),
    "fit, nuts": lambda i: bl.fit(runs[1 + i], "zhao2025", seed=1, progress=False),
    "fit, laplace": lambda i: bl.fit(
        runs[1 + i], "zhao2025", method="laplace", seed=1, progress=False
    ),
    "optimum": lambda i: bl.optimum(posterior, at={"N": 30e9}),
    "optimum, budgeted": lambda i: bl.optimum(posterior, budget=budget),
    "evidence": lambda i: bl.evidence(posterior, seed=1),
    "predict": lambda i: posterior.predict(large.table.head(1000)),
    "save": lambda i: posterior.save(os.path.join(here, "posterior.nc")),
}
for name, job in jobs.items():
    if sys.argv[4:] and name not in sys.argv[4:]:
        continue
    start = clock()
    job(0)
    if name.startswith("optimum"):
        seconds[f"first {name}"] = [clock() - start]
    seconds[name] = []
    for i in range(3):
        start = clock()
        job(i)
        seconds[name].append(clock() - start)
print(json.dumps({name: min(found) for name, found in seconds.items()}))
"""


def main() -> int:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("base", help="commit, branch or tag that is believed to be fast")
    parser.add_argument("head", nargs="?", default="HEAD")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[], help="parts, such as 'fit, nuts'")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="processor seconds of all threads, for a machine that does other work too: they do "
        "not tell what waits, or no longer runs on two cores",
    )
    asked = parser.parse_args()
    extra = ["process_time" if asked.processor else "perf_counter", *asked.only]
    git = ["git", "-C", str(ROOT)]
    with tempfile.TemporaryDirectory() as place:
        folders: dict[str, Path] = {}
        try:
            for side in ("base", "head"):
                folders[side] = Path(place).resolve() / side
                commit = getattr(asked, side)
                adding = [*git, "worktree", "add", "--quiet", "--detach", str(folders[side])]
                subprocess.run([*adding, commit], check=True)
            pairs = _pairs(folders, asked.pairs, extra)
            if _slower(pairs):
                print(f"{', '.join(_slower(pairs))}: seems slower; measuring again")
                pairs += _pairs(folders, 2 * asked.pairs, extra)
        finally:
            for folder in folders.values():
                removing = [*git, "worktree", "remove", "--force", str(folder)]
                subprocess.run(removing, check=False, stderr=subprocess.DEVNULL)
    slower = _slower(pairs)
    rows: list[list[object]] = []
    for name in _names(pairs):
        middle, low, high = _ratio(pairs, name)
        times = [float(np.median([one[side][name] for one in pairs])) for side in (0, 1)]
        verdict = "SLOWER" if name in slower else ""
        rows.append([name, *times, f"{middle:.2f} ({low:.2f} to {high:.2f})", verdict])
    heads = ["part", f"{asked.base} [s]", f"{asked.head} [s]", "ratio (two standard errors)", ""]
    sys.stdout.write(table(heads, rows))
    if slower:
        print(f"Slower by more than half: {', '.join(slower)} ({len(pairs)} pairs).")
        return 1
    print(f"Nothing slower by more than half ({len(pairs)} pairs).")
    return 0


Pair = tuple[dict[str, float], dict[str, float]]


def _pairs(folders: dict[str, Path], count: int, extra: list[str]) -> list[Pair]:
    found: list[Pair] = []
    for i in range(count):
        # The order changes, so that a machine that gets busier favours neither.
        order = ("base", "head") if i % 2 == 0 else ("head", "base")
        times = {side: _times(folders[side], extra) for side in order}
        found.append((times["base"], times["head"]))
    return found


def _times(folder: Path, extra: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        place = {
            **os.environ,
            "PYTHONPATH": str(folder),
            # Each side its own compiled code, kept from pair to pair.
            "BAYESLAW_CACHE": str(folder / ".compiled"),
        }
        ran = subprocess.run(
            [sys.executable, "-c", _PARTS, scratch, str(folder), *extra],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=place,
            cwd=scratch,
        )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def _names(pairs: list[Pair]) -> list[str]:
    return [name for name in pairs[0][0] if all(name in one for pair in pairs for one in pair)]


def _ratio(pairs: list[Pair], name: str) -> tuple[float, float, float]:
    """Median of the paired ratios, and two standard errors around it."""
    logs = np.log([head[name] / base[name] for base, head in pairs])
    middle = float(np.median(logs))
    # From the median distance, which one disturbed pair cannot stretch; 1.25 is a median's.
    spread = 1.48 * float(np.median(np.abs(logs - middle)))
    error = 1.25 * spread / np.sqrt(len(logs))
    low, high = np.exp([middle - 2 * error, middle + 2 * error])
    return float(np.exp(middle)), float(low), float(high)


def _slower(pairs: list[Pair]) -> list[str]:
    found = {name: _ratio(pairs, name) for name in _names(pairs)}
    return [name for name, (middle, low, _) in found.items() if middle > ALLOWED and low > SURE]


if __name__ == "__main__":
    sys.exit(main())
