"""A law with parameters fixed or tied to each other: another card, with fewer parameters."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.formula import Expression, Formula, parse_expression
from bayeslaw.formula.simplify import divides_by_zero, substitute, substitute_lines
from bayeslaw.formula.trees import number
from bayeslaw.law.card import LawData

_REMEDY = 'Write "k = 0", "alpha = beta" or "beta = 2*alpha"'


def constrained_card(law: LawData, constraints: Sequence[str]) -> dict[str, Any]:
    """The card of a law under constraints."""
    place = f"{law.name}.constrain"
    single = [constraint for text in constraints for constraint in split_chain(str(text))]
    values = _read(law, single, place)
    trees = {name: expression.tree for name, expression in values.items()}
    formula, known = substitute_lines(law.formula, trees)
    live = formula.reads(formula.lines[-1][1])
    letters = [letter for letter in law.letters if letter in live]
    if not letters:
        problem = "the constraints leave no variable in the law"
        raise RequestError(problem, place=place, remedy="Leave an amplitude and its exponent free")
    card = copy.deepcopy(law.card)
    card.pop("aliases", None)
    stated = ", ".join(f"{name} = {expression.text}" for name, expression in values.items())
    card["name"] = f"{law.name} ({stated})"
    # By this a comparison knows which law this one is nested in; nothing else reads it.
    card["constraints"] = [*card.get("constraints", ()), *single]
    card["parameters"] = {
        name: {**entry, "on": _restated(law, name, known, place)}
        for name, entry in card["parameters"].items()
        if name in live and name not in values
    }
    card["variables"] = {letter: card["variables"][letter] for letter in letters}
    for letter, entry in card["variables"].items():
        base = law.letters[letter].base
        if base and not base.names <= live:
            del entry["base"]
    _keep_lines(card, formula)
    _keep_variables(law, card)
    _keep_published(law, card, values)
    return card


def split_chain(constraint: str) -> list[str]:
    """Constraints of one parameter each, of a chain such as ``"m = n = 0"``."""
    *names, right = (part.strip() for part in constraint.split("="))
    # Two signs next to each other are no chain: reading it refuses them.
    chain = len(names) > 1 and all(names)
    return [f"{name} = {right}" for name in names] if chain else [constraint.strip()]


def _read(law: LawData, constraints: list[str], place: str) -> dict[str, Expression]:
    """What each constrained parameter is, over the parameters that stay."""
    values: dict[str, Expression] = {}
    for constraint in constraints:
        name, value = _read_one(law, constraint, f"{place}({constraint!r})")
        if name in values:
            raise RequestError(
                f"{name!r} is constrained twice", place=place, remedy="Leave one out"
            )
        values[name] = value
    if not values:
        raise RequestError("no constraint is given", place=place, remedy=_REMEDY)
    # A constraint may read a parameter that another one fixes: each is written out in full.
    for _ in values:
        trees = {name: expression.tree for name, expression in values.items()}
        values = {name: substitute(expression, trees) for name, expression in values.items()}
    for name, expression in values.items():
        if expression.names & set(values):
            remedy = "Leave one parameter of the circle free"
            raise RequestError(f"{name!r} is tied to itself", place=place, remedy=remedy)
    return values


def _read_one(law: LawData, constraint: str, place: str) -> tuple[str, Expression]:
    name, equals, right = (part.strip() for part in constraint.partition("="))
    if not equals or not right or right.startswith("=") or name.endswith(("!", "<", ">")):
        raise RequestError("not a constraint", place=place, remedy=_REMEDY)
    if name in law.letters:
        remedy = "Keep runs at one value of it with where=, or fix it with at="
        raise RequestError(f"{name!r} is a variable of {law.name}", place=place, remedy=remedy)
    expression = parse_expression(right, place=place)
    names = [name, *sorted(expression.names)]
    check_names(names, law.parameters, f"{law.name} has no parameter {{!r}}", place=place)
    if not expression.names:
        with np.errstate(all="ignore"):
            value = float(expression({}))
        if not np.isfinite(value):
            raise RequestError(f"{right} is no finite number", place=place, remedy=_REMEDY)
    return name, expression


def _restated(law: LawData, name: str, known: Mapping[str, ast.expr], place: str) -> str:
    """What the prior of a parameter is stated on under the constraints."""
    on = law.parameters[name].on
    restated = substitute(on, known)
    if divides_by_zero(restated.tree):
        raise RequestError(
            f"the prior of {name!r} is stated on {on.text!r}, which is gone",
            place=place,
            remedy=f"Constrain {name!r} too, or state its prior on something else first: "
            f'law.with_priors({name}={{"on": ..., ...}})',
        )
    return restated.text


def _keep_lines(card: dict[str, Any], formula: Formula) -> None:
    """Write the formula without lines that nothing reads any more."""
    terms = [name for name, line in formula.lines if number(line.tree) is None]
    wanted = {formula.result, *(term for term in card.get("terms", ()) if term in terms)}
    for entry in card["parameters"].values():
        wanted |= parse_expression(entry["on"]).names
    known = {*card["parameters"], *card["variables"]}
    lines = {
        target: line.text
        for target, line in formula.lines
        if target == formula.result
        or (target in formula.closure(wanted) and formula.reads(line) <= known)
    }
    card["formula"] = "\n".join(f"{target} = {text}" for target, text in lines.items())
    if "terms" in card:
        card["terms"] = [t for t in card["terms"] if t in lines or t in card["parameters"]]


def _keep_variables(law: LawData, card: dict[str, Any]) -> None:
    """Leave variables that are gone out of units, ratios and the optimum."""
    letters: Collection[str] = card["variables"]
    canonical = {name for letter in letters for name in law.letters[letter].is_.names}
    if "units" in card:
        units = [[n for n in group if n in (*letters, law.formula.result)] for group in law.units]
        card["units"] = {"groups": [group for group in units if group]}
    if "ratios" in card.get("design", {}):
        kept = [r.letter for r in law.ratios if {r.letter, r.over} <= set(letters)]
        ratios = card["design"]["ratios"]
        card["design"] = {"ratios": {letter: ratios[letter] for letter in kept}}
    if "optimum" in card:
        free = [name for name in law.optimum.free if name in canonical]
        report = [t for t in law.optimum.report if parse_expression(t).names <= canonical]
        card["optimum"] = {**card["optimum"], "free": free, "report": report}


def _keep_published(law: LawData, card: dict[str, Any], values: Mapping[str, Expression]) -> None:
    """Keep published sets that satisfy the constraints, and the checks that they reproduce."""
    kept = card["coefficients"] = {
        title: {name: raw[name] for name in card["parameters"]}
        for title, raw in law.coefficients.items()
        if all(
            np.isclose(raw[name], expression(raw), rtol=1e-6, atol=0)
            for name, expression in values.items()
        )
    }
    lines = (line.partition("=")[0].strip() for line in card["formula"].splitlines())
    known = {*card["parameters"], *card["variables"], *law.form.canonical, *lines}
    first = next(iter(law.coefficients), None)
    card["checks"] = [
        {**entry, "coefficients": check.coefficients or first}
        for entry, check in zip(card.get("checks", ()), law.checks, strict=True)
        if (check.coefficients or first) in kept and check.of.names <= known
    ]
