"""How often a study's 89% intervals hold the true optimum: right law, rival laws, smooth misfits.

Tables are simulated from each of several laws, or from zhao2025 with a distortion of .01 nats that
no coefficient explains, beside the noise of replicates. A study answers with all rivals of a family
and without the law that made the table; the fit of that law alone stands beside. The truth is the
optimum of the law that made the table, without distortion.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from misfit import distorted, field
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.core.intervals import interval
from bayeslaw.law import Law
from bayeslaw.optimum.optimise import optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import Request
from bayeslaw.study.backtest import Block, back_test
from bayeslaw.study.keep import Kept
from bayeslaw.study.misfit import beside_misfit
from bayeslaw.study.origins import find_origins
from bayeslaw.study.study import assemble

MISFIT, NOISE = 0.01 / 2.6, 0.0007 / 2.6
FIVE = ("zhao2025", "zhao2025_untied", "zhao2025_power")
# farseer2025 has no optimum at a budget: its floor falls with N.
DENSE = ("chinchilla", "skaling2026")
ROUTED = ("wang2024", "ludziejewski2025", "wang2024_power")
#: Coefficients where none are published, or others are wanted.
COEFFICIENTS: dict[str, dict[str, float]] = {
    "zhao2025_untied": {"gamma": 0.30, "c": 31.096 * 3e8 ** (0.30 - 0.2383)},
    "wang2024": {
        "A": 400.0,
        "alpha": 0.34,
        "gamma": 0.10,
        "B": 2085.0,
        "beta": 0.366,
        "sigma": 1.6,
    },
    "skaling2026": {"A": 4.6e4, "alpha": 0.66, "B": 4.2e5, "beta": 0.62, "k": 0.45, "E": 1.5},
}
#: Law that makes the tables, family, misfit, request and quantities, by cell.
_THIRTY = {"N": 30e9}
_BUDGET = bl.Budget(train_flops=1e23)
CELLS: dict[str, tuple[str, tuple[str, ...], dict[str, Any] | None, dict[str, Any]]] = {
    "zhao2025": ("zhao2025", FIVE, None, {"at": _THIRTY}),
    "zhao2025_untied": ("zhao2025_untied", FIVE, None, {"at": _THIRTY}),
    "smooth, 3 variables": ("zhao2025", FIVE, {"over": ("N", "N_a", "D")}, {"at": _THIRTY}),
    "smooth, 5 variables": ("zhao2025", FIVE, {}, {"at": _THIRTY}),
    "rough, 5 variables": ("zhao2025", FIVE, {"length": 1.0, "degrees": 3.0}, {"at": _THIRTY}),
    "chinchilla": ("chinchilla", DENSE, None, {"budget": _BUDGET}),
    "skaling2026": ("skaling2026", DENSE, None, {"budget": _BUDGET}),
    "wang2024": ("wang2024", ROUTED, None, {"budget": _BUDGET, "at": {"E": 16.0}}),
    "ludziejewski2025": (
        "ludziejewski2025",
        ROUTED,
        None,
        {"budget": _BUDGET, "at": {"E": 16.0}},
    ),
}
QUANTITIES = {FIVE: ("G", "S", "N_a/N"), DENSE: ("N",), ROUTED: ("N_a",)}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=40)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="Where cells are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()
    start = time.perf_counter()
    jobs = [(cell, asked.tables, asked.rows, asked.seed, asked.folder) for cell in asked.cells]
    with ProcessPoolExecutor(
        asked.processes, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        parts = []
        for job, part in zip(jobs, pool.map(run_cell, jobs), strict=True):
            parts.append(part)
            sys.stderr.write(f"{job[0]}: {time.perf_counter() - start:.0f} s\n")
    found = pd.concat(parts)
    command = (
        f"python benchmarks/study_optima.py --tables {asked.tables} --rows {asked.rows} "
        f"--seed {asked.seed}"
    )
    if asked.cells != list(CELLS):
        command += " --cells " + " ".join(f"'{cell}'" for cell in asked.cells)
    error = np.sqrt(0.89 * 0.11 / asked.tables)
    text = heading("Optima of a study: coverage and width", command)
    text += (
        f"{asked.tables} tables of {asked.rows} runs a cell; N and D log-uniform over the card's "
        "ranges. Five variables: G, S and N_a/N at N = 30B. Others: N (or N_a) at 1e23 FLOPs. "
        f"Monte-Carlo standard error of a coverage of .89: {error:.3f}. Widths are medians, of "
        "logarithms but for G and S.\n\n"
    )
    text += table(*_summary(found)) + f"{time.perf_counter() - start:.0f} s.\n"
    keep(text, asked.out)


def run_cell(job: tuple[str, int, int, int, Path | None]) -> pd.DataFrame:
    """All tables of a cell.

    Parameters
    ----------
    job : tuple
        Cell, number of tables, rows, seed of the first table, and the folder of kept cells.

    Returns
    -------
    pandas.DataFrame
        A row a table, arm and quantity.
    """
    cell, tables, rows, seed, folder = job
    path = None if folder is None else folder / f"{cell.replace(' ', '_')}_{tables}_{rows}.csv"
    if path is not None and path.exists():
        return pd.read_csv(path)
    found = pd.DataFrame([row for i in range(tables) for row in _one(cell, rows, seed + i)])
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        found.to_csv(path, index=False)
    return found


def _one(cell: str, rows: int, seed: int) -> list[dict[str, Any]]:
    """One table: the study with and without the law that made it, and that law's own fit."""
    name, family, misfit, request = CELLS[cell]
    law = bl.law(name)
    raw = {**(law.published() if law.coefficients else {}), **COEFFICIENTS.get(name, {})}
    if name == "zhao2025_untied":
        raw = {**bl.law("zhao2025").published(), **COEFFICIENTS[name]}
    runs = bl.simulate(law, rows=rows, noise_sd=NOISE, seed=seed, coefficients=raw)
    if misfit is not None:
        options = {"over": law.variables, "sd": MISFIT, "seed": seed, **misfit}
        runs = distorted(runs, field(runs.columns(law.variables), **options))
    truth = _truth(law, runs, request, raw)
    fits, past = _fits(runs, [bl.law(each) for each in family], seed)
    beside, _ = beside_misfit(runs, fits, Kept.of(None, runs), seed, lambda done: None)
    made_by = name
    arms: dict[str, Any] = {"with": family, "without": [n for n in family if n != made_by]}
    found = []
    for arm, names in arms.items():
        own = _some(beside, [name for name in names if name in beside])
        study = assemble(runs, _some(fits, names), _some(past, names), beside=own, seed=seed)
        best = study.best(**request)
        for quantity in QUANTITIES[family]:
            drawn = best.quantities[quantity].draws
            found.append(_judged(cell, arm, quantity, drawn, truth[quantity]))
    best = bl.optimum(fits[made_by], **request)
    for quantity in QUANTITIES[family]:
        drawn = best.quantities[quantity].draws
        found.append(_judged(cell, "true law alone", quantity, drawn, truth[quantity]))
    return found


def _some(values: Mapping[str, Any], names: Any) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _fits(
    runs: bl.Runs, laws: list[Law], seed: int
) -> tuple[dict[str, bl.Posterior], dict[str, list[Block | None]]]:
    variables = list(dict.fromkeys(name for law in laws for name in law.variables))
    origins = find_origins(runs, variables, 14)
    fits, past = {}, {}
    for law in laws:
        reference = bl.ReferenceRun.of(runs, law.variables)
        options: dict[str, Any] = {"reference": reference, "seed": seed}
        fits[law.name] = bl.fit(runs, law, method="laplace", chains=2, progress=False, **options)
        past[law.name] = back_test(
            runs, law, origins, **options, ci_prob=0.89, folder=None, report=lambda done: None
        )
    return fits, past


def _truth(
    law: Law, runs: bl.Runs, request: dict[str, Any], raw: dict[str, float]
) -> dict[str, float]:
    """The optimum of the law that made the table."""
    reference = bl.ReferenceRun.of(runs, law.variables)
    posed = Request.of("benchmark", request.get("at"), request.get("budget"))
    problem = pose(law, reference, posed)
    optima = optimise_draws(problem, {name: np.array([value]) for name, value in raw.items()})
    return {text: float(optima.values(e)[0]) for text, e in problem.expressions.items()}


def _judged(cell: str, arm: str, quantity: str, drawn: np.ndarray, truth: float) -> dict[str, Any]:
    drawn = drawn[~np.isnan(drawn)]
    if quantity not in ("G", "S"):
        drawn, truth = np.log(drawn), float(np.log(truth))
    low, median, high = (float(np.squeeze(end)) for end in interval(drawn))
    return {
        "cell": cell,
        "arm": arm,
        "quantity": quantity,
        "inside": low <= truth <= high,
        "width": high - low,
        "error": median - truth,
    }


def _summary(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = []
    for (cell, quantity), part in found.groupby(["cell", "quantity"], sort=False):
        row: list[object] = [cell, quantity]
        for arm in ("with", "without", "true law alone"):
            own = part[part["arm"] == arm]
            row += [f"{own['inside'].mean():.2f}", f"{own['width'].median():.3g}"]
        rows.append([*row, f"{part[part['arm'] == 'without']['error'].mean():.2g}"])
    arms = ("with the true law", "width", "without it", "width", "its own fit", "width")
    return ["truth", "optimum", *arms, "bias without it"], rows


if __name__ == "__main__":
    main()
