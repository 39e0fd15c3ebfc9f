"""Processes and threads that fit at once: the same draws everywhere, or an error with a remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import hashlib, multiprocessing, os, sys, threading, warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import bayeslaw as bl

# JAX warns of every fork of a process that it runs in.
warnings.filterwarnings("ignore", message=".*fork.*")


def draws(seed, method="laplace"):
    runs = bl.simulate("chinchilla", rows=30, seed=7)
    options = dict(chains=2, draws=100, warmup=100, progress=False)
    fit = bl.fit(runs, "chinchilla", method=method, seed=seed, **options)
    content = b"".join(fit.draws[name].tobytes() for name in sorted(fit.draws))
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
"""


def script(tmp_path: Path, body: str, **environment: str) -> subprocess.Popen[str]:
    """A program of its own, started."""
    path = tmp_path / "program.py"
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    path.write_text(HEAD + indented)
    own = {"JAX_PLATFORMS": "cpu", "BAYESLAW_CACHE": str(tmp_path / "cache"), **environment}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, **{name: value for name, value in own.items() if value != "unset"}},
    )


def output(process: subprocess.Popen[str]) -> list[str]:
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return out.splitlines()


FORKS = """
with multiprocessing.get_context("fork").Pool(1) as pool:
    early = pool.apply(draws, (1,))
here = draws(1)
with multiprocessing.get_context("fork").Pool(1) as pool:
    try:
        pool.apply_async(draws, (1,)).get(60)
    except bl.BayesLawError as error:
        print(error)
with multiprocessing.get_context("spawn").Pool(1) as pool:
    spawned = pool.apply(draws, (1,))
tables = [bl.simulate("chinchilla", rows=30, seed=7)]
with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
    try:
        bl.fit_many(tables, "chinchilla", method="laplace", executor=pool, progress=False)
    except bl.BayesLawError as error:
        print(error)
print(early == here == spawned)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_after_a_fit_is_refused_and_all_else_agrees(tmp_path: Path) -> None:
    pool, executor, same = output(script(tmp_path, FORKS))
    for message in (pool, executor):
        assert message.startswith(
            "fork: this process was forked from one in which JAX had computed"
        )
        assert 'multiprocessing.get_context("spawn")' in message
    assert same == "True"


FITS = """
from bayeslaw.core.compilation import jax

before = dict(jax.config.values)
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(draws, [1, 2] * 4))
print(len(set(found)), found[:2] * 4 == found, dict(jax.config.values) == before)
print(*found[:2], draws(1, "nuts"))
"""


def test_the_same_draws_everywhere(tmp_path: Path) -> None:
    # Two processes of eight threads with one cache, that use one and two cores.
    cores = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    both = [script(tmp_path, FITS, **dict.fromkeys(cores, number)) for number in ("1", "2")]
    first, second = map(output, both)
    assert first[0] == "2 True True"
    assert first == second
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"junk")
    damaged = script(tmp_path, FITS)
    unset = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "BAYESLAW_CACHE", "USER"), "unset")
    homeless = script(tmp_path, FITS, **unset)
    assert output(damaged) == first
    assert output(homeless) == first
