"""Commands on optima: optimum, frontier, decide, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import WRITTEN, Answer, command, new_app
from bayeslaw.core.errors import RequestError
from bayeslaw.core.files import write_file
from bayeslaw.core.intervals import INTERVAL

app = new_app("")

# Variables that --family builds near, and how near: less than sizes differ in loss.
_TARGETS = {"N", "N_a", "G", "S", "K", "E", "granularity"}
_TOLERANCE = 0.01


@command(
    app,
    "bayeslaw optimum fit.nc --at N=30e9",
    "bayeslaw optimum fit.nc --train-flops 1e22 --max-params 100e9",
    "bayeslaw optimum fit.nc --target-loss 2.1 --probability 0.9 --max-params 100e9",
)
def optimum(
    posteriors: options.Posteriors,
    question: options.Question,
    free: options.Free = None,
    target_loss: Annotated[
        float | None, "Find the cheapest configuration that reaches this loss."
    ] = None,
    probability: Annotated[float | None, "Probability of reaching the target loss [0.9]."] = None,
    regret_tolerance: Annotated[
        float | None, "Regret of near-optimal values, nats [0.001]."
    ] = None,
    efficiency_tolerance: Annotated[
        float | None, "Regret allowed for a smaller N_a, nats [0.01]."
    ] = None,
    compute_share: Annotated[float | None, "Or the share of compute allowed for it."] = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Find the best configuration, with credible intervals."""
    common: dict[str, Any] = {"at": question.fixed or None, "budget": question.budget}
    common |= {"free": free, "ci_prob": ci_prob}
    efficiency = _given(efficiency_tolerance=efficiency_tolerance, compute_share=compute_share)
    tolerances = _given(regret_tolerance=regret_tolerance)
    if target_loss is None:
        if probability is not None:
            raise RequestError(
                f"--probability {probability:g} without a target",
                place="--probability",
                remedy="Give --target-loss too; --ci-prob is the probability of intervals",
            )
        common["efficiency"] = bl.EfficiencyRules(**efficiency)
        best = bl.optimum(posteriors.load(), **common, **tolerances)
        return Answer.of(best, results.optimum(best), plot="optimum")
    if misplaced := {**tolerances, **efficiency}:
        name, value = next(iter(misplaced.items()))
        option = f"--{name.replace('_', '-')}"
        raise RequestError(
            f"{option} {value:g} does not apply to a target loss",
            place=option,
            remedy="Omit this option or --target-loss",
        )
    common |= _given(probability=probability)
    cheapest = bl.cheapest(posteriors.load(), target_loss, **common)
    return Answer.of(cheapest, results.cheapest(cheapest), plot="target")


def _given(**options: float | None) -> dict[str, Any]:
    """The options that have a value; the others keep the function's default."""
    return {name: value for name, value in options.items() if value is not None}


@command(app, "bayeslaw frontier fit.nc --max-params 100e9 --first 1e20 --last 1e25")
def frontier(
    posteriors: options.Posteriors,
    limits: options.Limits,
    first: Annotated[float, "Smallest budget, FLOPs."] = 1e18,
    last: Annotated[float, "Largest budget, FLOPs."] = 1e27,
    points: Annotated[int, "Number of budgets, evenly by logarithm."] = 10,
    free: options.Free = None,
    out: options.Out = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Find the best configuration for many budgets, with credible intervals."""
    import numpy as np

    if not (0 < first <= last < np.inf and points >= 1):
        raise RequestError(
            f"{points} points from {first:g} to {last:g}",
            place="--first, --last, --points",
            remedy="Give positive FLOPs in order, and at least one point",
        )
    flops = np.geomspace(first, last, points)
    bounds: dict[str, Any] = {"at": limits.fixed or None, "budget": limits.budget, "free": free}
    best = bl.frontier(posteriors.load(), flops, **bounds, ci_prob=ci_prob)
    frame = results.frontier_frame(best)
    return Answer.of(best, results.frontier(best), table=frame, plot="frontier")


@command(
    app,
    "bayeslaw decide fit.nc --at N=30e9 --at N_a=3e9",
    "bayeslaw decide fit.nc --family deepseek_v3 --at N=30B --at D=2T --config config.json",
    "bayeslaw decide fit.nc --candidates configs.csv --train-flops 1e22 --out ranking.csv",
)
def decide(
    posteriors: options.Posteriors,
    question: options.Question,
    columns: options.Columns,
    candidates: options.Candidates = None,
    family: Annotated[str | None, "Rank what can be built of this model type near --at N=."] = None,
    regret_tolerance: Annotated[float, "Regret of near-optimal configurations, nats."] = 0.001,
    out: options.Out = None,
    config: Annotated[Path | None, "The best one's config.json (with --family).", WRITTEN] = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Rank legal configurations by expected loss, and list the near-optimal ones."""
    posterior, at = posteriors.load(), question.fixed
    built = None
    if family is not None:
        built, at = _buildable(family, posterior, at, candidates)
    elif config is not None:
        raise RequestError(
            "--config without a family", place="--config", remedy="Give --family as well"
        )
    table = bl.expert_grid() if candidates is None else columns.read(candidates)
    decision = bl.decide(
        posterior,
        built or table,
        at=at or None,
        budget=question.budget,
        regret_tolerance=regret_tolerance,
        ci_prob=ci_prob,
    )
    if built is not None and config is not None:
        text = json.dumps(built.config(decision.best), indent=2)
        write_file(config, f"{text}\n", place="--config")
    table, plot = decision.frame.reset_index(), "decision"
    return Answer.of(decision, results.decision(decision), table=table, plot=plot)


def _buildable(
    family: str,
    posterior: bl.Posterior | bl.Mixture,
    at: dict[str, float],
    candidates: Path | None,
) -> tuple[bl.Buildable, dict[str, float]]:
    """What can be built near the fixed variables, and which of these remain."""
    from bayeslaw.optimum.conventions import embeddings_of

    if candidates is not None or "N" not in at:
        missing = "needs a size" if candidates is None else "excludes --candidates"
        raise RequestError(
            f"--family {family} {missing}", place="--family", remedy="Such as --at N=30B"
        )
    target: dict[str, Any] = {name: at[name] for name in at if name in _TARGETS}
    rest = {name: value for name, value in at.items() if name not in target}
    embeddings = embeddings_of(posterior) or "included"
    built = bl.buildable(family, **target, embeddings=embeddings, tolerance=_TOLERANCE)
    return built, rest


@command(
    app,
    "bayeslaw report fit.nc --at N=30e9 --out report.html",
    "bayeslaw report fit.nc --train-flops 1e22 --max-params 100e9 --out report.html",
)
def report(
    fit: options.Fit,
    question: options.Question,
    columns: options.Columns,
    out: Annotated[Path, "Page to write (.html).", WRITTEN],
    candidates: options.Candidates = None,
    heading: Annotated[str | None, typer.Option("--question", help="Heading of the page.")] = None,
    next_runs: Annotated[bool, "Choose runs to train next, refitted; some seconds."] = True,
    ci_prob: options.CiProb = INTERVAL,
) -> Answer:
    """Write checks, optimum, decision and pictures of a fit to one HTML page."""
    page = bl.report(
        bl.load(fit),
        out,
        at=question.fixed or None,
        budget=question.budget,
        candidates=None if candidates is None else columns.read(candidates),
        question=heading,
        ci_prob=ci_prob,
        source=fit.name,
        next_runs=next_runs,
    )
    return Answer(
        data=page.to_dict(),
        notes=page.notes,
        text=[page.question, *page.without.values(), f"report in {out}"],
    )
