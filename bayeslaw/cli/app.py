"""The command line as a whole."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli import (
    architecture,
    checking,
    comparing,
    deciding,
    fitting,
    laws,
    planning,
    studying,
)
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.core.errors import BayesLawError

app = new_app("Bayesian scaling laws for Mixture-of-Experts language models.")
cache = new_app("Compiled code kept on disk.")
for group in (fitting, studying, deciding, planning, comparing, checking, architecture):
    app.add_typer(group.app)
app.add_typer(laws.app, name="laws")
app.add_typer(cache, name="cache")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"bayeslaw {bl.__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Bayesian scaling laws for Mixture-of-Experts language models."""


@command(cache, "bayeslaw cache clear", name="clear")
def cache_clear() -> Answer:
    """Remove the compiled code that was kept for later processes."""
    freed = bl.clear_cache()
    return Answer(data={"freed": freed}, text=[f"{freed / 1e6:.0f} MB freed"])


def main() -> int:
    """Run the command line; invalid input ends with one message and status 2."""
    try:
        # Typer ends usage errors, help and interrupts by itself.
        app()
    except BayesLawError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0
