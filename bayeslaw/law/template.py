"""A commented card to start from."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from string import Template

from bayeslaw.core.errors import RequestError
from bayeslaw.core.files import whole_file
from bayeslaw.law.library import cards


def template(name: str, year: int) -> str:
    """The text of a small working card in which every part of the format is explained."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
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
    try:
        with whole_file(path) as partial:
            partial.write_text(template(name, datetime.date.today().year), encoding="utf-8")
    except OSError as error:
        problem = f"it cannot be written ({error.strerror or error})"
        remedy = "Choose a folder that may be written to"
        raise RequestError(problem, place=str(path), remedy=remedy) from error
    return path
