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

    Attributes
    ----------
    name, means : str
        The letter, and the paper's definition.
    is_ : Expression
        Its value as an expression over canonical variables.
    embeddings : str
        Whether embedding parameters are counted: included, excluded or unknown.
    range : tuple of float or None
        Range of the paper's own runs, in the letter's unit.
    base : Expression or None
        Its value in the paper's base configuration; may read other letters.
    values : tuple of float
        Its values in a design, where it is not continuous.
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
    name, means : str
        The paper's letter, and its meaning.
    on : Expression
        What the prior is stated on, at the reference run; affine in the parameter or a power of it.
    prior : Prior
        The prior on that quantity.
    role : str
        ``"floor"`` for the additive irreducible part, else empty.
    weak : str
        Why runs hardly inform it, where the card states it.
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
        An expression of the card's names; if it reads a free variable that ``at`` lacks, the
        variable's optimum is meant.
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
    card : dict
        The card as plain data.
    place : str
        Where the card stands, for messages.
    name, title, source : str
        Author or project and year, or a common name; the subject; where it was published.
    year : int or None
        Year of publication.
    status : str
        How the coefficients were checked: verified, secondary, inferred or own.
    predicts : str
        The predicted quantity; positive.
    caveats : tuple of str
        The card's notes.
    terms : tuple of str
        Lines and parameters that a prediction can be split into.
    formula : Formula
        The formula in the paper's letters.
    letters, parameters : dict
        ``Letter`` and ``Parameter`` by name.
    form : Form
        The law without its numbers.
    coefficients : dict of str to dict
        Published coefficient sets; the first is the default.
    optimum : Optimum
        Free variables and reported expressions.
    cost : Cost or None
        Training FLOPs in this law's convention. A loss law costs ``training`` unless its card names
        another; None where the law reads compute itself or predicts something else.
    units : tuple of tuple of str
        Groups of letters under whose common scaling the law keeps its form.
    ratios : tuple of Ratio
        Bounds that a design of this law keeps.
    checks : tuple of Check
        Published numbers that the card must reproduce.
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
