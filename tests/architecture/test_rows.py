"""Columns of architectures: every row as its configuration counts, and fast."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.architecture.architecture import architecture
from bayeslaw.architecture.rows import variables_of_columns

CONFIGS = Path(__file__).parent / "configs"


def columns(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Architectures of DeepSeek's family."""
    rng = np.random.default_rng(seed)
    layers = rng.integers(4, 90, rows)
    return {
        "hidden_size": 128 * rng.integers(4, 64, rows),
        "num_hidden_layers": layers,
        "num_attention_heads": rng.integers(4, 128, rows),
        "vocab_size": rng.integers(30_000, 160_000, rows),
        "n_routed_experts": rng.integers(16, 512, rows),
        "num_experts_per_tok": rng.integers(1, 16, rows),
        "n_shared_experts": rng.integers(0, 4, rows),
        "moe_intermediate_size": 64 * rng.integers(4, 48, rows),
        "intermediate_size": 64 * rng.integers(4, 48, rows),
        "first_k_dense_replace": rng.integers(0, 4, rows),
        "q_lora_rank": rng.choice([0, 512, 1536], rows),
        "kv_lora_rank": np.full(rows, 512, dtype=np.int32),
        "qk_nope_head_dim": np.full(rows, 128),
        "qk_rope_head_dim": np.full(rows, 64),
        "v_head_dim": np.full(rows, 128),
        "tie_word_embeddings": rng.integers(0, 2, rows),
    }


@pytest.mark.parametrize("convention", ["included", "output_only", "excluded"])
def test_rows_are_what_their_configurations_count(convention: str) -> None:
    table = columns(40)
    derived = variables_of_columns("deepseek_v3", table, embeddings=convention, place="test")
    for row in range(40):
        fields = {name: int(values[row]) for name, values in table.items()}
        one = architecture({"model_type": "deepseek_v3", **fields}).variables(convention)
        assert one == {name: values[row] for name, values in derived.items()}


def test_a_hundred_thousand_rows_take_a_second() -> None:
    table = columns(100_000)
    started = time.process_time()
    derived = variables_of_columns("deepseek_v3", table, place="test")
    assert time.process_time() - started < 1
    assert all(values.shape == (100_000,) for values in derived.values())
    assert np.isfinite(derived["N"]).all()


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(bl.BayesLawError, match="Did you mean 'num_experts'"):
        variables_of_columns("olmoe", {"num_expert": 8}, place="test")


def test_missing_and_impossible_cells_become_nan() -> None:
    table = {name: values.astype(float) for name, values in columns(3).items()}
    table["hidden_size"][0], table["num_hidden_layers"][1] = np.nan, -1
    N = variables_of_columns("deepseek_v3", table, place="test")["N"]
    assert np.isnan(N).tolist() == [True, True, False]
