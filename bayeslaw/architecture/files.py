"""A configuration's file, and the checkpoint index beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note

INDEX = "model.safetensors.index.json"
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1}
_SHARE_NOTED = 0.01


def read_config(source: object) -> tuple[Mapping[str, Any], str, Path | None]:
    """The configuration, what to call it, and the folder that it lies in."""
    if isinstance(source, Mapping):
        return source, str(source.get("model_type") or "configuration"), None
    if not isinstance(source, str | Path):
        raise RequestError(
            f"a {type(source).__name__} where a configuration belongs",
            place="architecture",
            remedy="Give a config.json or its content",
        )
    path = Path(source)
    name = path.name
    try:
        path = path / "config.json" if path.is_dir() else path
        name = path.parent.name if path.name == "config.json" and path.parent.name else path.name
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(
            f"the file cannot be read ({error.strerror})",
            place=str(path),
            remedy="Give the path of a config.json",
        ) from None
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"not valid JSON ({error})", place=str(path), remedy="Give a model's config.json"
        ) from None
    if not isinstance(content, dict):
        raise RequestError(
            "the file holds no JSON object", place=str(path), remedy="Give a model's config.json"
        )
    return content, name, path.parent


def compare_checkpoint(path: Path, config: Mapping[str, Any], N: float) -> Note:
    """How the total of a checkpoint's index compares with the count."""
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
        size = float(metadata["total_size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Note("checkpoint", "warning", f"{path.name} holds no total size ({error!r})")
    stored = metadata.get("total_parameters")
    kind = str(config.get("dtype") or config.get("torch_dtype") or "")
    width = _BYTES.get(kind.removeprefix("torch."))
    if stored is None and (config.get("quantization_config") or width is None):
        return Note(
            "checkpoint",
            "info",
            f"{path.name} holds {size:.4g} bytes, {size / N:.3g} for each of {N:.6g} parameters; "
            "the weights are quantized or their precision is not stated, so that totals are not "
            "compared",
        )
    total = float(stored) if stored is not None else size / float(width or 1)
    difference = total / N - 1
    text = f"{path.name} holds {total:.12g} parameters, {N:.12g} are counted"
    if abs(difference) < _SHARE_NOTED:
        return Note("checkpoint", "info", f"{text} ({100 * difference:+.2g}%)")
    return Note(
        "checkpoint",
        "warning",
        f"{text} ({100 * difference:+.3g}%)",
        "Look for parts that the count leaves out: further prediction layers, a vision tower",
    )
