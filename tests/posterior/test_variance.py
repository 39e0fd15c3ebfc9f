"""Shares of a prediction's variance: known for a normal case, finite where variances are not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import norm, t as student_t

import bayeslaw as bl
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.kernels import LENGTH, SCALE
from bayeslaw.model.noise import Noise
from bayeslaw.posterior.variance import ONE_SD

NOISE = 0.002
SIZES = np.array([1e8, 1e9, 1e12])


def normal_draws(sd: float, count: int) -> np.ndarray:
    """Quantiles of a normal, whose spread has no Monte-Carlo error."""
    return sd * norm.ppf((np.arange(count) + 0.5) / count)


@pytest.fixture(scope="module")
def known() -> bl.Posterior:
    """``A*N**-alpha``, linear on the logarithm, with normal draws of our choice."""
    runs = bl.simulate("chinchilla", rows=12, noise_sd=NOISE, seed=1)
    law = bl.Law.from_formula("A*N**-alpha", variables=["N"])
    posterior = bl.fit(runs, law, method="laplace", noise="normal", fallback=True, seed=1)
    # Each value of one coefficient with every value of the other: not correlated.
    pairs = np.array(list(product(normal_draws(0.01, 60), normal_draws(0.001, 60))))
    drawn = {"A": 10 * np.exp(pairs[:, 0]), "alpha": 0.05 + pairs[:, 1]}
    drawn["noise_scale"] = np.full(len(pairs), NOISE)
    drawn = {name: values.reshape(4, -1) for name, values in drawn.items()}
    stats = {"diverging": np.zeros((4, 900), dtype=bool)}
    return replace(posterior, draws=drawn, stats=stats)


def coefficients(sizes: np.ndarray) -> np.ndarray:
    """Variance of ``ln A - alpha ln N``."""
    return 0.01**2 + (0.001 * np.log(sizes)) ** 2


def test_shares_of_a_normal_case_are_its_variances(known: bl.Posterior) -> None:
    table = known.variance_shares({"N": SIZES})
    total = coefficients(SIZES) + NOISE**2
    assert list(table) == ["coefficients", "noise", "spread", "extrapolation_factor", "variable"]
    np.testing.assert_allclose(table["coefficients"], coefficients(SIZES) / total, rtol=0.003)
    np.testing.assert_allclose(table["noise"], NOISE**2 / total, rtol=0.05)
    np.testing.assert_allclose(table["spread"], np.sqrt(total), rtol=0.02)
    largest = known.runs.column("N").max()
    assert table["extrapolation_factor"].iloc[-1] == pytest.approx(1e12 / largest)
    # Together they are the spread of what is predicted of an observation.
    wide = known.predict({"N": SIZES}, level="observation", ci_prob=ONE_SD)
    half = np.log(wide["high"] / wide["low"]) / 2
    np.testing.assert_allclose(table["spread"], half, rtol=0.06)


def test_the_misfit_is_that_of_the_conditional_process(known: bl.Posterior) -> None:
    process = Discrepancy((bl.GaussianProcess(("N",)),))
    count = known.draws["A"].size
    more = {SCALE: 0.006, LENGTH + "N": 0.4}
    draws = {**known.draws, **{name: np.full((4, count // 4), one) for name, one in more.items()}}
    with_gp = replace(
        known,
        draws=draws,
        noise=Noise("normal", replicate=True),
        discrepancy=process,
        weights=np.ones(len(known.runs)),
    )
    seen = known.runs.column("N")
    # At a run, between, and far from all, where the process knows nothing of them.
    sizes = np.array([seen[0], np.sqrt(np.sort(seen)[4] * np.sort(seen)[5]), seen.max() * 1e4])
    table = with_gp.variance_shares({"N": sizes})
    x = np.log(seen)
    middle, unit = x.mean(), x.std()
    x, new = (x - middle) / unit, (np.log(sizes) - middle) / unit

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        far = np.sqrt(5) * np.abs(a[:, None] - b[None, :]) / 0.4
        return 0.006**2 * (1 + far + far**2 / 3) * np.exp(-far)

    gain = np.linalg.solve(covariance(x, x) + NOISE**2 * np.eye(len(x)), covariance(x, new)).T
    misfit = 0.006**2 - (gain * covariance(new, x)).sum(axis=1)
    # Coefficients shift the law at a configuration, and what its residuals say of the misfit.
    slopes = np.stack([np.ones(3), -np.log(sizes)])
    at_runs = np.stack([np.ones(len(seen)), -np.log(seen)])
    left = slopes - at_runs @ gain.T
    varying = (left**2 * np.array([[0.01], [0.001]]) ** 2).sum(axis=0)
    total = varying + misfit + NOISE**2
    for name, part in (("coefficients", varying), ("misfit", misfit), ("noise", NOISE**2)):
        np.testing.assert_allclose(table[name], part / total, rtol=0.03, atol=0.003, err_msg=name)
    np.testing.assert_allclose(table["spread"], np.sqrt(total), rtol=0.02)
    assert varying[0] < coefficients(sizes)[0] / 20, "misfit at a run takes the law's error up"
    assert varying[2] == pytest.approx(coefficients(sizes)[2], rel=0.01)


def test_heavy_tails_have_a_finite_share(known: bl.Posterior) -> None:
    shape = known.draws["A"].shape
    half = np.where(np.arange(shape[1]) % 2, 1.2, 30.0)  # a variance without end in half the draws
    heavy = replace(
        known,
        noise=Noise("student_t"),
        draws={**known.draws, "noise_df": np.broadcast_to(half, shape)},
    )
    table = heavy.variance_shares({"N": SIZES})
    spread = table["spread"] * np.sqrt(table["noise"])
    # As much of both kinds of noise together as a standard deviation holds of a normal.
    inside = [np.mean(student_t.cdf(one / NOISE, [1.2, 30.0])) for one in spread]
    np.testing.assert_allclose(inside, (1 + ONE_SD) / 2, rtol=1e-9)
    np.testing.assert_allclose(table[["coefficients", "noise"]].sum(axis=1), 1.0)


def test_draws_that_predict_nothing_are_not_left_out(known: bl.Posterior) -> None:
    amplitude = known.draws["A"].copy()
    amplitude[:, ::4] = -1.0
    table = replace(known, draws={**known.draws, "A": amplitude}).variance_shares({"N": SIZES})
    assert np.isinf(table["spread"]).all()
    assert table["coefficients"].isna().all()


def test_tables_keep_their_index_and_need_the_laws_variables(known: bl.Posterior) -> None:
    import pandas as pd

    rows = pd.DataFrame({"N": SIZES}, index=["small", "medium", "large"])
    assert list(known.variance_shares(rows).index) == ["small", "medium", "large"]
    with pytest.raises(bl.BayesLawError, match="N"):
        known.variance_shares({"D": SIZES})
