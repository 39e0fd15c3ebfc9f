"""Efficiency-aware rules against the published shares, and draw by draw."""

from __future__ import annotations

import numpy as np
import pytest

import bayeslaw as bl


def test_rules_keep_to_the_caps(thin: bl.Posterior) -> None:
    """.22 of the best would be .087, where at most four times as many may be idle."""
    budget = bl.Budget(max_total_per_active=4)
    rules = bl.optimum(thin, at={"N": 3e10}, budget=budget).efficient
    np.testing.assert_allclose(rules["0.22 of the best"].draws, 0.25, rtol=1e-5)


@pytest.mark.parametrize(
    ("N", "slope"), [(20e9, 0.096), (30e9, 0.089), (100e9, 0.070), (671e9, 0.049), (1e12, 0.045)]
)
def test_the_rules_reproduce_the_papers_shares(thin: bl.Posterior, N: float, slope: float) -> None:
    """Slope as in laws.md; the fraction agrees with it within a twentieth."""
    rules = bl.optimum(thin, at={"N": N}).efficient
    assert rules["slope 0.4"].published == pytest.approx(slope, abs=6e-4)
    assert rules["0.22 of the best"].published == pytest.approx(slope, rel=0.05)


def test_the_tolerance_at_two_sizes(thin: bl.Posterior) -> None:
    """Within .01 nats: 18% at 30B and 7% at 671B."""
    for N, share in ((30e9, 0.18), (671e9, 0.07)):
        rule = bl.optimum(thin, at={"N": N}).efficient["within 0.01 of the best"]
        assert rule.published == pytest.approx(share, abs=0.005)


def test_rules_keep_what_they_say(thin: bl.Posterior) -> None:
    """Draw by draw: the loss there, its slope, and what fewer tokens would have cost."""
    N, D = 30e9, 1e12
    asked = bl.EfficiencyRules(
        efficiency_tolerance=0.02, slope=0.3, fraction=0.5, compute_share=0.1
    )
    answer = bl.optimum(thin, at={"N": N, "D": D}, efficiency=asked)
    raw, law = thin.coefficients(), thin.law
    G, S = answer.draws["G"], answer.draws["S"]

    def loss(share: np.ndarray, D: float = D) -> np.ndarray:
        return np.asarray(law.form.predict({"N": N, "N_a": share * N, "D": D, "G": G, "S": S}, raw))

    best = answer.draws["N_a/N"]
    shares = {name: rule.draws for name, rule in answer.efficient.items()}
    np.testing.assert_allclose(
        loss(shares["within 0.02 of the best"]) - loss(best), 0.02, atol=1e-9
    )
    np.testing.assert_allclose(
        loss(shares["within 10% of compute"]), loss(best, 0.9 * D), atol=1e-9
    )
    steep, step = shares["slope 0.3"], 1e-5
    np.testing.assert_allclose(
        (loss(steep - step) - loss(steep + step)) / (2 * step), 0.3, rtol=1e-4
    )
    np.testing.assert_allclose(shares["0.5 of the best"], 0.5 * best, rtol=1e-12)
    assert [note.code for note in answer.notes].count("choice_of_rule") == 1


def test_a_rule_can_be_left_out(thin: bl.Posterior) -> None:
    answer = bl.optimum(
        thin, at={"N": 30e9}, efficiency=bl.EfficiencyRules(slope=None, fraction=None)
    )
    assert list(answer.efficient) == ["within 0.01 of the best"]
    assert bl.optimum(thin, at={"N": 30e9, "N_a": 3e9}).efficient == {}
