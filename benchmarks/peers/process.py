"""A tool in a process of its own: what it answers, and what that takes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from provenance import peak

from peers import TOOLS


@dataclass(frozen=True)
class Done:
    """One answer.

    Attributes
    ----------
    since_start : float
        Seconds from the start of the process.
    seconds, processor : float
        Seconds from the table to the answer, and of all processors meanwhile.
    memory : float
        Largest memory of the process until then, in MB.
    found, said
        The answer: see ``peers``.
    """

    since_start: float
    seconds: float
    processor: float
    memory: float
    found: dict[str, tuple[float, float, float]]
    said: str


def ask(
    name: str, law: str, paths: list[str], *, seed: int, allowance: float, limit: float
) -> list[Done]:
    """Have a tool answer one table after another.

    Parameters
    ----------
    name : str
        Which of ``peers.TOOLS``.
    law : str
        Which law.
    paths : list of str
        Tables; the i-th is answered with ``seed + i``.
    seed : int
        For the first.
    allowance, limit : float
        Seconds after which no further table is begun, and after which the process is ended.

    Returns
    -------
    list of Done
        Those that it got to.
    """
    command = [sys.executable, "-W", "ignore", "-m", "peers.process"]
    command += [name, law, str(seed), str(allowance), *paths]
    start = time.time()
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        output = ran.stdout
        if ran.returncode:
            sys.stderr.write(f"{name} on {law} failed:\n{ran.stderr[-2000:]}\n")
    except subprocess.TimeoutExpired as late:
        output = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    # Some tools print, too.
    lines = [line[7:] for line in output.splitlines() if line.startswith("answer ")]
    answers = [json.loads(line) for line in lines]
    sys.stderr.write(f"{name} on {law}: {len(answers)} answers, {time.time() - start:.0f} s\n")
    return [Done(**{**one, "since_start": one["since_start"] - start}) for one in answers]


def _work(name: str, law: str, seed: int, allowance: float, paths: list[str]) -> None:
    tool, begun = TOOLS[name], time.perf_counter()
    for i, path in enumerate(paths):
        start, before = time.perf_counter(), sum(os.times()[:4])
        adapter = importlib.import_module(f"peers.{tool.module}")
        found, said = adapter.answer(path, law, seed + i, **tool.options)
        line = {
            "since_start": time.time(),
            "seconds": time.perf_counter() - start,
            "processor": sum(os.times()[:4]) - before,
            "memory": peak(),
            "found": found,
            "said": said,
        }
        print(f"answer {json.dumps(line)}", flush=True)
        if time.perf_counter() - begun > allowance:
            return


if __name__ == "__main__":
    _work(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
