"""How often a comparison finds the law that the runs come from, among six that rival it.

One design of architectures, from which the variables of all six laws are derived; losses from each
law in turn; all six compared on every table, by leaving single runs out and by holding out the
fifth of largest compute. Loss scale, reference and the runs held out are those of the design, the
same for all tables of a cell. A law without published coefficients stands at its prior medians, and
signed exponents that would be zero there one prior standard deviation above, since an effect of
nothing cannot be found. As in the package, fits are the normal approximation at the mode, and NUTS
where that fails its own check.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.extrapolation import Cut, cuts_of, ordering, training_reference
from bayeslaw.comparison.folds import refit
from bayeslaw.comparison.loo import leave_runs_out
from bayeslaw.comparison.result import DISTINGUISHED
from bayeslaw.comparison.scores import score

LAWS = (
    "zhao2025",
    "krajewski2024",
    "ludziejewski2025",
    "abnar2025",
    "wang2024",
    "looped2026",
)
HELD_OUT = 0.2
DRAWS = 2500
# Typical loss of a law that nobody published coefficients of.
LOSS = 3.0
# Share of the active parameters that lies in experts.
_IN_EXPERTS = 0.6


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20, help="tables of each law and noise")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.003, 0.01])
    parser.add_argument("--laws", nargs="+", choices=LAWS, default=LAWS, help="generating laws")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()

    plan = architectures(asked.rows, seed=asked.seed)
    command = (
        f"python benchmarks/which_law.py --tables {asked.tables} --rows {asked.rows} "
        f"--noise {' '.join(f'{noise:g}' for noise in asked.noise)} --seed {asked.seed}"
    )
    if set(asked.laws) != set(LAWS):
        command += f" --laws {' '.join(asked.laws)}"
    start, used = time.perf_counter(), time.process_time()
    rows = []
    for noise in asked.noise:
        for name in asked.laws:
            cell = compared(name, plan, tables=asked.tables, noise=noise, seed=asked.seed)
            rows.append([name, noise, *_counts(name, cell)])
    seconds, used = time.perf_counter() - start, time.process_time() - used
    count = asked.tables * len(asked.laws) * len(asked.noise)
    heads = [
        "runs come from",
        "noise",
        "best by runs left out",
        "not distinguished from the best",
        "most often best",
        "best on larger runs",
        "not distinguished there",
        "most often best there",
        "fits not trusted",
    ]
    text = heading(f"Which law: {asked.rows} runs, {asked.tables} tables a row", command)
    text += table(heads, rows)
    text += (
        "Not distinguished: another law is best, by less than "
        f"{DISTINGUISHED:g} nats summed over the runs left out or held out.\n\n"
        f"{seconds:.0f} s in all, compilation included; {seconds / count:.1f} s a table, for which "
        f"processors worked {used / count:.1f} s.\n"
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
    reference = bl.Reference.of(typical, law.variables, law.predicts)
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
        law, design=design, noise=noise, coefficients=coefficients(law, design), seed=seed
    )
    others = {variable: x for variable, x in plan.items() if variable not in design}
    return bl.read_runs(runs.table.assign(**others))


@dataclass
class Cell:
    """What six laws predict of the tables of one generating law and noise.

    Attributes
    ----------
    left_out : dict of str to list of float
        For each law the log density of each table, summed over runs left out.
    held_out : dict of str to list of float
        The same of the larger runs held out.
    untrusted : int
        How many fits have an error-level note.
    """

    left_out: dict[str, list[float]] = field(default_factory=dict)
    held_out: dict[str, list[float]] = field(default_factory=dict)
    untrusted: int = 0


def compared(
    name: str, plan: dict[str, np.ndarray], *, tables: int, noise: float, seed: int
) -> Cell:
    """Compare all laws on tables of one of them.

    Parameters
    ----------
    name : str
        The generating law.
    plan : dict of str to ndarray of shape (rows,)
        The design.
    tables : int
        How many tables, which differ in their noise alone.
    noise : float
        Standard deviation of log loss.
    seed : int
        Of the first table.

    Returns
    -------
    Cell
        Log densities of every table and law.
    """
    several = [simulated(name, plan, noise=noise, seed=seed + i) for i in range(tables)]
    over = ordering(several[0], None)
    if over is None:
        raise RuntimeError("the design has no compute that varies")
    (cut,), _ = cuts_of(several[0], over, (HELD_OUT,))
    found = Cell()
    for rival in LAWS:
        _rival(bl.law(rival), several, cut, found)
    return found


def _rival(law: bl.Law, several: list[bl.Runs], cut: Cut, found: Cell) -> None:
    """Fit one law to all tables, with and without the largest runs, and add what it predicts."""
    fits = bl.fit_many(
        several, law, method="laplace", hand_over=True, draws=DRAWS, seed=1, progress=False
    )
    left = [leave_runs_out(one, progress=False) for one in fits]
    found.left_out[law.name] = [float(one.log_density.sum()) for one in left]
    training = [runs.select(~cut.held) for runs in several]
    reference = training_reference(training[0], law, fits[0].reference.loss)
    smaller = refit(fits[0], training, reference=reference, progress=False)
    found.held_out[law.name] = [
        float(score(one, runs.select(cut.held)).log_density.sum())
        for one, runs in zip(smaller, several, strict=True)
    ]
    found.untrusted += sum(not one.trusted for one in [*fits, *smaller])
    found.untrusted += sum(one.untrusted for one in left)


def _counts(name: str, cell: Cell) -> list[object]:
    said: list[object] = []
    for density in (cell.left_out, cell.held_out):
        tables = [
            dict(zip(density, one, strict=True)) for one in zip(*density.values(), strict=True)
        ]
        best = [max(one, key=one.__getitem__) for one in tables]
        won = sum(winner == name for winner in best)
        close = sum(
            winner != name and one[winner] - one[name] < DISTINGUISHED
            for winner, one in zip(best, tables, strict=True)
        )
        ((most, times),) = Counter(best).most_common(1)
        said += [f"{won} of {len(tables)}", f"{close} of {len(tables)}", f"{most} ({times})"]
    return [*said, cell.untrusted]


if __name__ == "__main__":
    main()
