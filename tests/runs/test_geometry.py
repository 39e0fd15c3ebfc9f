"""The runs in the space of their inputs: collinearity and distances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.runs.geometry import (
    collinear,
    distance,
    extrapolation_factor,
    extrapolation_text,
)


def configurations(**columns: np.ndarray) -> bl.Runs:
    return bl.read_runs(pd.DataFrame(columns))


@pytest.mark.parametrize(("jitter", "noted"), [(0.02, True), (0.15, True), (0.6, False)])
def test_variables_that_move_together_are_named(jitter: float, noted: bool) -> None:
    rng = np.random.default_rng(3)
    size = np.geomspace(1e8, 1e10, 60)
    tokens = 20 * size * np.exp(jitter * rng.standard_normal(60))
    experts = rng.choice([1.0, 2.0, 4.0, 8.0], 60)
    runs = configurations(N=size, D=tokens, G=experts)
    notes = collinear(runs, ["N", "D", "G"])
    # Of the variance of a logarithm, 1.8 wide, the jitter is .01%, .7% and 10%.
    assert bool(notes) is noted
    if noted:
        assert notes[0].message.startswith("N and D move together")


def test_other_tokens_per_parameter_are_asked_for_where_tokens_are_among_them() -> None:
    experts = np.tile([1.0, 2.0, 4.0, 8.0], 15)
    runs = configurations(
        N=np.geomspace(1e8, 1e10, 60),
        D=20 * np.geomspace(1e8, 1e10, 60),
        G=experts,
        S=np.log(experts) / 20,
    )
    (note,) = collinear(runs, ["N", "D"])
    assert "tokens per parameter" in note.remedy
    (note,) = collinear(runs, ["G", "S"])
    assert note.remedy == "Add runs in which they vary separately"


def test_the_distance_is_that_of_mahalanobis_and_the_share_counts_runs() -> None:
    rng = np.random.default_rng(4)
    along, across = 2 * rng.standard_normal(4000), 0.5 * rng.standard_normal(4000)
    runs = configurations(N=1e9 * np.exp(along + across), D=2e10 * np.exp(along - across))
    # Three standard deviations across the cloud, though within the range of each variable.
    point = {"N": 1e9 * np.exp(1.5), "D": 2e10 * np.exp(-1.5)}
    found, share = distance(runs, point)
    assert found == pytest.approx(3.0, rel=0.05)
    # Of a normal in two dimensions, exp(-9/2) lies further out.
    assert share == pytest.approx(np.exp(-4.5), abs=4 * np.sqrt(np.exp(-4.5) / 4000))
    middle, all_of_them = distance(runs, {"N": 1e9, "D": 2e10})
    assert middle < 0.1
    assert all_of_them > 0.99
    assert distance(runs.select(np.arange(4000) < 1), point) == (0.0, 1.0)


def test_the_factor_is_that_of_the_variable_furthest_outside() -> None:
    runs = bl.simulate(
        "zhao2025",
        design={
            "N": np.array([1e8, 1e9]),
            "N_a": np.array([1e7, 1e8]),
            "D": np.array([1e10, 1e11]),
            "G": np.array([1.0, 8.0]),
            "S": np.array([0.0, 0.5]),
        },
    )
    factors, names = extrapolation_factor(
        runs,
        {
            "N": np.array([3e8, 1e10, 5e7, 1e9]),
            "D": np.array([3e10, 2e11, 1e8, 1e11]),
            "S": np.array([0.9, 0.0, 0.0, 0.0]),
        },
    )
    # S, which may be zero, is .4 beyond a range of .5.
    np.testing.assert_allclose(factors, [1.8, 10.0, 100.0, 1.0], rtol=1e-12)
    assert names.tolist() == ["S", "N", "D", ""]


def test_a_factor_reads_as_a_predicate() -> None:
    assert extrapolation_text("N", 198.74) == "is 199 times beyond the runs in N"
    assert extrapolation_text("S", np.inf) == "differs from every run in S, which never varied"
