"""The best configuration under every draw of one law, and what that says of the best one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.optimum.answer import Optimum, Quantity, ends, most, statuses
from bayeslaw.optimum.efficiency import CHOICE, efficient
from bayeslaw.optimum.flatness import near_optimal
from bayeslaw.optimum.pose import pose, remedies
from bayeslaw.optimum.problem import Question
from bayeslaw.optimum.request import Asked
from bayeslaw.optimum.search import Solution, solve_many
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.statistics import rough_ends
from bayeslaw.runs.geometry import NEARBY, distance, extrapolation_factor

# Draws of the prior that are optimised: its interval stands beside the posterior's for comparison.
_PRIOR = 1000
# How many times beyond the reference run a search that does not converge is lost.
_LOST = 1e3
# Share of draws in which a cap may bind without a word.
_FEW = 0.05


def best(
    posterior: Posterior,
    asked: Asked,
    amounts: Sequence[float] | None = None,
) -> list[Optimum]:
    """Carry one law's draws to their optima."""
    budgets = [asked.budget]
    if amounts is not None:
        budgets = [asked.budget.spending(one) for one in amounts]
    questions = [
        pose(posterior.law, posterior.reference, at=asked.at, budget=budget, free=asked.free)
        for budget in budgets
    ]
    return [
        answer(posterior, question, pushed, replace(asked, budget=budget))
        for question, pushed, budget in zip(
            questions, push(posterior, questions), budgets, strict=True
        )
    ]


@dataclass(frozen=True)
class Pushed:
    """Draws carried to their optima.

    Attributes
    ----------
    x : ndarray of shape (draws, free)
        Search coordinates, infinite for draws that run away, NaN where nothing converged.
    columns : dict of str to ndarray of shape (draws,)
        Canonical variables.
    where : dict of str to ndarray of str of shape (draws,)
        Each chosen variable's status.
    binding : dict of str to float
        Share of draws in which each cap is reached.
    converged : ndarray of bool of shape (draws,)
        Whether the search ended at an optimum.
    """

    x: np.ndarray
    columns: dict[str, np.ndarray]
    where: dict[str, np.ndarray]
    binding: dict[str, float]
    converged: np.ndarray


def push(posterior: Posterior, questions: Sequence[Question]) -> list[list[Pushed]]:
    """Carry the posterior, its prior and the published set to their optima."""
    law = posterior.law
    prior = {name: posterior.prior[name][:_PRIOR] for name in law.parameters}
    # All in one call: one compilation.
    parts = [posterior.coefficients(), prior]
    if law.coefficients:
        parts.append({name: np.array([value]) for name, value in law.published().items()})
    together = {name: np.concatenate([part[name] for part in parts]) for name in law.parameters}
    sizes = [len(next(iter(part.values()))) for part in parts]
    found = []
    for question, solution in zip(questions, solve_many(questions, together), strict=True):
        first, own = 0, []
        for size in sizes:
            own.append(carried(question, solution.part(slice(first, first + size))))
            first += size
        found.append(own)
    return found


def answer(
    posterior: Posterior, question: Question, pushed: Sequence[Pushed], asked: Asked
) -> Optimum:
    """What the optima of all draws say."""
    probability = asked.probability
    law, ours = posterior.law, pushed[0]
    raw = posterior.coefficients()
    _refuse_unbounded(posterior, question, ours.where)
    quantities = {}
    for text in reported(posterior.law, question):
        expression = parse_expression(text)
        values = [filled(expression, one.columns, one.where) for one in pushed]
        quantities[text] = _quantity(posterior, question, expression, values, ours, probability)
    with np.errstate(all="ignore"):
        value = np.where(ours.converged, law.form.predict(ours.columns, raw), np.nan)
    low, median, high = ends(value, probability)
    by_rule = {}
    if "N_a" in question.problem.free and "N" in law.variables and question.problem.sense == "min":
        by_rule = _by_rule(posterior, question, pushed, asked)
    places = _places(posterior, question, quantities, ours.where)
    convergence = _convergence(posterior, quantities)
    quantities = {
        name: quantity.diagnosed(convergence, name, probability)
        for name, quantity in quantities.items()
    }
    notes = _notes(posterior, question, quantities, places)
    notes += convergence.notes("the optimum")
    sound = {name: quantities[name].draws for name in convergence.rhat}
    notes += rough_ends(sound, convergence.ess_tail, "the optimum")
    if by_rule:
        notes.append(Note("choice_of_rule", "info", CHOICE))
    near = near_optimal(question, raw, ours.x, within=asked.within, probability=probability)
    tied = _tied(question, ours) & set(near)
    if tied:
        notes.append(
            Note(
                "moves_along_a_cap",
                "info",
                f"{' and '.join(sorted(tied))} cannot leave the optimum alone, since caps bind "
                "them together: near-optimal values are not told",
                "Ask decide() to rank configurations that keep the caps",
            )
        )
    return Optimum(
        quantities=quantities,
        rules=by_rule,
        near={name: one for name, one in near.items() if name not in tied},
        binding=ours.binding,
        beyond={name: times for name, (_, times) in places.items()},
        predicted=(median, low, high),
        predicts=law.predicts,
        distance=distance(posterior.runs, {name: value for name, (value, _) in places.items()}),
        at=question.fixed,
        budget=asked.budget,
        probability=probability,
        notes=(*posterior.notes, *notes),
        values=value,
    )


def _tied(question: Question, ours: Pushed) -> set[str]:
    """Free variables that share a limit which binds in more than a few draws."""
    problem = question.problem
    found: set[str] = set()
    shared = [cap.names for cap in problem.caps]
    if problem.cost is not None and problem.spent is None:
        shared.append(problem.cost.names)
    for name, names in zip(question.names, shared, strict=False):
        together = names & set(problem.free)
        if len(together) > 1 and ours.binding[name] > _FEW:
            found |= together
    return found


def _by_rule(
    posterior: Posterior,
    question: Question,
    pushed: Sequence[Pushed],
    asked: Asked,
) -> dict[str, Quantity]:
    law = posterior.law
    prior = {name: posterior.prior[name][:_PRIOR] for name in law.parameters}
    sets = [posterior.coefficients(), prior]
    if law.coefficients:
        sets.append({name: np.array([value]) for name, value in law.published().items()})
    found = [
        efficient(question, raw, one.x, asked.rules) for raw, one in zip(sets, pushed, strict=True)
    ]
    shares = statuses([pushed[0].where["N_a"]])
    status = most(shares)
    if "N_a" in posterior.runs.constant(["N_a"]):
        status = "prior_only"
    return {
        name: Quantity.of(
            found[0][name],
            found[1][name],
            shares=shares,
            status=status,
            published=float(found[2][name][0]) if len(found) > 2 else None,
            probability=asked.probability,
        )
        for name in found[0]
    }


def carried(question: Question, solution: Solution) -> Pushed:
    """Minimisers as answers: what runs away is infinite, what did not converge is not a number."""
    away_low, away_high = _away(question, solution)
    # A draw that runs away has its optimum at infinity, or at zero on a logarithmic axis.
    x = np.where(away_low, -np.inf, np.where(away_high, np.inf, solution.x))
    with np.errstate(all="ignore"):
        columns = question.problem.columns(x, question.fixed, question.budget, np)
    size = len(solution.x)
    binding = {
        cap: float(np.mean(solution.at_high[:, question.problem.free.index(name)]))
        for name, cap in question.bounded_by.items()
    }
    binding |= {
        name: float(np.mean(solution.at_cap[:, i])) for i, name in enumerate(question.names)
    }
    lost = (away_low | away_high).any(axis=1)
    return Pushed(
        x=np.where((solution.converged | lost)[:, None], x, np.nan),
        columns={name: np.broadcast_to(values, (size,)) for name, values in columns.items()},
        where=_status(question, solution),
        binding=binding,
        converged=solution.converged,
    )


def _away(question: Question, solution: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Along which variables each draw falls for ever, downwards and upwards."""
    failed = ~solution.converged[:, None]
    at_low, at_high = (
        solution.at_low | solution.as_good_low,
        solution.at_high | solution.as_good_high,
    )
    # A search that ended nowhere, but far out, was on its way there.
    moved = solution.x - question.starts[0]
    gone_low, gone_high = moved < -np.log(_LOST), moved > np.log(_LOST)
    low = np.where(failed, solution.negative_low | gone_low, at_low) & question.far_low
    high = np.where(failed, solution.negative_high | gone_high, at_high) & question.far_high
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
        # What follows from the others runs away with them, and is at a bound where one limits it.
        bound = np.zeros(len(solution.x), bool)
        for j, name in enumerate(question.names):
            if name.startswith((f"{spent} >= ", f"{spent} <= ")):
                bound |= solution.at_cap[:, j]
        status = np.where(lost, "none", np.where(bound, "at_bound", "interior"))
        where[spent] = np.where(solution.converged | lost, status, "not_converged")
    return where


def reported(law: Law, question: Question) -> list[str]:
    """The card's expressions over what was chosen, and whatever they leave out."""
    chosen = set(question.variables)
    texts = [t for t in law.optimum.report if chosen & parse_expression(t).names]
    # A ratio of two says neither.
    named = [parse_expression(text).names & chosen for text in texts]
    said = {name for names in named if len(names) == 1 for name in names}
    return [*texts, *(name for name in question.variables if name not in said)]


def _depends(expression: Expression, where: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [where[name] for name in expression.names if name in where]


def filled(
    expression: Expression, columns: Mapping[str, np.ndarray], where: Mapping[str, np.ndarray]
) -> np.ndarray:
    """An expression over the draws."""
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
    ours: Pushed,
    probability: float,
) -> Quantity:
    # The gravest status of the variables behind it is the quantity's.
    shares = statuses(_depends(expression, ours.where))
    status = most(shares)
    names = expression.names & set(question.variables)
    if names & posterior.runs.constant(names):
        status = "prior_only"
    return Quantity.of(
        values[0],
        values[1],
        shares=shares,
        status=status,
        published=float(values[2][0]) if len(values) > 2 else None,
        probability=probability,
    )


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


def _places(
    posterior: Posterior,
    question: Question,
    quantities: Mapping[str, Quantity],
    where: Mapping[str, np.ndarray],
) -> dict[str, tuple[float, float]]:
    """Where the answer lies in each variable of the law, and how many times beyond the runs."""
    # Where the answer itself lies out there, its median does.
    medians = {name: quantities[name].median for name in where if name in quantities}
    places = {**question.fixed, **{n: v for n, v in medians.items() if np.isfinite(v)}}
    found = {}
    for name, value in places.items():
        # What the cost alone reads extrapolates no law.
        if name in posterior.law.variables:
            times, _ = extrapolation_factor(posterior.runs, {name: np.array([value])})
            found[name] = (value, float(times[0]))
    return found


def _notes(
    posterior: Posterior,
    question: Question,
    quantities: Mapping[str, Quantity],
    places: Mapping[str, tuple[float, float]],
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
    for name, (value, times) in places.items():
        if times > NEARBY:
            seen, unit = runs.column(name), vocabulary.variable(name).unit
            side = "largest" if value > seen.max() else "smallest"
            stated = f"{name} = {value:.4g} {unit}".rstrip()
            far = f"{stated} lies {times:.3g} times beyond the {side} run"
            if np.isinf(times):
                far = f"{stated} differs from every run: all have {name} = {seen[0]:.4g}"
            found.append(
                Note(
                    "extrapolation",
                    "warning",
                    f"{far}: the interval holds only if the law does",
                    "Compare what other laws say there; rolling_origin says how such answers fared",
                )
            )
    at = {name: value for name, (value, _) in places.items()}
    away, share = distance(runs, at)
    # An optimum that lies far out in one variable is told above; far out in none, but where no run
    # combines what it combines, it is an extrapolation too.
    if at and share == 0.0 and not any(times > NEARBY for _, times in places.values()):
        found.append(
            Note(
                "far_from_runs",
                "warning",
                f"the optimum lies {away:.3g} standard deviations from the middle of the runs "
                f"({', '.join(at)} together), further out than any of them",
                "Compare what other laws say there; rolling_origin says how such answers fared",
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
    return found


def _convergence(posterior: Posterior, quantities: Mapping[str, Quantity]) -> Convergence:
    """Diagnostics of the optima that every draw has."""
    shape = posterior.stats["diverging"].shape
    return Convergence.of(
        {
            name: quantity.draws.reshape(shape)
            for name, quantity in quantities.items()
            if np.isfinite(quantity.draws).all() and quantity.status != "none"
        }
    )
