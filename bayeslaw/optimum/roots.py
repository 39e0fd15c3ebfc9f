"""Crossings of many functions at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Steps of interpolation, then halvings at most, and the width of a bracket that is none.
_STEPS, _HALVINGS, _CLOSE = 20, 50, 1e-10
# The first stride.
_STRIDE = 1.0

#: Values of some functions, of which the rows are given.
type Functions = Callable[[np.ndarray, np.ndarray], np.ndarray]


def crossings(f: Functions, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where each function ceases to be positive on the way to ``high``, where none is.

    The last such place; ``low`` where there is none above. NaN is positive. Strides from ``high``
    find a bracket, false position with the Illinois rule closes it, and bisection what it leaves:
    jumps.
    """
    root, rows = high.copy(), np.flatnonzero(np.isfinite(high))
    b, fb, stride = high[rows], f(high[rows], rows), _STRIDE
    a, fa = b.copy(), fb.copy()
    striding = np.arange(len(rows))
    while len(striding):
        b[striding], fb[striding] = a[striding], fa[striding]
        a[striding] = np.maximum(low[rows[striding]], a[striding] - stride)
        fa[striding] = f(a[striding], rows[striding])
        striding = striding[(fa[striding] <= 0) & (a[striding] > low[rows[striding]])]
        stride *= 2.0
    root[rows] = np.where(fa <= 0, a, b)
    rows, a, b, fa, fb = (part[~(fa <= 0)] for part in (rows, a, b, fa, fb))
    before = np.zeros(len(rows))
    for turn in range(_STEPS + _HALVINGS):
        with np.errstate(all="ignore"):
            x = b - fb * (b - a) / (fb - fa)
        x = np.where((x > a) & (x < b) & (turn < _STEPS), x, 0.5 * (a + b))
        # A step beyond the root closes the bracket.
        x = np.clip(x, a + 0.5 * _CLOSE, b - 0.5 * _CLOSE)
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
