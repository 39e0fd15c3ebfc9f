"""Processes killed at random moments: the file that was there is whole, or the new one complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bayeslaw as bl

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

HEAD = """
import os, random, signal, sys, time, warnings
import bayeslaw as bl

# This process has not computed, and what is forked from it may.
warnings.filterwarnings("ignore", message=".*fork.*")
rng = random.Random(1)


def killed(work, after):
    \"\"\"Run work in a process that is killed; whether it lived until then.\"\"\"
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def partial():
    return [name for name in os.listdir() if name.startswith(".")]


"""

SAVES = """
one, other = bl.load("one.nc"), bl.load("other.nc")
both = [open(name, "rb").read() for name in ("one.nc", "other.nc")]
one.save("out.nc")

def save():
    while True:
        other.save("out.nc")
        one.save("out.nc")

torn, left = 0, []
for _ in range(15):
    assert killed(save, rng.uniform(0.02, 0.07))
    torn += open("out.nc", "rb").read() not in both
    left.append(len(partial()))
one.save("out.nc")
print(torn, max(left), partial(), bl.load("out.nc").draws.keys() == one.draws.keys())
"""

FITS = """
# Imported once for all.
import numpyro
from bayeslaw.cli.app import main
from bayeslaw.inference import fit as _
sys.argv = "bayeslaw fit runs.csv --law chinchilla --method laplace --draws 200 --seed 1".split()
sys.argv += ["--out", "out.nc"]

def fit():
    os.dup2(os.open("printed", os.O_WRONLY | os.O_CREAT), 1)
    main()

started = time.monotonic()
first = os.fork()
if first == 0:
    fit()
    os._exit(0)
os.waitpid(first, 0)
took = time.monotonic() - started
whole = bl.load("out.nc")
states = []
for _ in range(2):
    open("out.nc", "w").write("old")
    killed(fit, rng.uniform(0.2, 1) * took)
    if open("out.nc", "rb").read() != b"old":
        assert all((bl.load("out.nc").draws[n] == v).all() for n, v in whole.draws.items())
    states.append(len(partial()))
print(max(states))
"""


def output(program: str, folder: Path) -> str:
    environment = {**os.environ, "BAYESLAW_CACHE": str(folder / "cache"), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kills_of_save_leave_the_old_file_or_the_new(tmp_path: Path) -> None:
    runs = bl.simulate("chinchilla", rows=30, seed=7)
    for name, seed in (("one", 1), ("other", 2)):
        fit = bl.fit(runs, "chinchilla", method="laplace", chains=2, draws=500, seed=seed)
        fit.save(tmp_path / f"{name}.nc")
    # One unfinished file at most, since the next process that writes removes it.
    torn, left, finally_left, opened = output(SAVES, tmp_path).split()
    assert (torn, finally_left, opened) == ("0", "[]", "True")
    assert int(left) <= 1


def test_kills_of_a_command_leave_the_old_file_or_the_new(tmp_path: Path) -> None:
    bl.simulate("chinchilla", rows=30, seed=7).write(tmp_path / "runs.csv")
    assert int(output(FITS, tmp_path)) <= 1
