"""What many fits send to other processes, how well these share the work, and what that gives on 64.

Batches go to a spawned process pool of one and of two workers, started and warm before they are
timed, with one thread of linear algebra each. Efficiency is the time of one worker over twice that
of two. What cannot be shared is the time in which this process makes, sends and keeps batches: it
bounds how many workers gain anything (time of 64 = this time + the rest / 64, in whole batches).
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import pickle
import tempfile
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

from provenance import heading, keep, table

WORKERS = 64


class Measured(Executor):
    """Passes batches on, and counts the bytes of each and of what comes back."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.sent: list[int] = []
        self.received: list[int] = []

    def submit(self, fn: Any, /, *args: Any, **options: Any) -> Future[Any]:
        """Pass on."""
        self.sent.append(len(pickle.dumps((fn, args, options))))
        future = self.executor.submit(fn, *args, **options)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        self.received.append(len(pickle.dumps(future.result())))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=160)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    import bayeslaw as bl

    tables = [
        bl.simulate("chinchilla", rows=asked.rows, seed=asked.seed + i) for i in range(asked.tables)
    ]
    options: dict[str, Any] = {"batch": asked.batch, "progress": False, "seed": asked.seed}
    lines = []
    for method in ("laplace", "nuts"):
        took, own = {}, {}
        for workers in (1, 2):
            with (
                ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool,
                tempfile.TemporaryDirectory() as folder,
            ):
                # Every worker imports and compiles.
                few = tables[: 2 * workers]
                bl.fit_many(
                    few, "chinchilla", method=method, executor=pool, **{**options, "batch": 1}
                )
                start, used = time.perf_counter(), time.process_time()
                measured = Measured(pool)
                bl.fit_many(
                    tables, "chinchilla", method=method, executor=measured, folder=folder, **options
                )
                took[workers] = time.perf_counter() - start
                own[workers] = time.process_time() - used
        count = math.ceil(asked.tables / asked.batch)
        rest = (took[1] - own[1]) / count * math.ceil(count / WORKERS)
        lines.append(
            [
                *(method, asked.tables, count),
                sum(measured.sent) / count / 1e3,
                sum(measured.received) / count / 1e3,
                *(took[1], took[2], took[1] / took[2] / 2, own[1]),
                own[1] + rest,
            ]
        )
    command = f"python benchmarks/executors.py --tables {asked.tables} --rows {asked.rows}"
    command += f" --batch {asked.batch} --seed {asked.seed}"
    heads = [
        "method",
        "tables",
        "batches",
        "sent, kB a batch",
        "received, kB a batch",
        "1 worker, s",
    ]
    heads += ["2 workers, s", "efficiency", "this process, processor s", f"{WORKERS} workers, s"]
    text = heading("Fits by other processes", command) + f"{(__doc__ or '').strip()}\n\n"
    load = os.getloadavg()[0]
    text += (
        f"Load of the machine by all of its work at the end: {load:.1f}.\n\n{table(heads, lines)}"
    )
    keep(text, asked.out)


if __name__ == "__main__":
    main()
