"""Configurations that can be built near a target, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.architecture.architecture import architecture
from bayeslaw.architecture.buildable import buildable
from bayeslaw.architecture.count import count
from bayeslaw.architecture.families import FAMILIES
from bayeslaw.architecture.shape import shape_in_family

BUILT = [family.name for family in FAMILIES if family.released]
TARGETS = [(N, share) for N in np.geomspace(1e9, 1e12, 5) for share in (0.25, 0.2, 0.1, 0.06)]


@pytest.mark.parametrize("family", ["deepseek_v3", "qwen3_moe", "olmoe", "mixtral"])
@pytest.mark.parametrize(("N", "share"), TARGETS)
def test_what_is_built_counts_as_asked(family: str, N: float, share: float) -> None:
    # Small models with few active parameters are counted as laws do, without embeddings.
    embeddings = "excluded" if N < 1e10 else "included"
    found = buildable(family, N=N, N_a=share * N, embeddings=embeddings, alternatives=1)
    for label in found.frame.index[:5]:
        counted = architecture(json.loads(json.dumps(found.config(label)))).variables(embeddings)
        assert counted["N"] == pytest.approx(N, rel=0.03)
        assert counted["N_a"] == pytest.approx(share * N, rel=0.03)
        row = found.frame.loc[label]
        assert counted == {name: row[name] for name in counted}


@pytest.mark.parametrize("family", BUILT)
def test_every_family_builds_about_its_released_model(family: str) -> None:
    (kind,) = [one for one in FAMILIES if one.name == family]
    K, shared = kind.released["num_experts_per_tok"], kind.released.get("num_shared_experts", 0)
    G = K + shared
    shape = shape_in_family(kind, {"intermediate_size": 12_288, **kind.released})
    N, N_a = (float(size) for size in count(shape).parameters())
    parallel = int(np.gcd(8, int(kind.released["num_experts"])))
    found = buildable(family, N=N, N_a=N_a, G=G, S=shared / G, expert_parallel=parallel)
    frame = found.to_frame()
    near = np.abs(np.log(frame["E"] / kind.released["num_experts"]))
    assert near.min() < 0.2
    assert ((frame["G"] == G) & (np.abs(frame["S"] - shared / G) < 1e-9)).any()
    first = frame.iloc[0]
    aspect = first["hidden_size"] / first["num_hidden_layers"]
    released = kind.released["hidden_size"] / kind.released["num_hidden_layers"]
    assert 1 / 1.6 < aspect / released < 1.6
    config = found.config()
    assert config["model_type"] == family
    counted = architecture(config)
    assert first["N"] == counted.N


def test_whole_numbers_keep_what_hardware_asks() -> None:
    found = buildable(
        *("qwen3_moe",), N=30e9, N_a=3e9, expert_parallel=16, expert_width_multiple=64
    )
    frame = found.to_frame()
    assert (frame["E"] % 16 == 0).all()
    assert (frame["moe_intermediate_size"] % 64 == 0).all()
    assert (frame["hidden_size"] % 128 == 0).all()
    assert (frame["num_attention_heads"] % frame["num_key_value_heads"] == 0).all()
    assert (frame["K"] <= frame["E"]).all()
    assert frame.index.is_unique
    for name in ("num_hidden_layers", "hidden_size", "num_attention_heads", "E", "K"):
        assert (frame[name] == frame[name].round()).all()


def test_targets_of_experts_become_the_nearest_pairs() -> None:
    found = buildable("deepseek_v3", N=671e9, N_a=34e9, G=6.8, S=0.32)
    pairs = set(zip(found.frame["K"], found.frame["G"] - found.frame["K"], strict=True))
    assert (5, 2) in pairs
    assert len(pairs) <= 6
    exact = buildable("deepseek_v3", N=671e9, N_a=34e9, G=9, S=1 / 9)
    assert set(exact.frame["G"]) == {9}
    chosen = buildable("deepseek_v3", N=671e9, N_a=34e9, K=6, E=320).frame
    assert set(chosen["K"]) == {6}
    assert set(chosen["E"]) == {320}


def test_granularity_is_met_where_it_can_be() -> None:
    for granularity in (4.0, 12.0):
        frame = buildable("qwen3_moe", N=100e9, N_a=10e9, granularity=granularity).frame
        nearest = (frame["granularity"] / granularity - 1).abs().min()
        assert nearest < 0.1


def test_without_active_parameters_a_range_is_built() -> None:
    frame = buildable("qwen3_moe", N=30e9, alternatives=1).frame
    share = frame["N_a"] / frame["N"]
    assert share.min() < 0.035
    assert share.max() > 0.3
    assert frame["K"].nunique() >= 6


def test_fixed_fields_stay() -> None:
    fixed = {"vocab_size": 100_352, "num_hidden_layers": 40}
    found = buildable("qwen3_moe", N=30e9, N_a=3e9, fixed=fixed)
    config = found.config()
    assert (config["vocab_size"], config["num_hidden_layers"]) == (100_352, 40)
    with pytest.raises(bl.BayesLawError, match="'num_experts' cannot be fixed"):
        buildable("qwen3_moe", N=30e9, fixed={"num_experts": 8})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"family": "llama"}, "llama cannot be built. Name one of mixtral"),
        ({"family": "qwen3moe"}, "Did you mean 'qwen3_moe'"),
        ({"N_a": 1e12}, "N_a = 1e.12 exceeds N"),
        ({"N_a": 1e6}, "no qwen3_moe within 3%"),
        ({"S": 1.0}, "S = 1 cannot be built"),
        ({"embeddings": "none"}, "embeddings = 'none'"),
        ({"tolerance": 0}, "tolerance = 0"),
    ],
)
def test_impossible_targets_are_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(bl.BayesLawError, match=problem):
        buildable(**{"family": "qwen3_moe", "N": 30e9, **arguments})


def test_a_share_that_the_family_cannot_have_is_noted() -> None:
    found = buildable("qwen3_moe", N=30e9, N_a=3e9, S=0.3)
    (note,) = found.notes
    assert note.code == "target_missed"
    assert "S = 0.3 is not met: the nearest is 0" in note.message


def test_plain_data_and_labels() -> None:
    found = buildable("qwen3_moe", N=30e9, N_a=3e9)
    data = json.loads(json.dumps(found.to_dict()))
    assert data["configurations"][0]["label"] == found.frame.index[0]
    assert "configurations of qwen3_moe near N = 30B, N_a = 3B" in found.summary
    with pytest.raises(bl.BayesLawError, match="there is no configuration 'x'"):
        found.config("x")


def test_sizes_may_be_written_with_suffixes() -> None:
    written = buildable("qwen3_moe", N="30B", N_a="3B", K=8)
    assert written.target == {"N": 30e9, "N_a": 3e9, "K": 8.0}
    with pytest.raises(bl.BayesLawError, match='such as 30e9 or "30B"'):
        buildable("qwen3_moe", N="thirty")


@pytest.mark.parametrize("family", ["qwen3_moe", "hunyuan"])
def test_the_same_configurations_in_another_convention(family: str) -> None:
    found = buildable(family, N=30e9, N_a=5e9)
    for convention in ("output_only", "excluded"):
        other = found.counted(convention)
        assert other.embeddings == convention
        label = found.frame.index[0]
        counted = architecture(found.config(label)).variables(convention)
        row = other.frame.loc[label]
        assert {name: row[name] for name in counted} == counted
        assert other.counted("included").frame.equals(found.frame)
