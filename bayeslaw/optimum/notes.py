"""Notes on optima, rankings and the cheapest configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.notes import Note, Severity
from bayeslaw.core.quantities import count
from bayeslaw.optimum.quantity import OptimumQuantity
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import NEARBY, distance, extrapolation_text

_OTHER_LAWS = (
    "study() averages laws and adds the error that they show beyond their runs (bayeslaw study)"
)
_INCLUDED = "the interval includes the error that laws show that far beyond their runs"


def held(values: Mapping[str, float], names: Iterable[str], remedy: str) -> list[Note]:
    """Note on variables that the request does not name."""
    names = list(names)
    listed = ", ".join(f"{name} = {count(values[name], 4)}" for name in names)
    if not listed:
        return []
    message = f"fixed at the reference run, since the request does not name it: {listed}"
    return [Note("held_at_reference", "info", message, remedy, about=", ".join(names))]


def optimum_notes(
    runs: Runs,
    chosen: Sequence[str],
    quantities: Mapping[str, OptimumQuantity],
    places: Mapping[str, tuple[float, float]],
    *,
    with_error: bool = False,
) -> list[Note]:
    """Notes on what limits an optimum: prior, extrapolation, draws without one."""
    return [
        *_depends_on_prior(runs, chosen, quantities),
        *_extrapolation(runs, places, with_error),
        *(note for name, quantity in quantities.items() for note in _lost(name, quantity)),
    ]


def _depends_on_prior(
    runs: Runs, chosen: Sequence[str], quantities: Mapping[str, OptimumQuantity]
) -> list[Note]:
    never = runs.constant(chosen)
    constant = ", ".join(name for name in chosen if name in never)
    others = ", ".join(n for n, quantity in quantities.items() if quantity.status != "prior_only")
    if not (constant and others):
        return []
    message = f"{others}: the optimum depends on that of {constant}, which never varied in the runs"
    remedy = f"Fix {constant} with at= or --at to condition on it"
    return [Note("depends_on_prior", "warning", message, remedy, about=constant)]


def _extrapolation(
    runs: Runs, places: Mapping[str, tuple[float, float]], with_error: bool
) -> list[Note]:
    """Notes on variables beyond the runs, whose error the posterior may include."""
    notes = []
    claim = _INCLUDED if with_error else "the interval is valid only if the law is"
    remedy = "" if with_error else _OTHER_LAWS
    for name, (value, factor) in places.items():
        if factor > NEARBY:
            seen, unit = runs.column(name), vocabulary.variable(name).unit
            side = "largest" if value > seen.max() else "smallest"
            text = f"{name} = {count(value, 4)} {unit}".rstrip()
            text += (
                f" differs from every run: all have {name} = {count(seen[0], 4)}"
                if np.isinf(factor)
                else f" is {factor:.3g} times beyond the {side} run"
            )
            notes.append(Note("extrapolation", "warning", f"{text}: {claim}", remedy, about=name))
    # An optimum may be within the range of every variable but outside their joint range.
    away, share = distance(runs, {name: value for name, (value, _) in places.items()})
    if places and share == 0.0 and not notes:
        text = (
            f"the Mahalanobis distance of the optimum from the mean of the runs "
            f"({', '.join(places)}) is {away:.3g}, larger than that of any run"
        )
        notes.append(Note("far_from_runs", "warning", text, remedy, about=", ".join(places)))
    return notes


def _lost(name: str, quantity: OptimumQuantity) -> list[Note]:
    notes = []
    lost, stuck = quantity.shares["none"], quantity.shares["not_converged"]
    if lost:
        text = (
            f"{100 * lost:.2g}% of draws have no optimum of {name}; they are counted as infinite "
            "or zero"
        )
        remedy = f"Add runs that constrain {name}, or tighten the priors"
        notes.append(Note("no_optimum", "warning", text, remedy, about=name))
    if stuck:
        text = (
            f"the search for {name} did not converge in {100 * stuck:.2g}% of draws, which are "
            "excluded"
        )
        remedy = "Request a configuration nearer to the runs, or tighten the priors"
        severity: Severity = "error" if stuck > 0.01 else "warning"
        notes.append(Note("search", severity, text, remedy, about=name))
    return notes


def choice_of_rule() -> Note:
    """Note that intervals by efficiency rules are conditional on the rule."""
    message = (
        "the intervals of N_a/N by efficiency-aware rules are conditional on the rule; slope and "
        "fraction are inferred from the shares in arXiv:2509.23678, which states no rule"
    )
    return Note("choice_of_rule", "info", message)


def tied(names: Iterable[str]) -> list[Note]:
    """Note on variables that an active cap ties."""
    listed = " and ".join(sorted(names))
    if not listed:
        return []
    message = f"near-optimal ranges are not reported for {listed}: an active cap ties them"
    remedy = "Use decide() to rank configurations within the caps"
    return [Note("moves_along_a_cap", "info", message, remedy, about=listed)]


def extrapolation(subject: str, factor: float, name: str, claim: str) -> list[Note]:
    """Note on a configuration beyond the runs."""
    if factor <= NEARBY:
        return []
    message = f"{subject} {extrapolation_text(name, factor)}: {claim} only if the law is"
    return [Note("extrapolation", "warning", message, _OTHER_LAWS)]


def ranking_by_prior(runs: Runs, columns: Mapping[str, np.ndarray]) -> list[Note]:
    """Note on configurations that differ in variables that never varied in the runs."""
    varied = [name for name, values in columns.items() if np.ptp(values) > 0]
    never = runs.constant(varied)
    unknown = ", ".join(name for name in varied if name in never)
    if not unknown:
        return []
    message = (
        f"the configurations differ in {unknown}, which never varied in the runs: the prior alone "
        "orders them"
    )
    return [Note("prior_only", "warning", message, "Add runs that vary it")]


def not_finite(values: np.ndarray) -> list[Note]:
    """Note on draws in which the law is not finite."""
    finite = np.isfinite(values).all(axis=1)
    if finite.all():
        return []
    message = f"the law is not finite in {100 * (1 - finite.mean()):.2g}% of draws"
    return [Note("not_finite", "error", message)]


def close_call(gap: float, error: float) -> list[Note]:
    """Note on a difference of the first two configurations within Monte-Carlo error."""
    if gap > 2 * error:
        return []
    message = (
        f"the first two differ by {gap:.2g} in expectation, with a Monte-Carlo error of "
        f"{error:.1g}: more draws could exchange them"
    )
    return [Note("close_call", "info", message, "Choose between them by other criteria")]


def left_out(labels: Sequence[object], total: int, caps: str) -> Note:
    """Note on configurations that violate a cap."""
    names = ", ".join(str(label) for label in labels[:5]) + (" ..." if len(labels) > 5 else "")
    message = (
        f"{len(labels)} of {total} configurations are excluded ({names}): they violate a cap, "
        f"{caps}"
    )
    return Note("left_out", "info", message)


def unspent(capped: int, total: int, name: str | None) -> list[Note]:
    """Note on FLOPs that a cap prevents from being spent."""
    if not capped:
        return []
    message = f"in {capped} of {total} configurations a cap on {name} prevents spending all FLOPs"
    return [Note("unspent", "info", message)]
