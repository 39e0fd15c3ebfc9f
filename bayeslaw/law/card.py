"""A law card as data: its parts, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bayeslaw.formula import Expression, Formula
from bayeslaw.law.cost import Cost
from bayeslaw.law.form import Form
from bayeslaw.law.priors import Prior


@dataclass(frozen=True)
class Letter:
    """A letter of the paper's formula that stands for a variable.

    ``is_`` is its value over canonical variables; ``range`` and ``base`` are those of the paper's
    runs, in the letter's unit, and ``base`` may read other letters; ``values`` is given where a
    design has only these. ``embeddings``: whether counts of parameters are with embeddings
    (included, excluded or unknown).
    """

    name: str
    is_: Expression
    means: str = ""
    embeddings: str = ""
    range: tuple[float, float] | None = None
    base: Expression | None = None
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A coefficient of a law.

    ``on`` is what its prior is stated on, at the reference run: affine in the parameter, or a power
    of it. ``role`` is ``"floor"`` for the additive irreducible part; ``weak`` states why runs
    hardly inform it.
    """

    name: str
    on: Expression
    prior: Prior
    role: str = ""
    weak: str = ""
    means: str = ""


@dataclass(frozen=True)
class Check:
    """A published number that the card must reproduce, to a relative tolerance.

    ``of`` is an expression of the card's names. If it reads a free variable that ``at`` lacks, the
    variable's optimum is meant. Without ``coefficients`` the first published set is.
    """

    of: Expression
    at: dict[str, float]
    value: float
    rtol: float
    coefficients: str | None = None


@dataclass(frozen=True)
class Optimum:
    """What a law is optimised over: canonical variables, reported expressions, "min" or "max"."""

    free: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    sense: str = "min"


@dataclass(frozen=True)
class Ratio:
    """Bounds on one letter over another that a design keeps."""

    letter: str
    over: str
    low: float
    high: float


@dataclass(frozen=True, repr=False)
class LawData:
    """All that a card states.

    Attributes
    ----------
    card, place : dict, str
        The card as plain data, and where it stands, for messages.
    name, title, source, status, predicts : str
        Author or project and year; subject; where it was published; how the coefficients were
        checked (verified, secondary, inferred or own); the predicted quantity, which is positive.
    year : int or None
        Year of publication.
    caveats, terms : tuple of str
        The card's notes; lines and parameters that a prediction can be split into.
    formula, form : Formula, Form
        The formula in the paper's letters; the law without its numbers.
    letters, parameters : dict
        ``Letter`` and ``Parameter`` by name.
    coefficients : dict of str to dict
        Published coefficient sets; the first is the default.
    optimum : Optimum
        Free variables and reported expressions.
    cost : Cost or None
        Training FLOPs in this law's convention; None where the law reads compute itself or predicts
        something else than loss.
    units : tuple of tuple of str
        Groups of letters under whose common scaling the law keeps its form.
    ratios, checks : tuple of Ratio, tuple of Check
        Bounds that a design keeps; published numbers that the card must reproduce.
    """

    card: dict[str, Any]
    place: str
    name: str
    title: str
    source: str
    year: int | None
    status: str
    predicts: str
    caveats: tuple[str, ...]
    terms: tuple[str, ...]
    formula: Formula
    letters: dict[str, Letter]
    parameters: dict[str, Parameter]
    form: Form
    coefficients: dict[str, dict[str, float]]
    optimum: Optimum
    cost: Cost | None
    units: tuple[tuple[str, ...], ...]
    ratios: tuple[Ratio, ...]
    checks: tuple[Check, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Canonical variables that the law reads."""
        return self.form.canonical
