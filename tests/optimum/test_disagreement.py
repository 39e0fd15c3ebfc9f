"""Optima that the table's own runs contradict: noted of every kind, but not of a right law."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bent_tables import bent

import bayeslaw as bl
from bayeslaw.optimum.disagreement import better_elsewhere, disagreements
from bayeslaw.optimum.optimise import optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.profile import Profile, profiles
from bayeslaw.optimum.request import Request

#: For each variable that is bent, what is asked, and where the runs are best.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "G": ({"at": {"N": 1e9, "N_a": 2e8}, "free": ["G"]}, "at G = "),
    "S": ({"at": {"N": 1e9, "N_a": 2e8}, "free": ["S"]}, "at S = 0.1, outside"),
    "N_a": ({"at": {"N": 1e9}, "free": ["N_a"]}, "at N_a = 5e+08, outside"),
    "E": (
        {
            "at": {"N_a": 2e8, "D": 2e10},
            "free": ["E"],
            "budget": bl.Budget(caps={"E": 32}),
        },
        "with E 1.",
    ),
    "N": ({"budget": bl.Budget(train_flops=1e20)}, "with N "),
}


def laplace(runs: bl.Runs, law: str | bl.Law) -> bl.Posterior:
    return bl.fit(runs, law, method="laplace", seed=1, fallback=True, progress=False)


def contradictions(answer: bl.Optimum) -> list[bl.Note]:
    return [note for note in answer.notes if note.code == "disagrees_with_runs"]


@pytest.mark.parametrize("name", ASKED)
def test_runs_that_are_better_than_the_optimum_are_named(name: str) -> None:
    law, runs = bent(name)
    asked, where = ASKED[name]
    answer = bl.optimum(laplace(runs, law), **asked)
    (note,) = contradictions(answer)
    assert note.severity == "warning"
    assert note.about == name
    assert f"the runs contradict {law}: {where}" in note.message
    assert " nats better (z = " in note.message
    assert 'discrepancy="gp"' in note.remedy


def quality(steep: float, seed: int) -> bl.Posterior:
    """A law of which more is better, with a peak in ln G; runs fall ``steep`` times faster on."""
    priors = {
        "Q": {"family": "lognormal", "median": 2.0, "factor": 1.5},
        "m": {"family": "lognormal", "median": 0.1, "factor": 5},
        "g": {"family": "normal", "mean": 1.0, "sd": 1.0},
    }
    formula = "Q - m*(ln(G) - g)**2"
    card = bl.Law.from_formula(
        formula, variables=["G"], priors=priors, name="peak", predicts="quality"
    ).card
    card["optimum"]["sense"] = "max"
    levels = np.repeat([1, 2, 4, 6, 8, 12, 16.0], 4)
    away = np.log(levels / 6)
    fall = 0.1 * np.where(away > 0, steep, 1.0) * away**2
    noise = np.random.default_rng(seed).standard_normal(len(levels))
    table = pd.DataFrame({"G": levels, "quality": (2 - fall) * np.exp(0.002 * noise)})
    return laplace(bl.read_runs(table), bl.Law(card))


def test_more_is_better_where_the_card_says_so() -> None:
    assert ask(quality(1.0, seed=1)) == []
    (note,) = ask(quality(8.0, seed=1))
    assert "the runs contradict peak: at G = " in note.message
    assert "better (z = " in note.message
    assert "nats" not in note.message


def profile(curve: list[float], *, spread: float = 0.001) -> Profile:
    """Runs at five places, with independent errors."""
    return Profile(
        best=0.0,
        everywhere=True,
        at_end=False,
        places=np.linspace(-2, 2, 5),
        knots=np.ones(5, dtype=bool),
        curve=np.array(curve),
        covariance=spread**2 * np.eye(5),
        degrees=100,
    )


def test_the_best_place_outside_is_compared_with_the_most_favourable_inside() -> None:
    runs = profile([0.0, 0.02, 0.012, 0.01, 0.001])
    found = better_elsewhere(runs, (-0.1, 1.1), p_value=0.01, gain=0.001)
    assert found is not None
    assert found.place == -2
    assert found.gain == pytest.approx(0.01)
    assert found.z == pytest.approx(0.01 / (0.001 * np.sqrt(2)))
    # Places that are better by less than asked, or than noise allows, do not count.
    assert better_elsewhere(runs, (-0.1, 1.1), p_value=0.01, gain=0.011) is None
    loose = profile([0.0, 0.02, 0.012, 0.01, 0.001], spread=0.01)
    assert better_elsewhere(loose, (-0.1, 1.1), p_value=0.01, gain=0.001) is None
    # An interval that holds the best runs, or every run, contradicts nothing.
    assert better_elsewhere(runs, (-2.0, -1.9), p_value=0.01, gain=0.001) is None
    assert better_elsewhere(runs, (-9.0, 9.0), p_value=0.01, gain=0.001) is None
    # Beyond the runs, the nearest stand for it.
    beyond = better_elsewhere(runs, (5.0, 6.0), p_value=0.01, gain=0.0001)
    assert beyond is None or beyond.place == -2
    assert better_elsewhere(profile([0, 1, 1, 1, 1]), (5, 6), p_value=0.01, gain=0.1) is not None


def test_a_cap_below_the_best_runs_contradicts_nothing() -> None:
    law, runs = bent("N")
    posterior = laplace(runs, law)
    flops = 1e20
    free = bl.optimum(posterior, budget=bl.Budget(train_flops=flops)).quantities["N"].median
    assert ask(posterior, budget=bl.Budget(train_flops=flops))
    assert not ask(posterior, budget=bl.Budget(train_flops=flops, max_params=free / 3))


def ask(posterior: bl.Posterior, **asked: Any) -> list[bl.Note]:
    """The notes alone, without the prior's optima."""
    request = Request.of(
        "optimum",
        asked.get("at"),
        asked.get("budget"),
        asked.get("free"),
        efficiency=None,
        regret_tolerance=1e-3,
        ci_prob=0.89,
    )
    problem = pose(posterior.law, posterior.reference, request)
    own = optimise_draws(problem, posterior.coefficients())
    return disagreements(posterior, problem, own, profiles(posterior, problem), request)


def test_no_note_where_the_law_is_right() -> None:
    law = "chinchilla"
    tables = [bl.simulate(law, rows=40, seed=900 + seed) for seed in range(30)]
    fits = bl.fit_many(tables, law, method="laplace", fallback=True, progress=False)
    # Of one answer in a hundred at most: three of thirty would be one chance in 300.
    assert sum(bool(ask(fit, budget=bl.Budget(train_flops=1e21))) for fit in fits) < 3


def test_no_note_where_only_other_variables_bend() -> None:
    law, runs = bent("G")
    posterior = laplace(runs, law)
    # The optimum within what was run is that of G alone, whatever bends with tokens.
    wave = 0.01 * np.cos(4 * np.log(runs.column("D")))
    right = bl.law(law).predict(**runs.columns(posterior.law.variables))
    table = runs.table.assign(loss=right + wave)
    assert ask(posterior, at={"N": 1e9, "N_a": 2e8}, free=["G"])
    other = laplace(replace(runs, table=table), law)
    assert not ask(other, at={"N": 1e9, "N_a": 2e8}, free=["G"])
