"""Odd values: what people, programs and strangers give where something else belongs."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 0.5, -0.0, 1e9, 3e10, 1e308, -1e308, 1e-308, 5e-324, 1e30, 2**70, 10**400),
    *(float("nan"), float("inf"), -float("inf"), np.float32(0.3), np.int64(7), np.float64("nan")),
)
TEXTS: tuple[str, ...] = (
    *("", " ", "abc", "N", "loss", "30B", "1_000", "１２", "1,5", "nan", "inf", "0x10", "-1e400"),
    *("a" * 5000, "\0", "\n", "\udcff", "\x1b[31mred\x1b[0m", "[red]x[/red]", "[/]", "∑", "a b"),
    *("<script>alert(1)</script>", "../../x", "{}", "{0.__class__}", "%s", "'", '"', "\\", "N/0"),
    *("[link=http://x]y[/link]", "\u202egnp", "1e3B", "N_a", "D", "G", "S", "gp", "lambda"),
)
OTHERS: tuple[Any, ...] = (
    *(None, True, False, (), [], {}, set(), b"N", object, 3j, Decimal("0.5"), Fraction(1, 3)),
    *(pd.NA, pd.NaT, Path("x"), [None], [1, 2], ["N"], {"N": None}, {None: 1}, {1: 2}, range(3)),
    *(np.array([]), np.array([1.0, np.nan]), np.array([[1.0]]), np.array(["N"]), [[[]]]),
    *(pd.Series([1.0]), pd.DataFrame(), {"N": [1e9, 2e9]}, {"N": "30B"}, {"N": "\0"}, slice(3)),
)
VALUES = (*NUMBERS, *TEXTS, *OTHERS)

numbers = st.sampled_from(NUMBERS) | st.floats() | st.integers()
texts = st.sampled_from(TEXTS) | st.text(max_size=8)
values = st.sampled_from(VALUES) | st.floats() | st.text(max_size=5)


def brief(value: Any) -> str:
    """A value as text, however long."""
    text = repr(value)
    return text if len(text) < 200 else f"{text[:150]}... of {len(text)}"
