"""``Law``: a card, read and ready to be evaluated, fitted and optimised."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.calls import public
from bayeslaw.core.errors import CardError, FormulaError, RequestError, check_names
from bayeslaw.core.files import as_path
from bayeslaw.formula import parse_formula
from bayeslaw.formula.latex import latex
from bayeslaw.law.card import LawData
from bayeslaw.law.constrain import constrained_card
from bayeslaw.law.files import line_of, read_toml, write_toml
from bayeslaw.law.inputs import check_inputs
from bayeslaw.law.letters import to_canonical
from bayeslaw.law.reading import read_card, read_letters
from bayeslaw.law.roles import default_parameters

if TYPE_CHECKING:
    import pandas as pd

_ONCE = "Give each variable once"


class Law(LawData):
    """A scaling law: formula, variables, priors, published coefficients and checks.

    Its attributes are the parts of its card, as documented at ``LawData``.

    Parameters
    ----------
    card : dict
        The card as plain data; everything else is read from it.
    place : str
        Where the card stands, for messages.

    Raises
    ------
    CardError, FormulaError
        If the card is not well formed: a law that exists can be used.
    """

    def __init__(self, card: dict[str, Any], place: str = "card") -> None:
        super().__init__(**vars(read_card(card, place)))

    def __repr__(self) -> str:
        """Name and formula, briefly."""
        return f"Law({self.name!r}: {self.formula.result}, {len(self.parameters)} parameters)"

    def _repr_latex_(self) -> str:
        """The formula, as notebooks render it."""
        return rf"$\displaystyle {latex(self.formula)}$"

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
        columns = to_canonical(self.letters, values, self.place)
        return {name: float(columns[name]) for name in self.variables}

    def at_medians(self, at: Mapping[str, float], scale: float) -> dict[str, float]:
        """Coefficients at which every prior has its median: an example where none are published.

        Parameters
        ----------
        at, scale : mapping, float
            Canonical variables of the reference run, and its value of the predicted quantity.

        Returns
        -------
        dict of str to float
            Raw coefficients.
        """
        on = {name: parameter.prior.median for name, parameter in self.parameters.items()}
        return {name: float(value) for name, value in self.form.to_raw(on, at, scale).items()}

    @public
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
            raise RequestError(
                f"no coefficients of {self.name} were published",
                remedy="Give coefficients={...}, or fit the law",
            )
        if name is None:
            name = next(iter(self.coefficients))
        if not isinstance(name, str):
            raise RequestError(
                f"{name!r} is neither a set of coefficients nor the name of one",
                place=self.name,
                remedy=f"Published: {', '.join(self.coefficients)}",
            )
        check_names([name], self.coefficients, f"{self.name} has no coefficient set {{!r}}")
        return dict(self.coefficients[name])

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        *,
        coefficients: str | Mapping[str, Any] | None = None,
        **variables: Any,
    ) -> np.ndarray:
        """Evaluate the law at published or other coefficients.

        Parameters
        ----------
        new : pandas.DataFrame or mapping, optional
            Values of the variables, instead of one keyword each; other columns are not read.
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
        raw = coefficients if isinstance(coefficients, Mapping) else self.published(coefficients)
        if new is not None:
            variables |= {name: new[name] for name in self.variables if name in new}
        columns = check_inputs(self, variables, raw, f"{self.name}.predict")
        with np.errstate(all="ignore"):
            return np.asarray(self.form.predict(columns, raw))

    def with_priors(self, **priors: Mapping[str, Any]) -> Law:
        """The same law with other priors.

        Parameters
        ----------
        **priors : mapping
            For a parameter, ``{"family": ..., ...}`` as in a card; its key ``on``, if any, names
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
        place = f"{self.name}.with_priors"
        check_names(priors, self.parameters, f"{self.name} has no parameter {{!r}}", place=place)
        card = copy.deepcopy(self.card)
        for name, prior in priors.items():
            if not isinstance(prior, Mapping):
                raise RequestError(
                    f"{name} = {prior!r} is no prior",
                    place=place,
                    remedy='Give {"family": "lognormal", "median": 0.25, "factor": 2}',
                )
            entry = dict(prior)
            if "on" in entry:
                card["parameters"][name]["on"] = entry.pop("on")
            card["parameters"][name]["prior"] = entry
        return Law(card, self.place)

    @public
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
        card, place = constrained_card(self, constraints), f"{self.name}.constrain"
        try:
            law = Law(card, self.place)
            with np.errstate(all="ignore"):
                at = law.middle
                value = law.form.predict(at, law.at_medians(at, 1.0)) if at else 0.0
        except (CardError, FormulaError) as error:
            raise RequestError(error.problem, place=place, remedy=error.remedy) from None
        if not np.isfinite(value):
            remedy = "Look for a division by zero or the logarithm of zero"
            raise RequestError(f"{law.name} predicts nothing finite", place=place, remedy=remedy)
        return law

    @classmethod
    @public
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
        path = as_path(path, error=CardError)
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
            A TOML file; an existing one is replaced.

        Raises
        ------
        CardError
            If it cannot be written.
        """
        write_toml(self.card, path)

    @classmethod
    @public
    def from_formula(
        cls,
        text: str,
        *,
        variables: Iterable[str] | Mapping[str, str],
        priors: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "own",
        predicts: str = "loss",
    ) -> Law:
        """Build a law from a formula, without a card.

        Every name that is no variable is a parameter. Its default prior follows from its role: an
        additive floor, the amplitude of a term, or an exponent.

        Parameters
        ----------
        text : str
            The formula: one expression, or assignments of which the last is the prediction.
        variables : iterable of str or mapping
            Canonical variables that the formula reads, or letters and what each is, such as
            ``{"P": "N / 1e9"}``.
        priors : mapping, optional
            Priors that replace the defaults, as in ``with_priors``.
        name, predicts : str
            Its name, and the predicted quantity.

        Returns
        -------
        Law
            The law.

        Raises
        ------
        FormulaError
            If the formula cannot be read.
        CardError
            If the role of a parameter is unclear and ``priors`` has none for it.

        Examples
        --------
        >>> Law.from_formula("E + A/N**alpha + B/D**beta", variables=["N", "D"])
        Law('own': L, 5 parameters)
        """
        named = list(variables)
        if twice := [each for each in named if named.count(each) > 1]:
            raise CardError(f"the variable {twice[0]!r} is given twice", place=name, remedy=_ONCE)
        is_ = dict(variables) if isinstance(variables, Mapping) else {n: n for n in named}
        entries = {letter: {"is": expression} for letter, expression in is_.items()}
        formula = parse_formula(text, place=f"{name}, formula")
        letters = read_letters(entries, formula, name)
        free = [variable for letter in letters.values() for variable in sorted(letter.is_.names)]
        card = {
            "name": name,
            "formula": text,
            "predicts": predicts,
            "variables": entries,
            "parameters": default_parameters(formula, letters, priors or {}, name),
            "optimum": {"free": list(dict.fromkeys(free))},
        }
        return cls(card, name)
