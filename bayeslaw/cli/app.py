"""The commands."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import comparing, decisions, reports, show, trust
from bayeslaw.cli.calibrate import calibrate
from bayeslaw.cli.laws import laws_app
from bayeslaw.cli.options import (
    Column,
    Discrepancy,
    Drop,
    Fit,
    Interval,
    Json,
    Mapping,
    Noise,
    Seed,
    Unit,
    Where,
    configurations,
    numbers,
    pairs,
    pools,
    writable,
)
from bayeslaw.cli.strict import Strict
from bayeslaw.core.errors import BayesLawError

app = typer.Typer(
    name="bayeslaw",
    cls=Strict,
    help="Bayesian scaling laws for Mixture-of-Experts language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(laws_app, name="laws")
cache_app = typer.Typer(no_args_is_help=True, help="Compiled code kept on disk.")
app.add_typer(cache_app, name="cache")


class Design(StrEnum):
    """Designs of simulated runs."""

    independent = "independent"
    one_at_a_time = "one_at_a_time"


class Method(StrEnum):
    """Algorithms of a fit."""

    nuts = "nuts"
    laplace = "laplace"
    mode = "mode"


class Level(StrEnum):
    """Levels of a prediction."""

    law = "law"
    run = "run"
    observation = "observation"


@cache_app.command("clear", epilog="Example: bayeslaw cache clear")
def cache_clear(json: Json = False) -> None:
    """Remove the compiled code that was kept for later processes."""
    freed = bl.clear_cache()
    if json:
        show.as_json({"freed": freed})
        return
    sys.stdout.write(f"{freed / 1e6:.0f} MB freed\n")


@app.command(
    epilog="Example: bayeslaw simulate --law zhao2025 --design independent --rows 446 "
    "--noise 0.003 --seed 7 --out runs.csv"
)
def simulate(
    out: Annotated[Path, typer.Option(help="Table to write (.csv, .parquet, .jsonl).")],
    law: Annotated[str, typer.Option(help="Name of a law, or a card of one's own.")] = "zhao2025",
    design: Annotated[Design, typer.Option(help="Design of the runs.")] = Design.independent,
    rows: Annotated[int, typer.Option(help="Number of runs.")] = 446,
    noise: Annotated[float, typer.Option(help="Standard deviation of log loss.")] = 0.003,
    coefficients: Annotated[str | None, typer.Option(help="Published set; the first.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Simulate runs from a law's published coefficients."""
    runs = bl.simulate(
        law, design=design.value, rows=rows, noise_sd=noise, coefficients=coefficients, seed=seed
    )
    runs.write(out)
    if json:
        notes = [note.to_dict() for note in runs.notes]
        show.as_json({"file": str(out), "rows": len(runs), "notes": notes})
        return
    show.notes(runs.notes)
    sys.stdout.write(f"{len(runs)} runs in {out}\n")


@app.command(
    epilog="Example: bayeslaw fit sweep.csv --law zhao2025 --column N=N_total --unit N=1e9 "
    "--seed 1 --out fit.nc"
)
def fit(
    table: Annotated[Path, typer.Argument(help="Runs: .csv, .tsv, .parquet, .jsonl.")],
    out: Annotated[Path, typer.Option(help="Posterior to write (netCDF).")],
    law: Annotated[str, typer.Option(help="Name of a law, or a card of one's own.")] = "zhao2025",
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    run: Annotated[str | None, typer.Option(help="Column that names a run.")] = None,
    step: Annotated[str | None, typer.Option(help="Column that orders its checkpoints.")] = None,
    best_of: Annotated[list[str] | None, typer.Option(help="Tuned column; keep the best.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Column that groups runs.")] = None,
    embeddings: Annotated[str | None, typer.Option(help="included or excluded.")] = None,
    loss_unit: Annotated[str | None, typer.Option(help="nats, bits or a label.")] = None,
    drop_invalid: Drop = False,
    method: Annotated[Method, typer.Option(help="Algorithm.")] = Method.nuts,
    fallback: Annotated[
        bool, typer.Option("--hand-over", help="NUTS where Laplace fails.")
    ] = False,
    noise: Annotated[Noise, typer.Option(help="Scatter around the law.")] = Noise.student_t,
    discrepancy: Annotated[
        list[Discrepancy] | None,
        typer.Option(help="What the law misses, several added up; best with --method laplace."),
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=COLUMN]", help="Coefficient that varies by group around a common value."
        ),
    ] = None,
    seed: Seed = 0,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    draws: Annotated[int, typer.Option(help="Kept draws a chain, a multiple of 100.")] = 1000,
    warmup: Annotated[int, typer.Option(help="Adaptation steps, a multiple of 100.")] = 400,
    json: Json = False,
) -> None:
    """Fit a law to a table of runs."""
    writable(out, table)
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
    posterior = bl.fit(
        runs,
        law,
        method=method.value,
        noise=noise.value,
        discrepancy=[one.value for one in discrepancy] if discrepancy else None,
        pool=pools(pool),
        seed=seed,
        chains=chains,
        draws=draws,
        warmup=warmup,
        fallback=fallback,
    )
    posterior.save(out)
    _summary(posterior, json, {"file": str(out)})
    if not json:
        sys.stdout.write(f"posterior in {out}\n")


@app.command(epilog="Example: bayeslaw summary fit.nc")
def summary(fit: Fit, interval: Interval = 0.89, json: Json = False) -> None:
    """Coefficients with credible intervals, diagnostics and notes."""
    _summary(bl.load(fit), json, {}, interval)


def _summary(
    posterior: bl.Posterior, json: bool, more: dict[str, Any], interval: float = 0.89
) -> None:
    coefficients = posterior.to_frame(ci_prob=interval)
    if json:
        show.as_json(
            {
                **more,
                "law": posterior.law.name,
                "runs": len(posterior.runs),
                "coefficients": coefficients.to_dict("index"),
                "reference": posterior.reference.to_dict(),
                "interval": interval,
                "notes": [note.to_dict() for note in posterior.notes],
            }
        )
        return
    show.notes(posterior.notes)
    rows = [
        [
            name if row["informed_by"] == "runs" else f"{name} ({row['informed_by']})",
            row["median"],
            row["low"],
            row["high"],
            f"{row['prior_low']:.2g} to {row['prior_high']:.2g}",
            row["published"],
        ]
        for name, row in coefficients.to_dict("index").items()
    ]
    heads = ["", "median", "low", "high", "prior's interval", "published"]
    title = (
        f"{posterior.law.name} on {len(posterior.runs)} runs of {posterior.runs.source}, "
        f"{100 * interval:g}% intervals"
    )
    show.table(title, heads, rows)
    worst = coefficients[["rhat", "ess_bulk", "ess_tail"]]
    sys.stdout.write(
        f"R-hat up to {worst['rhat'].max():.4f}; ESS from {worst['ess_bulk'].min():.0f} (bulk) and "
        f"{worst['ess_tail'].min():.0f} (tail); {posterior.convergence.divergences} divergences\n"
    )


decisions.add(app)
comparing.add(app)
trust.add(app)
reports.add(app)
app.command(
    epilog="Examples: bayeslaw calibrate planned.csv --law zhao2025 --at N=30e9 --tables 200 "
    "--folder rounds; bayeslaw calibrate fit.nc --at N=30e9"
)(calibrate)


@app.command(epilog="Example: bayeslaw predict fit.nc new.csv --level observation --out bands.csv")
def predict(
    fit: Fit,
    table: Annotated[Path, typer.Argument(help="Configurations, one a row.")],
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    level: Annotated[Level, typer.Option(help="What is predicted.")] = Level.law,
    out: Annotated[Path | None, typer.Option(help="Table to write.")] = None,
    interval: Interval = 0.89,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Predict the loss of configurations, with credible intervals."""
    if out is not None:
        writable(out, fit, table)
    posterior = bl.load(fit)
    new = configurations(table, column, unit, mapping, where)
    bands = posterior.predict(new, level=level.value, ci_prob=interval, seed=seed)
    bands.index.name = bands.index.name or "row"
    if out is not None:
        from bayeslaw.runs.writing import write_table

        write_table(bands.reset_index(), out)
    notes = (*new.notes, *posterior.notes)
    if json:
        show.as_json(
            {
                "predictions": bands.reset_index().to_dict("records"),
                "of": posterior.law.predicts,
                "level": level.value,
                "interval": interval,
                "notes": [note.to_dict() for note in notes],
            }
        )
        return
    show.notes(notes)
    show.frame(
        f"{posterior.law.predicts} at level {level.value}, {100 * interval:g}% intervals", bands
    )


@app.command(epilog="Example: bayeslaw demo --out demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("demo"),
    seed: Seed = 7,
    json: Json = False,
) -> None:
    """Run the main job on simulated runs: fit, optimum, pictures."""
    from bayeslaw.cli.demo import run

    run(out, seed, json)


def main() -> int:
    """Run the command line."""
    try:
        # Typer ends usage errors, help and interrupts by itself.
        app()
    except BayesLawError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0
