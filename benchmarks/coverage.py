"""How often 89% intervals on zhao2025's optima contain the truth, and how many fits are clean.

Simulates tables from the published coefficients (446 runs, noise .003 unless asked otherwise), fits
each by NUTS and counts. All fits share the reference of the first table, as a user's would who adds
runs: priors stated at a reference that moves with the losses would not be the same priors.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.intervals import interval
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Question
from bayeslaw.optimum.solve import solve

SIZE = 30e9


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--rows", type=int, default=446)
    parser.add_argument("--noise", type=float, default=0.003)
    parser.add_argument("--design", default="independent")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--out")
    asked = parser.parse_args()

    law = bl.law("zhao2025")
    options = {"design": asked.design, "rows": asked.rows, "noise": asked.noise}
    first = bl.simulate(law, seed=asked.seed, **options)
    reference = bl.Reference.of(first, law.variables)
    question = pose(law, reference, at={"N": SIZE}, budget=bl.Budget(), free=None)
    published = {name: np.array([value]) for name, value in law.published().items()}
    truth = _optima(question, published)
    inside = {name: 0 for name in truth}
    widths: dict[str, list[float]] = {name: [] for name in truth}
    centres: dict[str, list[float]] = {name: [] for name in truth}
    clean, retried, bad = 0, 0, 0
    start = time.perf_counter()
    for i in range(asked.tables):
        runs = bl.simulate(law, seed=asked.seed + i, **options)
        posterior = bl.fit(runs, law, reference=reference, seed=i, progress=False)
        trusted = posterior.convergence.trusted
        clean += trusted and posterior.settings["attempts"] == 1
        retried += trusted and posterior.settings["attempts"] == 2
        bad += not trusted
        for name, draws in _optima(question, posterior.coefficients()).items():
            ends = interval(draws)
            inside[name] += bool(ends.low <= truth[name][0] <= ends.high)
            widths[name].append(float(ends.high - ends.low))
            centres[name].append(float(ends.median))
    seconds = time.perf_counter() - start
    n = asked.tables
    error = np.sqrt(0.89 * 0.11 / n)
    command = (
        f"python benchmarks/coverage.py --tables {n} --rows {asked.rows} --noise {asked.noise:g} "
        f"--design {asked.design} --seed {asked.seed}"
    )
    rows: list[list[object]] = [
        [
            name,
            float(truth[name][0]),
            f"{inside[name]} of {n} ({inside[name] / n:.3f})",
            float(np.median(widths[name])),
            float(np.mean(centres[name]) - truth[name][0]),
            float(np.std(centres[name])),
        ]
        for name in truth
    ]
    heads = ["optimum", "truth", "89% intervals with the truth", "median width"]
    text = heading("Coverage of the optima of zhao2025 at 30B", command)
    text += table([*heads, "mean error of the median", "its sd"], rows)
    text += (
        f"Monte-Carlo standard error of a coverage of .89 over {n} tables: {error:.3f}.\n\n"
        f"Clean at first (R-hat < 1.01, bulk and tail ESS > 400, E-BFMI > .3, no divergence): "
        f"{clean}. Clean after the one retry: {retried}. Not clean: {bad}.\n\n"
        f"{seconds:.0f} s in all, compilation included; {seconds / n:.2f} s a table.\n"
    )
    keep(text, asked.out)


def _optima(question: Question, coefficients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    solution = solve(question, coefficients)
    return {
        "G": np.exp(solution.x[:, 0]),
        "S": solution.x[:, 1],
        "N_a/N": np.exp(solution.x[:, 2]) / SIZE,
    }


if __name__ == "__main__":
    main()
