"""How far beyond the runs a configuration lies, and what shapes it."""

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.runs.reach import Direction, Reach

RUNS = bl.read_runs(
    pd.DataFrame(
        {
            "N": [1e9, 2e9, 4e9, 4e9],
            "N_a": [1e8, 4e8, 4e8, 8e8],
            "D": [1e10, 2e10, 4e10, 1e10],
            "S": [0.0, 0.2, 0.4, 0.1],
            "G": [4.0, 4.0, 4.0, 4.0],
            "loss": [3.0, 2.8, 2.6, 2.7],
        }
    )
)
VARIABLES = ("N", "N_a", "D", "S", "G")
INSIDE = {"N": 2e9, "N_a": 4e8, "D": 2e10, "S": 0.2, "G": 4.0}


def test_nothing_is_beyond_the_runs_inside_them() -> None:
    columns = RUNS.columns(VARIABLES)
    np.testing.assert_allclose(Reach.of(RUNS, VARIABLES).doublings(columns), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("moved", "axis", "doublings"),
    [
        ({"N": 16e9, "N_a": 1.6e9}, "N", 2.0),
        # As far in D, in compute and in tokens per active parameter.
        ({"D": 160e9}, "", 2.0),
        ({"G": 8.0}, "G", 1.0),
        ({"S": 0.8}, "S", 1.0),
        ({"N_a": 8e8, "D": 1e10, "N": 4e9}, "", 0.0),
    ],
)
def test_distance_is_that_of_the_furthest_axis_in_doublings(
    moved: dict[str, float], axis: str, doublings: float
) -> None:
    reach = Reach.of(RUNS, VARIABLES)
    point = {**INSIDE, **moved}
    name, far = reach.furthest(point)
    assert far == pytest.approx(doublings, abs=1e-9)
    if axis:
        assert name == axis


def test_products_enlarge_and_ratios_shape() -> None:
    shapes = {text: Direction.of(text).shapes for text in ("N", "N_a*D", "D/N_a", "S", "G", "E")}
    assert shapes == {"N": False, "N_a*D": False, "D/N_a": True, "S": True, "G": True, "E": True}
    # G never varied, so that no run says how errors change with it.
    assert [axis.name for axis in Reach.of(RUNS, VARIABLES).shapes] == ["S", "D/N_a", "N_a/N"]
