"""Errors that name the place, the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral, Real
from operator import index
from typing import Any

#: Characters that a message holds at most, and that its place and its remedy do.
LONGEST, _PLACE, _REMEDY = 590, 150, 360
#: Names that a message lists at most.
_NAMES = 12


class BayesLawError(Exception):
    """An input that cannot be used.

    Parameters
    ----------
    problem, place, remedy : str
        What is wrong, with the offending value; where: a file, row and column, a card and its line,
        an option of a call; what would be right.
    """

    def __init__(self, problem: str, place: str = "", remedy: str = "") -> None:
        self.problem, self.place, self.remedy = problem, place, remedy
        # Which a process pool makes it from again.
        super().__init__(problem, place, remedy)

    def __str__(self) -> str:
        """Place, problem, remedy; only a remedy may have further lines, which are indented."""
        place = shortened(self.place, _PLACE)
        head = f"{place}: " if place else ""
        left = LONGEST - len(head) - len(printable(self.problem)) - 2
        lines = "\n  ".join(map(printable, self.remedy.split("\n  ")))
        remedy = _cut(lines, max(_REMEDY, left))
        tail = f". {remedy}" if remedy else ""
        return f"{head}{shortened(self.problem, LONGEST - len(head) - len(tail))}{tail}"


def printable(text: str) -> str:
    """Text whose control characters and lone surrogates are escaped: no terminal obeys them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text: str, most: int) -> str:
    """Printable text of at most so many characters, cut in the middle."""
    return _cut(printable(str(text)), most)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = (most - 3) // 3
    return f"{text[: most - 3 - tail]}...{text[len(text) - tail :]}"


class FormulaError(BayesLawError):
    """A formula or expression that cannot be read or evaluated."""


class CardError(BayesLawError):
    """A law card that is not well formed."""


class TableError(BayesLawError):
    """A table of runs that cannot be used as it is."""


class PosteriorError(BayesLawError):
    """A saved posterior that cannot be opened or used."""


class RequestError(BayesLawError):
    """A call whose options do not fit the law, the table or each other."""


def real(value: object, name: str, *, place: str) -> float:
    """A number among the options of a call."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise RequestError(f"{name} = {value!r}", place=place, remedy="Give a number")
    return float(value)


def whole(value: Any, name: str, *, place: str, least: int = 0, most: int = 2**32 - 1) -> int:
    """A whole number among the options of a call."""
    # Integers of NumPy are whole numbers too; True is not.
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or not least <= index(value) <= most:
        remedy = f"Give a whole number from {least} on"
        remedy += f" to {most}" if is_whole and value > most else ""
        raise RequestError(f"{name} = {value!r}", place=place, remedy=remedy)
    return index(value)


def refuse(place: str, *cases: tuple[bool, str, str]) -> None:
    """Refuse the first case that holds: whether it does, the problem and the remedy."""
    for holds, problem, remedy in cases:
        if holds:
            raise RequestError(problem, place=place, remedy=remedy)


def nearest(name: str, options: Iterable[str]) -> str:
    """Suggest the option that a misspelt name most likely meant."""
    options = list(options)
    folded = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    meant = f"Did you mean {folded[close[0]]!r}? " if close else ""
    return f"{meant}There are: {some_of(options)}"


def some_of(names: Iterable[object], most: int = _NAMES) -> str:
    """Names in a row, the first few of many."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more or "none"


def check_names(
    names: Iterable[Any],
    known: Iterable[str],
    problem: str,
    *,
    place: str = "",
    error: type[BayesLawError] = RequestError,
) -> None:
    """Refuse a name that is not known: ``problem`` holds ``{!r}``, the remedy is the nearest."""
    known = list(known)
    for name in names:
        if name not in known:
            remedy = nearest(str(name), known)
            raise error(problem.replace("{!r}", repr(name)), place=place, remedy=remedy)
