"""Expected regret of a choice before and after a batch, and whether to stop.

Outcomes of the batch are imagined under each of some draws; the other draws are weighted by how
probable they make the outcome (Pareto-smoothed; Vehtari et al. 2024), and the option that is then
the best in expectation is chosen. Where the weights cannot be relied on, losses are updated by
linear regression on the outcome instead.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from bayeslaw.core.diagnostics import smoothed_log_weights

#: Largest Pareto k of weights that are relied on, and the share of outcomes that may exceed it.
LARGEST_PARETO_K, MOST_ABOVE = 0.7, 0.1
#: Effective draws below which weights say too little, for most outcomes.
FEWEST_EFFECTIVE = 10.0
#: Nats by which a batch has to lower the expected regret.
LEAST_GAIN = 1e-4
# A batch that narrows the interval by a smaller share is not worth training.
_LEAST_NARROWING = 0.05
_OUTCOMES = 200
_EQUAL = 1e-9


@dataclass(frozen=True)
class Regret:
    """Expected regret in the unit of the loss.

    Attributes
    ----------
    now, after : float
        Of the best choice now, and expected after the batch.
    error : float
        Monte-Carlo standard error of the difference.
    pareto_k : float
        The largest but a tenth of the Pareto k of the weights.
    by : {"weights", "regression"}
        How outcomes update the losses.
    """

    now: float
    after: float
    error: float
    pareto_k: float
    by: str

    @property
    def gain(self) -> float:
        """By how much the batch is expected to lower it."""
        return self.now - self.after

    def to_dict(self) -> dict[str, Any]:
        """The fields and the gain."""
        return {**asdict(self), "gain": self.gain}


def expected_regret(
    losses: np.ndarray, weights: np.ndarray, logs: np.ndarray, scatter: np.ndarray, seed: int
) -> Regret:
    """Regret before and after a batch.

    ``losses`` of options have shape (draws, options), ``logs`` of the batch (draws, runs), and
    ``scatter``, of shape (runs, runs), is the covariance of misfit and noise.
    """
    expected = weights @ losses
    now = max(float(expected.min() - weights @ losses.min(axis=1)), 0.0)
    if not logs.shape[1]:
        return Regret(now, now, 0.0, 0.0, "weights")
    rng = np.random.default_rng([seed, 5])
    white = np.linalg.solve(np.linalg.cholesky(scatter), logs.T).T
    true = rng.choice(len(weights), _OUTCOMES, p=weights)
    outcomes = white[true] + rng.standard_normal((_OUTCOMES, white.shape[1]))
    # Where the first outcomes show that weights cannot be relied on, the others are not weighted.
    for count in (_OUTCOMES // 4, _OUTCOMES):
        saved, tails, effective = _by_weights(
            losses, weights, white, true[:count], outcomes[:count]
        )
        k = float(np.quantile(tails, 1.0 - MOST_ABOVE))
        unreliable = k > LARGEST_PARETO_K or np.median(effective) < FEWEST_EFFECTIVE
        if unreliable:
            break
    by = "weights"
    if unreliable:
        saved, by = _by_regression(losses, weights, white, outcomes), "regression"
    gain = float(np.clip(saved.mean(), 0.0, now))
    return Regret(now, now - gain, float(saved.std() / np.sqrt(len(saved))), k, by)


def _by_weights(
    losses: np.ndarray,
    weights: np.ndarray,
    white: np.ndarray,
    true: np.ndarray,
    outcomes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What choosing anew saves under the draw that made each outcome; Pareto k; effective draws."""
    before = int(np.argmin(weights @ losses))
    saved, tails, effective = np.empty((3, len(true)))
    for i, (draw, outcome) in enumerate(zip(true, outcomes, strict=True)):
        others = np.arange(len(weights)) != draw
        ratios = -0.5 * ((outcome - white[others]) ** 2).sum(axis=1) + np.log(weights[others])
        # Equal weights have no tail.
        equal = np.ptp(ratios) < _EQUAL
        smoothed, tails[i] = (ratios, 0.0) if equal else smoothed_log_weights(ratios)
        chances = np.exp(smoothed - logsumexp(smoothed))
        effective[i] = 1.0 / (chances**2).sum()
        best = int(np.argmin(chances @ losses[others]))
        # Judged by the draw that made the outcome, which the weights leave out.
        saved[i] = losses[draw, before] - losses[draw, best]
    return saved, np.nan_to_num(tails, nan=0.0), effective


def _by_regression(
    losses: np.ndarray, weights: np.ndarray, white: np.ndarray, outcomes: np.ndarray
) -> np.ndarray:
    middle, expected = weights @ white, weights @ losses
    inputs, answers = white - middle, losses - expected
    covariance = (inputs * weights[:, None]).T @ inputs + np.eye(white.shape[1])
    slopes = np.linalg.solve(covariance, (inputs * weights[:, None]).T @ answers)
    updated = expected + (outcomes - middle) @ slopes
    # Expected under what is then known, so that chance of a single draw does not count.
    return np.asarray(updated[:, int(np.argmin(expected))] - updated.min(axis=1))


def verdict(
    regret: Regret | None,
    spent: float,
    unit: str,
    share: float,
    least: float,
    worth: float | None,
) -> tuple[bool, str]:
    """Whether to stop, and why."""
    if not spent:
        return True, "Stop: no affordable run narrows it."
    if regret is None:
        text = f"the batch narrows the interval by {100 * (1 - share):.2g}%"
        if 1.0 - share < _LEAST_NARROWING:
            return True, f"Stop: {text} at most."
        return False, f"Train: {text}."
    text = f"the batch lowers the expected regret from {regret.now:.2g} to {regret.after:.2g} nats"
    if regret.gain < least:
        return True, f"Stop: {text}, by less than {least:g}."
    if worth is not None and regret.gain * worth < spent:
        value = regret.gain * worth
        return True, f"Stop: {text}, which is worth {value:.3g} {unit} and costs {spent:.3g}."
    return False, f"Train: {text}."
