"""What fits to real tables say beside known numbers: dense, routed and upcycled runs.

Needs the folder of real runs (BAYESLAW_DATA, or ../shared/data beside the checkout).
"""

from __future__ import annotations

import argparse
import os

import numpy as np
from provenance import ROOT, heading, keep, table
from scipy.optimize import least_squares

import bayeslaw as bl
from bayeslaw.core.intervals import interval

# Besiroglu et al. 2024, arXiv:2404.10102: their refit and its bootstrapped standard errors.
PUBLISHED = {
    "E": (1.8172, 0.03),
    "A": (482.01, 124.58),
    "B": (2085.43, 1293.23),
    "alpha": (0.3478, 0.02),
    "beta": (0.3658, 0.02),
}
# Least-squares refits of the routed rows of the same table, and the paper's own numbers.
ROUTERS = {
    "S-Base": ("s_base", (-0.0864, -0.1143, 0.0094, 1.1398, 2.10, 255)),
    "RL-R": ("rl_r", (-0.0858, -0.1170, 0.0105, 1.1287, 1.45, 566)),
    "Hash": ("hash", (-0.0894, -0.1282, 0.0114, 1.1735, 4.04, 489)),
}
UPCYCLING = {
    "N": "N_total",
    "N_a": "N_active",
    "G": "1 + (N_active/N_dense - 1)/0.75",
    "S": "0",
    "loss": "Loss",
}


def main() -> None:
    """Fit and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    folder = os.environ.get("BAYESLAW_DATA", str(ROOT / ".." / "shared" / "data"))
    text = heading("Real tables", f"python benchmarks/real_tables.py --seed {asked.seed}")
    text += _chinchilla(folder, asked.seed) + _clark(folder, asked.seed)
    text += _upcycling(folder, asked.seed)
    keep(text, asked.out)


def _chinchilla(folder: str, seed: int) -> str:
    columns = {"N": "Model Size", "D": "Training Tokens"}
    full = bl.read_runs(f"{folder}/chinchilla.csv", columns=columns)
    loss = full.column("loss")
    without = full.select(loss < np.sort(loss)[-5])
    fits, rows = {}, []
    for said, runs in (("without", without), ("with", full)):
        for noise in ("student_t", "normal"):
            posterior = bl.fit(runs, "chinchilla", noise=noise, seed=seed, progress=False)
            trusted = "clean" if posterior.convergence.trusted else "not clean"
            fits[said, noise] = posterior
            draws = [posterior.draws[name].ravel() for name in PUBLISHED]
            middle = [f"{np.median(d):.4g} ({d.std():.2g})" for d in draws]
            rows.append([f"{noise}, {said} ({trusted})", *middle])
        points = _least_squares(runs)
        rows.append([f"least squares on log loss, {said}", *(f"{v:.4g}" for v in points)])
    rows.append(["published", *(f"{v:.4g} ({s:.2g})" for v, s in PUBLISHED.values())])
    text = (
        f"## Chinchilla: {len(without)} points without the five highest losses, "
        f"{len(full)} with\n\n"
        "Posterior median (and sd).\n\n" + table(["fit", *PUBLISHED], rows)
    )
    robust = fits["without", "student_t"]
    draws = {name: robust.draws[name].ravel() for name in PUBLISHED}
    rows = [
        [
            name,
            (float(np.median(draws[name])) - value) / error,
            float(draws[name].std()) / error,
        ]
        for name, (value, error) in PUBLISHED.items()
    ]
    heads = ["coefficient", "(median - published) / published error", "posterior sd / that error"]
    return text + "Student-t, without the five:\n\n" + table(heads, rows)


def _clark(folder: str, seed: int) -> str:
    runs = bl.read_runs(
        f"{folder}/clark2022_final.csv",
        columns={"N_a": "dense_parameter_count", "E": "num_experts", "loss": "loss_validation"},
        where="router_type != 'Dense'",
        drop_invalid=True,
    )
    fits = bl.fit_by_group(runs, "clark2022", by="router_type", seed=seed, progress=False)
    text = f"## Clark 2022: {len(runs)} routed runs with a loss, per router\n\n"
    for router, (title, known) in ROUTERS.items():
        posterior = fits[router]
        state = "clean" if posterior.convergence.trusted else "not clean"
        text += f"{router}: {len(posterior.runs)} runs, {state}.\n\n"
        published = posterior.law.published(title)
        rows = []
        for (name, value), refit in zip(published.items(), known, strict=True):
            draws = posterior.draws[name].ravel()
            low, median, high = interval(draws)
            sd = float(np.log(draws).std()) if name.startswith("E_") else float(draws.std())
            rows.append([name, float(median), float(low), float(high), sd, refit, value])
        heads = ["", "median", "low", "high", "sd (of the log for E)", "refit", "published"]
        text += table(heads, rows)
    return text


def _least_squares(runs: bl.Runs) -> list[float]:
    ln_n, ln_d = np.log(runs.column("N")), np.log(runs.column("D"))
    observed = np.log(runs.column("loss"))

    def residuals(point: np.ndarray) -> np.ndarray:
        floor, size, data, alpha, beta = point
        terms = np.exp([floor + 0 * ln_n, size - alpha * ln_n, data - beta * ln_d])
        return np.log(terms.sum(axis=0)) - observed

    starts = [
        np.array([np.log(1.8), a, b, alpha, beta])
        for a in (4.0, 7.0)
        for b in (5.0, 9.0)
        for alpha, beta in ((0.3, 0.3), (0.5, 0.5))
    ]
    best = min((least_squares(residuals, s, x_scale="jac") for s in starts), key=lambda r: r.cost)
    floor, size, data, alpha, beta = best.x
    return [np.exp(floor), np.exp(size), np.exp(data), alpha, beta]


def _upcycling(folder: str, seed: int) -> str:
    text = (
        "## Upcycled MoE runs under zhao2025\n\n"
        "The law has one D, and these runs have two, before and after upcycling, which interact: "
        "no card but liew2025, and that only at one pair of them, knows D1 x D2.\n\n"
    )
    for tokens in ("D1 + D2", "D2"):
        runs = bl.read_runs(
            f"{folder}/upcycling_moe.csv",
            columns={**UPCYCLING, "D": tokens},
            units={"N": 1e9, "N_a": 1e9, "D": 1e9},
        )
        posterior = bl.fit(runs, "zhao2025", seed=seed, progress=False)
        weights = _weights(posterior)
        order = np.argsort(weights)
        bad = np.flatnonzero(
            (runs.table["Model"] == "8x_15m")
            & (runs.table["G"] > 3.9)
            & (runs.table["D1"] == 2.3068672)
            & (runs.table["D2"] == 2.3068672)
        )[0]
        rank = int(np.flatnonzero(order == bad)[0]) + 1
        state = "clean" if posterior.convergence.trusted else "not clean"
        attempts = posterior.info.attempts
        text += (
            f"D = {tokens}: {len(runs)} runs, {state}, attempt {attempts}, residual scale "
            f"{np.median(posterior.draws['noise_scale']):.4f}. Prior only: "
            f"{', '.join(sorted(posterior.informed.prior_only))}. The known bad row (line "
            f"{runs.table.index[bad]}, 8x_15m, G = 4, loss {runs.column('loss')[bad]:.3f}) has "
            f"rank {rank} of {len(runs)} by weight.\n\n"
        )
        best = bl.optimum(posterior, at={"N": 1e9})
        rows = [
            [name, one.median, one.low, one.high, one.prior_low, one.prior_high, one.status]
            for name, one in best.quantities.items()
        ]
        heads = ["best at 1B", "median", "low", "high", "prior low", "prior high", "status"]
        text += table(heads, rows)
        rows = [
            [runs.table.index[i], runs.table["Model"].iloc[i], runs.column("loss")[i], weights[i]]
            for i in order[:3]
        ]
        text += table(["line", "model", "loss", "weight"], rows)
    return text


def _weights(posterior: bl.Posterior) -> np.ndarray:
    """Posterior mean weight of each run in the Student-t likelihood, 1 + 1/df at no residual."""
    runs = posterior.runs
    value = posterior.evaluate(runs.columns(posterior.law.variables))
    degrees = posterior.draws["noise_df"].reshape(-1, 1)
    scale = posterior.draws["noise_scale"].reshape(-1, 1)
    residuals = (np.log(runs.column("loss")) - np.log(value)) / scale
    return np.asarray(((degrees + 1) / (degrees + residuals**2)).mean(axis=0))


if __name__ == "__main__":
    main()
