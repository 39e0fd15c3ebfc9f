"""Default priors for a formula without a card, by the role of each parameter."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import CardError, check_names
from bayeslaw.formula import Formula
from bayeslaw.formula.trees import exponents, factors, names_in, summands
from bayeslaw.law.card import Letter

# Published exponents run from .08 to .76; a floor is more than half of the loss in most papers, and
# the other terms share the rest.
_EXPONENT = {"family": "lognormal", "median": 0.25, "factor": 2.0}
_FLOOR = {"family": "lognormal", "median": 0.6, "factor": 1.5}
_SHARE = {"family": "lognormal", "median": 0.1, "factor": 3.0}


def default_parameters(
    formula: Formula,
    letters: Mapping[str, Letter],
    priors: Mapping[str, Mapping[str, Any]],
    place: str,
) -> dict[str, dict[str, Any]]:
    """The ``[parameters]`` of a card, for every name that is no variable."""
    # In the order of the text, from left to right.
    words = [word for _, line in formula.lines for word in re.findall(r"\w+", line.text)]
    names = [name for name in dict.fromkeys(words) if name in formula.names - set(letters)]
    check_names(
        priors, names, "a prior for {!r}, which is no parameter", place=place, error=CardError
    )
    terms = list(summands(formula.written_out))
    powers = {name for _, expression in formula.lines for name in exponents(expression.tree)}
    has_floor = any(isinstance(term, ast.Name) and term.id in names for term in terms)
    share = _SHARE if has_floor else {**_SHARE, "median": 1 / len(terms)}
    zero = {
        letter
        for letter, entry in letters.items()
        if any(vocabulary.variable(name).includes_zero for name in entry.is_.names)
    }
    entries: dict[str, dict[str, Any]] = {}
    for name in names:
        holding = [term for term in terms if name in names_in(term)]
        is_floor = bool(holding) and all(isinstance(term, ast.Name) for term in holding)
        if name in priors:
            prior = dict(priors[name])
            on = {"on": prior.pop("on")} if "on" in prior else {}
            entries[name] = {**on, "prior": prior, **({"role": "floor"} if is_floor else {})}
        elif is_floor and len(holding) > 1:
            problem = f"the floor {name!r} is added {len(holding)} times"
            raise CardError(problem, place=place, remedy="Write it once")
        elif is_floor:
            entries[name] = {"on": f"{name} / loss", "prior": _FLOOR, "role": "floor"}
        elif name in powers and not any(name in _bare_factors(term) for term in terms):
            entries[name] = {"prior": _EXPONENT}
        elif (
            len(holding) == 1
            and [factor for factor in _bare_factors(holding[0]) if factor in names] == [name]
            and not zero & set(names_in(holding[0]))
        ):
            entries[name] = {"on": f"({ast.unparse(holding[0])}) / loss", "prior": share}
        else:
            raise CardError(
                f"the role of {name!r} is unclear: no floor, amplitude of a term or exponent",
                place=place,
                remedy=f'Give it a prior: priors={{"{name}": {{"family": "lognormal", '
                f'"median": ..., "factor": ...}}}}',
            )
    return entries


def _bare_factors(term: ast.expr) -> list[str]:
    """Names that are factors of a term by themselves, above the line."""
    return [factor.id for factor, above in factors(term) if above and isinstance(factor, ast.Name)]
