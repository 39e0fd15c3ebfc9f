"""Diagnostics of a posterior: new runs, rolling origin, prior sensitivity, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.core.intervals import INTERVAL

app = new_app("")


@dataclass(frozen=True, kw_only=True)
class Refitting(options.Fitting):
    """How to fit many tables: by a method that has intervals."""

    method: Annotated[Literal["nuts", "laplace"], "Algorithm."] = "nuts"
    chains: Annotated[int, "Number of chains."] = 2


@command(app, "bayeslaw check-new-runs fit.nc new.csv --column N=N_total --unit N=1e9")
def check_new_runs(
    fit: options.Fit,
    table: Annotated[Path, typer.Argument(help="Runs that the fit has not seen.")],
    columns: options.Columns,
    out: options.Out = None,
    ci_prob: options.CiProb = INTERVAL,
    seed: options.Seed = 0,
) -> Answer:
    """Compare newly finished runs with what a posterior predicts of them."""
    posterior = bl.load(fit)
    check = bl.check_new_runs(posterior, columns.read(table), ci_prob=ci_prob, seed=seed)
    return Answer.of(check, results.new_runs(check), table=check.frame)


@command(app, "bayeslaw rolling-origin fit.nc --picture rolling.png")
def rolling_origin(
    fit: options.Fit,
    over: options.Over = None,
    origins: Annotated[int, "Number of levels of size to predict from."] = 5,
    out: options.Out = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Fit to the smaller runs of a table and compare predictions with its larger ones."""
    posterior = bl.load(fit)
    check = bl.rolling_origin(posterior, over=over, origins=origins, ci_prob=ci_prob)
    return Answer.of(check, results.rolling_origin(check), table=check.rows, plot="rolling")


@command(app, "bayeslaw prior-sensitivity fit.nc --at N=30e9")
def prior_sensitivity(
    fit: options.Fit, question: options.Question, out: options.Out = None
) -> Answer:
    """Separate what runs and prior contribute to coefficients, and to an optimum."""
    posterior = bl.load(fit)
    best = None
    if not question.is_empty:
        best = bl.optimum(posterior, at=question.fixed or None, budget=question.budget)
    sensitivity = bl.prior_sensitivity(posterior, best)
    table = sensitivity.frame.reset_index(names="quantity")
    return Answer.of(sensitivity, results.prior_sensitivity(sensitivity), table=table)


@command(
    app,
    "bayeslaw calibrate planned.csv --law zhao2025 --at N=30e9 --tables 200 --folder rounds",
    "bayeslaw calibrate fit.nc --at N=30e9",
)
def calibrate(
    design: Annotated[
        Path,
        typer.Argument(
            help="independent or one_at_a_time; a table of configurations; or a posterior (.nc), "
            "whose runs and draws are used."
        ),
    ],
    columns: options.Columns,
    question: options.Question,
    fitting: Refitting,
    law: options.LawName = "zhao2025",
    truth: Annotated[str | None, "prior, published, a published set, or a posterior (.nc)."] = None,
    tables: Annotated[int, "Number of tables to simulate."] = 200,
    rows: Annotated[int, "Runs of a named design."] = 446,
    compute_factor: Annotated[float, "Factor of the largest compute to predict; 0: none."] = 10.0,
    quantity: Annotated[
        list[str] | None, "NAME=EXPRESSION", "Another function of the coefficients."
    ] = None,
    noise_sd: Annotated[float, "Standard deviation of log loss, for a published truth."] = 0.003,
    prior_shift: Annotated[float, "Shift of prior medians, in their own factors."] = 0.0,
    folder: Annotated[Path | None, "Where to keep finished rounds, to resume them."] = None,
    out: options.Out = None,
    picture: options.Picture = None,
) -> Answer:
    """Simulate tables of a design, fit each, and count how often intervals hold the truth."""
    runs: Any = str(design)
    if design.suffix == ".nc":
        runs = bl.load(design)
    elif design.suffix:
        runs = columns.read(design)
    source: Any = truth
    if truth is not None and Path(truth).suffix == ".nc":
        source = bl.load(truth)
    posterior = next((one for one in (source, runs) if isinstance(one, bl.Posterior)), None)
    calibration = bl.calibrate(
        runs,
        law if posterior is None else posterior.law,
        truth=source,
        tables=tables,
        rows=rows,
        at=question.fixed or None,
        budget=None if question.budget == bl.Budget() else question.budget,
        compute_factor=compute_factor or None,
        quantities=dict(options.pairs(quantity, "--quantity")),
        noise_sd=noise_sd,
        prior_shift=prior_shift,
        folder=folder,
        **fitting.arguments() | ({} if posterior is None else {"noise": posterior.noise.name}),
    )
    table, plot = calibration.to_frame().reset_index(), "calibration"
    return Answer.of(calibration, results.calibration(calibration), table=table, plot=plot)
