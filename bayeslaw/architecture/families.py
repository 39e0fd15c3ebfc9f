"""Families of architectures as data: field names, shape rules, and one released model of each.

Field names follow the public configuration classes; the first key of a field is the one that
``buildable`` writes.
"""

from __future__ import annotations

from bayeslaw.architecture.fields import FIELDS, Family

_COMMON = {
    name: (name,)
    for name in "vocab_size hidden_size num_hidden_layers num_attention_heads num_key_value_heads "
    "head_dim tie_word_embeddings".split()
}
_OF_WIDTH = {name: keys for name, keys in _COMMON.items() if name != "head_dim"}
_MOE = ("num_experts", "num_experts_per_tok", "moe_intermediate_size")
_MLA = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
_GROUPED = {
    **_COMMON,
    "num_experts": ("n_routed_experts",),
    "num_experts_per_tok": ("num_experts_per_tok",),
    "moe_intermediate_size": ("moe_intermediate_size",),
    "num_shared_experts": ("n_shared_experts",),
    "intermediate_size": ("intermediate_size",),
    "first_moe_layer": ("first_k_dense_replace",),
    "moe_layer_period": ("moe_layer_freq",),
    "qkv_bias": ("attention_bias",),
    "output_bias": ("attention_bias",),
}
_DEEPSEEK = {
    **{name: keys for name, keys in _GROUPED.items() if name != "head_dim"},
    **{name: (name,) for name in ("q_lora_rank", *_MLA)},
}
_QWEN = {
    **_COMMON,
    **{name: (name,) for name in (*_MOE, "intermediate_size")},
    "moe_layer_period": ("decoder_sparse_step",),
}
_LOCAL = {
    "num_experts": ("num_local_experts",),
    "num_experts_per_tok": ("num_experts_per_tok",),
    "moe_intermediate_size": ("intermediate_size",),
}
_ALL_BIASES = {"qkv_bias": ("attention_bias",), "output_bias": ("attention_bias",)}


def _shape(
    width: int, layers: int, heads: int, key_value_heads: int, vocabulary: int, **more: float
) -> dict[str, float]:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "vocab_size": vocabulary,
        **more,
    }


def _experts(number: int, active: int, width: int, shared: int = 0) -> dict[str, float]:
    return {
        "num_experts": number,
        "num_experts_per_tok": active,
        "moe_intermediate_size": width,
        **({"num_shared_experts": shared} if shared else {}),
    }


_LATENT = dict(
    q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128
)

FAMILIES: tuple[Family, ...] = (
    Family(
        ("mixtral",),
        {
            **_COMMON,
            **_LOCAL,
        },
        required=_MOE,
        released=_shape(4096, 32, 32, 8, 32000, **_experts(8, 2, 14336)),
    ),
    Family(
        ("deepseek_v2",),
        _DEEPSEEK,
        required=(*_MOE, *_MLA),
        released=_shape(5120, 60, 128, 128, 102400, first_moe_layer=1, **_LATENT)
        | _experts(160, 6, 1536, 2)
        | {"intermediate_size": 12288},
    ),
    Family(
        ("deepseek_v3",),
        _DEEPSEEK,
        {"router_bias": 1},
        required=(*_MOE, *_MLA),
        released=_shape(7168, 61, 128, 128, 129280, first_moe_layer=3, **_LATENT)
        | _experts(256, 8, 2048, 1)
        | {"intermediate_size": 18432},
    ),
    Family(
        ("kimi_k2",),
        _DEEPSEEK,
        {"router_bias": 1},
        required=(*_MOE, *_MLA),
        released=_shape(7168, 61, 64, 64, 163840, first_moe_layer=1, **_LATENT)
        | _experts(384, 8, 2048, 1)
        | {"intermediate_size": 18432},
    ),
    Family(
        ("glm4_moe",),
        {**_GROUPED, "output_bias": (), "head_qk_norm": ("use_qk_norm",)},
        {"router_bias": 1},
        required=_MOE,
        released=_shape(4096, 46, 96, 8, 151552, head_dim=128, first_moe_layer=1, qkv_bias=1)
        | _experts(128, 8, 1408, 1)
        | {"intermediate_size": 10944},
    ),
    Family(
        ("dots1",),
        _GROUPED,
        {"router_bias": 1, "head_qk_norm": 1},
        required=_MOE,
        released=_shape(4096, 62, 32, 32, 152064, head_dim=128, first_moe_layer=1)
        | _experts(128, 6, 1408, 2)
        | {"intermediate_size": 10944},
    ),
    Family(
        ("qwen2_moe",),
        {
            **_QWEN,
            "shared_expert_intermediate_size": ("shared_expert_intermediate_size",),
            "qkv_bias": ("qkv_bias",),
        },
        {"qkv_bias": 1, "shared_gate": 1, "moe_layer_offset": -1},
        required=(*_MOE, "shared_expert_intermediate_size"),
        released=_shape(2048, 24, 16, 16, 151936) | _experts(60, 4, 1408, 4),
    ),
    Family(
        ("qwen3_moe",),
        {**_QWEN, **_ALL_BIASES},
        {"head_qk_norm": 1, "moe_layer_offset": -1},
        required=_MOE,
        released=_shape(4096, 94, 64, 4, 151936, head_dim=128) | _experts(128, 8, 1536),
    ),
    Family(
        ("olmoe",),
        {
            **_OF_WIDTH,
            **_ALL_BIASES,
            **_LOCAL,
            "num_experts": ("num_experts",),
        },
        {"full_qk_norm": 1},
        required=_MOE,
        released=_shape(2048, 16, 16, 16, 50304) | _experts(64, 8, 1024),
    ),
    Family(
        ("gpt_oss",),
        {
            **_COMMON,
            **_ALL_BIASES,
            "num_experts": ("num_local_experts", "num_experts"),
            "num_experts_per_tok": ("num_experts_per_tok", "experts_per_token"),
            "moe_intermediate_size": ("intermediate_size",),
        },
        {"head_dim": 64, "mlp_bias": 1, "router_bias": 1, "sinks": 1}
        | {"qkv_bias": 1, "output_bias": 1},
        required=_MOE,
        released=_shape(2880, 36, 64, 8, 201088, head_dim=64) | _experts(128, 4, 2880),
    ),
    Family(
        ("llama4", "llama4_text"),
        {
            **_COMMON,
            **_ALL_BIASES,
            **_LOCAL,
            "intermediate_size": ("intermediate_size_mlp",),
            "moe_layer_period": ("interleave_moe_layer_step",),
        },
        {"num_shared_experts": 1, "moe_layer_offset": -1},
        required=_MOE,
        released=_shape(5120, 48, 40, 8, 202048, head_dim=128) | _experts(16, 1, 8192, 1),
        root="text_config",
    ),
    Family(
        ("hunyuan", "hunyuan_v1_moe"),
        {
            **_COMMON,
            **_ALL_BIASES,
            "head_dim": ("head_dim", "attention_head_dim"),
            "num_experts": ("num_experts",),
            "num_experts_per_tok": ("moe_topk",),
            "moe_intermediate_size": ("moe_intermediate_size", "intermediate_size"),
            "num_shared_experts": ("num_shared_expert",),
            "kv_share_factor": ("cla_share_factor",),
            "head_qk_norm": ("use_qk_norm",),
            "mlp_bias": ("mlp_bias",),
        },
        {"tie_word_embeddings": 1},
        only_if={"kv_share_factor": "use_cla"},
        required=_MOE,
        released=_shape(6400, 64, 80, 8, 128512, head_dim=80, tie_word_embeddings=1)
        | {"head_qk_norm": 1, "kv_share_factor": 2}
        | _experts(16, 1, 18304, 1),
    ),
    Family(
        ("dbrx",),
        {
            "vocab_size": ("vocab_size",),
            "hidden_size": ("d_model",),
            "num_hidden_layers": ("n_layers",),
            "num_attention_heads": ("n_heads",),
            "num_key_value_heads": ("attn_config.kv_n_heads",),
            "tie_word_embeddings": ("tie_word_embeddings",),
            "num_experts": ("ffn_config.moe_num_experts",),
            "num_experts_per_tok": ("ffn_config.moe_top_k",),
            "moe_intermediate_size": ("ffn_config.ffn_hidden_size",),
        },
        required=_MOE,
        released=_shape(6144, 40, 48, 8, 100352) | _experts(16, 4, 10752),
    ),
    Family(
        ("jamba",),
        {
            **_OF_WIDTH,
            **{name: (name,) for name in FIELDS if name.startswith("mamba_")},
            **_LOCAL,
            "num_experts": ("num_experts",),
            "intermediate_size": ("intermediate_size",),
            "moe_layer_period": ("expert_layer_period",),
            "moe_layer_offset": ("expert_layer_offset",),
            "attention_period": ("attn_layer_period",),
            "attention_offset": ("attn_layer_offset",),
        },
        {"moe_layer_period": 2, "moe_layer_offset": 1}
        | {"attention_period": 8, "attention_offset": 4},
        required=_MOE,
    ),
    Family(
        ("ernie4_5_moe",),
        {
            **_COMMON,
            "num_experts": ("moe_num_experts",),
            "num_experts_per_tok": ("moe_k",),
            "moe_intermediate_size": ("moe_intermediate_size",),
            "num_shared_experts": ("moe_num_shared_experts",),
            "intermediate_size": ("intermediate_size",),
            "first_moe_layer": ("moe_layer_start_index",),
            "last_moe_layer": ("moe_layer_end_index",),
            "moe_layer_period": ("moe_layer_interval",),
            "qkv_bias": ("use_bias",),
            "output_bias": ("use_bias",),
            "mlp_bias": ("use_bias",),
        },
        {"tie_word_embeddings": 1, "router_bias": 1, "moe_layer_offset": -1},
        required=_MOE,
        released=_shape(2560, 28, 20, 4, 103424, first_moe_layer=1, tie_word_embeddings=1)
        | {"head_dim": 128}
        | _experts(64, 6, 1536, 2)
        | {"intermediate_size": 12288},
    ),
    Family(
        ("minimax", "minimax_m2", "minimax_text_01"),
        {
            **_COMMON,
            **_LOCAL,
            "full_qk_norm": ("use_qk_norm",),
            "router_bias": ("use_routing_bias",),
        },
        required=_MOE,
        released=_shape(3072, 62, 48, 8, 200064, head_dim=128, full_qk_norm=1, router_bias=1)
        | _experts(256, 8, 1536),
    ),
    Family(
        ("granitemoe", "granitemoeshared"),
        {
            **_OF_WIDTH,
            **_LOCAL,
            "shared_expert_intermediate_size": ("shared_intermediate_size",),
            **_ALL_BIASES,
        },
        {"shared_expert_intermediate_size": 0},
        required=_MOE,
        released=_shape(1536, 32, 24, 8, 49155, tie_word_embeddings=1) | _experts(40, 8, 512),
    ),
    Family(
        ("phimoe",),
        {
            **_COMMON,
            **_ALL_BIASES,
            "head_bias": ("lm_head_bias",),
            **_LOCAL,
        },
        {"norm_bias": 1},
        required=_MOE,
        released=_shape(4096, 32, 32, 8, 32064, qkv_bias=1, output_bias=1, head_bias=1)
        | _experts(16, 2, 6400),
    ),
    Family(
        ("llama", "mistral"),
        {
            **_COMMON,
            **_ALL_BIASES,
            "intermediate_size": ("intermediate_size",),
            "mlp_bias": ("mlp_bias",),
        },
        required=("intermediate_size",),
    ),
    Family(
        ("qwen2",),
        {**_COMMON, "intermediate_size": ("intermediate_size",)},
        {"qkv_bias": 1},
        required=("intermediate_size",),
    ),
    Family(
        ("qwen3",),
        {**_COMMON, **_ALL_BIASES, "intermediate_size": ("intermediate_size",)},
        {"head_qk_norm": 1},
        required=("intermediate_size",),
    ),
    # Any architecture in canonical names, described by hand.
    Family(("custom",), {name: (name,) for name in FIELDS}),
)
