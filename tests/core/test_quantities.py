"""Counts with suffixes."""

from __future__ import annotations

import pytest

import bayeslaw as bl
from bayeslaw.core.quantities import parse_count, quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5B", 5e9),
        ("30b", 30e9),
        ("1.5T", 1.5e12),
        ("300M", 300e6),
        ("1.3B", 1.3e9),
        (" 2.5 K ", 2500.0),
        (".5B", 5e8),
        ("7.B", 7e9),
        ("30e9", 30e9),
        ("-3", -3.0),
        ("671", 671.0),
    ],
)
def test_suffixes_scale_exactly(text: str, number: float) -> None:
    assert parse_count(text) == number
    assert quantity(text, "N", place="test") == number


@pytest.mark.parametrize(
    "text", ["", "B", "5 billion", "5BB", "5G", "1,5B", "1_000", "0x5B", "1e3B"]
)
def test_other_texts_are_no_counts(text: str) -> None:
    assert parse_count(text) is None
    with pytest.raises(bl.BayesLawError, match='such as 30e9 or "30B"'):
        quantity(text, "N", place="test")


@pytest.mark.parametrize("value", [True, None, [5]])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(bl.BayesLawError, match="test: N = "):
        quantity(value, "N", place="test")
