"""What tests of comparisons share: a table, its fit, a comparison, and a law known exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl

SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "draws": 1000, "progress": False}
BLIND = bl.Law.from_formula("E + A*N**-alpha", variables=["N"], name="blind to data")
TIED = bl.law("chinchilla").constrain("beta = alpha")


@pytest.fixture(scope="session")
def table() -> bl.Runs:
    return bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)


@pytest.fixture(scope="session")
def fitted(table: bl.Runs) -> bl.Posterior:
    return bl.fit(table, "chinchilla", **SHORT)


@pytest.fixture(scope="session")
def answer(table: bl.Runs) -> bl.Comparison:
    return bl.compare(table, [TIED, BLIND, "chinchilla"], cuts=(0.1, 0.4), **SHORT)


@pytest.fixture(scope="session")
def toy() -> tuple[bl.Posterior, np.ndarray, float]:
    """Log loss is normal around one unknown level, whose posterior is known in closed form."""
    size, scatter = 12, 0.05
    law = bl.Law.from_formula("A/N", variables=["N"], name="toy")
    rng = np.random.default_rng(5)
    N = np.geomspace(1e8, 1e10, size)
    measured = np.log(2e9 / N) + scatter * rng.standard_normal(size)
    runs = bl.read_runs(pd.DataFrame({"N": N, "loss": np.exp(measured)}), loss_unit="nats")
    posterior = bl.fit(runs, law, noise="normal", method="laplace", seed=1)
    level = measured + np.log(N)
    draws = level.mean() + scatter / np.sqrt(size) * rng.standard_normal((4, 5000))
    shape = draws.shape
    known = {"A": np.exp(draws), "noise_scale": np.full(shape, scatter)}
    stats_ = {"diverging": np.zeros(shape, dtype=bool), "lp": np.zeros(shape)}
    return replace(posterior, draws=known, stats=stats_), level, scatter
