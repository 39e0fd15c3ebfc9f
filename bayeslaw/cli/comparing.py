"""Which law to believe: compare, compare-nested."""

from __future__ import annotations

from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli import results
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.cli.options import CiProb, HoldingOut, Out, Picture, Reading, RunsTable, Sampling

app = new_app("")


@command(
    app,
    "bayeslaw compare sweep.csv --laws chinchilla,farseer2025 --column N=N_total --unit N=1e9 "
    "--cuts 0.1,0.3 --out laws.csv --picture laws.png",
)
def compare(
    table: RunsTable,
    laws: Annotated[str, "Names or cards of laws, separated by commas."],
    reading: Reading,
    holding_out: HoldingOut,
    sampling: Sampling,
    skip_incompatible: Annotated[bool, "Leave out laws that need other columns."] = False,
    evidence: Annotated[bool, "Add Bayes factors, which depend on every prior."] = False,
    out: Out = None,
    picture: Picture = None,
    ci_prob: CiProb = 0.89,
) -> Answer:
    """Compare laws by how they predict runs left out, and larger runs."""
    options = {**holding_out.arguments(), **sampling.arguments()}
    comparison = bl.compare(
        reading.read(table),
        [name.strip() for name in laws.split(",") if name.strip()],
        skip_incompatible=skip_incompatible,
        evidence=evidence,
        ci_prob=ci_prob,
        **options,
    )
    return Answer.of(
        comparison,
        results.comparison(comparison),
        table=comparison.frame.reset_index(),
        plot=bl.plots.comparison,
    )


@command(app, "bayeslaw compare-nested sweep.csv 'm = n = 0' --law zhao2025 --picture shared.png")
def compare_nested(
    table: RunsTable,
    constraint: Annotated[
        list[str], typer.Argument(help="What may hold, such as 'k = 0'; several hold together.")
    ],
    law: Annotated[str, "Name of a law, or path of a law card."],
    reading: Reading,
    holding_out: HoldingOut,
    sampling: Sampling,
    picture: Picture = None,
    ci_prob: CiProb = 0.89,
) -> Answer:
    """Test whether a table needs part of a law: the law beside itself under a constraint."""
    options = {**holding_out.arguments(), **sampling.arguments()}
    answer = bl.compare_nested(
        reading.read(table),
        law,
        constraint[0] if len(constraint) == 1 else constraint,
        ci_prob=ci_prob,
        **options,
    )
    return Answer.of(answer, results.nested(answer), plot=bl.plots.nested)
