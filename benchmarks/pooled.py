"""Five public tables in one posterior: rival laws, optima, and sources left out.

Needs the folder of real runs (BAYESLAW_DATA, or ../shared/data beside the checkout). Every cell is
kept in --folder as it ends, and a later call goes on from them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cells import Cells
from provenance import ROOT, heading, keep, table

import bayeslaw as bl
from bayeslaw.comparison.scores import score
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.model.identifiability import informed

RIVALS = ("zhao2025", "zhao2025_untied", "zhao2025_power", "wang2024", "ludziejewski2025")
SIZES = {"30B": 30e9, "671B": 671e9}
QUANTITIES = ("G", "S", "N_a/N")
DRAWS = {"chains": 4, "warmup": 400, "draws": 1000}
# Of fits that are many: a second attempt, in better coordinates, comes sooner.
FEWER = {"chains": 4, "warmup": 400, "draws": 500}
FACTORS = (0.5, 2.0)
# Above it a fit decides nothing.
LARGEST_RHAT = 1.05
# Share of each source, by N_a D, that a rolling origin holds out.
HELD = 0.3
PARTS = ("rivals", "posterior", "without", "sources")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Where cells are kept, to be resumed.")
    parser.add_argument("--out")
    asked = parser.parse_args()
    os.environ.setdefault("BAYESLAW_DATA", str(ROOT / ".." / "shared" / "data"))
    cells = Cells(asked.folder)
    command = f"python benchmarks/pooled.py --seed {asked.seed}"
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
    keep(text + f"{cells.seconds:.0f} s of processor time.\n", asked.out)


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
        fitted = bl.fit(runs.select(~held), law, pool="sources", seed=seed, progress=False, **FEWER)
        found = score(fitted, runs.select(held), seed=seed)
        by = pd.Series(found.crps).groupby(labels[held]).mean()
        inside = float(found.inside.mean())
        return {"crps": by.to_dict(), "inside": inside, **state(fitted)}

    cell = {law: cells.get(f"rival_{law}", lambda law=law: one(law)) for law in RIVALS}
    names = [*next(iter(cell.values()))["crps"]]
    rows = [
        [
            *(law, *(1e3 * one["crps"][n] for n in names), _mean_crps(one)),
            *(one["inside"], one["rhat"], one["ess"], one["divergences"]),
        ]
        for law, one in cell.items()
    ]
    # Of those that have a best G and S, and have converged.
    others = {
        law: _mean_crps(one)
        for law, one in cell.items()
        if law != "zhao2025"
        and one["rhat"] < LARGEST_RHAT
        and {"G", "S"} <= set(bl.law(law).variables)
    }
    rival = min(others, key=lambda law: others[law])
    text = (
        f"## Rivals by a rolling origin\n\nEach source short of its largest {HELD:.0%} by N_a D. "
        "CRPS of log loss in thousandths. The best rival of zhao2025 that has a best G and S and "
        f"an R-hat below {LARGEST_RHAT} is {rival}; a fit above that has not converged and decides "
        "nothing.\n\n"
    )
    heads = ["law", *names, "geometric mean", "covered", "R-hat", "ESS", "divergences"]
    return text + table(heads, rows), rival


def state(fitted: bl.Posterior) -> dict[str, float]:
    """Diagnostics of what is reported.

    Parameters
    ----------
    fitted : Posterior
        The fit.

    Returns
    -------
    dict of str to float
        Largest R-hat, smallest effective sample size, and number of divergences.
    """
    frame = fitted.to_frame()
    return {
        "rhat": float(frame["rhat"].max()),
        "ess": float(frame[["ess_bulk", "ess_tail"]].min().min()),
        "divergences": int(fitted.stats["diverging"].sum()),
    }


def _mean_crps(cell: dict[str, Any]) -> float:
    return float(1e3 * np.exp(np.log([*cell["crps"].values()]).mean()))


def _posteriors(cells: Cells, seed: int, laws: tuple[str, str]) -> str:
    text = "## Posteriors of all five\n\n"
    for law in laws:
        cell = _posterior_cell(cells, law, seed)
        text += (
            f"**{law}**: {cell['chains']} chains. Largest R-hat {cell['rhat']:.3f}, smallest ESS "
            f"{cell['ess']:.0f}, {cell['divergences']} divergences in {cell['attempts']} "
            f"attempt(s); {cell['seconds']:.0f} s of processor time.\n\n"
        )
        heads = ["", "role", "median", "low", "high", "prior low", "prior high", "informed by"]
        text += table([*heads, "informed by sources"], cell["coefficients"])
        text += "Prior sensitivity (power scaling; above .05 counts):\n\n"
        text += table(*cell["sensitivity"])
        text += (
            "Medians and 89% intervals if sources were expected to differ half or twice as much "
            "(importance weights of the draws; the smallest effective number is "
            f"{cell['fewest']:.0f}):\n\n"
        )
        heads = ["", *(f"{factor:g} times" for factor in (1.0, *FACTORS))]
        text += table(heads, cell["spread"])
    return text


def _posterior_cell(cells: Cells, law: str, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = cells.get(f"posterior_{law}", lambda: _posterior(law, seed))
    return found


def _posterior(law: str, seed: int) -> dict[str, Any]:
    runs = pooled()
    start = time.process_time()
    options = DRAWS if law == "zhao2025" else FEWER
    fitted = bl.fit(runs, law, pool="sources", seed=seed, progress=False, **options)
    spent = time.process_time() - start
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
    best = bl.optimum(fitted, at={"N": SIZES["30B"]})
    spread, fewest = _spread_prior(fitted, best)
    return {
        **state(fitted),
        "chains": fitted.stats["diverging"].shape[0],
        "attempts": fitted.info.attempts,
        "seconds": spent,
        "coefficients": rows,
        "sensitivity": [
            [str(name) for name in sensitivity.columns],
            [[_plain(v) for v in row] for row in sensitivity.itertuples(index=False)],
        ],
        "spread": spread,
        "fewest": fewest,
        "optima": _optima(fitted),
    }


def _spread_prior(fitted: bl.Posterior, best: bl.Optimum) -> tuple[list[list[str]], float]:
    """Quantities under priors of the spreads that are moved by a factor."""
    quantities = {name: fitted.draws[name].ravel() for name in ("alpha", "beta")}
    for name in ("alpha", "beta", "epsilon"):
        quantities[f"pool_scale_{name}"] = fitted.draws[f"pool_scale_{name}"].ravel()
    quantities |= {f"{name}* at 30B": best.quantities[name].draws for name in QUANTITIES}
    weights = [np.ones(quantities["alpha"].size)]
    for factor in FACTORS:
        change = np.zeros(quantities["alpha"].size)
        for pool in fitted.pool:
            away = pool.spread.standardise(fitted.draws[pool.scale].ravel())
            moved = np.log(factor) / pool.spread.numbers[1]
            change += 0.5 * (away**2 - (away - moved) ** 2)
        weights.append(np.exp(change - change.max()))
    fewest = min(float(w.sum() ** 2 / (w**2).sum()) for w in weights)
    rows = [[name, *(_weighted(draws, w) for w in weights)] for name, draws in quantities.items()]
    return rows, fewest


def _weighted(draws: np.ndarray, weights: np.ndarray) -> str:
    tail = (1 - INTERVAL) / 2
    low, middle, high = np.quantile(
        draws, [tail, 0.5, 1 - tail], weights=weights, method="inverted_cdf"
    )
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, float | np.floating) else str(value)


def _optima(fitted: bl.Posterior) -> list[list[Any]]:
    rows = []
    for size, N in SIZES.items():
        try:
            best = bl.optimum(fitted, at={"N": N})
        except bl.BayesLawError as error:
            rows.append([size, "none", *[""] * 5, str(error).split(". ")[0]])
            continue
        for name in QUANTITIES:
            one = best.quantities[name]
            ends = (one.median, one.low, one.high, one.prior_low, one.prior_high)
            ends = [float(value) for value in ends]
            rows.append([size, name, *ends, one.status])
    return rows


def _without(cells: Cells, seed: int, laws: tuple[str, str]) -> str:
    text = (
        "## Optima with and without each source\n\n4 chains of 500 draws where one is left out; of "
        "the rival with all sources and without structure.\n\n"
    )
    every = (None, "structure", "upcycling", "clark", "marin_v16", "hero")
    for law in laws:
        rows = []
        for left in every if law == "zhao2025" else every[:2]:
            if left is None:
                cell = _posterior_cell(cells, law, seed)
            else:
                cell = cells.get(
                    f"without_{left}_{law}",
                    lambda left=left, law=law: _one_without(left, law, seed),
                )
            state = f"{cell['rhat']:.3f}, {cell['ess']:.0f}, {cell['divergences']}"
            rows += [[left or "none", state, *row] for row in cell["optima"]]
        heads = [
            "left out",
            "R-hat, ESS, divergences",
            "N",
            "best",
            "median",
            "low",
            "high",
            "prior low",
            "prior high",
        ]
        text += f"**{law}**\n\n" + table([*heads, "status"], rows)
    return text


def _one_without(left: str | None, law: str, seed: int) -> dict[str, Any]:
    fitted = bl.fit(pooled(left), law, pool="sources", seed=seed, progress=False, **FEWER)
    return {**state(fitted), "optima": _optima(fitted)}


def _left_out(cells: Cells, seed: int) -> str:
    rows = []
    for name in ("clark", "upcycling", "marin_v16", "hero"):

        def one(name: str = name) -> dict[str, Any]:
            found = bl.leave_one_source_out(pooled(), "zhao2025", only=name, seed=seed, **FEWER)
            return {
                "row": [float(value) for value in found.to_frame().loc[name]],
                "errors": [note.message.split(" for ")[0] for note in found.fit_notes],
            }

        cell = cells.get(f"source_{name}", one)
        few, larger, *values = cell["row"]
        values[0], values[2] = 1e3 * values[0], 1e3 * values[2]
        errors = [error.split(", with about")[0] for error in cell["errors"]]
        rows.append([name, int(few), int(larger), *values, "; ".join(errors) or "none"])
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
        "errors of fits",
    ]
    return text + table(heads, rows)


if __name__ == "__main__":
    main()
