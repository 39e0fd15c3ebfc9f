"""The evidence: against exact integrals, against importance sampling, and against Savage-Dickey."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli.app import app
from bayeslaw.comparison.bayes_factors import is_nested, move_priors
from bayeslaw.core.errors import RequestError
from bayeslaw.inference.density import DEEPEST, Density
from bayeslaw.model.specification import Specification

FACTORS: Any = importlib.import_module("bayeslaw.comparison.bayes_factors")
FIT: dict[str, Any] = {"seed": 1, "progress": False}
BLIND = bl.Law.from_formula("E + A*N**-alpha", variables=["N"], name="blind to data")


@pytest.fixture(scope="module")
def dense() -> bl.Posterior:
    return bl.fit(bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3), "chinchilla", **FIT)


@pytest.fixture(scope="module")
def moe() -> bl.Posterior:
    return bl.fit(bl.simulate("zhao2025", rows=100, noise_sd=0.01, seed=3), "zhao2025", **FIT)


@pytest.fixture(scope="module")
def without(moe: bl.Posterior) -> bl.Posterior:
    law = moe.law.constrain("k = 0")
    return bl.fit(moe.runs, law, reference=moe.reference, **FIT)


# --- the evidence of a law -------------------------------------------------------------------


def normalised(posterior: bl.Posterior) -> tuple[Any, np.ndarray]:
    """Log prior times likelihood by NumPyro's own distributions, and where it was drawn."""
    import jax
    from jax import numpy as jnp
    from numpyro import handlers

    model, data = posterior.specification.build(posterior.runs)
    density = Density(model)

    def plain(z: Any) -> Any:
        """In the coordinates of the priors: a change of variables that shares no code."""
        values = {
            model.site(name): data.priors[name][2] + jnp.exp(x) if family == "lognormal" else x
            for (name, family), x in zip(model.families, z, strict=True)
        }
        trace = handlers.trace(handlers.substitute(model, values)).get_trace(data)
        total = sum(
            site["fn"].log_prob(site["value"]).sum()
            for site in trace.values()
            if site["type"] == "sample"
        )
        for (_, family), x in zip(model.families, z, strict=True):
            total = total + (x if family == "lognormal" else 0.0)
        return total

    return jax.jit(jax.vmap(plain)), np.stack(
        [
            np.log(posterior.draws[model.site(name)] - data.priors[name][2])
            if family == "lognormal"
            else posterior.draws[model.site(name)]
            for name, family in density.model.families
        ],
        axis=-1,
    )


@pytest.mark.parametrize("name", ["dense", "moe"])
def test_importance_sampling_of_the_numpyro_model_agrees(
    name: str, request: pytest.FixtureRequest
) -> None:
    """The proposal a wide t about the draws, the floor as itself: neither T nor a bridge."""
    import jax

    posterior = request.getfixturevalue(name)
    found = bl.evidence(posterior)
    rng = np.random.default_rng(6)
    with jax.enable_x64(True):
        log_density, z = normalised(posterior)
        flat = z.reshape(-1, z.shape[-1])
        proposal = stats.multivariate_t(flat.mean(axis=0), 1.2 * np.cov(flat.T), df=7, seed=rng)
        points = proposal.rvs(40_000)
        logs = np.asarray(log_density(points)) - proposal.logpdf(points)
    # Without what keeps the sampler's density defined, a point far out may have none.
    undefined = np.isnan(logs)
    assert undefined.mean() < 0.01
    logs[undefined] = -np.inf
    weights = np.exp(logs - logs.max())
    estimate = np.log(weights.mean()) + logs.max()
    error = weights.std() / weights.mean() / np.sqrt(len(weights))
    assert found.mcse < 0.05
    assert error < 0.1
    assert abs(found.log_evidence - estimate) < 3.5 * np.hypot(found.mcse, error)
    assert found.below == 0
    assert found.notes == ()


def test_draws_return_to_where_they_were_sampled(moe: bl.Posterior) -> None:
    model, data = moe.specification.build(moe.runs)
    density = Density(model)
    z = density.recover(moe.draws, data)
    assert z.shape == (4, 1000, 14)
    for name, values in density.constrain(z, data).items():
        np.testing.assert_allclose(values, moe.draws[name], rtol=1e-8)


@pytest.mark.parametrize("factor", [1.2, 1.5, 4.0, 20.0])
def test_the_prior_is_a_distribution_where_its_floor_is_replaced(factor: float) -> None:
    """With no information in the runs, prior times constant integrates to 1."""
    import jax

    prior = {"family": "lognormal", "median": 0.6, "factor": factor}
    law = bl.law("chinchilla").with_priors(E=prior)
    runs = bl.simulate("chinchilla", rows=10, seed=1)
    noise = bl.fit(runs, law, method="mode", noise="normal", **FIT).noise
    model, data = Specification(law, bl.ReferenceRun.of(runs, law.variables), noise).build(runs)
    density = Density(model)
    floor = model.sampled.index("E")
    z = np.array(data.numbers[:, 0])
    # All others at their medians; at such a scale the likelihood is flat, and known.
    z[model.sampled.index("noise_scale")] = 30.0
    others = 0.2
    edge = 0.6 * factor**-DEEPEST
    log_share = np.linspace(np.log(edge), np.log(0.6) + 9 * np.log(factor), 20_001)
    scale = np.log(factor)
    decay = edge / max(DEEPEST / scale - 1, 1)
    line = np.linspace(edge - 40 * decay, edge, 20_001)
    with jax.enable_x64(True):
        evaluate = jax.jit(
            jax.vmap(lambda t: density.potential(jax.numpy.array(z).at[floor].set(t), data))
        )
        above = -np.asarray(evaluate(others + np.exp(log_share)))
        below = -np.asarray(evaluate(others + line))
    away = (z - data.numbers[:, 0]) / data.numbers[:, 1]
    rest = (
        -0.5 * np.delete(away**2, floor).sum() - np.delete(np.log(data.numbers[:, 1]), floor).sum()
    )
    rest -= 0.5 * np.log(2 * np.pi) * (len(z) - 1)
    likelihood = stats.norm.logpdf(0.0, 0.0, np.exp(30.0)) * len(runs)
    left = -density.constant(data) - rest - likelihood
    mass = np.trapezoid(np.exp(above + left + log_share), log_share)
    mass += np.trapezoid(np.exp(below + left), line)
    assert mass == pytest.approx(1.0, abs=1e-6)


def test_what_has_no_chains_is_refused(dense: bl.Posterior) -> None:
    approximate = bl.fit(dense.runs, "chinchilla", method="laplace", **FIT)
    with pytest.raises(RequestError, match="the fit is by 'laplace'"):
        bl.evidence(approximate)
    posterior: Any = {}
    with pytest.raises(RequestError, match="posterior is a dict"):
        bl.evidence(posterior)


# --- one parameter ---------------------------------------------------------------------------


def test_savage_dickey_agrees_with_the_bridge(moe: bl.Posterior, without: bl.Posterior) -> None:
    free, fixed = bl.evidence(moe), bl.evidence(without)
    found = bl.savage_dickey(moe, "k", 0.0)
    error = np.sqrt(free.mcse**2 + fixed.mcse**2 + found.mcse**2)
    assert error < 0.1
    assert abs(fixed.log_evidence - free.log_evidence - found.log_bayes_factor) < 3.5 * error
    # By hand: the normal that the draws suggest, over the prior.
    draws = moe.draws["k_on"].ravel()
    near = stats.norm.logpdf(0, draws.mean(), draws.std()) - stats.norm.logpdf(0, 0, 0.1)
    assert found.log_bayes_factor == pytest.approx(near, abs=0.15)


def test_what_savage_dickey_cannot_fix_is_refused(moe: bl.Posterior) -> None:
    with pytest.raises(RequestError, match="has no parameter 'q'"):
        bl.savage_dickey(moe, "q", 0)
    with pytest.raises(RequestError, match="is the floor"):
        bl.savage_dickey(moe, "epsilon", 1.8)
    with pytest.raises(RequestError, match="at or beyond the end of its prior"):
        bl.savage_dickey(moe, "h", 0)
    # Its prior is stated on k * (N/N_a)**alpha, which follows alpha unless k is zero.
    with pytest.raises(RequestError, match="still varies with other parameters"):
        bl.savage_dickey(moe, "k", 0.01)


def test_a_wider_prior_costs_only_where_the_runs_speak(dense: bl.Posterior) -> None:
    """Of a parameter that no run informs the prior integrates to 1 however wide it is."""
    text = "E + A/N**alpha + B/D**beta + q*ln(N/N)"
    usual = {
        name: {"family": p.prior.family, "median": p.prior.location, "factor": p.prior.spread}
        for name, p in dense.law.parameters.items()
    }
    options = {**FIT, "reference": dense.reference}

    def log_evidence(sd: float, factor: float) -> float:
        priors = {
            **usual,
            "q": {"family": "normal", "mean": 0, "sd": sd},
            "alpha": {"family": "lognormal", "median": 0.25, "factor": factor},
        }
        stated = {"E": "E / loss", "A": "A/N**alpha / loss", "B": "B/D**beta / loss"}
        for name, on in stated.items():
            priors[name] = {**priors[name], "on": on}
        law = bl.Law.from_formula(text, variables=["N", "D"], priors=priors)
        return bl.evidence(bl.fit(dense.runs, law, **options)).log_evidence

    known = bl.evidence(dense).log_evidence
    narrow, wide = log_evidence(0.1, 2), log_evidence(10, 2)
    assert narrow == pytest.approx(known, abs=0.03)
    assert wide == pytest.approx(known, abs=0.03)
    # Of one that they do inform, most of a wide prior is wasted: a factor of 2 against 2^8.
    alpha = np.log(np.median(dense.draws["alpha"]) / 0.25)
    expected = stats.norm.logpdf(alpha, 0, 8 * np.log(2)) - stats.norm.logpdf(alpha, 0, np.log(2))
    assert expected < -1.5
    assert log_evidence(0.1, 256) - narrow == pytest.approx(expected, abs=0.15)


# --- comparing by evidence -------------------------------------------------------------------


def test_nesting_is_found_by_doing_it_again() -> None:
    law = bl.law("zhao2025")
    part = law.constrain("k = 0")
    assert is_nested(law, part)
    assert not is_nested(part, law)
    assert not is_nested(law, law)
    assert is_nested(law, part.constrain("beta = 2*alpha"))
    assert is_nested(part, part.constrain("beta = 2*alpha"))
    assert not is_nested(bl.law("chinchilla"), part)
    # Another prior on what they share, or the right name and no more, and it is another law.
    other = {"family": "lognormal", "median": 0.3, "factor": 2}
    assert not is_nested(law.with_priors(beta=other), part)
    assert not is_nested(law, part.with_priors(beta=other))
    card = {**bl.law("chinchilla").card, "name": "zhao2025 (k = 0)"}
    assert not is_nested(law, bl.Law({**card, "constraints": ["k = 0"]}))


def test_priors_widen_about_their_medians() -> None:
    law = bl.law("zhao2025")
    wide = move_priors(law, times=2.0)
    for name, entry in law.parameters.items():
        before, after = entry.prior, wide.parameters[name].prior
        assert after.median == before.median
        assert after.numbers[1] == pytest.approx(2 * before.numbers[1])
        assert wide.parameters[name].on == entry.on


@pytest.fixture(scope="module")
def compared(dense: bl.Posterior) -> bl.Comparison:
    laws = {"full": dense.law, "tied": dense.law.constrain("beta = alpha"), "blind": BLIND}
    # With some seeds a draw of the wrong law diverges, which its evidence hardly notices.
    return bl.compare(dense.runs, laws, cuts=(), evidence=True, chains=2, force=True, **FIT)


def test_laws_are_compared_by_evidence(dense: bl.Posterior, compared: bl.Comparison) -> None:
    table = compared.frame
    best = table["log_evidence"].idxmax()
    assert table.loc[best, "log_bayes_factor"] == 0
    assert table.loc["full", "log_evidence"] == pytest.approx(
        bl.evidence(dense).log_evidence, abs=0.05
    )
    difference = table["log_evidence"] - table.loc[best, "log_evidence"]
    np.testing.assert_allclose(table["log_bayes_factor"], difference)
    shared = table.loc[["full", "tied"]]
    assert shared[["bayes_factor_low", "bayes_factor_high"]].isna().all(axis=None)
    other = table.loc["blind"]
    assert other["bayes_factor_low"] < other["bayes_factor_high"] < -50
    assert other["bayes_factor_low"] <= other["log_bayes_factor"] <= other["bayes_factor_high"]
    assert not [note for note in compared.notes if note.code == "evidence_depends_on_priors"]


def test_a_winner_that_the_priors_decide_is_labelled(
    dense: bl.Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same law under two sets of priors, whose evidences are given."""
    priors = {"alpha": {"family": "lognormal", "median": 0.3, "factor": 1.5}}
    laws = {"one": dense.law, "other": dense.law.with_priors(**priors)}
    fits = {label: replace(dense, law=law) for label, law in laws.items()}
    asked = []

    def fit(runs: bl.Runs, law: bl.Law, **options: Any) -> bl.Posterior:
        asked.append((law, options["reference"]))
        return replace(dense, law=law)

    def evidence(posterior: bl.Posterior, *, seed: int) -> bl.Evidence:
        a, b = (posterior.law.parameters[name].prior.spread for name in ("beta", "alpha"))
        # By how wide all are, and which law it is.
        times = np.log(a) / np.log(2)
        first = np.isclose(np.log(b) / times, np.log(2))
        value = {0.5: 6.0, 1.0: 5.0, 2.0: 3.0}[round(times, 3)] if first else 4.0
        return bl.Evidence(value, 0.1, np.zeros((2, 2)), 0.0)

    monkeypatch.setattr(FACTORS, "fit", fit)
    monkeypatch.setattr(FACTORS, "evidence", evidence)
    columns, notes = FACTORS.bayes_factors(fits)
    assert columns["log_bayes_factor"].to_dict() == {"one": 0.0, "other": -1.0}
    assert columns["bayes_factor_low"]["other"] == -2.0
    assert columns["bayes_factor_high"]["other"] == 1.0
    assert len(asked) == 4
    assert all(reference == dense.reference for _, reference in asked)
    (note,) = notes
    assert note.code == "evidence_depends_on_priors"
    assert "by evidence one is best, but other by 1 with priors 2 times as wide" in note.message


def test_the_command_shows_the_evidence(
    compared: bl.Comparison, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[bool] = []

    def compare(runs: bl.Runs, laws: Any, *, evidence: bool, **_: Any) -> bl.Comparison:
        asked.append(evidence)
        return compared

    monkeypatch.setattr(bl, "compare", compare)
    source = tmp_path / "runs.csv"
    compared.posteriors["full"].runs.write(source)
    command = ["compare", str(source), "--laws", "chinchilla,zhao2025", "--no-extrapolation"]
    shown = CliRunner().invoke(app, [*command, "--evidence"])
    assert shown.exit_code == 0, shown.output
    assert CliRunner().invoke(app, command).exit_code == 0
    assert asked == [True, False]
    assert "log Bayes factor to the best" in shown.stdout
    assert "shared" in shown.stdout
    low = compared.frame.loc["blind", "bayes_factor_low"]
    assert f"{low:.2f} to " in shown.stdout
