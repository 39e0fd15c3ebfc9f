"""Notes on optima that the table's own runs contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from bayeslaw.core.intervals import interval
from bayeslaw.core.notes import Note
from bayeslaw.optimum.optimise import DrawOptima
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.profile import Profile
from bayeslaw.optimum.request import Request
from bayeslaw.posterior.posterior import Posterior

#: Share of answers with a note if the law is right, over all variables together.
FALSE_ALARMS = 0.01
# Share of draws in which a cap may bind, and that may lack an optimum.
_FEW, _MANY = 0.05, 0.5
_REMEDY = (
    'Fit with method="laplace" and discrepancy="gp", compare other laws, or choose among the '
    "values that were run"
)


@dataclass(frozen=True)
class Better:
    """A place where runs are better than in an interval: gain of log prediction and its z value."""

    place: float
    gain: float
    z: float


def disagreements(
    posterior: Posterior,
    problem: Problem,
    own: DrawOptima,
    found: Mapping[str, Profile],
    request: Request,
) -> list[Note]:
    """A note on each variable whose interval excludes values that are better among the runs."""
    limits = {name: interval_of(problem, own, name, found[name], request) for name in found}
    asked = {name: ends for name, ends in limits.items() if ends is not None}
    loss, notes = posterior.reference.loss, []
    for name, (low, middle, high) in asked.items():
        profile = found[name]
        better = better_elsewhere(
            profile,
            (low - middle, high - middle),
            p_value=FALSE_ALARMS / len(asked),
            gain=float(np.log1p(request.regret_tolerance / loss)),
        )
        if better is not None:
            where = _where(problem, name, profile, better.place, (low, middle, high))
            unit = posterior.runs.loss_unit if problem.law.predicts == "loss" else ""
            message = (
                f"the runs contradict {problem.law.name}: {where} they are "
                f"{loss * np.expm1(better.gain):.2g} {unit}".rstrip()
                + f" better (z = {better.z:.1f}), other variables adjusted for by the law"
            )
            notes.append(Note("disagrees_with_runs", "warning", message, _REMEDY, about=name))
    return notes


def interval_of(
    problem: Problem, own: DrawOptima, name: str, profile: Profile, request: Request
) -> tuple[float, float, float] | None:
    """Interval of an optimum in search coordinates, unless a cap made it or most draws lack it."""
    structure = problem.structure
    x = own.x[:, structure.free.index(name)]
    sound = np.isfinite(x)
    caps = zip(problem.names, structure.caps, strict=False)
    tied = any(name in cap.names and own.active_caps[limit] > _FEW for limit, cap in caps)
    cap = problem.bounded_by.get(name)
    # A cap binds among the runs too only where the law improves up to it.
    capped = cap is not None and own.active_caps[cap] > _FEW and not profile.at_end
    if tied or capped or sound.mean() < _MANY:
        return None
    low, middle, high = interval(x[sound], request.ci_prob)
    return float(low), float(middle), float(high)


def better_elsewhere(
    profile: Profile, ends: tuple[float, float], *, p_value: float, gain: float
) -> Better | None:
    """The best place of runs outside an interval, if it is better than all places inside."""
    places, step = profile.places, np.ptp(profile.places) / len(profile.places)
    # Where the interval lies beyond the runs, the nearest of them stand for it.
    low, high = np.clip(ends, places[0], places[-1])
    inside = (places >= low - step) & (places <= high + step)
    own, other = np.flatnonzero(inside), np.flatnonzero(profile.knots & ~inside)
    if not len(other):
        return None
    better = profile.curve[own][:, None] - profile.curve[other]
    variance = np.diag(profile.covariance)
    spread = variance[own][:, None] + variance[other] - 2 * profile.covariance[np.ix_(own, other)]
    z = better / np.sqrt(np.maximum(spread, np.finfo(float).tiny))
    # Against the place inside that is most favourable to the interval.
    rival, columns = z.argmin(axis=0), np.arange(len(other))
    better, z = better[rival, columns], z[rival, columns]
    clear = (z > -stdtrit(profile.degrees, p_value / len(other))) & (better > gain)
    if not clear.any():
        return None
    best = int(np.argmax(np.where(clear, better, -np.inf)))
    return Better(float(places[other[best]]), float(better[best]), float(z[best]))


def _where(
    problem: Problem,
    name: str,
    profile: Profile,
    place: float,
    ends: tuple[float, float, float],
) -> str:
    """Where runs are better, and than which interval."""
    i = problem.structure.free.index(name)
    to_raw = np.exp if problem.structure.logarithmic[i] else np.asarray
    low, middle, high = ends
    if profile.everywhere:
        value, low, high = (float(to_raw(x)) for x in (profile.best + place, low, high))
        return f"at {name} = {value:.3g}, outside the interval {low:.4g} to {high:.4g},"
    value, low, high = (float(to_raw(x)) for x in (place, low - middle, high - middle))
    if problem.structure.logarithmic[i]:
        return (
            f"with {name} {value:.2g} times what it finds best for them, outside the interval "
            f"({low:.2g} to {high:.2g} times),"
        )
    return (
        f"with {name} {value:+.2g} from what it finds best for them, outside the interval "
        f"({low:+.2g} to {high:+.2g}),"
    )
