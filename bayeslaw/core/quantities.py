"""Counts as people write them: 5B tokens, 1.5T, 300M."""

from __future__ import annotations

import re
from numbers import Real

from bayeslaw.core.errors import RequestError

_SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([KkMmBbTt]?)")


def parse_count(text: str) -> float | None:
    """Read a number with or without K, M, B or T; None for any other text."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        return None
    # As text, so that 1.3B is the float nearest to 1.3e9.
    digits, scale = written[1], _SCALES[written[2].upper()]
    if scale == 1.0 or "e" in digits.lower():
        return float(digits) * scale
    return float(f"{digits}e{len(f'{scale:.0f}') - 1}")


def quantity(value: object, name: str, *, place: str) -> float:
    """A number that a caller gives, also as text: 30e9 or "30B"."""
    number = parse_count(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, Real):
        raise RequestError(
            f"{name} = {value!r}", place=place, remedy='Give a number, such as 30e9 or "30B"'
        )
    return float(number)
