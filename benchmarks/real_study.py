"""Whether a study's intervals hold on larger real runs, beside what people do today.

The largest 20% and 40% of the levels of compute of every task are held out. What a study learns
from other tables is learned without the target's source. Arms: Huber's fit of the additive law with
a bootstrap; its posterior; that posterior widened by rolling_origin; with the error beyond the runs
as other sources show it; the same, updated by the table's own origins; laws averaged without that
error; the study. Needs the folder of real runs.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from back_tests import Stage, stages
from field_prior import KINDS, learn
from provenance import heading, keep, table

from bayeslaw.comparison.scores import crps_of
from bayeslaw.model.extrapolation import ExtrapolationPrior
from bayeslaw.study.backtest import scale_likelihood

LEVELS = (0.5, 0.8, 0.89, 0.95)
DRAWS = 6000
BOOTSTRAP = "Huber and bootstrap"
WIDENED = "additive law, widened by rolling_origin"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/back_tests"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    found = stages(asked.folder, asked.seed, asked.processes)
    whole = [stage for stage in found if stage.cut == "all"]
    sources = list(dict.fromkeys(stage.source for stage in found))
    priors = {
        (source, kind): learn(whole, kind, [s for s in sources if s != source])
        for source in sources
        for kind in KINDS
    }
    rows = []
    for stage in (s for s in found if s.cut != "all"):
        mine = {kind: priors[stage.source, kind] for kind in KINDS}
        rows += _arms(stage, mine, asked.seed)
    frame = pd.DataFrame(rows)
    text = heading(
        "Studies of real tables, larger runs held out",
        f"python benchmarks/real_study.py --seed {asked.seed}",
    )
    text += _text(frame, found, sources)
    keep(text, asked.out)


def _arms(
    stage: Stage, priors: dict[str, ExtrapolationPrior], seed: int
) -> list[dict[str, object]]:
    """Scores of every arm."""
    rng = np.random.default_rng(seed)
    single = {stage.additive: 1.0}
    past = {n: blocks for n, blocks in stage.past.items() if n == stage.additive}
    own = scale_likelihood(past, single, priors["law"]) if past and any(past.values()) else 0.0
    mixture = (
        scale_likelihood(stage.past, stage.weights, priors["mixture"])
        if any(map(len, stage.past.values()))
        else 0.0
    )
    equal = dict.fromkeys(stage.weights, 1 / len(stage.weights))
    draws = {
        BOOTSTRAP: stage.bootstrap,
        "additive law": _draw(stage, single, None, 0.0, rng),
        "additive law, other sources' error": _draw(stage, single, priors["law"], 0.0, rng),
        "the same, updated by its origins": _draw(stage, single, priors["law"], own, rng),
        "laws averaged alike": _draw(stage, equal, None, 0.0, rng),
        "laws averaged by their past": _draw(stage, stage.weights, None, 0.0, rng),
        "study": _draw(stage, stage.weights, priors["mixture"], mixture, rng),
    }
    rows = [_scores(stage, arm, x) for arm, x in draws.items()]
    if stage.widened is not None:
        low, _, high = stage.widened.T
        # Only the ends of this arm's intervals are known.
        y = stage.measured
        row = {"arm": WIDENED, "0.89": float(((low <= y) & (y <= high)).mean())}
        row |= {"width": float((high - low).mean()), "score": _interval_score(low, high, y)}
        rows.append({"source": stage.source, "task": stage.task, "cut": stage.cut, **row})
    return rows


def _draw(
    stage: Stage,
    weights: dict[str, float],
    prior: ExtrapolationPrior | None,
    likelihood: np.ndarray | float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws of measured log loss of the laws averaged, with an error beyond the runs."""
    parts = []
    for name, weight in weights.items():
        count = round(weight * DRAWS)
        x = stage.predicted[name][rng.integers(len(stage.predicted[name]), size=count)]
        if prior is not None and count:
            log_scale, density = prior.grid
            chance = np.exp(density + likelihood - np.max(density + likelihood))
            scale = np.exp(rng.choice(log_scale, count, p=chance / chance.sum()))
            # Of one configuration the error is the same whatever the tilt.
            error = scale * rng.standard_t(prior.degrees, count)
            x = x + error[:, None] * stage.doublings[name] ** prior.power
        parts.append(x)
    return np.concatenate(parts)


def _scores(stage: Stage, arm: str, draws: np.ndarray) -> dict[str, object]:
    y = stage.measured
    draws = draws[np.isfinite(draws).all(axis=1)]
    row: dict[str, object] = {"source": stage.source, "task": stage.task, "cut": stage.cut}
    row |= {"arm": arm, "runs": len(y), "crps": 1e3 * float(crps_of(draws, y).mean())}
    for level in LEVELS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        row[str(level)] = float(((low <= y) & (y <= high)).mean())
        if level == 0.89:
            row["width"] = float((high - low).mean())
            row["score"] = _interval_score(low, high, y)
    return row


def _interval_score(low: np.ndarray, high: np.ndarray, y: np.ndarray) -> float:
    """Mean interval score of 89% intervals (Gneiting and Raftery 2007), in thousandths."""
    missed = np.maximum(low - y, 0.0) + np.maximum(y - high, 0.0)
    return 1e3 * float((high - low + 2 / 0.11 * missed).mean())


def _text(frame: pd.DataFrame, found: list[Stage], sources: list[str]) -> str:
    base = frame[frame["arm"] == BOOTSTRAP].set_index(["task", "cut"])[["crps", "width", "score"]]
    joined = frame.join(base, on=["task", "cut"], rsuffix=" of bootstrap")
    for name in ("crps", "width", "score"):
        joined[f"log {name}"] = np.log(joined[name] / joined[f"{name} of bootstrap"])
    logs = [f"log {name}" for name in ("width", "crps", "score")]
    levels = [str(level) for level in LEVELS]
    by_source = joined.groupby(["arm", "source"], sort=False)[[*levels, *logs]].mean()
    pooled = by_source.groupby("arm", sort=False).mean()
    rows: list[list[object]] = []
    for arm, row in pooled.iterrows():
        held = by_source.loc[arm]["0.89"].between(0.80, 0.96)
        ratios = [f"{np.exp(row[name]):.2f}" for name in logs]
        covered = [f"{row[level]:.2f}" for level in levels]
        rows.append([arm, *covered, *ratios, f"{int(held.sum())} of {len(held)}"])
    heads = ["arm", *(f"{100 * level:g}%" for level in LEVELS)]
    heads += ["width", "CRPS", "interval score", "sources held .80 to .96"]
    text = (
        f"{len({s.task for s in found})} tasks of {len(sources)} sources, two cuts; means over the "
        "tasks and cuts of a source, then over sources. Coverage of four intervals; width, CRPS "
        "and interval score over the bootstrap's (geometric means).\n\n## Pooled\n\n"
    )
    text += table(heads, rows) + "## Coverage of 89% intervals by source\n\n"
    text += _wide(by_source["0.89"], sources, "{:.2f}")
    text += "## CRPS over the bootstrap's, by source\n\n"
    text += _wide(np.exp(by_source["log crps"]), sources, "{:.2f}")
    text += "## By task and cut: the study, and the bootstrap\n\n"
    each = []
    for stage in (s for s in found if s.cut != "all"):
        mine = frame[(frame["task"] == stage.task) & (frame["cut"] == stage.cut)].set_index("arm")
        study, huber = mine.loc["study"], mine.loc[BOOTSTRAP]
        shares = ", ".join(f"{name} {100 * w:.0f}%" for name, w in stage.weights.items())
        each.append(
            [
                *(stage.task, stage.cut, len(stage.measured), shares, f"{study['0.89']:.2f}"),
                *(f"{huber['0.89']:.2f}", f"{study['crps']:.2f}", f"{huber['crps']:.2f}"),
                f"{stage.seconds:.0f}",
            ]
        )
    heads = ["task", "cut", "held out", "weights", "covered", "bootstrap's", "CRPS", "bootstrap's"]
    return text + table([*heads, "s"], each)


def _wide(values: pd.Series, sources: list[str], form: str) -> str:
    frame = values.unstack("source")[sources]
    rows = [[arm, *(form.format(value) for value in row)] for arm, row in frame.iterrows()]
    return table(["arm", *sources], rows)


if __name__ == "__main__":
    main()
