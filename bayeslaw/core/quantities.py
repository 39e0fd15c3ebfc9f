"""Counts as people write them: 5B tokens, 1.5T, 300M."""

from __future__ import annotations

import math
import re
from numbers import Real

from bayeslaw.core.errors import RequestError

_POWERS = {"K": 3, "M": 6, "B": 9, "T": 12}
_PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
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
    try:
        return float(number)
    except OverflowError:
        remedy = "Give a number below 1e308"
        raise RequestError(f"{name} is too large", place=place, remedy=remedy) from None


def count(value: float, digits: int = 3) -> str:
    """A count as people write it: 30B, 133M; large FLOPs as 1e22."""
    if not math.isfinite(value):
        return f"{value:g}"
    value = float(f"{value:.{digits}g}")
    for size, prefix in _PREFIXES:
        if size <= abs(value) < 1e15:
            return f"{value / size:.{digits}g}{prefix}"
    if value != 0 and (abs(value) >= 1e5 or abs(value) < 1e-3):
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    # So few digits of thousands would be written with an exponent.
    return f"{value:.0f}" if abs(value) >= 10.0**digits else f"{value:.{digits}g}"
