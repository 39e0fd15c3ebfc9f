"""Canonical fields of a configuration, and how a family writes them.

Canonical names are those that most families use in their public configuration classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Canonical fields: what each holds. A field without a default must be given.
FIELDS: dict[str, str] = {
    "vocab_size": "tokens of the vocabulary",
    "hidden_size": "width of the residual stream",
    "num_hidden_layers": "layers",
    "num_attention_heads": "query heads",
    "num_key_value_heads": "key and value heads",
    "head_dim": "width of a head",
    "tie_word_embeddings": "whether one table serves input and output",
    "q_lora_rank": "rank of the queries (multi-head latent attention), 0 for none",
    "kv_lora_rank": "rank of keys and values (multi-head latent attention), 0 for grouped queries",
    "qk_nope_head_dim": "width of a head without position (multi-head latent attention)",
    "qk_rope_head_dim": "width of a head with position (multi-head latent attention)",
    "v_head_dim": "width of a value head (multi-head latent attention)",
    "kv_share_factor": "neighbouring layers that share keys and values",
    "attention_period": "layers from one attention layer to the next; Mamba layers between",
    "attention_offset": "first attention layer",
    "num_linear_layers": "layers of lightning attention",
    "num_experts": "routed experts of a layer",
    "num_experts_per_tok": "routed experts active per token",
    "moe_intermediate_size": "width of a routed expert",
    "num_shared_experts": "shared experts, as wide as routed ones",
    "shared_expert_intermediate_size": "width of all shared experts together",
    "intermediate_size": "width of a dense feed-forward layer",
    "num_moe_layers": "layers with experts",
    "first_moe_layer": "first layer that may have experts",
    "last_moe_layer": "last layer that may have experts, -1 for the last one",
    "moe_layer_period": "layers from one with experts to the next",
    "moe_layer_offset": "first of them, counted modulo the period; -1 for the period's last layer",
    "qkv_bias": "biases of queries, keys and values",
    "output_bias": "bias of the attention's output",
    "mlp_bias": "biases of experts and dense feed-forward layers",
    "router_bias": "a bias for each expert in the router",
    "head_bias": "bias of the output matrix",
    "shared_gate": "gate of the shared experts",
    "sinks": "one learned sink a head",
    "head_qk_norm": "norms of queries and keys, one for all heads",
    "full_qk_norm": "norms of queries and keys over all heads at once",
    "norm_bias": "biases of norms",
    "mamba_d_state": "state size of a Mamba layer",
    "mamba_d_conv": "kernel of a Mamba layer's convolution",
    "mamba_expand": "inner width of a Mamba layer over hidden_size",
    "mamba_dt_rank": "rank of a Mamba layer's time step",
}

#: Defaults of every family; a text names the field whose value is taken.
DEFAULTS: dict[str, float | str] = {
    "num_key_value_heads": "num_attention_heads",
    **dict.fromkeys(("tie_word_embeddings", "q_lora_rank", "kv_lora_rank"), 0),
    **dict.fromkeys(("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), 0),
    **{"kv_share_factor": 1, "attention_period": 1, "attention_offset": 0, "num_linear_layers": 0},
    **{"num_experts": 0, "num_experts_per_tok": 0, "moe_intermediate_size": 0},
    **{"num_shared_experts": 0, "first_moe_layer": 0, "last_moe_layer": -1},
    **{"moe_layer_period": 1, "moe_layer_offset": 0},
    **dict.fromkeys(("qkv_bias", "output_bias", "mlp_bias", "router_bias", "head_bias"), 0),
    **dict.fromkeys(("shared_gate", "sinks", "head_qk_norm", "full_qk_norm", "norm_bias"), 0),
    **{"mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_dt_rank": 0},
}

#: Yes or no, where everything else is a number.
SWITCHES = frozenset(
    "tie_word_embeddings qkv_bias output_bias mlp_bias router_bias head_bias shared_gate sinks "
    "head_qk_norm full_qk_norm norm_bias".split()
)

#: Fields that counts may have at zero.
MAY_BE_ZERO = (
    SWITCHES
    | {"intermediate_size", "shared_expert_intermediate_size", "num_moe_layers"}
    | {name for name, value in DEFAULTS.items() if value in (0, -1)}
)


@dataclass(frozen=True)
class Family:
    """How one family writes its configurations.

    Attributes
    ----------
    model_types : tuple of str
        Values of ``model_type``, the first of which names the family.
    keys : dict of str to tuple of str
        Canonical field to keys of config.json; a dot enters a nested object.
    defaults : dict of str to float or str
        Values of fields that a configuration leaves out, over those of every family.
    required : tuple of str
        Fields that have to be given although other families have a default.
    released : dict of str to float
        Canonical fields of a released model, whose proportions ``buildable`` follows.
    only_if : dict of str to str
        Fields that count only where a key of config.json holds true.
    root : str
        Key of the nested object that holds the language model.
    """

    model_types: tuple[str, ...]
    keys: Mapping[str, tuple[str, ...]]
    defaults: Mapping[str, float | str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    released: Mapping[str, float] = field(default_factory=dict)
    only_if: Mapping[str, str] = field(default_factory=dict)
    root: str = ""

    @property
    def name(self) -> str:
        """Its first ``model_type``."""
        return self.model_types[0]

    @property
    def dense(self) -> bool:
        """Whether its models have no experts."""
        return "num_experts" not in self.keys
