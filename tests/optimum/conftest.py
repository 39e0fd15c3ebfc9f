"""Posteriors that the tests of optima share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optima import DRAWS, jittered, made, with_small_prior

import bayeslaw as bl


@pytest.fixture(scope="package")
def thin(posterior: bl.Posterior) -> bl.Posterior:
    """A few draws of the session's posterior."""

    def part(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value[:, :DRAWS] for name, value in values.items()}

    fewer = replace(posterior, draws=part(posterior.draws), stats=part(posterior.stats))
    return with_small_prior(fewer)


@pytest.fixture(scope="package")
def dense() -> bl.Posterior:
    """Draws around Besiroglu's coefficients, correlated with nothing."""
    law = bl.law("chinchilla")
    return made(law, bl.simulate(law, rows=40, seed=3), jittered(law.published(), 0.03, 1))
