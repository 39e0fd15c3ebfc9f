"""A posterior: its summary, predictions, likelihood, prior and what ArviZ makes of it."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import arviz as az
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayeslaw as bl
from bayeslaw.core.errors import BayesLawError, CardError, RequestError, TableError
from bayeslaw.core.intervals import interval
from bayeslaw.model.noise import Noise

mpl.use("Agg")

#: In the order of the card.
LETTERS = tuple("alpha beta a b c epsilon e f m n h k".split())


def zhao2025(raw: dict[str, Any], at: dict[str, Any]) -> Any:
    """The law as the paper writes it, without the engine."""
    r, N, N_a, D, G, S = raw, at["N"], at["N_a"], at["D"], at["G"], at["S"]
    shape = r["e"] * G + r["f"] / G + r["m"] * S**2 + r["n"] * S
    room = 1 / N ** r["alpha"] + r["k"] / N_a ** r["alpha"] + r["h"] * N_a / N
    rest = r["a"] / N ** r["alpha"] + r["b"] / D ** r["beta"] + r["c"] / N_a ** r["alpha"]
    return shape * room + rest + r["epsilon"]


def of_size(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value[:, None] for name, value in values.items()}


@pytest.fixture(scope="module")
def held_out() -> bl.Runs:
    return bl.simulate("zhao2025", rows=2000, seed=4321)


# --- summary ----------------------------------------------------------------------------------


def test_summary_says_what_the_draws_say(posterior: bl.Posterior) -> None:
    table = posterior.to_frame()
    assert list(table.index) == [*LETTERS, "noise_scale", "noise_df"]
    assert list(table.columns) == [
        *("median", "low", "high", "prior_low", "prior_high", "published"),
        *("rhat", "ess_bulk", "ess_tail", "mcse_low", "mcse_high", "informed_by"),
    ]
    for name, row in table.iterrows():
        draws = posterior.draws[name]
        assert row["median"] == np.median(draws)
        assert np.mean(draws < row["low"]) == pytest.approx(0.055, abs=1 / draws.size)
        assert np.mean(draws > row["high"]) == pytest.approx(0.055, abs=1 / draws.size)
        assert row["rhat"] == pytest.approx(float(az.rhat(draws)), rel=1e-4)
        # Of antithetic chains, which are worth more than their draws, the ends of sums differ.
        both = np.minimum([row["ess_bulk"], float(az.ess(draws))], draws.size)
        assert both[0] == pytest.approx(both[1], rel=0.03)
    published = posterior.law.published()
    assert table["published"].dropna().to_dict() == published
    assert published["f"] == 7.2446
    assert set(table["informed_by"]) == {"runs"}


def test_the_runs_contain_the_truth(posterior: bl.Posterior) -> None:
    # They were simulated from the published coefficients. Twice what these lose in log likelihood
    # to the best possible is chi-squared of 12, of which the best of 4,000 draws in 14 dimensions
    # loses about 2.5: outside of this range in three of a thousand tables. Intervals that hold the
    # truth could not be counted as independent: their errors go together.
    columns = posterior.runs.columns(posterior.law.variables)
    residual = np.log(posterior.runs.column("loss") / posterior.law.predict(**columns))
    df, scale = (posterior.draws[name].reshape(-1, 1) for name in ("noise_df", "noise_scale"))
    at_truth = stats.t.logpdf(residual, df, 0, scale).sum(axis=1).max()
    best = posterior.log_likelihood().sum(axis=-1).max()
    assert 0 < 2 * (best - at_truth) < stats.chi2.ppf(1 - 1e-3, 12)
    wide = posterior.to_frame(ci_prob=0.9999).loc[list(LETTERS)]
    assert wide["published"].between(wide["low"], wide["high"]).all()


def test_prior_intervals_are_the_cards(posterior: bl.Posterior) -> None:
    table = posterior.to_frame()
    # alpha's prior is lognormal with median .25 and factor 2, on alpha itself. The end of an
    # interval has standard error 2.06 sd / sqrt(4000) on the log: four of them are 9.5%.
    for name in ("alpha", "beta"):
        for column, z in (("prior_low", -1.5982), ("prior_high", 1.5982)):
            assert np.log(table.loc[name, column]) == pytest.approx(
                np.log(0.25) + z * np.log(2), abs=4 * 2.06 * np.log(2) / 4000**0.5
            )
    # Of k, whose term is below 2e-4 nats, these runs say next to nothing.
    for name in set(LETTERS) - {"k"}:
        assert table.loc[name, "prior_low"] < table.loc[name, "low"]
        assert table.loc[name, "prior_high"] > table.loc[name, "high"]


def test_prior_only_follows_from_the_design(posterior: bl.Posterior) -> None:
    def informed(**constant: float) -> tuple[set[str], set[str]]:
        runs = replace(posterior.runs, table=posterior.runs.table.assign(**constant))
        table = replace(posterior, runs=runs).to_frame()["informed_by"]
        assert set(table) <= {"runs", "prior only", "combination"}
        only, together = (set(table.index[table == kind]) for kind in ("prior only", "combination"))
        return only, together

    assert informed(S=0.0) == ({"m", "n"}, set())
    assert informed(S=0.1) == (set(), {"m", "n"})
    assert informed(G=8.0) == (set(), {"e", "f"})
    # At the reference run's own D the exponent has no effect; elsewhere it acts like b.
    assert informed(D=posterior.reference.at["D"]) == ({"beta"}, {"b", "epsilon"})
    assert informed(D=5e10) == (set(), {"b", "beta", "epsilon"})
    assert informed() == (set(), set())


def test_wider_probability_wider_interval(posterior: bl.Posterior) -> None:
    half, most = (posterior.to_frame(ci_prob=p) for p in (0.5, 0.95))
    for name in half.index:
        draws = posterior.draws[name]
        inside = (draws > half.loc[name, "low"]) & (draws < half.loc[name, "high"])
        assert inside.mean() == pytest.approx(0.5, abs=1e-3)
    assert (most["low"] < half["low"]).all()
    assert (most["high"] > half["high"]).all()


def test_the_repr_is_one_line(posterior: bl.Posterior) -> None:
    said = repr(posterior)
    assert said.startswith("Posterior(zhao2025 on 446 simulated runs, 4 chains of 1000 draws")
    assert len(said) < 120


# --- coordinates ------------------------------------------------------------------------------


def test_T_is_the_law_at_the_reference_run(posterior: bl.Posterior) -> None:
    at, T = posterior.reference.at, posterior.draws["T"].ravel()
    np.testing.assert_allclose(zhao2025(posterior.coefficients(), at), T, rtol=1e-12)
    prior = {name: posterior.prior[name] for name in LETTERS}
    np.testing.assert_allclose(zhao2025(prior, at), posterior.prior["T"], rtol=1e-12)


@pytest.mark.parametrize("part", ["draws", "prior"])
def test_raw_coefficients_are_in_the_papers_units(posterior: bl.Posterior, part: str) -> None:
    """What each prior is stated on, computed by hand from the raw coefficients."""
    r, at = getattr(posterior, part), posterior.reference.at
    N, N_a, D, loss = at["N"], at["N_a"], at["D"], posterior.reference.loss
    by_hand = {
        "a_on": r["a"] / N ** r["alpha"] / loss,
        "b_on": r["b"] / D ** r["beta"] / loss,
        "c_on": r["c"] / N_a ** r["alpha"] / loss,
        "epsilon_on": r["epsilon"] / loss,
        "e_on": r["e"] / N ** r["alpha"] / loss,
        "f_on": r["f"] / r["e"],
        "m_on": r["m"] / N ** r["alpha"] / loss,
        "n_on": -r["n"] / (2 * r["m"]),
        "h_on": r["h"] * N_a / N * N ** r["alpha"],
        "k_on": r["k"] * (N / N_a) ** r["alpha"],
    }
    assert set(r) == {*by_hand, *LETTERS, "noise_scale", "noise_df", "T"}
    for name, values in by_hand.items():
        # The floor follows from T, a sum of six terms as large as itself.
        np.testing.assert_allclose(values, r[name], rtol=1e-11, err_msg=name)


def test_coefficients_are_the_draws_run_together(posterior: bl.Posterior) -> None:
    coefficients = posterior.coefficients()
    assert tuple(coefficients) == LETTERS
    for name, values in coefficients.items():
        assert values.shape == (4000,)
        assert values.reshape(4, 1000).tolist() == posterior.draws[name].tolist()


def test_the_prior_group_is_the_cards_prior(posterior: bl.Posterior) -> None:
    priors = {name: entry.prior for name, entry in posterior.law.parameters.items()}
    priors |= posterior.noise.priors
    stated = {"alpha": (0.25, 2), "a": (0.1, 3), "e": (3e-4, 4), "f": (50, 3), "h": (0.5, 5)}
    assert {n: (priors[n].location, priors[n].spread) for n in stated} == stated
    size = len(posterior.prior["alpha"])
    assert size == 4000
    for name, prior in priors.items():
        draws = posterior.prior[f"{name}_on" if f"{name}_on" in posterior.prior else name]
        low = prior.low if prior.family == "lognormal" else 0.0
        moved = np.log(draws - low) if prior.family == "lognormal" else draws
        centre, sd, _ = prior.numbers
        # Standard errors of a median and of a standard deviation; four of them.
        assert np.median(moved) == pytest.approx(centre, abs=4 * 1.2533 * sd / size**0.5), name
        assert np.std(moved) == pytest.approx(sd, rel=4 / (2 * size) ** 0.5), name


def test_the_same_seed_the_same_prior(posterior: bl.Posterior) -> None:
    again = replace(posterior).prior
    assert all((again[name] == values).all() for name, values in posterior.prior.items())
    info = posterior.info
    other = replace(posterior, info=replace(info, settings=replace(info.settings, seed=99))).prior
    assert not (other["alpha"] == again["alpha"]).any()


@pytest.mark.parametrize("letter", ["T", "noise_scale", "noise_df", "A_on"])
def test_parameters_cannot_take_the_names_of_draws(letter: str) -> None:
    with pytest.raises(CardError, match=letter):
        bl.Law.from_formula(f"E + A/N**alpha + {letter}/D**beta", variables=["N", "D"])


# --- predictions ------------------------------------------------------------------------------

PLACES = {
    "N": [1e9, 30e9, 2e8],
    "N_a": [2e8, 1.5e9, 1e8],
    "D": [2e10, 1e12, 4e10],
    "G": [8, 6, 1],
    "S": [0.1, 0.3, 0],
}


def test_the_level_law_is_the_law_of_every_draw(posterior: bl.Posterior) -> None:
    bands = posterior.predict(PLACES)
    at = {name: np.array(values, dtype=float) for name, values in PLACES.items()}
    value = zhao2025(of_size(posterior.coefficients()), at)
    assert value.shape == (4000, 3)
    low, median, high = np.quantile(value, [0.055, 0.5, 0.945], axis=0)
    np.testing.assert_allclose(bands["low"], low, rtol=1e-12)
    np.testing.assert_allclose(bands["median"], median, rtol=1e-12)
    np.testing.assert_allclose(bands["high"], high, rtol=1e-12)
    np.testing.assert_allclose(posterior.evaluate(at), value, rtol=1e-12)


def test_the_law_is_known_better_than_the_runs(posterior: bl.Posterior, held_out: bl.Runs) -> None:
    law = posterior.predict(held_out)
    run = posterior.predict(held_out, level="run")
    seen = posterior.predict(held_out, level="observation")
    # 13 parameters of 446 runs: the law is known to about a seventh of the noise.
    wider = (seen["high"] - seen["low"]) / (law["high"] - law["low"])
    assert (wider > 1.5).all()
    assert 4 < wider.median() < 12
    # Noise is centred on the logarithm: its sd of .003 moves a median of 4000 draws by 6e-5.
    np.testing.assert_allclose(seen["median"], law["median"], rtol=4e-4)
    # Until replicates tell misfit from noise, all scatter counts as misfit.
    pd.testing.assert_frame_equal(run, seen)


def test_observations_of_held_out_runs_are_covered(
    posterior: bl.Posterior, held_out: bl.Runs
) -> None:
    bands = posterior.predict(held_out, level="observation")
    loss = held_out.column("loss")
    covered = np.mean((bands["low"] <= loss) & (loss <= bands["high"]))
    # Binomial: sqrt(.89 * .11 / 2000) = .007. The scale of the noise is known to 1/sqrt(2 * 446) of
    # itself, which moves the coverage by .012. Three of both together.
    assert covered == pytest.approx(0.89, abs=0.042)
    assert list(bands.index) == list(held_out.table.index)


def test_the_law_covers_the_truth_and_not_the_runs(
    posterior: bl.Posterior, held_out: bl.Runs
) -> None:
    bands = posterior.predict(held_out)
    truth = posterior.law.predict(**held_out.columns(posterior.law.variables))
    # One posterior: its errors are common to all places, and so only gross failure shows.
    assert np.mean((bands["low"] <= truth) & (truth <= bands["high"])) > 0.5
    loss = held_out.column("loss")
    assert np.mean((bands["low"] <= loss) & (loss <= bands["high"])) < 0.5
    # The law's own interval is about sqrt(13 / 446) of the noise's.
    width = np.median(np.log(bands["high"] / bands["low"])) / (2 * 1.598)
    assert 0.05 < width / 0.003 < 0.6


def test_beyond_is_the_largest_factor_and_its_variable(posterior: bl.Posterior) -> None:
    top = {name: posterior.runs.column(name).max() for name in ("N", "N_a", "D", "G")}
    least = {name: posterior.runs.column(name).min() for name in ("N", "D")}
    base = {"N": 1e9, "N_a": 2e8, "D": 2e10, "G": 8.0, "S": 0.2}
    places = pd.DataFrame(
        [
            base,
            {**base, "N": 2 * top["N"]},
            {**base, "D": least["D"] / 4},
            {**base, "N": 3 * top["N"], "D": 5 * top["D"]},
            {**base, "G": 40.0},
            {**base, **top},
        ]
    )
    bands = posterior.predict(places)
    assert bands["extrapolation_factor"].tolist() == pytest.approx([1, 2, 4, 5, 2, 1], rel=1e-12)
    assert bands["variable"].tolist() == ["", "N", "D", "D", "G", ""]


def test_configurations_in_any_form(posterior: bl.Posterior, tmp_path: Any) -> None:
    frame = pd.DataFrame(PLACES, dtype=float, index=["x", "y", "z"])
    bands = posterior.predict(frame)
    assert list(bands.index) == ["x", "y", "z"]
    table = posterior.predict(bl.read_runs(frame.assign(note="other columns are ignored")))
    pd.testing.assert_frame_equal(bands, table)
    pd.testing.assert_frame_equal(bands.reset_index(drop=True), posterior.predict(PLACES))
    one = posterior.predict({"N": 1e9, "N_a": [2e8, 3e8], "D": 2e10, "G": 8, "S": 0.1})
    assert len(one) == 2
    assert one["median"][0] == bands["median"]["x"]


def test_many_configurations_go_in_blocks(
    posterior: bl.Posterior, held_out: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = held_out.select(np.arange(2000) < 7)
    whole = posterior.predict(some)
    monkeypatch.setattr(
        importlib.import_module("bayeslaw.posterior.prediction"), "_CELLS", 3 * 4000
    )
    pd.testing.assert_frame_equal(posterior.predict(some), whole)


def test_the_seed_moves_observations_only(posterior: bl.Posterior) -> None:
    pd.testing.assert_frame_equal(posterior.predict(PLACES), posterior.predict(PLACES, seed=5))
    first = posterior.predict(PLACES, level="observation", seed=5)
    again = posterior.predict(PLACES, level="observation", seed=5)
    other = posterior.predict(PLACES, level="observation", seed=6)
    pd.testing.assert_frame_equal(first, again)
    assert not (first["median"] == other["median"]).any()


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], type[BayesLawError], list[str]]] = {
    "level": (
        {},
        {"level": "loss"},
        RequestError,
        ["unknown level 'loss'", "One of law, run, observation"],
    ),
    "missing": (
        {"G": None},
        {},
        TableError,
        ["a prediction of zhao2025 needs 'G'", "active experts per token"],
    ),
    "outside": ({"S": [1.0, 0, 0]}, {}, TableError, ["row 0", "S = 1", "[0, 1)"]),
    "ordered": ({"N_a": [2e9, 1.5e9, 1e8]}, {}, TableError, ["N_a", "above N"]),
    "unit": ({"N": [1, 30, 0.2], "N_a": [0.2, 1.5, 0.1]}, {}, TableError, ["N=1e9"]),
    "interval": ({}, {"ci_prob": 89}, RequestError, ["Between 0 and 1"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_requests(posterior: bl.Posterior, case: str) -> None:
    changed, options, kind, parts = WRONG[case]
    places = {name: v for name, v in {**PLACES, **changed}.items() if v is not None}
    with pytest.raises(kind) as caught:
        posterior.predict(places, **options)
    for part in parts:
        assert part in str(caught.value)


def test_no_configurations_no_predictions(posterior: bl.Posterior) -> None:
    none = posterior.runs.select(np.zeros(len(posterior.runs), dtype=bool))
    assert len(posterior.predict(none)) == 0


# --- likelihood -------------------------------------------------------------------------------


def test_log_likelihood_is_scipys_t(posterior: bl.Posterior) -> None:
    found = posterior.log_likelihood()
    assert found.shape == (4, 1000, 446)
    runs = posterior.runs
    centre = np.log(
        zhao2025(of_size(posterior.coefficients()), runs.columns(posterior.law.variables))
    )
    df, scale = (posterior.draws[name].reshape(-1, 1) for name in ("noise_df", "noise_scale"))
    expected = stats.t.logpdf(np.log(runs.column("loss")), df, centre, scale)
    # The residual is a difference of logarithms, 1e-16 against a scale of .003.
    np.testing.assert_allclose(found.reshape(4000, 446), expected, rtol=1e-9, atol=1e-9)


def test_log_likelihood_of_normal_noise(posterior: bl.Posterior) -> None:
    draws = {name: v[:, :20] for name, v in posterior.draws.items() if name != "noise_df"}
    few = {name: v[:, :20] for name, v in posterior.stats.items()}
    normal = replace(posterior, noise=Noise("normal"), draws=draws, stats=few)
    raw = of_size(normal.coefficients())
    centre = np.log(zhao2025(raw, normal.runs.columns(normal.law.variables)))
    seen = np.log(normal.runs.column("loss"))
    expected = stats.norm.logpdf(seen, centre, normal.draws["noise_scale"].reshape(-1, 1))
    np.testing.assert_allclose(
        normal.log_likelihood().reshape(80, 446), expected, rtol=1e-9, atol=1e-9
    )


# --- ArviZ ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(posterior: bl.Posterior) -> Any:
    return posterior.to_arviz()


def test_groups_and_dimensions(posterior: bl.Posterior, tree: Any) -> None:
    dims = {
        "posterior": ("chain", "draw"),
        "sample_stats": ("chain", "draw"),
        "observed_data": ("training_run",),
        "constant_data": ("training_run",),
        "prior": ("chain", "draw"),
        "posterior_at_reference": ("chain", "draw"),
        "prior_at_reference": ("chain", "draw"),
        "log_likelihood": ("chain", "draw", "training_run"),
    }
    assert set(tree.children) == set(dims)
    for group, expected in dims.items():
        for name, values in tree[group].dataset.data_vars.items():
            assert values.dims == expected, (group, name)
    assert dict(tree["posterior"].sizes) == {"chain": 4, "draw": 1000}
    assert tree["constant_data"].sizes["training_run"] == 446
    # Raw published coefficients, and apart from them the values that their priors are stated on.
    assert set(tree["posterior"].data_vars) == {*LETTERS, "noise_scale", "noise_df"}
    assert {"a_on", "n_on", "T"} <= set(tree["posterior_at_reference"].data_vars)
    for group in ("posterior", "posterior_at_reference"):
        prior = tree[group.replace("posterior", "prior")]
        assert set(prior.data_vars) == set(tree[group].data_vars)
    assert {"diverging", "energy", "lp", "n_steps"} <= set(tree["sample_stats"].data_vars)
    np.testing.assert_array_equal(
        tree["observed_data"]["ln_loss"], np.log(posterior.runs.column("loss"))
    )
    np.testing.assert_array_equal(tree["constant_data"]["N"], posterior.runs.column("N"))
    np.testing.assert_array_equal(tree["constant_data"]["training_run"], posterior.runs.table.index)


def test_arviz_understands_it(tree: Any) -> None:
    loo = az.loo(tree)
    # With the right law and scale .003: -446 ln(.003 sqrt(2 pi e)) = 1957, sd sqrt(446 / 2).
    assert loo.elpd == pytest.approx(1957, abs=4 * (446 / 2) ** 0.5)
    # As many effective parameters as the law and its noise have, at most.
    assert 5 < loo.p < 15
    assert (loo.pareto_k < 0.7).all()
    assert float(az.ess(tree)["alpha"]) > 400
    assert float(az.rhat(tree, group="posterior_at_reference")["T"]) < 1.01
    summary = az.summary(tree, round_to="none")
    assert set(summary.index) == {*LETTERS, "noise_scale", "noise_df"}
    draws = tree["posterior"]["alpha"].to_numpy()
    assert float(summary.loc["alpha", "mean"]) == pytest.approx(draws.mean(), rel=1e-12)


@pytest.mark.parametrize("plot", ["plot_dist", "plot_forest", "plot_trace", "plot_prior_posterior"])
def test_arviz_draws_it(tree: Any, plot: str) -> None:
    import matplotlib.pyplot as plt

    getattr(az, plot)(tree, var_names=["alpha", "beta"])
    figure = plt.gcf()
    assert any(axes.lines or axes.collections for axes in figure.axes)
    plt.close("all")


def test_large_log_likelihoods_are_left_out(
    posterior: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = importlib.import_module("bayeslaw.posterior.storage")
    cells = 4 * 1000 * 446
    assert storage.LARGEST_STORED == 10_000_000
    monkeypatch.setattr(storage, "LARGEST_STORED", cells)
    assert "log_likelihood" in posterior.to_arviz().children
    monkeypatch.setattr(storage, "LARGEST_STORED", cells - 1)
    assert "log_likelihood" not in posterior.to_arviz().children
    assert posterior.log_likelihood().size == cells


# --- notes ------------------------------------------------------------------------------------


def test_notes_are_added_to_a_new_posterior(posterior: bl.Posterior) -> None:
    before = posterior.notes
    note = bl.Note("mine", "warning", "a remark", "a remedy")
    more = posterior.with_notes(note)
    assert more.notes == (*before, note)
    assert posterior.notes == before
    assert more.draws is posterior.draws


def test_convergence_is_of_everything_drawn(posterior: bl.Posterior) -> None:
    found = posterior.convergence
    assert set(found.rhat) == set(found.ess_bulk) == set(found.ess_tail) == set(posterior.draws)
    assert found.divergences == posterior.stats["diverging"].sum() == 0
    assert found.trusted
    assert {note.severity for note in posterior.notes} <= {"info"}


def test_one_chain_is_called_one_chain(posterior: bl.Posterior) -> None:
    from bayeslaw.posterior.convergence import Convergence

    draws, energy = posterior.draws["alpha"][:1], posterior.stats["energy"][:1]
    stats = {"energy": energy, "diverging": np.zeros(energy.shape, dtype=bool)}
    (note,) = Convergence.of({"alpha": draws}, stats).notes()
    assert note.severity == "error"
    assert "one chain" in note.message
    assert "chains=" in note.remedy


def test_intervals_do_not_change_the_draws(posterior: bl.Posterior) -> None:
    before = {name: values.copy() for name, values in posterior.draws.items()}
    posterior.to_frame()
    posterior.predict(PLACES, level="observation")
    interval(posterior.draws["alpha"].ravel())
    for name, values in posterior.draws.items():
        np.testing.assert_array_equal(values, before[name])
