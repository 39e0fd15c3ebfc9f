"""Coefficients that vary by group: their density, what they find, and what groups share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from numpyro.infer.util import log_density

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.inference.density import Density
from bayeslaw.model.specification import Specification

FLOORS = {"a": 1.60, "b": 1.70, "c": 1.75, "d": 1.90}


def families(rows: int = 25, noise: float = 0.002, seed: int = 0) -> bl.Runs:
    """Runs of four families that share everything but the floor."""
    law = bl.law("chinchilla")
    parts = []
    for place, (name, floor) in enumerate(FLOORS.items()):
        raw = {**law.published(), "E": floor}
        one = bl.simulate(law, rows=rows, noise_sd=noise, seed=seed + place, coefficients=raw)
        parts.append(one.table.assign(family=name))
    return bl.read_runs(pd.concat(parts, ignore_index=True), group="family")


@pytest.fixture(scope="module")
def runs() -> bl.Runs:
    return families()


@pytest.fixture(scope="module")
def fitted(runs: bl.Runs) -> bl.Posterior:
    return bl.fit(runs, "chinchilla", pool=["E"], seed=1)


def test_the_density_is_that_of_the_numpyro_model(runs: bl.Runs) -> None:
    pool = {"E": "family", "alpha": "family"}
    specification = Specification.of(runs, bl.law("chinchilla"), noise="normal", pool=pool)
    # Distances of groups, as of groups of few runs; test_by_source has the others.
    pools = tuple(replace(pool, direct=False) for pool in specification.pool)
    specification = replace(specification, pool=pools)
    model, data = specification.build(runs)
    priors = specification.priors
    density, rng, found = Density(model), np.random.default_rng(0), []
    for _ in range(4):
        values = {name: float(prior.sample(rng, 1)[0]) for name, prior in priors.items()}
        # Wide enough that draws of the prior have densities that cancel to many digits.
        values["noise_scale"] = 0.3
        with jax.enable_x64(True):
            z = density.locate(values, data)
            sites = {model.site(name): value for name, value in values.items()}
            volume = sum(
                np.log(values[name] - prior.numbers[2])
                for name, prior in priors.items()
                if prior.family == "lognormal" and name != "E"
            )
            on_density = float(log_density(model, (data,), {}, sites)[0])
            found.append(float(density.potential(z, data)) + on_density + volume)
    # The floor moves as T, which is linear in what its prior is stated on.
    np.testing.assert_allclose(found, found[0], rtol=0, atol=1e-6)


def test_each_group_has_its_own_floor(fitted: bl.Posterior) -> None:
    assert fitted.trusted, fitted.notes
    for name, floor in FLOORS.items():
        row = fitted.of_group(family=name).to_frame().loc["E"]
        width = row["high"] - row["low"]
        # Four groups at once: within one and a half widths of an 89% interval each.
        assert abs(row["median"] - floor) < 1.5 * width
    told = [fitted.of_group(family=name).to_frame().loc["E", "median"] for name in FLOORS]
    assert np.diff(told) == pytest.approx(np.diff([*FLOORS.values()]), abs=0.02)


def test_what_groups_share_is_known_better_than_from_one(
    runs: bl.Runs, fitted: bl.Posterior
) -> None:
    alone = bl.fit_by_group(
        runs, "chinchilla", by="family", method="laplace", fallback=True, seed=1
    )
    together = fitted.to_frame().loc["alpha"]
    for one in alone.values():
        row = one.to_frame().loc["alpha"]
        assert together["high"] - together["low"] < 0.8 * (row["high"] - row["low"])
    truth = bl.law("chinchilla").published()["alpha"]
    width = together["high"] - together["low"]
    assert abs(together["median"] - truth) < width


def test_a_group_of_few_runs_is_pulled_towards_the_others() -> None:
    few = families(rows=20)
    keep = (few.labels("family") != "d").to_numpy() | (np.arange(len(few)) % 20 < 2)
    few = few.select(keep)
    posterior = bl.fit(few, "chinchilla", pool=["E"], seed=1)
    at = {"N": [1e9], "D": [2e10], "family": ["d"]}
    new = {**at, "family": ["e"]}
    none = {name: at[name] for name in ("N", "D")}

    def width(where: dict[str, list]) -> float:
        row = posterior.predict(where).iloc[0]
        return float(row["high"] - row["low"])

    # Two runs tell a floor; an unknown family is as uncertain as families differ.
    assert width(at) < 0.5 * width(new)
    assert width(none) < width(new)
    exact = float(bl.law("chinchilla").predict(N=1e9, D=2e10)) + 1.90 - 1.81720
    row = posterior.predict(at).iloc[0]
    assert row["low"] - 0.01 < exact < row["high"] + 0.01


def test_a_group_is_a_posterior_like_any(fitted: bl.Posterior) -> None:
    one = fitted.of_group(family="b")
    at = {"N": [1e9, 1e10], "D": [2e10, 2e11]}
    ours = one.predict(at)
    same = fitted.predict({**at, "family": ["b", "b"]})
    np.testing.assert_allclose(ours["median"], same["median"], rtol=1e-10)
    # Its coefficients owe something to the runs of all groups.
    assert len(one.runs) == 100
    with pytest.raises(RequestError, match="vary by group"):
        bl.evidence(one)
    total = one.law.form.predict(one.reference.at, one.coefficients())
    np.testing.assert_allclose(one.draws["T"].ravel(), total, rtol=1e-10)
    best = bl.optimum(one, budget=bl.Budget(train_flops=1e21))
    assert best.quantities["N"].low > 0
    with pytest.raises(RequestError, match="no coefficient varies by group"):
        one.of_group(family="b")


def test_what_is_saved_is_read_again(fitted: bl.Posterior, tmp_path: Path) -> None:
    fitted.save(tmp_path / "fit.nc")
    again = bl.load(tmp_path / "fit.nc")
    assert again.pool == fitted.pool
    at = {"N": [1e9], "D": [2e10], "family": ["c"]}
    pd.testing.assert_frame_equal(again.predict(at), fitted.predict(at))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["F"], "chinchilla has no parameter 'F'"),
        ({"E": "sweep"}, "the table has no column 'sweep'"),
        ({"E": "N"}, "'N' is not a grouping column"),
    ],
)
def test_what_cannot_vary_is_refused(runs: bl.Runs, asked: object, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        bl.fit(runs, "chinchilla", pool=asked)


def test_groups_have_to_be_told(runs: bl.Runs, fitted: bl.Posterior) -> None:
    with pytest.raises(
        RequestError, match=r"needs exactly one grouping column for E; the table has none"
    ):
        bl.fit(replace(runs, groups=()), "chinchilla", pool=["E"])
    with pytest.raises(
        RequestError, match=r"coefficients vary by family.*of_group\(family=\.\.\.\)"
    ):
        fitted.of_group()
    with pytest.raises(RequestError, match="no run has the family 'z'"):
        fitted.of_group(family="z")
    with pytest.raises(RequestError, match="Fit without pool="):
        bl.evidence(fitted)
