"""Commands about laws."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import card
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.cli.show import Block, Table

app = new_app("The laws that come with bayeslaw.")


@command(app, "bayeslaw laws list", name="list")
def list_laws() -> Answer:
    """List the laws."""
    from bayeslaw.law.library import catalogue

    laws = catalogue()
    return Answer(data={"laws": laws}, text=[_without("source", "Laws", laws)])


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
    return Answer(data=content, text=[content["latex"]] if latex else card.blocks(content))


@command(app, "bayeslaw laws new mylaw.toml", name="new")
def new_law(
    file: Annotated[Path, typer.Argument(help="Card to write; its name is the law's.")],
) -> Answer:
    """Write a commented card to start from."""
    from bayeslaw.law.template import new_card

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
        [
            *(examination, "failed" if examination in failed else "passed"),
            (function.__doc__ or "").split("\n")[0],
        ]
        for examination, function in EXAMINATIONS.items()
    ]
    text: list[Block] = [
        Table(f"{law.name}: {law.title}", ["examination", "", "what must hold"], rows)
    ]
    for problem in problems:
        line = "" if problem["line"] is None else f" (line {problem['line']})"
        text.append(f"{path.name}, {problem['place']}{line}: {problem['message']}")
    return Answer(
        data={"law": law.name, "passed": not problems, "problems": problems},
        text=text,
        status=int(bool(problems)),
    )
