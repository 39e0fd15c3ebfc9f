"""Commands that ask how far a posterior can be trusted: by its table's past, and by its prior."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.options import At, Fit, Interval, Json, Picture, TrainFlops, numbers, writable
from bayeslaw.runs.writing import write_table


def add(app: typer.Typer) -> None:
    """Give an app the commands of this module."""
    app.command(epilog="Example: bayeslaw rolling fit.nc --picture rolling.png")(rolling)
    app.command(epilog="Example: bayeslaw prior-sensitivity fit.nc --at N=30e9")(prior_sensitivity)


def rolling(
    fit: Fit,
    over: Annotated[
        str | None, typer.Option(help="What orders runs by size; their compute.")
    ] = None,
    origins: Annotated[int, typer.Option(help="From how many levels of size to predict.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Table of all predictions to write.")] = None,
    picture: Picture = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Fit to the smaller runs of a table and see how its larger ones were predicted."""
    for path in (out, picture):
        if path is not None:
            writable(path, fit)
    answer = bl.rolling_origin(bl.load(fit), over=over, origins=origins, ci_prob=interval)
    if out is not None:
        write_table(answer.rows, out)
    if picture is not None:
        bl.plots.rolling(answer).savefig(picture, dpi=150)
    if json:
        show.as_json(answer.to_dict())
        return
    show.notes(answer.notes)
    title = f"{100 * answer.probability:g}% intervals on runs beyond those fitted to"
    show.frame(title, answer.table.round(4))
    show.lines([f"{answer.statement}."], indent=0)


def prior_sensitivity(
    fit: Fit,
    at: At = None,
    train_flops: TrainFlops = None,
    out: Annotated[Path | None, typer.Option(help="Table of quantities to write.")] = None,
    json: Json = False,
) -> None:
    """Tell what coefficients, and an optimum, owe to the runs and what to the prior."""
    if out is not None:
        writable(out, fit)
    posterior = bl.load(fit)
    best = None
    if at or train_flops is not None:
        budget = None if train_flops is None else bl.Budget(train_flops=train_flops)
        best = bl.optimum(posterior, at=dict(numbers(at, "--at")), budget=budget)
    answer = bl.prior_sensitivity(posterior, best)
    if out is not None:
        write_table(answer.table.reset_index(names="quantity"), out)
    if json:
        show.as_json(answer.to_dict())
        return
    show.notes((*posterior.notes, *answer.notes))
    show.frame("learned from the runs, and sensitivity to prior and runs", answer.table.round(3))
    show.frame("softest directions, in standard deviations of the priors", answer.directions)
    show.lines([f"{answer.statement}."], indent=0)
