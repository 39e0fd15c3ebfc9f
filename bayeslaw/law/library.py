"""The laws that come with bayeslaw: cards found by path; and a card to start from."""

from __future__ import annotations

import datetime
import os
import re
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.core.files import write_file
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.formula import parse_expression
from bayeslaw.law.files import read_toml
from bayeslaw.law.law import Law

if TYPE_CHECKING:
    import pandas as pd


# What names of laws do not have, and E as a term by itself.
_FORMULA, _FLOOR = re.compile(r"[*+^=/]\s*[\w(]"), re.compile(r"(^|[+=\n])\s*E\s*($|[+\n;])")


def folder() -> Path:
    """Where the cards are: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    for place in (package / "models", package.parent / "models"):
        if place.is_dir():
            return place
    raise RequestError("no folder of law cards is installed", remedy="Reinstall bayeslaw")


def cards() -> dict[str, Path]:
    """The cards by name of file."""
    return {path.stem: path for path in sorted(folder().glob("*.toml"))}


def catalogue() -> list[dict[str, Any]]:
    """A row of plain data for each law: what its card states, without reading formula or priors."""
    rows = []
    for path in cards().values():
        card, _ = read_toml(path)
        read = [
            name
            for letter, entry in card["variables"].items()
            for name in sorted(parse_expression(entry.get("is", letter), place=path.name).names)
        ]
        rows.append(
            {
                "law": card["name"],
                "title": card.get("title", ""),
                "year": card.get("year"),
                "predicts": card.get("predicts", "loss"),
                "variables": ", ".join(dict.fromkeys(read)),
                "parameters": len(card["parameters"]),
                "status": card.get("status", "own"),
                "source": card.get("source", ""),
            }
        )
    return rows


@public
def law(name: str | Path | Law) -> Law:
    """Load a law.

    Parameters
    ----------
    name : str, Path or Law
        Name or alias of a law of the library, the path of a card (``.toml``), or a formula over
        canonical variables: ``"E + A/N**alpha + B/D**beta"``, in which an E that stands alone as a
        term is a floor. A ``Law`` is returned as it is.

    Returns
    -------
    Law
        The law.

    Raises
    ------
    RequestError
        If there is no such law.
    CardError
        If the card is not well formed.
    """
    if isinstance(name, Law):
        return name
    library = cards()
    if str(name) in library:
        path = library[str(name)]
        return _read_once(path, path.stat().st_mtime_ns)
    if str(name).endswith(".toml"):
        return Law.from_toml(name)
    if isinstance(name, str) and _FORMULA.search(name):
        return Law.from_formula(name, variables=_variables(name))
    for path in library.values():
        if str(name) in read_toml(path)[0].get("aliases", ()):
            return Law.from_toml(path)
    raise RequestError(f"unknown law {str(name)!r}", remedy=nearest(str(name), library))


@cache
def _read_once(path: Path, changed: int) -> Law:
    """A card of the library, until its file changes."""
    return Law.from_toml(path)


def _variables(formula: str) -> list[str]:
    """The canonical variables that a formula reads; a term E is a floor, not experts."""
    names = set(re.findall(r"[A-Za-z_]\w*", formula)) & set(VOCABULARY) - {"loss", "loss_se"}
    found = [name for name in VOCABULARY if name in names]
    if not found:
        known = ", ".join(VOCABULARY)
        raise RequestError(f"the formula {formula!r} has no variable", remedy=f"There are: {known}")
    return [name for name in found if not (name == "E" and _FLOOR.search(formula))]


@public
def laws() -> pd.DataFrame:
    """List the laws of the library.

    Returns
    -------
    pandas.DataFrame
        A row a law: title, year, what it predicts, variables, number of parameters, status, source.
    """
    import pandas as pd

    return pd.DataFrame(catalogue()).astype({"year": "Int64"}).set_index("law")


def template(name: str, year: int) -> str:
    """The text of a small working card in which every part of the format is explained."""
    text = Path(__file__).with_name("template.toml").read_text(encoding="utf-8")
    return Template(text).substitute(name=name, year=year)


def new_card(path: str | Path) -> Path:
    """Write a commented card to start from."""
    path = Path(path)
    name, folder = path.stem, path.parent
    for refused, problem, remedy in (
        (path.suffix != ".toml", "this is no name of a card", "End it in .toml: mylaw.toml"),
        (
            not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name),
            f"{name!r} cannot be the name of a law",
            "Use letters, digits, _ and -, a letter first: mylaw.toml",
        ),
        (os.path.lexists(path), "it exists already", "Choose another name, or remove it first"),
        # --law NAME would mean the library's law, not this one.
        (name in cards(), f"there is a law {name!r} in the library", "Choose another name"),
        (not folder.is_dir(), f"there is no folder {str(folder)!r}", "Create it first"),
    ):
        if refused:
            raise RequestError(problem, place=str(path), remedy=remedy)
    write_file(path, template(name, datetime.date.today().year))
    return path
