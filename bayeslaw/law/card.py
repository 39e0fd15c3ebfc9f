"""The parts of a law card."""

from __future__ import annotations

from dataclasses import dataclass

from bayeslaw.formula import Expression
from bayeslaw.law.priors import Prior


@dataclass(frozen=True)
class Letter:
    """A letter of the paper's formula that stands for a variable.

    Attributes
    ----------
    name : str
        The letter.
    is_ : Expression
        Its value as an expression over canonical variables.
    means : str
        The paper's definition.
    embeddings : str
        Whether embedding parameters are counted: included, excluded or unknown.
    range : tuple of float or None
        Range of the paper's own runs, in the letter's unit.
    base : Expression or None
        Its value in the paper's base configuration; may read other letters.
    values : tuple of float
        The values that it takes in a design, where it is not continuous.
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

    Attributes
    ----------
    name : str
        The paper's letter.
    on : Expression
        What the prior is stated on, at the reference run; affine in the parameter.
    prior : Prior
        The prior on that quantity.
    role : str
        ``"floor"`` for the additive irreducible part, else empty.
    weak : str
        Why runs hardly inform it, where the card says so.
    means : str
        What it is, in words.
    """

    name: str
    on: Expression
    prior: Prior
    role: str = ""
    weak: str = ""
    means: str = ""


@dataclass(frozen=True)
class Check:
    """A published number that the card must reproduce.

    Attributes
    ----------
    of : Expression
        An expression of the card's names; if it reads a free variable that ``at`` does not give,
        its optimum is meant.
    at : dict of str to float
        Canonical variables.
    value, rtol : float
        The number and its relative tolerance.
    coefficients : str or None
        Which published set; None is the first.
    """

    of: Expression
    at: dict[str, float]
    value: float
    rtol: float
    coefficients: str | None = None


@dataclass(frozen=True)
class Optimum:
    """What a law can be optimised over.

    Attributes
    ----------
    free : tuple of str
        Canonical variables that are free unless they are fixed.
    report : tuple of str
        Expressions over canonical variables that an answer reports.
    sense : {"min", "max"}
        Whether less or more of the predicted quantity is better.
    """

    free: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    sense: str = "min"


@dataclass(frozen=True)
class Ratio:
    """A bound on one letter over another that a design keeps.

    Attributes
    ----------
    letter, over : str
        The letters.
    low, high : float
        Bounds of letter / over.
    """

    letter: str
    over: str
    low: float
    high: float
