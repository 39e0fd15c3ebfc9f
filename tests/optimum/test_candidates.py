"""Configurations completed by a budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import TableError


def test_memory_decides_between_numbers_of_experts() -> None:
    """ludziejewski2025's table once more, as a decision among configurations that fit."""
    law = bl.law("ludziejewski2025")
    table, vocabulary = [], 50257
    for blocks in np.geomspace(2, 200, 400):
        for experts in (1, 2, 4, 8, 16, 32):
            width = 64 * blocks
            active = 2 * width * vocabulary + 13 * blocks * width**2
            total = 2 * width * vocabulary + (4 + 9 * experts) * blocks * width**2
            table.append((active, float(experts), total))
    given = pd.DataFrame(table, columns=["N_a", "E", "total"])
    runs = bl.simulate(law, rows=40, seed=1)
    posterior = bl.fit(runs, law, method="mode", seed=1)
    published = {k: np.full((1, 1), v) for k, v in law.published().items()}
    posterior = replace(posterior, draws={**posterior.draws, **published})
    published_best = {(1e22, 24e9): 4, (1e22, 640e9): 32, (1e23, 24e9): 1, (1e24, 80e9): 1}
    for (flops, memory), best in published_best.items():
        answer = bl.decide(
            posterior,
            given,
            budget=bl.Budget(train_flops=flops, caps={"2*total": memory}),
        )
        assert answer.frame.iloc[0]["E"] == best
        assert (2 * answer.frame["total"] <= memory).all()
        assert any(note.code == "left_out" for note in answer.notes)


def test_columns_of_different_lengths(thin: bl.Posterior) -> None:
    with pytest.raises(TableError, match="2 of G, 3 of S"):
        bl.decide(thin, {"G": [4.0, 5.0], "S": [0.1, 0.2, 0.3]})


def test_a_cap_on_tokens_leaves_flops_unspent_in_a_decision(thin: bl.Posterior) -> None:
    """Small models could train on more than there is: they stay, with what there is."""
    table = {"N": [1e10, 1e11], "N_a": [1e9, 1e11], "G": [7.0, 7.0], "S": [0.3, 0.3]}
    budget = bl.Budget(train_flops=1e23, max_tokens=1e12)
    answer = bl.decide(thin, table, budget=budget)
    tokens = dict(zip(answer.frame["N_a"], answer.frame["D"], strict=True))
    assert tokens[1e9] == pytest.approx(1e12)
    assert tokens[1e11] == pytest.approx(1e23 / 6e11)
    (note,) = [note for note in answer.notes if note.code == "unspent"]
    assert note.message.startswith("in 1 of 2 configurations a cap on D")
