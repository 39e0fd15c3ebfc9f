"""From a configuration to the variables of laws, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.architecture.architecture import architecture
from bayeslaw.architecture.families import FAMILIES
from bayeslaw.architecture.lookup import REFUSED

CONFIGS = Path(__file__).parent / "configs"


def config(name: str, **changes: Any) -> dict[str, Any]:
    """A released configuration with some fields changed; None takes one away."""
    fields = json.loads((CONFIGS / f"{name}.json").read_text()) | changes
    return {key: value for key, value in fields.items() if value is not None}


def by_hand(**changes: Any) -> dict[str, Any]:
    """A small model whose parameters are counted on paper."""
    return {
        **{"model_type": "custom", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 3},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "num_experts": 4},
        **{"num_experts_per_tok": 2, "moe_intermediate_size": 5, "num_shared_experts": 1},
        **{"first_moe_layer": 1, "intermediate_size": 16},
        **changes,
    }


def test_a_count_on_paper() -> None:
    counted = architecture(by_hand())
    parts = counted.to_frame()
    assert parts["total"].to_dict() == {
        "input embedding": 800,
        "output embedding": 800,
        "attention": 3 * (8 * 8 + 2 * 8 * 4 + 8 * 8),
        "mamba": 0,
        "routed experts": 2 * 4 * 3 * 8 * 5,
        "shared experts": 2 * 3 * 8 * 5,
        "dense layers": 3 * 8 * 16,
        "router": 2 * 4 * 8,
        "norms": 7 * 8,
    }
    assert parts.loc["routed experts", "active"] == 2 * 2 * 3 * 8 * 5
    assert parts["total"].sum() == counted.N
    assert parts["active"].sum() == counted.N_a
    assert (counted.G, counted.K, counted.E) == (3, 2, 4)
    assert counted.S == counted.S_by_count == pytest.approx(1 / 3)
    assert counted.activation == pytest.approx(3 / 5)
    assert counted.sparsity == pytest.approx(1 / 2)
    assert counted.granularity == pytest.approx(4 * 8 / 5)
    assert (counted.layers, counted.moe_layers, counted.dense_layers) == (3, 2, 1)
    assert counted.weight_bytes() == 2 * counted.N
    assert counted.weight_bytes(0.5) == counted.N / 2


def test_three_conventions_of_embeddings() -> None:
    untied, tied = architecture(by_hand()), architecture(by_hand(tie_word_embeddings=True))
    assert [untied.N - size for size in untied.counts["N"]] == [0, 800, 1600]
    assert [untied.N_a - size for size in untied.counts["N_a"]] == [0, 800, 1600]
    # A tied table is still needed for the output.
    assert [tied.N - size for size in tied.counts["N"]] == [0, 0, 800]
    assert untied.variables("excluded")["N"] == untied.N - 1600
    with pytest.raises(bl.BayesLawError, match=r"embeddings = 'without'.*There are: included"):
        untied.variables("without")


def test_flops_per_token_follow_the_cost_conventions() -> None:
    counted = architecture(by_hand())
    flops = counted.flops_per_token()
    assert flops["training"] == 6 * counted.N_a
    assert flops["training_dense"] == 6 * counted.N
    assert flops["hunyuan2024"] == pytest.approx(9.59 * counted.N_a + 2.3e8)
    assert counted.flops_per_token("excluded")["training"] == 6 * (counted.N_a - 1600)
    # Conventions of other models, or that read what no configuration says, are left out.
    assert not {"training_looped", "krajewski2024"} & set(flops)


def test_a_shared_expert_of_another_width_counts_by_width() -> None:
    counted = architecture(CONFIGS / "qwen1.5-moe-a2.7b.json")
    assert (counted.G, counted.S) == (8, 0.5)
    assert counted.S_by_count == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("changes", "moe"),
    [
        ({}, 24),
        ({"decoder_sparse_step": 2}, 12),
        ({"decoder_sparse_step": 5}, 4),
        ({"mlp_only_layers": [0, 3]}, 22),
        ({"mlp_only_layers": [0, 1], "decoder_sparse_step": 2}, 11),
    ],
)
def test_layers_with_experts_of_qwen(changes: dict[str, Any], moe: int) -> None:
    counted = architecture(config("qwen1.5-moe-a2.7b", **changes))
    assert (counted.moe_layers, counted.dense_layers) == (moe, 24 - moe)


@pytest.mark.parametrize("layers", [1, 7, 8, 13])
@pytest.mark.parametrize("first", [0, 1, 5])
@pytest.mark.parametrize(("period", "offset"), [(1, 0), (2, 1), (3, -1), (4, 0), (5, 2)])
@pytest.mark.parametrize("last", [-1, 6])
def test_layers_with_experts_are_those_of_a_loop(
    layers: int, first: int, period: int, offset: int, last: int
) -> None:
    if first > layers:
        return
    pattern = {"first_moe_layer": first, "moe_layer_period": period, "last_moe_layer": last}
    counted = architecture(by_hand(num_hidden_layers=layers, moe_layer_offset=offset, **pattern))
    end = layers if last < 0 else min(layers, last + 1)
    assert counted.moe_layers == sum(i % period == offset % period for i in range(first, end))


def test_layers_that_are_listed_one_by_one() -> None:
    fields = json.loads((CONFIGS / "llama-4-scout.json").read_text())["text_config"]
    assert architecture({**fields, "moe_layers": [1, 3, 5]}).moe_layers == 3
    assert architecture({**fields, "interleave_moe_layer_step": 2}).moe_layers == 24
    listed = config("deepseek-v3", moe_layer_freq=[0] * 3 + [1] * 58)
    assert architecture(listed).N == architecture(CONFIGS / "deepseek-v3.json").N
    kinds = config("minimax-text-01")
    names = {0: "linear_attention", 1: "full_attention"}
    renamed = [names[kind] for kind in kinds.pop("attn_type_list")]
    same = architecture({**kinds, "model_type": "minimax", "layer_types": renamed})
    assert same.N == architecture(CONFIGS / "minimax-text-01.json").N
    with pytest.raises(bl.BayesLawError, match="2 layers of linear attention in layer_types"):
        architecture(config("qwen3-30b-a3b", layer_types=["linear_attention"] * 2))


def test_linear_layers_cost_five_projections() -> None:
    all_full = config("minimax-text-01", attn_type_list=[1] * 80)
    linear = architecture(CONFIGS / "minimax-text-01.json").N - architecture(all_full).N
    wide, narrow, h = 64 * 128, 8 * 128, 6144
    assert linear == 70 * (5 * h * wide + wide - 2 * h * wide - 2 * h * narrow)


def test_nested_configurations() -> None:
    scout = architecture(CONFIGS / "llama-4-scout.json")
    assert [note.code for note in scout.notes] == ["not_counted"]
    assert "vision tower" in scout.notes[0].message
    inner = json.loads((CONFIGS / "llama-4-scout.json").read_text())["text_config"]
    assert architecture(inner).N == scout.N
    assert architecture(CONFIGS / "dbrx.json").E == 16


def test_mamba_layers_are_counted() -> None:
    jamba = architecture(CONFIGS / "jamba-v0.1.json").to_frame()["total"]
    assert jamba["mamba"] / 28 == pytest.approx(105.3e6, rel=1e-3)
    assert jamba["attention"] / 4 == 4096 * (2 * 4096 + 2 * 1024)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_counted_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(bl.BayesLawError) as raised:
        architecture(by_hand(model_type=name))
    assert REFUSED[name] in str(raised.value)
    assert "as its authors publish" in str(raised.value)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("routed_expert_hidden_size", "narrower stream"),
        ("zero_expert_num", "zero experts"),
        ("linear_attn_config", "linear attention"),
    ],
)
def test_fields_that_change_the_count_are_refused_in_any_family(key: str, reason: str) -> None:
    with pytest.raises(bl.BayesLawError, match=reason):
        architecture(config("deepseek-v3", **{key: 3584}))


def test_an_unknown_family_is_refused_with_the_list() -> None:
    with pytest.raises(bl.BayesLawError) as raised:
        architecture(by_hand(model_type="qwen3moe"))
    message = str(raised.value)
    assert "Did you mean 'qwen3_moe'?" in message
    # The first of a list that would be too long.
    assert all(family.name in message for family in FAMILIES[:3])
    assert "more" in message
    assert '"model_type": "custom"' in message
    with pytest.raises(bl.BayesLawError, match="there is no model_type"):
        architecture({"hidden_size": 8})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_local_experts": None}, "num_local_experts is missing"),
        ({"hidden_size": None}, "hidden_size is missing"),
        ({"hidden_size": "4096"}, "hidden_size = '4096'"),
        ({"hidden_size": -1}, "hidden_size = -1"),
        ({"num_hidden_layers": 2.5}, r"num_hidden_layers = 2\.5"),
        ({"num_experts_per_tok": 9}, "num_experts_per_tok = 9 exceeds num_local_experts = 8"),
        ({"num_key_value_heads": 64}, "exceeds num_attention_heads = 32"),
        ({"num_experts_per_tok": [1, 2]}, "varies by layer"),
    ],
)
def test_impossible_fields_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(bl.BayesLawError, match=problem):
        architecture(config("mixtral-8x7b", **changes))


def test_a_misspelt_field_of_a_description_by_hand_is_refused() -> None:
    with pytest.raises(bl.BayesLawError, match="Did you mean 'num_shared_experts'") as raised:
        architecture(by_hand(num_shared_expert=2))
    assert len(str(raised.value)) < 600


def test_a_dense_layer_needs_its_width() -> None:
    with pytest.raises(bl.BayesLawError, match="intermediate_size is missing"):
        architecture(config("deepseek-v3", intermediate_size=None))


def test_defaults_that_were_assumed_are_noted() -> None:
    counted = architecture(config("mixtral-8x7b", num_key_value_heads=None))
    (note,) = [note for note in counted.notes if note.code == "assumed"]
    assert "num_key_value_heads = num_attention_heads" in note.message


def test_a_dense_model_is_one_expert() -> None:
    counted = architecture(CONFIGS / "llama-3.1-8b.json")
    assert counted.N_a == counted.variables()["N"]
    assert (counted.G, counted.K, counted.S, counted.E) == (1, 1, 0, 1)
    assert (counted.activation, counted.sparsity, counted.moe_layers) == (1, 0, 0)
    assert counted.summary.endswith("32 dense layers.")


def test_latent_attention_without_ranks_of_queries() -> None:
    lite = config("deepseek-v2-lite")
    assert architecture({**lite, "q_lora_rank": None}).N == architecture(lite).N
    fewer = architecture({**lite, "q_lora_rank": 512})
    assert architecture(lite).N - fewer.N == 27 * (2048 * 3072 - 512 * (2048 + 3072) - 512)


def test_keys_and_values_shared_over_layers() -> None:
    shared = architecture(CONFIGS / "hunyuan-large.json").to_frame()["total"]["attention"]
    own = architecture(config("hunyuan-large", use_cla=False)).to_frame()["total"]["attention"]
    assert own - shared == 32 * 2 * 6400 * 640


@pytest.mark.parametrize(
    ("parameters", "severity", "words"),
    [(46_702_792_704, "info", r"\+0%"), (48_000_000_000, "warning", "further prediction layers")],
)
def test_an_index_beside_the_file_is_compared(
    tmp_path: Path, parameters: int, severity: str, words: str
) -> None:
    fields = config("mixtral-8x7b", torch_dtype="bfloat16", head_dim=128)
    (tmp_path / "config.json").write_text(json.dumps(fields))
    index = {"metadata": {"total_size": 2 * parameters}, "weight_map": {}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (note,) = architecture(tmp_path).notes
    assert (note.code, note.severity) == ("checkpoint", severity)
    assert str(parameters) in note.message
    assert words.replace("\\", "") in f"{note.message} {note.remedy}"


def test_a_quantized_checkpoint_is_not_compared(tmp_path: Path) -> None:
    fields = config("deepseek-v3")
    (tmp_path / "config.json").write_text(json.dumps(fields))
    index = {"metadata": {"total_size": 688_586_727_753}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    message = architecture(tmp_path).notes[-1].message
    assert "1.03 for each" in message
    assert "not compared" in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "not valid JSON"), ("[]", "no JSON object"), (None, "cannot be read")],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    nothing: Any = []
    with pytest.raises(bl.BayesLawError, match=problem):
        architecture(path)
    with pytest.raises(
        bl.BayesLawError, match=r"source is a list\. Give text or a path or a mapping"
    ):
        architecture(nothing)


def test_plain_data_and_summary() -> None:
    counted = architecture(CONFIGS / "deepseek-v3.json")
    data = json.loads(json.dumps(counted.to_dict()))
    assert data["counts"]["included"]["N"] == counted.N
    assert data["variables"]["G"] == 9
    assert data["flops_per_token"]["included"]["training"] == 6 * counted.N_a
    assert data["weight_bytes"]["1"] == counted.N
    assert "58 of 61 layers have 256 experts" in counted.summary
    assert "671B" in counted.summary
    # Its variables are legal values of the vocabulary.
    from bayeslaw.core.vocabulary import check_values

    for convention in counted.counts.index:
        check_values(counted.variables(convention), place="test")


def test_large_counts_do_not_overflow() -> None:
    huge = by_hand(hidden_size=2**20, moe_intermediate_size=2**20, num_experts=2**12)
    counted = architecture({**huge, "num_hidden_layers": np.iinfo(np.int16).max, "vocab_size": 10})
    assert 1e20 < counted.N < 1e21
