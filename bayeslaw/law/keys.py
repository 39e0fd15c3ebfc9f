"""The keys of a law card: what each may hold, and the check of an entry against them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bayeslaw.core.errors import CardError, check_names
from bayeslaw.formula import Expression, parse_expression

#: Reads a value; the key and the place serve messages.
Read = Callable[[Any, str, str], Any]


@dataclass(frozen=True)
class Key:
    """A key of an entry: how it is read, its value where it is left out, or how to write it."""

    read: Read
    default: Any = ""
    required: str = ""


def read_entry(entry: Any, keys: Mapping[str, Key], place: str, remedy: str = "") -> dict[str, Any]:
    """The values of an entry by key, checked, with defaults filled in."""
    if not isinstance(entry, Mapping):
        raise CardError(f"{entry!r} is not a table", place=place, remedy=remedy)
    check_names(entry, keys, "unknown key {!r}", place=place, error=CardError)
    for name, key in keys.items():
        if key.required and name not in entry:
            raise CardError(f"{name!r} is missing", place=place, remedy=f"Write {key.required}")
    return {
        name: key.read(entry[name], name, f"{place}, {name}") if name in entry else key.default
        for name, key in keys.items()
    }


def text(value: Any, key: str, place: str) -> str:
    """Text."""
    if not isinstance(value, str):
        remedy = f'Write {key} = "..."'
        raise CardError(f"{key} = {value!r} is not text", place=place, remedy=remedy)
    return value


def label(value: Any, key: str, place: str) -> str:
    """A name for people, which may stand in the name of a file: no path, no control characters."""
    # Constraints in brackets, of laws that are made from others, may divide.
    name, _, _ = text(value, key, place).partition(" (")
    if (
        not name.strip()
        or name.startswith(".")
        or {"/", "\\"} & set(name)
        or not value.isprintable()
    ):
        remedy = "Give letters, digits, blanks and marks, but no slash and no dot in front"
        raise CardError(f"{key} = {value!r} is no name", place=place, remedy=remedy)
    return str(value)


def variable_name(value: Any, key: str, place: str) -> str:
    """The name of a quantity, as of a column."""
    if not (text(value, key, place).isidentifier() and value.isascii()):
        remedy = "Use letters, digits and _, a letter first, such as learning_rate"
        raise CardError(f"{key} = {value!r} is no name", place=place, remedy=remedy)
    return str(value)


def one_of(*options: str) -> Read:
    """One of a few words."""

    def read(value: Any, key: str, place: str) -> str:
        check_names([value], options, f"unknown {key} {{!r}}", place=place, error=CardError)
        return str(value)

    return read


def number(value: Any, key: str, place: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CardError(f"{key} = {value!r} is not a number", place=place)
    if not math.isfinite(value):
        raise CardError(f"{key} = {value!r} is not finite", place=place)
    return float(value)


def year(value: Any, key: str, place: str) -> int:
    """A year of publication."""
    if type(value) is not int or not 1900 < value < 2100:
        raise CardError(f"{key} = {value!r} is no year", place=place, remedy="Write year = 2025")
    return value


def expression(value: Any, key: str, place: str) -> Expression:
    """An expression, written as text."""
    return parse_expression(text(value, key, place), place=place)


def quantity(value: Any, key: str, place: str) -> Expression:
    """A number, or an expression written as text."""
    return parse_expression(str(value), place=place)


def list_of(kind: type, plural: str) -> Read:
    """A list whose items are all of a kind."""

    def read(value: Any, key: str, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            problem = f"{key} = {value!r} is not a list of {plural}"
            raise CardError(problem, place=place, remedy=f"Write {key} = [...]")
        return tuple(value)

    return read


texts = list_of(str, "strings")
lists = list_of(list, "lists")
tables = list_of(Mapping, "tables")


def numbers(value: Any, key: str, place: str) -> tuple[float, ...]:
    """A list of numbers."""
    return tuple(number(item, key, place) for item in list_of(object, "numbers")(value, key, place))


def span(value: Any, key: str, place: str) -> tuple[float, float]:
    """A range."""
    if not isinstance(value, list) or len(value) != 2:
        problem = f"{key} = {value!r} is not a range"
        raise CardError(problem, place=place, remedy=f"Write {key} = [low, high]")
    low, high = numbers(value, key, place)
    if not low < high:
        problem = f"{key} = [{low:g}, {high:g}]"
        raise CardError(problem, place=place, remedy="Put the lower end first")
    return low, high


def table(value: Any, key: str, place: str) -> Mapping[str, Any]:
    """A table of entries."""
    if not isinstance(value, Mapping):
        remedy = f"Write [{key}] or {key} = {{ ... }}"
        raise CardError(f"{key} is not a table", place=place, remedy=remedy)
    return value


def numbers_by_name(value: Any, key: str, place: str) -> dict[str, float]:
    """A table of numbers."""
    return {name: number(item, name, place) for name, item in table(value, key, place).items()}
