"""The cheapest configuration that reaches a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.quantile_search import EXACT


def test_the_cheapest_reaches_its_target_and_no_more(thin: bl.Posterior) -> None:
    answer = bl.cheapest(thin, 2.3, probability=0.9, budget=bl.Budget(max_params=1e11))
    assert answer.reached == pytest.approx(0.9, abs=1 / len(answer.predicted_draws) + 1e-9)
    spent = 6 * answer.configuration["N_a"] * answer.configuration["D"]
    assert answer.cost == pytest.approx(spent, rel=1e-9)
    assert answer.cost_at_half < answer.cost
    # It is a configuration of the law: the same draws predict it. One draw ends at the target
    # but for the tolerance of the search; on which side differs between machines.
    place = {k: np.array([answer.configuration[k]]) for k in thin.law.variables}
    value = thin.evaluate(place)[:, 0]
    assert np.mean(value <= 2.3 * (1 + EXACT)) == pytest.approx(0.9, abs=1e-9)
    assert np.mean(value <= 2.3 * (1 - EXACT)) < 0.9


def test_nothing_nearby_is_cheaper_and_as_sure(thin: bl.Posterior) -> None:
    """Legal configurations at 1% less cost reach the target with less probability."""
    answer = bl.cheapest(thin, 2.3, probability=0.8, budget=bl.Budget(max_params=1e11))
    rng, size = np.random.default_rng(5), 400
    place = {k: v * np.ones(size) for k, v in answer.configuration.items()}
    place["N_a"] = place["N_a"] * np.exp(rng.normal(0, 0.3, size))
    place["G"] = place["G"] * np.exp(rng.normal(0, 0.1, size))
    place["S"] = np.clip(place["S"] + rng.normal(0, 0.05, size), 0, 0.99)
    place["D"] = 0.99 * answer.cost / (6 * place["N_a"])
    reached = np.mean(thin.evaluate({k: place[k] for k in thin.law.variables}) <= 2.3, 0)
    assert reached.max() < 0.8
    # At the same cost some come within a whisker: the comparison is a sharp one.
    place["D"] = place["D"] / 0.99 * 1.01
    reached = np.mean(thin.evaluate({k: place[k] for k in thin.law.variables}) <= 2.3, 0)
    assert reached.max() > 0.75


def test_how_many_tokens_a_given_model_needs(thin: bl.Posterior) -> None:
    """Nothing is left to choose but how long to train: the quantile of the law's own answer."""
    place = {"N": 1e11, "N_a": 1e10, "G": 8.0, "S": 0.1}
    answer = bl.cheapest(thin, 2.3, probability=0.8, at=place)
    raw = thin.coefficients()
    rest = thin.law.form.predict({**place, "D": np.inf}, raw)
    needed = ((2.3 - rest) / raw["b"]) ** (-1 / raw["beta"])
    tokens = np.sort(needed)[int(np.ceil(0.8 * len(needed))) - 1]
    assert answer.configuration["D"] == pytest.approx(tokens, rel=1e-5)


def test_one_draw_is_enough_for_a_point(thin: bl.Posterior) -> None:
    mode = bl.fit(thin.runs, thin.law, method="mode", seed=1)
    answer = bl.cheapest(mode, 2.3, at={"N": 1e11})
    best = bl.optimum(mode, at={"N": 1e11}, budget=bl.Budget(train_flops=answer.cost))
    assert best.predicted_interval[0] == pytest.approx(2.3, abs=1e-5)


def test_an_even_chance_costs_what_the_median_law_says(thin: bl.Posterior) -> None:
    """At probability one half it is the budget at which the median of the optimum is the target."""
    answer = bl.cheapest(thin, 2.3, probability=0.5, at={"N": 30e9})
    best = bl.optimum(thin, at={"N": 30e9}, budget=bl.Budget(train_flops=answer.cost))
    assert best.predicted_interval[0] == pytest.approx(2.3, abs=1e-3)
    assert answer.cost_at_half == answer.cost


def test_serving_counts_towards_the_cost(thin: bl.Posterior) -> None:
    plain = bl.cheapest(thin, 2.3, budget=bl.Budget(max_params=1e11))
    served = bl.cheapest(thin, 2.3, budget=bl.Budget(max_params=1e11, inference_tokens=1e13))
    assert served.configuration["N_a"] < plain.configuration["N_a"]
    assert served.configuration["D"] > plain.configuration["D"]
    spent = 6 * plain.configuration["N_a"] * plain.configuration["D"]
    lifetime = spent + 2 * plain.configuration["N_a"] * 1e13
    assert served.cost < lifetime


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": 1.5, "at": {"N": 30e9}}, "no configuration reaches 1.5 with probability 0.9"),
        ({"target": -1.0}, "target = -1.0"),
        ({"target": 2.3, "probability": 90}, "probability = 90"),
        ({"target": 2.3}, "N is neither fixed nor capped"),
        ({"target": 2.3, "budget": {"train_flops": 1e22}}, "limits what cheapest"),
        ({"target": 2.0, "budget": {"max_params": 1e11, "max_tokens": 1e11}}, "loosen a cap"),
    ],
)
def test_targets_that_cannot_be_reached(
    thin: bl.Posterior, options: dict[str, Any], said: str
) -> None:
    budget = bl.Budget(**options.get("budget", {}))
    with pytest.raises(RequestError, match=said):
        bl.cheapest(thin, **{**options, "budget": budget})
