"""Which source column a missing variable most likely is, and how to say so."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

from bayeslaw.core.vocabulary import VOCABULARY, variable

_NAME, _MEANING = 2, 1
_SAME = {"param": "parameter", "size": "parameter", "tok": "token"}
_IDLE = frozenset(
    ("a", "all", "does", "in", "not", "number", "of", "one", "over", "per", "share", "that", "the")
)


def column_remedy(name: str, column: str | None) -> str:
    """Say how to map a column, in Python and on the command line."""
    meant = column or "its column"
    argument = f"{name}={meant}"
    quoted = f'"{argument}"' if re.search(r"[^\w=.+-]", argument) else argument
    pair = f"{json.dumps(name)}: {json.dumps(meant, ensure_ascii=False)}"
    return (
        f"Say which column is {name} ({variable(name).means}): columns={{{pair}}} in Python, "
        f"--column {quoted} on the command line"
    )


def likely_column(name: str, columns: Iterable[str]) -> str | None:
    """Guess which column holds a variable, from the words of its name and meaning."""
    columns = list(columns)
    scores = {column: _agreement(name, column) for column in columns}
    # "N_active" shares a word with G, but it is N_a.
    fitting = [
        column
        for column in columns
        if 0 < scores[column] >= max(_agreement(other, column) for other in VOCABULARY)
    ]
    if fitting:
        # G and S both speak of experts and of shared ones, each first of its own.
        return max(fitting, key=lambda column: (scores[column], -_place(name, column)))
    close = difflib.get_close_matches(name, columns, n=1)
    return close[0] if close else None


def _agreement(name: str, column: str) -> int:
    weights = dict.fromkeys(set(_words(variable(name).means)) - _IDLE, _MEANING)
    weights |= dict.fromkeys(_words(name), _NAME)
    return sum(weights.get(word, 0) for word in set(_words(column)))


def _place(name: str, column: str) -> int:
    """How far into the meaning of a variable the first word stands that a column has."""
    meaning, found = _words(variable(name).means), set(_words(column))
    return next((place for place, word in enumerate(meaning) if word in found), len(meaning))


def _words(text: str) -> list[str]:
    # Without a plural s, so that "tokens" and "token_count" share a word.
    found = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)
    words = [word.casefold().removesuffix("s") or word.casefold() for word in found]
    return [_SAME.get(word, word) for word in words]
