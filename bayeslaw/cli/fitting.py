"""From a table to a posterior: demo, simulate, fit, summary, predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

import bayeslaw as bl
from bayeslaw.cli import results
from bayeslaw.cli.command import WRITTEN, Answer, command, new_app
from bayeslaw.cli.options import (
    CiProb,
    Columns,
    Fit,
    Fitting,
    LawName,
    Out,
    Reading,
    RunsTable,
    Seed,
    pools,
)
from bayeslaw.cli.show import Table

app = new_app("")


@command(app, "bayeslaw demo --out demo")
def demo(out: Annotated[Path, "Folder to write to."] = Path("demo"), seed: Seed = 7) -> Answer:
    """Run the main job on simulated runs: fit, optimum, pictures."""
    from bayeslaw.cli.demo import run

    return run(out, seed)


@command(
    app,
    "bayeslaw simulate --law zhao2025 --design independent --rows 446 --noise-sd 0.003 --seed 7 "
    "--out runs.csv",
)
def simulate(
    out: Annotated[Path, "Table to write (.csv, .parquet, .jsonl).", WRITTEN],
    law: LawName = "zhao2025",
    design: Annotated[Literal["independent", "one_at_a_time"], "Design."] = "independent",
    rows: Annotated[int, "Number of runs."] = 446,
    noise_sd: Annotated[float, "Standard deviation of log loss."] = 0.003,
    coefficients: Annotated[str | None, "Published set [the card's first]."] = None,
    seed: Seed = 0,
) -> Answer:
    """Simulate runs from a law's published coefficients."""
    runs = bl.simulate(
        law, design=design, rows=rows, noise_sd=noise_sd, coefficients=coefficients, seed=seed
    )
    runs.write(out)
    notes = [note.to_dict() for note in runs.notes]
    return Answer(
        data={"file": str(out), "rows": len(runs), "notes": notes},
        notes=runs.notes,
        text=[f"{len(runs)} runs in {out}"],
    )


@command(
    app,
    "bayeslaw fit sweep.csv --law zhao2025 --column N=N_total --unit N=1e9 --seed 1 --out fit.nc",
)
def fit(
    table: RunsTable,
    reading: Reading,
    fitting: Fitting,
    out: Annotated[Path, "Posterior to write (netCDF).", WRITTEN],
    law: LawName = "zhao2025",
    pool: Annotated[
        list[str] | None, "NAME[=COLUMN]", "Coefficient that varies by group around a common value."
    ] = None,
) -> Answer:
    """Fit a law to a table of runs."""
    runs = reading.read(table)
    posterior = bl.fit(runs, law, pool=pools(pool), **fitting.arguments())
    posterior.save(out)
    return Answer(
        data={"file": str(out), **posterior.to_dict()},
        notes=posterior.notes,
        text=[*results.posterior(posterior, 0.89), f"posterior in {out}"],
    )


@command(app, "bayeslaw summary fit.nc")
def summary(fit: Fit, ci_prob: CiProb = 0.89) -> Answer:
    """Coefficients with credible intervals, diagnostics and notes."""
    posterior = bl.load(fit)
    return Answer(
        data=posterior.to_dict(ci_prob=ci_prob),
        notes=posterior.notes,
        text=results.posterior(posterior, ci_prob),
    )


@command(app, "bayeslaw predict fit.nc new.csv --level observation --out bands.csv")
def predict(
    fit: Fit,
    table: Annotated[Path, typer.Argument(help="Configurations, one per row.")],
    columns: Columns,
    level: Annotated[Literal["law", "run", "observation"], "What is predicted."] = "law",
    out: Out = None,
    ci_prob: CiProb = 0.89,
    seed: Seed = 0,
) -> Answer:
    """Predict the loss of configurations, with credible intervals."""
    posterior = bl.load(fit)
    configurations = columns.read(table)
    bands = posterior.predict(configurations, level=level, ci_prob=ci_prob, seed=seed)
    bands.index.name = bands.index.name or "row"
    notes = (*configurations.notes, *posterior.notes)
    predicts = posterior.law.predicts
    return Answer(
        data={
            "predictions": bands.reset_index().to_dict("records"),
            "of": predicts,
            "level": level,
            "ci_prob": ci_prob,
            "notes": [note.to_dict() for note in notes],
        },
        notes=notes,
        text=[Table.of(f"{predicts} at level {level}, {100 * ci_prob:g}% intervals", bands)],
        table=bands.reset_index(),
    )
