"""From a table to a posterior: demo, simulate, fit, summary, predict."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import WRITTEN, Answer, command, new_app, write_picture
from bayeslaw.cli.show import Table
from bayeslaw.core.files import make_folder
from bayeslaw.core.intervals import INTERVAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

app = new_app("")
#: Where the paper states its own efficiency-aware shares, so that readers know these sizes.
SIZES = (30e9, 671e9)
#: Along which the share of active parameters is drawn.
CURVE = (1e9, 3e9, 1e10, 3e10, 1e11, 3e11, 1e12)
INTRODUCTION = """\
Zhao et al. (arXiv:2509.23678) published neither the list of their 446 runs nor the
losses. Design and losses below are simulated: 446 runs over the ranges of the paper,
losses from its published coefficients, noise .003 on log loss.
"""


@command(app, "bayeslaw demo --out demo")
def demo(
    out: Annotated[Path, "Folder to write to."] = Path("demo"), seed: options.Seed = 7
) -> Answer:
    """Run the main job on simulated runs: fit, optimum, pictures."""
    start = time.perf_counter()
    make_folder(out, place="--out")
    # Shown at once, and beside an answer that programs read.
    sys.stderr.write(INTRODUCTION)
    runs = bl.simulate("zhao2025", design="independent", rows=446, noise_sd=0.003, seed=seed)
    runs.write(out / "runs.csv")
    posterior = bl.fit(runs, "zhao2025", seed=seed)
    posterior.save(out / "fit.nc")
    optima = {size: bl.optimum(posterior, at={"N": size}) for size in SIZES}
    pictures = {
        "overview.png": _overview(posterior, optima[SIZES[0]]),
        "posterior.png": bl.plots.coefficients(posterior),
        "optimum.png": bl.plots.optimum(list(optima.values())),
        "band.png": bl.plots.band(posterior, "N_a/N", at={"N": SIZES[0]}),
    }
    for name, figure in pictures.items():
        write_picture(figure, out / name)
    files = [str(out / name) for name in ("runs.csv", "fit.nc", *pictures)]
    next_step = (
        f"{time.perf_counter() - start:.0f} s. Next: bayeslaw optimum {out / 'fit.nc'} --at N=100e9"
    )
    return Answer(
        data={"answers": [optimum.to_dict() for optimum in optima.values()], "files": files},
        notes={note: None for optimum in optima.values() for note in optimum.notes},
        text=results.demo(optima, [*files, next_step]),
    )


def _overview(posterior: bl.Posterior, optimum: bl.Optimum) -> Figure:
    """Shares of active parameters over sizes, the optimum at one, and how flat it is."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic(
        [["share", "best"], ["share", "flat"]],
        figsize=(11, 4.4),
        layout="constrained",
        width_ratios=[1, 1.4],
    )
    curve = [bl.optimum(posterior, at={"N": size}) for size in CURVE]
    largest = float(posterior.runs.column("N").max())
    bl.plots.active_share(curve, largest=largest, ax=axes["share"])
    bl.plots.optimum(optimum, ax=axes["best"])
    bl.plots.regret(optimum, ax=axes["flat"])
    return figure


@command(
    app,
    "bayeslaw simulate --law zhao2025 --design independent --rows 446 --noise-sd 0.003 --seed 7 "
    "--out runs.csv",
)
def simulate(
    out: Annotated[Path, "Table to write (.csv, .parquet, .jsonl).", WRITTEN],
    law: options.LawName = "zhao2025",
    design: Annotated[Literal["independent", "one_at_a_time"], "Design."] = "independent",
    rows: Annotated[int, "Number of runs."] = 446,
    noise_sd: Annotated[float, "Standard deviation of log loss."] = 0.003,
    coefficients: Annotated[str | None, "Published set [the card's first]."] = None,
    seed: options.Seed = 0,
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
    table: options.RunsTable,
    reading: options.Reading,
    fitting: options.Fitting,
    out: Annotated[Path, "Posterior to write (netCDF).", WRITTEN],
    law: options.LawName = "zhao2025",
    pool: Annotated[
        list[str] | None, "NAME[=COLUMN]", "Coefficient that varies by group around a common value."
    ] = None,
) -> Answer:
    """Fit a law to a table of runs."""
    runs = reading.read(table)
    posterior = bl.fit(runs, law, pool=options.pools(pool), **fitting.arguments())
    posterior.save(out)
    return Answer(
        data={"file": str(out), **posterior.to_dict()},
        notes=posterior.notes,
        text=[*results.posterior(posterior, INTERVAL), f"posterior in {out}"],
    )


@command(app, "bayeslaw summary fit.nc")
def summary(fit: options.Fit, ci_prob: options.CiProb = INTERVAL) -> Answer:
    """Coefficients with credible intervals, diagnostics and notes."""
    posterior = bl.load(fit)
    return Answer(
        data=posterior.to_dict(ci_prob=ci_prob),
        notes=posterior.notes,
        text=results.posterior(posterior, ci_prob),
    )


@command(app, "bayeslaw predict fit.nc new.csv --level observation --out bands.csv")
def predict(
    fit: options.Fit,
    table: Annotated[Path, typer.Argument(help="Configurations, one per row.")],
    columns: options.Columns,
    level: Annotated[Literal["law", "run", "observation"], "What is predicted."] = "law",
    out: options.Out = None,
    ci_prob: options.CiProb = INTERVAL,
    seed: options.Seed = 0,
) -> Answer:
    """Predict the loss of configurations, with credible intervals."""
    posterior = bl.load(fit)
    configurations = columns.read(table)
    bands = posterior.predict(configurations, level=level, ci_prob=ci_prob, seed=seed)
    bands.index.name = bands.index.name or "row"
    notes, predicts = (*configurations.notes, *posterior.notes), posterior.law.predicts
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
