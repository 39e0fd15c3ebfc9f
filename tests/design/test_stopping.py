"""Expected regret of a batch, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bayeslaw.design.stopping import Regret, expected_regret, verdict

RNG = np.random.default_rng(0)
DRAWS = RNG.standard_normal(4000)
WEIGHTS = np.full(4000, 1 / 4000)
# Two options that differ by a standard normal.
LOSSES = np.stack([DRAWS / 2, -DRAWS / 2], axis=1)
# E|z| / 2 of a standard normal z: what is lost by choosing without knowing z.
HALF = np.sqrt(2 / np.pi) / 2


def test_nothing_learned_leaves_the_regret() -> None:
    blind = expected_regret(LOSSES, WEIGHTS, np.zeros((4000, 1)), np.eye(1), 1)
    # Standard error of 4,000 draws.
    assert blind.now == pytest.approx(HALF, abs=0.03)
    assert blind.gain == pytest.approx(0.0, abs=4 * blind.error + 1e-9)
    assert expected_regret(LOSSES, WEIGHTS, np.empty((4000, 0)), np.eye(0), 1).gain == 0.0


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_the_value_of_a_noisy_measurement(noise: float) -> None:
    # Choosing by the sign of y = z + noise: gain is HALF times the correlation of y and z.
    found = expected_regret(LOSSES, WEIGHTS, DRAWS[:, None], np.array([[noise**2]]), 2)
    assert found.by == "weights"
    expected = HALF / np.sqrt(1 + noise**2)
    assert found.gain == pytest.approx(expected, abs=4 * found.error + 0.01)
    assert found.after == pytest.approx(found.now - found.gain)


def test_weights_that_cannot_be_relied_on_are_replaced_by_regression() -> None:
    sharp = expected_regret(
        LOSSES[:200], np.full(200, 1 / 200), DRAWS[:200, None], np.array([[1e-8]]), 3
    )
    assert sharp.by == "regression"
    assert sharp.gain == pytest.approx(HALF, abs=4 * sharp.error)


def regret(now: float, after: float) -> Regret:
    return Regret(now, after, 0.0, 0.1, "weights")


def test_verdicts() -> None:
    stop, reason = verdict(regret(2e-4, 1.5e-4), 10.0, "FLOPs", 0.5, 1e-4, None)
    assert stop
    assert reason.startswith("Stop: the batch lowers the expected regret from 0.0002 to 0.00015")
    assert not verdict(regret(2e-3, 1e-3), 10.0, "FLOPs", 0.5, 1e-4, None)[0]
    stop, reason = verdict(regret(2e-3, 1e-3), 10.0, "FLOPs", 0.5, 1e-4, 5000.0)
    assert stop
    assert reason.endswith("which is worth 5 FLOPs and costs 10.")
    assert not verdict(regret(2e-3, 1e-3), 10.0, "FLOPs", 0.5, 1e-4, 20000.0)[0]
    assert verdict(None, 10.0, "FLOPs", 0.97, 1e-4, None)[0]
    assert not verdict(None, 10.0, "FLOPs", 0.5, 1e-4, None)[0]
    assert verdict(None, 0.0, "FLOPs", 1.0, 1e-4, None) == (
        True,
        "Stop: no affordable run narrows it.",
    )
