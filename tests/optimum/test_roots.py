"""Crossings of many functions at once."""

from __future__ import annotations

import numpy as np

from bayeslaw.optimum.roots import crossings


def test_crossings_are_roots_edges_or_where_a_function_begins() -> None:
    shifts = np.array([0.5, -1.0, 2.0, 3.0])

    def f(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        value = np.exp(-x) - np.exp(-shifts[rows])
        # The last but one jumps below zero at 2.5, the last is undefined below 3.5.
        value = np.where(rows == 2, np.where(x < 2.5, 7.0, -1e-3), value)
        return np.where((rows == 3) & (x < 3.5), np.nan, value)

    found = crossings(f, np.zeros(4), np.full(4, 9.0))
    # The second is below zero from the start.
    np.testing.assert_allclose(found, [0.5, 0.0, 2.5, 3.5], atol=1e-9)
