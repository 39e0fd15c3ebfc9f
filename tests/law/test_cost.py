"""Costs: every convention, and those that read more than the law."""

from __future__ import annotations

import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.law.cost import COSTS


def test_every_cost_can_be_read() -> None:
    table = bl.costs()
    assert {"training", "krajewski2024", "hunyuan2024", "tiled_ensemble"} <= set(table.index)
    assert (table["source"] != "").all()
    for name in ("tiled_ensemble", "expert_prototyping"):
        assert "paper" in table.loc[name, "lacks"]


def test_krajewskis_flops_are_those_of_its_architecture() -> None:
    """(72 d**2 + 14 d E G) n_b D with N = d**2 (8 E + 4) n_b and d = 64 n_b."""
    for blocks, experts, grain in ((12, 64, 8), (32, 16, 1)):
        d = 64 * blocks
        total = d**2 * (8 * experts + 4) * blocks
        expected = (72 * d**2 + 14 * d * experts * grain) * blocks * 1e10
        found = COSTS["krajewski2024"].expression(
            {"N": total, "E": experts, "granularity": grain, "D": 1e10}
        )
        assert found == pytest.approx(expected, rel=1e-12)


def test_what_a_cost_reads_beyond_the_law_is_asked_for() -> None:
    """Krajewski's FLOPs need the number of experts, which the law does not read."""
    runs = bl.simulate("krajewski2024", rows=60, noise_sd=0.001, seed=1)
    posterior = bl.fit(runs, "krajewski2024", method="laplace", seed=1)
    budget = bl.Budget(train_flops=1.93e20)
    with pytest.raises(RequestError, match=r"also depends on E\. Fix it: at=\{'E': ...\}"):
        bl.optimum(posterior, budget=budget)
    best = bl.optimum(posterior, at={"E": 64}, budget=budget)
    assert set(best.quantities) == {"N", "D", "granularity"}
    with pytest.raises(RequestError, match="has no variable 'E'"):
        bl.optimum(posterior, at={"E": 64})
