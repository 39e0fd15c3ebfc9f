"""Simulated sources that disagree by known amounts: coverage, shrinkage, and one from few runs.

Every table is kept in --folder as it ends, and a later call goes on from them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cells import Cells
from pooled import QUICK, state
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.scores import score
from bayeslaw.core.intervals import INTERVAL, interval

DISAGREEMENT = (0.0, 0.05, 0.15)
# Of the sources, all known: floor, amplitude of parameters, noise.
TRUTH = ((1.6, 400.0, 0.003), (1.8, 500.0, 0.004), (2.0, 450.0, 0.005), (1.7, 520.0, 0.006))
KINDS = ("shared", "own")
ARMS = ("with_others", "alone")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=40, help="Tables a disagreement.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Where tables are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()
    cells = Cells(asked.folder)
    command = f"python benchmarks/pooled_simulated.py --tables {asked.tables} --seed {asked.seed}"
    text = heading("Simulated sources in one posterior", command)
    text += _simulated(cells, asked.seed, asked.tables)
    keep(text + f"{cells.seconds:.0f} s of processor time.\n", asked.out)


def _simulated(cells: Cells, seed: int, tables: int) -> str:
    rows, left = [], []
    for spread in DISAGREEMENT:
        found = [
            cells.get(
                f"simulated_{spread}_{i}", lambda i=i, spread=spread: _simulate(spread, seed + i)
            )
            for i in range(tables)
        ]
        shared, own = (np.array([one[kind] for one in found], dtype=float) for kind in KINDS)
        # Quantities of one table are not independent: errors are of the means of tables.
        cells_of = [f"{x.mean():.2f} ± {_error(x):.2f}" for x in (shared, own)]
        medians = [
            float(np.median([one[name] for one in found]))
            for name in ("shrinkage", "learned", "rhat")
        ]
        rows.append([f"{spread:.0%}", *cells_of, *medians])
        few = pd.DataFrame([one["few"] for one in found])
        ratio = np.exp(np.log(few["crps_with_others"] / few["crps_alone"]).mean())
        last = [f"{few[f'{name}_{arm}'].mean():.2f}" for arm in ARMS for name in ("largest", "all")]
        left.append([f"{spread:.0%}", *last, float(ratio)])
    text = (
        f"{tables} tables a row, four sources of 25 runs under chinchilla "
        "with floors, amplitudes and noise of their own, and exponents that differ by so much (sd "
        "of the logarithm). Coverage of 89% intervals: of common exponents, and of floors and "
        "exponents of sources. Shrinkage: spread of the sources' posterior medians of alpha over "
        "that of fits to each source alone: near 0 where they agree, near 1 where they do not. "
        "Learned: median of the spread of alpha. Medians over the tables.\n\n"
    )
    heads = ["disagreement", "shared", "own", "shrinkage", "learned", "R-hat"]
    text += table(heads, rows)
    error = np.sqrt(INTERVAL * (1 - INTERVAL) / tables)
    text += (
        "One of the sources short of all but its ten smallest runs. Coverage of the law's value at "
        f"its largest run (one a table: standard error about {error:.2f}) and of its 15 larger "
        "runs (whose errors are shared), and the geometric mean of the ratio of CRPS.\n\n"
    )
    heads = [f"{what}, {arm}" for arm in ("others", "alone") for what in ("largest", "runs")]
    return text + table(["disagreement", *heads, "ratio"], left)


def _error(covered: np.ndarray) -> float:
    return float(covered.mean(axis=1).std(ddof=1) / np.sqrt(len(covered)))


def _simulate(spread: float, seed: int) -> dict[str, Any]:
    law, rng = bl.law("chinchilla"), np.random.default_rng([seed, 7])
    parts, truth = {}, {}
    for i, (floor, size, noise) in enumerate(TRUTH):
        raw = {**law.published(), "E": floor, "A": size}
        for name in ("alpha", "beta"):
            factor = np.exp(spread * rng.standard_normal())
            # The term at a typical run stays what it is, and so amplitudes follow exponents.
            amplitude, variable = {"alpha": ("A", 1e9), "beta": ("B", 2e10)}[name]
            raw[amplitude] *= variable ** (raw[name] * (factor - 1))
            raw[name] *= factor
        truth[f"s{i}"] = raw
        parts[f"s{i}"] = bl.simulate(
            law, rows=25, noise_sd=noise, seed=10 * seed + i, coefficients=raw
        )
    runs = bl.pool_runs(parts)
    fitted = bl.fit(runs, law, pool="sources", seed=seed, progress=False, **QUICK)
    common = law.published()
    shared = [_inside(fitted.draws[name], common[name]) for name in ("alpha", "beta")]
    own, medians, alone = [], [], []
    for name, raw in truth.items():
        one = fitted.of_group(source=name)
        own += [_inside(one.draws[each], raw[each]) for each in ("E", "alpha", "beta")]
        medians.append(float(np.median(one.draws["alpha"])))
        by_itself = bl.fit(parts[name], law, method="laplace", seed=seed, progress=False)
        alone.append(float(np.median(by_itself.draws["alpha"])))
    return {
        "shared": shared,
        "own": own,
        "shrinkage": float(np.std(np.log(medians)) / np.std(np.log(alone))),
        "learned": float(np.median(fitted.draws["pool_scale_alpha"])),
        **state(fitted),
        "few": _from_few(runs, truth["s0"], seed),
    }


def _from_few(runs: bl.Runs, raw: dict[str, float], seed: int) -> dict[str, float]:
    """Predictions of the first source's larger runs from its ten smallest."""
    law, own = bl.law("chinchilla"), (runs.labels("source") == "s0").to_numpy()
    size = np.where(own, runs.column("N") * runs.column("D"), 0.0)
    order = np.argsort(size)[-own.sum() :]
    larger = np.isin(np.arange(len(runs)), order[10:])
    kept, held = runs.select(~larger), runs.select(larger)
    few = kept.select((kept.labels("source") == "s0").to_numpy())
    options = {"seed": seed, "progress": False, **QUICK}
    arms = {
        "with_others": bl.fit(kept, law, pool="sources", **options),
        "alone": bl.fit(few, law, **options),
    }
    N, D = (np.array([runs.column(name)[order[-1]]]) for name in ("N", "D"))
    value = raw["E"] + raw["A"] / N ** raw["alpha"] + raw["B"] / D ** raw["beta"]
    cell = {}
    for arm, fitted in arms.items():
        found = score(fitted, held, seed=seed)
        drawn = fitted.evaluate({"N": N, "D": D, "source": np.array(["s0"])})
        cell[f"largest_{arm}"] = float(_inside(drawn, float(value[0])))
        cell[f"all_{arm}"] = float(found.inside.mean())
        cell[f"crps_{arm}"] = float(found.crps.mean())
    return cell


def _inside(draws: np.ndarray, value: float) -> bool:
    low, _, high = interval(draws.ravel())
    return bool(low <= value <= high)


if __name__ == "__main__":
    main()
