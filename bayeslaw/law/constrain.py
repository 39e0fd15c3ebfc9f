"""A law with parameters fixed or tied to each other: another card, with fewer parameters."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.formula import Expression, Formula, parse_expression
from bayeslaw.formula.simplify import divides_by_zero, substitute, substitute_lines
from bayeslaw.formula.trees import number

if TYPE_CHECKING:
    from bayeslaw.law.law import Law

_REMEDY = 'Write "k = 0", "alpha = beta" or "beta = 2*alpha"'


def constrained(law: Law, constraints: Sequence[str]) -> dict[str, Any]:
    """The card of a law under constraints."""
    values = _read(law, constraints)
    trees = {name: expression.tree for name, expression in values.items()}
    formula, known = substitute_lines(law.formula, trees)
    card = copy.deepcopy(law.card)
    live = formula.reads(formula.lines[-1][1])
    gone = [name for name in law.parameters if name in values or name not in live]
    if not live & set(law.letters):
        raise RequestError(
            "the constraints leave no variable in the law", place=f"{law.name}.constrain"
        )
    card["parameters"] = {
        name: _stated(law, name, entry, known)
        for name, entry in card["parameters"].items()
        if name not in gone
    }
    card["variables"] = {
        letter: _without_base(entry, live)
        for letter, entry in card["variables"].items()
        if letter in live
    }
    _keep_lines(card, formula)
    _keep_variables(law, card)
    _keep_published(law, card, values)
    said = ", ".join(f"{name} = {expression.text}" for name, expression in values.items())
    card["name"] = f"{law.name} ({said})"
    # What tells a comparison which law this one is nested in; nothing else reads it.
    single = [one for given in constraints for one in one_by_one(given)]
    card["constraints"] = [*card.get("constraints", ()), *single]
    card.pop("aliases", None)
    return card


def one_by_one(constraint: str) -> list[str]:
    """Constraints of one parameter each, of a chain such as ``"m = n = 0"``."""
    *names, right = (part.strip() for part in constraint.split("="))
    # Two signs next to each other are no chain: reading it says what is wrong.
    chain = len(names) > 1 and all(names)
    return [f"{name} = {right}" for name in names] if chain else [constraint.strip()]


def _read(law: Law, constraints: Sequence[str]) -> dict[str, Expression]:
    values: dict[str, Expression] = {}
    for given in constraints:
        if not isinstance(given, str):
            raise RequestError(
                "not a constraint", place=f"{law.name}.constrain({given!r})", remedy=_REMEDY
            )
    for text in (one for given in constraints for one in one_by_one(given)):
        place = f"{law.name}.constrain({text!r})"
        name, equals, right = (part.strip() for part in text.partition("="))
        if not equals or not right or right.startswith("=") or name.endswith(("!", "<", ">")):
            raise RequestError("not a constraint", place=place, remedy=_REMEDY)
        if name in law.letters:
            raise RequestError(
                f"{name!r} is a variable of {law.name}",
                place=place,
                remedy="Keep runs at one value of it with where=, or fix it with at=",
            )
        if name not in law.parameters:
            remedy = nearest(name, law.parameters)
            raise RequestError(f"{law.name} has no parameter {name!r}", place=place, remedy=remedy)
        if name in values:
            raise RequestError(f"{name!r} is constrained twice", place=place)
        expression = parse_expression(right, place=place)
        for other in sorted(expression.names - set(law.parameters)):
            remedy = nearest(other, law.parameters)
            raise RequestError(f"{law.name} has no parameter {other!r}", place=place, remedy=remedy)
        if not expression.names:
            with np.errstate(all="ignore"):
                value = float(expression({}))
            if not np.isfinite(value):
                raise RequestError(f"{right} is no finite number", place=place, remedy=_REMEDY)
        values[name] = expression
    if not values:
        raise RequestError("no constraint is given", place=f"{law.name}.constrain", remedy=_REMEDY)
    # A constraint may read a parameter that another one fixes: each is written out in full.
    for _ in values:
        trees = {name: expression.tree for name, expression in values.items()}
        values = {name: substitute(expression, trees) for name, expression in values.items()}
    for name, expression in values.items():
        if expression.names & set(values):
            raise RequestError(
                f"{name!r} is tied to itself",
                place=f"{law.name}.constrain",
                remedy="Leave one parameter of the circle free",
            )
    return values


def _stated(
    law: Law, name: str, entry: Mapping[str, Any], known: Mapping[str, ast.expr]
) -> dict[str, Any]:
    on = substitute(law.parameters[name].on, known)
    if divides_by_zero(on.tree):
        raise RequestError(
            f"the prior of {name!r} is stated on {law.parameters[name].on.text!r}, which is gone",
            place=f"{law.name}.constrain",
            remedy=f"Constrain {name!r} too, or state its prior on something else first: "
            f'law.with_priors({name}={{"on": ..., ...}})',
        )
    return {**entry, "on": on.text}


def _without_base(entry: Mapping[str, Any], live: frozenset[str]) -> dict[str, Any]:
    """A letter's entry; a base value that reads a letter that is gone goes too."""
    base = entry.get("base")
    lost = base is not None and not parse_expression(str(base)).names <= live
    return {key: value for key, value in entry.items() if not (key == "base" and lost)}


def _keep_lines(card: dict[str, Any], formula: Formula) -> None:
    """Write the formula without lines that nothing reads any more."""
    lines = dict(formula.lines)
    wanted = {formula.result, *(t for t in card.get("terms", ()) if _has_effect(lines, t))}
    for entry in card["parameters"].values():
        wanted |= parse_expression(entry["on"]).names & set(lines)
    pending = set(wanted)
    while pending:
        more = lines[pending.pop()].names & set(lines) - wanted if pending else set()
        wanted |= more
        pending |= more
    known = {*card["parameters"], *card["variables"]}
    kept = [
        (target, expression)
        for target, expression in formula.lines
        if target in wanted and (target == formula.result or formula.reads(expression) <= known)
    ]
    card["formula"] = "\n".join(f"{target} = {expression.text}" for target, expression in kept)
    targets = {target for target, _ in kept}
    if "terms" in card:
        card["terms"] = [t for t in card["terms"] if t in targets or t in card["parameters"]]


def _has_effect(lines: Mapping[str, Expression], name: str) -> bool:
    return name in lines and number(lines[name].tree) is None


def _keep_variables(law: Law, card: dict[str, Any]) -> None:
    letters = set(card["variables"])
    canonical = {n for letter in letters for n in law.letters[letter].is_.names}
    if "units" in card:
        kept = {*letters, law.formula.result}
        groups = [[name for name in group if name in kept] for group in card["units"]["groups"]]
        card["units"] = {"groups": [group for group in groups if group]}
    if "ratios" in card.get("design", {}):
        ratios = card["design"]["ratios"].items()
        card["design"] = {
            "ratios": {k: v for k, v in ratios if k in letters and v["over"] in letters}
        }
    if "optimum" in card:
        kept_free = [name for name in law.optimum.free if name in canonical]
        report = [t for t in law.optimum.report if parse_expression(t).names <= canonical]
        card["optimum"] = {**card["optimum"], "free": kept_free, "report": report}


def _keep_published(law: Law, card: dict[str, Any], values: Mapping[str, Expression]) -> None:
    """Keep published sets that satisfy the constraints; nobody published the others."""
    parameters = list(card["parameters"])
    kept = {
        title: {name: raw[name] for name in parameters}
        for title, raw in law.coefficients.items()
        if all(
            np.isclose(raw[name], expression(raw), rtol=1e-6, atol=0)
            for name, expression in values.items()
        )
    }
    card["coefficients"] = kept
    # Checks of other sets, and those that read what is gone, are not this law's.
    known = {*parameters, *card["variables"], *law.form.canonical}
    known |= {line.partition("=")[0].strip() for line in card["formula"].splitlines()}
    first = next(iter(law.coefficients), None)
    card["checks"] = [
        {**entry, "coefficients": check.coefficients or first}
        for entry, check in zip(card.get("checks", ()), law.checks, strict=True)
        if (check.coefficients or first) in kept and check.of.names <= known
    ]
