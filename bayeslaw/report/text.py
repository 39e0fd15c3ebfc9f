"""Numbers, sentences and alternative texts of a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bayeslaw.checks.residuals import residuals
from bayeslaw.core.notes import Note
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision
from bayeslaw.optimum.quantity import OptimumQuantity
from bayeslaw.optimum.result import Optimum
from bayeslaw.plots.labels import count
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import extrapolation_text

#: A factor beyond the runs that is no rounding.
EDGE = 1.0 + 1e-9


def number(value: float | None) -> str:
    """A number in a few digits, counts as 30B."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 1e5 or 0 < abs(value) < 1e-3:
        text = count(value)
    else:
        text = f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def range_of(low: float, high: float) -> str:
    """Both ends of an interval."""
    return f"{number(low)} to {number(high)}"


def with_interval(median: float, low: float, high: float) -> str:
    """A median with its interval."""
    return f"{number(median)} ({range_of(low, high)})"


def furthest(best: Optimum) -> str:
    """How far an optimum lies beyond the runs; empty where it does not."""
    far = {name: factor for name, factor in best.extrapolation_factor.items() if factor > EDGE}
    if not far:
        return ""
    first, *others = sorted(far, key=far.__getitem__, reverse=True)
    more = [f"{far[name]:.3g} times in {name}" for name in others]
    return (
        f"The answer {extrapolation_text(first, far[first])}{f', {listed(more)}' if more else ''}: "
        "the further, the more it rests on the law and the less on the runs."
    )


def default_question(
    posterior: Posterior, best: Optimum | str, at: Mapping[str, float], budget: Budget
) -> str:
    """The question that a page answers, put together from its constraints."""
    if isinstance(best, str):
        return f"What do {posterior.runs.described} say about the law {posterior.law.name}?"
    verb = "is" if len(best.quantities) == 1 else "are"
    return f"Which {listed(best.quantities)} {verb} best{constraints(at, budget)}?"


def constraints(at: Mapping[str, float], budget: Budget) -> str:
    """What bounds an optimum, starting with a blank; empty for nothing."""
    parts = [f"{name} = {count(value)}" for name, value in at.items()]
    if budget.flops is not None:
        parts.append(f"{count(budget.flops)} FLOPs")
    parts += [f"{cap.expression.text} ≤ {count(cap.limit)}" for cap in budget.limits]
    return f" at {', '.join(parts)}" if parts else ""


def coefficients_text(posterior: Posterior, summary: Mapping[str, Mapping[str, Any]]) -> str:
    """What the picture of coefficients shows."""
    rows = {name: summary[name] for name in posterior.law.parameters}
    each = [
        f"{n} {with_interval(row['median'], row['low'], row['high'])}" for n, row in rows.items()
    ]
    text = f"Posterior densities of {len(rows)} coefficients before their priors: {listed(each)}."
    known = [name for name, row in rows.items() if np.isfinite(row["published"])]
    out = [n for n in known if not rows[n]["low"] <= rows[n]["published"] <= rows[n]["high"]]
    if known:
        inside = f"{len(known) - len(out)} of {len(known)}"
        text += f" The published value lies within the interval for {inside}"
        text += f", not for {listed(out)}." if out else "."
    return text


def residuals_text(posterior: Posterior) -> str:
    """What the picture of residuals shows."""
    residual = residuals(posterior)
    median = residual.median
    inside = int(((residual.band[0] <= median) & (median <= residual.band[1])).sum())
    far = int(np.argmax(np.abs(median)))
    variables = posterior.law.variables
    where = ", ".join(f"{n} = {count(posterior.runs.column(n)[far])}" for n in variables)
    return (
        f"Residuals of {len(median)} runs over each variable and the fitted value, in units of the "
        f"noise scale {residual.scale:.2g}: {inside} lie within the grey band that holds "
        f"{100 * residual.ci_prob:g}% of the noise. The largest is {number(float(median[far]))}, "
        f"of the run with {where}."
    )


def optimum_text(best: Optimum) -> str:
    """What the picture of an optimum shows."""
    texts = []
    for name, quantity in best.quantities.items():
        text = f"Best {name}: {with_interval(quantity.median, quantity.low, quantity.high)}"
        if quantity.published is not None:
            text += f", published {number(quantity.published)}"
        texts.append(f"{text}{status_text(quantity)}.")
    return " ".join(texts)


def status_text(quantity: OptimumQuantity) -> str:
    """A status that is worth saying, after a comma."""
    return f", {quantity.status_text}" if quantity.status_text else ""


def first_of(choice: Decision) -> str:
    """The configuration that a decision ranks first."""
    count, near = len(choice.frame), len(choice.near_optimal)
    best = f"Of {count} configurations {choice.best} has the least expected {choice.predicts}"
    limit = f"{choice.regret_tolerance:g} with probability {choice.ci_prob:g}"
    if near:
        return f"{best}; {near} with it have a regret below {limit}"
    return f"{best}; no regret, its own included, is below {limit}"


def decision_text(choice: Decision) -> str:
    """What the picture of a decision shows."""
    table = choice.frame
    near = [str(label) for label in choice.near_optimal.index]
    costs = ", ".join(f"{label} costs {number(r)}" for label, r in table["regret"].head(4).items())
    names = f": {', '.join(near[:8])}" if near else ""
    return (
        f"Expected regret of the first {min(15, len(table))} of {len(table)} configurations, the "
        f"best on top: {costs}. {len(near)} are near-optimal{names}."
    )


def note_text(note: Note) -> str:
    """A note as sentences."""
    remedy = f" {note.remedy}." if note.remedy else ""
    return f"{note.message[:1].upper()}{note.message[1:]}.{remedy}"


def listed(names: Iterable[str]) -> str:
    """Names with commas, and "and" before the last."""
    *most, last = list(names) or [""]
    return f"{', '.join(most)} and {last}" if most else last
