"""Suggest the source column of a missing variable, and the option that maps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bayeslaw.core.errors import shortened, some_of
from bayeslaw.core.vocabulary import variable
from bayeslaw.runs.cells import numeric

_SAME = {
    "param": "parameter", "tok": "token", "activated": "active", "num": "n", "number": "n",
    "fraction": "share", "ratio": "share", "val": "validation", "valid": "validation",
    "frac": "share", "act": "active",
}  # fmt: skip
# Words that a column of each variable has in its name, all of one set.
_NAMED: dict[str, tuple[str, ...]] = {
    "N": ("n", "n total", "parameter", "model size"),
    "N_a": ("n active", "parameter active", "n a", "na", "active"),
    "D": ("d", "token"),
    "G": ("g", "expert active", "expert on"),
    "K": ("k", "top k", "topk", "expert per token", "expert routed active"),
    "S": ("s", "shared", "shared share", "shared share expert"),
    "E": ("e", "expert"),
    "activation": ("activation", "activation share", "active share"),
    "granularity": ("granularity",),
    "sparsity": ("sparsity",),
    "C": ("c", "flop", "compute"),
    "loss": ("loss", "cross entropy"),
    "loss_se": ("loss se", "loss stderr", "loss std", "loss standard error"),
}
# Words that a name may have besides; an unknown word means another quantity.
_UNITS = {"b", "m", "billion", "million"}
_COUNTS = {"n", "total", "count", "model", "config", "derived", *_UNITS}
_EMBEDDINGS = {"non", "nonembed", "embed", "embedding", "incl", "excl", "no"}
_BESIDE: dict[str, set[str]] = {
    "N": _COUNTS | _EMBEDDINGS | {"size", "all"},
    "N_a": _COUNTS | _EMBEDDINGS | {"per", "token"},
    "D": _COUNTS | {"train", "training", "seen", "data"},
    "G": _COUNTS | {"per", "token"},
    "K": _COUNTS,
    "S": {"config", "of", "active"},
    "E": _COUNTS,
    "C": _COUNTS | {"train", "training", "budget"},
}
# Losses are named after what they are measured on, which may be any word but these.
_NO_LOSS = {
    "aux", "auxiliary", "balance", "bpb", "err", "error", "fn", "function", "hi", "lo", "ppl",
    "router", "scale", "se", "std", "stderr", "weight", "z",
}  # fmt: skip
_DERIVED = ("N", "N_a", "G", "K", "S", "E", "activation", "granularity", "sparsity")
# Words of columns that describe an architecture.
_SHAPE = {"layer", "depth", "width", "hidden", "head", "model", "expert", "topk", "ff", "ffn"}
_ARCHITECTURE = 'architecture={"family": ...} (--architecture)'
#: Characters of names of columns that a remedy lists.
_LISTED = 60


def column_remedy(name: str, columns: Iterable[str]) -> str:
    """How to map a variable to the column that it most likely is, in Python and on the CLI."""
    return f"Map {name} ({variable(name).means}): {_options(name, _likely(name, columns))}"


def missing_remedy(missing: Sequence[str], others: pd.DataFrame) -> str:
    """How to map variables to columns of a table that are no variables yet."""
    # A column of numbers may contain typos in some cells.
    numbers = [
        name
        for name, column in others.items()
        if pd.api.types.is_numeric_dtype(column.dtype)
        or np.isfinite(numeric(column)[0]).mean() > 0.5
    ]
    derived = [name for name in missing if name in _DERIVED] if {"N", "N_a"} & {*missing} else []
    if sum(bool(_SHAPE & set(_words(name))) for name in numbers) < 2:
        mapped, derived = list(missing), [name for name in derived if name in ("N", "N_a")]
        instead = "Or, from layers, widths and experts, derive"
    else:
        # What a column states needs no deriving.
        derived = [name for name in derived if _likely(name, numbers) is None]
        mapped = [name for name in missing if name not in derived]
        instead = "From the table's layers, widths and experts derive"
    found = [name for name in missing if _likely(name, numbers) is not None]
    derived = [name for name in derived if name not in found]
    remedies = _mapped(mapped, numbers)
    if derived:
        remedies.append(f"{instead} {', '.join(derived)}: {_ARCHITECTURE}")
    if len(others.columns) and len(found) < len(missing):
        remedies.append(f"Other columns: {shortened(some_of(others), _LISTED)}")
    return ("\n  " if len(mapped) > 1 else ". ").join(remedies)


def where_not_positive(name: str, column: str) -> str:
    """How a law's own variable that may be zero or negative is read."""
    text = f"`{column}`" if column and not column.isidentifier() else column or name
    return (
        f'Where {name} may be zero or negative, map columns={{"{name}": "exp({text})"}}: its '
        f"logarithm, ln({name}) in a formula, is what the column holds"
    )


def _mapped(names: list[str], columns: list[str]) -> list[str]:
    """How to map variables: a sentence for one, a line each for several."""
    if len(names) < 2:
        return [column_remedy(name, columns) for name in names]
    likely = {name: _likely(name, columns) for name in names}
    example = next((name for name in names if likely[name]), names[0])
    lines = [f"Map each: {_options(example, likely[example])}"]
    return lines + [f"{name} = {likely[name] or '?'} ({variable(name).means})" for name in names]


def _options(name: str, column: str | None) -> str:
    column = column or "its column"
    argument = f"{name}={column}"
    quoted = f'"{argument}"' if re.search(r"[^\w=./+-]", argument) else argument
    pair = f"{json.dumps(name)}: {json.dumps(column, ensure_ascii=False)}"
    return f"columns={{{pair}}} in Python, --column {quoted} on the command line"


def _likely(name: str, columns: Iterable[str]) -> str | None:
    """The column whose name means a variable, with the fewest other words, if any does."""
    found = {column: beside for column in columns if (beside := _beside(name, column)) is not None}
    return min(found, key=lambda column: found[column], default=None)


def _beside(name: str, column: str) -> tuple[bool, bool, int] | None:
    """How much a column's name says besides the variable, for sorting; None if it means another."""
    words = set(_words(column))
    named = [each for text in _NAMED.get(name, ()) if (each := set(_words(text))) <= words]
    if not named:
        return None
    others = words.difference(*named)
    if name == "loss":
        allowed = not others & _NO_LOSS
    elif max(map(len, set().union(*named))) == 1:
        # A letter says little: n_layers is not N, and d_model is not D.
        allowed = others <= _UNITS
    else:
        allowed = others <= _BESIDE.get(name, set())
    if not allowed:
        return None
    return name == "loss" and "train" in words, "validation" not in words, len(others)


def _words(text: str) -> list[str]:
    # Without a plural s, so that "tokens" and "token_count" share a word.
    found = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)
    words = [word.casefold().removesuffix("s") or word.casefold() for word in found]
    return [_SAME.get(word, word) for word in words]
