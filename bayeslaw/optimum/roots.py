"""Crossings of many functions at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Steps of interpolation, then halvings at most, and the width of a bracket that is none.
_STEPS, _HALVINGS, _CLOSE = 20, 50, 1e-11

#: Values of some functions, of which the rows are given.
type Functions = Callable[[np.ndarray, np.ndarray], np.ndarray]


def crossings(f: Functions, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where each function is no longer positive on its way from ``low`` to ``high``.

    At ``high`` none is positive; one that is not at ``low`` either crosses there. NaN is positive.
    False position with the Illinois rule, and bisection of what is left: jumps.
    """
    root, rows = high.copy(), np.arange(len(high))
    f_low, f_high = f(low, rows), f(high, rows)
    begins = f_low <= 0
    root[begins] = low[begins]
    rows = np.flatnonzero(~begins & np.isfinite(high))
    a, b, fa, fb = low[rows], high[rows], f_low[rows], f_high[rows]
    before = np.zeros(len(rows))
    for turn in range(_STEPS + _HALVINGS):
        with np.errstate(all="ignore"):
            x = b - fb * (b - a) / (fb - fa)
        x = np.where((x > a) & (x < b) & (turn < _STEPS), x, 0.5 * (a + b))
        fx = f(x, rows)
        above = ~(fx <= 0)
        # The end that stays twice counts half.
        side = np.where(above, 1.0, -1.0)
        again = np.where(side == before, 0.5, 1.0)
        a, fa = np.where(above, x, a), np.where(above, fx, fa * again)
        b, fb = np.where(above, b, x), np.where(above, fb * again, fx)
        root[rows], before = b, side
        open_ = (b - a > _CLOSE) & (fb < 0)
        rows, a, b, fa, fb, before = (part[open_] for part in (rows, a, b, fa, fb, before))
        if not len(rows):
            break
    return root
