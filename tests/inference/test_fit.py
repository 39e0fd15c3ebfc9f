"""Fitting: the posterior that NumPyro finds by itself, again from the same seed, and quietly."""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from numpyro.infer import MCMC, NUTS

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.inference.density import Density
from bayeslaw.inference.mode import value_and_gradient
from bayeslaw.runs import read_runs

# `bayeslaw.inference.fit` is the function: the modules behind it go by their full names.
MODE: Any = importlib.import_module("bayeslaw.inference.mode")
FIT: Any = importlib.import_module("bayeslaw.inference.fit")
DRAWN: Any = importlib.import_module("bayeslaw.inference.sampling")
SAMPLER: Any = importlib.import_module("bayeslaw.inference.nuts")
AXES = {"chain_axis": 0, "draw_axis": 1}


@pytest.fixture(scope="module")
def table() -> bl.Runs:
    """Runs with a posterior that plain NUTS finds too, if slowly."""
    return bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)


@pytest.fixture(scope="module")
def fitted(table: bl.Runs) -> bl.Posterior:
    return bl.fit(table, "chinchilla", seed=1, draws=4000)


def short(runs: bl.Runs, **options: Any) -> bl.Posterior:
    """A fit by the code that is compiled already; its notes say that it is short."""
    return bl.fit(runs, "chinchilla", **{"seed": 1, "draws": 100, **options})


def codes(posterior: bl.Posterior) -> set[str]:
    return {note.code for note in posterior.notes}


# --- the posterior ---------------------------------------------------------------------------


def test_the_posterior_is_the_one_that_numpyro_finds(table: bl.Runs, fitted: bl.Posterior) -> None:
    with jax.enable_x64(True):
        plain = MCMC(
            NUTS(bl.numpyro_model(table, "chinchilla"), dense_mass=True, target_accept_prob=0.9),
            num_warmup=1000,
            num_samples=20_000,
            progress_bar=False,
        )
        plain.run(jax.random.key(5))
        theirs = {n: np.asarray(v) for n, v in plain.get_samples(group_by_chain=True).items()}
    assert set(theirs) == set(fitted.draws) - {"T"}
    for name, values in theirs.items():
        ours = fitted.draws[name]
        for p in (0.055, 0.25, 0.5, 0.75, 0.945):
            error = np.hypot(
                *(array_stats.mcse(x, method="quantile", prob=p, **AXES) for x in (ours, values))
            )
            # 7 quantities at 5 quantiles. Over 20 seeds the spread of ours is up to 1.3 times what
            # ArviZ says it is, so five of its standard errors are about four: once in 450 pairs
            # of seeds.
            z = (np.quantile(ours, p) - np.quantile(values, p)) / error
            assert abs(z) < 5, (name, p, z)
            # And the comparison is sharp: a tenth of a posterior sd shows in a median, less than
            # half of one in the longest tail, that of the degrees of freedom.
            assert error < (0.02 if p == 0.5 else 0.08) * ours.std(), (name, p)


def test_446_runs_find_the_coefficients_they_were_made_from(posterior: bl.Posterior) -> None:
    assert posterior.convergence.trusted
    assert codes(posterior) == {"simulated"}
    published = posterior.law.published()
    for name, value in published.items():
        draws = posterior.draws[name]
        assert abs(draws.mean() - value) < 4 * draws.std(), name
    # The sds of G* and S* at noise .003, .07 and .009 in statistics.md, vary from table to table:
    # .065 to .084 and .008 to .012 over 24 seeds.
    assert 0.05 < np.sqrt(posterior.draws["f_on"]).std() < 0.1
    assert 0.006 < posterior.draws["n_on"].std() < 0.015
    # T, the law at the reference run, is known less well than a mean of 446 runs, and by a small
    # factor only, though no single term is known to a percent.
    total = posterior.draws["T"]
    truth = float(posterior.law.predict(**posterior.reference.at))
    assert abs(total.mean() - truth) < 4 * total.std()
    assert 1 < total.std() / (truth * 0.003 / np.sqrt(446)) < 4
    assert posterior.draws["epsilon"].std() > 10 * total.std()


def test_draws_agree_with_each_other(posterior: bl.Posterior) -> None:
    """Raw coefficients, prior coordinates and T are three ways of saying the same."""
    law, at, scale = posterior.law, posterior.reference.at, posterior.reference.loss
    raw = {name: posterior.draws[name] for name in law.parameters}
    for name, values in law.form.to_on(raw, at, scale).items():
        said = posterior.draws.get(f"{name}_on", posterior.draws[name])
        np.testing.assert_allclose(values, said, rtol=1e-8)
    np.testing.assert_allclose(law.form.predict(at, raw), posterior.draws["T"], rtol=1e-9)
    shape = (4, 1000)
    assert {values.shape for values in posterior.draws.values()} == {shape}
    assert {values.shape for values in posterior.stats.values()} == {shape}
    assert len(np.unique(posterior.draws["alpha"])) > 3900


def test_chains_go_their_own_ways(posterior: bl.Posterior) -> None:
    for name in posterior.law.parameters:
        between = np.corrcoef(posterior.draws[name])[np.triu_indices(4, 1)]
        # Correlations of independent series of 1,000 draws have sd .03, and about .05 where draws
        # remember the one before; 72 pairs.
        assert abs(between).max() < 0.25, name


def test_lp_is_the_density_that_was_sampled(table: bl.Runs, fitted: bl.Posterior) -> None:
    model, data = fitted.specification.build(table)
    density = Density(model)
    for chain, draw in ((0, 0), (1, 17), (3, 3999)):
        on = {
            name: fitted.draws[model.site(name)][chain, draw]
            for name in fitted.specification.priors
        }
        with jax.enable_x64(True):
            value, _ = value_and_gradient(density, density.locate(on, data), data)
        assert fitted.stats["lp"][chain, draw] == pytest.approx(-float(value), rel=1e-9)


# --- seeds, precision, compilation -----------------------------------------------------------


def test_the_same_seed_gives_the_same_draws(table: bl.Runs, fitted: bl.Posterior) -> None:
    first, again, other = short(table), short(table), short(table, seed=2)
    for name in fitted.draws:
        assert (first.draws[name] == again.draws[name]).all()
        assert not np.isin(first.draws[name], other.draws[name]).any()
    # The chains of one fit differ as well.
    chains = [set(chain) for chain in first.draws["alpha"]]
    assert not set.intersection(*chains)
    assert sum(map(len, chains)) == len(set.union(*chains))


def test_the_callers_jax_settings_stay_as_they_are(table: bl.Runs, fitted: bl.Posterior) -> None:
    # Fits have been made in this process already: what they left would show here.
    assert not jax.config.jax_enable_x64
    assert jax.config.jax_compilation_cache_dir == os.environ.get("JAX_COMPILATION_CACHE_DIR")
    before = dict(jax.config.values)
    single = short(table)
    assert dict(jax.config.values) == before
    assert jnp.ones(1).dtype == jnp.float32
    with jax.enable_x64(True):
        double = short(table)
        assert jnp.ones(1).dtype == jnp.float64
    for posterior in (fitted, single):
        assert all(type(values) is np.ndarray for values in posterior.draws.values())
        assert all(values.dtype == np.float64 for values in posterior.draws.values())
        assert all(type(values) is np.ndarray for values in posterior.stats.values())
    # Whoever works in double precision gets the very same.
    for name in single.draws:
        assert (single.draws[name] == double.draws[name]).all()


@contextlib.contextmanager
def compilations() -> Iterator[list[str]]:
    """Every program that JAX compiles, or fetches from a cache on disk, in any thread."""
    found: list[str] = []

    def note(event: str, duration: float, **about: Any) -> None:
        if "compil" in event or "trace" in event:
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def test_a_second_table_of_the_same_shape_compiles_nothing(fitted: bl.Posterior) -> None:
    other = bl.simulate("chinchilla", rows=60, noise_sd=0.03, seed=4)
    law = bl.law("chinchilla").with_priors(
        alpha={"family": "lognormal", "median": 0.4, "factor": 1.5}
    )
    reference = bl.ReferenceRun(2.0, {"N": 1e9, "D": 1e10})
    jitted = (MODE._slopes, MODE._descents, SAMPLER._begin, SAMPLER._advance)
    sizes = [function._cache_size() for function in jitted]
    with compilations() as found:
        bl.fit(other, law, seed=3, draws=200, reference=reference)
    assert found == []
    assert [function._cache_size() for function in jitted] == sizes
    with compilations() as found:
        jax.jit(lambda x: x * 3.25)(1.0)
    assert found


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 150}, r"fit: draws = 150\. Give a multiple of 100"),
        ({"draws": 0}, r"fit: draws = 0\. Give a multiple of 100"),
        ({"draws": -100}, r"fit: draws = -100\. Give a multiple of 100"),
        ({"warmup": 50}, r"fit: warmup = 50\. Give a multiple of 100"),
        ({"chains": 0}, r"fit: chains = 0\. Give a whole number from 1 on"),
        ({"chains": 2.0}, r"fit: chains = 2\.0\. Give a whole number"),
        ({"draws": "100"}, r"fit: draws = '100'\. Give a whole number"),
        ({"seed": -1}, r"fit: seed = -1\. Give a whole number from 0 on"),
        ({"seed": 1.5}, r"fit: seed = 1\.5\. Give a whole number from 0 on"),
        ({"noise": "student"}, r"unknown noise 'student'\. Did you mean 'student_t'\?"),
        ({"law": "chincilla"}, r"unknown law 'chincilla'\. Did you mean 'chinchilla'\?"),
        (
            {"reference": bl.ReferenceRun(3.0, {"N": 1e9})},
            r"fit: the reference run has no D\. ReferenceRun\.of\(runs, \['N', 'D'\]\)",
        ),
        (
            {"reference": bl.ReferenceRun(3.0, {"N": 1e9, "D": float("nan")})},
            r"fit: the reference run has D = nan\. ReferenceRun\.of\(runs, \['N', 'D'\]\)",
        ),
    ],
)
def test_options_that_do_not_fit_are_named(
    table: bl.Runs, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        bl.fit(table, **{"law": "chinchilla", **options})


def test_a_table_without_the_laws_columns_is_refused(table: bl.Runs) -> None:
    with pytest.raises(TableError, match=r"the law 'zhao2025' needs 'N_a', 'G', 'S', which the"):
        bl.fit(table, "zhao2025")
    renamed = read_runs(table.table.rename(columns={"D": "tokens"}))
    with pytest.raises(TableError, match=r"needs 'D'.*columns=\{\"D\": \"tokens\"\}"):
        bl.fit(renamed, "chinchilla")
    without = read_runs(table.table.drop(columns="loss"))
    with pytest.raises(TableError, match=r"needs 'loss'"):
        bl.fit(without, "chinchilla")


# --- progress and interrupts -----------------------------------------------------------------


def reporting(monkeypatch: pytest.MonkeyPatch, report: Callable[[int], None]) -> None:
    @contextlib.contextmanager
    def bar(*_: Any) -> Iterator[Callable[[int], None]]:
        yield report

    monkeypatch.setattr(FIT, "bar", bar)


def test_progress_counts_the_iterations_of_all_chains(
    table: bl.Runs, fitted: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    reporting(monkeypatch, seen.append)
    bl.fit(table, "chinchilla", seed=1, draws=1000)
    assert seen == sorted(seen)
    assert seen[-1] == 4 * (400 + 1000)


def test_progress_is_shown_beside_the_output_not_in_it(
    table: bl.Runs,
    fitted: bl.Posterior,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the error stream for a terminal
    short(table, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "fitting chinchilla" in shown.err
    monkeypatch.delenv("FORCE_COLOR")
    short(table)
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_ends_the_chains_and_leaves_nothing(
    table: bl.Runs,
    fitted: bl.Posterior,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    threads, advance = threading.active_count(), SAMPLER._advance
    chunks: list[int] = []

    def counting(*args: Any, **options: Any) -> Any:
        chunks.append(1)
        return advance(*args, **options)

    before: list[int] = []

    def interrupt(done: int) -> None:
        before.append(len(chunks))
        raise KeyboardInterrupt

    monkeypatch.setattr(SAMPLER, "_advance", counting)
    reporting(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bl.fit(table, "chinchilla", seed=1, draws=40_000)
    # Four chains of 404 chunks were asked for. Each may finish the one it is in, and one whose
    # turn had not come sees the stop before its first.
    assert len(before) == 1
    assert len(chunks) <= before[0] + 4
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []


# --- attempts --------------------------------------------------------------------------------


def diverging(monkeypatch: pytest.MonkeyPatch, attempts: int) -> list[float]:
    """Have the first attempts report a divergence each."""
    real, targets = DRAWN.nuts, list[float]()

    def sample(*args: Any, target_accept: float, **options: Any) -> Any:
        found = real(*args, target_accept=target_accept, **options)
        targets.append(target_accept)
        found.stats["diverging"] = np.zeros(found.stats["diverging"].shape, dtype=bool)
        found.stats["diverging"][0, 0] = len(targets) <= attempts
        return found

    monkeypatch.setattr(DRAWN, "nuts", sample)
    return targets


@pytest.mark.parametrize(
    ("failures", "targets", "expected"),
    [
        (0, [0.8], {"simulated"}),
        (1, [0.8, 0.99], {"simulated", "second_attempt"}),
        (2, [0.8, 0.99], {"simulated", "divergences"}),
    ],
)
def test_a_divergence_is_tried_once_more_before_it_is_reported(
    table: bl.Runs,
    fitted: bl.Posterior,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
    targets: list[float],
    expected: set[str],
) -> None:
    tried = diverging(monkeypatch, failures)
    posterior = bl.fit(table, "chinchilla", seed=1)
    assert tried == targets
    assert posterior.info.attempts == len(targets)
    assert posterior.info.target_accept == targets[-1]
    # Chains that mix have draws enough.
    assert posterior.info.thin == 1
    assert codes(posterior) == expected
    severities = {note.code: note.severity for note in posterior.notes}
    assert severities.get("divergences", "error") == "error"
    assert severities.get("second_attempt", "info") == "info"


def test_chains_that_do_not_mix_are_thinned_in_the_second_attempt(
    table: bl.Runs, fitted: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, thinned = DRAWN.nuts, list[int]()

    def sample(*args: Any, thin: int, **options: Any) -> Any:
        found = real(*args, thin=thin, **options)
        if not thinned:
            # Chains that drift from one end of the posterior to the other.
            found.z.sort(axis=1)
        thinned.append(thin)
        return found

    monkeypatch.setattr(DRAWN, "nuts", sample)
    posterior = bl.fit(table, "chinchilla", seed=1)
    assert thinned == [1, 4]
    (note,) = [note for note in posterior.notes if note.code == "second_attempt"]
    assert "whitened by the first, and one in 4 kept, pass" in note.message


def test_a_short_fit_says_that_it_is_short(table: bl.Runs, fitted: bl.Posterior) -> None:
    posterior = short(table)
    # Of the bulk NUTS may have more effective draws than draws; of the tails hardly.
    assert "ess_tail" in codes(posterior)
    assert not posterior.convergence.trusted
    assert posterior.info.settings.draws == 100


# --- what the design says --------------------------------------------------------------------


def test_a_variable_that_never_varies_leaves_its_coefficients_to_the_prior(
    runs: bl.Runs, posterior: bl.Posterior
) -> None:
    design = {**runs.columns(posterior.law.variables), "S": np.zeros(len(runs))}
    flat = bl.fit(bl.simulate("zhao2025", design=design, seed=7), "zhao2025", seed=1)
    (note,) = (note for note in flat.notes if note.code == "prior_only")
    assert note.severity == "warning"
    assert note.message.startswith("S never varied in simulated")
    assert "optima over it, are identified by the prior only; prior only: m, n" in note.message
    assert "vary S, or" in note.remedy
    informed = flat.to_frame()["informed_by"]
    assert {name for name in informed.index if informed[name] == "prior only"} == {"m", "n"}
    # The curvature and the optimum in S have their priors' own distribution: mean and sd within
    # four standard errors, from the effective number of draws.
    for name, centre, scale in (("m_on", np.log(0.01), np.log(3)), ("n_on", 0.3, 0.3)):
        values = np.log(flat.draws[name]) if name == "m_on" else flat.draws[name]
        error = scale / np.sqrt(array_stats.ess(values, method="mean", **AXES))
        assert abs(values.mean() - centre) < 4 * error
        error = scale / np.sqrt(2 * array_stats.ess(values, method="sd", **AXES))
        assert abs(values.std() - scale) < 4 * error
    assert (posterior.to_frame()["informed_by"] == "runs").all()


@pytest.mark.parametrize("constant", ["N", "D"])
def test_a_constant_variable_is_no_reason_for_divergences(
    table: bl.Runs, fitted: bl.Posterior, constant: str
) -> None:
    # The term of a constant variable trades against the floor over the whole of their priors, at
    # a total that the runs fix.
    design = {**table.columns(["N", "D"]), constant: np.full(60, 1e10)}
    flat = bl.simulate("chinchilla", design=design, noise_sd=0.01, seed=3)
    assert "divergences" not in codes(bl.fit(flat, "chinchilla", seed=1))


def test_of_a_thinned_chain_every_divergence_and_step_still_counts() -> None:
    iterations = np.arange(100)
    out = [
        np.stack([iterations, -iterations], axis=1).astype(float),  # x
        iterations == 41,  # diverging
        iterations * 1.0,  # energy
        iterations * 1.0,  # lp
        np.full(100, 7),  # steps
        iterations * 1.0,  # acceptance
        np.full(100, 0.3),  # step size
    ]
    x, diverging, energy, lp, steps, acceptance, size = SAMPLER._thinned(out, 4)
    assert x[:, 0].tolist() == list(range(3, 100, 4))
    assert energy.tolist() == lp.tolist() == acceptance.tolist() == x[:, 0].tolist()
    assert np.flatnonzero(diverging).tolist() == [10]
    assert steps.tolist() == [28] * 25
    assert size.tolist() == [0.3] * 25
    assert SAMPLER._thinned(out, 1) is out


def test_a_fit_too_short_to_be_trusted_is_not_drawn_twice() -> None:
    """400 draws have hardly more than 400 effective ones in the tails, however they are drawn."""
    runs = bl.simulate("chinchilla", rows=60, noise_sd=0.002, seed=3)
    posterior = bl.fit(runs, "chinchilla", draws=100, warmup=100, seed=1)
    assert posterior.info.attempts == 1
    assert not posterior.convergence.trusted


# --- what a fit cannot see ---------------------------------------------------------------------


def runs_of_two_modes() -> bl.Runs:
    """With D = 20 N two power laws that change places predict the same losses."""
    size = np.geomspace(1e8, 1e11, 60)
    away = size / 3e9
    clean = 1.7 + 0.5 * away**-0.15 + 0.2 * away**-0.6
    loss = clean * np.exp(0.001 * np.random.default_rng(0).standard_normal(60))
    return read_runs(pd.DataFrame({"N": size, "D": 20 * size, "loss": loss}))


def test_a_second_mode_is_told() -> None:
    runs = runs_of_two_modes()
    for method in ("nuts", "laplace"):
        found = short(runs, method=method, draws=100 if method == "nuts" else 1000)
        told = {note.code: note for note in found.notes}["several_modes"]
        assert "0.0 nats below the best, with about 50% of the mass" in told.message
        # Chains stay where they start; draws of the approximations at both modes are of both.
        steeper = np.mean(found.draws["alpha"] > found.draws["beta"])
        if method == "laplace":
            assert told.severity == "warning"
            assert found.trusted
            assert 0.3 < steeper < 0.7
        else:
            assert told.severity == "error"
            assert not found.trusted
            assert steeper in (0, 1)
    # The same runs with sizes and tokens apart have one.
    assert "several_modes" not in codes(short(bl.simulate("chinchilla", rows=60, seed=3)))


def test_a_second_mode_that_the_chains_reach_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    sampling: Any = importlib.import_module("bayeslaw.inference.sampling")

    def of_both(target: Any, mode: Any, settings: Any, *_: Any) -> Any:
        drawn = sampling._laplace(target, mode, settings, 1)
        return replace(drawn, info=replace(drawn.info, method="nuts"))

    monkeypatch.setattr(sampling, "_nuts", of_both)
    assert "several_modes" not in codes(short(runs_of_two_modes(), draws=1000))


def test_where_there_is_no_posterior_the_prior_is_drawn_and_an_error_noted(
    table: bl.Runs,
) -> None:
    steep = {"family": "lognormal", "median": 1e5, "factor": 1.1}
    law = bl.law("chinchilla").with_priors(alpha=steep)
    for method in ("nuts", "laplace", "mode"):
        found = bl.fit(table, law, method=method, seed=1)
        told = {note.code: note for note in found.notes}["no_finite_start"]
        assert told.severity == "error"
        assert "finite at none of 60 starting points: these are draws of the prior" in told.message
        assert not found.trusted
        ours = np.log(found.draws["alpha"].ravel())
        error = np.log(1.1) / np.sqrt(ours.size)
        assert ours.mean() == pytest.approx(np.log(1e5), abs=4 * error)


def test_a_chain_that_fails_is_told_and_the_others_are_kept(
    table: bl.Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, calls = SAMPLER._begin, []

    def failing(*args: Any, **options: Any) -> Any:
        calls.append(0)
        if len(calls) == 2:
            raise FloatingPointError("out of range")
        return begin(*args, **options)

    monkeypatch.setattr(SAMPLER, "_begin", failing)
    found = short(table, chains=4)
    told = {note.code: note for note in found.notes}["failed_chain"]
    assert told.severity == "error"
    assert told.message.startswith("1 of 4 chains failed (FloatingPointError: out of range)")
    assert found.draws["E"].shape == (3, 100)
