"""How often a comparison finds the law that the runs come from, among six that rival it.

One design of architectures, from which the variables of all six laws are derived; losses from each
law in turn; all six compared on every table, by leaving single runs out, by holding out the fifth
of largest compute, and by evidence. Loss scale, reference and the runs held out are those of the
design, the same for all tables of a cell. A law without published coefficients stands at its prior
medians, and signed exponents that would be zero there one prior standard deviation above, since an
effect of nothing cannot be found.

Fits are by NUTS, but shorter than the package's and never repeated: scores need fewer draws than
the ends of intervals, and a law that is wrong often has a posterior that passes the package's
checks only after many times the work. What does not mix is counted. Tables of a cell differ in
their noise alone, so that the search for the mode begins where that of the first table ended.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context

import numpy as np
import pandas as pd
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.extrapolation import make_cuts, ordering, training_reference
from bayeslaw.comparison.leave_out import largest_k
from bayeslaw.comparison.ranking import DISTINGUISHED
from bayeslaw.comparison.scores import mean_density
from bayeslaw.core.compilation import compiled
from bayeslaw.inference.mode import Mode, find_mode
from bayeslaw.inference.nuts import nuts
from bayeslaw.inference.target import Target
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.info import FitInfo, FitSettings
from bayeslaw.posterior.prediction import log_likelihood

LAWS = (
    "zhao2025",
    "krajewski2024",
    "ludziejewski2025",
    "abnar2025",
    "wang2024",
    "looped2026",
)
HELD_OUT = 0.2
CHAINS, DRAWS, WARMUP = 2, 500, 300
TARGET_ACCEPT = 0.8
# A fit whose chains agree less, or that has more divergences a draw, is counted.
LARGEST_R_HAT, MOST_DIVERGENT = 1.05, 0.01
# Typical loss of a law that nobody published coefficients of.
LOSS = 3.0
# Share of the active parameters that lies in experts.
_IN_EXPERTS = 0.6
# What laws are compared by, and what it is called.
MEASURES = {
    "left_out": "single runs left out",
    "held_out": "the largest fifth held out",
    "evidence": "evidence",
}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20, help="tables of each cell")
    parser.add_argument("--rows", type=int, nargs="+", default=[40, 100, 446])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.003, 0.01])
    parser.add_argument("--laws", nargs="+", choices=LAWS, default=LAWS, help="generating laws")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--check",
        type=int,
        nargs="*",
        default=[],
        help="sizes of which the first table of each cell is also compared by the package's fits",
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out")
    asked = parser.parse_args()

    command = (
        f"python benchmarks/which_law.py --tables {asked.tables} "
        f"--rows {' '.join(map(str, asked.rows))} "
        f"--noise {' '.join(f'{noise:g}' for noise in asked.noise)} --seed {asked.seed}"
    )
    if asked.check:
        command += f" --check {' '.join(map(str, asked.check))}"
    if set(asked.laws) != set(LAWS):
        command += f" --laws {' '.join(asked.laws)}"
    start = time.perf_counter()
    # The longest first, so that no process is left alone with one of them at the end.
    cells = list(product(sorted(asked.rows, reverse=True), asked.noise, asked.laws))
    found = []
    # Forked processes would share the locks of JAX's threads.
    with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
        futures = [
            pool.submit(compared, name, rows, tables=asked.tables, noise=noise, seed=asked.seed)
            for rows, noise, name in cells
        ]
        both = [
            pool.submit(checked, name, rows, noise=noise, seed=asked.seed)
            for rows, noise, name in cells
            if rows in asked.check
        ]
        for future in as_completed(futures):
            found.append(future.result())
            sys.stderr.write(_progress(found, len(cells), time.perf_counter() - start))
        seconds = time.perf_counter() - start
        full = [future.result() for future in both]
    every = pd.concat(found, ignore_index=True)
    text = heading(f"Which law: {asked.tables} tables a cell", command) + report(every)
    if full:
        text += against(every, pd.concat(full, ignore_index=True))
    text += (
        f"{seconds:.0f} s in {asked.processes} processes for {asked.tables * len(cells)} tables, "
        "compilation included.\n"
    )
    keep(text, asked.out)


def architectures(rows: int, *, seed: int) -> dict[str, np.ndarray]:
    """Configurations that state the variables of all six laws.

    Active parameters and tokens are uniform on the logarithm; routed and shared active experts, the
    number of routed experts over routed active ones, and granularity are drawn from lists, each by
    itself. Every expert has the same size, which follows from the share of active parameters in
    experts, and so total parameters do. There is one pass through the looped block.

    Parameters
    ----------
    rows : int
        Number of runs.
    seed : int
        The same seed gives the same design.

    Returns
    -------
    dict of str to ndarray of shape (rows,)
        Canonical variables, raw counts.
    """
    rng = np.random.default_rng(seed)
    N_a = np.exp(rng.uniform(np.log(5e7), np.log(2e9), rows))
    D = np.exp(rng.uniform(np.log(5e9), np.log(1e11), rows))
    K = rng.choice([1.0, 2.0, 4.0, 8.0], rows)
    shared = rng.choice([0.0, 1.0, 2.0, 4.0], rows)
    E = K * rng.choice([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], rows)
    G = K + shared
    return {
        "N_a": N_a,
        "N": N_a * (1.0 + _IN_EXPERTS * (E - K) / G),
        "D": D,
        "G": G,
        "S": shared / G,
        "K": K,
        "E": E,
        "sparsity": 1.0 - K / E,
        "granularity": rng.choice([1.0, 2.0, 4.0, 8.0, 16.0], rows),
        "N_loop": N_a * rng.uniform(0.2, 0.8, rows),
        "R": np.ones(rows),
    }


def coefficients(law: bl.Law, design: dict[str, np.ndarray]) -> dict[str, float]:
    """Published coefficients, or where priors have their medians.

    Parameters
    ----------
    law : Law
        The law.
    design : dict of str to ndarray of shape (rows,)
        Its variables, whose typical run the priors are stated at.

    Returns
    -------
    dict of str to float
        Raw coefficients.
    """
    if law.coefficients:
        return law.published()
    on = {}
    for name, entry in law.parameters.items():
        prior = entry.prior
        nothing = prior.family == "normal" and prior.location == 0
        on[name] = prior.spread if nothing else prior.median
    typical = bl.read_runs(pd.DataFrame({**design, law.predicts: LOSS}))
    reference = bl.ReferenceRun.of(typical, law.variables, law.predicts)
    raw = law.form.to_raw(on, reference.at, reference.loss)
    return {name: float(value) for name, value in raw.items()}


def simulated(name: str, plan: dict[str, np.ndarray], *, noise: float, seed: int) -> bl.Runs:
    """A table of the plan with losses from one law and the variables of all.

    Parameters
    ----------
    name : str
        The generating law.
    plan : dict of str to ndarray of shape (rows,)
        The design.
    noise : float
        Standard deviation of log loss.
    seed : int
        Of the noise.

    Returns
    -------
    Runs
        The table.
    """
    law = bl.law(name)
    design = {variable: plan[variable] for variable in law.variables}
    runs = bl.simulate(
        law, design=design, noise_sd=noise, coefficients=coefficients(law, design), seed=seed
    )
    others = {variable: x for variable, x in plan.items() if variable not in design}
    return bl.read_runs(runs.table.assign(**others))


def compared(name: str, rows: int, *, tables: int, noise: float, seed: int) -> pd.DataFrame:
    """Compare all laws on tables of one of them.

    Parameters
    ----------
    name : str
        The generating law.
    rows : int
        Runs of a table.
    tables : int
        How many tables, which differ in their noise alone.
    noise : float
        Standard deviation of log loss.
    seed : int
        Of the design and of the first table.

    Returns
    -------
    DataFrame
        A row for each ``table`` and ``law``: ``left_out``, log density in nats summed over runs
        left out one by one; ``held_out``, the same of the larger runs; ``evidence``, its logarithm,
        and ``error``, the standard error of that; how many runs were ``refitted`` without, since
        importance weights failed; how many ``fits`` that makes, and how many are ``unmixed``; and
        the processor's ``seconds``. ``rows``, ``noise`` and ``source`` say which cell it is.
    """
    plan = architectures(rows, seed=seed)
    several = [simulated(name, plan, noise=noise, seed=seed + i) for i in range(tables)]
    over = ordering(several[0], None)
    if over is None:
        raise RuntimeError("the design has no compute that varies")
    (cut,), _ = make_cuts(several[0], over, (HELD_OUT,))
    with compiled():
        found = [one for rival in LAWS for one in _rival(bl.law(rival), several, cut.held)]
    return pd.DataFrame(found).assign(rows=rows, noise=noise, source=name)


def sampled(
    law: bl.Law, runs: bl.Runs, reference: bl.ReferenceRun, near: Mode | None
) -> tuple[bl.Posterior, Mode, bool]:
    """Fit by short chains, inside ``compiled``.

    Parameters
    ----------
    law : Law
        The law.
    runs : Runs
        The table.
    reference : ReferenceRun
        Where priors are stated.
    near : Mode or None
        Where the search for the mode begins: that of an alike table.

    Returns
    -------
    posterior : Posterior
        Draws, without notes.
    mode : Mode
        The mode.
    mixed : bool
        Whether chains agree and few draws diverge.
    """
    from arviz_stats.base import array_stats

    specification = Specification.of(runs, law, reference)
    target = Target.of(specification, runs)
    mode = find_mode(target, seed=1, points=None if near is None else [near.z])
    chains = nuts(
        target.density,
        target.device_data,
        mode.whitening,
        FitSettings(seed=1, chains=CHAINS, draws=DRAWS, warmup=WARMUP),
        target_accept=TARGET_ACCEPT,
    )
    r_hat = max(
        float(array_stats.rhat(z, chain_axis=0, draw_axis=1)) for z in np.moveaxis(chains.z, -1, 0)
    )
    mixed = r_hat <= LARGEST_R_HAT and chains.stats["diverging"].mean() <= MOST_DIVERGENT
    posterior = bl.Posterior(
        law=law,
        runs=runs,
        reference=reference,
        noise=specification.noise,
        draws=target.constrain(chains.z),
        stats=chains.stats,
        notes=(),
        info=FitInfo(),
    )
    return posterior, mode, mixed


def _rival(law: bl.Law, several: Sequence[bl.Runs], held: np.ndarray) -> list[dict[str, object]]:
    """Fit one law to all tables, with and without the largest runs, and score it."""
    needs = [*law.variables, law.predicts]
    several = [runs.require(needs, purpose=f"the law {law.name!r}") for runs in several]
    reference = bl.ReferenceRun.of(several[0], law.variables, law.predicts)
    smaller = training_reference(several[0].select(~held), law, reference.loss)
    whole: Mode | None = None
    part: Mode | None = None
    found: list[dict[str, object]] = []
    for i, runs in enumerate(several):
        start = time.process_time()
        posterior, mode, mixed = sampled(law, runs, reference, whole)
        trained, below, also = sampled(law, runs.select(~held), smaller, part)
        whole, part = whole or mode, part or below
        density, refits = _left_out(posterior, mode)
        weighed = bl.evidence(posterior)
        found.append(
            {
                "table": i,
                "law": law.name,
                "left_out": density,
                "held_out": float(
                    mean_density(log_likelihood(trained.model, runs.select(held))).sum()
                ),
                "evidence": weighed.log_evidence,
                "error": weighed.mcse,
                "refitted": len(refits),
                "fits": 2 + len(refits),
                "unmixed": sum(not one for one in (mixed, also, *refits)),
                "seconds": time.process_time() - start,
            }
        )
    return found


def _left_out(posterior: bl.Posterior, mode: Mode) -> tuple[float, list[bool]]:
    """Log density of runs left out one by one, summed, and whether each new fit mixed."""
    from arviz_stats.base import array_stats

    runs = posterior.runs
    every = log_likelihood(posterior.model, runs).reshape(CHAINS, DRAWS, len(runs))
    density, k, _ = array_stats.loo(np.moveaxis(every, -1, 0))
    density = np.array(density, dtype=float)
    # A comparison with NaN is false: weights whose tail cannot be fitted are bad ones.
    bad = np.flatnonzero(~(np.asarray(k) <= largest_k(CHAINS * DRAWS)))
    refits = []
    for i in bad:
        out = np.arange(len(runs)) == i
        without, _, mixed = sampled(posterior.law, runs.select(~out), posterior.reference, mode)
        density[i] = mean_density(log_likelihood(without.model, runs.select(out)))[0]
        refits.append(mixed)
    return float(density.sum()), refits


def _progress(found: Sequence[pd.DataFrame], count: int, seconds: float) -> str:
    last = found[-1]
    rows, noise, source = last[["rows", "noise", "source"]].iloc[0]
    return (
        f"{len(found)} of {count} cells, {seconds:.0f} s: {rows} runs, noise {noise:g}, "
        f"{source}: {_each(last):.1f} s of a processor a table\n"
    )


def _each(cell: pd.DataFrame) -> float:
    """Processor time of a table; the first also compiles, which the median passes over."""
    return float(cell.groupby("law")["seconds"].median().sum())


def report(every: pd.DataFrame) -> str:
    """All tables of the result.

    Parameters
    ----------
    every : DataFrame
        What ``compared`` returns, of all cells.

    Returns
    -------
    str
        Markdown.
    """
    leads = {measure: lead(every, measure) for measure in MEASURES}
    rows: list[list[object]] = []
    for size, noise in _groups(every, "rows", "noise"):
        said: list[object] = []
        for one in leads.values():
            here = one[(one["rows"] == size) & (one["noise"] == noise)]["lead"]
            said += [f"{(here > 0).sum()} of {len(here)}", int((here <= -DISTINGUISHED).sum())]
        rows.append([size, noise, *said])
    heads = ["runs", "noise"]
    for title in MEASURES.values():
        heads += [f"first by {title}", "another ahead"]
    text = "## All laws together\n\n" + table(heads, rows)
    text += (
        "First: how often the law that the runs come from scores highest of the six. Another "
        f"ahead: how often one of the others leads it by {DISTINGUISHED:g} nats or more.\n\n"
    )
    for measure, title in MEASURES.items():
        text += f"## By {title}\n\n{_by_cell(leads[measure])}"
    text += (
        f"Found: first by {DISTINGUISHED:g} nats or more. Lead: the score of the law that the "
        "runs come from less the highest of the others, in nats, mean over tables and its standard "
        "error.\n\n"
    )
    return text + "## The fits\n\n" + _fits(every)


def lead(every: pd.DataFrame, measure: str) -> pd.DataFrame:
    """By how much the generating law leads its best rival.

    Parameters
    ----------
    every : DataFrame
        What ``compared`` returns.
    measure : str
        One of its columns, in nats.

    Returns
    -------
    DataFrame
        A row a table: its cell, the ``lead``, negative where a rival is ahead, and the ``rival``.
    """
    keys = ["rows", "noise", "source", "table"]
    own = every["law"] == every["source"]
    truth = every[own].set_index(keys)[measure]
    others = every[~own].set_index("law").groupby(keys)[measure]
    found = pd.DataFrame({"lead": truth - others.max(), "rival": others.idxmax()})
    return found.reset_index()


def _by_cell(leads: pd.DataFrame) -> str:
    rows: list[list[object]] = []
    for size, noise, source in _groups(leads, "rows", "noise", "source"):
        here = _of(leads, size, noise, source)
        by = here["lead"]
        rivals = here["rival"].value_counts()
        # One table has no scatter.
        error = f" ({by.sem():.1f})" if len(by) > 1 else ""
        rows.append(
            [
                size,
                noise,
                source,
                f"{(by > 0).sum()} of {len(by)}",
                int((by >= DISTINGUISHED).sum()),
                int((by <= -DISTINGUISHED).sum()),
                f"{by.mean():.1f}{error}",
                f"{rivals.index[0]} ({rivals.iloc[0]})",
            ]
        )
    heads = ["runs", "noise", "runs come from", "first", "found", "another ahead", "lead"]
    return table([*heads, "best rival (times)"], rows)


def _fits(every: pd.DataFrame) -> str:
    rows: list[list[object]] = []
    for size, noise, source in _groups(every, "rows", "noise", "source"):
        here = _of(every, size, noise, source)
        by_law = here.groupby("law", sort=False)["unmixed"].sum()
        rows.append(
            [
                size,
                noise,
                source,
                int(here["fits"].sum()),
                int(by_law.sum()),
                f"{by_law.idxmax()} ({by_law.max()})" if by_law.any() else "-",
                int(here["refitted"].sum()),
                f"{here['error'].median():.2g}, {here['error'].max():.2g}",
                _each(here),
            ]
        )
    heads = ["runs", "noise", "runs come from", "fits", "not mixed", "most of them"]
    heads += ["runs fitted without", "error of evidence: median, largest", "processor s a table"]
    return table(heads, rows) + (
        f"Every fit has {CHAINS} chains of {DRAWS} draws after {WARMUP}. Not mixed: R-hat above "
        f"{LARGEST_R_HAT:g}, or more than {100 * MOST_DIVERGENT:g}% of the draws divergent; their "
        "scores count all the same. Runs fitted without: those whose importance weights failed.\n\n"
    )


def checked(name: str, rows: int, *, noise: float, seed: int) -> pd.DataFrame:
    """Scores of the first table of a cell by the package's own fits.

    Parameters
    ----------
    name, rows, noise, seed
        As for ``compared``.

    Returns
    -------
    DataFrame
        As of ``compared``, scores and seconds alone.
    """
    start = time.process_time()
    runs = simulated(name, architectures(rows, seed=seed), noise=noise, seed=seed)
    answer = bl.compare(runs, LAWS, cuts=(HELD_OUT,), seed=1, progress=False, force=True)
    found = pd.DataFrame(
        {
            "table": 0,
            "law": law,
            "left_out": float(answer.pointwise[law].sum()),
            "held_out": float(answer.held_out[law][0].sum()),
            "evidence": bl.evidence(answer.posteriors[law]).log_evidence,
        }
        for law in LAWS
    )
    seconds = time.process_time() - start
    return found.assign(rows=rows, noise=noise, source=name, seconds=seconds / len(LAWS))


def against(every: pd.DataFrame, full: pd.DataFrame) -> str:
    """What the short chains cost, from tables that were fitted both ways.

    Parameters
    ----------
    every : DataFrame
        What ``compared`` returns.
    full : DataFrame
        What ``checked`` returns.

    Returns
    -------
    str
        Markdown.
    """
    keys = ["rows", "noise", "source", "table"]
    rows: list[list[object]] = []
    for measure, title in MEASURES.items():
        both = lead(full, measure).merge(lead(every, measure), on=keys, suffixes=("", "_short"))
        scores = full.merge(every, on=[*keys, "law"], suffixes=("", "_short"))
        away = (scores[f"{measure}_short"] - scores[measure]).abs()
        moved = (both["lead_short"] - both["lead"]).abs()
        # The winner is another one if the sign of the lead is, or the rival that is ahead.
        other = (both["lead"] > 0) != (both["lead_short"] > 0)
        other |= (both["lead"] <= 0) & (both["rival"] != both["rival_short"])
        rows.append(
            [
                title,
                f"{int(other.sum())} of {len(both)}",
                f"{moved.median():.2f}, {moved.max():.2f}",
                f"{both['lead'].abs().median():.1f}, {both['lead'].abs().min():.1f}",
                f"{away.median():.2f}, {away.max():.2f}",
            ]
        )
    heads = ["by", "another winner", "change of the lead: median, largest"]
    heads += ["size of the lead: median, smallest", "change of a score: median, largest"]
    sizes = ", ".join(str(size) for size in sorted(full["rows"].unique()))
    return (
        f"## Short chains against the package's own fits\n\n{table(heads, rows)}"
        f"In nats, from the first table of every cell of {sizes} runs, also compared by "
        "`bl.compare` and `bl.evidence` as they are by default, for which processors worked "
        f"{full['seconds'].sum():.0f} s.\n\n"
    )


def _groups(every: pd.DataFrame, *names: str) -> list[tuple[object, ...]]:
    """Cells in the order of sizes and noises, and of the laws as they are listed."""
    found = every[list(names)].drop_duplicates().itertuples(index=False, name=None)
    return sorted(found, key=lambda one: (*one[:2], *map(LAWS.index, one[2:])))


def _of(every: pd.DataFrame, size: object, noise: object, source: object) -> pd.DataFrame:
    """The rows of one cell."""
    here = (every["rows"] == size) & (every["noise"] == noise) & (every["source"] == source)
    return every[here]


if __name__ == "__main__":
    main()
