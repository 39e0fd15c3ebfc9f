"""A law card as a page on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bayeslaw.cli import show
from bayeslaw.cli.show import Block, Heading, Table, Wrapped

# Characters that the texts about a parameter take, its name and meaning alone, and a number.
_TEXTS, _MEANS, _NUMBER = 128, 44, 8


def blocks(page: Mapping[str, Any]) -> Iterator[Block]:
    """What ``bayeslaw.law.description.page`` holds of a law."""
    aliases = f" ({', '.join(page['aliases'])})" if page["aliases"] else ""
    title = f": {page['title']}" if page["title"] else ""
    yield Heading(f"{page['name']}{aliases}{title}")
    yield from _facts({name: page[name] for name in ("source", "year", "status", "predicts")})
    yield ""
    yield Heading("Formula")
    yield from (f"  {line}" for line in page["formula"])
    yield from _list("Letters that mean something else in other laws", page["conflicts"])
    yield ""
    columns = ("letter", "is", "means", "embeddings")
    rows = [
        [
            *(letter[column] for column in columns),
            letter["range"] and " to ".join(f"{end:.4g}" for end in letter["range"]),
        ]
        for letter in page["letters"]
    ]
    yield _table("Variables", (*columns, "range of the paper's runs"), rows)
    yield from _parameters(page)
    cost, sets = page["cost"], list(page["coefficients"])
    price = cost and f"{cost['formula']} {cost['unit']} ({cost['name']}; {cost['source']})"
    yield from _facts(
        {
            "default set": sets[0] if len(sets) > 1 else "",
            "cost": price,
            "not stated": cost and cost["lacks"],
            "terms": ", ".join(page["terms"]),
            "like units": "; ".join(", ".join(group) for group in page["units"]),
            f"{page['sense']}imum over": ", ".join(page["free"]),
            "published checks": page["checks"],
        }
    )
    yield from _list("Caveats", page["notes"])


def _parameters(page: Mapping[str, Any]) -> Iterator[Table]:
    """One table where it fits, else some of coefficients and one of priors."""
    sets, parameters = page["coefficients"], page["parameters"]
    names = [[parameter["name"]] for parameter in parameters]
    means = [[parameter["means"]] for parameter in parameters]
    priors = [[parameter[key] for key in ("prior", "on", "weak")] for parameter in parameters]
    about = ("prior", "stated on", "weak")

    def numbers(titles: Sequence[str]) -> list[list[float]]:
        return [[sets[title][parameter["name"]] for title in titles] for parameter in parameters]

    titles, width = list(sets), show.width()
    column = max(len(title) for title in (*titles, " " * _NUMBER)) + 3
    if width >= _TEXTS + len(titles) * column:
        rows = _beside(names, means, priors, numbers(titles))
        yield _table("Parameters", ("", "means", *about, *titles), rows)
        return
    # Numbers are never cut short: sets that do not fit beside each other follow below.
    abreast = max(1, (width - _MEANS) // column)
    for start in range(0, max(len(titles), 1), abreast):
        some = titles[start : start + abreast]
        texts, heads = ([names], ("",)) if start else ([names, means], ("", "means"))
        title = "Parameters, continued" if start else "Parameters"
        yield _table(title, (*heads, *some), _beside(*texts, numbers(some)))
    yield _table("Priors", ("", *about), _beside(names, priors))


def _beside(*parts: list[list[Any]]) -> list[list[Any]]:
    return [[value for part in row for value in part] for row in zip(*parts, strict=True)]


def _facts(facts: Mapping[str, Any]) -> Iterator[Wrapped]:
    """A line for each fact that the card states."""
    stated = {name: str(value) for name, value in facts.items() if value not in (None, "")}
    width = max(map(len, stated), default=0)
    yield from (Wrapped(f"{name:<{width}}  {value}", width + 2) for name, value in stated.items())


def _list(title: str, items: Iterable[str]) -> Iterator[Block]:
    items = list(items)
    if items:
        yield ""
        yield Heading(title)
        yield from (Wrapped(f"- {item}", 2) for item in items)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table without the columns that the card leaves empty."""
    kept = [i for i in range(len(heads)) if any(row[i] not in (None, "") for row in rows)]
    return Table(
        title, [heads[i] for i in kept], [[row[i] for i in kept] for row in rows], digits=6
    )
