"""The laws that come with bayeslaw: cards found by path, never by import."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.law.law import Law

if TYPE_CHECKING:
    import pandas as pd


def folder() -> Path:
    """Where the cards are."""
    inside = Path(str(resources.files("bayeslaw"))) / "models"
    beside = inside.parent.parent / "models"
    for place in (inside, beside):
        if place.is_dir():
            return place
    raise RequestError("no folder of law cards was installed", remedy="Reinstall bayeslaw")


def cards() -> dict[str, Path]:
    """The cards by name of file."""
    return {path.stem: path for path in sorted(folder().glob("*.toml"))}


def law(name: str | Path | Law) -> Law:
    """Load a law.

    Parameters
    ----------
    name : str, Path or Law
        Name or alias of a law of the library, or the path of a card of one's own (``.toml``). A
        ``Law`` is returned as it is.

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
    found = cards()
    if str(name) in found:
        return Law.from_toml(found[str(name)])
    if str(name).endswith(".toml"):
        return Law.from_toml(name)
    for path in found.values():
        candidate = Law.from_toml(path)
        if str(name) in candidate.card.get("aliases", ()):
            return candidate
    raise RequestError(f"unknown law {str(name)!r}", remedy=nearest(str(name), found))


def laws() -> pd.DataFrame:
    """Every law of the library.

    Returns
    -------
    pandas.DataFrame
        A row a law: title, year, what it predicts, variables, number of parameters, status, source.
    """
    import pandas as pd

    loaded = [Law.from_toml(path) for path in cards().values()]
    return pd.DataFrame(
        {
            "title": [one.title for one in loaded],
            "year": pd.array([one.year for one in loaded], dtype="Int64"),
            "predicts": [one.predicts for one in loaded],
            "variables": [", ".join(one.variables) for one in loaded],
            "parameters": [len(one.parameters) for one in loaded],
            "status": [one.status for one in loaded],
            "source": [one.source for one in loaded],
        },
        index=pd.Index([one.name for one in loaded], name="law"),
    )
