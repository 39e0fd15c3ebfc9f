"""A law card as a page on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayeslaw.cli import show

# Characters that the texts about a parameter take, its name and meaning alone, and a number.
_TEXTS, _MEANS, _NUMBER = 128, 44, 8


def print_page(page: Mapping[str, Any]) -> None:
    """Print what ``bayeslaw.law.page`` says of a law."""
    aliases = f" ({', '.join(page['aliases'])})" if page["aliases"] else ""
    title = f": {page['title']}" if page["title"] else ""
    show.heading(f"{page['name']}{aliases}{title}")
    _facts(
        ("source", page["source"]),
        ("year", page["year"]),
        ("status", page["status"]),
        ("predicts", page["predicts"]),
    )
    show.lines([""])
    show.heading("Formula")
    show.lines(f"  {line}" for line in page["formula"])
    _lists("Letters that mean something else in other laws", page["conflicts"])
    show.lines([""])
    _table(
        "Variables",
        ("letter", "is", "means", "embeddings", "range of the paper's runs"),
        [
            [
                one["letter"],
                one["is"],
                one["means"],
                one["embeddings"],
                one["range"] and " to ".join(f"{end:.4g}" for end in one["range"]),
            ]
            for one in page["letters"]
        ],
    )
    _parameters(page)
    cost, several = page["cost"], len(page["coefficients"]) > 1
    _facts(
        ("default set", next(iter(page["coefficients"])) if several else ""),
        ("cost", cost and f"{cost['formula']} {cost['unit']} ({cost['name']}; {cost['source']})"),
        ("not stated", cost and cost["lacks"]),
        ("terms", ", ".join(page["terms"])),
        ("like units", "; ".join(", ".join(group) for group in page["units"])),
        (f"{page['sense']}imum over", ", ".join(page["free"])),
        ("published checks", page["checks"]),
    )
    _lists("Caveats", page["notes"])


def _parameters(page: Mapping[str, Any]) -> None:
    """One table where it fits, else some of coefficients and one of priors."""
    sets, entries = page["coefficients"], page["parameters"]
    names = [[entry["name"]] for entry in entries]
    means = [[entry["means"]] for entry in entries]
    priors = [[entry["prior"], entry["on"], entry["weak"]] for entry in entries]
    about = ("prior", "stated on", "weak")

    def numbers(titles: Sequence[str]) -> list[list[float]]:
        return [[sets[title][entry["name"]] for title in titles] for entry in entries]

    titles, column = list(sets), max((len(title) for title in sets), default=0)
    column = max(column, _NUMBER) + 3
    if show.width() >= _TEXTS + len(titles) * column:
        rows = _beside(names, means, priors, numbers(titles))
        _table("Parameters", ("", "means", *about, *titles), rows)
        return
    # Numbers are never cut short: sets that do not fit beside each other follow below.
    abreast = max(1, (show.width() - _MEANS) // column)
    for start in range(0, max(len(titles), 1), abreast):
        some = titles[start : start + abreast]
        rows = _beside(names, numbers(some)) if start else _beside(names, means, numbers(some))
        heads = ("", *some) if start else ("", "means", *some)
        _table("Parameters, continued" if start else "Parameters", heads, rows)
    _table("Priors", ("", *about), _beside(names, priors))


def _beside(*parts: list[list[Any]]) -> list[list[Any]]:
    return [[value for part in row for value in part] for row in zip(*parts, strict=True)]


def _facts(*pairs: tuple[str, Any]) -> None:
    """Lines of a name and what is said of it; what the card does not say is left out."""
    said = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in said), default=0)
    show.lines((f"{name:<{width}}  {value}" for name, value in said), indent=width + 2)


def _lists(title: str, items: Iterable[str]) -> None:
    items = list(items)
    if items:
        show.lines([""])
        show.heading(title)
        show.lines((f"- {item}" for item in items), indent=2)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table without the columns in which the card says nothing."""
    kept = [i for i in range(len(heads)) if any(row[i] not in (None, "") for row in rows)]
    show.table(
        title,
        [heads[i] for i in kept],
        [[row[i] for i in kept] for row in rows],
        digits=6,
    )
