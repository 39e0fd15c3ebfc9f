"""Public tables as tasks, each studied as a whole and short of its largest runs; kept in a folder.

Needs the folder of real runs (BAYESLAW_DATA, or ../shared/data beside the checkout).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from bootstrap import resampled
from provenance import ROOT

import bayeslaw as bl
from bayeslaw.comparison.extrapolation import make_cuts
from bayeslaw.formula import parse_expression
from bayeslaw.posterior.evaluation import law_values
from bayeslaw.posterior.prediction import predictive
from bayeslaw.study.backtest import Block

#: Shares of the levels of compute that are held out.
CUTS = (0.2, 0.4)
#: The additive law that people fit to such a table.
ADDITIVE = {"E": "wang2024", "": "chinchilla"}
DRAWS, RESAMPLES = 2000, 500

_GADRE = ("c4_original", "rpj", "rw_original")
_GADRE_LOSSES = ("loss_c4_val", "loss_openlm", "loss_paloma_100pl")
_OLMO = ("c4_en", "pile", "dolma_books", "wikitext_103")


@dataclass
class Stage:
    """A study of some runs of a task, and the predictions of those held out.

    ``predicted`` are draws of measured log loss by law, without error beyond the runs, of shape
    (draws, held), ``bootstrap`` those of Huber's fit on resamples.
    """

    source: str
    task: str
    cut: str
    past: dict[str, list[Block | None]]
    weights: dict[str, float]
    additive: str
    seconds: float
    measured: np.ndarray
    doublings: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]
    bootstrap: np.ndarray
    widened: np.ndarray | None


def tasks() -> dict[str, tuple[str, bl.Runs]]:
    """Runs by task, with the source they come from; one source may give several."""
    folder = Path(os.environ.get("BAYESLAW_DATA", ROOT / ".." / "shared" / "data"))
    read = bl.read_runs
    dense = {"N": "Model Size", "D": "Training Tokens"}
    found = {"chinchilla": ("chinchilla", read(folder / "chinchilla.csv", columns=dense))}
    for loss in _OLMO:
        columns = {"N": "N_as_repo", "D": "tokens", "loss": loss}
        found[f"olmo {loss}"] = ("olmo", read(folder / "olmo_ladder.csv", columns=columns))
    for data in _GADRE:
        for loss in _GADRE_LOSSES:
            columns = {"N": "params", "D": "tokens", "loss": loss}
            runs = read(folder / "gadre2024.csv", columns=columns, where=f"dataset == '{data}'")
            found[f"gadre {data} {loss.removeprefix('loss_')}"] = ("gadre", runs)
    routed = {"N": "total_parameter_count", "N_a": "dense_parameter_count", "E": "num_experts"}
    routed |= {"D": "130e9", "loss": "loss_validation"}
    for router in ("S-Base", "RL-R", "Hash"):
        where = f"router_type == '{router}'"
        runs = read(folder / "clark2022_final.csv", columns=routed, where=where, drop_invalid=True)
        found[f"clark {router}"] = ("clark", runs)
    moe = pd.read_csv(folder / "upcycling_moe.csv")
    moe["E"] = moe["Model"].str.extract(r"^(\d+)x").astype(float)
    upcycling = {"N": "N_total", "N_a": "N_active", "D": "D1 + D2", "E": "E", "loss": "Loss"}
    billions = {"N": 1e9, "N_a": 1e9, "D": 1e9}
    found["upcycling"] = ("upcycling", read(moe, columns=upcycling, units=billions))
    marin = {"N": "n_active_nonembed_derived", "D": "tokens", "loss": "paloma_macro_loss_nats"}
    found["marin v16"] = ("marin", read(folder / "marin_moe_isoflop.csv", columns=marin))
    hero = {**marin, "N": "budget_flops / (6*tokens)"}
    found["marin hero"] = ("marin", read(folder / "marin_hero_isoflop.csv", columns=hero))
    return found


def stages(folder: Path, seed: int, processes: int) -> list[Stage]:
    """All tasks as a whole and at every cut; finished ones are read from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(name, folder, seed) for name in tasks()]
    start, found = time.perf_counter(), []
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for job, part in zip(jobs, pool.map(_task, jobs), strict=True):
            found += part
            sys.stderr.write(f"{job[0]}: {time.perf_counter() - start:.0f} s\n")
    return found


def _task(job: tuple[str, Path, int]) -> list[Stage]:
    name, folder, seed = job
    path = folder / f"{name.replace(' ', '_')}_{seed}.pickle"
    if path.exists():
        return list(pickle.loads(path.read_bytes()))
    source, runs = tasks()[name]
    found = [_stage(source, name, "all", runs, None, seed)]
    size = "N_a" if "N_a" in runs.variables else "N"
    cuts, _ = make_cuts(runs, parse_expression(f"{size}*D"), CUTS)
    for cut in cuts:
        jax.clear_caches()
        training, held = runs.select(~cut.held), runs.select(cut.held)
        found.append(_stage(source, name, cut.name, training, held, seed))
    path.write_bytes(pickle.dumps(found))
    return found


def _stage(
    source: str, name: str, cut: str, training: bl.Runs, held: bl.Runs | None, seed: int
) -> Stage:
    began = time.perf_counter()
    study = bl.study(training, seed=seed, progress=False)
    seconds = time.perf_counter() - began
    law = bl.law(ADDITIVE["E" if "E" in training.variables else ""])
    empty = np.empty((1, 0))
    stage = Stage(
        source, name, cut, study.past, study.weights, law.name, seconds,
        np.empty(0), {}, {}, empty, None,
    )  # fmt: skip
    if held is None:
        return stage
    stage.measured = np.log(held.column("loss"))
    for posterior in study.posteriors:
        columns = posterior.model.columns(held)
        stage.doublings[posterior.law.name] = posterior.model.reach.doublings(columns)
        bare = replace(posterior, extrapolation=None).model
        blocks = list(predictive(bare, columns, level="observation", seed=seed))
        draws = np.log(np.concatenate(blocks, axis=1))
        stage.predicted[posterior.law.name] = draws[:: max(1, len(draws) // DRAWS)]
    stage.bootstrap = _bootstrap(law, training, held, seed)
    default = next((p for p in study.posteriors if p.law.name == law.name), None)
    if default is None:
        # It left the study, and stands beside it all the same.
        default = bl.fit(training, law, method="laplace", fallback=True, seed=seed, progress=False)
    default = replace(default, extrapolation=None)
    columns = default.model.columns(held)
    blocks = list(predictive(default.model, columns, level="observation", seed=seed))
    draws = np.log(np.concatenate(blocks, axis=1))
    stage.predicted.setdefault(law.name, draws[:: max(1, len(draws) // DRAWS)])
    stage.doublings.setdefault(law.name, default.model.reach.doublings(columns))
    try:
        past = bl.rolling_origin(default, progress=False)
    except bl.BayesLawError:
        return stage
    frame = past.predict(held, seed=seed)
    stage.widened = np.log(frame[["low", "median", "high"]].to_numpy())
    return stage


def _bootstrap(law: bl.Law, training: bl.Runs, held: bl.Runs, seed: int) -> np.ndarray:
    """Predictions of Huber's fit on resampled runs, each with a residual of the whole fit."""
    reference = bl.ReferenceRun.of(training, law.variables)
    raw = resampled(law, training, reference, resamples=RESAMPLES, seed=seed, huber=1e-3)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Some resamples leave the law nothing to be fitted to.
        fitted, predicted = (
            np.log(law_values(law, raw, runs.columns(law.variables))) for runs in (training, held)
        )
    rest = np.log(training.column("loss")) - np.nanmedian(fitted, axis=0)
    return predicted + np.random.default_rng(seed).choice(rest, predicted.shape)
