"""Suggest the source column of a missing variable, and the option that maps it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bayeslaw.core.vocabulary import VOCABULARY, variable
from bayeslaw.runs.cells import numeric

_NAME, _MEANING = 2, 1
_SAME = {"param": "parameter", "size": "parameter", "tok": "token"}
_DERIVED = ("N", "N_a", "G", "K", "S", "E", "activation", "granularity", "sparsity")
# Words of columns that describe an architecture.
_SHAPE = {"layer", "depth", "width", "hidden", "head", "model", "expert", "topk", "ff", "ffn"}
_ARCHITECTURE = (
    'architecture={"family": "olmoe", "hidden_size": "d_model", ...} in Python, '
    "--architecture family=olmoe on the command line"
)
_IDLE = frozenset(
    ("a", "all", "does", "in", "not", "number", "of", "one", "over", "per", "share", "that", "the")
)


def column_remedy(name: str, columns: Iterable[str]) -> str:
    """How to map a variable to the column that it most likely is, in Python and on the CLI."""
    column = _likely(name, list(columns)) or "its column"
    argument = f"{name}={column}"
    quoted = f'"{argument}"' if re.search(r"[^\w=.+-]", argument) else argument
    pair = f"{json.dumps(name)}: {json.dumps(column, ensure_ascii=False)}"
    return (
        f"Map {name} ({variable(name).means}): columns={{{pair}}} in Python, "
        f"--column {quoted} on the command line"
    )


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
        instead = "Where the table has layers, widths and experts instead, derive"
        mapped, sizes = missing, [name for name in derived if name in ("N", "N_a")]
    else:
        instead, sizes = "From the table's layers, widths and experts derive", derived
        mapped = [name for name in missing if name not in derived]
    remedies = [column_remedy(name, numbers) for name in mapped]
    if derived:
        remedies.append(f"{instead} {', '.join(sizes)}: {_ARCHITECTURE}")
    if len(others.columns):
        remedies.append(f"The table's other columns: {', '.join(others)}")
    return ". ".join(remedies)


def _likely(name: str, columns: list[str]) -> str | None:
    """The column that most likely holds a variable, by the words of its name and meaning."""
    scores = {column: _agreement(name, column) for column in columns}
    # "N_active" shares a word with G, but it is N_a.
    fitting = [
        column
        for column in columns
        if 0 < scores[column] >= max(_agreement(other, column) for other in VOCABULARY)
    ]
    if fitting:
        # The meanings of G and S share words; the first word differs.
        return max(fitting, key=lambda column: (scores[column], -_position(name, column)))
    return next(iter(difflib.get_close_matches(name, columns, n=1)), None)


def _agreement(name: str, column: str) -> int:
    weights = dict.fromkeys(set(_words(variable(name).means)) - _IDLE, _MEANING)
    weights |= dict.fromkeys(_words(name), _NAME)
    words = set(_words(column))
    if any(len(word) > 1 and word not in weights and word not in _IDLE for word in words):
        # One letter in common says nothing: n_layers is not N.
        words = {word for word in words if len(word) > 1}
    return sum(weights.get(word, 0) for word in words)


def _position(name: str, column: str) -> int:
    """Position in a variable's meaning of the first word that the column shares."""
    meaning, shared = _words(variable(name).means), set(_words(column))
    return next((i for i, word in enumerate(meaning) if word in shared), len(meaning))


def _words(text: str) -> list[str]:
    # Without a plural s, so that "tokens" and "token_count" share a word.
    found = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)
    words = [word.casefold().removesuffix("s") or word.casefold() for word in found]
    return [_SAME.get(word, word) for word in words]
