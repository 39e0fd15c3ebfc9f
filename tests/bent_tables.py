"""Tables whose losses bend along one variable as no law's form does."""

from __future__ import annotations

import numpy as np
import pandas as pd

import bayeslaw as bl

#: Standard deviation between replicates, in nats.
NOISE = 0.003
_TOKENS = [10e9, 17e9, 29e9, 50e9]
#: Law, variable, its levels and how many nats each level lies above the best.
_BENDS = {
    "G": ("zhao2025", [1, 2, 4, 6, 8, 12, 16], [48.5, 25.5, 1, 0, 7.5, 69.5, 194.5]),
    "S": (
        "zhao2025",
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        [60, 0, 6, 12, 18, 24, 30, 36],
    ),
    "N_a": (
        "zhao2025",
        [5e7, 1e8, 2e8, 3e8, 4e8, 5e8, 7e8, 9e8],
        [40, 32, 24, 16, 8, 0, 40, 80],
    ),
    "E": ("ludziejewski2025", [1, 2, 4, 8, 16, 32], [60, 50, 40, 30, 0, 60]),
}


def bent(name: str, seed: int = 0) -> tuple[str, bl.Runs]:
    """The name of a law, and runs that vary one variable and tokens."""
    rng = np.random.default_rng(seed)
    if name == "N":
        return "chinchilla", _sweeps(rng)
    law, levels, above = _BENDS[name]
    at = {"N": 1e9, "N_a": 2e8, "G": 7.0, "S": 0.14, "E": 8.0}
    at = {key: at[key] for key in bl.law(law).variables if key != "D"}
    sizes = [at["N_a"]] if law == "zhao2025" else [5e7, 2e8, 8e8]
    rows = [
        {**at, "N_a": n, "D": d, name: level} for n in sizes for d in _TOKENS for level in levels
    ]
    table = pd.DataFrame(rows)
    middle = bl.law(law).predict(**{**table[[*at, "D"]], name: at[name]})
    shift = np.tile(np.array(above) / 1000, len(table) // len(above))
    return law, bl.read_runs(table.assign(loss=middle + shift + _noise(rng, table)))


def _sweeps(rng: np.random.Generator) -> bl.Runs:
    """Nine sizes at each of five budgets: a slow fall, and a steep rise above the best."""
    budget, size = np.meshgrid([6e18, 3e19, 1e20, 6e20, 3e21], np.linspace(-1.8, 1.8, 9))
    best = 0.09 * np.sqrt(budget) * np.exp(0.9)
    table = pd.DataFrame({"N": (best * np.exp(size - 0.9)).ravel()})
    table["D"] = budget.ravel() / 6 / table["N"]
    above = np.where(size < 0.9, 0.02 * (0.9 - size), 0.25 * (size - 0.9))
    middle = 1.9 + (budget / 1e20) ** -0.12 + above
    return bl.read_runs(table.assign(loss=middle.ravel() + _noise(rng, table)))


def _noise(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    return NOISE * rng.standard_normal(len(table))
