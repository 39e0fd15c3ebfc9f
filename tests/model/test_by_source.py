"""Sources with coefficients of their own: their density, what they find, and what they share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from numpyro.infer.util import log_density
from scipy.stats import norm

import bayeslaw as bl
from bayeslaw.checks.residuals import residuals
from bayeslaw.core.errors import RequestError
from bayeslaw.inference.density import Density
from bayeslaw.model.noise import Noise
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.as_prior import law_with_prior
from bayeslaw.posterior.fit_checks import fit_checks

# Of each source: floor, amplitude of parameters, noise.
TRUTH = {"a": (1.6, 400.0, 0.002), "b": (1.8, 500.0, 0.004), "c": (2.0, 450.0, 0.008)}


@pytest.fixture(scope="module")
def runs() -> bl.Runs:
    law, parts = bl.law("chinchilla"), {}
    for seed, (name, (floor, size, noise)) in enumerate(TRUTH.items()):
        raw = {**law.published(), "E": floor, "A": size}
        parts[name] = bl.simulate(law, rows=25, noise_sd=noise, seed=seed, coefficients=raw)
    return bl.pool_runs(parts)


@pytest.fixture(scope="module")
def fitted(runs: bl.Runs) -> bl.Posterior:
    return bl.fit(runs, "chinchilla", pool="sources", chains=2, warmup=300, draws=300, seed=1)


def test_the_density_is_that_of_the_numpyro_model(runs: bl.Runs) -> None:
    """In coordinates in which the values of sources are sampled by themselves."""
    specification = Specification.of(runs, bl.law("chinchilla"), noise="normal", pool="sources")
    model, data = specification.build(runs)
    priors, density = specification.priors, Density(model)
    rng, found = np.random.default_rng(0), []
    for _ in range(4):
        values = {name: float(prior.sample(rng, 1)[0]) for name, prior in priors.items()}
        values["noise_scale"] = 0.3
        with jax.enable_x64(True):
            z = density.locate(values, data)
            sites = {model.site(name): value for name, value in values.items()}
            volume = sum(
                np.log(values[name] - prior.numbers[2])
                for name, prior in priors.items()
                if prior.family == "lognormal"
            )
            for pool in model.pool:
                # From a distance to the value itself: the spread, and for floors the value itself.
                volume -= len(pool.groups) * np.log(values[pool.scale])
            (floors,) = (pool for pool in model.pool if pool.parameter == "E")
            own = [values["E"] * np.exp(values[floors.scale] * values[s]) for s in floors.sites]
            volume -= np.log(own).sum()
            on_density = float(log_density(model, (data,), {}, sites)[0])
            found.append(float(density.potential(z, data)) + on_density + volume)
            again = density.constrain(z, data)
        for name in specification.priors:
            assert float(again[model.site(name)]) == pytest.approx(values[name], rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(found, found[0], rtol=0, atol=1e-6)


def test_every_source_has_its_floor_and_noise(fitted: bl.Posterior) -> None:
    for name, (floor, _, noise) in TRUTH.items():
        frame = fitted.of_group(source=name).to_frame()
        # Within one and a half widths of an 89% interval; three sources at once.
        row = frame.loc["E"]
        assert abs(row["median"] - floor) < 1.5 * (row["high"] - row["low"])
        row = frame.loc["noise_scale"]
        assert abs(np.log(row["median"] / noise)) < 1.5 * np.log(row["high"] / row["low"])
    scales = [fitted.of_group(source=n).to_frame().loc["noise_scale", "median"] for n in TRUTH]
    assert np.all(np.diff(scales) > 0)


def test_predictions_have_the_noise_of_the_source(fitted: bl.Posterior) -> None:
    at = {"N": [1e9] * 2, "D": [2e10] * 2, "source": ["a", "c"]}
    law, measured = fitted.predict(at), fitted.predict(at, level="observation")
    noise = (measured["high"] - measured["low"]) - (law["high"] - law["low"])
    # The noise of c is four times that of a.
    assert noise[1] > 1.5 * noise[0]


def test_noise_of_a_run_is_its_source_s(fitted: bl.Posterior) -> None:
    labels = fitted.runs.labels("source").to_numpy()
    found = residuals(fitted)
    for name in TRUTH:
        # Twenty-five standardised residuals, of which five coefficients took a part: by the common
        # scale those of c are four times as large as those of a.
        size = np.median(np.abs(found.median[labels == name])) / 0.6745
        assert 0.5 < size < 1.6
    shares = fitted.variance_shares({"N": [1e9] * 2, "D": [2e10] * 2, "source": ["a", "c"]})
    noise = np.sqrt(shares["noise"]) * shares["spread"]
    draws = [
        fitted.of_group(source=name).variance_shares({"N": [1e9], "D": [2e10]}) for name in "ac"
    ]
    alone = [float(np.sqrt(one["noise"].iloc[0]) * one["spread"].iloc[0]) for one in draws]
    np.testing.assert_allclose(noise, alone, rtol=1e-9)
    assert noise.iloc[1] > 2 * noise.iloc[0]


def _with_replicates(fitted: bl.Posterior, noise: dict[str, float]) -> bl.Posterior:
    """The same draws, with every run of some sources made twice, so far apart."""
    table, signs = fitted.runs.table, np.random.default_rng(3).choice([-1, 1], len(fitted.runs))
    away = table["source"].map(noise).fillna(0.0) / np.sqrt(2) * signs
    again = table[table["source"].isin([*noise])]
    again = again.assign(loss=again["loss"] * np.exp(2 * away))
    index = pd.Index([f"{row} again" for row in again.index], name="row")
    return replace(
        fitted, runs=replace(fitted.runs, table=pd.concat([table, again.set_axis(index)]))
    )


def test_replicates_are_compared_with_the_noise_of_their_source(fitted: bl.Posterior) -> None:
    alike = _with_replicates(fitted, {"a": 0.002, "c": 0.002})
    notes = [note.message for note in fit_checks(alike, None) if note.code == "beyond_replicates"]
    # The noise of c is .008, of which its replicates show a quarter; that of a is theirs.
    (message,) = notes
    assert message.startswith("c: misfit: ")
    # Where replicates show all noise there is, a run is known as well as the law.
    at = {"N": [1e9] * 2, "D": [2e10] * 2, "source": ["a", "c"]}
    for own, (least, most) in ({"a": 0.003, "c": 0.012}, (0.9, 1.2)), ({"c": 0.002}, (1.5, 9.0)):
        posterior = _with_replicates(fitted, own)
        run, value = posterior.predict(at, level="run"), posterior.predict(at)
        wider = (run["high"] - run["low"]) / (value["high"] - value["low"])
        assert least <= wider[1] <= most


def test_a_source_is_a_posterior_like_any(fitted: bl.Posterior) -> None:
    at = {"N": [1e9, 1e10], "D": [2e10, 2e11]}
    for level in ("law", "observation"):
        alone = fitted.of_group(source="b").predict(at, level=level)
        same = fitted.predict({**at, "source": ["b", "b"]}, level=level)
        np.testing.assert_allclose(alone["median"], same["median"], rtol=1e-10)


def test_an_unseen_source_is_as_uncertain_as_sources_differ(fitted: bl.Posterior) -> None:
    at = {"N": [1e9], "D": [2e10]}
    one, new = fitted.of_group(source="a"), fitted.of_group(source=None)
    known, unseen = (p.predict(at).iloc[0] for p in (one, new))
    assert unseen["high"] - unseen["low"] > 5 * (known["high"] - known["low"])
    same = fitted.predict({**at, "source": ["none of them"]}).iloc[0]
    assert same["high"] == pytest.approx(unseen["high"], rel=1e-10)


def test_it_opens_as_it_was_saved(fitted: bl.Posterior, tmp_path: Path) -> None:
    fitted.save(tmp_path / "fit.nc")
    again = bl.load(tmp_path / "fit.nc")
    assert again.pool == fitted.pool
    assert again.info.settings == fitted.info.settings
    ours, theirs = (p.of_group(source="c").to_frame()["median"] for p in (fitted, again))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "own", "partial"),
    [
        ("zhao2025", {"a", "b", "c", "epsilon"}, {"alpha", "beta"}),
        ("ludziejewski2025", {"a", "b", "c"}, {"alpha", "beta"}),
        ("wang2024", {"A", "B", "sigma"}, {"alpha", "beta"}),
        ("chinchilla", {"A", "B", "E"}, {"alpha", "beta"}),
    ],
)
def test_by_default_floor_and_amplitudes_are_own(law: str, own: set, partial: set) -> None:
    roles = bl.BySource().roles(bl.law(law))
    assert {name for name, role in roles.items() if role == "own"} == own
    assert {name for name, role in roles.items() if role == "partial"} == partial


def test_roles_can_be_named(runs: bl.Runs) -> None:
    roles = bl.BySource(partial=["E"]).roles(bl.law("chinchilla"))
    assert roles == {"E": "partial", "A": "own", "B": "own", "alpha": "shared", "beta": "shared"}
    with pytest.raises(RequestError, match="no parameter 'gamma'"):
        bl.fit(runs, "chinchilla", pool=bl.BySource(own=["gamma"]))
    with pytest.raises(RequestError, match="alpha cannot be both"):
        bl.BySource(own=["alpha"], partial=["alpha"])
    with pytest.raises(RequestError, match="no list of coefficients"):
        bl.BySource(own="alpha")
    with pytest.raises(RequestError, match="no column 'source'"):
        bl.fit(bl.simulate("chinchilla", rows=20), "chinchilla", pool="sources")


def test_a_reference_run_counts_sources_alike(runs: bl.Runs) -> None:
    kept = (runs.labels("source") != "a").to_numpy() | (np.arange(len(runs)) < 5)
    few = runs.select(kept)
    means = [np.log(few.column("N")[(few.labels("source") == n).to_numpy()]).mean() for n in "abc"]
    alike = bl.ReferenceRun.of(few, ["N", "D"], by="source")
    assert alike.at["N"] == pytest.approx(np.exp(np.mean(means)))
    assert alike.at["N"] != pytest.approx(bl.ReferenceRun.of(few, ["N", "D"]).at["N"])


def test_a_posterior_of_other_sources_is_the_prior_of_a_study(fitted: bl.Posterior) -> None:
    new = bl.simulate("chinchilla", rows=12, seed=9)
    law = law_with_prior(fitted, bl.ReferenceRun.of(new, ["N", "D"]))
    wide, prior = (each.parameters["alpha"].prior for each in (bl.law("chinchilla"), law))
    # Three sweeps say more of the exponent than the card does, and centre it near the truth.
    assert prior.numbers[1] < 0.5 * wide.numbers[1]
    assert np.exp(prior.numbers[0]) == pytest.approx(0.3478, rel=0.15)
    with pytest.raises(RequestError, match="the prior is of chinchilla"):
        bl.study(new, laws=["skaling2026"], prior=fitted)


@pytest.mark.parametrize("precision", [0.015, 0.05])
@pytest.mark.parametrize(("differ", "least"), [(0.0, 0.9), (0.05, 0.82), (0.15, 0.81)])
def test_common_exponents_of_four_sources_are_covered(
    runs: bl.Runs, precision: float, differ: float, least: float
) -> None:
    """Normal estimates of four sources' exponents, the common value flat, the spread on a grid."""
    law = bl.law("chinchilla")
    spread = next(
        pool.spread
        for pool in bl.BySource().pools(law, runs, Noise("normal"))
        if pool.parameter == "alpha"
    )
    grid = spread.low + np.exp(np.linspace(np.log(1e-4), np.log(2.0), 200))
    rng, tables, count = np.random.default_rng(0), 4000, 4
    own = differ * rng.standard_normal((tables, count))
    found = own + precision * rng.standard_normal(own.shape)
    mean, variance = found.mean(axis=1)[:, None], precision**2 + grid**2
    squares = ((found - mean) ** 2).sum(axis=1)[:, None]
    log_weight = -0.5 * (spread.standardise(grid) ** 2 + (count - 1) * np.log(variance))
    log_weight = log_weight - 0.5 * squares / variance
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    below = norm.cdf(-mean / np.sqrt(variance / count))
    position = (weight * below).sum(axis=1) / weight.sum(axis=1)
    # Standard error .006. Sources that agree are covered more often: some spread is expected.
    assert ((position > 0.055) & (position < 0.945)).mean() >= least


def test_a_discrepancy_beside_several_sources_is_refused(runs: bl.Runs) -> None:
    with pytest.raises(RequestError, match="several sources is not modelled"):
        bl.fit(runs, "chinchilla", pool="sources", discrepancy="gp", method="laplace")
