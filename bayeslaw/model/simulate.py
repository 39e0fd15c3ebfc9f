"""Designs of training runs, and losses simulated from a law."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayeslaw.core import vocabulary
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, check_names, whole
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.law.card import Letter
from bayeslaw.law.letters import to_canonical
from bayeslaw.law.library import law as load_law
from bayeslaw.runs import Runs

DESIGNS = ("independent", "one_at_a_time")
_ANCHORS, _LEVELS = 6, 19


@public
def draw_design(
    law: str | Path | Law, kind: str, rows: int, *, seed: int = 0
) -> dict[str, np.ndarray]:
    """Configurations over the ranges that a law's card states.

    ``independent`` draws every variable by itself: uniformly on the logarithm over its range, or
    from the values that the card lists; rows whose ratios leave the card's bounds are drawn again.
    ``one_at_a_time`` puts the first variable on six levels, and at each of them varies every other
    one singly, the rest at the card's base values (19 levels, or the values that the card lists);
    the rows are drawn from those cells with replacement, so that some configurations repeat.

    Parameters
    ----------
    law : str or Law
        The law, its name, or the path of a card.
    kind : {"independent", "one_at_a_time"}
        The design.
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
    place = "draw_design"
    law, rng = load_law(law), np.random.default_rng(whole(seed, "seed", place=place))
    check_names([kind], DESIGNS, "unknown design {!r}")
    whole(rows, "rows", place=place, least=1)
    for name, letter in law.letters.items():
        if letter.range is None:
            raise RequestError(
                f"the card of {law.name} states no range of {name}",
                remedy="Give a table of configurations instead of a design",
            )
    draw = _independent if kind == "independent" else _one_at_a_time
    canonical = to_canonical(law.letters, draw(law, rows, rng), law.place)
    return {name: canonical[name] for name in law.variables}


def _independent(law: Law, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    letters = {name: np.empty(rows) for name in law.letters}
    again = np.ones(rows, dtype=bool)
    for _ in range(1000):
        for name, letter in law.letters.items():
            letters[name][again] = _draw(letter, int(again.sum()), rng)
        again = np.zeros(rows, dtype=bool)
        for bound in law.ratios:
            ratio = letters[bound.letter] / letters[bound.over]
            again |= (ratio < bound.low) | (ratio > bound.high)
        canonical = to_canonical(law.letters, letters, law.place)
        for small, large in vocabulary.ORDERED:
            if {small, large} <= set(canonical):
                again |= canonical[small] > canonical[large]
        if not again.any():
            return letters
    raise RequestError(f"the ranges and ratios of {law.name} hardly overlap", place="draw_design")


def _one_at_a_time(law: Law, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    anchor, *others = law.letters
    bounds = {bound.letter: bound for bound in law.ratios}
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
        for name in others:
            levels = _levels(law.letters[name], _LEVELS)
            if name in bounds:
                bound = bounds[name]
                levels = np.geomspace(bound.low, bound.high, _LEVELS) * base[bound.over]
            cells += [{**base, name: float(value)} for value in levels]
        if not others:
            cells.append(base)
    cells = [cell for cell in cells if _keeps_ratios(law, cell)]
    picked = rng.integers(len(cells), size=rows)
    return {name: np.array([cells[cell][name] for cell in picked]) for name in law.letters}


def _keeps_ratios(law: Law, cell: Mapping[str, float]) -> bool:
    ratios = [(bound, cell[bound.letter] / cell[bound.over]) for bound in law.ratios]
    return all(
        bound.low * (1 - 1e-9) <= ratio <= bound.high * (1 + 1e-9) for bound, ratio in ratios
    )


def _draw(letter: Letter, size: int, rng: np.random.Generator) -> np.ndarray:
    if letter.values:
        return rng.choice(np.array(letter.values), size)
    low, high, linear = _scale(letter)
    if linear:
        return rng.uniform(low, high, size)
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def _levels(letter: Letter, count: int) -> np.ndarray:
    if letter.values:
        return np.array(letter.values)
    low, high, linear = _scale(letter)
    return (np.linspace if linear else np.geomspace)(low, high, count)


def _scale(letter: Letter) -> tuple[float, float, bool]:
    """Ends of a letter's range, and whether it is linear since the letter can be zero."""
    low, high = letter.range or (1.0, 1.0)
    return low, high, vocabulary.variable(letter.is_.text).includes_zero


@public
def simulate(
    law: str | Path | Law,
    *,
    design: str | Mapping[str, ArrayLike] = "independent",
    rows: int = 446,
    noise_sd: float = 0.003,
    coefficients: str | Mapping[str, float] | None = None,
    seed: int = 0,
) -> Runs:
    """Runs whose losses are a law's, with normal noise on the logarithm.

    Parameters
    ----------
    law : str or Law
        The law, its name, or the path of a card.
    design : {"independent", "one_at_a_time"} or mapping
        A design of ``rows`` runs, or your own canonical variables.
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
        With a note that they are simulated.

    Raises
    ------
    RequestError
        If the design, the noise or the coefficients do not fit.
    """
    import pandas as pd

    law = load_law(law)
    whole(seed, "seed", place="simulate")
    if not 0 <= noise_sd < 1:
        raise RequestError(f"noise_sd = {noise_sd}", place="simulate", remedy="Between 0 and 1")
    kind = design if isinstance(design, str) else "given"
    columns: Mapping[str, Any] = (
        draw_design(law, design, rows, seed=seed) if isinstance(design, str) else _numbers(design)
    )
    for name, values in columns.items():
        variable = vocabulary.variable(name)
        for value in values:
            if not variable.contains(float(value)):
                problem = f"{name} = {value:g} is outside {variable.domain}"
                raise RequestError(problem, place="simulate, design")
    predicted = law.predict(coefficients=coefficients, **columns)
    # A stream of its own: the same seed and another design keep the same noise.
    rng = np.random.default_rng([seed, 1])
    wide = np.broadcast_arrays(*(np.atleast_1d(values) for values in columns.values()))
    table = pd.DataFrame(dict(zip(columns, wide, strict=True)), dtype=float)
    table[law.predicts] = predicted * np.exp(noise_sd * rng.standard_normal(len(table)))
    message = (
        f"configurations ({kind} design) and losses are simulated from "
        f"{law.name}, noise {noise_sd:g} on log {law.predicts}, seed {seed}"
    )
    return Runs(
        table=table,
        source="simulated",
        variables=(*columns, law.predicts),
        notes=(Note("simulated", "info", message),),
    )


def _numbers(design: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """The columns of a design, as numbers."""
    try:
        return {name: np.atleast_1d(np.asarray(v, dtype=float)) for name, v in design.items()}
    except (TypeError, ValueError) as error:
        problem, remedy = f"no numbers ({error})", "Give an array of numbers for each variable"
        raise RequestError(problem, place="simulate, design", remedy=remedy) from None
