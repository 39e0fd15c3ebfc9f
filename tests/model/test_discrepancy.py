"""What a law misses: the process, its marginal and conditional densities, and fits with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy import stats

import bayeslaw as bl
from bayeslaw.core.compilation import compiled
from bayeslaw.inference.density import Density
from bayeslaw.inference.outlier_weights import draw_degrees, precisions
from bayeslaw.model.discrepancy import Discrepancy, conditional, log_density
from bayeslaw.model.kernels import GROWTH, SCALE
from bayeslaw.model.noise import Noise
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.misfit import misfit
from bayeslaw.posterior.prediction import predictive

KERNEL = bl.GaussianProcess(("N", "D"))
PROCESS = Discrepancy((KERNEL,))
VALUES = {SCALE: 0.004, "misfit_length_N": 1.2, "misfit_length_D": 0.7, "noise_scale": 0.001}


def inputs(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, count))


def by_hand(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Matern 5/2, one pair at a time."""
    found = np.empty((x.shape[1], y.shape[1]))
    for i, j in np.ndindex(*found.shape):
        apart = np.hypot((x[0, i] - y[0, j]) / 1.2, (x[1, i] - y[1, j]) / 0.7)
        far = np.sqrt(5) * apart
        found[i, j] = 0.004**2 * (1 + far + far**2 / 3) * np.exp(-far)
    return found


def bumpy(runs: bl.Runs, size: float) -> bl.Runs:
    """The same runs with a wave over ln D that no coefficient of a power law follows."""
    wave = size * np.sin(3 * np.log(runs.column("D")))
    return replace(runs, table=runs.table.assign(loss=runs.column("loss") * np.exp(wave)))


@pytest.fixture(scope="module")
def waved() -> bl.Runs:
    return bumpy(bl.simulate("chinchilla", rows=60, noise_sd=0.0005, seed=3), 0.01)


@pytest.fixture(scope="module")
def fitted(waved: bl.Runs) -> bl.Posterior:
    return bl.fit(waved, "chinchilla", method="laplace", discrepancy="gp", seed=1)


def test_log_density_and_its_gradient_are_those_of_the_normal() -> None:
    x, r = inputs(12, 0), np.random.default_rng(1).standard_normal(12) * 0.004
    with compiled():
        covariance = np.asarray(PROCESS.marginal_covariance(VALUES, x, np.full(12, 2.0)))
        value, slopes = jax.value_and_grad(log_density, argnums=(0, 1))(r, covariance)
        wanted = stats.multivariate_normal.logpdf(r, cov=covariance)
        assert float(value) == pytest.approx(wanted, rel=1e-10)
        assert float(log_density(r, covariance)) == pytest.approx(wanted, rel=1e-10)
    rng = np.random.default_rng(2)
    way, turn = rng.standard_normal(12) * 1e-3, rng.standard_normal((12, 12)) * 1e-4
    # Symmetric and small beside the covariance.
    turn, h = turn @ turn.T, 1e-3
    up, down = (
        stats.multivariate_normal.logpdf(r + s * h * way, cov=covariance + s * h * turn)
        for s in (1, -1)
    )
    along = np.asarray(slopes[0]) @ way + (np.asarray(slopes[1]) * turn).sum()
    assert along == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_covariance_is_matern_and_noise_is_divided_by_weights() -> None:
    x = inputs(5, 0)
    with compiled():
        covariance = np.asarray(
            PROCESS.marginal_covariance(VALUES, x, np.array([1, 1, 1, 1, 0.25]))
        )
    noise = covariance - by_hand(x, x)
    assert np.allclose(noise - np.diag(np.diag(noise)), 0, atol=1e-12)
    assert np.allclose(np.diag(noise), [1e-6] * 4 + [4e-6], rtol=1e-3)


def test_conditional_is_that_of_the_joint_normal() -> None:
    seen, new, weights = inputs(8, 0), inputs(3, 1), np.ones(8)
    r = np.random.default_rng(2).standard_normal((4, 8)) * 0.004
    with compiled():
        mean, sd = conditional(PROCESS, VALUES, r, seen, new, weights)
    inverse = np.linalg.inv(by_hand(seen, seen) + 1e-6 * np.eye(8))
    between = by_hand(seen, new)
    assert np.allclose(mean, r @ inverse @ between, rtol=1e-5)
    wanted = by_hand(new, new) - between.T @ inverse @ between
    assert np.allclose(np.asarray(sd) ** 2, np.diag(wanted), rtol=1e-5)


def test_potential_is_prior_times_marginal_likelihood(waved: bl.Runs) -> None:
    law, process = bl.law("chinchilla"), PROCESS
    reference = bl.ReferenceRun.of(waved, law.variables)
    normal = Noise("normal", replicate=True)
    specification = Specification(law, reference, normal, process)
    model, data = specification.build(waved)
    density, priors = Density(model), specification.priors
    x = process.inputs(waved.columns(law.variables), waved.columns(law.variables))
    found, wanted = [], []
    rng = np.random.default_rng(0)
    for _ in range(3):
        values = {name: float(prior.sample(rng, 1)[0]) for name, prior in priors.items()}
        values |= {SCALE: 0.004, "misfit_length_N": 1.2, "misfit_length_D": 0.7}
        with compiled():
            z = density.locate(values, data)
            found.append(float(density.potential(z, data)))
        raw = law.form.to_raw(values, reference.at, reference.loss)
        left = np.log(waved.column("loss")) - np.log(
            law.form.predict(waved.columns(law.variables), raw)
        )
        covariance = by_hand(x, x) + values["noise_scale"] ** 2 * np.eye(60)
        likelihood = stats.multivariate_normal.logpdf(left, cov=covariance)
        away = [
            (np.log(values[name]) - np.log(prior.location)) / np.log(prior.spread)
            for name, prior in priors.items()
        ]
        # The floor is moved as T, which is linear in what its prior is stated on.
        moved = np.log(values[law.form.floor])
        wanted.append(0.5 * np.square(away).sum() - likelihood + moved)
    assert np.diff(found) == pytest.approx(np.diff(wanted), rel=1e-5, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_laplace_with_weights_is_what_nuts_finds(seed: int) -> None:
    runs = bumpy(bl.simulate("chinchilla", rows=30, noise_sd=0.001, seed=seed), 0.006)
    options = {"discrepancy": "gp", "noise": "normal", "seed": 1}
    quick = bl.fit(runs, "chinchilla", method="laplace", **options)
    slow = bl.fit(runs, "chinchilla", chains=2, **options)
    assert slow.trusted, slow.notes
    for name in ("E", "alpha", "beta", SCALE, "noise_scale"):
        a, b = np.log(quick.draws[name]).ravel(), np.log(slow.draws[name])
        # Four standard errors; the weights' effective number is of all points, not of clusters.
        error = b.std() * np.sqrt(1 / slow.convergence.ess_bulk[name] + 1 / 300)
        assert abs(a.mean() - b.mean()) < 4 * error, name
        assert a.std() == pytest.approx(b.std(), rel=0.25), name


def test_misfit_is_found_where_it_is_and_not_called_noise(fitted: bl.Posterior) -> None:
    low = {name: np.quantile(fitted.draws[name], 0.005) for name in fitted.draws}
    high = {name: np.quantile(fitted.draws[name], 0.995) for name in fitted.draws}
    assert low["noise_scale"] < 0.0005 < high["noise_scale"]
    assert low[SCALE] > 0.003
    assert high["misfit_length_D"] < low["misfit_length_N"]


def test_runs_are_predicted_where_they_are_and_less_well_far_away(fitted: bl.Posterior) -> None:
    seen = fitted.runs.columns(fitted.law.variables)
    here = fitted.predict(seen, level="run")
    error = np.log(fitted.runs.column("loss") / here["median"])
    # Interpolated to the noise, where the law alone is off by the wave.
    assert error.std() < 0.001
    assert (here["high"] / here["low"]).median() < 1.004
    far = {name: 100 * values.max(keepdims=True) for name, values in seen.items()}
    kept, mean, sd = misfit(fitted.model, far)
    # Back at the process' own spread.
    assert np.allclose(sd[:, 0], fitted.draws[SCALE].ravel()[kept], rtol=0.02)
    assert np.quantile(np.abs(mean), 0.95) < 0.001


def test_observations_scatter_more_than_runs_more_than_the_law(waved: bl.Runs) -> None:
    posterior = bl.fit(waved, "chinchilla", method="laplace", discrepancy="gp", noise="normal")
    new = {"N": np.array([1e9]), "D": np.array([3e10])}
    (law,), (run,), (seen,) = (
        predictive(posterior.model, new, level=level) for level in ("law", "run", "observation")
    )
    del law
    extra = np.log(seen).var() - np.log(run).var()
    wanted = float((posterior.draws["noise_scale"] ** 2).mean())
    # The same random numbers make the misfit in both; the difference is one of 4,000 draws.
    assert extra == pytest.approx(wanted, abs=4 * np.sqrt(2 / 4000) * np.log(seen).var())


def test_an_outlier_gets_the_least_weight_and_moves_little(waved: bl.Runs) -> None:
    loss = waved.column("loss").copy()
    loss[17] *= np.exp(0.05)
    spoilt = replace(waved, table=waved.table.assign(loss=loss))
    posterior = bl.fit(spoilt, "chinchilla", method="laplace", discrepancy="gp", seed=1)
    assert posterior.weights is not None
    assert np.argmin(posterior.weights) == 17
    assert posterior.weights[17] < 0.2 * np.median(posterior.weights)
    assert np.median(posterior.draws["noise_scale"]) < 0.0015


def test_tails_are_told_from_the_noise() -> None:
    prior = Noise("student_t").priors["noise_df"]
    rng = np.random.default_rng(0)
    for degrees in (2.0, 30.0):
        squared = rng.standard_t(degrees, 2000) ** 2
        drawn = draw_degrees(squared, prior, rng, 2000)
        low, high = np.quantile(drawn, [0.001, 0.999])
        assert low < degrees < high
        weights, likely = precisions(squared, prior)
        assert low < likely < high
        assert (np.diff(weights[np.argsort(squared)]) <= 0).all()


def test_saved_and_batched_posteriors_predict_alike(
    fitted: bl.Posterior, waved: bl.Runs, tmp_path: Path
) -> None:
    new = {"N": np.array([1e9, 1e10]), "D": np.array([1e10, 1e11])}
    wanted = fitted.predict(new, level="run")
    fitted.save(tmp_path / "fit.nc")
    again = bl.load(tmp_path / "fit.nc")
    assert again.discrepancy == fitted.discrepancy
    assert again.predict(new, level="run").equals(wanted)
    options = {"method": "laplace", "discrepancy": "gp", "chains": 4, "seed": 1}
    for _ in range(2):
        (one,) = bl.fit_many([waved], "chinchilla", folder=tmp_path / "kept", **options)
        assert one.predict(new, level="run").equals(wanted)


def test_scores_know_the_misfit(fitted: bl.Posterior) -> None:
    other = bumpy(bl.simulate("chinchilla", rows=60, noise_sd=0.0005, seed=8), 0.01)
    plain = bl.fit(fitted.runs, "chinchilla", method="laplace", fallback=True, seed=1)
    with_gp, without = (bl.check_new_runs(one, other) for one in (fitted, plain))
    width = [np.log(c.frame["high"] / c.frame["low"]).median() for c in (with_gp, without)]
    assert width[0] < 0.5 * width[1]
    # 60 runs at .89: three standard errors.
    assert with_gp.coverage > 0.77


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("gb", "unknown discrepancy 'gb'"),
        (bl.GaussianProcess(("N", "G")), "'G' is no variable of chinchilla"),
        (bl.GaussianProcess(()), "without inputs"),
        (3, "a int where a discrepancy belongs"),
    ],
)
def test_what_is_no_discrepancy_is_refused(waved: bl.Runs, asked: object, words: str) -> None:
    with pytest.raises(bl.BayesLawError, match=words):
        bl.fit(waved, "chinchilla", discrepancy=asked)


def test_constant_inputs_and_too_many_runs_are_refused(waved: bl.Runs) -> None:
    constant = replace(waved, table=waved.table.assign(D=1e10))
    with pytest.raises(bl.BayesLawError, match="D is the same in all 60 runs"):
        bl.fit(constant, "chinchilla", discrepancy=KERNEL)
    with pytest.raises(bl.BayesLawError, match="1001 runs, and an exact Gaussian process"):
        bl.fit(bl.simulate("chinchilla", rows=1001), "chinchilla", discrepancy="gp")


def test_what_needs_likelihoods_of_runs_says_so(fitted: bl.Posterior) -> None:
    with pytest.raises(
        bl.BayesLawError, match="the pointwise log likelihood is undefined with a discrepancy"
    ):
        fitted.log_likelihood()
    assert "log_likelihood" not in fitted.to_arviz().children
    with pytest.raises(bl.BayesLawError, match="has no chains"):
        bl.evidence(fitted)


# --- groups and growth --------------------------------------------------------------------------


def shifted(runs: bl.Runs, shifts: list[float]) -> bl.Runs:
    """Runs in as many groups as there are shifts of log loss."""
    place = np.arange(len(runs)) % len(shifts)
    table = runs.table.assign(
        loss=runs.column("loss") * np.exp(np.array(shifts)[place]),
        family=np.array([f"family {i}" for i in range(len(shifts))])[place],
    )
    return replace(runs, table=table, groups=("family",))


def test_a_sum_of_kernels_is_the_sum_of_their_covariances() -> None:
    total = Discrepancy((KERNEL, bl.Offsets("family"), bl.Growth(("N",))))
    rng = np.random.default_rng(0)
    seen = {name: np.exp(rng.standard_normal(6)) for name in ("N", "D")}
    seen["family"] = np.array(["a", "b", "a", "c", "b", "a"])
    x = total.inputs(seen, seen)
    assert x.shape == (4, 6)
    values = {**VALUES, "group_scale_family": 0.02, GROWTH: 0.003}
    with compiled():
        found = np.asarray(total.covariance(values, x, x))
        variance = np.asarray(total.variance(values, x))
    wanted = by_hand(x[:2], x[:2])
    # Offsets stay below 3%: at 2% that takes a twentieth.
    wanted += 0.02**2 / (1 + (2 / 3) ** 4) ** 0.5 * (seen["family"][:, None] == seen["family"])
    for i, j in np.ndindex(6, 6):
        u, v = x[3, i], x[3, j]
        if u * v > 0:
            # An integral over where both still grow: of (|u| - t) (|v| - t) up to the nearer one.
            t = np.linspace(0, min(abs(u), abs(v)), 2001)
            wanted[i, j] += 0.003**2 * np.trapezoid((abs(u) - t) * (abs(v) - t), t)
    assert np.allclose(found, wanted, rtol=1e-6)
    assert np.allclose(variance, np.diag(wanted), rtol=1e-6)


def test_a_group_that_no_run_is_of_shares_nothing() -> None:
    total = Discrepancy((bl.Offsets("family"),))
    seen = {"N": np.ones(3), "family": np.array(["a", "b", "a"])}
    new = {"N": np.ones(2), "family": np.array(["b", "z"])}
    assert total.inputs(seen, new).tolist() == [[1.0, -1.0]]
    assert total.inputs(seen, {"N": np.ones(2)}).tolist() == [[-1.0, -1.0]]


def test_offsets_of_groups_are_found_and_predicted() -> None:
    shifts = [-0.02, 0.0, 0.01, 0.03]
    runs = shifted(bl.simulate("chinchilla", rows=80, noise_sd=0.002, seed=4), shifts)
    posterior = bl.fit(runs, "chinchilla", method="laplace", discrepancy="group", seed=1)
    assert posterior.trusted, posterior.notes
    at = {"N": [1e9] * 5, "D": [2e10] * 5, "family": [f"family {i}" for i in range(5)]}
    columns = {name: np.array(values) for name, values in at.items()}
    _, mean, sd = misfit(posterior.model, columns)
    # Only their differences are told from the floor.
    told = mean[:, :4].mean(axis=0) - mean[:, :4].mean()
    # Four standard errors of the mean of 20 runs each, and of what shrinks towards zero.
    assert told == pytest.approx(np.array(shifts) - np.mean(shifts), abs=0.003)
    spread = np.median(posterior.draws["group_scale_family"])
    assert 0.008 < spread < 0.06
    assert "offsets_large" not in {note.code for note in posterior.notes}
    assert np.median(sd[:, 4]) == pytest.approx(spread, rel=0.3), "a new group is as others differ"
    assert np.median(sd[:, 0]) < 0.3 * spread
    rows = posterior.predict({name: values for name, values in at.items()}, level="run")
    width = np.log(rows["high"] / rows["low"]).to_numpy()
    assert width[4] > 3 * width[:4].max()


def test_groups_leave_what_the_law_explains() -> None:
    """Ignored offsets of groups that differ in size bend the exponents; modelled ones do not."""
    runs = bl.simulate("chinchilla", rows=120, noise_sd=0.002, seed=9)
    large = runs.column("N") > np.median(runs.column("N"))
    table = runs.table.assign(
        loss=runs.column("loss") * np.exp(np.where(large, 0.02, 0.0)),
        family=np.where(large, "new", "old"),
    )
    runs = replace(runs, table=table, groups=("family",))
    truth = bl.law("chinchilla").published()["alpha"]
    options = {"method": "laplace", "fallback": True, "seed": 1}
    plain = bl.fit(runs, "chinchilla", **options).to_frame(ci_prob=0.99).loc["alpha"]
    # Four standard deviations: an 89% interval misses the truth of one table in nine.
    grouped = bl.fit(runs, "chinchilla", discrepancy="group", **options)
    grouped = grouped.to_frame(ci_prob=0.9999).loc["alpha"]
    assert not plain["low"] <= truth <= plain["high"]
    assert grouped["low"] <= truth <= grouped["high"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["one"] * 60, "all 60 runs have the same family"),
        ([str(i) for i in range(60)], "each of the 60 runs has its own family"),
    ],
)
def test_groups_that_say_nothing_are_refused(waved: bl.Runs, labels: list[str], words: str) -> None:
    runs = replace(waved, table=waved.table.assign(family=labels), groups=("family",))
    with pytest.raises(bl.BayesLawError, match=words):
        bl.fit(runs, "chinchilla", discrepancy="group")


def test_groups_that_nobody_named_are_refused(waved: bl.Runs) -> None:
    with pytest.raises(bl.BayesLawError, match=r"no column groups .* read_runs\(..., group="):
        bl.fit(waved, "chinchilla", discrepancy="group")
    with pytest.raises(bl.BayesLawError, match="the table has no column 'sweep'"):
        bl.fit(waved, "chinchilla", discrepancy=bl.Offsets("sweep"))
    with pytest.raises(bl.BayesLawError, match="two parts of the discrepancy have a misfit_scale"):
        bl.fit(waved, "chinchilla", discrepancy=["gp", "gp"])
    with pytest.raises(bl.BayesLawError, match="an empty discrepancy"):
        bl.fit(waved, "chinchilla", discrepancy=[])


def test_growth_is_wide_far_out_where_the_law_bends_away() -> None:
    clean = bl.simulate("chinchilla", rows=60, noise_sd=0.0005, seed=3)
    away = np.log(clean.column("N"))
    away = (away - away.mean()) / away.std()
    loss = clean.column("loss") * np.exp(0.004 * np.maximum(away, 0) ** 1.5)
    runs = replace(clean, table=clean.table.assign(loss=loss))
    options = {"method": "laplace", "fallback": True, "seed": 1}
    plain = bl.fit(runs, "chinchilla", **options)
    grown = bl.fit(runs, "chinchilla", discrepancy="growth", **options)
    inside = {"N": np.array([1e9]), "D": np.array([2.5e10])}
    outside = {"N": np.array([1e12]), "D": np.array([2.5e13])}

    def width(posterior: bl.Posterior, at: dict[str, np.ndarray]) -> float:
        row = posterior.predict(at, level="observation").iloc[0]
        return float(np.log(row["high"] / row["low"]))

    assert width(grown, inside) < 1.5 * width(plain, inside)
    assert width(grown, outside) > 2 * width(plain, outside)


def test_sums_are_saved(tmp_path: Path) -> None:
    runs = shifted(bl.simulate("chinchilla", rows=40, noise_sd=0.002, seed=4), [0.0, 0.01])
    posterior = bl.fit(runs, "chinchilla", method="laplace", discrepancy=["group", "gp"], seed=1)
    posterior.save(tmp_path / "fit.nc")
    again = bl.load(tmp_path / "fit.nc")
    assert again.discrepancy == posterior.discrepancy
    at = {"N": [1e9], "D": [2e10], "family": ["family 1"]}
    rows = (one.predict(at, level="run") for one in (posterior, again))
    np.testing.assert_allclose(*(row[["low", "high"]].to_numpy() for row in rows))


def test_a_process_that_an_older_file_keeps_is_read() -> None:
    process = Discrepancy.from_dict(["N", "D"])
    assert process == Discrepancy((bl.GaussianProcess(("N", "D")),))
