"""Near-optimal sets against the draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayeslaw as bl


def test_near_optimal_values_are_those_of_the_draws(thin: bl.Posterior) -> None:
    """At both ends of the set, 89% of draws lose less than the limit; just outside, fewer do."""
    N = 30e9
    answer = bl.optimum(thin, at={"N": N}, regret_tolerance=0.002)
    raw, law = thin.coefficients(), thin.law
    place = {"N": N, "D": thin.reference.at["D"]}
    best = {"G": answer.draws["G"], "S": answer.draws["S"], "N_a": answer.draws["N_a/N"] * N}

    def p_near_optimal(name: str, value: float) -> float:
        there = law.form.predict({**place, **best, name: value}, raw)
        return float(np.mean(there - law.form.predict({**place, **best}, raw) < 0.002))

    for name in ("G", "S", "N_a"):
        near = answer.near_optimal[name]
        assert near.low < np.median(best[name]) < near.high
        width = near.high - near.low
        for end, outwards in ((near.low, -1), (near.high, 1)):
            assert p_near_optimal(name, end - 0.02 * outwards * width) >= 0.89
            assert p_near_optimal(name, end + 0.02 * outwards * width) <= 0.90
    wider = bl.optimum(thin, at={"N": N}, regret_tolerance=0.004)
    assert wider.near_optimal["G"].low < answer.near_optimal["G"].low
    assert wider.near_optimal["G"].high > answer.near_optimal["G"].high


def test_what_leaving_s_costs(thin: bl.Posterior) -> None:
    """S = .13 costs .0013 nats at N = 3e10, N_a/N = .1, with the published coefficients."""
    law = thin.law
    raw = {k: np.full(200, v) for k, v in law.published().items()}
    shape = thin.stats["diverging"].shape
    fixed = replace(thin, draws={**thin.draws, **{k: v.reshape(shape) for k, v in raw.items()}})
    answer = bl.optimum(fixed, at={"N": 3e10, "N_a": 3e9})
    near = answer.near_optimal["S"]
    cost = float(np.interp(0.13, near.values, near.regret))
    assert cost == pytest.approx(0.0013, abs=1e-4)
    # So .13 lies outside of what costs less than .001, and inside for .002.
    assert near.low > 0.13
    assert (
        bl.optimum(fixed, at={"N": 3e10, "N_a": 3e9}, regret_tolerance=0.002).near_optimal["S"].low
        < 0.13
    )
