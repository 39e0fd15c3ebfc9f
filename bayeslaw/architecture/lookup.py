"""Which family a model type names, and what cannot be counted."""

from __future__ import annotations

from bayeslaw.architecture.families import FAMILIES
from bayeslaw.architecture.fields import Family
from bayeslaw.core.errors import RequestError, nearest

_MTP = "layers that predict further tokens are not counted"
_VISION = "the vision tower is not counted"
_LINEAR = "its linear attention layers have parameters that this counter does not know"
_LATENT_EXPERTS = (
    "its routed experts work on a narrower stream (routed_expert_hidden_size), so that the usual "
    "count is about twice too high"
)
#: Families that cannot be counted, and why.
REFUSED: dict[str, str] = {
    "kimi_k3": _LATENT_EXPERTS,
    "kimi_linear": _LINEAR,
    "longcat_flash": "its zero experts cost nothing and are chosen token by token: N_a varies",
    "deepseek_v32": "the parameters of its sparse attention's indexer are not known here",
    "deepseek_v4": "its attention and hash-routed layers are not described by these fields",
    "qwen3_next": _LINEAR,
    "qwen3_5_moe": _LINEAR,
    "granitemoehybrid": "its Mamba-2 layers are not described by these fields",
    "nemotron_h": "its Mamba-2 layers and latent experts are not described by these fields",
}
#: Keys that change what is counted, wherever they hold more than zero.
TRAPS: dict[str, str] = {
    "routed_expert_hidden_size": _LATENT_EXPERTS,
    "moe_latent_size": _LATENT_EXPERTS,
    "zero_expert_num": REFUSED["longcat_flash"],
    "index_n_heads": REFUSED["deepseek_v32"],
    "linear_attn_config": _LINEAR,
}
#: Keys whose parameters stay outside of every count, as they do in published totals.
REMARKS: dict[str, str] = {
    "num_nextn_predict_layers": _MTP,
    "num_mtp_modules": _MTP,
    "vision_config": _VISION,
}

_BY_TYPE = {model_type: family for family in FAMILIES for model_type in family.model_types}


def family_of(model_type: object, *, place: str) -> Family:
    """Look up a family by one of its model types."""
    if isinstance(model_type, str) and model_type in _BY_TYPE:
        return _BY_TYPE[model_type]
    by_hand = (
        'Describe it by hand: {"model_type": "custom", "hidden_size": 2048, ...} with the fields '
        "of bayeslaw.architecture.fields.FIELDS"
    )
    if model_type in REFUSED:
        raise RequestError(
            f"{model_type} cannot be counted: {REFUSED[str(model_type)]}",
            place=place,
            remedy="Give N and N_a as its authors publish them",
        )
    dense = ", ".join(each.name for each in FAMILIES if each.dense)
    raise RequestError(
        f"model_type {model_type!r} is not known" if model_type else "there is no model_type",
        place=place,
        remedy=f"{nearest(str(model_type), _BY_TYPE)}; dense ones: {dense}. {by_hand}",
    )
