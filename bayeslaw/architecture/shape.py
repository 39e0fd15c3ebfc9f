"""From the fields of a configuration, or the columns of a table, to canonical shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from bayeslaw.architecture.count import layer_numbers
from bayeslaw.architecture.fields import DEFAULTS, FIELDS, MAY_BE_ZERO, SWITCHES, Family
from bayeslaw.architecture.lookup import REMARKS, TRAPS, family_of
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.notes import Note

# Fields that a family's shape can do without.
_OPTIONAL = ("shared_expert_intermediate_size", "num_moe_layers", "intermediate_size")
# Fields whose default is an assumption on the model.
_ASSUMED = ("num_key_value_heads", "head_dim", "tie_word_embeddings")


def shape_of_config(
    config: Mapping[str, Any], *, place: str
) -> tuple[Family, dict[str, np.ndarray], list[Note]]:
    """Read one configuration: its family, its canonical fields, and remarks."""
    family = family_of(config.get("model_type"), place=place)
    notes = [
        Note("not_counted", "info", f"{remark} ({key})")
        for key, remark in REMARKS.items()
        if config.get(key)
    ]
    if family.name == "custom":
        # Written by hand: a misspelt field must not become its default.
        _check_keys(family, config.keys() - {"model_type"}, place)
    nested = config.get(family.root) if family.root else None
    config = nested if isinstance(nested, Mapping) else config
    for key, reason in TRAPS.items():
        if config.get(key):
            raise RequestError(
                f"{key} = {str(config[key])[:40]}: {reason}",
                place=place,
                remedy="Give N and N_a as its authors publish them",
            )

    def read(key: str) -> np.ndarray | None:
        value: Any = config
        for step in key.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return None if value is None else _number(value, key, place)

    lists = _layer_lists(family, config, place)
    shape, assumed = _complete(family, read, lists, place)
    if assumed:
        notes.append(Note("assumed", "info", "not in the configuration: " + ", ".join(assumed)))
    _check(family, shape, place)
    return family, shape, notes


def shape_of_columns(
    family: Family, columns: Mapping[str, Any], *, place: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read architectures from columns or numbers under keys of a family; bad values stay."""
    _check_keys(family, columns, place)

    def read(key: str) -> np.ndarray | None:
        return np.asarray(columns[key], dtype=np.float64) if key in columns else None

    return _complete(family, read, {}, place, ': architecture={{"{0}": "its column"}}')


def _check_keys(family: Family, keys: Iterable[str], place: str) -> None:
    """Refuse keys that neither the family nor the canonical fields have."""
    own = dict.fromkeys(key for keys in family.keys.values() for key in keys)
    listed = [key for key in own if key not in SWITCHES and not key.startswith("mamba_")]
    unknown = [key for key in keys if key not in own and key not in FIELDS]
    check_names(unknown, listed, f"{family.name} has no field {{!r}}", place=place)


def shape_in_family(family: Family, fields: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """A shape in canonical fields, with what the family always has, such as biases."""
    always = {name: value for name, value in family.defaults.items() if name not in fields}
    if "shared_expert_intermediate_size" in family.keys:
        fields = dict(fields)
        number = np.asarray(fields.pop("num_shared_experts", 0))
        always["shared_expert_intermediate_size"] = number * fields["moe_intermediate_size"]
    custom = family_of("custom", place=family.name)
    return shape_of_columns(custom, {**always, **fields}, place=family.name)[0]


def keys_of(family: Family) -> dict[str, tuple[str, ...]]:
    """Keys under which each canonical field may be given, the family's own first."""
    own = {key for keys in family.keys.values() for key in keys}
    return {
        name: (*family.keys.get(name, ()), *((name,) if name not in own else ())) for name in FIELDS
    }


def _complete(
    family: Family,
    read: Callable[[str], np.ndarray | None],
    shape: dict[str, np.ndarray],
    place: str,
    option: str = "",
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Fill in what the configuration leaves to the family's defaults."""
    defaults = {**DEFAULTS, **family.defaults}
    assumed = []
    missing: list[str] = []
    for name, keys in keys_of(family).items():
        if name in shape:
            continue
        values = [value for key in keys if (value := read(key)) is not None]
        switch = family.only_if.get(name)
        on = read(switch) if switch else None
        if values and (switch is None or (on is not None and on > 0)):
            shape[name] = values[0]
            continue
        if name == "head_dim" and name not in defaults:
            if {"hidden_size", "num_attention_heads"} & {*missing}:
                continue
            default: Any = np.floor(shape["hidden_size"] / shape["num_attention_heads"])
            text = "hidden_size / num_attention_heads"
        elif name in family.required or name not in defaults:
            if name in _OPTIONAL and name not in family.required:
                continue
            missing.append(name)
            continue
        else:
            text = str(defaults[name])
            if text in missing:
                continue
            default = shape[text] if text in shape else float(defaults[name])
        shape[name] = np.asarray(default, dtype=np.float64)
        if name in _ASSUMED and not (name == "head_dim" and "head_dim" not in family.keys):
            assumed.append(f"{name} = {text}")
    if missing:
        raise _missing(family, missing, place, option)
    if "intermediate_size" not in shape:
        moe, _ = layer_numbers(shape)
        if np.any(moe < shape["num_hidden_layers"]):
            raise _missing(family, ["intermediate_size"], place, option)
        shape["intermediate_size"] = np.zeros(())
    return shape, assumed


def _missing(family: Family, names: list[str], place: str, option: str) -> RequestError:
    own = keys_of(family)
    keys = {name: own[name][0] if own[name] else name for name in names}
    them, first = "them" if len(keys) > 1 else "it", next(iter(keys.values()))
    problem = f"{first} is missing ({FIELDS[names[0]]})"
    if len(keys) > 1:
        listed = ", ".join(f"{key} ({FIELDS[name]})" for name, key in keys.items())
        problem = f"{listed} are missing"
    return RequestError(
        problem,
        place=place,
        remedy=f"{family.name} cannot be counted without {them}{option.format(first)}"
        + f" (--architecture {first}=COLUMN), an expression or a number" * bool(option),
    )


def _number(value: Any, key: str, place: str) -> np.ndarray:
    """One number; a list of equal numbers, one a layer, is that number."""
    values = value if isinstance(value, list) else [value]
    if not values or any(isinstance(item, bool | int | float) is False for item in values):
        raise RequestError(f"{key} = {str(value)[:40]!r}", place=place, remedy="Give a number")
    if any(item != values[0] for item in values):
        raise RequestError(
            f"{key} varies by layer: {str(value)[:60]}",
            place=place,
            remedy="Layers of different shapes are not counted",
        )
    return np.asarray(float(values[0]))


def _layer_lists(family: Family, config: Mapping[str, Any], place: str) -> dict[str, np.ndarray]:
    """Numbers of layers of a kind, where the configuration lists them one by one."""
    found: dict[str, np.ndarray] = {}
    kinds = config.get("attn_type_list") or config.get("layer_types") or []
    linear = sum(kind in (0, "linear_attention") for kind in kinds)
    if linear and family.name != "minimax":
        raise RequestError(
            f"{linear} layers of linear attention in layer_types",
            place=place,
            remedy=f"Their parameters are not known for {family.name}",
        )
    found["num_linear_layers"] = np.asarray(float(linear))
    layers = config.get("num_hidden_layers")
    frequency = config.get("moe_layer_freq")
    if isinstance(frequency, list):
        found["num_moe_layers"] = np.asarray(float(sum(map(bool, frequency))))
        found["moe_layer_period"] = np.ones(())
    elif family.name == "llama4" and config.get("moe_layers"):
        found["num_moe_layers"] = np.asarray(float(len(config["moe_layers"])))
    elif config.get("mlp_only_layers") and isinstance(layers, int):
        step = config.get("decoder_sparse_step") or 1
        dense = set(config["mlp_only_layers"])
        sparse = [i for i in range(layers) if i not in dense and (i + 1) % step == 0]
        found["num_moe_layers"] = np.asarray(float(len(sparse)))
    return found


def _check(family: Family, shape: Mapping[str, np.ndarray], place: str) -> None:
    """Refuse a configuration that no model can have."""
    keys = keys_of(family)
    for name, value in shape.items():
        key, number = (keys[name] or (name,))[0], float(value)
        needed = name in family.required and name != "shared_expert_intermediate_size"
        least = 0 if name in MAY_BE_ZERO and not needed else 1
        if name in ("last_moe_layer", "moe_layer_offset"):
            least = -1
        whole = name == "mamba_expand" or number.is_integer()
        if not (np.isfinite(number) and whole and number >= least):
            kind = "true or false" if name in SWITCHES else f"a whole number from {least} on"
            raise RequestError(f"{key} = {number:g}", place=place, remedy=f"Give {kind}")
    for small, large in (
        ("num_experts_per_tok", "num_experts"),
        ("num_key_value_heads", "num_attention_heads"),
        ("first_moe_layer", "num_hidden_layers"),
    ):
        if shape[small] > shape[large]:
            raise RequestError(
                f"{keys[small][0]} = {float(shape[small]):g} exceeds "
                f"{keys[large][0]} = {float(shape[large]):g}",
                place=place,
                remedy="Check both fields",
            )
