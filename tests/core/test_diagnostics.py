"""R-hat, effective sizes and BFMI are ArviZ's; importing what computes them is not."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.stats import rankdata

from bayeslaw.core import diagnostics

ENDS = (0.055, 0.945)
AXES = {"chain_axis": 0, "draw_axis": 1}


def chains(memory: float, *, count: int = 4, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """Skewed draws, each with a share of the one before."""
    noise = np.random.default_rng(seed).standard_normal((count, draws))
    for i in range(1, draws):
        noise[:, i] += memory * noise[:, i - 1]
    return np.exp(noise)


def stuck(memory: float) -> np.ndarray:
    draws = chains(memory)
    draws[1] *= 5
    return draws


@pytest.mark.parametrize(
    "draws",
    [
        *(chains(memory, seed=i) for i, memory in enumerate((-0.5, 0.0, 0.5, 0.95))),
        chains(0.3, draws=501),
        chains(0.3, count=2, draws=50),
        stuck(0.4),
        # Resampled draws repeat, and those at a bound are equal.
        chains(0.0).round(1),
        np.minimum(chains(0.5), 2.0),
    ],
)
def test_diagnostics_are_those_of_arviz(draws: np.ndarray) -> None:
    rhat, bulk = diagnostics.rhat_and_ess(draws)
    assert rhat == pytest.approx(array_stats.rhat(draws, **AXES), rel=1e-12)
    sizes = {
        "bulk": bulk,
        "tail": diagnostics.ess_tail(draws, ENDS),
        "mean": diagnostics.ess_mean(draws),
    }
    for method, size in sizes.items():
        prob = ENDS if method == "tail" else None
        theirs = array_stats.ess(draws, method=method, prob=prob, **AXES)
        # ArviZ lets the last pair of lags rise, which is seen where chains do not mix.
        assert size == pytest.approx(theirs, rel=0.01)
    theirs = array_stats.mcse(draws, **AXES)
    assert diagnostics.mcse_mean(draws) == pytest.approx(theirs, rel=0.01)
    theirs = array_stats.bfmi(draws, **AXES).min()
    assert diagnostics.smallest_bfmi(draws) == pytest.approx(theirs, rel=1e-12)


def test_what_cannot_be_diagnosed_is_not() -> None:
    draws = chains(0.0)
    # Of one chain there is no R-hat; its halves still have a size.
    rhat, bulk = diagnostics.rhat_and_ess(draws[:1])
    assert np.isnan(rhat)
    assert 800 < bulk < 1300
    assert np.isnan(diagnostics.rhat_and_ess(draws[:, :3])).all()
    draws[2, 5] = np.inf
    assert np.isnan(diagnostics.rhat_and_ess(draws)).all()
    # A quantile that all draws reach has the size of all.
    assert diagnostics.ess_tail(np.ones((4, 100)), ENDS) == 400


def test_equal_values_have_the_mean_of_their_ranks() -> None:
    values = np.random.default_rng(1).integers(0, 9, (5, 40))
    assert diagnostics.average_ranks(values) == pytest.approx(rankdata(values))


def test_a_fit_and_its_optimum_import_no_more_than_they_need() -> None:
    # Each takes a tenth of a second or more of a first answer.
    code = """
import sys
import bayeslaw as bl
runs = bl.simulate("chinchilla", rows=40, noise_sd=0.003, seed=1)
posterior = bl.fit(runs, "chinchilla", draws=200, warmup=200, seed=1, progress=False)
bl.optimum(posterior, budget=bl.Budget(train_flops=1e22))
heavy = ("arviz_stats", "xarray", "scipy.stats", "scipy.signal", "matplotlib", "h5py")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
