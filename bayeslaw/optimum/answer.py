"""Summarise the optima of draws: of one posterior, and of a mixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import of_several
from bayeslaw.optimum import notes
from bayeslaw.optimum.disagreement import disagreements
from bayeslaw.optimum.efficiency import efficient
from bayeslaw.optimum.flatness import averaged, near_optimal
from bayeslaw.optimum.members import Members
from bayeslaw.optimum.optimise import DrawOptima, Draws
from bayeslaw.optimum.pose import remedies
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.profile import Profile
from bayeslaw.optimum.quantity import STATUSES, OptimumQuantity, ends, shares_of
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.mixture import mixture_draws, weighted
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.statistics import rough_ends
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import distance, extrapolation_factor

# Draws of the prior to optimise, for its interval.
_PRIOR = 1000
# Share of draws in which a cap may bind without a note.
_FEW = 0.05


class Unbounded(RequestError):
    """A law that has no optimum in a free variable for most draws."""


def draw_sets(posterior: Posterior) -> list[Draws]:
    """Draws of the posterior and of the prior, and the published coefficients, if any."""
    law = posterior.law
    sets: list[Draws] = [
        posterior.coefficients(),
        {name: posterior.prior[name][:_PRIOR] for name in law.parameters},
    ]
    if law.coefficients:
        sets.append({name: np.array([value]) for name, value in law.published().items()})
    return sets


def summarise(
    posterior: Posterior,
    problem: Problem,
    sets: Sequence[Draws],
    optima: Sequence[DrawOptima],
    request: Request,
    seen: Mapping[str, Profile],
) -> Optimum:
    """Summarise the optima of ``draw_sets``; ``seen`` is what the runs say of each variable."""
    ci_prob, law, runs = request.ci_prob, problem.law, posterior.runs
    draws, own = sets[0], optima[0]
    _refuse_unbounded(problem, own, request.place)
    constant = runs.constant(problem.variables)
    quantities = {
        text: OptimumQuantity.of(
            [part.values(expression) for part in optima],
            shares_of(own.statuses(expression)),
            prior_only=bool(expression.names & set(problem.variables) & constant),
            ci_prob=ci_prob,
        )
        for text, expression in problem.expressions.items()
    }
    with np.errstate(all="ignore"):
        value = np.where(own.converged, problem.structure.form.predict(own.columns, draws), np.nan)
    low, median, high = ends(value, ci_prob)
    by_rule = _by_rule(runs, problem, sets, optima, request)
    shape = posterior.stats["diverging"].shape
    sound = {
        name: quantity.draws
        for name, quantity in quantities.items()
        if np.isfinite(quantity.draws).all() and quantity.status != "none"
    }
    convergence = Convergence.of({name: values.reshape(shape) for name, values in sound.items()})
    # Extrapolation of a variable is that of its median; of N_a too where N_a/N is reported.
    medians = {name: _median(own, name) for name in own.status}
    finite = {name: median for name, median in medians.items() if np.isfinite(median)}
    places = {
        name: (value, float(extrapolation_factor(runs, {name: np.array([value])})[0][0]))
        for name, value in {**problem.fixed, **finite}.items()
        # A variable of the cost only is no input of the law.
        if name in law.variables
    }
    near = near_optimal(
        problem,
        draws,
        own.x,
        runs=runs,
        regret_tolerance=request.regret_tolerance,
        ci_prob=ci_prob,
    )
    tied = _tied(problem, own) & set(near)
    return Optimum(
        quantities={n: q.diagnosed(convergence, n, ci_prob) for n, q in quantities.items()},
        efficient=by_rule,
        near_optimal={name: part for name, part in near.items() if name not in tied},
        active_caps=own.active_caps,
        extrapolation_factor={name: factor for name, (_, factor) in places.items()},
        predicted_interval=(median, low, high),
        predicts=law.predicts,
        distance=distance(runs, {name: value for name, (value, _) in places.items()}),
        at=problem.fixed,
        budget=problem.budget,
        ci_prob=ci_prob,
        notes=(
            *posterior.notes,
            *notes.held(
                problem.fixed, problem.held, "Fix it with at= or --at if the optimum depends on it"
            ),
            *notes.optimum_notes(
                runs,
                problem.variables,
                quantities,
                places,
                with_error=posterior.extrapolation is not None,
            ),
            *disagreements(posterior, problem, own, seen, request),
            *convergence.notes("the optimum"),
            *rough_ends(sound, convergence.ess_tail, "the optimum"),
            *([notes.choice_of_rule()] if by_rule else []),
            *notes.tied(tied),
        ),
        predicted_draws=value,
    )


def _median(optima: DrawOptima, name: str) -> float:
    """Median of a variable at the optima of draws that converged."""
    values = np.broadcast_to(optima.columns[name], optima.converged.shape)
    return ends(values[optima.status[name] != "not_converged"], INTERVAL)[1]


def _refuse_unbounded(problem: Problem, optima: DrawOptima, place: str) -> None:
    law = problem.law
    shares = {name: float(np.mean(status == "none")) for name, status in optima.status.items()}
    lost = [name for name in problem.structure.free if shares[name] > 0.5]
    if not lost:
        return
    moves = "decreases" if law.optimum.sense == "min" else "increases"
    payable = law.cost is not None and lost[0] in law.cost.expression.names and not problem.amount
    or_pay = "; or give a budget (Budget(train_flops=...), --train-flops)" if payable else ""
    raise Unbounded(
        f"the optimum of {law.name} is unbounded: its {law.predicts} {moves} monotonically in "
        f"{' and '.join(lost)} in {100 * max(shares[name] for name in lost):.0f}% of draws",
        place=place,
        remedy=remedies(lost[0]) + or_pay,
    )


def _by_rule(
    runs: Runs,
    problem: Problem,
    sets: Sequence[Draws],
    optima: Sequence[DrawOptima],
    request: Request,
) -> dict[str, OptimumQuantity]:
    """N_a/N by each efficiency-aware rule, where N_a is free."""
    structure = problem.structure
    if "N_a" not in structure.free or "N" not in problem.law.variables or structure.sense != "min":
        return {}
    # All sets at once: as many steps as one takes.
    together = {name: np.concatenate([draws[name] for draws in sets]) for name in sets[0]}
    every = efficient(problem, together, np.concatenate([part.x for part in optima]), request)
    ends = np.cumsum([len(part.x) for part in optima])[:-1]
    shares = shares_of([optima[0].status["N_a"]])
    prior_only = bool(runs.constant(["N_a"]))
    return {
        name: OptimumQuantity.of(
            np.split(values, ends), shares, prior_only=prior_only, ci_prob=request.ci_prob
        )
        for name, values in every.items()
    }


def _tied(problem: Problem, optima: DrawOptima) -> set[str]:
    """Free variables that share a limit which binds in more than a few draws."""
    structure = problem.structure
    shared = [cap.names for cap in structure.caps]
    if structure.cost is not None and structure.spent is None:
        shared.append(structure.cost.names)
    tied: set[str] = set()
    for limit, names in zip(problem.names, shared, strict=False):
        together = names & set(structure.free)
        if len(together) > 1 and optima.active_caps[limit] > _FEW:
            tied |= together
    return tied


def merge(optima: Sequence[Optimum], members: Members) -> Optimum:
    """The optima of several laws as that of their mixture."""
    first, ci_prob = optima[0], optima[0].ci_prob

    def combined(attribute: str, combine: Callable[[list[Any], np.ndarray], Any]) -> dict[str, Any]:
        """Combined values by name, over the laws that have the name, weights renormalised."""
        maps = [getattr(part, attribute) for part in optima]
        result = {}
        for name in dict.fromkeys(key for values in maps for key in values):
            having = [i for i, values in enumerate(maps) if name in values]
            weights = members.weights[having] / members.weights[having].sum()
            result[name] = combine([maps[i][name] for i in having], weights)
        return result

    def blend(parts: list[OptimumQuantity], weights: np.ndarray) -> OptimumQuantity:
        # Published sets are of single laws.
        return OptimumQuantity.of(
            [
                mixture_draws([part.draws for part in parts], weights),
                mixture_draws([part.prior_draws for part in parts], weights),
            ],
            {s: float(weights @ [part.shares[s] for part in parts]) for s in STATUSES},
            prior_only=bool(weights @ [part.status == "prior_only" for part in parts] > 0.5),
            ci_prob=ci_prob,
        )

    value = mixture_draws([part.predicted_draws for part in optima], members.weights)
    low, median, high = ends(value, ci_prob)
    names = [posterior.law.name for posterior in members.posteriors]
    own_notes = of_several([(n, part.notes) for n, part in zip(names, optima, strict=True)])
    return Optimum(
        quantities=combined("quantities", blend),
        efficient=combined("efficient", blend),
        near_optimal=combined("near_optimal", averaged),
        active_caps=combined("active_caps", lambda parts, weights: float(weights @ parts)),
        extrapolation_factor=combined("extrapolation_factor", lambda parts, _: max(parts)),
        predicted_interval=(median, low, high),
        predicts=first.predicts,
        at={name: value for part in reversed(optima) for name, value in part.at.items()},
        budget=first.budget,
        ci_prob=ci_prob,
        notes=(weighted(members.posteriors, members.weights), *members.dropped, *own_notes),
        predicted_draws=value,
    )
