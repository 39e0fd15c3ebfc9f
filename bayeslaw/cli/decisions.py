"""The commands that decide: optimum, frontier, decide."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.cli.options import (
    At,
    BytesPerParam,
    Cap,
    Column,
    CostOption,
    Fits,
    InferenceTokens,
    Interval,
    Json,
    LifetimeFlops,
    Mapping,
    MaxActive,
    MaxMemory,
    MaxParams,
    MaxTokens,
    MaxTokensPerActive,
    MaxTotalPerActive,
    OnMissing,
    Picture,
    TrainFlops,
    Unit,
    Weight,
    Where,
    configurations,
    mixed,
    numbers,
    writable,
)
from bayeslaw.core.errors import RequestError

Free = Annotated[list[str] | None, typer.Option(help="Variable to search over.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples: bayeslaw optimum fit.nc --at N=30e9; "
        "bayeslaw optimum fit.nc --train-flops 1e22 --max-params 100e9; "
        "bayeslaw optimum fit.nc --target-loss 2.1 --confidence 0.9 --max-params 100e9"
    )(optimum)
    app.command(
        epilog="Example: bayeslaw frontier fit.nc --max-params 100e9 --first 1e20 --last 1e25"
    )(frontier)
    app.command(
        epilog="Examples: bayeslaw decide fit.nc --at N=30e9 --at N_a=3e9; "
        "bayeslaw decide fit.nc --candidates configs.csv --train-flops 1e22 --out ranking.csv"
    )(decide)


def optimum(
    fits: Fits,
    at: At = None,
    free: Free = None,
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
    target_loss: Annotated[
        float | None, typer.Option(help="Find the cheapest that reaches this instead.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="With what probability it has to; 0.9.")
    ] = None,
    within: Annotated[
        float | None, typer.Option(help="As good as the best within so many nats; 0.001.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Nats for which fewer active parameters are enough; 0.01."),
    ] = None,
    compute_share: Annotated[
        float | None, typer.Option(help="Or the share of training compute that they may waste.")
    ] = None,
    weight: Weight = None,
    on_missing: OnMissing = "error",
    picture: Picture = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Find the best configuration, with credible intervals."""
    if picture is not None:
        writable(picture, *fits)
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
    posterior = mixed(fits, weight, on_missing)
    fixed = dict(numbers(at, "--at"))
    if target_loss is not None:
        meant = {"--within": within, "--tolerance": tolerance, "--compute-share": compute_share}
        for option, value in meant.items():
            if value is not None:
                raise RequestError(
                    f"{option} {value:g} says nothing of a target",
                    place=option,
                    remedy="Leave it out, or --target-loss",
                )
        cheapest = bl.cheapest(
            posterior,
            target_loss,
            confidence=0.9 if confidence is None else confidence,
            at=fixed,
            budget=budget,
            free=free,
            ci_prob=interval,
        )
        if picture is not None:
            bl.plots.target(cheapest).savefig(picture, dpi=150)
        if json:
            show.as_json(cheapest.to_dict())
            return
        show.notes(cheapest.notes)
        print_cheapest(cheapest)
        return
    if confidence is not None:
        raise RequestError(
            f"--confidence {confidence:g} without a target",
            place="--confidence",
            remedy="Give --target-loss too; --interval is the probability of intervals",
        )
    answer = bl.optimum(
        posterior,
        at=fixed,
        budget=budget,
        free=free,
        within=0.001 if within is None else within,
        rules=bl.EfficiencyRules(
            tolerance=0.01 if tolerance is None else tolerance, compute=compute_share
        ),
        ci_prob=interval,
    )
    if picture is not None:
        bl.plots.optimum(answer).savefig(picture, dpi=150)
    if json:
        show.as_json(answer.to_dict())
        return
    show.notes(answer.notes)
    print_optimum(answer)


def print_optimum(answer: bl.Optimum) -> None:
    """Print an optimum as a table, and what costs next to nothing below it."""
    rows: list[list[Any]] = []
    named = {f"N_a/N, {name}": one for name, one in answer.rules.items()}
    for name, one in {**answer.quantities, **named}.items():
        shares = [f"{100 * share:.3g}% {kind}" for kind, share in one.shares.items() if share]
        said = [one.status] if len(shares) == 1 else [one.status, *shares]
        prior = f"{show.number(one.prior_low)} to {show.number(one.prior_high)}"
        status = said[0] if len(said) == 1 else f"{said[0]} ({', '.join(said[1:])})"
        rows.append([name, one.median, one.low, one.high, one.published, prior, status])
    median, low, high = answer.predicted
    rows.append([answer.predicts, median, low, high, None, "", ""])
    heads = ["best", "median", "low", "high", "published", "prior's interval", "draws"]
    where = _where(answer.at, answer.budget)
    show.table(f"At {where}, {100 * answer.probability:g}% intervals", heads, rows)
    show.lines(answer.near_lines())
    bound = [f"{name} in {100 * share:.3g}%" for name, share in answer.binding.items() if share]
    if bound:
        show.lines([f"Caps that are reached: {', '.join(bound)} of draws."])


def _where(at: dict[str, float], budget: bl.Budget) -> str:
    said = [f"{name} = {value:.4g}" for name, value in at.items()]
    if budget.flops is not None:
        said.append(f"{budget.flops:.4g} FLOPs")
    said += [f"{cap.expression.text} <= {cap.limit:.4g}" for cap in budget.limits]
    return ", ".join(said) or "no constraint"


def print_cheapest(answer: bl.Cheapest) -> None:
    """Print what reaches a target."""
    rows: list[list[Any]] = [
        [name, value, "chosen" if name in answer.chosen else "fixed"]
        for name, value in answer.configuration.items()
    ]
    show.table("The cheapest configuration", ["", "value", ""], rows)
    median, low, high = answer.predicted
    show.lines(
        [
            f"It costs {answer.cost:.4g} and reaches {answer.target:g} with probability "
            f"{answer.confidence:g}.",
            f"{answer.predicts}: {median:.4g} ({low:.4g} to {high:.4g}); it is reached in "
            f"{100 * answer.reached:.3g}% of draws.",
            f"An even chance would cost {answer.even:.4g}: "
            f"the confidence costs a factor of {answer.cost / answer.even:.3g}.",
        ]
    )


def frontier(
    fits: Fits,
    first: Annotated[float, typer.Option(help="Least FLOPs.")] = 1e18,
    last: Annotated[float, typer.Option(help="Most FLOPs.")] = 1e27,
    points: Annotated[int, typer.Option(help="How many budgets, evenly by logarithm.")] = 10,
    at: At = None,
    free: Free = None,
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
    weight: Weight = None,
    on_missing: OnMissing = "error",
    out: Annotated[Path | None, typer.Option(help="Table to write.")] = None,
    picture: Picture = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Find the best configuration for many budgets, with credible intervals."""
    for path in (out, picture):
        if path is not None:
            writable(path, *fits)
    if not (0 < first <= last and points >= 1):
        raise RequestError(
            f"{points} points from {first:g} to {last:g}",
            place="--first, --last, --points",
            remedy="Give positive FLOPs in order, and at least one point",
        )
    budget = bl.Budget(
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
    answer = bl.frontier(
        mixed(fits, weight, on_missing),
        np.geomspace(first, last, points),
        at=dict(numbers(at, "--at")),
        budget=budget,
        free=free,
        ci_prob=interval,
    )
    table = answer.to_frame()[["median", "low", "high", "published", "status"]].reset_index()
    if out is not None:
        from bayeslaw.runs.writing import write_table

        write_table(table, out)
    if picture is not None:
        bl.plots.frontier(answer).savefig(picture, dpi=150)
    if json:
        show.as_json(answer.to_dict())
        return
    show.notes(answer.notes)
    title = f"The best at each budget, with {answer.rule}; {100 * interval:g}% intervals"
    show.table(title, list(table.columns), table.to_numpy().tolist())


def decide(
    fits: Fits,
    candidates: Annotated[
        Path | None,
        typer.Option(help="Configurations, one a row; else pairs of routed and shared experts."),
    ] = None,
    column: Column = None,
    unit: Unit = None,
    mapping: Mapping = None,
    where: Where = None,
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
    within: Annotated[float, typer.Option(help="As good as the best within so many nats.")] = 0.001,
    weight: Weight = None,
    on_missing: OnMissing = "error",
    out: Annotated[Path | None, typer.Option(help="Table to write.")] = None,
    picture: Picture = None,
    interval: Interval = 0.89,
    json: Json = False,
) -> None:
    """Rank legal configurations by expected loss, and say which are as good as the best."""
    for path in (out, picture):
        if path is not None:
            writable(path, *fits, *([candidates] if candidates else []))
    posterior = mixed(fits, weight, on_missing)
    given: Any = bl.expert_grid()
    if candidates is not None:
        given = configurations(candidates, column, unit, mapping, where)
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
    answer = bl.decide(
        posterior,
        given,
        at=dict(numbers(at, "--at")),
        budget=budget,
        within=within,
        ci_prob=interval,
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
    top = answer.table.head(20).drop(columns=["beyond", "variable"])
    said = ", ".join(f"{name} = {value:.4g}" for name, value in answer.at.items())
    title = f"The first {len(top)} of {len(answer.table)} configurations"
    show.frame(f"{title} at {said}" if said else title, top)
    near = answer.near_optimal
    sys.stdout.write(
        f"{len(near)} of {len(answer.table)} are within {within:g} of the best with probability "
        f"{interval:g}\n"
    )
