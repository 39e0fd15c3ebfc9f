"""Simulation-based calibration of three laws: NUTS, Laplace beside it, and with priors moved.

Truths come from each law's prior, and moved ones from the prior with every median moved up by one
of its own factors. Ranks of all quantities of a law are tested together, at a simultaneous 99%.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from provenance import heading, keep, table

import bayeslaw as bl

# zhao2025's best N_a at any N, without the bound N_a <= N: A is the shape factor at its own best.
_A = "(2*sqrt(e*f) - n**2/(4*m))"
SETS: dict[str, dict[str, Any]] = {
    "zhao2025, 446 independent": {
        "law": "zhao2025",
        "rows": 446,
        "at": {"N": 30e9},
        "quantities": {
            "ln N_a* unclipped": f"(ln(alpha) + ln({_A}*k + c) - ln({_A}) - ln(h))/(1 + alpha)"
        },
    },
    "chinchilla, 240 independent": {
        "law": "chinchilla",
        "rows": 240,
        "budget": bl.Budget(train_flops=5.76e23),
    },
    "ludziejewski2025, 200 independent": {"law": "ludziejewski2025", "rows": 200},
}
_ZHAO = SETS["zhao2025, 446 independent"]
SETS["zhao2025, 446 one at a time"] = {**_ZHAO, "design": "one_at_a_time"}
SETS["zhao2025, 40 independent"] = {**_ZHAO, "rows": 40}
ARMS: dict[str, dict[str, Any]] = {
    "NUTS": {},
    "Laplace": {"method": "laplace", "draws": 2000},
    "NUTS, medians moved": {"prior_shift": 1.0},
}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--folder", help="Where rounds are kept, to be resumed.")
    parser.add_argument("--pictures", type=Path, help="Folder for a picture of each set.")
    parser.add_argument("--out")
    asked = parser.parse_args()

    rows, reasons, cells = [], [], []
    for title in asked.sets:
        for arm in asked.arms:
            start, cpu = time.perf_counter(), time.process_time()
            options = {"design": "independent", **SETS[title], **ARMS[arm]}
            found = bl.calibrate(
                options.pop("design"),
                options.pop("law"),
                tables=asked.tables,
                seed=asked.seed,
                folder=asked.folder,
                **options,
            )
            spent = (time.perf_counter() - start, time.process_time() - cpu)
            seconds, worked = _kept_time(asked.folder, f"{title}, {arm}", spent) / asked.tables
            sys.stderr.write(f"{title}, {arm}: {found.summary} {seconds:.2f} s a table\n")
            least = min(found.p_values, key=lambda name: found.p_values[name])
            rows.append(
                [
                    title,
                    arm,
                    int(found.kept.sum()),
                    len(found.quantities),
                    f"{found.p_values[least]:.2g} ({least})",
                    float(found.p_threshold),
                    "uniform"
                    if not found.nonuniform
                    else "NOT UNIFORM: " + ", ".join(found.nonuniform),
                    seconds,
                    worked,
                ]
            )
            reasons += [[title, arm, reason, n] for reason, n in found.left_out.items()]
            frame = found.to_frame()
            first = [name for name in (*found.first, "ln N_a* unclipped") if name in frame.index]
            cells += [
                [title, arm, name]
                + [float(frame.loc[name, f"coverage_{p}"]) for p in (50, 89, 95)]
                + [float(frame.loc[name, "off"])]
                for name in first
            ]
            if asked.pictures is not None:
                asked.pictures.mkdir(exist_ok=True)
                name = f"{title}, {arm}".replace(" ", "_").replace(",", "")
                bl.plots.calibration(found).savefig(asked.pictures / f"{name}.png", dpi=120)
    text = heading(
        "Simulation-based calibration",
        f"python benchmarks/calibration.py --tables {asked.tables} --seed {asked.seed}"
        + (f" --sets {' '.join(map(repr, asked.sets))}" if asked.sets != list(SETS) else "")
        + (f" --arms {' '.join(map(repr, asked.arms))}" if asked.arms != list(ARMS) else ""),
    )
    text += (
        f"{asked.tables} simulations of each set. Quantities of a law: its coefficients, what its "
        "priors are stated on (S* and the square of G* are among them for zhao2025), T, the noise, "
        "the joint log likelihood, optima and the loss at 10 times the largest compute. Their "
        "ranks are uniform if no p-value is below .01 over their number.\n\n"
    )
    heads = ["set", "fit", "fits that count", "quantities", "smallest p", "limit", "ranks"]
    text += table([*heads, "s a simulation", "of CPU"], rows)
    text += "Simulations left out, for their losses or for what the diagnostics say:\n\n"
    text += table(["set", "fit", "reason", "simulations"], reasons) if reasons else "None.\n\n"
    text += "Coverage of 50%, 89% and 95% intervals, and the worst in standard errors:\n\n"
    text += table(["set", "fit", "quantity", "50%", "89%", "95%", "off"], cells)
    keep(text, asked.out)


def _kept_time(folder: str | None, cell: str, spent: tuple[float, float]) -> np.ndarray:
    """Seconds and processor seconds of a cell, with those of earlier commands that ended."""
    total = np.array(spent)
    if folder is not None:
        path = Path(folder) / f"seconds {cell}.json"
        if path.exists():
            total += json.loads(path.read_text())
        path.write_text(json.dumps(total.tolist()))
    return total


if __name__ == "__main__":
    main()
