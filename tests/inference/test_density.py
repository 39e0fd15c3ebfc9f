"""The sampled density: the model's own, in coordinates that change nothing but the coordinates."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density

import bayeslaw as bl
from bayeslaw.inference.density import DEEPEST, Density
from bayeslaw.law import Law, Prior
from bayeslaw.model.model import Data
from bayeslaw.model.specification import Specification

NORMAL = {"family": "normal", "mean": 0.6, "sd": 0.3}
LOGNORMAL = {"family": "lognormal", "median": 0.6, "factor": 1.5}


def laws() -> dict[str, Law]:
    """Laws whose floors have every kind of prior, and one without a floor."""
    chinchilla = bl.law("chinchilla")
    return {
        "chinchilla": chinchilla,
        "zhao2025": bl.law("zhao2025"),
        "normal floor": chinchilla.with_priors(E={**NORMAL, "on": "E / loss"}),
        "floor with a low end": chinchilla.with_priors(E={**LOGNORMAL, "low": 0.1, "on": "E"}),
        "floor from above": chinchilla.with_priors(E={**LOGNORMAL, "on": "2*loss - E"}),
        "shifted floor": chinchilla.with_priors(E={**NORMAL, "on": "(E + size) / loss"}),
        "floor over a term": chinchilla.with_priors(E={**NORMAL, "mean": 6, "on": "E / size"}),
        "log of that": chinchilla.with_priors(E={**LOGNORMAL, "median": 6, "on": "E / size"}),
        "floor that is multiplied": bl.law("familial"),
        "prior on a power": bl.law("frantar2023"),
        "prior with an offset": bl.law("ludziejewski2025"),
        "no floor": Law.from_formula("A*N**-alpha + B*D**-beta", variables=["N", "D"]),
    }


LAWS = laws()
every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())


def posed(law: Law, observation: str = "student_t") -> tuple[Density, Data, dict[str, Prior]]:
    if law.middle:
        raw = law.published() if law.coefficients else law.at_medians(law.middle, 3.0)
        runs = bl.simulate(law, rows=30, noise_sd=0.01, seed=3, coefficients=raw)
    else:
        runs = bl.simulate("chinchilla", rows=30, noise_sd=0.01, seed=3)
    reference = bl.ReferenceRun.of(runs, law.variables)
    specification = Specification.of(runs, law, reference, noise=observation)
    model, data = specification.build(runs)
    return Density(model), data, specification.priors


def points(priors: dict[str, Prior], count: int) -> list[dict[str, float]]:
    rng = np.random.default_rng(9)
    return [{n: float(p.sample(rng, 1)[0]) for n, p in priors.items()} for _ in range(count)]


def values_of(model: Any, values: dict[str, float]) -> dict[str, float]:
    return {model.site(name): value for name, value in values.items()}


def by_hand(law: Law, priors: dict[str, Prior], data: Data) -> Any:
    """The map from sampling coordinates to what the priors are stated on, written once more.

    A lognormal's coordinate is its logarithm above the low end; the floor's is T, the law's value
    at the reference run over the loss scale.
    """
    form = law.form
    letters = form.in_letters(data.at)

    def to_on(z: Any) -> Any:
        on = {
            name: data.priors[name][2] + jnp.exp(value) if prior.family == "lognormal" else value
            for (name, prior), value in zip(priors.items(), z, strict=True)
        }
        if form.floor is not None:
            total = z[list(priors).index(form.floor)] * data.scale
            others = {n: v for n, v in on.items() if n in form.parameters and n != form.floor}
            raw = form.to_raw(others, data.at, data.scale, jnp)
            rest, more = (
                form.predict(data.at, {**raw, form.floor: value}, jnp) for value in (0.0, 2.0)
            )
            # A floor may be multiplied: familial's is, by the penalty of its sub-models.
            raw[form.floor] = (total - rest) / ((more - rest) / 2.0)
            scope = form.scope({**letters, **raw}, data.scale, jnp)
            on[form.floor] = dict(form.on)[form.floor](scope, jnp)
        return jnp.stack([on[name] for name in priors])

    return to_on


def excess(law: Law, observation: str, count: int = 4) -> np.ndarray:
    """Potential plus log density over the prior coordinates plus log |d on / d z|: a constant."""
    density, data, priors = posed(law, observation)
    to_on = by_hand(law, priors, data)
    found = []
    with jax.enable_x64(True):
        for values in points(priors, count):
            # Wide enough that draws of the prior have densities that cancel to many digits.
            values["noise_scale"] = 0.3
            z = jnp.asarray(density.locate(values, data))
            np.testing.assert_allclose(to_on(z), [values[name] for name in priors], rtol=1e-7)
            _, volume = jnp.linalg.slogdet(jax.jacfwd(to_on)(z))
            sites = {density.model.site(name): value for name, value in values.items()}
            on_density, _ = log_density(density.model, (data,), {}, sites)
            found.append(float(density.potential(z, data) + on_density + volume))
    return np.array(found)


@pytest.mark.parametrize(
    ("law", "observation"),
    [*((law, "normal") for law in LAWS.values()), (LAWS["chinchilla"], "student_t")],
    ids=[*LAWS, "chinchilla with a t"],
)
def test_a_change_of_variables_adds_the_log_of_its_jacobian(law: Law, observation: str) -> None:
    found = excess(law, observation)
    # The terms are of the order of 1e3, so 1e-8 is 1e5 rounding errors.
    np.testing.assert_allclose(found, found[0], rtol=0, atol=1e-8)


@every_law
def test_there_and_back_again(law: Law) -> None:
    density, data, priors = posed(law)
    for values in points(priors, 20):
        z = density.locate(values, data)
        found = density.constrain(z, data)
        raw = law.form.to_raw({name: values[name] for name in law.parameters}, data.at, data.scale)
        for name in priors:
            # The floor is a difference of T and terms that may be ten times as large.
            assert found[density.model.site(name)] == pytest.approx(values[name], rel=1e-8)
        for name, value in raw.items():
            assert found[name] == pytest.approx(value, rel=1e-8)
        if law.form.floor is not None:
            assert found["T"] == pytest.approx(float(law.form.predict(data.at, raw)), rel=1e-10)
        else:
            assert "T" not in found


@pytest.mark.parametrize("discrepancy", [None, "gp"])
def test_rows_that_fill_a_table_up_do_not_count(discrepancy: str | None) -> None:
    law = bl.law("chinchilla")
    runs = bl.simulate("chinchilla", rows=30, noise_sd=0.01, seed=3)
    specification = Specification.of(runs, law, discrepancy=discrepancy)
    model, data = specification.build(runs)
    _, filled = specification.build(runs, rows=47)
    assert filled.observed.shape == (47,)
    density = Density(model)
    priors = {name: specification.priors[name] for name in model.sampled}
    with jax.enable_x64(True):
        for values in points(priors, 5):
            z = density.locate(values, data)
            slopes = jax.grad(density.potential)
            assert float(density.potential(z, filled)) == pytest.approx(
                float(density.potential(z, data)), rel=1e-12
            )
            np.testing.assert_allclose(slopes(z, filled), slopes(z, data), rtol=1e-8, atol=1e-8)
            if discrepancy is not None:
                continue
            logs = [
                log_density(model, (one,), {}, values_of(model, values))[0]
                for one in (data, filled)
            ]
            assert float(logs[0]) == pytest.approx(float(logs[1]), rel=1e-12)


def test_constrain_takes_draws_of_any_shape() -> None:
    density, data, priors = posed(LAWS["zhao2025"])
    z = np.array([density.locate(values, data) for values in points(priors, 6)])
    one = density.constrain(z[4], data)
    many = density.constrain(z.reshape(2, 3, -1), data)
    for name, values in many.items():
        assert values.shape == (2, 3)
        assert values[1, 1] == pytest.approx(one[name], rel=1e-12)


def test_a_total_below_the_other_terms_is_steeply_unlikely_and_never_undefined() -> None:
    law = bl.law("zhao2025")
    density, data, priors = posed(law, "normal")
    on = law.form.to_on(law.published(), data.at, data.scale)
    # So much noise that the runs say nothing: what remains is the prior.
    z = density.locate({**on, "noise_scale": 1e8}, data)
    floor = list(priors).index("epsilon")
    others = float(law.form.predict(data.at, {**law.published(), "epsilon": 0.0})) / data.scale
    # Where the floor's lognormal prior is left, and its slope there, with x the floor's share:
    # d/dx of ln x + (ln x - ln m)^2 / 2s^2 is (1 - k/s) / x at k sds below the median.
    s, k = np.log(1.5), DEEPEST
    x = 0.6 * np.exp(-k * s)
    slope = (1 - k / s) / x
    with jax.enable_x64(True):
        z = jnp.asarray(z)
        evaluate = jax.jit(
            jax.value_and_grad(lambda t: density.potential(z.at[floor].set(t), data))
        )
        totals = others + x - np.array([1e-9, 1e-3, 0.01, 0.1, 1.0, 10.0])
        values, slopes = (
            np.array(part) for part in zip(*(evaluate(t) for t in totals), strict=True)
        )
        published, edge = float(evaluate(z[floor])[0]), float(evaluate(others + x + 1e-9)[0])
    # A straight line downwards, which joins without a step.
    np.testing.assert_allclose(slopes, slope, rtol=1e-6)
    np.testing.assert_allclose(values - edge, (totals - others - x) * slope, rtol=1e-6, atol=1e-4)
    # The lognormal is k sds from its median there, and nearly at it with the published floor.
    assert edge - published > k**2 / 2 - 5


@pytest.mark.parametrize("name", ["zhao2025", "chinchilla", "normal floor", "no floor"])
def test_absurd_coordinates_are_never_undefined(name: str) -> None:
    law = LAWS[name]
    density, data, priors = posed(law)
    rng = np.random.default_rng(10)
    # Five prior sds either way: exponents from .01 to 8, amplitudes off by a factor of 240.
    where = np.array([prior.numbers[:2] for prior in priors.values()])
    z = where[:, 0] + where[:, 1] * rng.uniform(-5, 5, (300, len(priors)))
    if law.form.floor is not None:
        z[:, list(priors).index(law.form.floor)] = rng.uniform(-10, 10, 300)
    with jax.enable_x64(True):
        both = jax.jit(jax.vmap(jax.value_and_grad(density.potential), (0, None)))
        values, slopes = (np.asarray(part) for part in both(z, data))
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
