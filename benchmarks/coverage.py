"""Coverage, width and bias of zhao2025's intervals, beside a pairs bootstrap; trusted share.

Optima at 30B and the loss at ten times the largest compute, from 40, 100 and 446 runs, with truths
from the prior and the truth as published (noise .003). The bootstrap draws runs with replacement,
fits each resample by least squares on log loss, and takes quantiles.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from bootstrap import resampled
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.checks.calibrate.outcomes import PROBABILITIES
from bayeslaw.checks.calibrate.quantities import read_quantities
from bayeslaw.checks.calibrate.simulation import Simulation, read_simulation
from bayeslaw.core.intervals import interval
from bayeslaw.posterior.info import FitSettings

AT = {"N": 30e9}
TIMES = 10.0


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--rows", type=int, nargs="+", default=[40, 100, 446])
    parser.add_argument("--truths", nargs="+", default=["published", "prior"])
    parser.add_argument("--designs", nargs="+", default=["independent", "one_at_a_time"])
    parser.add_argument("--resamples", type=int, default=500, help="0 leaves the bootstrap out")
    parser.add_argument("--noise", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--folder", help="Where rounds are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()

    law = bl.law("zhao2025")
    cells: list[list[object]] = []
    trusted: list[list[object]] = []
    for design in asked.designs:
        for truth in asked.truths:
            for rows in asked.rows:
                setting = [design.replace("_", " "), truth, rows]
                simulation = read_simulation(
                    law, design, truth, FitSettings(seed=asked.seed), rows, asked.noise, 0.0
                )
                start = time.perf_counter()
                found = bl.calibrate(
                    design,
                    law,
                    truth=truth,
                    tables=asked.tables,
                    rows=rows,
                    at=AT,
                    compute_factor=TIMES,
                    noise_sd=asked.noise,
                    # As a user's own fit: with two chains, three in four fits of 40 runs are drawn
                    # again for want of effective draws, and with four none.
                    chains=4,
                    reference=simulation.specification.reference,
                    seed=asked.seed,
                    folder=asked.folder,
                )
                seconds = (time.perf_counter() - start) / asked.tables
                frame = found.to_frame()
                for name in found.first:
                    row = frame.loc[name]
                    cells.append(
                        [*setting, name, "posterior", int(row["tables"])]
                        + [float(row[f"coverage_{100 * p:.0f}"]) for p in PROBABILITIES]
                        + [float(row["off"])]
                        + [float(row[f"width_{100 * p:.0f}"]) for p in PROBABILITIES]
                        + [f"{row['bias']:.3f} ({row['bias_error']:.3f})"]
                    )
                attempts = np.array(found.outcomes.attempts)
                trusted.append(
                    [
                        *setting,
                        int((found.kept & (attempts == 1)).sum()),
                        int((found.kept & (attempts > 1)).sum()),
                        int((~found.kept).sum()),
                        ", ".join(f"{n} {reason}" for reason, n in found.left_out.items()),
                        seconds,
                    ]
                )
                if asked.resamples:
                    start = time.perf_counter()
                    cells += [[*setting, *row] for row in _bootstrap(simulation, found.kept, asked)]
                    spent = (time.perf_counter() - start) / asked.tables
                    trusted[-1].append(spent)
                sys.stderr.write(f"{setting}: {found.summary} {trusted[-1]}\n")
    command = f"python benchmarks/coverage.py --tables {asked.tables} --seed {asked.seed}"
    for name, usual in (
        ("rows", [40, 100, 446]),
        ("truths", ["published", "prior"]),
        ("designs", ["independent", "one_at_a_time"]),
    ):
        if getattr(asked, name) != usual:
            command += f" --{name} " + " ".join(map(str, getattr(asked, name)))
    command += f" --noise {asked.noise:g}" if asked.noise != 0.003 else ""
    command += f" --resamples {asked.resamples}" if asked.resamples != 500 else ""
    text = heading(
        "Coverage of zhao2025's optima at 30B, and of the loss at ten times the compute", command
    )
    text += (
        f"{asked.tables} tables a setting; a design is drawn anew for each. The bootstrap sees the "
        "tables whose posterior counts. ``off`` is how many standard errors the worst of the three "
        "coverages misses by. Bias is the median over tables of the median less the truth, in "
        "widths of the 89% interval. Monte-Carlo standard error of a coverage of .89: "
        f"{np.sqrt(0.89 * 0.11 / asked.tables):.3f}.\n\n"
    )
    heads = ["design", "truth", "runs", "quantity", "interval", "tables", "50%", "89%", "95%"]
    text += table([*heads, "off", "width 50%", "89%", "95%", "bias"], cells)
    text += (
        "Fits (4 chains of 1,000 draws) that can be trusted: R-hat < 1.01, bulk and tail ESS > "
        "400, E-BFMI > .3, no divergence.\n\n"
    )
    heads = ["design", "truth", "runs", "clean at first", "after the retry", "still bad", "why"]
    text += table([*heads, "s a table", *(["s a bootstrap"] if asked.resamples else [])], trusted)
    keep(text, asked.out)


def _bootstrap(simulation: Simulation, kept: Sequence[bool], asked: Any) -> list[list[object]]:
    """Coverage, widths and bias of the bootstrap's intervals, one row a quantity."""
    law, reference = simulation.law, simulation.specification.reference
    wanted = read_quantities(simulation, AT, None, None, TIMES, None)
    inside: dict[str, list[list[float]]] = {}
    widths: dict[str, list[list[float]]] = {}
    biases: dict[str, list[float]] = {}
    for i in np.flatnonzero(kept):
        one = simulation.simulated(asked.seed, int(i))
        found = resampled(law, one.runs, reference, resamples=asked.resamples, seed=int(i))
        raw = {name: np.concatenate([[one.truth[name]], found[name]]) for name in law.parameters}
        for name, values in wanted.of(raw).items():
            true, draws = values[0], values[1:]
            ends = [interval(draws, p) for p in PROBABILITIES]
            inside.setdefault(name, []).append([float(e.low <= true <= e.high) for e in ends])
            with np.errstate(invalid="ignore"):
                wide = [float(e.high - e.low) for e in ends]
                biases.setdefault(name, []).append(float((ends[1].median - true) / wide[1]))
            widths.setdefault(name, []).append(wide)
    rows: list[list[object]] = []
    for name, shares in inside.items():
        many = len(shares)
        cover = np.mean(shares, axis=0)
        errors = np.sqrt(np.array(PROBABILITIES) * (1 - np.array(PROBABILITIES)) / many)
        off = (cover - PROBABILITIES) / errors
        bias = np.array(biases[name])
        bias = bias[np.isfinite(bias)]
        wide = np.nanmedian(np.array(widths[name]), axis=0)
        rows.append(
            [
                *(name, "bootstrap", many, *map(float, cover), float(off[np.argmax(np.abs(off))])),
                *(*map(float, wide), f"{np.median(bias):.3f}" if len(bias) else ""),
            ]
        )
    return rows


if __name__ == "__main__":
    main()
