"""Noise from replicates, and what a fit says where it scatters more than they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl


def table(noise: float, copies: int, misfit: float = 0.0, seed: int = 0) -> bl.Runs:
    """Thirty configurations of chinchilla, each run so often."""
    rng = np.random.default_rng(seed)
    clean = bl.simulate("chinchilla", rows=30, noise_sd=1e-9, seed=2).table
    rows = pd.concat([clean] * copies, ignore_index=True)
    missed = np.tile(misfit * rng.standard_normal(30), copies)
    scatter = noise * rng.standard_normal(len(rows))
    return bl.read_runs(rows.assign(loss=rows["loss"] * np.exp(missed + scatter)))


def test_the_interval_holds_the_noise_as_often_as_it_says() -> None:
    held, tables = 0, 400
    for seed in range(tables):
        found = bl.replicate_noise(table(0.002, 2, misfit=0.01, seed=seed))
        assert (found.runs, found.configurations, found.degrees) == (60, 30, 30)
        held += found.low <= 0.002 <= found.high
    error = np.sqrt(0.89 * 0.11 / tables)
    assert held / tables == pytest.approx(0.89, abs=3 * error)


def test_without_replicates_it_says_so() -> None:
    runs = bl.simulate("chinchilla", rows=20, seed=1)
    with pytest.raises(bl.BayesLawError, match="no two of 20 runs agree in N, D"):
        bl.replicate_noise(runs)
    twice = replace(runs, table=pd.concat([runs.table, runs.table], ignore_index=True))
    with pytest.raises(bl.BayesLawError, match="and differ in loss"):
        bl.replicate_noise(twice)


def test_clark_measured_the_noise_three_times(data_dir: Path) -> None:
    dense = bl.read_runs(
        data_dir / "clark2022_final.csv",
        columns={
            "N_a": "dense_parameter_count",
            "E": "num_experts",
            "loss": "loss_validation",
        },
        where="router_type == 'Dense'",
    )
    found = bl.replicate_noise(dense, same=["N_a"])
    assert found.runs == 3
    assert found.low * found.loss < 0.0007 < found.high * found.loss
    assert found.low * found.loss == pytest.approx(0.0004, abs=0.00005)
    assert found.high * found.loss == pytest.approx(0.0028, abs=0.0003)


def test_scatter_beyond_replicates_is_a_note() -> None:
    options = {"method": "laplace", "fallback": True, "seed": 1}
    missed = bl.fit(table(0.001, 2, misfit=0.01), "chinchilla", **options)
    (note,) = [note for note in missed.notes if note.code == "beyond_replicates"]
    assert "times the noise of 60 replicates" in note.message
    right = bl.fit(table(0.002, 2), "chinchilla", **options)
    assert "beyond_replicates" not in [note.code for note in right.notes]


def test_rows_that_stand_three_times_are_no_replicates() -> None:
    clean = bl.simulate("chinchilla", rows=12, noise_sd=0.01, seed=3)
    thrice = replace(clean, table=pd.concat([clean.table] * 3, ignore_index=True))
    with pytest.raises(bl.BayesLawError, match="no two of 36 runs agree"):
        bl.replicate_noise(thrice)


def test_variables_that_the_law_ignores_tell_configurations_apart() -> None:
    clean = bl.simulate("chinchilla", rows=30, noise_sd=1e-9, seed=3).table
    both = pd.concat([clean.assign(E=2.0), clean.assign(E=64.0)], ignore_index=True)
    loss = both["loss"] * np.where(both["E"] > 2, 0.95, 1.0)
    runs = bl.read_runs(both.assign(loss=loss))
    fitted = bl.fit(runs, "chinchilla", noise="normal", method="laplace", seed=1)
    at = {"N": np.array([1e9]), "D": np.array([2e10])}
    run, seen = (fitted.predict(at, level=level) for level in ("run", "observation"))
    # What experts do is misfit of this law, not noise.
    assert run["high"].item() == pytest.approx(seen["high"].item(), rel=1e-9)


def test_what_tuning_costs_stays_in_the_next_runs_true_loss() -> None:
    clean = bl.simulate("chinchilla", rows=60, noise_sd=1e-9, seed=3).table
    rng = np.random.default_rng(2)
    late = np.tile(0.02 * rng.standard_exponential(60), 2)
    noise = 0.002 * rng.standard_normal(120)
    twice = pd.concat([clean, clean], ignore_index=True)
    runs = bl.read_runs(twice.assign(loss=twice["loss"] * np.exp(late + noise)))
    fitted = bl.fit(runs, "chinchilla", noise="undertuned", method="laplace", seed=1)
    at = {"N": np.array([1e9]), "D": np.array([2e10])}
    law, run = (fitted.predict(at, level=level).iloc[0] for level in ("law", "run"))
    assert np.log(run["high"] / law["high"]) > 0.02


def test_what_replicates_differ_by_is_no_part_of_the_next_runs_true_loss() -> None:
    base = bl.simulate("chinchilla", rows=40, noise_sd=0.01, seed=3)
    at = {"N": np.array([1e9]), "D": np.array([2e10])}

    def widths(runs: bl.Runs) -> dict[str, float]:
        fitted = bl.fit(runs, "chinchilla", noise="normal", method="laplace", seed=1)
        found = {}
        for level in ("law", "run", "observation"):
            row = fitted.predict(at, level=level).iloc[0]
            found[level] = float(np.log(row["high"] / row["low"]))
        return found

    # Without replicates all scatter counts as misfit.
    alone = widths(base)
    assert alone["run"] == pytest.approx(alone["observation"], rel=1e-9)
    # With every run twice and .008 apart (a standard deviation of .0057), the rest does.
    twice = pd.concat([base.table, base.table], ignore_index=True)
    away = np.repeat([1.0, -1.0], 40) * 0.004
    runs = replace(base, table=twice.assign(loss=twice["loss"] * np.exp(away)))
    both = widths(runs)
    assert both["law"] < both["run"] < both["observation"]
    pure = bl.replicate_noise(runs).sd
    assert pure == pytest.approx(0.008 / np.sqrt(2), rel=1e-6)
    wanted = np.sqrt(both["observation"] ** 2 - (2 * 1.598 * pure) ** 2)
    assert both["run"] == pytest.approx(wanted, rel=0.05)


def test_the_estimate_is_a_result_like_any() -> None:
    noise = bl.replicate_noise(table(0.002, 2), ci_prob=0.8)
    assert noise.summary.startswith("60 runs of 30 configurations differ by")
    assert "80% interval" in noise.summary
    plain = noise.to_dict()
    assert plain["ci_prob"] == 0.8
    assert plain["notes"] == []
    assert noise.to_frame().loc[0, "sd"] == plain["sd"] == noise.sd
