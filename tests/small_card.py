"""A small law card, and the same card with entries replaced."""

from __future__ import annotations

import copy
from typing import Any

LOGNORMAL = {"family": "lognormal", "median": 0.25, "factor": 2}
NORMAL = {"family": "normal", "mean": 0, "sd": 1}

CARD: dict[str, Any] = {
    "name": "test",
    "formula": "size = A*N**-alpha\nL = E + size",
    "variables": {"N": {"is": "N", "range": [1e8, 1e10], "base": "1e9"}},
    "parameters": {
        "E": {"on": "E / loss", "prior": LOGNORMAL, "role": "floor"},
        "A": {"on": "size / loss", "prior": LOGNORMAL},
        "alpha": {"prior": LOGNORMAL},
    },
    "coefficients": {"published": {"E": 1.7, "A": 400.0, "alpha": 0.3}},
}


def changed(**changes: Any) -> dict[str, Any]:
    """The card with entries replaced, at keys joined by two underscores; None takes one out."""
    card = copy.deepcopy(CARD)
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = card
        for key in parents:
            inner = inner.setdefault(key, {})
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return card
