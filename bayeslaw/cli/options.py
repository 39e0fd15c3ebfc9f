"""What commands are given: options that several share, and how their text is read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


class Noise(StrEnum):
    """Observation models."""

    student_t = "student_t"
    normal = "normal"
    undertuned = "undertuned"


class Discrepancy(StrEnum):
    """What a law may miss."""

    gp = "gp"
    group = "group"
    growth = "growth"


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Fit = Annotated[Path, typer.Argument(help="A posterior that 'bayeslaw fit' wrote.")]
Column = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=COLUMN", help="Variable from a column or expression."),
]
Unit = Annotated[
    list[str] | None, typer.Option("--unit", metavar="NAME=FACTOR", help="Such as N=1e9.")
]
Mapping = Annotated[Path | None, typer.Option(help="TOML file with columns, units and the rest.")]
Where = Annotated[str | None, typer.Option(help="Which rows to keep: \"state == 'done'\".")]
Drop = Annotated[bool, typer.Option("--drop-invalid", help="Drop bad rows and list them.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same numbers.")]
Interval = Annotated[float, typer.Option("--interval", help="Probability of the intervals.")]
At = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Fixed variable, raw count.")
]
Fits = Annotated[
    list[Path], typer.Argument(help="A posterior that 'bayeslaw fit' wrote; several are mixed.")
]
Weight = Annotated[
    list[float] | None, typer.Option(help="Weight of each posterior, in their order; equal.")
]
OnMissing = Annotated[
    Literal["error", "drop"], typer.Option(help="What to do with a law that lacks a variable.")
]
Picture = Annotated[Path | None, typer.Option(help="Picture to write (.png, .pdf).")]

TrainFlops = Annotated[float | None, typer.Option(help="Training FLOPs to spend.")]
LifetimeFlops = Annotated[
    float | None, typer.Option(help="FLOPs for training and inference together.")
]
InferenceTokens = Annotated[float | None, typer.Option(help="Tokens to be served.")]
MaxParams = Annotated[float | None, typer.Option(help="Most total parameters N.")]
MaxActive = Annotated[float | None, typer.Option(help="Most active parameters N_a.")]
MaxTokens = Annotated[float | None, typer.Option(help="Most training tokens D.")]
MaxTokensPerActive = Annotated[float | None, typer.Option(help="Most D/N_a.")]
MaxTotalPerActive = Annotated[float | None, typer.Option(help="Most N/N_a.")]
MaxMemory = Annotated[float | None, typer.Option(help="Most bytes for the weights.")]
BytesPerParam = Annotated[float, typer.Option(help="Precision of the weights.")]
Cap = Annotated[
    list[str] | None,
    typer.Option(metavar="EXPRESSION=LIMIT", help="Any other limit, such as N/E=1e9."),
]
CostOption = Annotated[
    str | None, typer.Option(help="Cost of a run: a name of 'laws costs', or an expression.")
]


def mixed(
    fits: list[Path], weights: list[float] | None, on_missing: Literal["error", "drop"]
) -> bl.Posterior | bl.Mixture:
    """Open one posterior, or several that answer like one."""
    if len(fits) > 1:
        return bl.average_laws([bl.load(fit) for fit in fits], weights, on_missing=on_missing)
    if weights:
        raise RequestError("one posterior needs no weight", place="--weight", remedy="Leave it out")
    return bl.load(fits[0])


def configurations(
    table: Path,
    column: list[str] | None,
    unit: list[str] | None,
    mapping: Path | None,
    where: str | None,
) -> bl.Runs:
    """Read configurations."""
    return bl.read_runs(
        table,
        columns=pairs(column, "--column"),
        units=numbers(unit, "--unit"),
        mapping=mapping,
        where=where,
    )


def pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """Read options of the form NAME=VALUE."""
    found = []
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RequestError(f"{text!r}", place=option, remedy="Write NAME=VALUE")
        found.append((name.strip(), value.strip()))
    return found


def numbers(given: list[str] | None, option: str) -> list[tuple[str, float]]:
    """Read options of the form NAME=NUMBER."""
    found: dict[str, float] = {}
    for name, value in pairs(given, option):
        if name in found:
            raise RequestError(f"{name} is given twice", place=option)
        try:
            found[name] = float(value)
        except ValueError:
            raise RequestError(
                f"{value!r} is not a number", place=f"{option} {name}", remedy="Such as 30e9"
            ) from None
    return list(found.items())


def pools(given: list[str] | None) -> list[str] | dict[str, str]:
    """Read coefficients that vary by group."""
    named = [text for text in given or [] if "=" in text]
    if not named:
        return list(given or [])
    if len(named) < len(given or []):
        raise RequestError(
            f"{', '.join(given or [])}", place="--pool", remedy="Write NAME=COLUMN for each"
        )
    return dict(pairs(given, "--pool"))


def writable(path: Path, *inputs: Path) -> None:
    """Refuse an impossible output before minutes are spent on it."""
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise RequestError(
                f"{str(path)!r} is the input", place="--out", remedy="Name another file"
            )
    if not path.parent.is_dir():
        raise RequestError(
            f"there is no folder {str(path.parent)!r}", place="--out", remedy="Create it first"
        )
    if path.is_dir():
        raise RequestError(f"{str(path)!r} is a folder", place="--out", remedy="Name a file")
