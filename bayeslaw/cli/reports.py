"""The command that writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.options import (
    At,
    BytesPerParam,
    Cap,
    CostOption,
    Fit,
    InferenceTokens,
    Interval,
    Json,
    LifetimeFlops,
    MaxActive,
    MaxMemory,
    MaxParams,
    MaxTokens,
    MaxTokensPerActive,
    MaxTotalPerActive,
    TrainFlops,
    configurations,
    numbers,
    writable,
)


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples: bayeslaw report fit.nc --at N=30e9 --out report.html; "
        "bayeslaw report fit.nc --train-flops 1e22 --max-params 100e9 --out report.html"
    )(report)


def report(
    fit: Fit,
    out: Annotated[Path, typer.Option(help="Page to write (.html).")],
    at: At = None,
    train_flops: TrainFlops = None,
    lifetime_flops: LifetimeFlops = None,
    inference_tokens: InferenceTokens = None,
    max_params: MaxParams = None,
    max_active: MaxActive = None,
    max_tokens: MaxTokens = None,
    max_tokens_per_active: MaxTokensPerActive = None,
    max_total_per_active: MaxTotalPerActive = None,
    max_memory: MaxMemory = None,
    bytes_per_param: BytesPerParam = 2.0,
    cap: Cap = None,
    cost: CostOption = None,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Configurations to rank; else pairs of routed and shared experts."),
    ] = None,
    question: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Write all that a fit says to one HTML page: checks, optimum, decision, pictures."""
    writable(out, fit, *([candidates] if candidates else []))
    budget = bl.Budget(
        train_flops=train_flops,
        lifetime_flops=lifetime_flops,
        inference_tokens=inference_tokens,
        max_params=max_params,
        max_active=max_active,
        max_tokens=max_tokens,
        max_tokens_per_active=max_tokens_per_active,
        max_total_per_active=max_total_per_active,
        max_memory=max_memory,
        bytes_per_param=bytes_per_param,
        caps=dict(numbers(cap, "--cap")),
        cost=cost,
    )
    facts = bl.report(
        bl.load(fit),
        out,
        at=dict(numbers(at, "--at")),
        budget=budget,
        candidates=None
        if candidates is None
        else configurations(candidates, None, None, None, None),
        question=question,
        ci_prob=interval,
        source=fit.name,
    )
    if json:
        show.as_json(facts.to_dict())
        return
    show.notes(facts.notes)
    show.lines([facts.question, *facts.without.values(), f"report in {out}"])
