"""Equal-tailed intervals: quantiles of draws, wherever the draws are."""

from __future__ import annotations

import numpy as np
import pytest

from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL, interval


def test_quantiles_of_known_draws() -> None:
    # Quantile p of 0, 1, ..., 1000 is 1000 p.
    found = interval(np.arange(1001.0), 0.9)
    assert found == pytest.approx((50, 500, 950), rel=1e-12)


def test_the_interval_is_89_percent_unless_asked() -> None:
    draws = np.arange(1001)
    assert INTERVAL == 0.89
    assert interval(draws) == pytest.approx((55, 500, 945), rel=1e-12)
    assert interval(draws) == interval(draws, 0.89)


def test_ends_of_a_normal_distribution() -> None:
    draws = np.random.default_rng(5).standard_normal(200_000)
    low, median, high = interval(draws)
    # Quantile p has standard error sqrt(p (1 - p) / n) / density: .0046 at the ends, .0028 in the
    # middle; four of them.
    assert low == pytest.approx(-1.5982, abs=0.019)
    assert high == pytest.approx(1.5982, abs=0.019)
    assert median == pytest.approx(0, abs=0.012)


@pytest.mark.parametrize("probability", [0.5, 0.89, 0.95])
def test_tails_are_equal(probability: float) -> None:
    draws = np.random.default_rng(6).lognormal(size=5000)
    low, median, high = interval(draws, probability)
    # One draw of 5000 at most lies between the wanted share and the one counted.
    assert np.mean(draws < low) == pytest.approx((1 - probability) / 2, abs=3e-4)
    assert np.mean(draws > high) == pytest.approx((1 - probability) / 2, abs=3e-4)
    assert np.mean(draws < median) == pytest.approx(0.5, abs=3e-4)


def test_every_column_has_its_own() -> None:
    draws = np.random.default_rng(7).normal(size=(400, 3, 2)) * np.array([1.0, 10.0])
    found = interval(draws, 0.5)
    assert found.low.shape == (3, 2)
    for row in range(3):
        for column in range(2):
            assert interval(draws[:, row, column], 0.5) == tuple(
                end[row, column] for end in found
            )  # the same numbers in the same order: no rounding


def test_infinite_draws_count_as_beyond_every_bound() -> None:
    finite = np.arange(90.0)
    low, median, high = interval(np.concatenate([finite, np.full(10, np.inf)]))
    # Ten of a hundred are more than the upper tail of 5.5; the others keep their ranks.
    assert high == np.inf
    assert low == 5
    assert median == 49
    low, median, high = interval(np.concatenate([finite, np.full(10, -np.inf)]))
    assert low == -np.inf
    assert median == 39
    assert high == 84


def test_a_few_infinite_draws_leave_finite_ends_that_are_draws() -> None:
    draws = np.concatenate([np.linspace(0, 1, 97), np.full(3, np.inf)])
    low, median, high = interval(draws)
    assert np.isfinite([low, median, high]).all()
    assert {float(low), float(median), float(high)} <= set(draws.tolist())


def test_one_draw_is_its_own_interval() -> None:
    assert interval(np.array([2.5])) == (2.5, 2.5, 2.5)


def test_draws_are_not_changed() -> None:
    draws = np.array([3.0, 1.0, 2.0])
    interval(draws)
    assert draws.tolist() == [3, 1, 2]


@pytest.mark.parametrize("ci_prob", [0, 1, -0.1, 1.5, 89, float("nan")])
def test_bad_probabilities(ci_prob: float) -> None:
    with pytest.raises(RequestError, match=f"ci_prob = {ci_prob}") as caught:
        interval(np.arange(9.0), ci_prob)
    assert caught.value.remedy == "Between 0 and 1"
