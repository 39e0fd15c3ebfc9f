"""Numbers and letters as pictures write them."""

from __future__ import annotations

import pytest
from matplotlib.mathtext import MathTextParser

import bayeslaw as bl
from bayeslaw.law.library import cards
from bayeslaw.plots import labels


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (30e9, "30B"),
        (671e9, "671B"),
        (133e6, "133M"),
        (3.4e9, "3.4B"),
        (1.5e12, "1.5T"),
        (1e22, "1e22"),
        (5.76e23, "5.76e23"),
        (0, "0"),
        (0.31, "0.31"),
        (7, "7"),
        (-2e9, "-2B"),
        (5e-4, "5e-4"),
        (999.9e9, "1T"),
    ],
)
def test_counts_as_people_write_them(value: float, said: str) -> None:
    assert labels.count(value) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("N", "$N$: total parameters"),
        ("S", "$S$: shared experts over active experts"),
        ("C", "$C$: training FLOPs"),
        ("loss", "loss: cross-entropy [nats per token]"),
        ("N_a/N", "$N_a/N$"),
        ("width", "width"),
    ],
)
def test_labels_of_axes(name: str, said: str) -> None:
    assert labels.label(name) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss", "loss"),
        ("lam", r"$\lambda$"),
        ("N_a", "$N_a$"),
        ("6*N_a*D", r"$6 \, N_a \, D$"),
        ("-n / (2*m)", r"$-n/(2 \, m)$"),
        ("(N - N_a)/D", "$(N - N_a)/D$"),
        # A slash that is followed by a factor would divide by it.
        ("h * N_a/N * N**alpha", r"$(h \, N_a/N) \, N^{\alpha}$"),
        ("a / (b/c)", "$a/(b/c)$"),
    ],
)
def test_expressions_in_one_line(text: str, expected: str) -> None:
    assert labels.math(text) == expected


def test_every_parameter_of_every_law_has_a_label() -> None:
    parse = MathTextParser("path").parse
    for name in cards():
        for parameter, entry in bl.law(name).parameters.items():
            for text in (parameter, entry.on.text):
                assert r"\frac" not in labels.math(text)
                assert parse(labels.math(text)).width > 0
                assert parse(labels.best(text)).width > 0
