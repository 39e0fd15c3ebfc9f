"""Statistics of a fit as functions of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bayeslaw.posterior.statistics import LARGEST_ERROR, end_errors, rough_ends

# --- Monte-Carlo error of what is printed --------------------------------------------------------


def test_the_error_of_an_interval_end_is_how_it_scatters() -> None:
    rng, size = np.random.default_rng(5), 1000
    many = rng.standard_normal((400, size))
    scatter = np.quantile(many, 0.055, axis=1).std()
    low, high = end_errors(many[0], size)
    # One estimate of the spread of an end, from one set of draws, is good to about a fifth.
    assert low == pytest.approx(scatter, rel=0.5)
    assert high == pytest.approx(scatter, rel=0.5)
    mean = np.mean([end_errors(one, size)[0] for one in many])
    assert mean == pytest.approx(scatter, rel=0.12)
    assert np.isnan(end_errors(np.array([1.0, np.inf]), 100)).all()
    assert np.isnan(end_errors(many[0], np.nan)).all()


def test_ends_that_are_known_to_no_better_than_a_tenth_are_told() -> None:
    draws = norm.ppf((np.arange(2000) + 0.5) / 2000)
    assert rough_ends({"G": draws}, {"G": 400.0}, "the optimum") == ()
    (note,) = rough_ends({"G": draws, "S": draws}, {"G": 20.0, "S": 400.0}, "the optimum")
    assert note.code == "rough_ends"
    assert "G (" in note.message
    assert "S (" not in note.message
    assert max(end_errors(draws, 20.0)) > LARGEST_ERROR * 2 * 1.598
