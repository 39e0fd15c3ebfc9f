"""Runs chosen from real tables as pools: how the largest runs are then predicted.

The ten cheapest runs of a table start; 1, 5 and 10% of the pool's FLOPs are spent on others of it:
at random, D-optimal, V-optimal (as if the law were right) and by ``next_runs``. The largest tenth
by FLOPs is predicted and never chosen. The law and its error beyond the runs are those of the
library, chosen before any of these rows were held out. Needs the folder of real runs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from back_tests import tasks
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.scores import crps_of
from bayeslaw.core.intervals import interval
from bayeslaw.design.beside import affordable
from bayeslaw.design.joint import setting_of
from bayeslaw.design.rule import Limits, choose
from bayeslaw.design.sampled import Sampled
from bayeslaw.design.target import Target
from bayeslaw.optimum.members import Members
from bayeslaw.posterior.prediction import predictive

SHARES = (0.01, 0.05, 0.10)
ARMS = ("random", "D-optimal", "V-optimal", "next_runs", "all")
#: Tasks by source, each with its law.
POOLS = {
    "upcycling": "ludziejewski2025",
    "clark S-Base": "clark2022",
    "clark RL-R": "clark2022",
    "clark Hash": "clark2022",
    "chinchilla": "chinchilla",
}
_FIRST, _LARGEST, _MOST = 10, 0.10, 200


class LargestTarget(Target):
    """Log losses of several runs, each as far as the others count."""

    label = "the largest runs"
    logarithmic = True

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self.columns = columns

    @property
    def names(self) -> frozenset[str]:
        """None beyond the law's."""
        return frozenset()

    @property
    def contrast(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Each run by itself."""
        return self.columns, np.eye(len(next(iter(self.columns.values()))))

    def values(self, posterior: bl.Posterior) -> np.ndarray:
        """Their mean."""
        sampled = Sampled((posterior,), np.ones(1))
        return np.asarray(sampled.log_losses(self.columns).mean(axis=1))

    def narrowed(self, sampled: Sampled) -> tuple[np.ndarray, np.ndarray]:
        """Each of them."""
        values = sampled.log_losses(self.columns)
        return values, np.full(values.shape[1], 1.0 / values.shape[1])


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10, help="Random choices of a cell.")
    parser.add_argument("--pools", nargs="+", help="Tasks; all unless named.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="Where pools are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()
    names = [*POOLS, *(name for name in tasks() if name.startswith("gadre"))]
    jobs = [(name, asked.repeats, asked.seed, asked.folder) for name in asked.pools or names]
    began, parts = time.perf_counter(), {}
    with ProcessPoolExecutor(
        asked.processes, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        waiting = {pool.submit(_task, *job): job[0] for job in jobs}
        for future in as_completed(waiting):
            name = waiting[future]
            parts[name] = future.result()
            sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s\n")
    found = pd.concat([parts[name] for name, *_ in jobs], ignore_index=True)
    command = f"python benchmarks/next_real.py --repeats {asked.repeats} --seed {asked.seed}"
    command += " --pools " + " ".join(map(repr, asked.pools)) if asked.pools else ""
    text = heading("Runs chosen from real tables", command)
    text += (
        f"The {_FIRST} cheapest runs, then a share of the pool's FLOPs by each design; the largest "
        f"{_LARGEST:.0%} by FLOPs are predicted, with the error beyond the runs. R2 and CRPS of "
        f"log loss (thousandths), share inside 89% intervals; means over {asked.repeats} random "
        "choices, then over the tasks of a source. `all`: every run but those predicted.\n\n"
    )
    text += table(*_summary(found))
    seconds = found.drop_duplicates("task")["seconds"].sum()
    text += f"{seconds:.0f} processor seconds.\n"
    keep(text, asked.out)


def _task(name: str, repeats: int, seed: int, folder: Path | None) -> pd.DataFrame:
    """The rows of a task; kept ones are read."""
    path = folder and folder / f"{name.replace(' ', '_')}_{repeats}_{seed}.csv"
    if path is not None and path.exists():
        return pd.read_csv(path)
    start = time.process_time()
    source, runs = tasks()[name]
    part = pd.DataFrame(_pool(source, name, runs, repeats, seed))
    part["seconds"] = time.process_time() - start
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.to_csv(path, index=False)
    return part


def _pool(source: str, name: str, runs: bl.Runs, repeats: int, seed: int) -> list[dict[str, Any]]:
    law = bl.law(POOLS.get(name, "chinchilla"))
    flops = 6 * runs.column("N_a" if "N_a" in runs.variables else "N") * runs.column("D")
    order = np.argsort(flops, kind="stable")
    held = order[len(order) - max(1, round(_LARGEST * len(order))) :]
    first, pool = order[:_FIRST], np.sort(order[_FIRST : len(order) - len(held)])
    reference = bl.ReferenceRun.of(runs.select(_mask(runs, first)), law.variables)
    rows = []
    before = _fit(runs, first, law, reference, seed)
    rows.append(_scores(source, name, 0.0, "before", before, runs, held))
    everything = np.concatenate([first, pool])
    rows.append(
        _scores(source, name, 1.0, "all", _fit(runs, everything, law, reference, seed), runs, held)
    )
    members = Members((before,), np.ones(1), mixed=False)
    sampled = Sampled.of(members)
    columns = {n: v[pool] for n, v in runs.columns(law.variables).items()}
    target = LargestTarget({n: v[held] for n, v in runs.columns(law.variables).items()})
    setting = setting_of(sampled, target, columns)
    right = setting.joint.without_misfit()
    for share in SHARES:
        amount = max(share * float(flops[pool].sum()), float(flops[pool].min()))
        limits = Limits(flops[pool], amount, _MOST, 1)
        picks: dict[str, list[np.ndarray]] = {
            "D-optimal": [np.array(choose(right, limits, "information"), dtype=int)],
            "V-optimal": [np.array(choose(right, limits), dtype=int)],
            "next_runs": [np.array(choose(setting.guarded, limits), dtype=int)],
            "random": [
                affordable(
                    np.random.default_rng([seed, i]).permutation(len(pool)), flops[pool], amount
                )
                for i in range(repeats)
            ],
        }
        for arm, choices in picks.items():
            for chosen in choices:
                fitted = _fit(runs, np.concatenate([first, pool[chosen]]), law, reference, seed)
                rows.append(_scores(source, name, share, arm, fitted, runs, held))
    return rows


def _mask(runs: bl.Runs, places: np.ndarray) -> np.ndarray:
    return np.isin(np.arange(len(runs)), places)


def _fit(
    runs: bl.Runs, places: np.ndarray, law: bl.Law, reference: bl.ReferenceRun, seed: int
) -> bl.Posterior:
    """The law on some runs, with the error beyond them."""
    (fitted,) = bl.fit_many(
        [runs.select(_mask(runs, places))],
        law,
        method="laplace",
        reference=reference,
        chains=1,
        draws=1000,
        rows=max(64, 1 << (len(places) - 1).bit_length()),
        seed=seed,
        progress=False,
    )
    return fitted.with_extrapolation_error(seed=seed)


def _scores(
    source: str,
    name: str,
    share: float,
    arm: str,
    fitted: bl.Posterior,
    runs: bl.Runs,
    held: np.ndarray,
) -> dict[str, Any]:
    table = runs.select(_mask(runs, held))
    measured = np.log(table.column("loss"))
    columns = fitted.model.columns(table)
    blocks = list(predictive(fitted.model, columns, level="observation"))
    draws = np.log(np.concatenate(blocks, axis=1))
    low, median, high = interval(draws)
    rest = float(((measured - median) ** 2).sum())
    spread = float(((measured - measured.mean()) ** 2).sum())
    return {
        "source": source,
        "task": name,
        "share": share,
        "arm": arm,
        "runs": len(fitted.runs),
        "r2": 1.0 - rest / spread,
        "crps": float(crps_of(draws, measured).mean()),
        "inside": float(((low <= measured) & (measured <= high)).mean()),
    }


def _summary(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    by_task = found.groupby(["source", "task", "share", "arm"], sort=False, as_index=False).mean(
        numeric_only=True
    )
    rows: list[list[object]] = []
    for (source, share, arm), part in by_task.groupby(["source", "share", "arm"], sort=True):
        rows.append(
            [
                source,
                f"{share:.0%}",
                arm,
                f"{part['runs'].mean():.0f}",
                f"{part['r2'].mean():.2f}",
                f"{1e3 * part['crps'].mean():.3g}",
                f"{part['inside'].mean():.2f}",
            ]
        )
    return ["source", "FLOPs", "design", "runs", "R2", "CRPS", "inside"], rows


if __name__ == "__main__":
    main()
