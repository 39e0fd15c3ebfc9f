"""Suggest the source column of a missing variable, and the option that maps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from bayeslaw.core.errors import shortened, some_of
from bayeslaw.core.vocabulary import variable
from bayeslaw.runs.cells import numeric

_SAME = {
    "param": "parameter", "tok": "token", "activated": "active", "num": "n", "number": "n",
    "fraction": "share", "ratio": "share", "val": "validation", "valid": "validation",
    "frac": "share", "act": "active", "perplexity": "ppl",
}  # fmt: skip
# Words that a column of each variable has in its name, all of one set.
_NAMED: dict[str, tuple[str, ...]] = {
    "N": ("n", "n total", "parameter", "size"),
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
_COUNTS = {"n", "total", "count", "model", "config", "summary", "derived", *_UNITS}
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
# Words of columns that hold a loss in another unit, and the unit.
_OTHER_UNITS = {"ppl": "ppl", "bpb": "bits per byte"}
_DERIVED = ("N", "N_a", "G", "K", "S", "E", "activation", "granularity", "sparsity")
# Words of columns that describe an architecture.
_SHAPE = {"layer", "depth", "width", "hidden", "head", "model", "expert", "topk", "ff", "ffn"}
_ARCHITECTURE = 'architecture={"family": ...} (--architecture)'
#: Characters of names of columns that a remedy lists.
_LISTED = 60
# Characters up to which what each variable means is said beside its column.
_ROOM = 240


def column_remedy(name: str, columns: Iterable[str]) -> str:
    """How to map a variable to the column that it most likely is, in Python and on the CLI."""
    likely = _likely(name, columns)
    return f"Map {name} ({variable(name).means}): {_options(name, likely)}"


def missing_remedy(missing: Sequence[str], others: pd.DataFrame) -> str:
    """How to map variables to columns of a table that are no variables yet."""
    # A column of numbers may contain typos in some cells.
    numbers = [
        name
        for name, column in others.items()
        if pd.api.types.is_numeric_dtype(column.dtype)
        or np.isfinite(numeric(column)[0]).mean() > 0.5
    ]
    # A count of shared experts is no share.
    numbers = [name for name in numbers if not _counts_shared(name, others)]
    computed = _from_experts(others, missing)
    derived = [name for name in missing if name in _DERIVED] if {"N", "N_a"} & {*missing} else []
    if sum(bool(_SHAPE & set(_words(name))) for name in numbers) < 2:
        mapped, derived = list(missing), [name for name in derived if name in ("N", "N_a")]
        instead = "Or, from layers, widths and experts, derive"
    else:
        # What a column states needs no deriving.
        derived = [name for name in derived if _likely(name, numbers) is None]
        mapped = [name for name in missing if name not in derived]
        instead = "From the table's layers, widths and experts derive"
    found = [name for name in missing if name in computed or _likely(name, numbers) is not None]
    derived = [name for name in derived if name not in found]
    mapped = [name for name in missing if name in mapped or name in computed]
    remedies = _mapped(mapped, numbers, computed)
    if derived:
        dense = _dense_count(numbers) if "N" in derived else ""
        remedies.append(f"{instead} {', '.join(derived)}: {_ARCHITECTURE}{dense}")
    if len(others.columns) and len(found) < len(missing):
        remedies.append(f"Other columns: {shortened(some_of(others), _LISTED)}")
    return ("\n  " if len(mapped) > 1 else ". ").join(remedies)


def _dense_count(columns: Sequence[str]) -> str:
    """The usual count of a dense model's parameters, of a table that has what it needs."""
    words = {name: set(_words(name)) for name in columns}
    if any(each & {"expert", "moe"} for each in words.values()):
        return ""

    def column(*kinds: set[str]) -> str:
        name = next((name for kind in kinds for name in columns if kind <= words[name]), "")
        return f"`{name}`" if name and not name.isidentifier() else name

    layers, width = column({"layer"}, {"depth"}), column({"d", "model"}, {"hidden"}, {"width"})
    if not layers or not width:
        return ""
    vocabulary = column({"vocab"}, {"vocabulary"})
    embeddings = f" + {vocabulary}*{width}" if vocabulary else ""
    return f"; or N = 12*{layers}*{width}**2{embeddings} (dense)"


def _from_experts(table: pd.DataFrame, missing: Sequence[str]) -> dict[str, str]:
    """G and S from the numbers of chosen and of shared experts, where columns state these."""
    chosen = next((str(n) for n in table if _beside("K", str(n)) is not None), None)
    shared = next((str(n) for n in table if _counts_shared(str(n), table)), None)
    if chosen is None or shared is None or "G" not in missing:
        return {}
    chosen, shared = (n if n.isidentifier() else f"`{n}`" for n in (chosen, shared))
    return {"G": f"{chosen} + {shared}"} | ({"S": f"{shared}/G"} if "S" in missing else {})


def _counts_shared(name: str, table: pd.DataFrame) -> bool:
    """Whether a column counts shared experts."""
    words = set(_words(name))
    if "shared" not in words or words - {"shared", "expert", *_COUNTS}:
        return False
    values = numeric(table[name])[0]
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool((values == np.round(values)).all() and values.max() > 0)


def of_experts(table: pd.DataFrame) -> bool:
    """Whether columns of a table describe experts."""
    return any(
        pd.api.types.is_numeric_dtype(table[name].dtype) and table[name].nunique() > 1
        for name in table.columns
        if {"expert", "topk"} & (words := {*_words(str(name))}) or {"top", "k"} <= words
    )


def where_not_positive(name: str, column: str) -> str:
    """How a law's own variable that may be zero or negative is read."""
    text = f"`{column}`" if column and not column.isidentifier() else column or name
    return (
        f'Where {name} may be zero or negative, map columns={{"{name}": "exp({text})"}}: its '
        f"logarithm, ln({name}) in a formula, is what the column holds"
    )


def _mapped(names: list[str], columns: list[str], computed: Mapping[str, str]) -> list[str]:
    """How to map variables: a sentence for one, a line each for several."""
    likely = {name: computed.get(name) or _likely(name, columns) for name in names}
    if len(names) < 2:
        return [f"Map {n} ({variable(n).means}): {_options(n, likely[n])}" for n in names]
    example = next((name for name in names if likely[name]), names[0])
    first = f"Map each: {_options(example, likely[example])}"

    def lines(explained: bool) -> list[str]:
        texts = []
        for name in names:
            column, unit = likely[name], _unit(name, likely[name])[2]
            said = [variable(name).means] if explained or not column else []
            beside = "; ".join([*said, *([unit] if unit else [])])
            texts.append(f"{name} = {column or '?'}" + f" ({beside})" * bool(beside))
        return texts

    full = lines(explained=True)
    # Of many, those that are plain need the room for the others.
    return [first, *(full if sum(map(len, full)) < _ROOM else lines(explained=False))]


def _options(name: str, column: str | None) -> str:
    in_python, in_shell, _ = _unit(name, column)
    column = column or "its column"
    argument = f"{name}={column}"
    quoted = argument
    if re.search(r"[^\w=./+-]", argument):
        # Back quotes run commands within double quotes.
        quoted = f"'{argument}'" if "`" in argument else f'"{argument}"'
    pair = f"{json.dumps(name)}: {json.dumps(column, ensure_ascii=False)}"
    return (
        f"columns={{{pair}}}{in_python} in Python, --column {quoted}{in_shell} on the command line"
    )


def _unit(name: str, column: str | None) -> tuple[str, str, str]:
    """The option that states the unit which a column's name bears: in Python, a shell, a line."""
    words = set(_words(column or ""))
    if name == "loss" and (units := [_OTHER_UNITS[word] for word in words & {*_OTHER_UNITS}]):
        text = f'loss_unit="{units[0]}"'
        shell = f"'{units[0]}'" if " " in units[0] else units[0]
        return f", {text}", f" --loss-unit {shell}", text
    for factor, scale in (("1e9", {"b", "billion"}), ("1e6", {"m", "million"})):
        if words & scale and name in ("N", "N_a", "D"):
            text = f'units={{"{name}": {factor}}}'
            return f", {text}", f" --unit {name}={factor}", text
    return "", "", ""


def _likely(name: str, columns: Iterable[str]) -> str | None:
    """The column whose name means a variable, with the fewest other words, if any does."""
    columns = list(columns)
    found = {column: beside for column in columns if (beside := _beside(name, column)) is not None}
    if not found and name == "loss":
        return next((column for column in columns if {*_OTHER_UNITS} & set(_words(column))), None)
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
