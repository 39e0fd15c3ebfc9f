"""Comparisons of laws."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import bayeslaw, refused


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--cuts", "0.1;0.3"), ("--cuts", "not a list of numbers")),
        (("--cuts", "0.1", "--no-extrapolation"), ("--cuts", "one of the two")),
        (("--cuts", "1.5"), ("1.5", "between 0 and 1")),
        (("--leave", "group"), ("no groups to leave out",)),
    ],
)
@pytest.mark.usefixtures("no_sampling")
def test_bad_options_of_a_comparison(
    folder: Path, options: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    runs = folder / "runs.csv"
    refused(bayeslaw("compare", runs, "--laws", "chinchilla,skaling2026", *options), *parts)
    refused(
        bayeslaw("compare-nested", runs, "alpha = beta", "--law", "chinchilla", *options), *parts
    )
