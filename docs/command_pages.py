"""The command line: the help of every command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from bayeslaw.cli.app import app


def write_commands(path: Path) -> None:
    """Write one page with a section a command."""
    # The width of help does not depend on who builds.
    os.environ["COLUMNS"], os.environ["NO_COLOR"] = "80", "1"
    os.environ["TERM"] = "dumb"
    parts = [
        "# Command line\n\nEvery command takes `--json` and `--strict` (status 3 if a note is an "
        "error). A failed request ends with one message and status 2.\n"
    ]
    root = typer.main.get_command(app)
    for name, command, context in commands(root, click.Context(root, info_name="bayeslaw")):
        text = command.get_help(context).strip()
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    path.write_text("\n".join(parts), encoding="utf-8")


def commands(
    group: click.Group, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command below a group, by its full name."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = click.Context(command, info_name=name, parent=context)
        # Typer has a group class of its own.
        if hasattr(command, "list_commands"):
            yield from commands(command, inner)
        else:
            yield inner.command_path.removeprefix("bayeslaw "), command, inner
