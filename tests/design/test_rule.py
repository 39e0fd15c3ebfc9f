"""The rule on covariances whose answers are known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bayeslaw.design.rule import Joint, Limits, choose, exchange, greedy


def joint(factors: np.ndarray, targets: np.ndarray, noise: float, misfit: float = 0.0) -> Joint:
    """Linear candidates and targets over standard normal coefficients."""
    size = factors.shape[1]
    targets = targets.reshape(len(factors), -1)
    return Joint(
        factors=factors,
        targets=targets,
        variances=(targets**2).sum(axis=0),
        weights=np.ones(targets.shape[1]),
        noise=np.full(size, noise),
        misfit=lambda rows, columns: misfit * (rows[:, None] == columns).astype(float),
        misfit_variance=np.full(size, misfit),
        misfit_targets=np.zeros((targets.shape[1], size)),
    )


def limits(costs: np.ndarray, budget: float = np.inf, batch: int = 3, copies: int = 1) -> Limits:
    return Limits(np.asarray(costs, dtype=float), budget, batch, copies)


def conditional(own: Joint, chosen: list[int]) -> float:
    """Variance of the first target given the runs, by the textbook formula."""
    places = np.array(chosen)
    covariance = own.factors[:, places].T @ own.factors[:, places] + np.diag(own.noise[places])
    covariance += own.misfit(places, places)
    cross = own.factors[:, places].T @ own.targets[:, 0]
    return float(own.variances[0] - cross @ np.linalg.solve(covariance, cross))


def random_joint(seed: int, size: int = 12) -> Joint:
    rng = np.random.default_rng(seed)
    return joint(rng.standard_normal((4, size)), rng.standard_normal(4), 0.5, 0.2)


def test_variance_left_is_the_conditional_variance() -> None:
    own = random_joint(1)
    left = own.left([3, 7, 3, 1])[:, 0]
    for count in range(1, 5):
        assert left[count] == pytest.approx(conditional(own, [3, 7, 3, 1][:count]))
    np.testing.assert_allclose(own.single_gains()[5], left[0] - conditional(own, [5]))


def test_a_slope_is_measured_at_the_ends_and_a_level_in_the_middle_of_a_line() -> None:
    x = np.linspace(-1, 1, 21)
    design = np.stack([np.ones(21), x])
    slope = joint(design, np.array([0.0, 1.0]), 0.01)
    assert sorted(choose(slope, limits(np.ones(21), batch=2))) == [0, 20]
    # Under a vague slope, the level is known best from runs balanced about it.
    level = joint(design * np.array([[1.0], [30.0]]), np.array([1.0, 0.0]), 0.01)
    chosen = choose(level, limits(np.ones(21), batch=2))
    assert x[chosen].sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_choice_is_near_the_best_subset(seed: int) -> None:
    own = random_joint(seed)
    costs = np.random.default_rng([seed, 1]).uniform(0.5, 2.0, 12)
    budget = 4.0
    subsets = [
        [*one]
        for count in (1, 2, 3)
        for one in combinations(range(12), count)
        if costs[[*one]].sum() <= budget
    ]
    best = min(conditional(own, one) for one in subsets)
    chosen = choose(own, limits(costs, budget))
    assert costs[chosen].sum() <= budget
    # Greedy choice alone promises 63% of the best reduction.
    assert own.total - conditional(own, chosen) >= 0.95 * (own.total - best)


@pytest.mark.parametrize("seed", range(4))
def test_exchanges_reduce_the_variance_within_the_budget(seed: int) -> None:
    own = random_joint(seed, 30)
    costs = np.random.default_rng([seed, 2]).uniform(0.5, 2.0, 30)
    start = [0, 1, 2, 3]
    own_limits = limits(costs, float(costs[start].sum()), batch=4)
    after = exchange(own, own_limits, start)
    assert conditional(own, after) < conditional(own, start)
    assert costs[after].sum() <= own_limits.budget
    assert len(set(after)) == 4
    # No single exchange is left that would help by more than its threshold.
    for place in range(4):
        for new in set(range(30)) - set(after):
            other = [*after[:place], new, *after[place + 1 :]]
            if costs[other].sum() <= own_limits.budget:
                assert conditional(own, other) > conditional(own, after) * (1 - 2e-4)


def test_greedy_prefers_what_is_cheap_for_its_gain() -> None:
    own = joint(np.array([[1.0, 1.5]]), np.array([1.0]), 1.0)
    costs = np.array([1.0, 10.0])
    assert greedy(own, limits(costs, batch=1), 1.0, "target") == [0]
    assert greedy(own, limits(costs, batch=1), 0.0, "target") == [1]


def test_misfit_spreads_runs_that_replicates_would_stack() -> None:
    x = np.linspace(-1, 1, 9)
    design = np.stack([np.ones(9), x])
    many = limits(np.ones(9), batch=8, copies=4)
    right = choose(joint(design, np.array([0.0, 1.0]), 0.1), many)
    assert sorted(right) == [0] * 4 + [8] * 4
    wrong = choose(joint(design, np.array([0.0, 1.0]), 0.001, misfit=0.1), many)
    assert np.bincount(wrong, minlength=9).max() <= 2


def test_copies_and_batch_are_limits() -> None:
    own = joint(np.ones((1, 3)), np.ones(1), 1.0)
    chosen = choose(own, limits(np.ones(3), batch=10, copies=2))
    assert sorted(chosen) == [0, 0, 1, 1, 2, 2]
    assert len(choose(own, limits(np.ones(3), batch=2, copies=2))) == 2
    assert choose(own, limits(np.ones(3), budget=0.5)) == []


def test_information_is_the_determinant() -> None:
    x = np.linspace(-1, 1, 11)
    # D-optimal designs of a straight line are at its ends, whatever the target.
    own = joint(10 * np.stack([np.ones(11), x]), np.array([1.0, 0.0]), 1.0)
    chosen = choose(own, limits(np.ones(11), batch=4, copies=2), "information")
    assert sorted(chosen) == [0, 0, 10, 10]


def test_many_candidates_are_thinned_to_the_promising_ones() -> None:
    rng = np.random.default_rng(3)
    factors = rng.standard_normal((3, 20_000))
    own = joint(factors, np.array([1.0, 0.0, 0.0]), 1.0)
    (chosen,) = choose(own, limits(np.ones(20_000), batch=1))
    assert chosen == int(np.argmax(own.single_gains()))
