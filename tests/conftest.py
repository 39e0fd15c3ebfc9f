"""What all tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bayeslaw as bl


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Close what a test drew; Matplotlib warns once twenty figures are open."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real tables; CI must not skip the tests that need them."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("BAYESLAW_DATA", default))
    if not folder.is_dir():
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell("The tables of real runs are not here: name their folder in BAYESLAW_DATA.")
    return folder


@pytest.fixture(scope="session")
def runs() -> bl.Runs:
    """446 simulated runs of the design of Zhao et al."""
    return bl.simulate("zhao2025", seed=7)


@pytest.fixture(scope="session")
def posterior(runs: bl.Runs) -> bl.Posterior:
    """Their posterior, shared by all tests that need one."""
    return bl.fit(runs, "zhao2025", seed=1)
