"""What is left when a process is killed while it writes, or cannot write.

Each trial starts a command, kills it (-9) after a random share of the time that it takes, and looks
at what is left: the older file has to be whole, or the new one complete; finished work has to be
kept; going on has to give the same draws as a run that nobody killed. Then what cannot be written:
a full disk, a limit on the size of files, a folder that is missing or may not be written to.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provenance import ROOT, heading, keep, table

FIT = ("--law", "chinchilla", "--method", "laplace", "--draws", "300", "--chains", "2")
#: Programs by name: what runs in a folder that holds runs.csv, fit.nc and the older files.
SAVE = """
import bayeslaw as bl
posterior = bl.load("fit.nc")
for _ in range(1000):
    posterior.save("out.nc")
"""
MANY = """
import bayeslaw as bl
tables = [bl.simulate("chinchilla", rows=30, seed=i) for i in range(4)]
fits = bl.fit_many(
    tables, "chinchilla", method="laplace", draws=300, folder="rounds", batch=1, progress=False
)
for fit, number in zip(fits, range(4)):
    fit.save(f"{number}.nc")
"""
CALIBRATE = """
import bayeslaw as bl
found = bl.calibrate(
    bl.read_runs("runs.csv"), "chinchilla", method="laplace", draws=300, tables=4, batch=1,
    folder="rounds", progress=False,
)
bl.read_runs("runs.csv").write("out.csv")
open("found.txt", "w").write(found.to_frame().to_csv())
"""
COMMANDS: dict[str, list[str]] = {
    "fit --out": ["-m", "bayeslaw", "fit", "runs.csv", *FIT, "--seed", "1", "--out", "out.nc"],
    "save": ["-c", SAVE],
    "fit_many, folder": ["-c", MANY],
    "calibrate, folder": ["-c", CALIBRATE],
    "study": (
        "-m bayeslaw study runs.csv --laws chinchilla,skaling2026"
        " --train-flops 1e22 --seed 1 --out ."
    ).split(),
    "report": [
        *("-m", "bayeslaw", "report", "fit.nc", "--train-flops", "1e22", "--out", "out.html")
    ],
}
#: Files that are there before, where a command replaces them.
OLD = ("out.nc", "out.csv", "out.html")
#: What a killed command keeps.
KEPT = ("rounds/*.npz", "fits/*")
#: Root without its right to write everywhere.
CLOSED = """
import ctypes, os, sys
CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
if os.geteuid() == 0 and ctypes.CDLL(None).prctl(CAPBSET_DROP, CAP_DAC_OVERRIDE):
    sys.exit("not tried: root may write everywhere")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
DIES = f"""
import os, signal, sys
sys.argv = ["bayeslaw", "fit", "runs.csv", *{FIT!r}, "--out", "out.nc"]
from bayeslaw.core import files
files.os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
from bayeslaw.cli.app import main
main()
"""
# Runs that end before they are killed, for each kill that is wanted.
_MOST = 4
LIMITED = """
import resource, runpy, sys
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (500, most))
sys.argv = ["bayeslaw", *sys.argv[1:]]
runpy.run_module("bayeslaw", run_name="__main__")
"""


def main() -> None:
    """Kill, look, go on; then write where nothing can be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8, help="kills of each command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        os.environ["BAYESLAW_CACHE"] = str(top / "cache")
        whole = top / "whole"
        _prepare(whole)
        killed = [
            [name, *_killed(name, words, whole, top, asked.trials, rng)]
            for name, words in COMMANDS.items()
        ]
        written = list(_unwritable(whole, top))
    command = f"python benchmarks/kills.py --trials {asked.trials} --seed {asked.seed}"
    heads = ["command", "kills", "ended before", "files that are neither old nor new"]
    heads += ["partial files left", "left after going on", "kept work changed", "results differ"]
    text = heading("Kills, and what cannot be written", command)
    text += f"{(__doc__ or '').strip()}\n\n{table(heads, killed)}"
    text += table(["what cannot be written", "status", "message", "older file"], written)
    keep(text, asked.out)


def _run(words: list[str], folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        **options,
    )


def _prepare(folder: Path) -> None:
    """A table and a posterior to start from."""
    folder.mkdir()
    for words in (
        ["simulate", "--law", "chinchilla", "--rows", "30", "--seed", "7", "--out", "runs.csv"],
        ["fit", "runs.csv", *FIT, "--seed", "2", "--out", "fit.nc"],
    ):
        done = _run(["-m", "bayeslaw", *words], folder)
        if done.returncode:
            raise RuntimeError(done.stderr)


def _fresh(whole: Path, folder: Path) -> Path:
    """A folder with a table, a posterior and older files."""
    shutil.copytree(whole, folder)
    for name in OLD:
        (folder / name).write_text("old")
    return folder


def _killed(
    name: str, words: list[str], whole: Path, top: Path, trials: int, rng: random.Random
) -> list[object]:
    """Counts over the trials of one command."""
    slug = "".join(filter(str.isalpha, name))
    undisturbed = _fresh(whole, top / slug)
    # Compiled once, then timed.
    for _ in range(2):
        shutil.rmtree(undisturbed / "rounds", ignore_errors=True)
        start = time.monotonic()
        done = _run(words, undisturbed)
        took = time.monotonic() - start
        if done.returncode:
            raise RuntimeError(done.stderr)
    expected, counts = _contents(undisturbed), Counter[str]()
    while counts["kills"] < trials and counts["ended"] < _MOST * trials:
        folder = _fresh(whole, top / f"{slug}{counts.total()}")
        # Later moments are likelier: writing comes last.
        after = took * (0.3 + 0.75 * rng.random() ** 0.5)
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        start = time.monotonic()
        try:
            process.wait(after)
            # On a busy machine the first runs take longer than later ones.
            took = min(took, time.monotonic() - start)
            counts["ended"] += 1
            shutil.rmtree(folder)
            continue
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            counts["kills"] += 1
        found = _contents(folder)
        counts["neither"] += sum(found[file] not in (b"old", expected.get(file)) for file in OLD)
        counts["partial"] += len(list(_partial(folder)))
        finished = {path: path.stat().st_mtime_ns for kept in KEPT for path in folder.glob(kept)}
        counts["finished"] += len(finished)
        again = _run(words, folder)
        counts["left"] += len(list(_partial(folder)))
        counts["changed"] += sum(path.stat().st_mtime_ns != when for path, when in finished.items())
        counts["differ"] += again.returncode != 0 or _contents(folder) != expected
        shutil.rmtree(folder)
    changed = f"{counts['changed']} of {counts['finished']}" if counts["finished"] else "none kept"
    cells = [counts[key] for key in ("ended", "neither", "partial", "left")]
    return [counts["kills"], *cells, changed, counts["differ"]]


def _partial(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob(".*") if path.is_file())


def _contents(folder: Path) -> dict[str, object]:
    """Files by name: of posteriors the draws and notes, since their bytes hold times."""
    return {
        str(path.relative_to(folder)): _content(path)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def _content(path: Path) -> object:
    import bayeslaw as bl

    content = path.read_bytes()
    if path.suffix == ".npz":
        # A zip file states when it was written; its name is a hash of what it has to hold.
        return True
    if path.suffix != ".nc" or content == b"old":
        return content
    fit = bl.load(path)
    draws = tuple(fit.draws[name].tobytes() for name in sorted(fit.draws))
    return (draws, fit.notes, fit.runs.fingerprint)


def _unwritable(whole: Path, top: Path) -> Iterator[list[object]]:
    """What happens where a command cannot write."""
    fit = ["fit", "runs.csv", *FIT, "--out"]
    folder = _fresh(whole, top / "unwritable")
    done = _run(["-c", DIES], folder)
    left = len(list(_partial(folder)))
    again = _run(["-m", "bayeslaw", *fit, "out.nc"], folder)
    yield [
        "killed between writing and renaming, then run again",
        f"{done.returncode}, {again.returncode}",
        f"{left} partial file, then {len(list(_partial(folder)))}",
        "whole, then replaced",
    ]
    (folder / "out.nc").write_text("old")
    (folder / "taken").mkdir()
    environment = {**os.environ, "BAYESLAW_CACHE": ""}
    for name, words in (
        ("a limit of 500 bytes a file", ["-c", LIMITED, *fit, "out.nc"]),
        ("the same, report", ["-c", LIMITED, *COMMANDS["report"][2:]]),
        ("the same, predict", ["-c", LIMITED, "predict", "fit.nc", "runs.csv", "--out", "out.csv"]),
        ("no such folder", ["-m", "bayeslaw", *fit, "no/out.nc"]),
        ("a folder in its place", ["-m", "bayeslaw", *fit, "taken"]),
    ):
        done = _run(words, folder, env=environment)
        yield [name, *_said(done, folder / "out.nc")]
    yield _read_only(folder, fit)
    yield _full(folder, fit)


def _said(done: subprocess.CompletedProcess[str], old: Path) -> list[object]:
    """Status, last line and what became of the older file."""
    lines = done.stderr.strip().splitlines() or [""]
    kept = "whole" if old.read_bytes() == b"old" else "changed"
    return [done.returncode, lines[-1].replace(str(old.parent), "FOLDER"), kept]


def _read_only(folder: Path, fit: list[str]) -> list[object]:
    what = "a folder that may not be written to"
    closed = folder / "closed"
    closed.mkdir()
    (closed / "out.nc").write_text("old")
    closed.chmod(0o500)
    done = _run(["-c", CLOSED, "-m", "bayeslaw", *fit, "closed/out.nc"], folder)
    closed.chmod(0o700)
    return [what, *_said(done, closed / "out.nc")]


def _full(folder: Path, fit: list[str]) -> list[object]:
    what = "a full disk (64 KB in memory)"
    small = folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        return [what, "", "not tried: nothing can be mounted here", ""]
    try:
        (small / "out.nc").write_text("old")
        done = _run(["-m", "bayeslaw", *fit, "small/out.nc"], folder)
        left = len(list(_partial(small)))
        status, message, kept = _said(done, small / "out.nc")
        return [what, status, message, f"{kept}, {left} partial files"]
    finally:
        subprocess.run(["umount", str(small)], check=False)


if __name__ == "__main__":
    main()
