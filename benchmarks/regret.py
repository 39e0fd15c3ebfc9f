"""What three ways to choose a configuration cost on a known truth: expected loss against points.

Tables are simulated from zhao2025's published coefficients, with and without a smooth misfit. From
each a configuration is chosen at 30B parameters and 1e12 tokens, out of every legal pair of routed
and shared experts at sixteen values of N_a/N: the optimum of a least-squares fit, the optimum of
the posterior mode, and the configuration of least expected loss. The regret is on the true loss,
the published law's without misfit.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from misfit import distorted, field
from provenance import heading, keep, table
from scipy.optimize import least_squares

import bayeslaw as bl
from bayeslaw.core.compilation import compiled
from bayeslaw.law import Law
from bayeslaw.optimum.optimise import optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.request import Request
from bayeslaw.runs import ReferenceRun, Runs

AT = {"N": 30e9, "D": 1e12}
RATIOS = np.geomspace(0.02, 1.0, 16)
STARTS = 8
# Of log loss: a misfit of .01 nats, and the noise of each kind of table. Beside a misfit it is that
# of replicates, .0007 nats.
MISFIT = 0.01 / 2.6
NOISES = {"noise .003": 0.003, "smooth misfit, five variables": 0.0007 / 2.6}


def candidates() -> pd.DataFrame:
    """Every legal pair of routed and shared experts, at every N_a/N.

    Returns
    -------
    pandas.DataFrame
        Columns G, S and N_a.
    """
    pairs = bl.expert_grid()
    parts = [pairs.assign(N_a=ratio * AT["N"]) for ratio in RATIOS]
    return pd.concat(parts, ignore_index=True)[["G", "S", "N_a"]]


@partial(jax.jit, static_argnames="form")
def _residuals(form: Any, z: Any, columns: Any, observed: Any, at: Any, scale: Any) -> Any:
    raw = form.to_raw(dict(zip(form.parameters, z, strict=True)), at, scale, jnp)
    return jnp.log(form.predict(columns, raw, jnp)) - observed


_slopes = jax.jit(jax.jacfwd(_residuals, argnums=1), static_argnames="form")


def fitted(law: Law, runs: Runs, reference: ReferenceRun, seed: int) -> dict[str, float]:
    """Least squares on log loss, the best of several starts.

    Parameters
    ----------
    law : Law
        The law.
    runs : Runs
        The table.
    reference : ReferenceRun
        Only for coordinates in which the search converges: no prior takes part.
    seed : int
        For the starts, which are drawn from the priors.

    Returns
    -------
    dict of str to float
        Raw coefficients.
    """
    form, rng = law.form, np.random.default_rng(seed)
    priors = {name: one.prior for name, one in law.parameters.items()}
    columns, observed = runs.columns(law.variables), np.log(runs.column("loss"))
    more = (columns, observed, reference.at, reference.loss)

    def residuals(z: np.ndarray) -> np.ndarray:
        found = np.asarray(_residuals(form, z, *more))
        return np.where(np.isfinite(found), found, 1e3)

    def slopes(z: np.ndarray) -> np.ndarray:
        found = np.asarray(_slopes(form, z, *more))
        return np.where(np.isfinite(found), found, 0.0)

    starts = [np.array([prior.median for prior in priors.values()])]
    starts += [
        np.array([prior.sample(rng, 1)[0] for prior in priors.values()]) for _ in range(STARTS - 1)
    ]
    with compiled():
        ends = [
            least_squares(residuals, start, jac=slopes, method="lm", max_nfev=100)
            for start in starts
        ]
    best = min(ends, key=lambda end: end.cost).x
    on = {name: np.array([value]) for name, value in zip(form.parameters, best, strict=True)}
    return {k: float(v[0]) for k, v in form.to_raw(on, reference.at, reference.loss).items()}


def clipped(problem: Problem, raw: dict[str, float], legal: pd.DataFrame) -> int:
    """The legal configuration nearest to the optimum of one set of coefficients.

    Parameters
    ----------
    problem : Problem
        The problem.
    raw : dict of str to float
        Coefficients.
    legal : pandas.DataFrame
        The candidates.

    Returns
    -------
    int
        Its row.
    """
    x = optimise_draws(problem, {name: np.array([v]) for name, v in raw.items()}).x[0]
    # Distances in steps of the lattice: of G by logarithm, of S, and of N_a/N by logarithm.
    far = (
        (np.log(legal["G"]) - x[0]) ** 2 / 0.15**2
        + (legal["S"] - x[1]) ** 2 / 0.1**2
        + (np.log(legal["N_a"]) - x[2]) ** 2 / 0.26**2
    )
    return int(np.argmin(far))


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs="+", default=[40, 100, 446])
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--out")
    asked = parser.parse_args()

    law, legal = bl.law("zhao2025"), candidates()
    columns = {name: legal[name].to_numpy() for name in legal} | {
        name: np.full(len(legal), value) for name, value in AT.items()
    }
    true = np.asarray(law.form.predict(columns, law.published()))
    lost = true - true.min()
    arms = ("least squares, clipped", "mode, clipped", "least squares", "mode", "expected loss")
    start, rows, pairs = time.perf_counter(), [], []
    for kind in NOISES:
        for size in asked.rows:
            found = _cell(law, legal, columns, lost, kind, size, asked.tables, asked.seed)
            done = time.perf_counter() - start
            sys.stderr.write(f"{kind}, {size} runs: done after {done:.0f} s\n")
            for arm in arms:
                values = 1e3 * found[arm]
                rows.append(
                    [
                        kind,
                        size,
                        arm,
                        float(values.mean()),
                        float(values.std(ddof=1) / np.sqrt(len(values))),
                        float(np.median(values)),
                        float(np.quantile(values, 0.95)),
                    ]
                )
            for arm in arms[:-1]:
                gap = 1e3 * (found[arm] - found["expected loss"])
                pairs.append(
                    [
                        kind,
                        size,
                        arm,
                        float(gap.mean()),
                        float(gap.std(ddof=1) / np.sqrt(len(gap))),
                        int((gap > 0).sum()),
                        int((gap < 0).sum()),
                    ]
                )
    seconds = time.perf_counter() - start
    sizes = " ".join(map(str, asked.rows))
    command = (
        f"python benchmarks/regret.py --tables {asked.tables} --rows {sizes} --seed {asked.seed}"
    )
    text = heading("Regret of three ways to choose", command)
    text += (
        "Milli-nats of the true loss. 'Clipped': the legal configuration nearest to the optimum; "
    )
    text += "without it, the legal configuration of least loss under the same coefficients.\n\n"
    heads = ["tables", "runs", "chosen by", "mean", "its s.e.", "median", "95%"]
    text += table(heads, rows)
    text += "Paired with expected loss: how much more the arm loses.\n\n"
    heads = ["tables", "runs", "chosen by", "mean difference", "its s.e.", "worse", "better"]
    text += table(heads, pairs)
    text += f"{asked.tables} tables a cell, {len(legal)} configurations; {seconds:.0f} s.\n"
    keep(text, asked.out)


def _cell(
    law: Law,
    legal: pd.DataFrame,
    columns: dict[str, np.ndarray],
    lost: np.ndarray,
    kind: str,
    size: int,
    tables: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Regret of every arm on every table."""
    inputs, noise = law.variables, NOISES[kind]
    runs = [bl.simulate(law, rows=size, noise_sd=noise, seed=seed + i) for i in range(tables)]
    if kind.startswith("smooth"):
        runs = [
            distorted(one, field(one.columns(inputs), inputs, sd=MISFIT, seed=seed + i))
            for i, one in enumerate(runs)
        ]
    reference = ReferenceRun.of(runs[0], law.variables)
    problem = pose(law, reference, Request.of("benchmark", AT))
    drawn = bl.fit_many(runs, law, reference=reference, seed=seed, draws=500, progress=False)
    modes = bl.fit_many(runs, law, method="mode", reference=reference, seed=seed, progress=False)
    found: dict[str, list[float]] = {}

    def keep_regret(arm: str, row: int) -> None:
        found.setdefault(arm, []).append(float(lost[row]))

    for i, (one, posterior, mode) in enumerate(zip(runs, drawn, modes, strict=True)):
        points = {
            "least squares": fitted(law, one, reference, seed + i),
            "mode": {name: float(values[0]) for name, values in mode.coefficients().items()},
        }
        for arm, raw in points.items():
            keep_regret(f"{arm}, clipped", clipped(problem, raw, legal))
            value = np.asarray(law.form.predict(columns, raw))
            keep_regret(arm, int(np.nanargmin(np.where(value > 0, value, np.nan))))
        value = posterior.evaluate(columns)
        value = np.where(value > 0, value, np.nan)
        keep_regret("expected loss", int(np.nanargmin(np.nanmean(value, axis=0))))
    return {arm: np.array(values) for arm, values in found.items()}


if __name__ == "__main__":
    main()
