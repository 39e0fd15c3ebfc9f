"""Commands about laws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.cli.show import Block, Heading, Table, Wrapped

app = new_app("The laws that come with bayeslaw.")
# Characters that the texts about a parameter take, its name and meaning alone, and a number.
# What a narrow list of laws leaves out first.
_OPTIONAL = ("status", "year", "parameters", "predicts")
_TEXTS, _MEANS, _NUMBER = 128, 44, 8


@command(app, "bayeslaw laws list", name="list")
def list_laws() -> Answer:
    """List the laws."""
    from bayeslaw.law.library import catalogue

    laws = catalogue()
    shown = replace(_without("source", "Laws", laws), optional=_OPTIONAL)
    return Answer(data={"laws": laws}, text=[shown])


@command(app, "bayeslaw laws costs")
def costs() -> Answer:
    """List the conventions for the cost of a run."""
    from bayeslaw.law.cost import COSTS

    costs = [asdict(cost) for cost in COSTS.values()]
    return Answer(data={"costs": costs}, text=[_without("unit", "Costs", costs)])


def _without(head: str, title: str, records: list[dict[str, Any]]) -> Table:
    """A table of records, without one column."""
    heads = [name for name in records[0] if name != head]
    return Table(title, heads, [[record[name] for name in heads] for record in records])


@command(app, "bayeslaw laws show zhao2025", name="show")
def show_law(
    name: Annotated[str, typer.Argument(help="Name of a law, or path of a law card.")],
    latex: Annotated[bool, "Print the formula's LaTeX alone."] = False,
) -> Answer:
    """Show a law: formula, letters, priors, coefficients, caveats."""
    from bayeslaw.law.description import page

    content = page(bl.law(name))
    return Answer(data=content, text=[content["latex"]] if latex else _card(content))


def _card(page: Mapping[str, Any]) -> Iterator[Block]:
    """A card on a terminal: what ``bayeslaw.law.description.page`` holds of a law."""
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
    rows = [[letter[column] for column in columns] for letter in page["letters"]]
    for row, letter in zip(rows, page["letters"], strict=True):
        row.append(letter["range"] and " to ".join(f"{end:.4g}" for end in letter["range"]))
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


@command(app, "bayeslaw laws new mylaw.toml", name="new")
def new_law(
    file: Annotated[Path, typer.Argument(help="Card to write; its name is the law's.")],
) -> Answer:
    """Write a commented card to start from."""
    from bayeslaw.law.library import new_card

    path = new_card(file)
    return Answer(
        data={"file": str(path), "law": path.stem},
        text=[f"{path} is a working law: edit it, then 'bayeslaw laws check {path}'"],
    )


@command(app, "bayeslaw laws check mylaw.toml", name="check")
def check_law(
    name: Annotated[str, typer.Argument(help="Path of a law card, or name of a law.")],
) -> Answer:
    """Examine a card, and list what is wrong in which line."""
    from bayeslaw.checks.card import EXAMINATIONS
    from bayeslaw.law.files import line_of
    from bayeslaw.law.library import cards

    law = bl.law(name)
    path = cards().get(law.name, Path(name))
    source = path.read_text(encoding="utf-8")
    problems = [
        {
            "examination": examination,
            "place": problem.place,
            "line": line_of(source, f"{path.name}, {problem.place}"),
            "message": problem.message,
        }
        for examination, found in bl.check_card(law).items()
        for problem in found
    ]
    failed = {problem["examination"] for problem in problems}
    rows = [
        [test, "failed" if test in failed else "passed", (check.__doc__ or "").split("\n")[0]]
        for test, check in EXAMINATIONS.items()
    ]
    heads = ["examination", "", "what must hold"]
    text: list[Block] = [Table(f"{law.name}: {law.title}", heads, rows)]
    for problem in problems:
        line = "" if problem["line"] is None else f" (line {problem['line']})"
        text.append(f"{path.name}, {problem['place']}{line}: {problem['message']}")
    return Answer(
        data={"law": law.name, "passed": not problems, "problems": problems},
        text=text,
        status=int(bool(problems)),
    )
