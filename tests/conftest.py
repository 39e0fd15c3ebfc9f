"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real tables; CI must not skip the tests that need them."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("BAYESLAW_DATA", default))
    if not folder.is_dir():
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell("The tables of real runs are not here: name their folder in BAYESLAW_DATA.")
    return folder
