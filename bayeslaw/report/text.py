"""What figures and answers show, in words made from their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bayeslaw.checks.residuals import residuals
from bayeslaw.optimum.answer import Optimum
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision
from bayeslaw.plots import labels
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.report.html import number
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import extrapolation_text

#: A factor beyond the runs that is no rounding.
EDGE = 1.0 + 1e-9


def runs_of(runs: Runs) -> str:
    """How many runs of which table."""
    source = {"simulated": "", "DataFrame": " of a DataFrame"}
    kind = "simulated runs" if runs.source == "simulated" else "runs"
    return f"{len(runs)} {kind}{source.get(runs.source, f' of {runs.source}')}"


def furthest(best: Optimum) -> str:
    """How far an answer lies beyond the runs."""
    far = {name: times for name, times in best.beyond.items() if times > EDGE}
    if not far:
        return ""
    name = max(far, key=lambda one: far[one])
    return (
        f"The answer {extrapolation_text(name, far[name])}: the further, the more it rests on the "
        "law and the less on the runs."
    )


def asked(
    posterior: Posterior, best: Optimum | None, at: Mapping[str, float], budget: Budget
) -> str:
    """The question that a page answers."""
    if best is None:
        return f"What do {runs_of(posterior.runs)} say about the law {posterior.law.name}?"
    where = constraints(at, budget)
    names = _and(best.quantities)
    return f"Which {names} {'is' if len(best.quantities) == 1 else 'are'} best{where}?"


def constraints(at: Mapping[str, float], budget: Budget) -> str:
    """What bounds a question, starting with a blank; empty for nothing."""
    said = [f"{name} = {labels.count(value)}" for name, value in at.items()]
    if budget.flops is not None:
        said.append(f"{labels.count(budget.flops)} FLOPs")
    said += [f"{cap.expression.text} ≤ {labels.count(cap.limit)}" for cap in budget.limits]
    return f" at {', '.join(said)}" if said else ""


def between(median: float, low: float, high: float) -> str:
    """A median with its interval."""
    return f"{number(median)} ({number(low)} to {number(high)})"


def coefficients(posterior: Posterior, table: Mapping[str, Mapping[str, float]]) -> str:
    """What the picture of coefficients shows."""
    names = list(posterior.law.parameters)
    each = [
        f"{name} {between(*(table[name][end] for end in ('median', 'low', 'high')))}"
        for name in names
    ]
    said = [f"Posterior densities of {len(names)} coefficients before their priors: {_and(each)}."]
    known = [name for name in names if np.isfinite(table[name]["published"])]
    out = [
        name
        for name in known
        if not table[name]["low"] <= table[name]["published"] <= table[name]["high"]
    ]
    if known:
        said.append(
            f"The published value lies within the interval for {len(known) - len(out)} of "
            f"{len(known)}" + (f", not for {_and(out)}." if out else ".")
        )
    return " ".join(said)


def residuals_seen(posterior: Posterior) -> str:
    """What the picture of residuals shows."""
    found = residuals(posterior)
    median = found.median
    inside = int(((found.band[0] <= median) & (median <= found.band[1])).sum())
    far = int(np.argmax(np.abs(median)))
    where = ", ".join(
        f"{name} = {labels.count(posterior.runs.column(name)[far])}"
        for name in posterior.law.variables
    )
    return (
        f"Residuals of {len(median)} runs over each variable and the fitted value, in units of the "
        f"noise scale {found.scale:.2g}: {inside} lie within the grey band that holds "
        f"{100 * found.ci_prob:g}% of the noise. The largest is {number(float(median[far]))}, "
        f"of the run with {where}."
    )


def optimum_seen(best: Optimum) -> str:
    """What the picture of an optimum shows."""
    said = []
    for name, one in best.quantities.items():
        text = f"Best {name}: {between(one.median, one.low, one.high)}"
        if one.published is not None:
            text += f", published {number(one.published)}"
        if one.status != "interior":
            text += f", {one.status.replace('_', ' ')}"
        said.append(f"{text}.")
    return " ".join(said)


def decision_seen(choice: Decision) -> str:
    """What the picture of a decision shows."""
    table = choice.table
    near = [str(label) for label in choice.near_optimal.index]
    shown = ", ".join(
        f"{label} costs {number(float(regret))}"
        for label, regret in table["regret"].head(4).items()
    )
    return (
        f"Expected regret of the first {min(15, len(table))} of {len(table)} configurations, the "
        f"best on top: {shown}. {len(near)} are near-optimal"
        + (f": {', '.join(near[:8])}." if near else ".")
    )


def _and(names: Iterable[str]) -> str:
    *most, last = list(names) or [""]
    return f"{', '.join(most)} and {last}" if most else last
