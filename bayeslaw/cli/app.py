"""The commands."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.laws import laws_app
from bayeslaw.errors import BayesLawError, RequestError

app = typer.Typer(
    name="bayeslaw",
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


class Noise(StrEnum):
    """Observation models."""

    student_t = "student_t"
    normal = "normal"


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
        law, design=design.value, rows=rows, noise=noise, coefficients=coefficients, seed=seed
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
    hand_over: Annotated[
        bool, typer.Option("--hand-over", help="NUTS where Laplace fails.")
    ] = False,
    noise: Annotated[Noise, typer.Option(help="Scatter around the law.")] = Noise.student_t,
    seed: Seed = 0,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    draws: Annotated[int, typer.Option(help="Kept draws a chain, a multiple of 100.")] = 1000,
    warmup: Annotated[int, typer.Option(help="Adaptation steps, a multiple of 100.")] = 400,
    json: Json = False,
) -> None:
    """Fit a law to a table of runs."""
    _writable(out, table)
    runs = bl.read_runs(
        table,
        columns=_pairs(column, "--column"),
        units=_numbers(unit, "--unit"),
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
        seed=seed,
        chains=chains,
        draws=draws,
        warmup=warmup,
        hand_over=hand_over,
    )
    posterior.save(out)
    _summary(posterior, json, {"file": str(out)})
    if not json:
        sys.stdout.write(f"posterior in {out}\n")


@app.command(epilog="Example: bayeslaw summary fit.nc")
def summary(fit: Fit, interval: Interval = 0.89, json: Json = False) -> None:
    """Coefficients with credible intervals, diagnostics and notes."""
    _summary(bl.Posterior.load(fit), json, {}, interval)


def _summary(
    posterior: bl.Posterior, json: bool, more: dict[str, Any], interval: float = 0.89
) -> None:
    coefficients = posterior.summary(interval_probability=interval)
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


@app.command(
    epilog="Examples: bayeslaw optimum fit.nc --at N=30e9; "
    "bayeslaw optimum fit.nc --at N=30e9 --train-flops 1e22"
)
def optimum(
    fit: Fit,
    at: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Fixed variable, raw count.")
    ] = None,
    train_flops: Annotated[float | None, typer.Option(help="Training FLOPs to spend.")] = None,
    free: Annotated[list[str] | None, typer.Option(help="Variable to search over.")] = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Find the best configuration, with credible intervals."""
    answer = bl.optimum(
        bl.Posterior.load(fit),
        at=dict(_numbers(at, "--at")),
        budget=bl.Budget(train_flops=train_flops),
        free=free,
        interval_probability=interval,
    )
    if json:
        show.as_json(answer.to_dict())
        return
    show.notes(answer.notes)
    print_optimum(answer)


def print_optimum(answer: bl.Optimum) -> None:
    """Print an optimum as a table.

    Parameters
    ----------
    answer : Optimum
        The answer.
    """
    rows: list[list[Any]] = []
    for name, one in answer.quantities.items():
        shares = [f"{100 * share:.3g}% {kind}" for kind, share in one.shares.items() if share]
        said = [one.status] if len(shares) == 1 else [one.status, *shares]
        prior = f"{show.number(one.prior_low)} to {show.number(one.prior_high)}"
        status = said[0] if len(said) == 1 else f"{said[0]} ({', '.join(said[1:])})"
        rows.append([name, one.median, one.low, one.high, one.published, prior, status])
    median, low, high = answer.predicted
    rows.append([answer.predicts, median, low, high, None, "", ""])
    heads = ["best", "median", "low", "high", "published", "prior's interval", "draws"]
    said = [f"{name} = {value:.4g}" for name, value in answer.at.items()]
    if answer.budget.train_flops is not None:
        said.append(f"{answer.budget.train_flops:.4g} FLOPs")
    where = ", ".join(said)
    show.table(f"At {where}, {100 * answer.probability:g}% intervals", heads, rows)


@app.command(
    epilog="Examples: bayeslaw decide fit.nc --at N=30e9 --at N_a=3e9; "
    "bayeslaw decide fit.nc --candidates configs.csv --train-flops 1e22 --out ranking.csv"
)
def decide(
    fit: Fit,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Configurations, one a row; else pairs of routed and shared experts."),
    ] = None,
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
    at: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="The same for all, raw count.")
    ] = None,
    train_flops: Annotated[float | None, typer.Option(help="Training FLOPs to spend.")] = None,
    within: Annotated[float, typer.Option(help="As good as the best within so many nats.")] = 0.001,
    out: Annotated[Path | None, typer.Option(help="Table to write.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Picture to write (.png, .pdf).")] = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Rank legal configurations by expected loss, and say which are as good as the best."""
    for path in (out, picture):
        if path is not None:
            _writable(path, fit, *([candidates] if candidates else []))
    posterior = bl.Posterior.load(fit)
    given: Any = bl.lattice()
    if candidates is not None:
        given = _configurations(candidates, column, unit, mapping, where)
    answer = bl.decide(
        posterior,
        given,
        at=dict(_numbers(at, "--at")),
        budget=bl.Budget(train_flops=train_flops),
        within=within,
        interval_probability=interval,
    )
    if out is not None:
        from bayeslaw.runs.writing import write_table

        write_table(answer.table.reset_index(), out)
    if picture is not None:
        bl.plots.decision(answer).savefig(picture, dpi=150)
    if json:
        show.as_json(answer.to_dict())
        return
    show.notes(answer.notes)
    first = answer.table.head(20).drop(columns=["beyond", "variable"])
    said = ", ".join(f"{name} = {value:.4g}" for name, value in answer.at.items())
    title = f"The first {len(first)} of {len(answer.table)} configurations"
    show.frame(f"{title} at {said}" if said else title, first)
    near = answer.near_optimal
    sys.stdout.write(
        f"{len(near)} of {len(answer.table)} are within {within:g} of the best with probability "
        f"{interval:g}\n"
    )


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
        _writable(out, fit, table)
    posterior = bl.Posterior.load(fit)
    new = _configurations(table, column, unit, mapping, where)
    bands = posterior.predict(new, level=level.value, interval_probability=interval, seed=seed)
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


def _configurations(
    table: Path,
    column: list[str] | None,
    unit: list[str] | None,
    mapping: Path | None,
    where: str | None,
) -> bl.Runs:
    return bl.read_runs(
        table,
        columns=_pairs(column, "--column"),
        units=_numbers(unit, "--unit"),
        mapping=mapping,
        where=where,
    )


def _pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    pairs = []
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RequestError(f"{text!r}", place=option, remedy="Write NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _numbers(given: list[str] | None, option: str) -> list[tuple[str, float]]:
    numbers: dict[str, float] = {}
    for name, value in _pairs(given, option):
        if name in numbers:
            raise RequestError(f"{name} is given twice", place=option)
        try:
            numbers[name] = float(value)
        except ValueError:
            raise RequestError(
                f"{value!r} is not a number", place=f"{option} {name}", remedy="Such as 30e9"
            ) from None
    return list(numbers.items())


def _writable(path: Path, *inputs: Path) -> None:
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


def main() -> int:
    """Run the command line.

    Returns
    -------
    int
        2 for bad input, else 0.
    """
    try:
        # Typer ends usage errors, help and interrupts by itself.
        app()
    except BayesLawError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0
