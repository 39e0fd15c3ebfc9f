"""Counts as people write them: 5B tokens, 1.5T, 300M."""

from __future__ import annotations

import re
from numbers import Real

from bayeslaw.core.errors import RequestError

_POWERS = {"K": 3, "M": 6, "B": 9, "T": 12}
_SUFFIXED = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*([KkMmBbTt])")


def parse_count(text: str) -> float | None:
    """Read a number with or without K, M, B or T; None for any other text."""
    if not text.isascii():
        return None
    # The power joins the digits, so that 1.3B is the float nearest to 1.3e9.
    suffixed = _SUFFIXED.fullmatch(text.strip())
    if suffixed is not None:
        return float(f"{suffixed[1]}e{_POWERS[suffixed[2].upper()]}")
    try:
        # Python reads 1_000 as a number; its author more likely mistyped.
        return None if "_" in text else float(text)
    except ValueError:
        return None


def quantity(value: object, name: str, *, place: str) -> float:
    """A number that a caller gives, also as text: 30e9 or "30B"."""
    number = parse_count(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, Real):
        raise RequestError(
            f"{name} = {value!r}", place=place, remedy='Give a number, such as 30e9 or "30B"'
        )
    return float(number)
