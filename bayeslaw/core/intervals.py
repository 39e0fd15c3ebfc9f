"""Credible intervals from draws: equal-tailed, 89% by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bayeslaw.core.errors import RequestError

if TYPE_CHECKING:
    import numpy as np

#: Probability of an interval by default.
INTERVAL = 0.89


class Interval(NamedTuple):
    """Quantiles of draws: lower end, median and upper end."""

    low: np.ndarray
    median: np.ndarray
    high: np.ndarray


def interval(draws: np.ndarray, ci_prob: float = INTERVAL) -> Interval:
    """Equal-tailed interval and median along the first axis."""
    # The command line states INTERVAL in its help, which needs no arrays.
    import numpy as np

    if not 0 < ci_prob < 1:
        raise RequestError(f"ci_prob = {ci_prob!r}", remedy="Between 0 and 1")
    tail = (1 - ci_prob) / 2
    # Interpolation between a finite and an infinite draw is not a number.
    method: Any = "linear" if np.isfinite(draws).all() else "inverted_cdf"
    levels = np.array([tail, 0.5, 1 - tail])
    return Interval(*np.quantile(np.asarray(draws, dtype=float), levels, axis=0, method=method))
