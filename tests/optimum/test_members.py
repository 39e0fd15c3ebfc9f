"""Several laws at once: weights, laws that lack a variable, costs that differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


def shifted(posterior: bl.Posterior, by: float) -> bl.Posterior:
    """The same law with another optimum of G."""
    return replace(posterior, draws={**posterior.draws, "f": posterior.draws["f"] * by})


def test_a_mixture_of_one_law_with_itself_is_that_law(thin: bl.Posterior) -> None:
    alone, both = (
        bl.optimum(one, at={"N": 30e9}) for one in (thin, bl.average_laws([thin, thin], [2, 1]))
    )
    for name, quantity in alone.quantities.items():
        other = both.quantities[name]
        # Some draws twice, others not at all: of 200, ends move by a few ranks.
        assert other.median == pytest.approx(quantity.median, rel=0.01)
        assert other.shares == pytest.approx(quantity.shares)
    assert both.near_optimal["G"].low == pytest.approx(alone.near_optimal["G"].low, rel=0.02)


def test_a_mixture_holds_the_uncertainty_about_the_law(thin: bl.Posterior) -> None:
    """Two laws whose best G do not overlap: the interval spans both, in proportion."""
    far = shifted(thin, 2.0)
    mixture = bl.average_laws({"a": thin, "b": far}, {"a": 3, "b": 1})
    G = bl.optimum(mixture, at={"N": 30e9}).draws["G"]
    middle = np.median(bl.optimum(thin, at={"N": 30e9}).draws["G"]) * 2**0.25
    assert np.mean(middle > G) == pytest.approx(0.75, abs=1 / len(G))
    answer = bl.optimum(mixture, at={"N": 30e9})
    assert answer.quantities["G"].high > middle > answer.quantities["G"].low
    (note,) = [n for n in answer.notes if n.code == "mixture"]
    assert note.message == "a mixture of laws: 75% zhao2025, 25% zhao2025"


def test_predictions_and_decisions_of_a_mixture(thin: bl.Posterior) -> None:
    far = shifted(thin, 2.0)
    mixture = bl.average_laws([thin, far], [1, 1])
    place = {"N": [1e9], "N_a": [1e8], "D": [1e10], "G": [7.0], "S": [0.1]}
    low, high = (one.predict(place)["median"][0] for one in (thin, far))
    both = mixture.predict(place).iloc[0]
    assert low < both["median"] < high or both["low"] < low < high < both["high"]
    ranked = bl.decide(mixture, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8, "D": 1e10})
    alone = [
        bl.decide(one, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8, "D": 1e10})
        for one in (thin, far)
    ]
    expected = np.mean([one.frame["expected"].loc[ranked.frame.index] for one in alone], axis=0)
    np.testing.assert_allclose(ranked.frame["expected"], expected, rtol=1e-9)


def test_a_law_that_lacks_a_variable_is_refused_or_dropped(thin: bl.Posterior) -> None:
    dense = bl.fit(thin.runs, "chinchilla", method="laplace", seed=1)
    with pytest.raises(RequestError, match="chinchilla has no variable 'G'"):
        bl.optimum(bl.average_laws([thin, dense]), at={"N": 30e9}, free=["G"])
    mixture = bl.average_laws([thin, dense], [1, 9], on_missing="drop")
    answer = bl.optimum(mixture, at={"N": 30e9}, free=["G"])
    alone = bl.optimum(thin, at={"N": 30e9}, free=["G"])
    assert answer.quantities["G"].median == pytest.approx(alone.quantities["G"].median)
    assert any("chinchilla lacks G" in note.message for note in answer.notes)
    ranked = bl.decide(mixture, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8, "D": 1e10})
    assert any("is dropped" in note.message for note in ranked.notes)
    with pytest.raises(RequestError, match="chinchilla has no variable"):
        bl.decide(bl.average_laws([thin, dense]), bl.expert_grid(), at={"N": 1e9})


def test_laws_that_pay_differently_are_not_mixed_in_silence(thin: bl.Posterior) -> None:
    """chinchilla pays for N, zhao2025 for N_a: one budget would buy each other tokens."""
    dense = bl.fit(thin.runs, "chinchilla", method="laplace", seed=1)
    mixture = bl.average_laws([thin, dense], on_missing="drop")
    budget = bl.Budget(train_flops=1e22, max_params=1e11)
    with pytest.raises(RequestError, match=r"spend 6\*N_a\*D and 6\*N\*D"):
        bl.optimum(mixture, budget=budget)
    with pytest.raises(RequestError, match=r"Budget\(cost="):
        bl.decide(mixture, {"N": [1e9, 1e10]}, budget=bl.Budget(train_flops=1e22))
    same = bl.Budget(train_flops=1e22, cost="6*N*D")
    assert len(bl.decide(mixture, {"N": [1e9, 1e10]}, budget=same).frame) == 2


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1], "1 weights for 2 posteriors"),
        ([1, -1], "weights 1, -1"),
        ([0, 0], "not all zero"),
        ({"zhao2025": 1}, "posteriors zhao2025, zhao2025"),
    ],
)
def test_weights_that_are_none(thin: bl.Posterior, weights: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        bl.average_laws([thin, thin], weights)


def test_mixtures_that_are_none(thin: bl.Posterior) -> None:
    with pytest.raises(RequestError, match="1 posterior to average"):
        bl.average_laws([thin])
    assert len(bl.average_laws([thin, thin, thin], [0.5, 0, 0.5]).posteriors) == 2


def test_a_mixture_has_a_summary_a_frame_and_plain_data(
    thin: bl.Posterior, dense: bl.Posterior
) -> None:
    mixture = bl.average_laws([thin, dense], [3, 1])
    assert "75% zhao2025, 25% chinchilla" in mixture.summary
    frame = mixture.to_frame()
    assert list(frame.index) == ["zhao2025", "chinchilla"]
    assert frame["weight"].tolist() == [0.75, 0.25]
    assert frame["runs"].tolist() == [len(thin.runs), len(dense.runs)]
    assert frame["method"].tolist() == [thin.info.method, dense.info.method]
    data = mixture.to_dict()
    assert [row["law"] for row in data["laws"]] == ["zhao2025", "chinchilla"]
    assert data["notes"] == [note.to_dict() for note in mixture.notes]
    bad = dense.with_notes(bl.Note("rhat", "error", "the chains disagree"))
    assert "errors of chinchilla" in bl.average_laws([thin, bad]).summary
