"""Leaving runs out by importance sampling against fitting again, and the time of a comparison.

First the 45 runs of an iso-FLOP sweep, each left out by Pareto-smoothed importance sampling, and by
NUTS without it. Then six laws compared on one simulated table of 446 runs that states the variables
of all, everything included: compilation, fits, leaving out, extrapolation.

Needs the folder of real runs (BAYESLAW_DATA, or ../shared/data beside the checkout).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np
from provenance import ROOT, heading, keep, table
from which_law import LAWS, architectures, simulated

import bayeslaw as bl
from bayeslaw.comparison.leave_out import largest_k, leave_runs_out
from bayeslaw.comparison.scores import density_error, mean_density
from bayeslaw.posterior.prediction import log_likelihood

COLUMNS = {
    "N": "n_active_nonembed_derived",
    "D": "tokens",
    "loss": "paloma_macro_loss_nats",
}
LAW = "chinchilla"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=446, help="of the comparison; 0 leaves it out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    folder = os.environ.get("BAYESLAW_DATA", str(ROOT / ".." / "shared" / "data"))
    with tempfile.TemporaryDirectory() as cache:
        # Code compiled by earlier runs would make the times look better than a first user's.
        os.environ["BAYESLAW_CACHE"] = cache
        command = f"python benchmarks/loo.py --rows {asked.rows} --seed {asked.seed}"
        text = heading("Leaving runs out", command) + _exact(folder, asked.seed)
        if asked.rows:
            text += _six(asked.rows, asked.seed)
    keep(text, asked.out)


def _exact(folder: str, seed: int) -> str:
    runs = bl.read_runs(f"{folder}/marin_moe_isoflop.csv", columns=COLUMNS)
    start = time.perf_counter()
    posterior = bl.fit(runs, LAW, seed=seed, progress=False)
    found = leave_runs_out(posterior, progress=False)
    fast = time.perf_counter() - start
    kept = [runs.select(np.arange(len(runs)) != i) for i in range(len(runs))]
    start = time.perf_counter()
    fits = bl.fit_many(
        kept, LAW, reference=posterior.reference, seed=seed + 1, chains=4, progress=False
    )
    slow = time.perf_counter() - start
    every = [
        log_likelihood(one.model, runs.select(np.arange(len(runs)) == i))
        for i, one in enumerate(fits)
    ]
    exact = np.array([mean_density(one)[0] for one in every])
    error = np.array([density_error(one)[0] for one in every])
    away = found.log_density - exact
    worst = int(np.abs(away).argmax())
    rows: list[list[object]] = [
        ["sum over the runs, importance sampling", float(found.log_density.sum())],
        ["sum over the runs, fitted again", float(exact.sum())],
        ["difference of the sums", float(away.sum())],
        ["- Monte-Carlo standard error of the second", float(np.sqrt((error**2).sum()))],
        ["largest difference of one run", float(away[worst])],
        ["- its Pareto k", float(found.pareto_k[worst])],
        ["- its Monte-Carlo standard error", float(error[worst])],
        [f"largest Pareto k (limit {largest_k(4000):.2g})", float(np.nanmax(found.pareto_k))],
        ["runs that importance sampling handed to a fit without them", int(found.refitted.sum())],
        ["fits without a run that cannot be trusted", sum(not one.trusted for one in fits)],
        ["time by importance sampling, first fit included [s]", fast],
        [f"time of {len(fits)} fits by NUTS [s]", slow],
    ]
    trusted = "" if posterior.trusted else " The fit to all runs cannot be trusted."
    return (
        f"## {len(runs)} iso-FLOP runs under {LAW}, its N the active parameters\n\n"
        f"Log predictive densities of log loss in nats.{trusted}\n\n" + table(["", "value"], rows)
    )


def _six(size: int, seed: int) -> str:
    runs = simulated("zhao2025", architectures(size, seed=seed), noise=0.003, seed=seed)
    start, used = time.perf_counter(), time.process_time()
    answer = bl.compare(runs, LAWS, seed=seed, progress=False, force=True)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    heads = [
        "law",
        "difference",
        "standard error",
        "verdict",
        "bad k",
        "CRPS beyond",
        "weight",
        "notes",
    ]
    rows: list[list[object]] = [
        [
            law,
            float(row["elpd_diff"]),
            float(row["diff_se"]),
            row["verdict"],
            int(row["bad_k"]),
            float(row["extrapolation_crps"]),
            float(row["weight"]),
            row["notes"] or "-",
        ]
        for law, row in answer.frame.iterrows()
    ]
    return (
        f"## Six laws on {size} runs of zhao2025 that state the variables of all\n\n"
        f"{seconds:.0f} s for `bl.compare`, everything included (goal: below 180), for which "
        f"processors worked {used:.0f} s: others may have shared the machine.\n\n"
        + table(heads, rows)
    )


if __name__ == "__main__":
    main()
