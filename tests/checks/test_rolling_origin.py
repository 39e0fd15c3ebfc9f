"""The rolling origin: how intervals on larger runs fared, and how much wider they must be."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.checks.rolling_origin import widening
from bayeslaw.comparison.scores import score

mpl.use("Agg")
OPTIONS = {"method": "laplace", "fallback": True, "seed": 1}


@pytest.fixture(scope="module")
def clean() -> bl.Runs:
    return bl.simulate("chinchilla", rows=80, noise_sd=0.004, seed=8)


@pytest.fixture(scope="module")
def bent(clean: bl.Runs) -> bl.Runs:
    """Losses that leave the law as compute grows."""
    doublings = np.log2(6 * clean.column("N") * clean.column("D") / 1e19)
    loss = clean.column("loss") * np.exp(0.0006 * np.maximum(doublings, 0) ** 2)
    return replace(clean, table=clean.table.assign(loss=loss))


@pytest.fixture(scope="module")
def rolled(clean: bl.Runs) -> bl.RollingOrigin:
    return bl.rolling_origin(bl.fit(clean, "chinchilla", **OPTIONS))


@pytest.fixture(scope="module")
def rolled_bent(bent: bl.Runs) -> bl.RollingOrigin:
    return bl.rolling_origin(bl.fit(bent, "chinchilla", **OPTIONS))


def test_every_row_is_larger_than_all_that_its_fit_saw(rolled: bl.RollingOrigin) -> None:
    assert rolled.over == "6*N_a*D" or rolled.over == "6*N*D"
    compute = 6 * rolled.posterior.runs.column("N") * rolled.posterior.runs.column("D")
    for origin, rows in rolled.rows.groupby("origin"):
        seen = compute <= float(origin) * (1 + 1e-12)
        assert int(rows["trained_on"].iloc[0]) == seen.sum()
        assert (rows["extrapolation_factor"] > 1).all()
        assert len(rows) == (~seen).sum()


def test_a_law_that_holds_needs_hardly_wider_intervals(
    rolled: bl.RollingOrigin, rolled_bent: bl.RollingOrigin
) -> None:
    # The largest runs are predicted from all origins at once: about thirty independent runs.
    assert rolled.coverage == pytest.approx(0.89, abs=3 * np.sqrt(0.89 * 0.11 / 30))
    assert rolled_bent.coverage < rolled.coverage - 0.2
    assert rolled_bent.growth > 3 * max(rolled.growth, 0.01)
    far = rolled_bent.to_frame().iloc[-1]
    assert far["widened"] > far["coverage"] + 0.3


def test_the_growth_is_the_least_that_holds_enough(rolled_bent: bl.RollingOrigin) -> None:
    def held(growth: float) -> float:
        rows = rolled_bent.rows
        factor = widening(rows["extrapolation_factor"].to_numpy(), growth) * (1 + 1e-9)
        return float((rows["ratio"] <= factor).groupby(rows["origin"]).mean().mean())

    assert held(rolled_bent.growth) >= 0.89
    assert held(0.98 * rolled_bent.growth) < 0.89 + 1e-9


def test_predictions_are_widened_on_the_logarithm_and_only_beyond_the_runs(
    rolled_bent: bl.RollingOrigin,
) -> None:
    at = pd.DataFrame({"N": [1e9, 1e12], "D": [2e10, 2e13]})
    plain = rolled_bent.posterior.predict(at, level="observation")
    found = rolled_bent.predict(at)
    beyond = 6e0 * 1e12 * 2e13 / rolled_bent.largest
    assert found["widened"].tolist() == pytest.approx(
        [1.0, 1 + rolled_bent.growth * np.log2(beyond)]
    )
    assert (found["median"] == plain["median"]).all()
    assert found.loc[0, "low"] == pytest.approx(plain.loc[0, "low"])
    for end in ("low", "high"):
        ours, before = (np.log(x.loc[1, end] / x.loc[1, "median"]) for x in (found, plain))
        assert ours == pytest.approx(found.loc[1, "widened"] * before)


def test_widened_scores_are_those_of_the_widened_distribution(bent: bl.Runs) -> None:
    posterior = bl.fit(bent, "chinchilla", **OPTIONS)
    some = bent.select(np.arange(80) < 5)
    plain = score(posterior, some)
    wide = score(posterior, some, widened=np.full(5, 3.0))
    np.testing.assert_allclose(wide.high - wide.median, 3 * (plain.high - plain.median))
    # A density that is three times as wide is a third as high in the middle.
    at_middle = bent.table.assign(loss=bent.column("loss"))
    at_middle.loc[at_middle.index[:5], "loss"] = np.exp(plain.median)
    middle = replace(bent, table=at_middle).select(np.arange(80) < 5)
    low = score(posterior, middle, widened=np.full(5, 3.0)).log_density
    np.testing.assert_allclose(low, score(posterior, middle).log_density - np.log(3))


def test_what_cannot_be_rolled_is_refused(clean: bl.Runs) -> None:
    few = bl.fit(clean.select(np.arange(80) < 11), "chinchilla", **OPTIONS)
    with pytest.raises(bl.BayesLawError, match=r"11 runs at 11 levels .* have no origin with 10"):
        bl.rolling_origin(few)
    same = clean.table.assign(N=1e9, D=1e10)
    alike = bl.fit(replace(clean, table=same), "chinchilla", **OPTIONS)
    with pytest.raises(bl.BayesLawError, match="nothing orders these runs by size"):
        bl.rolling_origin(alike)
    with pytest.raises(bl.BayesLawError, match=r"origins = 0\. Give a whole number from 1 on"):
        bl.rolling_origin(few, origins=0)


def test_the_picture_shows_every_prediction_in_half_intervals(
    rolled_bent: bl.RollingOrigin,
) -> None:
    figure, own = plt.subplots()
    assert bl.plots.rolling(rolled_bent, ax=own) is figure
    dots = [one for one in own.lines if one.get_marker() == "o"]
    drawn = np.concatenate([one.get_ydata() for one in dots])
    assert len(drawn) == len(rolled_bent.rows)
    np.testing.assert_allclose(np.sort(np.abs(drawn)), np.sort(rolled_bent.rows["ratio"]))
    # Inside the band is what its interval held.
    outside = next(one for one in dots if str(one.get_label()).startswith("outside"))
    assert (np.abs(outside.get_ydata()) > 1).all()
    assert len(outside.get_ydata()) == (~rolled_bent.rows["inside"]).sum()
    dashed = [one for one in own.lines if one.get_linestyle() == "--"]
    upper = max(dashed, key=lambda one: float(one.get_ydata()[-1]))
    assert upper.get_ydata()[-1] == pytest.approx(
        1 + rolled_bent.growth * np.log2(rolled_bent.rows["extrapolation_factor"].max())
    )
    plt.close(figure)


def test_origins_that_cannot_be_fitted_are_left_out_and_told(clean: bl.Runs) -> None:
    # The smaller half is of one family, so that early origins have nothing to tell apart.
    compute = clean.column("N") * clean.column("D")
    rank = compute.argsort().argsort()
    family = np.where(rank < 45, "a", np.where(rank % 2, "a", "b"))
    grouped = replace(clean, table=clean.table.assign(family=family), groups=("family",))
    posterior = bl.fit(grouped, "chinchilla", discrepancy="group", method="laplace", seed=1)
    found = bl.rolling_origin(posterior)
    assert 0 < len(found.left_out) < 5
    assert "all" in found.left_out[0]
    assert "have the same family" in found.left_out[0]
    assert any(note.code == "left_out" for note in found.notes)
    pooled = bl.fit(grouped, "chinchilla", pool=["E"], method="laplace", seed=1)
    with pytest.raises(bl.BayesLawError, match="coefficients vary by group"):
        bl.rolling_origin(pooled)
