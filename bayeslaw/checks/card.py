"""Everything that a law card must satisfy, one examination a function.

``bayeslaw laws check`` and the tests of the cards run the same examinations.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.calls import public
from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import BayesLawError, nearest
from bayeslaw.law import Check, Law
from bayeslaw.law.letters import to_canonical
from bayeslaw.law.library import catalogue, law as load_law
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.optimise import optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import Request
from bayeslaw.runs import ReferenceRun

#: A typical loss, in nats per token.
TYPICAL_LOSS = 3.0
#: Shares of the reference value between which 95% of prior predictions there have to lie.
SANE = (0.1, 20 / 3)
_EXACT, _DRAWS = 1e-10, 4000


@dataclass(frozen=True)
class CardProblem:
    """What a card does not satisfy, and where: ``"[parameters] alpha"``, ``"check 3"``."""

    place: str
    message: str


#: Places of a card and what is wrong there.
Found = Iterator[tuple[str, str]]
Examination = Callable[[Law], Found]


@public
def check_card(law: str | Path | Law) -> dict[str, list[CardProblem]]:
    """Run every examination on a law.

    Parameters
    ----------
    law : str, Path or Law
        A law, its name, or the path of a card.

    Returns
    -------
    dict of str to list of CardProblem
        By name of the examination, in order; an empty list where it is passed.

    Raises
    ------
    RequestError
        If there is no such law.
    CardError
        If the card cannot be read at all.
    """
    law = load_law(law)
    problems: dict[str, list[CardProblem]] = {}
    for name, examination in EXAMINATIONS.items():
        try:
            # What is not finite is a problem that an examination states.
            with np.errstate(all="ignore"):
                problems[name] = [CardProblem(*found) for found in examination(law)]
        except BayesLawError as error:
            place = error.place.removeprefix(f"{law.place}, ")
            problems[name] = [CardProblem(place, f"{error.problem}. {error.remedy}")]
        if any(letter.range is None for letter in law.letters.values()):
            # Without ranges there is no run to examine the rest at, which "described" reports.
            break
    return problems


def described(law: Law) -> Found:
    """A card says where the law comes from and what its letters mean."""
    for key in ("name", "title", "source", "year", "status"):
        if not law.card.get(key):
            yield key, f"the card has no {key}"
    known = {*vocabulary.VOCABULARY, *(row["predicts"] for row in catalogue())}
    if law.predicts not in known:
        yield "predicts", f"no law predicts {law.predicts!r}. {nearest(law.predicts, known)}"
    for name, letter in law.letters.items():
        if not letter.means:
            yield f"[variables] {name}", "'means' is empty"
        if letter.range is None:
            yield f"[variables] {name}", "no range: nothing can be examined without one"
        counts = {"N", "N_a"} & letter.is_.names and len(letter.is_.names) == 1
        if counts and not letter.embeddings:
            yield f"[variables] {name}", "'embeddings' is included, excluded or unknown"
    for name, parameter in law.parameters.items():
        if not parameter.means:
            yield f"[parameters] {name}", "'means' is empty"
    if not law.units:
        yield "[units]", "no groups of like units"


def reproduces(law: Law) -> Found:
    """Published coefficients reproduce the published numbers."""
    for position, check in enumerate(law.checks, start=1):
        place = f"check {position}"
        try:
            value = computed(law, check)
        except BayesLawError as error:
            yield place, f"{check.of.text} cannot be computed: {error}"
            continue
        if not abs(value / check.value - 1) <= check.rtol:
            published = f"{check.value:g} within {check.rtol:g} was published"
            yield place, f"{check.of.text} is {value:.6g}, and {published}"


def computed(law: Law, check: Check) -> float:
    """What a check's expression is at the published coefficients."""
    raw, at = law.published(check.coefficients), dict(check.at)
    if not law.form.canonical_reads(check.of) <= set(at):
        flops = at.pop("C", None) if "C" not in law.variables else None
        reference = ReferenceRun(loss=_scale(law), at=law.middle)
        problem = pose(law, reference, Request.of("check", at or None, Budget(train_flops=flops)))
        optima = optimise_draws(problem, {name: np.array([value]) for name, value in raw.items()})
        if not optima.converged.all():
            return float("nan")
        at = {name: float(values[0]) for name, values in optima.columns.items()}
    scope = law.form.scope({**law.form.in_letters(at), **raw}, _scale(law))
    return float(check.of(scope))


def round_trip(law: Law) -> Found:
    """The way from coefficients to what the priors are stated on and back changes nothing."""
    form, at, scale = law.form, law.middle, _scale(law)
    for title, raw in _sets(law).items():
        again = form.to_raw(form.to_on(raw, at, scale), at, scale)
        for name in law.parameters:
            if not np.isclose(again[name], raw[name], rtol=_EXACT, atol=0):
                text = f"{raw[name]!r} of {title} comes back as {again[name]!r}"
                yield f"[parameters] {name}", text
    on = _from_prior(law, np.random.default_rng(1), 500)
    back = form.to_on(form.to_raw(on, at, scale), at, scale)
    for name in law.parameters:
        # A difference is as exact as its larger part.
        size = np.maximum(np.abs(on[name]), _offset(law, name, on, at, scale))
        off = ~(np.abs(back[name] - on[name]) <= _EXACT * size)
        if off.any():
            text = f"{100 * off.mean():.2g}% of prior draws come back different"
            yield f"[parameters] {name}", text


def _offset(
    law: Law, name: str, on: dict[str, np.ndarray], at: dict[str, float], scale: float
) -> Any:
    """How large the offset is that an ``on`` adds to its parameter's part."""
    if name in law.form.powers:
        return 0.0
    raw = law.form.to_raw(on, at, scale)
    offset, _ = law.form.line(name, {**law.form.in_letters(at), **raw}, scale, np)
    return np.abs(offset)


def units(law: Law) -> Found:
    """Counting a group of like units in another one changes coefficients, never the priors."""
    rng, factor, at, scale = np.random.default_rng(3), 7.3, law.middle, _scale(law)
    columns = grid(law, rng)
    raw = law.at_medians(at, scale)
    # Away from the medians, where an exponent may be zero and hide what depends on a unit.
    on = {name: v + 0.1 * abs(v) + 0.01 for name, v in law.form.to_on(raw, at, scale).items()}
    raw = law.form.to_raw(on, at, scale)
    letters, value = law.form.in_letters(columns), law.form.predict(columns, raw)
    for group in law.units:
        times = {name: factor if name in group else 1.0 for name in law.letters}
        loss = factor if law.formula.result in group else 1.0

        def scaled(values: dict[str, Any], times: dict[str, float] = times) -> dict[str, Any]:
            there = {name: np.asarray(values[name]) * times[name] for name in law.letters}
            return to_canonical(law.letters, there, law.place)

        there = scaled(law.form.in_letters(at))
        other = law.form.to_raw(on, there, scale * loss)
        found = law.form.predict(scaled(letters), other)
        off = np.max(np.abs(found / (loss * value) - 1))
        said = f"the group {', '.join(group)}"
        if not off < 1e-8:
            yield "[units]", f"{said}: scaled by {factor}, values change by {off:.2g}"
        elif all(np.isclose(other[name], raw[name], rtol=1e-3) for name in raw):
            yield "[units]", f"{said}: no coefficient depends on its unit"


def finite(law: Law) -> Found:
    """Values are positive and gradients finite, also far from the paper's runs."""
    import jax
    import jax.numpy as jnp

    columns = grid(law, np.random.default_rng(4))
    for title, raw in _sets(law).items():
        with np.errstate(all="ignore"):
            value = law.form.predict(columns, raw)
        bad = ~(np.isfinite(value) & (value > 0))
        if bad.any():
            where = ", ".join(f"{name} = {v[bad][0]:.3g}" for name, v in columns.items())
            yield "formula", f"{title}: the prediction is {value[bad][0]:.3g} at {where}"
            continue

        def log_value(raw: dict[str, Any], row: dict[str, Any]) -> Any:
            return jnp.log(law.form.predict(row, raw, jnp))

        with compiled():
            slopes = jax.jit(jax.vmap(jax.grad(log_value, (0, 1)), (None, 0)))(raw, columns)
            ours = np.asarray(law.form.predict(columns, raw, jnp))
        for name, slope in {**slopes[0], **slopes[1]}.items():
            if not np.isfinite(np.asarray(slope)).all():
                yield "formula", f"{title}: the gradient in {name} is not finite"
        if not np.allclose(ours, value, rtol=1e-11, atol=0):
            yield "formula", f"{title}: NumPy and JAX compute different values"


def sane(law: Law) -> Found:
    """The prior expects values like the reference value at the reference run."""
    scale = TYPICAL_LOSS if law.predicts == "loss" else _scale(law)
    on = _from_prior(law, np.random.default_rng(6), _DRAWS)
    with np.errstate(all="ignore"):
        value = law.form.predict(law.middle, law.form.to_raw(on, law.middle, scale)) / scale
    inside = np.mean((value > SANE[0]) & (value < SANE[1]))
    # Three standard errors of a share of .95 are forgiven.
    if not inside > 0.95 - 3 * np.sqrt(0.95 * 0.05 / _DRAWS):
        yield (
            "[parameters]",
            f"{100 * inside:.3g}% of prior predictions at the reference run lie between "
            f"{SANE[0] * scale:.3g} and {SANE[1] * scale:.3g}; 95% should",
        )


def unsurprising(law: Law) -> Found:
    """Published coefficients lie within three standard deviations of their priors."""
    for title in law.coefficients:
        raw = law.published(title)
        on = law.form.to_on(raw, law.middle, _scale(law, title))
        for name, entry in law.parameters.items():
            centre, spread, low = entry.prior.numbers
            with np.errstate(all="ignore"):
                value = np.log(on[name] - low) if entry.prior.family == "lognormal" else on[name]
            away = (value - centre) / spread
            if not abs(away) < 3:
                far = f"{away:.1f} standard deviations from the middle of {entry.prior}"
                yield f"[parameters] {name}", f"{entry.on.text} is {on[name]:.4g} in {title}, {far}"


def survives(law: Law) -> Found:
    """A card written to a file, or as JSON beside a posterior, is the same law again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.toml"
        law.save(path)
        copies = {"TOML": Law.from_toml(path), "JSON": Law(json.loads(json.dumps(law.card)))}
    columns = grid(law, np.random.default_rng(7), 50)
    for kind, again in copies.items():
        same = again.form == law.form and again.parameters == law.parameters
        same &= again.coefficients == law.coefficients and again.checks == law.checks
        for raw in _sets(law).values():
            ours, theirs = law.form.predict(columns, raw), again.form.predict(columns, raw)
            same &= bool((ours == theirs).all())
        if not same:
            yield "formula", f"written as {kind} and read again it is another law"


#: Every examination by name, in the order of the report.
EXAMINATIONS: dict[str, Examination] = {
    check.__name__: check
    for check in (described, reproduces, round_trip, units, finite, sane, unsurprising, survives)
}


def grid(law: Law, rng: np.random.Generator, size: int = 400) -> dict[str, np.ndarray]:
    """Configurations far beyond any run: parameters and tokens from 1e6 to 1e14."""
    least = _ends(law, 0)
    columns = {}
    for name in law.variables:
        entry = vocabulary.variable(name)
        if entry.smallest_plausible:
            columns[name] = 10 ** rng.uniform(6, 14, size)
        elif entry.includes_zero:
            columns[name] = rng.uniform(entry.low, min(entry.high, 1e3), size)
            columns[name][0] = entry.low
        elif name in vocabulary.VOCABULARY and name != "C":
            low, high = max(entry.low, 1e-3), min(entry.high, 1e3)
            columns[name] = np.exp(rng.uniform(np.log(low), np.log(high), size))
        else:
            ends = sorted([least[name], _ends(law, 1)[name]])
            columns[name] = ends[0] * (100 * ends[1] / ends[0]) ** rng.uniform(0, 1, size)
    for small, large in vocabulary.ORDERED:
        if small in columns and large in columns:
            columns[small], columns[large] = np.sort([columns[small], columns[large]], axis=0)
    return columns


def _ends(law: Law, which: int) -> dict[str, float]:
    """Canonical variables where every letter is at one end of its range."""
    values = {name: (letter.range or (1.0, 1.0))[which] for name, letter in law.letters.items()}
    found = to_canonical(law.letters, values, law.place)
    return {name: float(value) for name, value in found.items()}


def _sets(law: Law) -> dict[str, dict[str, float]]:
    """Published coefficients, or the prior's medians where there are none."""
    if law.coefficients:
        return {title: law.published(title) for title in law.coefficients}
    return {"the prior's medians": law.at_medians(law.middle, _scale(law))}


def _scale(law: Law, title: str | None = None) -> float:
    """The reference value of a table like the paper's."""
    if not law.coefficients:
        return TYPICAL_LOSS if law.predicts == "loss" else 1.0
    return float(law.form.predict(law.middle, law.published(title)))


def _from_prior(law: Law, rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    return {name: entry.prior.sample(rng, size) for name, entry in law.parameters.items()}
