"""Designs of training runs, and losses from a law: for tests, tours and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, nearest, whole
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.law.card import Letter
from bayeslaw.law.letters import to_canonical
from bayeslaw.law.library import law as load_law
from bayeslaw.runs import Runs

DESIGNS = ("independent", "one_at_a_time")
_ANCHORS, _LEVELS = 6, 19


def draw_design(law: str | Law, kind: str, rows: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Configurations over the ranges that a law's card states.

    ``independent`` draws every variable by itself: uniformly on the logarithm over its range, or
    from the values that the card lists; rows whose ratios leave the card's bounds are drawn again.
    ``one_at_a_time`` puts the first variable on six levels, and at each of them varies every other
    one singly, the rest at the card's base values (19 levels, or the values that the card lists);
    the rows are drawn from those cells with replacement, so that some configurations repeat.

    Parameters
    ----------
    law : str or Law
        The law.
    kind : {"independent", "one_at_a_time"}
        Which design.
    rows : int
        Number of runs.
    seed : int
        The same seed gives the same design.

    Returns
    -------
    dict of str to ndarray of shape (rows,)
        Canonical variables.

    Raises
    ------
    RequestError
        If there is no such design, or the card lacks a range or base value.
    CardError
        If a letter's range says nothing definite of a variable.
    """
    one, rng = load_law(law), np.random.default_rng(whole(seed, "seed", place="design"))
    if kind not in DESIGNS:
        raise RequestError(f"unknown design {kind!r}", remedy=nearest(kind, DESIGNS))
    whole(rows, "rows", place="design", least=1)
    for name, letter in one.letters.items():
        if letter.range is None:
            raise RequestError(
                f"the card of {one.name} states no range of {name}",
                remedy="Give a table of configurations instead of a design",
            )
    chosen = _independent(one, rows, rng) if kind == "independent" else _singly(one, rows, rng)
    canonical = to_canonical(one.letters, chosen, one.place)
    return {name: canonical[name] for name in one.variables}


def _independent(law: Law, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    chosen = {name: np.empty(rows) for name in law.letters}
    again = np.ones(rows, dtype=bool)
    for _ in range(1000):
        for name, letter in law.letters.items():
            chosen[name][again] = _draw(letter, int(again.sum()), rng)
        again = np.zeros(rows, dtype=bool)
        for bound in law.ratios:
            ratio = chosen[bound.letter] / chosen[bound.over]
            again |= (ratio < bound.low) | (ratio > bound.high)
        named = to_canonical(law.letters, chosen, law.place)
        for small, large in vocabulary.ORDERED:
            if {small, large} <= set(named):
                again |= named[small] > named[large]
        if not again.any():
            return chosen
    raise RequestError(f"the ranges and ratios of {law.name} hardly overlap", place="design")


def _draw(letter: Letter, size: int, rng: np.random.Generator) -> np.ndarray:
    if letter.values:
        return rng.choice(np.array(letter.values), size)
    low, high = letter.range or (1.0, 1.0)
    if vocabulary.variable(letter.is_.text).includes_zero:
        return rng.uniform(low, high, size)
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def _singly(law: Law, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    anchor, *others = law.letters
    cells: list[dict[str, float]] = []
    for level in _levels(law.letters[anchor], _ANCHORS):
        base = {anchor: float(level)}
        for name in others:
            expression = law.letters[name].base
            if expression is None:
                raise RequestError(
                    f"the card of {law.name} states no base value of {name}",
                    remedy="Use the independent design",
                )
            base[name] = float(expression(base))
        bounds = {bound.letter: bound for bound in law.ratios}
        for name in others:
            levels = _levels(law.letters[name], _LEVELS)
            if name in bounds:
                bound = bounds[name]
                levels = np.geomspace(bound.low, bound.high, _LEVELS) * base[bound.over]
            cells += [{**base, name: float(value)} for value in levels]
        if not others:
            cells.append(base)
    cells = [cell for cell in cells if _allowed(law, cell)]
    picked = rng.integers(len(cells), size=rows)
    return {name: np.array([cells[cell][name] for cell in picked]) for name in law.letters}


def _allowed(law: Law, cell: Mapping[str, float]) -> bool:
    """Whether a configuration keeps the card's ratios."""
    ratios = [(bound, cell[bound.letter] / cell[bound.over]) for bound in law.ratios]
    return all(
        bound.low * (1 - 1e-9) <= ratio <= bound.high * (1 + 1e-9) for bound, ratio in ratios
    )


def _levels(letter: Letter, count: int) -> np.ndarray:
    if letter.values:
        return np.array(letter.values)
    low, high = letter.range or (1.0, 1.0)
    if vocabulary.variable(letter.is_.text).includes_zero:
        return np.linspace(low, high, count)
    return np.geomspace(low, high, count)


def simulate(
    law: str | Law,
    *,
    design: str | Mapping[str, ArrayLike] = "independent",
    rows: int = 446,
    noise_sd: float = 0.003,
    coefficients: str | Mapping[str, float] | None = None,
    seed: int = 0,
) -> Runs:
    """Runs whose losses are a law's, scattered by normal noise on the logarithm.

    Parameters
    ----------
    law : str or Law
        The law.
    design : {"independent", "one_at_a_time"} or mapping
        A design of ``rows`` runs, or canonical variables of one's own.
    rows : int
        Number of runs of a named design.
    noise_sd : float
        Standard deviation of log loss.
    coefficients : str or mapping, optional
        Name of a published set (the first unless named), or raw coefficients.
    seed : int
        The same seed gives the same runs.

    Returns
    -------
    Runs
        With a note that says that they are simulated.

    Raises
    ------
    RequestError
        If the design, the noise or the coefficients do not fit.
    """
    import pandas as pd

    one = load_law(law)
    whole(seed, "seed", place="simulate")
    if not 0 <= noise_sd < 1:
        raise RequestError(f"noise_sd = {noise_sd}", place="simulate", remedy="Between 0 and 1")
    chosen: dict[str, Any] = (
        {**draw_design(one, design, rows, seed=seed)} if isinstance(design, str) else {**design}
    )
    for name, values in chosen.items():
        legal = vocabulary.variable(name).contains
        bad = [number for number in np.atleast_1d(values) if not legal(float(number))]
        if bad:
            raise RequestError(
                f"{name} = {bad[0]:g} is outside {vocabulary.variable(name).domain}",
                place="simulate, design",
            )
    value = one.predict(coefficients=coefficients, **chosen)
    # A stream of its own: the same seed and another design keep the same noise.
    rng = np.random.default_rng([seed, 1])
    wide = np.broadcast_arrays(*(np.atleast_1d(values) for values in chosen.values()))
    table = pd.DataFrame(dict(zip(chosen, wide, strict=True)), dtype=float)
    table[one.predicts] = value * np.exp(noise_sd * rng.standard_normal(len(table)))
    kind = design if isinstance(design, str) else "given"
    message = (
        f"configurations ({kind} design) and losses are simulated from {one.name}, "
        f"noise {noise_sd:g} on log {one.predicts}, seed {seed}"
    )
    return Runs(
        table=table,
        source="simulated",
        variables=(*chosen, one.predicts),
        notes=(Note("simulated", "info", message),),
    )
