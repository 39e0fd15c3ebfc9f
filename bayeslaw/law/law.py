"""``Law``: a card, read and ready to be evaluated, fitted and optimised."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import CardError, FormulaError, RequestError, nearest
from bayeslaw.formula import Formula
from bayeslaw.formula.latex import latex
from bayeslaw.law import card as cards, reading
from bayeslaw.law.constrain import constrained
from bayeslaw.law.cost import COSTS, Cost
from bayeslaw.law.files import read_toml, write_toml
from bayeslaw.law.form import SCALE, Form
from bayeslaw.law.letters import to_canonical
from bayeslaw.law.lines import line_of
from bayeslaw.law.roles import default_parameters

# Names that draws have besides a law's own.
_TAKEN = ("T", "noise_scale", "noise_df", "noise_excess")


@dataclass(frozen=True)
class Law:
    """A scaling law: formula, variables, priors, published coefficients and checks.

    Attributes
    ----------
    card : dict
        The card as plain data; everything else is read from it.
    place : str
        Where the card stands, for messages.
    """

    card: dict[str, Any]
    place: str = "card"

    def __post_init__(self) -> None:
        """Read and check the whole card, so that a law that exists can be used."""
        reserved = {SCALE} & (self.formula.names | {target for target, _ in self.formula.lines})
        if reserved:
            raise CardError(
                f"{SCALE!r} is the reference value of the predicted quantity",
                place=f"{self.place}, formula",
                remedy="Use another letter",
            )
        if self.predicts in self.variables:
            raise CardError(
                f"{self.predicts!r} is predicted and a variable at once",
                place=f"{self.place}, predicts",
                remedy="Name what the last line of the formula is",
            )
        for name in self.parameters:
            if name in _TAKEN or name.endswith("_on"):
                raise CardError(
                    f"a parameter cannot be called {name!r}: draws use that name",
                    place=f"{self.place}, [parameters]",
                    remedy="Use another letter",
                )
        floors = [name for name, entry in self.parameters.items() if entry.role == "floor"]
        if len(floors) > 1:
            raise CardError(f"{' and '.join(floors)} are both floors", place=self.place)
        for name, entry in self.parameters.items():
            known = {*self.form.parameters, *self.letters, SCALE, *dict(self.formula.lines)}
            for read in sorted(entry.on.names - known):
                place = f"{self.place}, [parameters] {name}, on"
                remedy = nearest(read, sorted(known))
                raise CardError(f"unknown name {read!r}", place=place, remedy=remedy)
            floor = self.form.floor
            if floor not in (None, name) and floor in self.formula.reads(entry.on):
                raise CardError(
                    f"the prior of {name!r} is stated on {entry.on.text!r}, which reads the floor",
                    place=f"{self.place}, [parameters] {name}, on",
                    remedy="State it on other terms: the floor follows from the sum of all",
                )
            reading.check_reference_use(entry, self.form.canonical_reads(entry.on), self.place)
        for term in self.terms:
            if term not in {target for target, _ in self.formula.lines} | set(self.parameters):
                lines = [target for target, _ in self.formula.lines]
                raise CardError(
                    f"{term!r} is no line of the formula",
                    place=f"{self.place}, terms",
                    remedy=nearest(term, lines),
                )
        self.form.check()
        for name in self.form.powers:
            prior = self.parameters[name].prior
            if prior.family != "lognormal" or prior.low < 0:
                raise CardError(
                    f"the prior {prior} may be negative, but it is stated on a power of {name!r}",
                    place=f"{self.place}, [parameters] {name}, prior",
                    remedy="Make it lognormal, or state it on something affine",
                )
        _ = self.coefficients, self.optimum, self.checks, self.cost, self.ratios, self.units
        _ = self.year

    def __repr__(self) -> str:
        """Name and formula, briefly."""
        return f"Law({self.name!r}: {self.formula.result}, {len(self.parameters)} parameters)"

    def _repr_latex_(self) -> str:
        """The formula, as notebooks render it."""
        return rf"$\displaystyle {latex(self.formula)}$"

    @property
    def name(self) -> str:
        """Author or project and year, or a common name."""
        return str(self.card.get("name", "own"))

    @property
    def title(self) -> str:
        """What the law is about, in a few words."""
        return str(self.card.get("title", ""))

    @property
    def source(self) -> str:
        """Where the law was published."""
        return str(self.card.get("source", ""))

    @property
    def year(self) -> int | None:
        """When it was published; None where no year is stated."""
        return reading.read_year(self.card, self.place)

    @property
    def status(self) -> str:
        """How the coefficients were checked: verified, secondary, inferred, or own."""
        return str(self.card.get("status", "own"))

    @property
    def predicts(self) -> str:
        """The predicted quantity; positive."""
        return str(self.card.get("predicts", "loss"))

    @property
    def caveats(self) -> tuple[str, ...]:
        """The card's notes."""
        return tuple(self.card.get("notes", ()))

    @property
    def terms(self) -> tuple[str, ...]:
        """Lines and parameters that a prediction can be split into."""
        return reading.read_terms(self.card, self.place)

    @cached_property
    def formula(self) -> Formula:
        """The formula in the paper's letters."""
        return reading.read_formula(self.card, self.place)

    @cached_property
    def letters(self) -> dict[str, cards.Letter]:
        """The paper's letters for variables."""
        return reading.read_letters(self.card, self.formula, self.place)

    @cached_property
    def parameters(self) -> dict[str, cards.Parameter]:
        """The coefficients and their priors."""
        return reading.read_parameters(self.card, self.formula, self.letters, self.place)

    @cached_property
    def coefficients(self) -> dict[str, dict[str, float]]:
        """Published coefficient sets; the first is the default."""
        return reading.read_coefficients(self.card, self.parameters, self.place)

    @cached_property
    def optimum(self) -> cards.Optimum:
        """Free variables and reported expressions."""
        return reading.read_optimum(self.card, self.form.canonical, self.place)

    @cached_property
    def units(self) -> tuple[tuple[str, ...], ...]:
        """Groups of letters under whose common scaling the law keeps its form."""
        known = [*self.letters, self.formula.result]
        return reading.read_units(self.card, known, self.place)

    @cached_property
    def ratios(self) -> tuple[cards.Ratio, ...]:
        """Bounds that a design of this law keeps."""
        return reading.read_ratios(self.card, self.letters, self.place)

    @cached_property
    def checks(self) -> tuple[cards.Check, ...]:
        """Published numbers that the card must reproduce."""
        known = {*self.form.parameters, *self.letters, *self.form.canonical}
        known |= {target for target, _ in self.formula.lines}
        return reading.read_checks(self.card, sorted(known), self.coefficients, self.place)

    @cached_property
    def cost(self) -> Cost | None:
        """Training FLOPs in this law's convention.

        A loss law costs ``training`` unless its card says otherwise. None where nothing is to be
        paid for: the law reads compute itself, or predicts something else.
        """
        by_default = None if "C" in self.variables or self.predicts != "loss" else "training"
        name = self.card.get("cost", by_default)
        if name is None:
            return None
        if name not in COSTS:
            place = f"{self.place}, cost"
            raise CardError(f"unknown cost {name!r}", place=place, remedy=nearest(name, COSTS))
        return COSTS[name]

    @cached_property
    def form(self) -> Form:
        """The law without its numbers."""
        floor = [name for name, entry in self.parameters.items() if entry.role == "floor"]
        return Form(
            self.formula,
            tuple((name, letter.is_) for name, letter in self.letters.items()),
            tuple((name, parameter.on) for name, parameter in self.parameters.items()),
            floor[0] if floor else None,
            self.place,
        )

    @property
    def variables(self) -> tuple[str, ...]:
        """Canonical variables that the law reads."""
        return self.form.canonical

    @cached_property
    def middle(self) -> dict[str, float]:
        """The middle of the paper's runs by canonical variable, where every letter has a range."""
        values = {}
        for name, letter in self.letters.items():
            if letter.range is None:
                return {}
            low, high = letter.range
            zero = vocabulary.variable(letter.is_.text).includes_zero or low <= 0
            values[name] = (low + high) / 2 if zero else float(np.sqrt(low * high))
        found = to_canonical(self.letters, values, self.place)
        return {name: float(found[name]) for name in self.variables}

    def at_medians(self, at: Mapping[str, float], scale: float) -> dict[str, float]:
        """Coefficients where every prior has its median: an example where none was published.

        Parameters
        ----------
        at : mapping
            Canonical variables of the reference run.
        scale : float
            Reference value of the predicted quantity.

        Returns
        -------
        dict of str to float
            Raw coefficients.
        """
        on = {name: entry.prior.median for name, entry in self.parameters.items()}
        return {name: float(value) for name, value in self.form.to_raw(on, at, scale).items()}

    def published(self, name: str | None = None) -> dict[str, float]:
        """A published coefficient set.

        Parameters
        ----------
        name : str, optional
            Which; the first unless named.

        Returns
        -------
        dict of str to float
            Raw coefficients.

        Raises
        ------
        RequestError
            If the card has no such set.
        """
        if not self.coefficients:
            raise RequestError(f"no coefficients of {self.name} were published")
        if name is None:
            name = next(iter(self.coefficients))
        if not isinstance(name, str):
            raise RequestError(
                f"{name!r} is neither a set of coefficients nor the name of one",
                place=self.name,
                remedy=f"Published: {', '.join(self.coefficients)}",
            )
        if name not in self.coefficients:
            raise RequestError(
                f"{self.name} has no coefficient set {name!r}",
                remedy=nearest(name, self.coefficients),
            )
        return dict(self.coefficients[name])

    def predict(
        self, *, coefficients: str | Mapping[str, Any] | None = None, **variables: Any
    ) -> np.ndarray:
        """Evaluate the law at published or given coefficients.

        Parameters
        ----------
        coefficients : str or mapping, optional
            Name of a published set (the first unless named), or raw coefficients.
        **variables : array_like
            Every canonical variable of the law, raw counts; shapes broadcast.

        Returns
        -------
        ndarray
            The predicted quantity.

        Raises
        ------
        RequestError
            If a variable or coefficient is missing, a variable is foreign to the law, or shapes do
            not match.
        """
        missing = [name for name in self.variables if name not in variables]
        extra = [name for name in variables if name not in self.variables]
        if missing or extra:
            said = [f"{name} is missing" for name in missing]
            said += [f"{name} is not in the law" for name in extra]
            raise RequestError(
                f"{self.name} takes {', '.join(self.variables)}: {'; '.join(said)}",
                place=f"{self.name}.predict",
            )
        raw = coefficients if isinstance(coefficients, Mapping) else self.published(coefficients)
        wrong = [f"{name} is missing" for name in self.parameters if name not in raw]
        # Sets that come from a law with more parameters may be given as they are.
        lines = {target for target, _ in self.formula.lines}
        wrong += [f"{name} is a line of the formula" for name in raw if name in lines]
        if wrong:
            raise RequestError(
                f"{self.name} has the coefficients {', '.join(self.parameters)}: "
                f"{'; '.join(wrong)}",
                place=f"{self.name}.predict",
            )
        try:
            columns = {name: np.asarray(value, dtype=float) for name, value in variables.items()}
            shapes = [np.shape(value) for value in (*columns.values(), *raw.values())]
            np.broadcast_shapes(*shapes)
        except (TypeError, ValueError) as error:
            raise RequestError(
                f"the variables are no numbers of matching shapes ({error})",
                place=f"{self.name}.predict",
                remedy="Give numbers, or arrays of one length",
            ) from None
        for name, values in columns.items():
            domain = vocabulary.variable(name)
            bad = ~((values >= domain.low) & (values <= domain.high) & np.isfinite(values))
            if bad.any():
                raise RequestError(
                    f"{name} = {values[bad].flat[0]:g} is outside {domain.domain}",
                    place=f"{self.name}.predict",
                    remedy=f"{name} is {domain.means}",
                )
        return np.asarray(self.form.predict(columns, raw))

    def with_priors(self, **priors: Mapping[str, Any]) -> Law:
        """The same law with other priors.

        Parameters
        ----------
        **priors : mapping
            For a parameter, ``{"family": ..., ...}`` as in a card; its key ``on``, if any, says
            what the prior is stated on.

        Returns
        -------
        Law
            A new law.

        Raises
        ------
        RequestError
            If a name is no parameter.
        """
        card = copy.deepcopy(self.card)
        for name, prior in priors.items():
            if name not in self.parameters:
                remedy = nearest(name, self.parameters)
                raise RequestError(f"{self.name} has no parameter {name!r}", remedy=remedy)
            if not isinstance(prior, Mapping):
                raise RequestError(
                    f"{name} = {prior!r} is no prior",
                    place=f"{self.name}.with_priors",
                    remedy='Give {"family": "lognormal", "median": 0.25, "factor": 2}',
                )
            entry = dict(prior)
            if "on" in entry:
                card["parameters"][name]["on"] = entry.pop("on")
            card["parameters"][name]["prior"] = entry
        return Law(card, self.place)

    def constrain(self, *constraints: str) -> Law:
        """The same law with parameters fixed, or tied to each other.

        Parameters that no longer have an effect go too, and so do variables: ``zhao2025`` under
        ``"e = 0", "f = 0", "m = 0", "n = 0", "c = 0"`` has five parameters and reads N and D.

        Parameters
        ----------
        *constraints : str
            Such as ``"k = 0"``, ``"alpha = 0.5"``, ``"alpha = beta"`` or ``"m = n = 0"``.

        Returns
        -------
        Law
            A new law, to fit and to compare. It keeps the published sets that satisfy the
            constraints.

        Raises
        ------
        RequestError
            If a constraint cannot be read or names what is no parameter.
        """
        card = constrained(self, constraints)
        try:
            return _sound(Law(card, self.place))
        except (CardError, FormulaError) as error:
            place = f"{self.name}.constrain"
            raise RequestError(error.problem, place=place, remedy=error.remedy) from None

    @classmethod
    def from_toml(cls, path: str | Path) -> Law:
        """Read a card.

        Parameters
        ----------
        path : str or Path
            A TOML file.

        Returns
        -------
        Law
            The law.

        Raises
        ------
        CardError
            If the file cannot be read or the card is not well formed.
        """
        path = Path(path)
        card, text = read_toml(path)
        try:
            return cls(card, path.name)
        except (CardError, FormulaError) as error:
            line = line_of(text, error.place)
            place = error.place if line is None else f"{error.place} (line {line})"
            raise type(error)(error.problem, place=place, remedy=error.remedy) from None

    def save(self, path: str | Path) -> None:
        """Write the card to a file, all of it or nothing.

        Parameters
        ----------
        path : str or Path
            A TOML file; one that is there is replaced.

        Raises
        ------
        CardError
            If it cannot be written.
        """
        write_toml(self.card, Path(path))

    @classmethod
    def from_formula(
        cls,
        text: str,
        *,
        variables: Iterable[str] | Mapping[str, str],
        priors: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "own",
        predicts: str = "loss",
    ) -> Law:
        """A law of one's own, without a card.

        Every name that is no variable is a parameter. Its default prior follows from its role: an
        additive floor, the amplitude of a term, or an exponent.

        Parameters
        ----------
        text : str
            The formula: one expression, or assignments of which the last is the prediction.
        variables : iterable of str or mapping
            Canonical variables that the formula reads, or letters with what they stand for.
        priors : mapping, optional
            Priors that replace the defaults, as in ``with_priors``.
        name : str
            Its name.
        predicts : str
            The predicted quantity.

        Returns
        -------
        Law
            The law.

        Raises
        ------
        FormulaError
            If the formula cannot be read.
        CardError
            If the role of a parameter is unclear and no prior is given for it.

        Examples
        --------
        >>> Law.from_formula("E + A/N**alpha + B/D**beta", variables=["N", "D"])
        Law('own': L, 5 parameters)
        """
        letters = dict(variables) if isinstance(variables, Mapping) else {n: n for n in variables}
        card: dict[str, Any] = {
            "name": name,
            "formula": text,
            "predicts": predicts,
            "variables": {letter: {"is": is_} for letter, is_ in letters.items()},
        }
        formula = reading.read_formula(card, name)
        read = reading.read_letters(card, formula, name)
        card["parameters"] = default_parameters(formula, read, priors or {}, name)
        free = [n for letter in read.values() for n in sorted(letter.is_.names)]
        card["optimum"] = {"free": list(dict.fromkeys(free))}
        return cls(card, name)


def _sound(law: Law) -> Law:
    """A constrained law, if it still predicts something somewhere."""
    if law.middle:
        with np.errstate(all="ignore"):
            raw = law.at_medians(law.middle, 1.0)
            value = float(law.form.predict(law.middle, raw))
        if not np.isfinite(value):
            raise RequestError(
                f"{law.name} predicts nothing finite",
                place="constrain",
                remedy="Look for a division by zero or the logarithm of zero",
            )
    return law
