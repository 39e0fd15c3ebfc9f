"""A law card read and checked, part by part, so that a law that exists can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import CardError, check_names, nearest
from bayeslaw.formula import Formula, parse_expression, parse_formula
from bayeslaw.law import keys
from bayeslaw.law.card import Check, LawData, Letter, Optimum, Parameter, Ratio
from bayeslaw.law.cost import COSTS
from bayeslaw.law.form import SCALE, Form, sort_by_need
from bayeslaw.law.keys import Key, read_entry
from bayeslaw.law.priors import Prior

#: Names that draws have besides a law's own.
RESERVED = ("T", "noise_scale", "noise_df", "noise_excess")

CARD = {
    "name": Key(keys.label, "own"),
    "aliases": Key(keys.texts, ()),
    "title": Key(keys.text),
    "source": Key(keys.text),
    "paper": Key(keys.text),
    "year": Key(keys.year, None),
    "status": Key(keys.one_of("verified", "secondary", "inferred", "own"), "own"),
    "predicts": Key(keys.variable_name, "loss"),
    "same_form_as": Key(keys.text),
    "notes": Key(keys.texts, ()),
    "formula": Key(keys.text, required='formula = "L = ..."'),
    "terms": Key(keys.texts, ()),
    "cost": Key(keys.one_of(*COSTS), None),
    "constraints": Key(keys.texts, ()),
    "variables": Key(keys.table, required="[variables]"),
    "design": Key(keys.table, {}),
    "units": Key(keys.table, {}),
    "parameters": Key(keys.table, {}),
    "coefficients": Key(keys.table, {}),
    "optimum": Key(keys.table, {}),
    "checks": Key(keys.tables, ()),
}
LETTER = {
    "is": Key(keys.expression, None),
    "means": Key(keys.text),
    "embeddings": Key(keys.text),
    "range": Key(keys.span, None),
    "base": Key(keys.quantity, None),
    "values": Key(keys.numbers, ()),
}
PARAMETER = {
    "on": Key(keys.expression, None),
    "prior": Key(Prior.parse, required='{ prior = { family = "normal", mean = 0, sd = 0.1 } }'),
    "role": Key(keys.one_of("floor")),
    "weak": Key(keys.text),
    "means": Key(keys.text),
}
DESIGN = {"ratios": Key(keys.table, {})}
RATIO = {
    "over": Key(keys.text, required='{ over = "N", range = [0.03, 0.7] }'),
    "range": Key(keys.span, required='{ over = "N", range = [0.03, 0.7] }'),
}
UNITS = {"groups": Key(keys.lists, ())}
OPTIMUM = {
    "free": Key(keys.texts, ()),
    "report": Key(keys.texts, ()),
    "sense": Key(keys.one_of("min", "max"), "min"),
}
CHECK = {
    "of": Key(keys.expression, required='of = "L"'),
    "at": Key(keys.numbers_by_name, {}),
    "value": Key(keys.number, required="value = 2.5"),
    "rtol": Key(keys.number, 1e-3),
    "coefficients": Key(keys.text, None),
}


def _known(names: Iterable[Any], known: Iterable[str], problem: str, place: str) -> None:
    check_names(names, known, problem, place=place, error=CardError)


def read_card(card: dict[str, Any], place: str) -> LawData:
    """All that a card states; what does not fit together is refused."""
    stated = read_entry(card, CARD, place)
    formula = parse_formula(stated["formula"], place=f"{place}, formula")
    if SCALE in formula.names | set(formula.targets):
        problem = f"{SCALE!r} is the reference value of the predicted quantity"
        raise CardError(problem, place=f"{place}, formula", remedy="Use another letter")
    letters = read_letters(stated["variables"], formula, place)
    parameters = _read_parameters(stated["parameters"], formula, letters, place)
    form = _form(formula, letters, parameters, place)
    if stated["predicts"] in form.canonical:
        problem = f"{stated['predicts']!r} is predicted and a variable at once"
        remedy = "Name what the last line of the formula is"
        raise CardError(problem, place=f"{place}, predicts", remedy=remedy)
    _check_priors(form, parameters, place)
    lines = [*formula.targets, *parameters]
    _known(stated["terms"], lines, "{!r} is no line of the formula", f"{place}, terms")
    numbers = {name: Key(keys.number, required=f"{name} = ...") for name in parameters}
    remedy = "Write [coefficients.published]"
    coefficients = {
        title: read_entry(entry, numbers, f"{place}, [coefficients.{title}]", remedy)
        for title, entry in stated["coefficients"].items()
    }
    _check_supports(parameters, coefficients, place)
    known = sorted({*lines, *letters, *form.canonical})
    pays = stated["predicts"] == "loss" and "C" not in form.canonical
    cost = stated["cost"] or ("training" if pays else None)
    units = read_entry(stated["units"], UNITS, f"{place}, [units]")["groups"]
    for group in units:
        _known(group, [*letters, formula.result], "unknown letter {!r}", f"{place}, [units]")
    return LawData(
        **{key: stated[key] for key in ("name", "title", "source", "year", "status", "predicts")},
        card=card,
        place=place,
        caveats=stated["notes"],
        terms=stated["terms"],
        formula=formula,
        letters=letters,
        parameters=parameters,
        form=form,
        coefficients=coefficients,
        optimum=_read_optimum(stated["optimum"], form.canonical, place),
        cost=COSTS[cost] if cost else None,
        units=tuple(map(tuple, units)),
        ratios=_read_ratios(stated["design"], letters, place),
        checks=_read_checks(stated["checks"], known, list(coefficients), place),
    )


def read_letters(entries: Mapping[str, Any], formula: Formula, place: str) -> dict[str, Letter]:
    """The card's variables."""
    letters = {}
    for name, entry in entries.items():
        where = f"{place}, [variables] {name}"
        _known([name], sorted(formula.names), "the formula does not read {!r}", where)
        stated = read_entry(entry, LETTER, where, 'Write { is = "N" }')
        is_ = stated.pop("is") or parse_expression(name, place=where)
        letters[name] = Letter(name, is_, **stated)
        _check_range(letters[name], where)
    if not letters:
        raise CardError("no variables", place=place, remedy="Write [variables]")
    bases = {name: letter.base.names if letter.base else () for name, letter in letters.items()}
    for name, reads in bases.items():
        where = f"{place}, [variables] {name}, base"
        _known(sorted(reads), letters, "unknown letter {!r}", where)
    _, circle = sort_by_need(bases)
    if circle:
        problem = f"the base values of {', '.join(circle)} read each other in a circle"
        remedy = "Give one of them a number"
        raise CardError(problem, place=f"{place}, [variables] {circle[0]}, base", remedy=remedy)
    return letters


def _check_range(letter: Letter, place: str) -> None:
    """Refuse a range that is not positive, and values outside the range."""
    if letter.range is None:
        return
    (low, high), is_ = letter.range, letter.is_
    plain = is_.text in is_.names
    if plain and low <= 0 and not vocabulary.variable(is_.text).includes_zero:
        problem = f"range = [{low:g}, {high:g}], but {is_.text} is positive"
        raise CardError(problem, place=f"{place}, range", remedy="Start the range above zero")
    for value in letter.values:
        if not low <= value <= high:
            problem = f"the value {value:g} is outside the range"
            remedy = "Widen the range, or leave the value out"
            raise CardError(problem, place=f"{place}, values", remedy=remedy)


def _read_parameters(
    entries: Mapping[str, Any], formula: Formula, letters: Mapping[str, Letter], place: str
) -> dict[str, Parameter]:
    free = sorted(formula.names - set(letters))
    parameters = {}
    for name, entry in entries.items():
        where = f"{place}, [parameters] {name}"
        _known([name], free, "{!r} is no parameter of the formula", where)
        if name in RESERVED or name.endswith("_on"):
            problem = f"a parameter cannot be called {name!r}: draws use that name"
            raise CardError(problem, place=where, remedy="Use another letter")
        stated = read_entry(entry, PARAMETER, where, "Write { prior = { ... } }")
        on = stated.pop("on") or parse_expression(name, place=where)
        parameters[name] = Parameter(name, on, **stated)
    missing = [name for name in free if name not in parameters]
    if missing:
        raise CardError(
            f"the formula reads {missing[0]!r}, which is neither a variable nor a parameter",
            place=place,
            remedy="Declare it in [variables] or [parameters]. "
            + nearest(missing[0], [*letters, *parameters]),
        )
    return parameters


def _form(
    formula: Formula, letters: Mapping[str, Letter], parameters: Mapping[str, Parameter], place: str
) -> Form:
    """The law without its numbers."""
    floors = [name for name, parameter in parameters.items() if parameter.role == "floor"]
    if len(floors) > 1:
        problem = f"{' and '.join(floors)} are both floors"
        remedy = "Leave one role out"
        raise CardError(problem, place=f"{place}, [parameters] {floors[1]}", remedy=remedy)
    return Form(
        formula,
        tuple((name, letter.is_) for name, letter in letters.items()),
        tuple((name, parameter.on) for name, parameter in parameters.items()),
        floors[0] if floors else None,
        place,
    )


def _check_priors(form: Form, parameters: Mapping[str, Parameter], place: str) -> None:
    """Refuse priors on what a reference run does not determine."""
    known = [*parameters, *(letter for letter, _ in form.letters), SCALE, *form.formula.targets]
    for name, on in form.on:
        where, stated = f"{place}, [parameters] {name}, on", f"the prior of {name!r} is stated on"
        _known(sorted(on.names), known, "unknown name {!r}", where)
        if form.floor not in (None, name) and form.floor in form.formula.reads(on):
            problem = f"{stated} {on.text!r}, which reads the floor"
            remedy = "State it on other terms: the floor follows from the sum of all"
            raise CardError(problem, place=where, remedy=remedy)
        for variable in sorted(form.canonical_reads(on)):
            if vocabulary.variable(variable).includes_zero:
                problem = f"{stated} {on.text!r}, and {variable} may be zero"
                remedy = "State it on quantities that are positive at every reference run"
                raise CardError(problem, place=where, remedy=remedy)
    form.check()
    for name in form.powers:
        prior = parameters[name].prior
        if prior.family != "lognormal" or prior.low < 0:
            problem = f"the prior {prior} may be negative, but it is stated on a power of {name!r}"
            remedy = "Make it lognormal, or state it on something affine"
            raise CardError(problem, place=f"{place}, [parameters] {name}, prior", remedy=remedy)


def _check_supports(
    parameters: Mapping[str, Parameter], sets: Mapping[str, Mapping[str, float]], place: str
) -> None:
    """Refuse published coefficients that their own prior excludes."""
    for title, raw in sets.items():
        for name, parameter in parameters.items():
            # What is stated on other quantities depends on the reference run.
            if parameter.on.text == name and np.isneginf(parameter.prior.standardise(raw[name])):
                problem = f"{name} = {raw[name]:g}, which its prior {parameter.prior} excludes"
                remedy = "Mend the number, or give the prior a lower end (low) or make it normal"
                where = f"{place}, [coefficients.{title}] {name}"
                raise CardError(problem, place=where, remedy=remedy)


def _read_optimum(entry: Any, canonical: tuple[str, ...], place: str) -> Optimum:
    where = f"{place}, [optimum]"
    stated = read_entry(entry, OPTIMUM, where)
    stated["report"] = stated["report"] or stated["free"]
    reads = [parse_expression(text, place=where).names for text in stated["report"]]
    names = [*stated["free"], *(name for each in reads for name in sorted(each))]
    _known(names, canonical, "{!r} is no variable of the law", where)
    return Optimum(**stated)


def _read_ratios(entry: Any, letters: Mapping[str, Letter], place: str) -> tuple[Ratio, ...]:
    ratios = []
    for letter, bounds in read_entry(entry, DESIGN, f"{place}, [design]")["ratios"].items():
        where = f"{place}, [design] {letter}"
        stated = read_entry(bounds, RATIO, where, f"Write {RATIO['over'].required}")
        _known([letter, stated["over"]], letters, "unknown letter {!r}", where)
        ratios.append(Ratio(letter, stated["over"], *stated["range"]))
    return tuple(ratios)


def _read_checks(
    entries: tuple[Any, ...], known: list[str], sets: list[str], place: str
) -> tuple[Check, ...]:
    checks = []
    for position, entry in enumerate(entries, start=1):
        where = f"{place}, check {position}"
        check = Check(**read_entry(entry, CHECK, where))
        if not check.value or check.rtol <= 0:
            problem = f"value = {check.value:g}, rtol = {check.rtol:g}"
            remedy = "The tolerance is relative: give a value that is not zero, a positive rtol"
            raise CardError(problem, place=where, remedy=remedy)
        _known(sorted(check.of.names), known, "unknown name {!r}", where)
        if check.coefficients is not None:
            _known([check.coefficients], sets, "there is no coefficient set {!r}", where)
        checks.append(check)
    return tuple(checks)
