"""The NumPyro model: what other tools see of it, and that its density is the one written down."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer import Predictive
from numpyro.infer.util import log_density
from scipy import stats

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.model.model import SMALLEST_SHARE, Model
from bayeslaw.model.specification import Specification

LAWS = ("chinchilla", "zhao2025")
# Sites of the card: a prior stated on something else than the parameter is sampled as that.
ON = {
    "chinchilla": ("E_on", "A_on", "B_on", "alpha", "beta"),
    "zhao2025": (
        *("alpha", "beta", "a_on", "b_on", "c_on", "epsilon_on"),
        *("e_on", "f_on", "m_on", "n_on", "h_on", "k_on"),
    ),
}
ROWS = 30


def table(law: str) -> bl.Runs:
    return bl.simulate(law, rows=ROWS, noise_sd=0.01, seed=3)


# --- what other tools see --------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_it_runs_under_numpyros_handlers(law: str) -> None:
    model = bl.numpyro_model(table(law), law)
    trace = handlers.trace(handlers.seed(model, 0)).get_trace()
    sampled = [
        name for name, site in trace.items() if site["type"] == "sample" and not site["is_observed"]
    ]
    assert sampled == [*ON[law], "noise_scale", "noise_df"]
    raw = {name for name, site in trace.items() if site["type"] == "deterministic"}
    assert raw == {name.removesuffix("_on") for name in ON[law] if name.endswith("_on")}
    assert trace["ln_loss"]["is_observed"]
    observed = np.log(table(law).column("loss"))
    np.testing.assert_allclose(trace["ln_loss"]["value"], observed, rtol=1e-6)
    assert all(np.shape(site["value"]) == () for name, site in trace.items() if name != "ln_loss")


@pytest.mark.parametrize("law", LAWS)
def test_it_gives_prior_draws(law: str) -> None:
    draws = Predictive(bl.numpyro_model(table(law), law), num_samples=500)(jax.random.key(1))
    one = bl.law(law)
    assert {*one.parameters, *ON[law], "noise_scale", "noise_df"} <= set(draws)
    for name, prior in Specification.of(table(law), one).priors.items():
        values = np.asarray(draws[f"{name}_on" if f"{name}_on" in draws else name])
        assert values.shape == (500,)
        # 18 sites at one in a thousand each: 2% to fail with another key.
        centre, scale, low = prior.numbers
        moved = np.log(values - low) if prior.family == "lognormal" else values
        assert stats.kstest(moved, stats.norm(centre, scale).cdf).pvalue > 1e-3, name


def test_without_its_observations_it_simulates_them() -> None:
    runs = table("chinchilla")
    one = bl.law("chinchilla")
    reference = bl.ReferenceRun(3.0, bl.ReferenceRun.of(runs, one.variables).at)
    on = one.form.to_on(one.published(), reference.at, reference.loss)
    model = handlers.uncondition(
        bl.numpyro_model(runs, "chinchilla", noise="normal", reference=reference)
    )
    given = {f"{name}_on" if name in "EAB" else name: value for name, value in on.items()}
    fixed = handlers.substitute(model, {**given, "noise_scale": 0.1})
    with jax.enable_x64(True):
        drawn = np.asarray(Predictive(fixed, num_samples=2000)(jax.random.key(2))["ln_loss"])
    # Means and sds of 2,000 draws at each of 30 runs, within four standard errors of each.
    law = np.log(one.predict(N=runs.column("N"), D=runs.column("D")))
    assert drawn.shape == (2000, ROWS)
    assert (abs(np.mean(drawn, axis=0) - law) < 4 * 0.1 / np.sqrt(2000)).all()
    assert (abs(np.std(drawn, axis=0) / 0.1 - 1) < 4 / np.sqrt(2 * 2000)).all()


def test_it_needs_what_the_law_reads() -> None:
    with pytest.raises(TableError, match="the reference run needs 'N_a', 'G', 'S'"):
        bl.numpyro_model(table("chinchilla"), "zhao2025")
    with pytest.raises(RequestError, match="unknown noise 'cauchy'"):
        bl.numpyro_model(table("chinchilla"), "chinchilla", noise="cauchy")


# --- its density -----------------------------------------------------------------------------


def log_prior(law: bl.Law, on: dict[str, float]) -> float:
    total = 0.0
    for name, parameter in law.parameters.items():
        prior = law.card["parameters"][name]["prior"]
        if prior["family"] == "lognormal":
            assert "low" not in prior
            total += stats.lognorm(s=np.log(prior["factor"]), scale=prior["median"]).logpdf(
                on[name]
            )
        else:
            total += stats.norm(prior["mean"], prior["sd"]).logpdf(on[name])
        assert parameter.name == name
    return float(total)


def chinchilla_raw(on: dict[str, float], at: dict[str, float], loss: float) -> dict[str, float]:
    return {
        "E": on["E"] * loss,
        "A": on["A"] * loss * at["N"] ** on["alpha"],
        "B": on["B"] * loss * at["D"] ** on["beta"],
        "alpha": on["alpha"],
        "beta": on["beta"],
    }


def zhao_raw(on: dict[str, float], at: dict[str, float], loss: float) -> dict[str, float]:
    power = at["N"] ** on["alpha"]
    e, m = on["e"] * loss * power, on["m"] * loss * power
    return {
        "alpha": on["alpha"],
        "beta": on["beta"],
        "a": on["a"] * loss * power,
        "b": on["b"] * loss * at["D"] ** on["beta"],
        "c": on["c"] * loss * at["N_a"] ** on["alpha"],
        "epsilon": on["epsilon"] * loss,
        "e": e,
        "f": on["f"] * e,
        "m": m,
        "n": -2 * m * on["n"],
        "h": on["h"] * at["N"] / at["N_a"] / power,
        "k": on["k"] * (at["N_a"] / at["N"]) ** on["alpha"],
    }


def chinchilla_loss(x: Any, N: Any, D: Any) -> Any:
    return x["E"] + x["A"] / N ** x["alpha"] + x["B"] / D ** x["beta"]


def zhao_loss(x: Any, N: Any, N_a: Any, D: Any, G: Any, S: Any) -> Any:
    # Equation 11 of the paper, its parentheses multiplied out.
    shape = x["e"] * G + x["f"] / G + x["m"] * S**2 + x["n"] * S
    return (
        shape / N ** x["alpha"]
        + shape * x["k"] / N_a ** x["alpha"]
        + shape * x["h"] * N_a / N
        + x["a"] / N ** x["alpha"]
        + x["b"] / D ** x["beta"]
        + x["c"] / N_a ** x["alpha"]
        + x["epsilon"]
    )


BY_HAND = {"chinchilla": (chinchilla_raw, chinchilla_loss), "zhao2025": (zhao_raw, zhao_loss)}


@pytest.mark.parametrize("observation", ["student_t", "normal"])
@pytest.mark.parametrize("law", LAWS)
def test_its_density_is_the_one_written_down(law: str, observation: str) -> None:
    one, runs = bl.law(law), table(law)
    # The reference by hand: geometric means, and the arithmetic one of S; one digit of the loss.
    at = {
        name: runs.column(name).mean() if name == "S" else np.exp(np.log(runs.column(name)).mean())
        for name in one.variables
    }
    loss = float(f"{np.exp(np.log(runs.column('loss')).mean()):.0e}")
    model = bl.numpyro_model(runs, law, noise=observation)
    to_raw, predict = BY_HAND[law]
    rng = np.random.default_rng(8)
    for _ in range(3):
        on = {name: float(p.prior.sample(rng, 1)[0]) for name, p in one.parameters.items()}
        scale, df = float(np.exp(rng.normal(-4, 1))), 1.0 + float(np.exp(rng.normal(1.5, 1)))
        raw = to_raw(on, at, loss)
        residual = np.log(runs.column("loss")) - np.log(
            predict(raw, **{name: runs.column(name) for name in one.variables})
        )
        # Priors of the noise as in statistics.md: scale and degrees of freedom above one.
        wanted = log_prior(one, on) + stats.lognorm(s=np.log(3), scale=0.005).logpdf(scale)
        if observation == "student_t":
            wanted += stats.lognorm(s=1, scale=5, loc=1).logpdf(df)
            wanted += stats.t(df, scale=scale).logpdf(residual).sum()
        else:
            wanted += stats.norm(scale=scale).logpdf(residual).sum()
        sites = {f"{n}_on" if f"{n}_on" in ON[law] else n: value for n, value in on.items()}
        sites |= {"noise_scale": scale, "noise_df": df}
        with jax.enable_x64(True):
            found, trace = log_density(model, (), {}, sites)
        # Sums of about 50 numbers of double precision.
        assert float(found) == pytest.approx(wanted, rel=1e-8)
        for name, value in raw.items():
            assert float(trace[name]["value"]) == pytest.approx(value, rel=1e-10)


# --- absurd coefficients ---------------------------------------------------------------------


def test_below_any_loss_the_logarithm_goes_on_as_a_line() -> None:
    """A law that predicts a negative loss is unlikely, not undefined."""
    runs = table("chinchilla")
    one = bl.law("chinchilla")
    specification = Specification.of(runs, one, noise="normal")
    model, data = specification.build(runs)
    small = SMALLEST_SHARE * specification.reference.loss

    def centre(floor: Any) -> Any:
        return model.centre({**one.published(), "E": floor, "A": 0.0, "B": 0.0}, data)[0]

    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(centre)(small * (1 + 1e-9))
        below, slope_below = jax.value_and_grad(centre)(small * (1 - 1e-9))
        assert float(value) == pytest.approx(np.log(small), abs=1e-8)
        assert float(below) == pytest.approx(float(value), abs=1e-8)
        assert float(slope_below) == pytest.approx(float(slope), rel=1e-8)
        far, slope_far = jax.value_and_grad(centre)(-5.0)
        assert float(slope_far) == pytest.approx(1 / small)
        assert float(far) == pytest.approx(np.log(small) - (5.0 + small) / small)
        assert float(centre(2.5)) == pytest.approx(np.log(2.5), rel=1e-12)


def test_a_model_is_found_again_by_its_form() -> None:
    """Compiled code is kept by the model: equal for another table, other priors and references."""
    one = bl.law("chinchilla")
    other = one.with_priors(alpha={"family": "lognormal", "median": 0.4, "factor": 1.5})

    def model(law: bl.Law, seed: int, observation: str = "student_t") -> Model:
        runs = bl.simulate("chinchilla", rows=20, seed=seed)
        return Specification.of(runs, law, noise=observation).build(runs)[0]

    assert model(one, 1) == model(other, 2)
    assert hash(model(one, 1)) == hash(model(other, 2))
    assert model(one, 1) != model(one, 1, "normal")
    normal = one.with_priors(alpha={"family": "normal", "mean": 0.4, "sd": 0.1})
    assert model(one, 1) != model(normal, 1)
    moved = one.with_priors(A={"family": "lognormal", "median": 400, "factor": 5, "on": "A"})
    assert model(one, 1) != model(moved, 1)


def test_it_computes_in_the_callers_precision() -> None:
    model = bl.numpyro_model(table("zhao2025"), "zhao2025")
    trace = handlers.trace(handlers.seed(model, 0)).get_trace()
    assert trace["alpha"]["value"].dtype == jnp.float32
    assert np.isfinite(trace["ln_loss"]["fn"].log_prob(trace["ln_loss"]["value"])).all()
    with jax.enable_x64(True):
        trace = handlers.trace(handlers.seed(model, 0)).get_trace()
        assert trace["alpha"]["value"].dtype == jnp.float64
