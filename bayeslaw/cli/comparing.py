"""Laws and recipes beside each other: compare, compare-nested, speedup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.core.errors import RequestError
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
    sampling: options.Comparing,
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
    ranking, plot = comparison.frame.reset_index(), "comparison"
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
    sampling: options.Comparing,
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
    return Answer.of(answer, results.nested(answer), plot="nested")


@command(
    app,
    "bayeslaw speedup runs.csv --law marin2026 --by recipe --variant wide --baseline v16",
    "bayeslaw speedup wide.nc v16.nc --at C=1e21",
)
def speedup(
    sources: Annotated[
        list[Path], typer.Argument(help="A table with runs of both, or two posteriors.")
    ],
    reading: options.Reading,
    fitting: options.Fitting,
    law: Annotated[str | None, "Of a table: name of a law, or path of a law card."] = None,
    by: Annotated[str | None, "Of a table: column that names the recipe of each run."] = None,
    variant: Annotated[str | None, "Recipe to judge [the first posterior]."] = None,
    baseline: Annotated[str | None, "Recipe to compare with [the second posterior]."] = None,
    constrain: Annotated[list[str] | None, "What is fixed in the law, such as 'E = 1.6'."] = None,
    shared: Annotated[bool, "Of a table: share floor and exponents, so one speedup."] = True,
    over: Annotated[str | None, "Variable that is spent [C or D]."] = None,
    at: Annotated[
        list[str] | None, "NAME=VALUE", "What the variant spends, and fixed variables; repeatable."
    ] = None,
    loss: Annotated[list[float] | None, "Loss to reach, instead of an amount to spend."] = None,
    throughput: Annotated[float, "Throughput of the variant over the baseline's."] = 1.0,
    out: options.Out = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """State how much sooner a variant of a recipe reaches a loss than its baseline."""
    places: dict[str, Any] = {}
    for name, value in options.pairs(at, "--at"):
        places.setdefault(name, []).append(value)
    given = {name: values if len(values) > 1 else values[0] for name, values in places.items()}
    common: dict[str, Any] = {"over": over, "at": given or None, "loss": loss}
    common |= {"throughput": throughput, "ci_prob": ci_prob}
    if len(sources) == 2 and law is None:
        first, second = (path.stem for path in sources)
        if first == second:
            first, second = map(str, sources)
        fits = dict(zip((first, second), map(bl.load, sources), strict=True))
        answer = bl.speedup(fits, variant=variant or first, baseline=baseline or second, **common)
    else:
        missing = [
            option
            for option, value in (
                ("--law", law),
                ("--by", by),
                ("--variant", variant),
                ("--baseline", baseline),
            )
            if value is None
        ]
        if missing or len(sources) != 1:
            raise RequestError(
                f"{len(sources)} files" + (f", without {', '.join(missing)}" if missing else ""),
                place="speedup",
                remedy="Give two posteriors, or one table with --law, --by, --variant, --baseline",
            )
        table_law = bl.law(str(law))
        answer = bl.speedup(
            reading.read(sources[0]),
            law=table_law.constrain(*constrain) if constrain else table_law,
            by=by,
            variant=str(variant),
            baseline=str(baseline),
            shared=shared,
            **common,
            **fitting.arguments(),
        )
    return Answer.of(answer, results.speedup(answer), table=answer.frame, plot="speedup")
