"""Architectures: counts of released models, round trips of what can be built, and what it costs.

Four families are built near twenty targets from 1e9 to 1e12 parameters, written as config.json and
counted again. At some sizes the best configuration that can be built is set beside the continuous
optimum of a fit of zhao2025 to simulated runs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.architecture.rows import variables_of_columns

FAMILIES = ("deepseek_v3", "qwen3_moe", "olmoe", "mixtral")
SIZES, SHARES = np.geomspace(1e9, 1e12, 5), (0.25, 0.2, 0.1, 0.06)
REGRET_SIZES = (10e9, 30e9, 100e9, 400e9)
TOKENS = 2e12
ROWS = 100_000
CONFIGS = Path(__file__).parents[1] / "tests" / "architecture" / "configs"


def released() -> str:
    rows: list[list[object]] = []
    for path in sorted(CONFIGS.glob("*.json")):
        model = bl.architecture(path)
        sizes = [
            f"{model.counts.loc[name, 'N'] / 1e9:.2f} / {model.counts.loc[name, 'N_a'] / 1e9:.2f}"
            for name in ("included", "output_only", "excluded")
        ]
        rows.append([path.stem, *sizes, model.G, model.S, model.E, model.granularity])
    heads = ["model", "all", "without the input embedding", "without both", "G", "S", "E"]
    return "## Released models, N / N_a in 1e9\n\n" + table([*heads, "granularity"], rows)


def round_trips() -> str:
    rows: list[list[object]] = []
    for family in FAMILIES:
        off_n, off_active, seconds, built = [], [], [], 0
        for N in SIZES:
            # Small models are counted without embeddings, which would be most of them.
            embeddings = "excluded" if N < 1e10 else "included"
            for share in SHARES:
                started = time.perf_counter()
                found = bl.buildable(family, N=N, N_a=share * N, embeddings=embeddings)
                seconds.append(time.perf_counter() - started)
                built += len(found.frame)
                config = json.loads(json.dumps(found.config()))
                counted = bl.architecture(config).variables(embeddings)
                off_n.append(100 * abs(counted["N"] / N - 1))
                off_active.append(100 * abs(counted["N_a"] / (share * N) - 1))
        values = [np.median(off_n), max(off_n), np.median(off_active), max(off_active)]
        rows.append([family, built, *map(float, values), float(np.median(seconds))])
    heads = ["family", "configurations", "N off, median %", "N off, most %"]
    heads += ["N_a off, median %", "N_a off, most %", "seconds a target"]
    count = f"{len(SIZES) * len(SHARES)} targets a family"
    return f"## buildable → config.json → architecture, {count}\n\n" + table(heads, rows)


def regrets(seed: int) -> str:
    runs = bl.simulate("zhao2025", seed=seed)
    posterior = bl.fit(runs, "zhao2025", method="laplace", seed=seed)
    rows: list[list[object]] = []
    for N in REGRET_SIZES:
        at = {"N": N, "D": TOKENS}
        best = bl.optimum(posterior, at=at)
        best_at = {name: one.median for name, one in best.quantities.items()}
        continuous = {"N_a": best_at["N_a/N"] * N, "G": best_at["G"], "S": best_at["S"]}
        for family in ("deepseek_v3", "qwen2_moe"):
            found = bl.buildable(family, N=N, **continuous, tolerance=0.02)
            wide = bl.buildable(family, N=N, tolerance=0.02)
            frame = pd.concat([found.frame, wide.frame])[["N_a", "G", "S", "E"]]
            frame.loc["continuous"] = {**continuous, "E": np.nan}
            ranked = bl.decide(posterior, frame[["N_a", "G", "S"]], at=at).to_frame()
            built = ranked.drop(index="continuous")
            excess = float(built["expected"].iloc[0] - ranked.loc["continuous", "expected"])
            optimum = f"{continuous['N_a'] / N:.3g}, {continuous['G']:.3g}, {continuous['S']:.3g}"
            rows.append([f"{N:g}", optimum, family, len(built), str(built.index[0]), excess])
    heads = ["N", "continuous N_a/N, G, S", "family", "built", "best of them", "regret, nats"]
    title = f"## Regret of the best that can be built, {TOKENS:g} tokens"
    return f"{title}\n\n{table(heads, rows)}"


def speed(seed: int) -> str:
    rng = np.random.default_rng(seed)
    columns = {
        "hidden_size": 128 * rng.integers(4, 64, ROWS),
        "num_hidden_layers": rng.integers(4, 90, ROWS),
        "num_attention_heads": rng.integers(4, 128, ROWS),
        "vocab_size": rng.integers(30_000, 160_000, ROWS),
        "num_experts": rng.integers(16, 512, ROWS),
        "num_experts_per_tok": rng.integers(1, 16, ROWS),
        "intermediate_size": 64 * rng.integers(4, 48, ROWS),
    }
    started = time.perf_counter()
    variables_of_columns("olmoe", columns, place="speed")
    return f"{ROWS} rows of olmoe are counted in {time.perf_counter() - started:.3f} s.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    command = f"python benchmarks/architecture.py --seed {arguments.seed}"
    text = heading("Architectures", command) + released() + round_trips()
    keep(text + regrets(arguments.seed) + speed(arguments.seed), arguments.out)


if __name__ == "__main__":
    main()
