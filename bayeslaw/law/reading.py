"""Law cards read and checked, part by part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import CardError, nearest
from bayeslaw.formula import Formula, parse_expression, parse_formula
from bayeslaw.law.card import Check, Letter, Optimum, Parameter, Ratio
from bayeslaw.law.priors import Prior

STATUSES = ("verified", "secondary", "inferred", "own")
ROLES = ("floor",)
SENSES = ("min", "max")
_TOP = (
    *("name", "aliases", "title", "source", "paper", "year", "status", "predicts", "notes"),
    *("formula", "terms", "cost", "variables", "units", "parameters", "coefficients", "design"),
    *("optimum", "checks", "constraints"),
)


def _known(entry: Mapping[str, Any], allowed: Iterable[str], place: str) -> None:
    allowed = list(allowed)
    for key in entry:
        if key not in allowed:
            raise CardError(f"unknown key {key!r}", place=place, remedy=nearest(key, allowed))


def _text(entry: Mapping[str, Any], key: str, place: str, default: str = "") -> str:
    value = entry.get(key, default)
    if not isinstance(value, str):
        raise CardError(f"{key} = {value!r} is not text", place=place)
    return value


def _list(entry: Mapping[str, Any], key: str, place: str, of: type | tuple[type, ...]) -> list[Any]:
    """A list of a card whose items are all of a kind; empty if the key is not there."""
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, of) for item in value):
        raise CardError(f"{key} = {value!r}", place=place, remedy=f"Write {key} = [...]")
    return value


def _range(entry: Mapping[str, Any], key: str, place: str) -> tuple[float, float]:
    value = entry.get(key)
    if not isinstance(value, list) or len(value) != 2:
        raise CardError(f"{key} = {value!r}", place=place, remedy=f"Write {key} = [low, high]")
    low, high = (number(one, place) for one in value)
    if not low < high:
        raise CardError(f"{key} = [{low:g}, {high:g}]", place=place, remedy="The lower end first")
    return low, high


def _table(card: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    table = card.get(key, {})
    if not isinstance(table, Mapping):
        raise CardError(f"{key} is not a table", place=place, remedy=f"Write [{key}]")
    return table


def number(value: Any, place: str) -> float:
    """A number of a card."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CardError(f"{value!r} is not a number", place=place)
    if not math.isfinite(value):
        raise CardError(f"{value!r} is not finite", place=place)
    return float(value)


def read_formula(card: Mapping[str, Any], place: str) -> Formula:
    """The card's formula."""
    _known(card, _TOP, place)
    for key in ("name", "title", "source", "paper", "predicts", "cost"):
        _text(card, key, f"{place}, {key}")
    for key in ("aliases", "notes", "constraints"):
        _list(card, key, f"{place}, {key}", str)
    if not isinstance(card.get("formula"), str):
        raise CardError("the card has no formula", place=place, remedy="Write formula = ...")
    if card.get("status", "own") not in STATUSES:
        remedy = nearest(str(card["status"]), STATUSES)
        here = f"{place}, status"
        raise CardError(f"unknown status {card['status']!r}", place=here, remedy=remedy)
    return parse_formula(card["formula"], place=f"{place}, formula")


def read_terms(card: Mapping[str, Any], place: str) -> tuple[str, ...]:
    """What a prediction can be split into."""
    return tuple(_list(card, "terms", place, str))


def read_year(card: Mapping[str, Any], place: str) -> int | None:
    """When the law was published."""
    year = card.get("year")
    if year is None or (type(year) is int and 1900 < year < 2100):
        return year
    raise CardError(f"year = {year!r}", place=f"{place}, year", remedy="Write year = 2025")


def read_letters(card: Mapping[str, Any], formula: Formula, place: str) -> dict[str, Letter]:
    """The card's variables."""
    letters = {}
    for name, entry in _table(card, "variables", place).items():
        here = f"{place}, [variables] {name}"
        if name not in formula.names:
            remedy = nearest(name, sorted(formula.names))
            raise CardError(f"the formula does not read {name!r}", place=here, remedy=remedy)
        if not isinstance(entry, Mapping):
            raise CardError(f"{entry!r} is not a table", place=here, remedy='Write { is = "N" }')
        _known(entry, ("is", "means", "embeddings", "range", "base", "values"), here)
        is_ = parse_expression(_text(entry, "is", here, name), place=f"{here}, is")
        span = _range(entry, "range", here) if "range" in entry else None
        plain = vocabulary.variable(is_.text) if is_.text in is_.names else None
        if span is not None and plain is not None and not plain.includes_zero and span[0] <= 0:
            raise CardError(
                f"range = [{span[0]:g}, {span[1]:g}], but {is_.text} is positive",
                place=here,
                remedy="Start the range above zero",
            )
        values = tuple(number(value, here) for value in _list(entry, "values", here, object))
        outside = [v for v in values if span is not None and not span[0] <= v <= span[1]]
        if outside:
            raise CardError(f"the value {outside[0]:g} is outside the range", place=here)
        base = entry.get("base")
        letters[name] = Letter(
            name,
            is_,
            _text(entry, "means", here),
            _text(entry, "embeddings", here),
            span,
            None if base is None else parse_expression(str(base), place=f"{here}, base"),
            values,
        )
    _check_bases(letters, place)
    if not letters:
        raise CardError("no variables", place=place, remedy="Write [variables]")
    return letters


def _check_bases(letters: Mapping[str, Letter], place: str) -> None:
    """Refuse base values that read what is no other letter, or each other in a circle."""
    settled = {name for name, letter in letters.items() if letter.base is None}
    waiting = {name: letter.base.names for name, letter in letters.items() if letter.base}
    for name, reads in waiting.items():
        for read in sorted(reads - set(letters)):
            here = f"{place}, [variables] {name}, base"
            raise CardError(f"unknown letter {read!r}", place=here, remedy=nearest(read, letters))
    while waiting:
        ready = [name for name, reads in waiting.items() if reads <= settled]
        if not ready:
            raise CardError(
                f"the base values of {', '.join(waiting)} read each other in a circle",
                place=f"{place}, [variables] {next(iter(waiting))}",
                remedy="Give one of them a number",
            )
        settled |= set(ready)
        waiting = {name: reads for name, reads in waiting.items() if name not in ready}


def read_parameters(
    card: Mapping[str, Any], formula: Formula, letters: Mapping[str, Letter], place: str
) -> dict[str, Parameter]:
    """The card's parameters."""
    parameters: dict[str, Parameter] = {}
    for name, entry in _table(card, "parameters", place).items():
        here = f"{place}, [parameters] {name}"
        if name not in formula.names or name in letters:
            remedy = nearest(name, sorted(formula.names - set(letters)))
            raise CardError(f"{name!r} is no parameter of the formula", place=here, remedy=remedy)
        if not isinstance(entry, Mapping):
            raise CardError(f"{entry!r} is not a table", place=here)
        _known(entry, ("on", "prior", "role", "weak", "means"), here)
        role = _text(entry, "role", here)
        if role and role not in ROLES:
            raise CardError(f"unknown role {role!r}", place=here, remedy=nearest(role, ROLES))
        parameters[name] = Parameter(
            name,
            parse_expression(_text(entry, "on", here, name), place=f"{here}, on"),
            Prior.parse(entry.get("prior"), here),
            role,
            _text(entry, "weak", here),
            _text(entry, "means", here),
        )
    missing = sorted(formula.names - set(letters) - set(parameters))
    if missing:
        raise CardError(
            f"the formula reads {missing[0]!r}, which is neither a variable nor a parameter",
            place=place,
            remedy="Declare it in [variables] or [parameters]. "
            + nearest(missing[0], [*letters, *parameters]),
        )
    return parameters


def read_coefficients(
    card: Mapping[str, Any], parameters: Mapping[str, Parameter], place: str
) -> dict[str, dict[str, float]]:
    """The published coefficient sets."""
    sets = {}
    for title, entry in _table(card, "coefficients", place).items():
        here = f"{place}, [coefficients.{title}]"
        if not isinstance(entry, Mapping):
            raise CardError("not a table", place=here, remedy="Write [coefficients.published]")
        _known(entry, parameters, here)
        missing = [name for name in parameters if name not in entry]
        if missing:
            raise CardError(f"{missing[0]!r} is missing", place=here)
        sets[title] = {name: number(entry[name], here) for name in parameters}
    return sets


def read_optimum(card: Mapping[str, Any], canonical: Iterable[str], place: str) -> Optimum:
    """What the card says of optima."""
    here, entry = f"{place}, [optimum]", _table(card, "optimum", place)
    _known(entry, ("free", "report", "sense"), here)
    canonical = list(canonical)
    sense = _text(entry, "sense", here, "min")
    if sense not in SENSES:
        raise CardError(f"sense = {sense!r}", place=here, remedy='It is "min" or "max"')
    free = tuple(_list(entry, "free", here, str))
    report = tuple(_list(entry, "report", here, str)) or free
    for name in free:
        if name not in canonical:
            remedy = nearest(name, canonical)
            raise CardError(f"{name!r} is no variable of the law", place=here, remedy=remedy)
    for text in report:
        for name in parse_expression(text, place=here).names:
            if name not in canonical:
                remedy = nearest(name, canonical)
                raise CardError(f"{name!r} is no variable of the law", place=here, remedy=remedy)
    return Optimum(free, report, sense)


def read_ratios(
    card: Mapping[str, Any], letters: Mapping[str, Letter], place: str
) -> tuple[Ratio, ...]:
    """Ratios that a design of this law keeps within bounds."""
    here, entry = f"{place}, [design]", _table(card, "design", place)
    _known(entry, ("ratios",), here)
    ratios = []
    for letter, bound in _table(entry, "ratios", here).items():
        well = isinstance(bound, Mapping) and set(bound) == {"over", "range"}
        if letter not in letters or not well or bound["over"] not in list(letters):
            raise CardError(
                f"{letter} = {bound!r}",
                place=here,
                remedy='Write N_a = { over = "N", range = [0.03, 0.7] }, over letters of the card',
            )
        low, high = _range(bound, "range", here)
        ratios.append(Ratio(letter, bound["over"], low, high))
    return tuple(ratios)


def read_checks(
    card: Mapping[str, Any], known: Iterable[str], sets: Iterable[str], place: str
) -> tuple[Check, ...]:
    """The published numbers of the card."""
    checks, known, sets = [], list(known), list(sets)
    for position, entry in enumerate(_list(card, "checks", place, Mapping), start=1):
        here = f"{place}, check {position}"
        _known(entry, ("of", "at", "value", "rtol", "coefficients"), here)
        if "of" not in entry or "value" not in entry:
            raise CardError("a check has 'of', 'at', 'value' and 'rtol'", place=here)
        at = {name: number(value, here) for name, value in _table(entry, "at", here).items()}
        of = parse_expression(_text(entry, "of", here), place=here)
        value, rtol = number(entry["value"], here), number(entry.get("rtol", 1e-3), here)
        if not value or rtol <= 0:
            raise CardError(
                f"value = {value:g}, rtol = {rtol:g}",
                place=here,
                remedy="The tolerance is relative: neither may be zero, nor rtol negative",
            )
        for name in sorted(of.names - set(known)):
            raise CardError(f"unknown name {name!r}", place=here, remedy=nearest(name, known))
        chosen = entry.get("coefficients")
        if chosen is not None and chosen not in sets:
            remedy = nearest(str(chosen), sets)
            raise CardError(f"there is no coefficient set {chosen!r}", place=here, remedy=remedy)
        checks.append(
            Check(
                of,
                at,
                value,
                rtol,
                chosen,
            )
        )
    return tuple(checks)


def read_units(
    card: Mapping[str, Any], known: Iterable[str], place: str
) -> tuple[tuple[str, ...], ...]:
    """Groups of like units under whose scaling the law keeps its form."""
    here, entry, known = f"{place}, [units]", _table(card, "units", place), list(known)
    _known(entry, ("groups",), here)
    groups = _list(entry, "groups", here, list)
    for group in groups:
        for name in group:
            if name not in known:
                remedy = nearest(str(name), known)
                raise CardError(f"unknown letter {name!r}", place=here, remedy=remedy)
    return tuple(tuple(group) for group in groups)


def check_reference_use(parameter: Parameter, reads: frozenset[str], place: str) -> None:
    """Refuse a prior stated at a reference that does not exist."""
    for name in sorted(reads):
        if vocabulary.variable(name).includes_zero:
            raise CardError(
                f"the prior of {parameter.name!r} is stated on {parameter.on.text!r}, and "
                f"{name} may be zero",
                place=f"{place}, [parameters] {parameter.name}",
                remedy="State it on quantities that are positive at every reference run",
            )
