"""Width, coverage and regret after further runs: chosen by the rule, or by other designs.

Tables are simulated from a law; the law itself or a rival is fitted by Laplace approximation, and
as many FLOPs as the first runs took (or a share of them) are spent again: on random runs, one
variable at a time, an iso-FLOP grid, D-optimal runs, runs that narrow the target if the law were
right (V-optimal), and those of ``next_runs``. The target is an optimum at about 671B parameters.
Under misfit all fits are made again with ``discrepancy="gp"``, which the notes of a fit that shows
misfit ask for (condition ``process``).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from misfit import distorted, field
from provenance import heading, keep, table
from study_optima import COEFFICIENTS

import bayeslaw as bl
from bayeslaw.design.beside import affordable, iso_flop_grid
from bayeslaw.design.joint import Setting, setting_of
from bayeslaw.design.pool import Pool, pool_of
from bayeslaw.design.promise import extended, refits, weighted_interval
from bayeslaw.design.rule import Limits, choose
from bayeslaw.design.sampled import Sampled
from bayeslaw.design.target import OptimumTarget
from bayeslaw.optimum.members import Members
from bayeslaw.optimum.optimise import optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import Request

MISFIT, FINE, NOISE = 0.01 / 2.6, 0.0007 / 2.6, 0.003
#: How often one configuration may be chosen.
COPIES = 4
_FLOPS = bl.Budget(train_flops=6e25)
#: Rival, target, request by law.
TRUTHS: dict[str, tuple[str, str, dict[str, float], bl.Budget | None]] = {
    "zhao2025": ("zhao2025_power", "N_a/N", {"N": 671e9}, None),
    "ludziejewski2025": ("wang2024", "N_a", {"E": 16.0}, _FLOPS),
    "chinchilla": ("skaling2026", "N", {}, _FLOPS),
}
Cell = tuple[str, int, str, float]
CONDITIONS = ("right", "misfit", "process", "rival")
FIRST = (20, 40, 100)
ARMS = ("random", "one at a time", "iso-FLOP", "D-optimal", "V-optimal", "next_runs", "as few")
#: Beside a process, which takes seconds a fit.
FEW_ARMS = ("random", "iso-FLOP", "next_runs", "as few")


def _none(columns: Any) -> float:
    """No misfit."""
    return 0.0


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--process-tables", type=int, default=40, help="Of condition process.")
    parser.add_argument("--truths", nargs="+", choices=TRUTHS, default=list(TRUTHS))
    parser.add_argument("--first", nargs="+", type=int, default=list(FIRST))
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--spend", type=float, default=1.0, help="Share of the first runs' FLOPs.")
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="Where tables are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()
    cells = [
        (truth, first, condition, asked.spend)
        for truth in asked.truths
        for first in asked.first
        for condition in asked.conditions
    ]
    found = _tables(cells, asked)
    command = f"python benchmarks/next_runs.py --tables {asked.tables} --seed {asked.seed}"
    if asked.process_tables != 40:
        command += f" --process-tables {asked.process_tables}"
    for name, value, default in (
        ("truths", asked.truths, list(TRUTHS)),
        ("first", asked.first, list(FIRST)),
        ("conditions", asked.conditions, list(CONDITIONS)),
    ):
        command += "" if value == default else f" --{name} " + " ".join(map(str, value))
    command += "" if asked.spend == 1.0 else f" --spend {asked.spend:g}"
    text = heading("Further runs: width, coverage and regret by design", command)
    error = np.sqrt(0.89 * 0.11 / asked.tables)
    text += (
        f"{asked.tables} tables a cell ({asked.process_tables} of condition process), first runs "
        f"log-uniform over the card's ranges; then {asked.spend:g} times their FLOPs again, by "
        f"each design over the same ranges. Noise {NOISE:g} of log loss; under misfit {FINE:.2g} "
        "and a smooth field of .01 nats; process: the same misfit, all fits, first ones and "
        'refits, with `discrepancy="gp"`. Target: '
        "the log optimum of N_a/N at 671B (zhao2025), of N_a or N at 6e25 FLOPs. Widths of 89% "
        "intervals, means over tables; coverage of the true law's optimum (Monte-Carlo error "
        f"{error:.3f}); regret of the median in thousandths of a nat. `as few`: next_runs with as "
        "many runs as random.\n\n"
    )
    text += "All cells of a condition, with standard errors of the mean over tables.\n\n"
    text += table(*_summary(found))
    text += table(*_widths(found))
    text += "Promised over obtained width, mean and standard error of the mean, by design.\n\n"
    text += table(*_promises(found))
    seconds = found.drop_duplicates(["truth", "first", "condition", "table"])["seconds"].sum()
    text += f"{seconds:.0f} processor seconds.\n"
    keep(text, asked.out)


def _tables(cells: list[Cell], asked: argparse.Namespace) -> pd.DataFrame:
    """All tables of all cells; those that are kept are read, new ones kept as they end."""
    kept: dict[Cell, pd.DataFrame] = {cell: pd.DataFrame() for cell in cells}
    paths: dict[Cell, Path] = {}
    if asked.folder is not None:
        asked.folder.mkdir(parents=True, exist_ok=True)
        paths = {
            cell: asked.folder / f"{'_'.join(map(str, cell))}_{asked.seed}.csv" for cell in cells
        }
    for cell, path in paths.items():
        if path.exists():
            kept[cell] = pd.read_csv(path)
    jobs = [
        (cell, i, asked.seed)
        for cell in cells
        for i in range(_count(cell, asked))
        if not len(kept[cell]) or i not in set(kept[cell]["table"])
    ]
    began = time.perf_counter()
    # Cells of a law follow each other in a process, for code that is compiled already.
    with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(_one, *job): job[0] for job in jobs}
        for count, future in enumerate(as_completed(waiting), 1):
            cell = waiting[future]
            kept[cell] = pd.concat([kept[cell], pd.DataFrame(future.result())], ignore_index=True)
            if cell in paths:
                kept[cell].to_csv(paths[cell], index=False)
            passed = time.perf_counter() - began
            sys.stderr.write(
                f"{count} of {len(jobs)} tables, {' '.join(map(str, cell))}: {passed:.0f} s\n"
            )
    found = pd.concat(
        [part[part["table"] < _count(cell, asked)] for cell, part in kept.items()],
        ignore_index=True,
    )
    return found.sort_values("table", kind="stable")


def _count(cell: Cell, asked: argparse.Namespace) -> int:
    """Tables of a cell."""
    return int(asked.process_tables if cell[2] == "process" else asked.tables)


def _one(cell: Cell, place: int, seed: int) -> list[dict[str, Any]]:
    """One table: the first runs, and a row for each design."""
    start = time.process_time()
    truth, first, condition, spend = cell
    rival, text, at, budget = TRUTHS[truth]
    made_by = bl.law(truth)
    fitted = bl.law(rival if condition == "rival" else truth)
    raw = {**(made_by.published() if made_by.coefficients else {}), **COEFFICIENTS.get(truth, {})}
    own = seed + place
    bent = condition in ("misfit", "process")
    noise = FINE if bent else NOISE
    runs = bl.simulate(made_by, rows=first, noise_sd=noise, seed=own, coefficients=raw)
    shift: Callable[[Any], Any] = _none
    if bent:
        wide = bl.draw_design(made_by, "independent", 400, seed=1)
        shift = field(wide, made_by.variables, sd=MISFIT, seed=own)
        runs = distorted(runs, shift)
    reference = bl.ReferenceRun.of(runs, fitted.variables)
    options: dict[str, Any] = {"method": "laplace", "chains": 1, "draws": 1000, "seed": own}
    if condition == "process":
        options["discrepancy"] = "gp"
    # Tables of a size share compiled code.
    posterior = bl.fit_many(
        [runs], fitted, reference=reference, rows=_padded(first), progress=False, **options
    )[0]
    request = Request.of("benchmark", at or None, budget)
    members = Members((posterior,), np.ones(1), mixed=False)
    sampled = Sampled.of(members)
    target = OptimumTarget.of(text, request, members.posteriors)
    best, regret = _truth(made_by, raw, runs, text, request)
    price = made_by.cost.expression if made_by.cost is not None else None
    assert price is not None
    amount = spend * float(price(runs.columns(made_by.variables)).sum())
    pool = _pool(posterior, made_by, own)
    setting = setting_of(sampled, target, pool.columns)
    now = _width(target.values(posterior))
    arms = FEW_ARMS if condition == "process" else ARMS
    designs = _designs(made_by, pool, setting, amount, own, arms)
    rows = [_row(cell, place, "before", 0, target.values(posterior), now, best, regret)]
    for arm, columns in designs.items():
        rng = np.random.default_rng([own, ARMS.index(arm)])
        losses = made_by.predict(coefficients=raw, **columns) * np.exp(
            shift(columns) + noise * rng.standard_normal(len(columns["D"]))
        )
        longer = extended(runs, columns, "loss", losses)
        (after,) = refits(posterior, [longer], own, _padded(len(longer)))
        there = setting_of(sampled, target, columns).joint
        everything = list(range(len(losses)))
        promised = now * float(np.sqrt(there.left(everything)[-1] / there.variances)[0])
        rows.append(
            _row(cell, place, arm, len(losses), target.values(after), promised, best, regret)
        )
    seconds = time.process_time() - start
    return [{**row, "seconds": seconds} for row in rows]


def _padded(rows: int) -> int:
    """The next power of two, so that few sizes are compiled for."""
    return max(32, 1 << (rows - 1).bit_length())


def _pool(posterior: bl.Posterior, law: bl.Law, seed: int) -> Pool:
    """Candidates over the ranges that random runs are drawn from."""
    wide = bl.draw_design(law, "independent", 2000, seed=1)
    ranges = {
        name: (float(values.min()), float(values.max()))
        for name, values in wide.items()
        if name in ("N", "N_a", "D")
    }
    pool = pool_of([posterior], None, ranges=ranges, cost=None, seed=seed, place="benchmark")
    if {"N_a", "N"} <= set(pool.columns):
        # Shapes of the card, which ranges of one's own do not limit.
        ratio, seen = pool.columns["N_a"] / pool.columns["N"], wide["N_a"] / wide["N"]
        kept = (ratio >= seen.min()) & (ratio <= seen.max())
        columns = {name: values[kept] for name, values in pool.columns.items()}
        pool = Pool(pool.table[kept], columns, pool.costs[kept], pool.unit, drawn=True)
    return pool


def _designs(
    law: bl.Law, pool: Pool, setting: Setting, amount: float, seed: int, arms: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Configurations of each design for the same FLOPs."""
    assert law.cost is not None
    found = {}
    for arm, kind in (("random", "independent"), ("one at a time", "one_at_a_time")):
        columns = bl.draw_design(law, kind, 600, seed=seed + 50_000)
        costs = np.asarray(law.cost.expression(columns))
        order = np.random.default_rng(seed).permutation(len(costs))
        kept = affordable(order, costs, amount)
        found[arm] = {name: values[kept] for name, values in columns.items()}
    most = len(next(iter(found["random"].values())))
    right = setting.joint.without_misfit()
    limits = Limits(pool.costs, amount, 400, COPIES)
    choices: dict[str, Callable[[], list[int]]] = {
        "iso-FLOP": lambda: iso_flop_grid(pool.columns, pool.costs, amount, 400),
        "D-optimal": lambda: choose(right, limits, "information"),
        "V-optimal": lambda: choose(right, limits),
        "next_runs": lambda: choose(setting.guarded, limits),
        "as few": lambda: choose(setting.guarded, replace(limits, batch=most)),
    }
    for arm, choice in choices.items():
        if arm not in arms:
            continue
        rows = np.asarray(choice(), dtype=int)
        found[arm] = {
            name: pool.columns[name][rows] for name in law.variables if name in pool.columns
        }
    return {arm: found[arm] for arm in arms}


def _truth(
    law: bl.Law, raw: dict[str, float], runs: bl.Runs, text: str, request: Request
) -> tuple[float, Callable[[float], float]]:
    """The true optimum's logarithm, and the regret of another value of it, in nats."""
    reference = bl.ReferenceRun.of(runs, law.variables)
    problem = pose(law, reference, request)
    optima = optimise_draws(problem, {name: np.array([value]) for name, value in raw.items()})
    at = {name: float(values[0]) for name, values in optima.columns.items()}

    def loss(columns: dict[str, float]) -> float:
        return float(law.form.predict(columns, raw))

    def regret(value: float) -> float:
        moved = dict(at)
        moved["N_a" if "N_a" in text else "N"] = value * (at["N"] if "/" in text else 1.0)
        if request.budget.flops is not None and law.cost is not None:
            each = float(law.cost.expression({**moved, "D": 1.0}))
            moved["D"] = request.budget.flops / each
        return loss({name: moved[name] for name in law.variables}) - loss(
            {name: at[name] for name in law.variables}
        )

    expression = problem.expressions.get(text)
    ratio = at["N_a"] / at["N"] if expression is None and "/" in text else None
    value = float(optima.values(expression)[0]) if expression is not None else ratio or at[text]
    return float(np.log(value)), regret


def _width(values: np.ndarray) -> float:
    low, _, high = weighted_interval(values, np.full(len(values), 1 / len(values)), 0.89)
    return high - low


def _row(
    cell: Cell,
    place: int,
    arm: str,
    count: int,
    values: np.ndarray,
    promised: float,
    best: float,
    regret: Callable[[float], float],
) -> dict[str, Any]:
    low, median, high = weighted_interval(values, np.full(len(values), 1 / len(values)), 0.89)
    return {
        "truth": cell[0],
        "first": cell[1],
        "condition": cell[2],
        "table": place,
        "arm": arm,
        "runs": count,
        "width": high - low,
        "promised": promised,
        "inside": low <= best <= high,
        "error": median - best,
        "regret": regret(float(np.exp(median))),
    }


def _summary(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    """Each design beside random runs, over all laws and sizes of a condition."""
    rows: list[list[object]] = []
    keys = ["truth", "first", "table"]
    for condition, part in found.groupby("condition", sort=False):
        random = part[part["arm"] == "random"].set_index(keys)
        for arm, one in part.groupby("arm", sort=False):
            own = one.set_index(keys)
            beside = {
                "of random's": own["width"] / random["width"],
                "inside": own["inside"].astype(float),
                "less random's": own["inside"].astype(float) - random["inside"],
            }
            shown = [f"{v.mean():.3f} ± {v.std() / np.sqrt(len(v)):.3f}" for v in beside.values()]
            regret = float(own["regret"].mean() / random["regret"].mean())
            rows.append([condition, arm, str(len(own)), *shown, f"{regret:.2f}"])
    heads = ["condition", "design", "tables", "width of random's", "inside", "less random's"]
    return [*heads, "regret of random's"], rows


def _widths(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = []
    for (truth, first, condition), part in found.groupby(
        ["truth", "first", "condition"], sort=False
    ):
        by = part.groupby("arm", sort=False)
        random = part[part["arm"] == "random"].set_index("table")["width"]
        for arm, own in by:
            ratio = own.set_index("table")["width"] / random
            rows.append(
                [
                    truth,
                    str(first),
                    condition,
                    arm,
                    f"{own['runs'].median():.0f}",
                    f"{own['width'].mean():.3g}",
                    f"{ratio.mean():.2f} ± {ratio.std() / np.sqrt(len(ratio)):.2f}",
                    f"{own['inside'].mean():.2f}",
                    f"{1e3 * own['regret'].mean():.3g}",
                ]
            )
    heads = ["truth", "first", "condition", "design", "runs", "width", "of random's", "inside"]
    return [*heads, "regret"], rows


def _promises(found: pd.DataFrame) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = []
    drawn = found[found["arm"] != "before"].assign(ratio=lambda f: f["promised"] / f["width"])
    for (condition, arm), part in drawn.groupby(["condition", "arm"], sort=False):
        ratio = part["ratio"]
        logs = np.log(ratio)
        rows.append(
            [
                condition,
                arm,
                str(len(part)),
                f"{ratio.mean():.2f} ± {ratio.std() / np.sqrt(len(ratio)):.2f}",
                f"{np.exp(logs.median()):.2f}",
            ]
        )
    return ["condition", "design", "tables", "promised over obtained", "median"], rows


if __name__ == "__main__":
    main()
