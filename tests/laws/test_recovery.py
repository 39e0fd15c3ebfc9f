"""Every loss law recovers itself; benchmarks/recovery.py is the longer study of the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

import bayeslaw as bl
from bayeslaw.checks.card import TYPICAL_LOSS
from bayeslaw.law import Law
from bayeslaw.law.library import cards

LOSS_LAWS = [law for law in map(bl.law, cards()) if law.predicts == "loss"]
ROWS, NOISE = 200, 0.001
# One with a floor that is added, one with none: the two kinds of coordinates.
BY_NUTS = ("ludziejewski2025", "clark2022")


def truth(law: Law) -> dict[str, float]:
    return law.published() if law.coefficients else law.at_medians(law.middle, TYPICAL_LOSS)


def misfit(law: Law, posterior: bl.Posterior) -> float:
    """Squared errors of log loss at the runs, in units of the noise's variance.

    At the best fit of a law that is smooth over the noise it is chi-squared with as many degrees of
    freedom as the law has parameters.
    """
    columns = posterior.runs.columns(law.variables)
    found = np.median(np.log(posterior.evaluate(columns)), axis=0)
    errors = (found - np.log(law.predict(coefficients=truth(law), **columns))) / NOISE
    return float((errors**2).sum())


@pytest.mark.parametrize("law", LOSS_LAWS, ids=[law.name for law in LOSS_LAWS])
def test_a_law_recovers_itself(law: Law) -> None:
    runs = bl.simulate(law, rows=ROWS, noise_sd=NOISE, coefficients=truth(law), seed=11)
    by_nuts = law.name in BY_NUTS
    posterior = bl.fit(runs, law, seed=1, method="nuts" if by_nuts else "mode")
    # Student-t weights cost a little efficiency: 1.1 at the most over normal noise.
    assert misfit(law, posterior) < 1.1 * chi2.ppf(1 - 1e-4, len(law.parameters))
    if by_nuts:
        assert posterior.convergence.trusted
        raw = truth(law)
        away = {
            name: (np.median(posterior.draws[name]) - raw[name]) / posterior.draws[name].std()
            for name in law.parameters
        }
        # Of 17 coefficients none should be four standard deviations off.
        assert max(abs(value) for value in away.values()) < 4, away
