"""Losses that a law does not explain: random fields over the logarithms of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.runs import Runs

# Enough waves that one field looks like the next.
_WAVES = 500


def field(
    seen: Mapping[str, np.ndarray],
    over: Sequence[str],
    *,
    sd: float,
    length: float = 1.5,
    degrees: float = np.inf,
    seed: int = 0,
) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """A random field: a sum of random waves.

    Parameters
    ----------
    seen : mapping of str to ndarray of shape (runs,)
        A design, for the scale of each input.
    over : sequence of str
        Variables that the field depends on.
    sd : float
        Its standard deviation, on log loss.
    length : float
        Its length scale, in standard deviations of each standardised input.
    degrees : float
        Its covariance is a squared exponential if infinite, else a Matern of half as much: 3 makes
        fields that have slopes but no curvature.
    seed : int
        The same seed gives the same field.

    Returns
    -------
    callable
        From configurations to shifts of log loss, each of shape (configurations,).
    """
    rng = np.random.default_rng(seed)
    waves = rng.standard_normal((_WAVES, len(over))) / length
    if np.isfinite(degrees):
        waves *= np.sqrt(degrees / rng.chisquare(degrees, (_WAVES, 1)))
    phases = rng.uniform(0, 2 * np.pi, _WAVES)

    def scaled(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        values = np.asarray(columns[name], dtype=float)
        return values if vocabulary.variable(name).includes_zero else np.log(values)

    centre = {name: scaled(seen, name).mean() for name in over}
    spread = {name: scaled(seen, name).std() for name in over}

    def shift(columns: Mapping[str, np.ndarray]) -> np.ndarray:
        x = np.stack([(scaled(columns, n) - centre[n]) / spread[n] for n in over], axis=-1)
        return sd * np.sqrt(2 / _WAVES) * np.cos(x @ waves.T + phases).sum(axis=-1)

    return shift


def distorted(runs: Runs, shift: Callable[[Mapping[str, np.ndarray]], np.ndarray]) -> Runs:
    """The same runs with a field added to their log losses.

    Parameters
    ----------
    runs : Runs
        A table.
    shift : callable
        A field.

    Returns
    -------
    Runs
        A new table.
    """
    columns = {name: runs.column(name) for name in runs.variables if name != "loss"}
    loss = runs.column("loss") * np.exp(shift(columns))
    return replace(runs, table=runs.table.assign(loss=loss))
