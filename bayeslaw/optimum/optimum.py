"""``optimum``: the best configuration, draw by draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.threads import one_thread
from bayeslaw.law import Law
from bayeslaw.optimum.answer import Unbounded, draw_sets, merge, summarise
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.extrapolated import optimise_with_error
from bayeslaw.optimum.members import Members, laws_of
from bayeslaw.optimum.optimise import optimise_sets
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.profile import profiles
from bayeslaw.optimum.request import REGRET_TOLERANCE, EfficiencyRules, Request
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior


@public
def optimum(
    posterior: Posterior | Mixture,
    *,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    regret_tolerance: float = REGRET_TOLERANCE,
    efficiency: EfficiencyRules | None = None,
    ci_prob: float = INTERVAL,
) -> Optimum:
    """Find the best configuration, draw by draw.

    Best is where the law's value is least, or largest where the card says that more of it is
    better. A variable is fixed by ``at``, freed by the card or by ``free``, and freed by the budget
    if its cost formula or one of its caps mentions it. Anything else is held at the reference run,
    with a note.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or a mixture of several.
    at : mapping, optional
        Fixed canonical variables, raw counts.
    budget : Budget, optional
        FLOPs to be spent, and caps.
    free : iterable of str, optional
        Variables to search over instead of the card's.
    regret_tolerance : float
        Regret, in the unit of the prediction, below which a value of a variable is near-optimal.
    efficiency : EfficiencyRules, optional
        When fewer active parameters are enough.
    ci_prob : float
        Probability of the equal-tailed intervals, and of near-optimality.

    Returns
    -------
    Optimum
        Medians, intervals and shares of draws at bounds, without optimum or not converged; N_a/N by
        the efficiency-aware rules; near-optimal values.

    Raises
    ------
    RequestError
        If the request contradicts itself, or a law is unbounded in a free variable for most
        draws.
    """
    options = {"regret_tolerance": regret_tolerance, "ci_prob": ci_prob}
    request = Request.of("optimum", at, budget, free, efficiency=efficiency, **options)
    request.require_amount()
    if request.budget.cost is not None and request.budget.flops is None:
        raise RequestError(
            f"cost = {request.budget.cost!r} without FLOPs to spend",
            place="optimum, budget",
            remedy="Give train_flops too, or use cheapest()",
        )
    return optima(posterior, [request])[0]


def optima(source: Posterior | Mixture, requests: Sequence[Request]) -> list[Optimum]:
    """The optimum of each request; they differ in what is spent alone."""
    first = requests[0]
    laws = laws_of(source)
    # All laws are searched over what any of them frees.
    frees = dict.fromkeys(name for law in laws for name in _free(law, first))
    wanted = [name for name in frees if name not in first.at]
    capped = {name for cap in first.budget.limits for name in cap.expression.names}
    members = Members.of(
        source,
        dict.fromkeys([*first.at, *wanted, *sorted(capped)]),
        place=first.place,
        partly=lambda law: capped <= set(law.variables) and bool(set(wanted) & set(law.variables)),
    )
    if first.budget.flops is not None:
        members.require_same_cost(first.budget, place=first.place)
    by_law, unbounded = [], list[tuple[Posterior, Unbounded]]()
    for posterior in members.posteriors:
        law = posterior.law
        own = [_narrowed(request, law) for request in requests] if members.mixed else requests
        try:
            by_law.append(_of_law(posterior, own, first))
        except Unbounded as error:
            if not (isinstance(source, Mixture) and source.on_missing == "drop"):
                raise
            unbounded.append((posterior, error))
    if not members.mixed:
        return by_law[0]
    if not by_law:
        raise unbounded[0][1]
    members = members.without(unbounded)
    return [merge(parts, members) for parts in zip(*by_law, strict=True)]


@one_thread()
def _of_law(posterior: Posterior, requests: Sequence[Request], first: Request) -> list[Optimum]:
    """The optimum of each request under one law."""
    sets = draw_sets(posterior)
    problems = [pose(posterior.law, posterior.reference, request) for request in requests]
    # The problems differ in what is spent, which the runs' own cost takes the place of.
    seen = profiles(posterior, problems[0])
    if posterior.extrapolation is not None:
        found = [optimise_with_error(posterior, problem, sets) for problem in problems]
    else:
        optima = optimise_sets(problems, sets)
        found = [(problem, sets, parts) for problem, parts in zip(problems, optima, strict=True)]
    return [summarise(posterior, *parts, first, seen) for parts in found]


def _free(law: Law, request: Request) -> Sequence[str]:
    return law.optimum.free if request.free is None else request.free


def _narrowed(request: Request, law: Law) -> Request:
    """A request without what a law lacks."""
    at = {name: value for name, value in request.at.items() if name in law.variables}
    free = [n for n in _free(law, request) if n in law.variables and n not in at]
    return replace(request, at=at, free=tuple(free))
