"""Offsets of groups do not take the place of the law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayeslaw as bl

TRUTH = {"E": 2.1, "alpha": 0.299}


@pytest.fixture(scope="module")
def checkpoints() -> bl.Runs:
    """Six token counts for each of twelve sizes, with a data term that grows with size."""
    rng = np.random.default_rng(0)
    size = np.repeat(np.geomspace(6e7, 4e9, 12), 6)
    tokens = np.tile(np.geomspace(1e10, 1e11, 6), 12)
    loss = 2.1 + 200 * size**-0.299 + 1500 * (size / 1e9) ** 0.15 * tokens**-0.37
    loss *= np.exp(0.0006 * rng.standard_normal(72))
    runs = bl.simulate("chinchilla", design={"N": size, "D": tokens}, seed=0)
    table = runs.table.assign(loss=loss, run=[f"r{k // 6}" for k in range(72)])
    return replace(runs, table=table, groups=("run",))


def test_offsets_of_runs_of_one_size_each_are_an_error_and_leave_the_law(
    checkpoints: bl.Runs,
) -> None:
    options = {"method": "laplace", "noise": "normal", "progress": False}
    posterior = bl.fit(checkpoints, "chinchilla", discrepancy="group", **options)
    (note,) = [note for note in posterior.notes if note.code == "offsets_confounded"]
    assert note.severity == "error"
    assert "each 'run' has one value of N: its offset can take the place of" in note.message
    assert 'discrepancy="gp"' in note.remedy
    # Offsets of 16% had left a floor of .6; what the law misses here is worth some tenths.
    assert np.median(posterior.draws["E"]) == pytest.approx(TRUTH["E"], abs=0.4)
    kernel = bl.Offsets("run")
    assert np.max(kernel.sd(posterior.draws[kernel.scale])) <= 0.03


def test_large_offsets_are_an_error_and_small_ones_are_not(checkpoints: bl.Runs) -> None:
    family = np.array(["a", "b", "c"])[np.arange(72) % 3]
    for step, codes in ((0.005, set()), (0.1, {"offsets_large"})):
        shift = np.exp(step * (np.arange(72) % 3))
        runs = bl.simulate("chinchilla", design=checkpoints.columns("ND"), noise_sd=0.002, seed=1)
        table = runs.table.assign(loss=runs.column("loss") * shift, family=family)
        posterior = bl.fit(
            replace(runs, table=table, groups=("family",)),
            "chinchilla",
            method="laplace",
            noise="normal",
            discrepancy="group",
            progress=False,
        )
        found = [note for note in posterior.notes if note.code.startswith("offsets_")]
        assert {note.code for note in found} == codes
        assert all(note.severity == "error" for note in found)
