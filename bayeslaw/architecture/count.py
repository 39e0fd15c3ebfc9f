"""Parameters of architectures, counted for all rows at once.

All values are float64: whole numbers stay exact up to 2**53 and nothing overflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayeslaw.core.errors import check_names

#: Rows of the table of parts.
PARTS = (
    *("input embedding", "output embedding", "attention", "mamba", "routed experts"),
    *("shared experts", "dense layers", "router", "norms"),
)
#: Conventions of counting: the parts that each leaves out.
CONVENTIONS: dict[str, tuple[str, ...]] = {
    "included": (),
    "output_only": ("input embedding",),
    "excluded": ("input embedding", "output embedding"),
}

Shape = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Counts:
    """Parameters by part.

    Attributes
    ----------
    total, active : dict of str to array of float64
        Parameters of each part, and those that a token uses; arrays of one shape.
    tied : array of bool
        Whether the input table is the output matrix too, so that leaving out the input alone
        leaves nothing out.
    """

    total: dict[str, np.ndarray]
    active: dict[str, np.ndarray]
    tied: np.ndarray

    def parameters(self, embeddings: str = "included") -> tuple[np.ndarray, np.ndarray]:
        """N and N_a under a convention."""
        N: np.ndarray = sum(self.total.values(), np.zeros(()))
        N_a: np.ndarray = sum(self.active.values(), np.zeros(()))
        for part in CONVENTIONS[embeddings]:
            # A tied table is needed for the output as long as that is counted.
            left_out = self.total[part] * (~self.tied if embeddings == "output_only" else 1.0)
            N, N_a = N - left_out, N_a - left_out
        return N, N_a


def layer_numbers(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Layers with experts, and layers with attention (the others are Mamba layers)."""
    layers = shape["num_hidden_layers"]
    if "num_moe_layers" in shape:
        moe = shape["num_moe_layers"]
    else:
        last = shape["last_moe_layer"]
        end = np.where(last < 0, layers, np.minimum(last + 1, layers))
        period, offset = shape["moe_layer_period"], shape["moe_layer_offset"]
        offset = np.where(offset < 0, period - 1, offset)
        start = np.minimum(shape["first_moe_layer"], end)
        moe = _every(end, period, offset) - _every(start, period, offset)
    moe = np.where(shape["num_experts"] > 0, moe, 0.0)
    return moe, _every(layers, shape["attention_period"], shape["attention_offset"])


def _every(end: np.ndarray, period: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """How many layers i below ``end`` have i % period == offset."""
    number: np.ndarray = np.maximum(np.ceil((end - offset) / period), 0.0)
    return number


def count(shape: Shape) -> Counts:
    """Count the parameters of every row by part."""
    h, layers = shape["hidden_size"], shape["num_hidden_layers"]
    moe, attention = layer_numbers(shape)
    mlp_bias = shape["mlp_bias"]

    def mlp(width: np.ndarray) -> np.ndarray:
        """Gate, up and down projection."""
        size: np.ndarray = 3 * h * width + mlp_bias * (2 * width + h)
        return size

    w, active = shape["moe_intermediate_size"], shape["num_experts_per_tok"]
    experts, shared = shape["num_experts"], shared_width(shape)
    embedding = shape["vocab_size"] * h
    tied = shape["tie_word_embeddings"] > 0
    dense = layers - moe
    total = {
        "input embedding": embedding,
        "output embedding": np.where(tied, 0.0, embedding)
        + shape["head_bias"] * shape["vocab_size"],
        "attention": _attention(shape, attention),
        "mamba": (layers - attention) * _mamba(shape),
        "routed experts": moe * experts * mlp(w),
        "shared experts": moe
        * np.where(shared > 0, mlp(shared) + shape["shared_gate"] * h, np.zeros(())),
        "dense layers": np.where(dense > 0, dense * mlp(shape["intermediate_size"]), 0.0),
        "router": moe * experts * (h + shape["router_bias"]),
        "norms": _norms(shape, attention),
    }
    used = {**total, "routed experts": moe * active * mlp(w)}
    return Counts(total, used, tied)


def shared_width(shape: Shape) -> np.ndarray:
    """Width of all shared experts together."""
    if "shared_expert_intermediate_size" in shape:
        return shape["shared_expert_intermediate_size"]
    return shape["num_shared_experts"] * shape["moe_intermediate_size"]


def _attention(shape: Shape, layers: np.ndarray) -> np.ndarray:
    """Grouped-query or latent attention, with lightning attention in the linear layers."""
    h, heads = shape["hidden_size"], shape["num_attention_heads"]
    wide, narrow = heads * shape["head_dim"], shape["num_key_value_heads"] * shape["head_dim"]
    key_value_layers = np.ceil(layers / shape["kv_share_factor"])
    linear = shape["num_linear_layers"]
    grouped = (
        (layers - linear)
        * (
            2 * h * wide
            + shape["qkv_bias"] * wide
            + shape["output_bias"] * h
            + shape["sinks"] * heads
        )
        + np.maximum(key_value_layers - linear, 0) * 2 * narrow * (h + shape["qkv_bias"])
        + linear * 5 * h * wide
    )
    q, kv, rope = shape["q_lora_rank"], shape["kv_lora_rank"], shape["qk_rope_head_dim"]
    nope, value = shape["qk_nope_head_dim"], shape["v_head_dim"]
    query = np.where(q > 0, h * q + q * heads * (nope + rope), h * heads * (nope + rope))
    latent = layers * (
        query
        + h * (kv + rope)
        + kv * heads * (nope + value)
        + heads * value * h
        + shape["qkv_bias"] * (q + kv + rope)
        + shape["output_bias"] * h
    )
    size: np.ndarray = np.where(kv > 0, latent, grouped)
    return size


def _mamba(shape: Shape) -> np.ndarray:
    """One Mamba layer: projections, convolution, time step, state matrix and skip."""
    h, state, kernel = shape["hidden_size"], shape["mamba_d_state"], shape["mamba_d_conv"]
    inner, rank = shape["mamba_expand"] * h, shape["mamba_dt_rank"]
    rank = np.where(rank > 0, rank, np.ceil(h / 16))
    size: np.ndarray = (
        3 * h * inner
        + inner * (kernel + 1)
        + inner * (rank + 2 * state)
        + inner * (rank + 1)
        + inner * (state + 1)
        + rank
        + 2 * state
    )
    return size


def _norms(shape: Shape, attention: np.ndarray) -> np.ndarray:
    h, layers = shape["hidden_size"], shape["num_hidden_layers"]
    d, heads, few = shape["head_dim"], shape["num_attention_heads"], shape["num_key_value_heads"]
    linear = shape["num_linear_layers"]
    latent = np.where(shape["kv_lora_rank"] > 0, shape["q_lora_rank"] + shape["kv_lora_rank"], 0.0)
    own = latent + shape["head_qk_norm"] * 2 * d + shape["full_qk_norm"] * (heads + few) * d
    size: np.ndarray = (
        (2 * layers + 1) * h * (1 + shape["norm_bias"])
        + (attention - linear) * own
        + linear * heads * d
    )
    return size


def variables(shape: Shape, counts: Counts, embeddings: str = "included") -> dict[str, np.ndarray]:
    """The variables of laws that an architecture determines; a dense model is one expert."""
    N, N_a = counts.parameters(embeddings)
    moe, _ = layer_numbers(shape)
    sparse = moe > 0
    w = np.where(sparse, shape["moe_intermediate_size"], shape["intermediate_size"])
    K = np.where(sparse, shape["num_experts_per_tok"], 1.0)
    E = np.where(sparse, shape["num_experts"], 1.0)
    # Shared experts count in widths of a routed one.
    shared = np.where(sparse, shared_width(shape) / w, 0.0)
    return {
        "N": N,
        "N_a": N_a,
        "G": K + shared,
        "K": K,
        "S": shared / (K + shared),
        "E": E,
        "activation": (K + shared) / (E + shared),
        "granularity": 4 * shape["hidden_size"] / w,
        "sparsity": (E - K) / E,
    }


def known_convention(embeddings: str, *, place: str) -> None:
    """Refuse a convention of counting embeddings that does not exist."""
    check_names([embeddings], CONVENTIONS, "embeddings = {!r}", place=place)
