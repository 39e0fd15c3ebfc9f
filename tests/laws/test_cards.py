"""Every card of the library: what it publishes, its coordinates, its units and its priors."""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw import vocabulary
from bayeslaw.law import Check, Law
from bayeslaw.law.library import cards
from bayeslaw.optimum import Budget
from bayeslaw.optimum.problem import pose
from bayeslaw.optimum.solve import solve
from bayeslaw.runs import Reference

LAWS = {name: bl.law(name) for name in cards()}
every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
every_set = pytest.mark.parametrize(
    ("law", "published"),
    [
        pytest.param(law, title, id=f"{name}-{title}")
        for name, law in LAWS.items()
        for title in law.coefficients
    ],
)
every_check = pytest.mark.parametrize(
    ("law", "check"),
    [
        pytest.param(law, check, id=f"{name}-{check.of.text}-{i}")
        for name, law in LAWS.items()
        for i, check in enumerate(law.checks, start=1)
    ],
)
SCALE = 3.0


def typical(law: Law) -> dict[str, float]:
    """The middle of the paper's runs: what a table like the paper's has as its reference run."""
    at = {}
    for letter in law.letters.values():
        low, high = letter.range or (1.0, 1.0)
        zero = vocabulary.variable(letter.is_.text).includes_zero
        at[letter.is_.text] = (low + high) / 2 if zero else float(np.sqrt(low * high))
    return at


def grid(law: Law, rng: np.random.Generator, size: int = 400) -> dict[str, np.ndarray]:
    """Configurations far beyond any run: counts from 1e6 to 1e14, all else over its domain."""
    columns = {}
    for name in law.variables:
        entry = vocabulary.variable(name)
        if entry.smallest_plausible:
            columns[name] = 10 ** rng.uniform(6, 14, size)
        elif entry.includes_zero:
            columns[name] = rng.uniform(entry.low, min(entry.high, 1e3), size)
            columns[name][0] = entry.low
        else:
            low, high = max(entry.low, 1e-3), min(entry.high, 1e3)
            columns[name] = np.exp(rng.uniform(np.log(low), np.log(high), size))
    return columns


def from_prior(law: Law, rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    return {name: entry.prior.sample(rng, size) for name, entry in law.parameters.items()}


def test_cards_are_found() -> None:
    assert {"chinchilla", "zhao2025"} <= set(LAWS)


@every_law
def test_a_card_says_where_it_comes_from(law: Law) -> None:
    assert law.title
    assert law.source
    assert law.status in ("verified", "secondary", "inferred")
    assert all(letter.means for letter in law.letters.values())
    assert all(parameter.means for parameter in law.parameters.values())


# --- published numbers -----------------------------------------------------------------------


def computed(law: Law, check: Check) -> float:
    """A check's expression at the published coefficients; a free variable stands for its best."""
    raw = law.published(check.coefficients)
    read = law.form.formula.reads(check.of)
    letters = {n for letter, is_ in law.form.letters if letter in read for n in is_.names}
    columns: dict[str, Any] = dict(check.at)
    if not letters <= set(check.at):
        question = pose(
            law, Reference(loss=SCALE, at=typical(law)), at=check.at, budget=Budget(), free=None
        )
        solution = solve(question, {name: np.array([value]) for name, value in raw.items()})
        assert solution.converged.all()
        found = question.problem.columns(solution.x[0], question.fixed, question.budget, np)
        columns = {name: float(value) for name, value in found.items()}
    scope = law.form.scope({**law.form.in_letters(columns), **raw}, SCALE)
    return float(check.of(scope))


@every_check
def test_a_card_reproduces_its_published_numbers(law: Law, check: Check) -> None:
    assert computed(law, check) == pytest.approx(check.value, rel=check.rtol)


# --- coordinates -----------------------------------------------------------------------------


@every_set
def test_published_coefficients_survive_the_way_through_prior_coordinates(
    law: Law, published: str
) -> None:
    raw, at = law.published(published), typical(law)
    on = law.form.to_on(raw, at, SCALE)
    assert law.form.to_raw(on, at, SCALE) == pytest.approx(raw, rel=1e-10)


@every_law
def test_prior_draws_survive_the_way_through_coefficients(law: Law) -> None:
    on, at = from_prior(law, np.random.default_rng(1), 500), typical(law)
    raw = law.form.to_raw(on, at, SCALE)
    back = law.form.to_on(raw, at, SCALE)
    for name in law.parameters:
        np.testing.assert_allclose(back[name], on[name], rtol=1e-10, atol=0)
    again = law.form.to_raw(back, at, SCALE)
    for name in law.parameters:
        np.testing.assert_allclose(again[name], raw[name], rtol=1e-10, atol=0)


@every_law
def test_prior_coordinates_know_no_units(law: Law) -> None:
    """Counting in another unit changes coefficients, never what the priors are stated on."""
    assert law.units, "a card declares its groups of like units"
    rng = np.random.default_rng(3)
    columns, at = grid(law, rng), typical(law)
    on = law.form.to_on(law.published(), at, SCALE)
    value = law.form.predict(columns, law.published())
    for group in law.units:
        names = {
            n for letter in set(group) & set(law.letters) for n in law.letters[letter].is_.names
        }
        loss = 7.3 if law.formula.result in group else 1.0
        factor = {name: 7.3 if name in names else 1.0 for name in law.variables}
        other = {name: columns[name] * factor[name] for name in columns}
        there = {name: at[name] * factor[name] for name in at}
        raw = law.form.to_raw(on, there, SCALE * loss)
        assert raw != pytest.approx(law.published(), rel=1e-3)
        found = law.form.predict(other, raw)
        np.testing.assert_allclose(found, loss * value, rtol=1e-9, err_msg=str(group))


# --- values far from any run -----------------------------------------------------------------


@every_set
def test_predictions_and_gradients_are_finite_far_from_the_runs(law: Law, published: str) -> None:
    columns, raw = grid(law, np.random.default_rng(4)), law.published(published)
    value = law.predict(coefficients=published, **columns)
    assert np.isfinite(value).all()
    assert (value > 0).all()

    def log_loss(raw: dict[str, Any], row: dict[str, Any]) -> Any:
        return jnp.log(law.form.predict(row, raw, jnp))

    with jax.enable_x64(True):
        of_raw, of_row = jax.jit(jax.vmap(jax.grad(log_loss, (0, 1)), (None, 0)))(raw, columns)
        for slopes in (of_raw, of_row):
            for name, slope in slopes.items():
                assert np.isfinite(np.asarray(slope)).all(), name


@every_law
def test_numpy_and_jax_compute_the_same(law: Law) -> None:
    columns = grid(law, np.random.default_rng(5))
    with jax.enable_x64(True):
        found = np.asarray(law.form.predict(columns, law.published(), jnp))
    np.testing.assert_allclose(found, law.predict(**columns), rtol=1e-12)


# --- priors ----------------------------------------------------------------------------------


@every_law
def test_the_prior_expects_losses_like_losses(law: Law) -> None:
    """A reference loss of 3: the law's own loss there is between a tenth and seven times that."""
    size = 4000
    on, at = from_prior(law, np.random.default_rng(6), size), typical(law)
    value = law.form.predict(at, law.form.to_raw(on, at, SCALE))
    inside = np.mean((value > 0.3) & (value < 20))
    # Up to three standard errors of a share of .95 over 4,000 draws, .01, are forgiven.
    assert inside > 0.95 - 0.01


@every_law
def test_published_coefficients_are_nothing_strange_to_the_prior(law: Law) -> None:
    on = law.form.to_on(law.published(), typical(law), SCALE)
    for name, entry in law.parameters.items():
        centre, scale, low = entry.prior.numbers
        value = np.log(on[name] - low) if entry.prior.family == "lognormal" else on[name]
        assert abs(value - centre) < 3 * scale, name


# --- cards as data ---------------------------------------------------------------------------


@every_law
def test_a_card_survives_json(law: Law) -> None:
    again = Law(json.loads(json.dumps(law.card)))
    columns = grid(law, np.random.default_rng(7))
    for published in law.coefficients:
        ours = law.predict(coefficients=published, **columns)
        assert (again.predict(coefficients=published, **columns) == ours).all()
    assert again.parameters == law.parameters
    assert again.checks == law.checks
