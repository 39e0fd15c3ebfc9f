"""``--strict``, for every command: a note that is an error ends it with status 3."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bayeslaw.cli import show

#: Status of a command that did what it was asked, but whose numbers must not be used.
STATUS = 3
_ASKED = "bayeslaw.strict"


class Strict(TyperGroup):
    """Commands that all take ``--strict``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _add(self)

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and end with status 3 if it showed an error and was asked to."""
        with show.watched() as severities:
            value = super().invoke(ctx)
        if ctx.meta.get(_ASKED) and "error" in severities:
            raise typer.Exit(STATUS)
        return value


def _add(command: Any) -> None:
    """Give the option to a command, or to all commands of a group."""
    for part in getattr(command, "commands", {}).values():
        _add(part)
    if not hasattr(command, "commands"):
        command.params.append(_option())


def _option() -> Any:
    """The option as typer makes it: taken from a command that has no other."""
    alone = typer.Typer(add_completion=False)

    @alone.command()
    def only(
        strict: Annotated[
            bool,
            typer.Option(
                "--strict",
                callback=_remember,
                expose_value=False,
                help=f"Exit with status {STATUS} if a note is an error.",
            ),
        ] = False,
    ) -> None: ...

    return next(one for one in typer.main.get_command(alone).params if one.name == "strict")


def _remember(ctx: typer.Context, value: bool) -> None:
    if value:
        ctx.meta[_ASKED] = True
