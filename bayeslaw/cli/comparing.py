"""Which law to believe: compare, compare-nested."""

from __future__ import annotations

from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.core.intervals import INTERVAL

app = new_app("")


@command(
    app,
    "bayeslaw compare sweep.csv --laws chinchilla,farseer2025 --column N=N_total --unit N=1e9 "
    "--cuts 0.1,0.3 --out laws.csv --picture laws.png",
)
def compare(
    table: options.RunsTable,
    laws: Annotated[str, "Names or cards of laws, separated by commas."],
    reading: options.Reading,
    holding_out: options.HoldingOut,
    sampling: options.Sampling,
    skip_incompatible: Annotated[bool, "Leave out laws that need other columns."] = False,
    evidence: Annotated[bool, "Add Bayes factors, which depend on every prior."] = False,
    out: options.Out = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Compare laws by how they predict runs left out, and larger runs."""
    comparison = bl.compare(
        reading.read(table),
        [name.strip() for name in laws.split(",") if name.strip()],
        skip_incompatible=skip_incompatible,
        evidence=evidence,
        ci_prob=ci_prob,
        **holding_out.arguments(),
        **sampling.arguments(),
    )
    ranking, plot = comparison.frame.reset_index(), bl.plots.comparison
    return Answer.of(comparison, results.comparison(comparison), table=ranking, plot=plot)


@command(app, "bayeslaw compare-nested sweep.csv 'm = n = 0' --law zhao2025 --picture shared.png")
def compare_nested(
    table: options.RunsTable,
    constraint: Annotated[
        list[str], typer.Argument(help="What may hold, such as 'k = 0'; several hold together.")
    ],
    law: Annotated[str, "Name of a law, or path of a law card."],
    reading: options.Reading,
    holding_out: options.HoldingOut,
    sampling: options.Sampling,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Compare a law with and without a constraint."""
    answer = bl.compare_nested(
        reading.read(table),
        law,
        constraint[0] if len(constraint) == 1 else constraint,
        ci_prob=ci_prob,
        **holding_out.arguments(),
        **sampling.arguments(),
    )
    return Answer.of(answer, results.nested(answer), plot=bl.plots.nested)
