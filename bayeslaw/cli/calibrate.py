"""The command that calibrates a design."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.options import (
    At,
    Column,
    Discrepancy,
    Json,
    Mapping,
    Picture,
    Seed,
    TrainFlops,
    Unit,
    Where,
    configurations,
    numbers,
    pairs,
    writable,
)
from bayeslaw.model.simulate import DESIGNS


class Method(StrEnum):
    """Algorithms that have intervals."""

    nuts = "nuts"
    laplace = "laplace"


def calibrate(
    design: Annotated[
        str,
        typer.Argument(
            help="independent or one_at_a_time; a table of configurations; or a posterior (.nc), "
            "whose runs and draws are used."
        ),
    ],
    law: Annotated[str, typer.Option(help="Name of a law, or a card of one's own.")] = "zhao2025",
    truth: Annotated[
        str | None,
        typer.Option(help="prior, published, a published set, or a posterior (.nc)."),
    ] = None,
    tables: Annotated[int, typer.Option(help="How many tables are simulated.")] = 200,
    rows: Annotated[int, typer.Option(help="Runs of a named design.")] = 446,
    at: At = None,
    train_flops: TrainFlops = None,
    times: Annotated[
        float, typer.Option(help="Loss at so many times the largest compute; 0 for none.")
    ] = 10.0,
    quantity: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=EXPRESSION", help="Another function of the coefficients."),
    ] = None,
    method: Annotated[Method, typer.Option(help="Algorithm.")] = Method.nuts,
    noise: Annotated[str, typer.Option(help="Scatter around the law.")] = "student_t",
    discrepancy: Annotated[
        list[Discrepancy] | None, typer.Option(help="What the law misses, in truths and fits.")
    ] = None,
    scatter: Annotated[
        float, typer.Option(help="Its standard deviation of log loss, for a published truth.")
    ] = 0.003,
    moved: Annotated[
        float, typer.Option(help="Move prior medians up by so many of their factors.")
    ] = 0.0,
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where finished rounds are kept, to be resumed.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Table of quantities to write.")] = None,
    picture: Picture = None,
    seed: Seed = 0,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 2,
    draws: Annotated[int, typer.Option(help="Kept draws a chain, a multiple of 100.")] = 1000,
    json: Json = False,
) -> None:
    """Simulate tables of a design, fit each, and see how often intervals hold the truth."""
    for path in (out, picture):
        if path is not None:
            writable(path, Path(design))
    given: Any = design
    if Path(design).suffix == ".nc":
        given = bl.load(design)
    elif design not in DESIGNS and Path(design).suffix:
        given = configurations(Path(design), column, unit, mapping, where)
    source: Any = truth
    if truth is not None and Path(truth).suffix == ".nc":
        source = bl.load(truth)
    old = next((one for one in (source, given) if isinstance(one, bl.Posterior)), None)
    budget = None if train_flops is None else bl.Budget(train_flops=train_flops)
    found = bl.calibrate(
        given,
        law if old is None else old.law,
        truth=source,
        tables=tables,
        rows=rows,
        at=dict(numbers(at, "--at")) if at else None,
        budget=budget,
        times=times or None,
        quantities=dict(pairs(quantity, "--quantity")),
        method=method.value,
        noise=noise if old is None else old.noise.name,
        discrepancy=[one.value for one in discrepancy] if discrepancy else None,
        scatter=scatter,
        moved=moved,
        seed=seed,
        chains=chains,
        draws=draws,
        folder=folder,
    )
    frame = found.to_frame()
    if out is not None:
        from bayeslaw.runs.writing import write_table

        write_table(frame.reset_index(), out)
    if picture is not None:
        bl.plots.calibration(found).savefig(picture, dpi=150)
    if json:
        show.as_json(found.to_dict())
        return
    show.notes(found.notes)
    show.lines([f"{found.statement}."], indent=0)
    heads = ["coverage_50", "coverage_89", "coverage_95", "error_89", "p_value", "truth"]
    show.frame(
        "coverage of 50%, 89% and 95% intervals, and what they are like",
        frame[[*heads, "width_89", "bias", "bias_error"]].round(4),
    )
