"""Several sources in one posterior: five public tables, sources left out, and simulated sources.

Needs the folder of real runs (BAYESLAW_DATA, or ../shared/data beside the checkout) for all parts
but the simulated one. Every cell is kept in --folder as it ends, and a later call goes on from
them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from provenance import ROOT, heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.scores import score
from bayeslaw.core.intervals import interval
from bayeslaw.model.identifiability import informed

RIVALS = ("zhao2025", "zhao2025_untied", "zhao2025_power")
SIZES = {"30B": 30e9, "671B": 671e9}
QUANTITIES = ("G", "S", "N_a/N")
SHORT = {"chains": 2, "warmup": 400, "draws": 500}
DISAGREEMENT = (0.0, 0.05, 0.15)
# Of simulated sources, all known: floor, amplitude of parameters, noise.
TRUTH = ((1.6, 400.0, 0.003), (1.8, 500.0, 0.004), (2.0, 450.0, 0.005), (1.7, 520.0, 0.006))
# Share of each source, by N_a D, that a rolling origin holds out.
HELD = 0.3
PARTS = ("rivals", "posterior", "without", "sources", "simulated")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tables", type=int, default=20, help="Simulated tables a disagreement.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Where cells are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()
    os.environ.setdefault("BAYESLAW_DATA", str(ROOT / ".." / "shared" / "data"))
    cells = Cells(asked.folder)
    command = f"python benchmarks/pooled.py --tables {asked.tables} --seed {asked.seed}"
    if asked.parts != list(PARTS):
        command += " --parts " + " ".join(asked.parts)
    text = heading("Several sources in one posterior", command)
    text += (
        "Sources: clark (S-Base and dense), upcycling (G of 2 and 4, D = D1 + D2), marin_v16, hero "
        "(N assumed), and structure, whose sets of one hidden_dim are contrasts. "
        "G and S of Marin's tables are by width.\n\n"
    )
    rival = "zhao2025_untied"
    if "rivals" in asked.parts:
        part, rival = _rivals(cells, asked.seed)
        text += part
    if "posterior" in asked.parts:
        text += _posteriors(cells, asked.seed, ("zhao2025", rival))
    if "without" in asked.parts:
        text += _without(cells, asked.seed, ("zhao2025", rival))
    if "sources" in asked.parts:
        text += _left_out(cells, asked.seed)
    if "simulated" in asked.parts:
        text += _simulated(cells, asked.seed, asked.tables)
    keep(text + f"{cells.seconds:.0f} s of processor time.\n", asked.out)


class Cells:
    """Finished cells in a folder, with the processor time that each took."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.seconds = folder, 0.0

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """A kept cell, or a new one, which is kept."""
        path = None if self.folder is None else self.folder / f"{name}.json"
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
        else:
            start = time.process_time()
            kept = {"cell": make(), "seconds": time.process_time() - start}
            sys.stderr.write(f"{name}: {kept['seconds']:.0f} s\n")
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(kept))
        self.seconds += kept["seconds"]
        return kept["cell"]


def pooled(without: str | None = None) -> bl.Runs:
    """The five tables as one, or four of them.

    Parameters
    ----------
    without : str, optional
        The source left out.

    Returns
    -------
    Runs
        The pooled table.
    """
    data = bl.datasets
    parts = {
        "clark": data.fetch_clark2022(),
        "upcycling": data.fetch_upcycling(),
        "marin_v16": data.fetch_marin_isoflop(),
        "structure": data.fetch_marin_structure(),
        "hero": data.fetch_marin_hero(),
    }
    parts.pop(without, None)
    contrasts = {"structure": "hidden_dim"} if without != "structure" else None
    return bl.pool_runs(parts, contrasts=contrasts)


def _rivals(cells: Cells, seed: int) -> tuple[str, str]:
    runs = pooled()
    size = runs.column("N_a") * runs.column("D")
    labels = runs.labels("source").to_numpy()
    held = np.zeros(len(runs), dtype=bool)
    for name in dict.fromkeys(labels):
        # Contrasts have no larger runs of their own: none is held out.
        own = (labels == name) & (name != "structure")
        if own.any():
            held |= own & (size > np.quantile(size[own], 1 - HELD))

    def one(law: str) -> dict[str, Any]:
        fitted = bl.fit(runs.select(~held), law, pool="sources", seed=seed, progress=False, **SHORT)
        found = score(fitted, runs.select(held), seed=seed)
        by = pd.Series(found.crps).groupby(labels[held]).mean()
        return {"crps": by.to_dict(), "inside": float(found.inside.mean())}

    cell = {law: cells.get(f"rival_{law}", lambda law=law: one(law)) for law in RIVALS}
    names = [*next(iter(cell.values()))["crps"]]
    rows = [
        [law, *(1e3 * one["crps"][n] for n in names), _mean_crps(one), one["inside"]]
        for law, one in cell.items()
    ]
    others = {law: _mean_crps(one) for law, one in cell.items() if law != "zhao2025"}
    rival = min(others, key=lambda law: others[law])
    text = (
        f"## Rivals by a rolling origin\n\nEach source short of its largest {HELD:.0%} by N_a D. "
        f"CRPS of log loss in thousandths. The best rival is {rival}.\n\n"
    )
    return text + table(["law", *names, "geometric mean", "covered"], rows), rival


def _mean_crps(cell: dict[str, Any]) -> float:
    return float(1e3 * np.exp(np.log([*cell["crps"].values()]).mean()))


def _posteriors(cells: Cells, seed: int, laws: tuple[str, str]) -> str:
    text = "## Posteriors of all five\n\n"
    for law in laws:
        cell = cells.get(f"posterior_{law}", lambda law=law: _posterior(law, seed))
        text += (
            f"**{law}**: {cell['state']}. Largest R-hat {cell['rhat']:.3f}, smallest ESS "
            f"{cell['ess']:.0f}, {cell['divergences']} divergences; {cell['seconds']:.0f} s of "
            f"processor time, {cell['wall']:.0f} s.\n\n"
        )
        heads = ["", "role", "median", "low", "high", "prior low", "prior high", "informed by"]
        text += table([*heads, "informed by sources"], cell["coefficients"])
        text += "Prior sensitivity (power scaling; above .05 counts):\n\n"
        text += table(*cell["sensitivity"])
    return text


def _posterior(law: str, seed: int) -> dict[str, Any]:
    runs = pooled()
    start, wall = time.process_time(), time.perf_counter()
    fitted = bl.fit(runs, law, pool="sources", seed=seed, progress=False)
    spent, waited = time.process_time() - start, time.perf_counter() - wall
    frame, roles = fitted.to_frame(), bl.BySource().roles(fitted.law)
    known = {}
    for name in dict.fromkeys(runs.labels("source")):
        one = runs.select((runs.labels("source") == name).to_numpy())
        reference = bl.ReferenceRun.of(one, fitted.law.variables)
        known[name] = informed(fitted.law, one, reference)
    rows = []
    for name, row in frame.iterrows():
        told = [
            source
            for source, one in known.items()
            if name in fitted.law.parameters and name not in one.prior_only | one.confounded
        ]
        ends = [float(row[key]) for key in ("median", "low", "high", "prior_low", "prior_high")]
        rows.append([name, roles.get(name, ""), *ends, row["informed_by"], ", ".join(told)])
    sensitivity = bl.prior_sensitivity(fitted).to_frame().reset_index()
    convergence = fitted.convergence
    return {
        "state": "clean" if fitted.trusted else "not clean",
        "rhat": float(frame["rhat"].max()),
        "ess": float(frame[["ess_bulk", "ess_tail"]].min().min()),
        "divergences": int(fitted.stats["diverging"].sum()),
        "converged": bool(convergence.trusted),
        "seconds": spent,
        "wall": waited,
        "coefficients": rows,
        "sensitivity": [
            [str(name) for name in sensitivity.columns],
            [[_plain(v) for v in row] for row in sensitivity.itertuples(index=False)],
        ],
        "optima": _optima(fitted),
    }


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, float | np.floating) else str(value)


def _optima(fitted: bl.Posterior) -> list[list[Any]]:
    rows = []
    for size, N in SIZES.items():
        best = bl.optimum(fitted, at={"N": N})
        for name in QUANTITIES:
            one = best.quantities[name]
            ends = (one.median, one.low, one.high, one.prior_low, one.prior_high)
            ends = [float(value) for value in ends]
            rows.append([size, name, *ends, one.status])
    return rows


def _without(cells: Cells, seed: int, laws: tuple[str, str]) -> str:
    text = "## Optima with and without each source\n\n"
    sources = (None, "clark", "upcycling", "marin_v16", "structure", "hero")
    for law in laws:
        rows = []
        for left in sources:
            cell = cells.get(
                f"without_{left}_{law}", lambda left=left, law=law: _one_without(left, law, seed)
            )
            state = "clean" if cell["trusted"] else "not clean"
            rows += [[left or "none", state, *row] for row in cell["optima"]]
        heads = ["left out", "fit", "N", "best", "median", "low", "high", "prior low", "prior high"]
        text += f"**{law}**\n\n" + table([*heads, "status"], rows)
    return text


def _one_without(left: str | None, law: str, seed: int) -> dict[str, Any]:
    fitted = bl.fit(pooled(left), law, pool="sources", seed=seed, progress=False, **SHORT)
    return {"trusted": fitted.trusted, "optima": _optima(fitted)}


def _left_out(cells: Cells, seed: int) -> str:
    rows = []
    for name in ("clark", "upcycling", "marin_v16", "hero"):

        def one(name: str = name) -> list[float]:
            found = bl.leave_one_source_out(pooled(), "zhao2025", only=name, seed=seed, **SHORT)
            return [float(value) for value in found.to_frame().loc[name]]

        few, larger, *values = cells.get(f"source_{name}", one)
        values[0], values[2] = 1e3 * values[0], 1e3 * values[2]
        rows.append([name, int(few), int(larger), *values])
    text = (
        "## One source from its ten smallest runs\n\nThe larger runs of a source under zhao2025, "
        "predicted from its ten smallest with the other sources, and alone. CRPS of log loss in "
        "thousandths; a ratio above one means that pooling hurts.\n\n"
    )
    heads = [
        "source",
        "few",
        "larger",
        "CRPS, others",
        "covered",
        "CRPS, alone",
        "covered",
        "ratio",
    ]
    return text + table(heads, rows)


def _simulated(cells: Cells, seed: int, tables: int) -> str:
    rows = []
    for spread in DISAGREEMENT:
        found = [
            cells.get(
                f"simulated_{spread}_{i}", lambda i=i, spread=spread: _simulate(spread, seed + i)
            )
            for i in range(tables)
        ]
        shared = np.array([one["shared"] for one in found], dtype=float)
        own = np.array([one["own"] for one in found], dtype=float)
        ratio = np.median([one["shrinkage"] for one in found])
        learned = np.median([one["learned"] for one in found])
        clean = np.mean([one["trusted"] for one in found])
        rows.append(
            [f"{spread:.0%}", shared.mean(), own.mean(), float(ratio), float(learned), float(clean)]
        )
    error = np.sqrt(0.89 * 0.11 / (2 * tables))
    text = (
        f"## Simulated sources\n\n{tables} tables a row, four sources of 25 runs under chinchilla "
        "with floors, amplitudes and noise of their own, and exponents that differ by so much (sd "
        "of the logarithm). Coverage of 89% intervals: of common exponents (standard error about "
        f"{error:.3f}), and of floors and exponents of sources. Shrinkage: spread of the sources' "
        "posterior medians of alpha over that of fits to each source alone: near 0 where they "
        "agree, near 1 where they do not. Learned: median of the spread of alpha.\n\n"
    )
    heads = ["disagreement", "shared", "own", "shrinkage", "learned", "clean fits"]
    return text + table(heads, rows)


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
    fitted = bl.fit(runs, law, pool="sources", seed=seed, progress=False, **SHORT)
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
        "trusted": fitted.trusted,
    }


def _inside(draws: np.ndarray, value: float) -> bool:
    low, _, high = interval(draws.ravel())
    return bool(low <= value <= high)


if __name__ == "__main__":
    main()
