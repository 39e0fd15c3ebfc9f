"""What tests of pictures share."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import pytest

import bayeslaw as bl

mpl.use("Agg")


@pytest.fixture(scope="module")
def few(posterior: bl.Posterior) -> bl.Posterior:
    """The shared posterior with fewer draws, which pictures are as good with."""
    parts = (posterior.draws, posterior.stats)
    draws, stats = ({name: one[:, :50] for name, one in part.items()} for part in parts)
    return replace(posterior, draws=draws, stats=stats)
