"""``optimum``: the best configuration under every draw, and what that says of the best one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from bayeslaw import vocabulary
from bayeslaw.diagnostics import NEARBY, Convergence, beyond
from bayeslaw.errors import RequestError
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.intervals import INTERVAL, interval
from bayeslaw.notes import Note
from bayeslaw.optimum.answer import STATUSES, Optimum, Quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.pose import pose, remedies
from bayeslaw.optimum.problem import Question
from bayeslaw.optimum.solve import Solution, solve
from bayeslaw.posterior import Posterior


def optimum(
    posterior: Posterior,
    *,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    interval_probability: float = INTERVAL,
) -> Optimum:
    """Find the law's best configuration, draw by draw.

    Best is where the predicted quantity is least, or largest where the card says that more of it
    is better. A variable is fixed by ``at``, freed by the card or by ``free``, and freed by the
    budget if its cost formula mentions it. Anything else is held at the reference run, and a note
    says so.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    at : mapping, optional
        Fixed canonical variables, raw counts.
    budget : Budget, optional
        Training FLOPs to be spent.
    free : iterable of str, optional
        Variables to search over instead of the card's.
    interval_probability : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    Optimum
        Medians, intervals and shares of draws at bounds, without optimum or not converged.

    Raises
    ------
    RequestError
        If the question contradicts itself, or the law falls for ever along a free variable for most
        draws.
    """
    budget = budget or Budget()
    law = posterior.law
    question = pose(law, posterior.reference, at=at or {}, budget=budget, free=free)
    # The posterior's draws, the prior's and the published set in one call: one compilation.
    parts = [posterior.coefficients(), {name: posterior.prior[name] for name in law.parameters}]
    if law.coefficients:
        parts.append({name: np.array([value]) for name, value in law.published().items()})
    answers = _split(question, parts)
    columns, where, converged = answers[0]
    _refuse_unbounded(posterior, question, where)
    quantities, draws = {}, {}
    for text in _reported(posterior, question):
        expression = parse_expression(text)
        values = [_filled(expression, columns, where) for columns, where, _ in answers]
        draws[text] = values[0]
        quantities[text] = _quantity(
            posterior, question, expression, values, where, interval_probability
        )
    with np.errstate(all="ignore"):
        value = law.form.predict(columns, parts[0])
    low, median, high = _interval(np.where(converged, value, np.nan), interval_probability)
    notes = _notes(posterior, question, quantities, draws, where)
    return Optimum(
        quantities=quantities,
        predicted=(median, low, high),
        predicts=law.predicts,
        at=question.fixed,
        budget=budget,
        probability=interval_probability,
        notes=(*posterior.notes, *notes),
        draws=draws,
    )


def _split(
    question: Question, parts: list[dict[str, np.ndarray]]
) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]]:
    """Solve for several sets of draws at once: variables, statuses and convergence of each."""
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    solution = solve(question, together)
    sizes = [len(next(iter(part.values()))) for part in parts]
    found, first = [], 0
    for size in sizes:
        own = solution.part(slice(first, first + size))
        found.append((_columns(question, own), _status(question, own), own.converged))
        first += size
    return found


def _columns(question: Question, solution: Solution) -> dict[str, np.ndarray]:
    # A draw that runs away has its optimum at infinity, or at zero on a logarithmic axis.
    away_low, away_high = _away(question, solution)
    x = np.where(away_low, -np.inf, np.where(away_high, np.inf, solution.x))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = question.problem.columns(x, question.fixed, question.budget, np)
    size = len(solution.x)
    return {name: np.broadcast_to(values, (size,)) for name, values in columns.items()}


def _away(question: Question, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Along which variables each draw falls for ever, downwards and upwards."""
    failed = ~solution.converged[:, None]
    at_low, at_high = (
        solution.at_low | solution.as_good_low,
        solution.at_high | solution.as_good_high,
    )
    low = np.where(failed, solution.negative_low, at_low) & question.far_low
    high = np.where(failed, solution.negative_high, at_high) & question.far_high
    return low, high


def _status(question: Question, solution: Solution) -> dict[str, np.ndarray]:
    """For each chosen variable, the status of every draw."""
    away_low, away_high = _away(question, solution)
    lost = (away_low | away_high).any(axis=1)
    where = {}
    for i, name in enumerate(question.problem.free):
        away = away_low[:, i] | away_high[:, i]
        bound = solution.at_low[:, i] | solution.at_high[:, i]
        for j, cap in enumerate(question.problem.caps):
            if name in cap.names:
                bound = bound | solution.at_cap[:, j]
        status = np.where(away, "none", np.where(bound, "at_bound", "interior"))
        where[name] = np.where(solution.converged | lost, status, "not_converged")
    spent = question.problem.spent
    if spent is not None:
        # What follows from the others is at no bound of its own, but runs away with them.
        status = np.where(lost, "none", "interior")
        where[spent] = np.where(solution.converged | lost, status, "not_converged")
    return where


def _reported(posterior: Posterior, question: Question) -> list[str]:
    """The card's expressions over what was chosen, and whatever they leave out."""
    chosen = set(question.variables)
    texts = [t for t in posterior.law.optimum.report if chosen & parse_expression(t).names]
    said = {name for text in texts for name in parse_expression(text).names}
    return [*texts, *(name for name in question.variables if name not in said)]


def _depends(expression: Expression, where: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [where[name] for name in expression.names if name in where]


def _filled(
    expression: Expression, columns: Mapping[str, np.ndarray], where: Mapping[str, np.ndarray]
) -> np.ndarray:
    """An expression over the draws; NaN where the search did not converge."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.array(np.broadcast_to(expression(columns), next(iter(columns.values())).shape))
    stuck = np.any([status == "not_converged" for status in _depends(expression, where)], axis=0)
    values[stuck] = np.nan
    return values


def _quantity(
    posterior: Posterior,
    question: Question,
    expression: Expression,
    values: list[np.ndarray],
    where: Mapping[str, np.ndarray],
    probability: float,
) -> Quantity:
    statuses = _depends(expression, where)
    # The gravest status of the variables behind it is the quantity's.
    rank = np.max([[STATUSES.index(s) for s in status] for status in statuses], axis=0)
    shares = {name: float(np.mean(rank == i)) for i, name in enumerate(STATUSES)}
    status = max(shares, key=lambda name: shares[name])
    names = expression.names & set(question.variables)
    if names & posterior.runs.constant(names):
        status = "prior_only"
    ours, before = _interval(values[0], probability), _interval(values[1], probability)
    return Quantity(
        median=ours[1],
        low=ours[0],
        high=ours[2],
        status=status,
        shares=shares,
        prior_low=before[0],
        prior_high=before[2],
        published=float(values[2][0]) if len(values) > 2 else None,
    )


def _interval(draws: np.ndarray, probability: float) -> tuple[float, float, float]:
    kept = draws[~np.isnan(draws)]
    if not len(kept):
        return (np.nan, np.nan, np.nan)
    low, median, high = interval(kept, probability)
    return float(low), float(median), float(high)


def _refuse_unbounded(
    posterior: Posterior, question: Question, where: Mapping[str, np.ndarray]
) -> None:
    shares = {name: float(np.mean(status == "none")) for name, status in where.items()}
    lost = [name for name in question.problem.free if shares[name] > 0.5]
    if not lost:
        return
    predicts = posterior.law.predicts
    moves = "falls" if posterior.law.optimum.sense == "min" else "rises"
    cost = posterior.law.cost
    payable = cost is not None and not question.budget and lost[0] in cost.expression.names
    or_pay = "; or give a budget (Budget(train_flops=...), --train-flops)" if payable else ""
    raise RequestError(
        f"{posterior.law.name} has no best {' and '.join(lost)}: its {predicts} {moves} for ever "
        f"along {'it' if len(lost) == 1 else 'them'} in "
        f"{100 * max(shares[name] for name in lost):.0f}% of draws",
        place="optimum",
        remedy=remedies(lost[0]) + or_pay,
    )


def _notes(
    posterior: Posterior,
    question: Question,
    quantities: Mapping[str, Quantity],
    draws: Mapping[str, np.ndarray],
    where: Mapping[str, np.ndarray],
) -> list[Note]:
    runs, found = posterior.runs, []
    if question.held:
        said = ", ".join(f"{name} = {question.fixed[name]:.4g}" for name in question.held)
        found.append(
            Note(
                "held_at_reference",
                "info",
                f"{said}: held at the reference run, since nothing was said of it",
                "Fix it with at= or --at if the optimum depends on it",
            )
        )
    constant = [name for name in question.variables if name in runs.constant(question.variables)]
    others = [n for n in quantities if quantities[n].status != "prior_only"]
    if constant and others:
        found.append(
            Note(
                "depends_on_prior",
                "warning",
                f"{', '.join(others)}: the optimum depends on that of {', '.join(constant)}, which "
                "never varied in the runs",
                f"Fix {', '.join(constant)} with at= or --at to leave it out",
            )
        )
    # Where the answer itself lies out there, its median does.
    medians = {name: quantities[name].median for name in where if name in quantities}
    places = {**question.fixed, **{n: v for n, v in medians.items() if np.isfinite(v)}}
    for name, value in places.items():
        if name not in posterior.law.variables:
            # Read by the cost alone: no law is extrapolated in it.
            continue
        times, _ = beyond(runs, {name: np.array([value])})
        if times[0] > NEARBY:
            side = "largest" if value > runs.column(name).max() else "smallest"
            unit = vocabulary.variable(name).unit
            found.append(
                Note(
                    "extrapolation",
                    "warning",
                    f"{name} = {value:.4g} {unit} lies {times[0]:.3g} times beyond the {side} run: "
                    "the interval holds only if the law does",
                    "Compare what other laws say there",
                )
            )
    for name, quantity in quantities.items():
        lost, stuck = quantity.shares["none"], quantity.shares["not_converged"]
        if lost:
            found.append(
                Note(
                    "no_optimum",
                    "warning",
                    f"{100 * lost:.2g}% of draws have no optimum of {name}; they count as beyond "
                    "every bound",
                    "Give runs that tell, or a tighter prior",
                )
            )
        if stuck:
            found.append(
                Note(
                    "search",
                    "error" if stuck > 0.01 else "warning",
                    f"the search for {name} did not converge in {100 * stuck:.2g}% of draws, which "
                    "are left out",
                    "Ask at a configuration nearer to the runs, or give a tighter prior",
                )
            )
    shape = posterior.stats["diverging"].shape
    sound = {
        name: values.reshape(shape)
        for name, values in draws.items()
        if np.isfinite(values).all() and quantities[name].status != "none"
    }
    found += Convergence.of(sound).notes("the optimum")
    return found
