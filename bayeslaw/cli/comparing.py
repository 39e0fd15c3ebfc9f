"""Commands that hold laws against runs: against each other, without a part, against new runs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.compare import show_check, show_comparison, show_nested
from bayeslaw.cli.options import (
    Column,
    Drop,
    Fit,
    Interval,
    Json,
    Mapping,
    Noise,
    Picture,
    Seed,
    Unit,
    Where,
    configurations,
    numbers,
    pairs,
    writable,
)
from bayeslaw.comparison.extrapolation import CUTS
from bayeslaw.core.errors import RequestError
from bayeslaw.runs.writing import write_table

Table = Annotated[Path, typer.Argument(help="Runs: .csv, .tsv, .parquet, .jsonl.")]
Run = Annotated[str | None, typer.Option(help="Column that names a run.")]
Step = Annotated[str | None, typer.Option(help="Column that orders its checkpoints.")]
BestOf = Annotated[list[str] | None, typer.Option(help="Tuned column; keep the best.")]
Group = Annotated[
    list[str] | None, typer.Option(help="Column that groups runs: groups are left out whole.")
]
Embeddings = Annotated[str | None, typer.Option(help="included or excluded.")]
LossUnit = Annotated[str | None, typer.Option(help="nats, bits or a label.")]
Scatter = Annotated[Noise, typer.Option(help="Scatter around every law.")]
Over = Annotated[str | None, typer.Option(help="What orders runs by size; their compute.")]
Extrapolation = Annotated[
    bool, typer.Option("--extrapolation/--no-extrapolation", help="Hold out the largest runs.")
]
Cuts = Annotated[
    str | None,
    typer.Option(help="Shares of the largest levels to hold out, such as 0.1,0.3; .1, .2 and .4."),
]
Force = Annotated[bool, typer.Option("--force", help="Use fits that cannot be trusted too.")]
Out = Annotated[Path | None, typer.Option(help="Table to write.")]
Chains = Annotated[int, typer.Option(help="Number of chains.")]
Draws = Annotated[int, typer.Option(help="Kept draws a chain, a multiple of 100.")]
Warmup = Annotated[int, typer.Option(help="Adaptation steps, a multiple of 100.")]


class Left(StrEnum):
    """What is left out at a time."""

    run = "run"
    group = "group"


Leave = Annotated[
    Left | None, typer.Option(help="What is left out at a time; groups where there are any.")
]


def add(app: typer.Typer) -> None:
    """Give an app the commands of this module."""
    app.command(
        epilog="Example: bayeslaw compare sweep.csv --laws chinchilla,farseer2025 "
        "--column N=N_total --unit N=1e9 --cuts 0.1,0.3 --out laws.csv --picture laws.png"
    )(compare)
    app.command(
        epilog="Example: bayeslaw nested sweep.csv 'm = n = 0' --law zhao2025 --picture shared.png"
    )(nested)
    app.command(epilog="Example: bayeslaw check fit.nc new.csv --column N=N_total --unit N=1e9")(
        check
    )


def compare(
    table: Table,
    laws: Annotated[str, typer.Option(help="Names of laws or own cards, with commas between.")],
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    run: Run = None,
    step: Step = None,
    best_of: BestOf = None,
    group: Group = None,
    embeddings: Embeddings = None,
    loss_unit: LossUnit = None,
    drop_invalid: Drop = False,
    noise: Scatter = Noise.student_t,
    leave: Leave = None,
    over: Over = None,
    cuts: Cuts = None,
    extrapolation: Extrapolation = True,
    skip_unfit: Annotated[
        bool, typer.Option("--skip-unfit", help="Leave out laws that need other columns.")
    ] = False,
    force: Force = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Add Bayes factors, which depend on every prior.")
    ] = False,
    out: Out = None,
    picture: Picture = None,
    seed: Seed = 0,
    chains: Chains = 4,
    draws: Draws = 1000,
    warmup: Warmup = 400,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Compare laws by how they predict runs left out, and larger runs."""
    shares = _shares(cuts, extrapolation)
    for path in (out, picture):
        if path is not None:
            writable(path, table)
    runs = bl.read_runs(
        table,
        columns=pairs(column, "--column"),
        units=numbers(unit, "--unit"),
        mapping=mapping,
        where=where,
        run=run,
        step=step,
        best_of=best_of or (),
        group=group or (),
        embeddings=embeddings,
        loss_unit=loss_unit,
        drop_invalid=drop_invalid,
    )
    answer = bl.compare(
        runs,
        [name.strip() for name in laws.split(",") if name.strip()],
        noise=noise.value,
        leave=None if leave is None else leave.value,
        over=over,
        cuts=shares,
        skip_unfit=skip_unfit,
        force=force,
        evidence=evidence,
        seed=seed,
        chains=chains,
        draws=draws,
        warmup=warmup,
        ci_prob=interval,
    )
    if out is not None:
        write_table(answer.table.reset_index(), out)
    if picture is not None:
        bl.plots.comparison(answer).savefig(picture, dpi=150)
    if json:
        show.as_json(answer.to_dict())
        return
    show_comparison(answer)


def nested(
    table: Table,
    constraint: Annotated[
        list[str], typer.Argument(help="What may hold, such as 'k = 0'; several hold together.")
    ],
    law: Annotated[str, typer.Option(help="Name of a law, or a card of one's own.")],
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    run: Run = None,
    step: Step = None,
    best_of: BestOf = None,
    group: Group = None,
    embeddings: Embeddings = None,
    loss_unit: LossUnit = None,
    drop_invalid: Drop = False,
    noise: Scatter = Noise.student_t,
    leave: Leave = None,
    over: Over = None,
    cuts: Cuts = None,
    extrapolation: Extrapolation = True,
    force: Force = False,
    picture: Picture = None,
    seed: Seed = 0,
    chains: Chains = 4,
    draws: Draws = 1000,
    warmup: Warmup = 400,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Ask whether a table needs part of a law: the law beside itself under a constraint."""
    shares = _shares(cuts, extrapolation)
    if picture is not None:
        writable(picture, table)
    runs = bl.read_runs(
        table,
        columns=pairs(column, "--column"),
        units=numbers(unit, "--unit"),
        mapping=mapping,
        where=where,
        run=run,
        step=step,
        best_of=best_of or (),
        group=group or (),
        embeddings=embeddings,
        loss_unit=loss_unit,
        drop_invalid=drop_invalid,
    )
    answer = bl.nested(
        runs,
        law,
        constraint[0] if len(constraint) == 1 else constraint,
        noise=noise.value,
        leave=None if leave is None else leave.value,
        over=over,
        cuts=shares,
        force=force,
        seed=seed,
        chains=chains,
        draws=draws,
        warmup=warmup,
        ci_prob=interval,
    )
    if picture is not None:
        bl.plots.nested(answer).savefig(picture, dpi=150)
    if json:
        show.as_json(answer.to_dict())
        return
    show_nested(answer)


def check(
    fit: Fit,
    table: Annotated[Path, typer.Argument(help="Runs that the fit has not seen.")],
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    out: Out = None,
    interval: Interval = 0.89,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Hold newly finished runs against what a posterior predicts of them."""
    if out is not None:
        writable(out, fit, table)
    posterior = bl.load(fit)
    runs = configurations(table, column, unit, mapping, where)
    answer = bl.check_new_runs(posterior, runs, ci_prob=interval, seed=seed)
    if out is not None:
        write_table(answer.table, out)
    if json:
        show.as_json(answer.to_dict())
        return
    show_check(answer)


def _shares(cuts: str | None, extrapolation: bool) -> Sequence[float]:
    """Shares of the levels to hold out."""
    if cuts is None:
        return CUTS if extrapolation else ()
    if not extrapolation:
        raise RequestError(
            f"--cuts {cuts} and --no-extrapolation", place="--cuts", remedy="Give one of the two"
        )
    try:
        return tuple(float(text) for text in cuts.split(","))
    except ValueError:
        raise RequestError(
            f"{cuts!r} is no list of numbers", place="--cuts", remedy="Such as 0.1,0.3"
        ) from None
