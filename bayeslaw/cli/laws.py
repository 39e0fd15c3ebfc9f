"""The commands about laws."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.checks.card import EXAMINATIONS
from bayeslaw.cli import show
from bayeslaw.cli.page import print_page
from bayeslaw.law.description import page as describe
from bayeslaw.law.library import cards
from bayeslaw.law.lines import line_of
from bayeslaw.law.template import new_card

laws_app = typer.Typer(no_args_is_help=True, help="The laws that come with bayeslaw.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@laws_app.command("list", epilog="Example: bayeslaw laws list")
def laws_list(json: Json = False) -> None:
    """List the laws."""
    laws = bl.laws()
    if json:
        show.as_json({"laws": laws.reset_index().to_dict("records")})
        return
    show.frame("Laws", laws.drop(columns="source"))


@laws_app.command("costs", epilog="Example: bayeslaw laws costs")
def laws_costs(json: Json = False) -> None:
    """List the conventions for the cost of a run."""
    costs = bl.costs()
    if json:
        show.as_json({"costs": costs.reset_index().to_dict("records")})
        return
    show.frame("Costs", costs.drop(columns="unit"))


@laws_app.command("show", epilog="Example: bayeslaw laws show zhao2025")
def laws_show(
    name: Annotated[str, typer.Argument(help="Name of a law, or a card of one's own.")],
    latex: Annotated[
        bool, typer.Option("--latex", help="Print the formula's LaTeX alone.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a law: formula, letters, priors, coefficients, caveats."""
    page = describe(bl.law(name))
    if json:
        show.as_json(page)
    elif latex:
        sys.stdout.write(page["latex"] + "\n")
    else:
        print_page(page)


@laws_app.command("new", epilog="Example: bayeslaw laws new mylaw.toml")
def laws_new(
    file: Annotated[Path, typer.Argument(help="Card to write; its name is the law's.")],
    json: Json = False,
) -> None:
    """Write a commented card to start from."""
    path = new_card(file)
    if json:
        show.as_json({"file": str(path), "law": path.stem})
        return
    sys.stdout.write(f"{path} is a working law: edit it, then 'bayeslaw laws check {path}'\n")


@laws_app.command("check", epilog="Example: bayeslaw laws check mylaw.toml")
def laws_check(
    name: Annotated[str, typer.Argument(help="A card of one's own, or name of a law.")],
    json: Json = False,
) -> None:
    """Examine a card, and say what is wrong in which line."""
    law = bl.law(name)
    path = cards().get(law.name, Path(name))
    text = path.read_text(encoding="utf-8")
    found = [(kind, one) for kind, problems in bl.check_card(law).items() for one in problems]
    problems = [
        {
            "examination": kind,
            "place": one.place,
            "line": line_of(text, f"{path.name}, {one.place}"),
            "message": one.message,
        }
        for kind, one in found
    ]
    if json:
        show.as_json({"law": law.name, "passed": not found, "problems": problems})
    else:
        failed = {kind for kind, _ in found}
        rows = [
            [kind, "failed" if kind in failed else "passed", (one.__doc__ or "").split("\n")[0]]
            for kind, one in EXAMINATIONS.items()
        ]
        show.table(f"{law.name}: {law.title}", ["examination", "", "what must hold"], rows)
        for one in problems:
            where = "" if one["line"] is None else f" (line {one['line']})"
            sys.stdout.write(f"{path.name}, {one['place']}{where}: {one['message']}\n")
    if found:
        raise typer.Exit(1)
