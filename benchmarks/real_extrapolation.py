"""Whether intervals on larger real runs hold, by what is done about misfit.

The largest levels of compute of each public table are held out, at three cuts; every law that fits
the table's variables predicts them with an 89% interval, ignoring misfit and with each discrepancy.
Scores are paired: the same rows, the same law. Nothing is chosen by these rows. Needs the folder of
real runs (BAYESLAW_DATA, or ../shared/data beside the checkout).
"""

from __future__ import annotations

import os

# Threads of the linear algebra, beside threads of tables, wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from provenance import ROOT, heading, keep, table

import bayeslaw as bl
from bayeslaw.checks.rolling_origin import widening
from bayeslaw.comparison.extrapolation import make_cuts, ordering, training_reference
from bayeslaw.comparison.scores import score

CUTS = (0.1, 0.2, 0.4)
ARMS: dict[str, Any] = {
    "ignored": None,
    "group": "group",
    "gp": "gp",
    "growth": "growth",
    "gp and growth": ("gp", "growth"),
    "ignored, widened": None,
}
LAWS = {
    "upcycling_moe": ("wang2024", "clark2022", "chinchilla"),
    "clark2022_final": ("clark2022", "wang2024", "liew2025"),
    "marin_moe_isoflop": ("chinchilla", "skaling2026", "farseer2025"),
    "chinchilla": ("chinchilla", "skaling2026", "farseer2025"),
    "olmo_ladder": ("chinchilla", "skaling2026", "farseer2025"),
    "gadre2024": ("chinchilla", "skaling2026", "farseer2025"),
}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", choices=LAWS, default=list(LAWS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    command = f"python benchmarks/real_extrapolation.py --seed {asked.seed}"
    if asked.tables != list(LAWS):
        command += f" --tables {' '.join(asked.tables)}"
    if asked.arms != list(ARMS):
        command += " --arms " + " ".join(f"'{arm}'" for arm in asked.arms)
    start = time.perf_counter()
    jobs = [(name, law, asked.arms, asked.seed) for name in asked.tables for law in LAWS[name]]
    # Tables of many sizes are compiled for one by one: a process keeps only so much code.
    with ProcessPoolExecutor(
        asked.processes, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        rows = []
        for job, part in zip(jobs, pool.map(contest, jobs), strict=True):
            rows += part
            sys.stderr.write(f"{job[0]}, {job[1]}: {time.perf_counter() - start:.0f} s\n")
    found = pd.DataFrame(rows)
    text = heading("Larger real runs, held out", command)
    cuts = ", ".join(f"{cut:.0%}" for cut in CUTS)
    text += (
        f"89% intervals at level `observation` for the largest {cuts}"
        " of the levels of compute. Width is of log loss, CRPS in thousandths of it; a law that "
        "cannot be fitted to the smaller runs with an approximation that passes its check counts "
        "all the same, and is counted under `not trusted`. `widened`: by `bl.rolling_origin` on "
        "the smaller runs alone.\n\n## Pooled\n\n"
    )
    text += table(*_pooled(found)) + "Every table counts alike: means over laws and cuts first.\n\n"
    text += "## By table, law and cut\n\n" + table(*_each(found))
    keep(text + f"{time.perf_counter() - start:.0f} s in {asked.processes} processes.\n", asked.out)


def tables() -> dict[str, bl.Runs]:
    """The public tables in the words of the library."""
    folder = Path(os.environ.get("BAYESLAW_DATA", ROOT / ".." / "shared" / "data"))
    moe = pd.read_csv(folder / "upcycling_moe.csv")
    moe["E"] = moe["Model"].str.extract(r"^(\d+)x").astype(float)
    upcycling = {"N": "N_total", "N_a": "N_active", "D": "D1 + D2", "E": "E", "loss": "Loss"}
    routed = {"N": "total_parameter_count", "N_a": "dense_parameter_count", "E": "num_experts"}
    routed |= {"D": "130e9", "loss": "loss_validation"}
    marin = {"N": "n_active_nonembed_derived", "D": "tokens", "loss": "paloma_macro_loss_nats"}
    dense = {"N": "Model Size", "D": "Training Tokens"}
    olmo = {"N": "N_as_repo", "D": "tokens", "loss": "c4_en"}
    gadre = {"N": "params", "D": "tokens", "loss": "loss_c4_val"}
    billions = {"N": 1e9, "N_a": 1e9, "D": 1e9}
    read = bl.read_runs
    found = {
        "upcycling_moe": read(moe, columns=upcycling, units=billions, group="Model"),
        "clark2022_final": read(
            folder / "clark2022_final.csv",
            columns=routed,
            where="router_type != 'Dense'",
            group="router_type",
        ),
        "marin_moe_isoflop": read(folder / "marin_moe_isoflop.csv", columns=marin),
        "chinchilla": read(folder / "chinchilla.csv", columns=dense),
        "olmo_ladder": read(folder / "olmo_ladder.csv", columns=olmo, group="size"),
        "gadre2024": read(folder / "gadre2024.csv", columns=gadre, where="dataset == 'rpj'"),
    }
    return {name: replace(runs, source=name) for name, runs in found.items()}


def contest(job: tuple[str, str, list[str], int]) -> list[dict[str, Any]]:
    """All arms and cuts of one law on one table.

    Parameters
    ----------
    job : tuple
        Table, law, arms and seed.

    Returns
    -------
    list of dict
        A row an arm and cut.
    """
    name, asked, arms, seed = job
    runs, law = tables()[name], bl.law(asked)
    if asked in ("chinchilla", "skaling2026", "farseer2025") and "N_a" in runs.variables:
        # A dense law of active parameters.
        runs = replace(runs, table=runs.table.assign(N=runs.column("N_a")))
    over = ordering(runs, None)
    assert over is not None
    cuts, _ = make_cuts(runs, over, CUTS)
    scale = bl.ReferenceRun.of(runs, law.variables).loss
    rows = []
    for cut in cuts:
        jax.clear_caches()
        training, held = runs.select(~cut.held), runs.select(cut.held)
        reference = training_reference(training, law, scale)
        for arm in arms:
            if arm == "group" and not runs.groups:
                continue
            began = time.perf_counter()
            try:
                fitted = bl.fit(
                    training,
                    law,
                    method="laplace",
                    fallback=ARMS[arm] is None,
                    discrepancy=ARMS[arm],
                    reference=reference,
                    seed=seed,
                    progress=False,
                )
            except bl.BayesLawError as error:
                # One group is left, or as many as runs: said in the table.
                rows.append({"table": name, "law": asked, "cut": cut.name, "arm": arm})
                rows[-1]["refused"] = str(error)
                continue
            factor = None
            if arm.endswith("widened"):
                try:
                    rolling = bl.rolling_origin(fitted, over=over.text, progress=False)
                except bl.BayesLawError as error:
                    rows.append({"table": name, "law": asked, "cut": cut.name, "arm": arm})
                    rows[-1]["refused"] = str(error)
                    continue
                factor = widening(cut.extrapolation_factor, rolling.growth)
            found = score(fitted, held, widened=factor, seed=seed)
            rows.append(
                {
                    "table": name,
                    "law": asked,
                    "cut": cut.name,
                    "arm": arm,
                    "trained": len(training),
                    "held": len(held),
                    "beyond": float(np.median(cut.extrapolation_factor)),
                    "coverage": float(found.inside.mean()),
                    "width": float(np.median(found.high - found.low)),
                    "crps": 1e3 * float(found.crps.mean()),
                    "elpd": float(found.log_density.mean()),
                    "trusted": fitted.trusted,
                    "seconds": time.perf_counter() - began,
                }
            )
    return rows


def _pooled(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    """Means over laws and cuts of a table, then over tables; differences where both are there."""
    good = found[found["coverage"].notna()]
    by = ["table", "law", "cut"]
    base = good[good["arm"] == "ignored"].set_index(by)
    rows: list[list[object]] = []
    for arm in dict.fromkeys(good["arm"]):
        ours = good[good["arm"] == arm].set_index(by)
        both = ours.join(base, rsuffix="_0", how="inner")
        mean = both[["coverage", "coverage_0"]].groupby("table").mean()
        ratio = np.log(both["width"] / both["width_0"]).groupby("table").mean()
        # Of logarithms, so that one fit that failed does not stand for all others.
        gain = np.log(both["crps"] / both["crps_0"]).groupby("table").mean()
        rows.append(
            [
                arm,
                len(mean),
                f"{mean['coverage'].mean():.3f}",
                f"{mean['coverage_0'].mean():.3f}",
                f"{np.exp(ratio.mean()):.2f}",
                f"{np.exp(gain.mean()):.3f} ({gain.std(ddof=1) / np.sqrt(len(gain)):.3f})",
                int((~ours["trusted"].astype(bool)).sum()),
                f"{ours['seconds'].median():.1f}",
            ]
        )
    heads = ["misfit", "tables", "coverage", "ignored, same cells", "width over ignored"]
    return [*heads, "CRPS over ignored (error of its log)", "not trusted", "s a fit"], rows


def _each(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    heads = ["table", "law", "cut", "misfit", "trained on", "held out", "times the largest"]
    rows: list[list[object]] = []
    for row in found.to_dict("records"):
        head = [row["table"], row["law"], row["cut"], row["arm"]]
        if isinstance(row.get("refused"), str):
            rows.append([*head, row["refused"], *[""] * 6])
            continue
        rows.append(
            [
                *head,
                int(row["trained"]),
                int(row["held"]),
                float(row["beyond"]),
                f"{row['coverage']:.2f}",
                f"{row['width']:.4f}",
                f"{row['crps']:.2f}",
                f"{row['elpd']:.2f}" + ("" if row["trusted"] else ", not trusted"),
            ]
        )
    return [*heads, "coverage", "width", "CRPS", "log density a run"], rows


if __name__ == "__main__":
    main()
