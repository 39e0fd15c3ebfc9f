"""From a posterior to the runs to train next: next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL

app = new_app("")


@command(
    app,
    "bayeslaw next fit.nc --target N_a/N --at N=671B --flops 1e20 --runs 10 --picture next.png",
    "bayeslaw next fit.nc --target loss --at N=30B --at D=2T --candidates runs.csv",
    "bayeslaw next fit.nc --decide configs.csv --train-flops 1e24 --flops 1e21",
    name="next",
)
def next_runs(
    posteriors: options.Posteriors,
    question: options.Question,
    target: Annotated[str | None, "Optimum to narrow, such as N_a/N, or loss."] = None,
    decide: Annotated[Path | None, "Configurations to choose from, instead of a target."] = None,
    flops: Annotated[float | None, "What the runs may cost together."] = None,
    runs: Annotated[int, "Largest number of runs."] = 10,
    candidates: Annotated[
        Path | None, "Runs that can be trained, with a column cost or not [drawn]."
    ] = None,
    range: Annotated[
        list[str] | None, "NAME=LOW:HIGH", "Range of drawn candidates, such as N=100M:1B."
    ] = None,
    max_replicates: Annotated[int, "How often one configuration may be chosen."] = 2,
    refits: Annotated[int, "Imagined outcomes to refit."] = 0,
    worth: Annotated[float | None, "FLOPs that a nat at the target is worth."] = None,
    out: options.Out = None,
    picture: options.Picture = None,
    ci_prob: options.CiProb = INTERVAL,
    seed: options.Seed = 0,
) -> Answer:
    """Choose the runs to train next, or stop."""
    if (target is None) == (decide is None):
        raise RequestError(
            "neither target nor configurations" if target is None else "a target and a table",
            place="--target, --decide",
            remedy="Give one of them: --target N_a/N --at N=671B",
        )
    limits: dict[str, Any] = {"at": question.fixed or None}
    if question.budget != bl.Budget():
        limits["target_budget"] = question.budget
    batch = bl.next_runs(
        posteriors.load(),
        bl.read_runs(decide) if decide is not None else target,
        **limits,
        budget=flops,
        candidates=None if candidates is None else bl.read_runs(candidates),
        ranges=_ranges(range),
        cost=question.cost if candidates is None else None,
        batch=runs,
        max_replicates=max_replicates,
        refits=refits,
        worth=worth,
        ci_prob=ci_prob,
        seed=seed,
    )
    table = batch.frame.reset_index()
    return Answer.of(batch, results.next_runs(batch), table=table, plot="next_runs")


def _ranges(texts: list[str] | None) -> dict[str, tuple[str, str]] | None:
    """Ranges of variables; counts such as 100M are read where they are used."""
    if not texts:
        return None
    ranges = {}
    for name, text in options.pairs(texts, "--range"):
        low, colon, high = text.partition(":")
        if not colon:
            raise RequestError(f"{text!r}", place=f"--range {name}", remedy="Write N=100M:1B")
        ranges[name] = (low, high)
    return ranges
