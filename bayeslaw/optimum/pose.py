"""Turn a request into a problem for one law: fixed and free variables, cost and caps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.formula import parse_expression
from bayeslaw.law import Law
from bayeslaw.optimum import feasible
from bayeslaw.optimum.budget import Budget, Cap, affordable, slope, spent_variable
from bayeslaw.optimum.problem import Problem, Structure
from bayeslaw.optimum.request import Request
from bayeslaw.runs import ReferenceRun

#: Search bound of an unbounded variable, as a factor of its reference value; an optimum at it does
#: not count as one.
FAR = 1e12


def pose(
    law: Law, reference: ReferenceRun, request: Request, *, may_follow: bool = False
) -> Problem:
    """Turn a request into a problem; ``may_follow`` allows that no variable is left to search."""
    at, budget, place = request.at, request.budget, request.place
    cost = None if budget.flops is None else budget.price(law, at, place=place)
    priced = frozenset[str]() if cost is None else cost.expression.names
    _check_names(law, reference, request, priced)
    caps = _caps(law, request)
    mentioned = priced.union(*(cap.expression.names for cap in caps))
    wanted = law.optimum.free if request.free is None else request.free
    named = [*wanted, *(name for name in law.variables if name in mentioned)]
    chosen = [name for name in dict.fromkeys(named) if name not in at]
    spent = None
    if cost is not None:
        open_ = [name for name in law.variables if name in priced and name not in at]
        spent = spent_variable(cost, open_, budget.spends, place=place)
    _check_held(law, chosen, request, reference, paid=spent is not None)
    held = tuple(name for name in law.variables if name not in at and name not in chosen)
    fixed = {**{name: reference.at[name] for name in held}, **at}
    if budget.inference_tokens is not None:
        fixed["inference_tokens"] = float(budget.inference_tokens)
    caps += _orders(chosen, spent, fixed)
    if any(spent in cap.expression.names for cap in caps):
        # A capped variable cannot follow from the budget: the cap may prevent spending it.
        spent = None
    searched = [name for name in chosen if name != spent]
    if not searched and not (may_follow and spent is not None):
        why = f"{spent} follows from the budget" if spent else "all variables are fixed"
        frees = law.optimum.free or request.free
        raise RequestError(
            f"nothing is left to choose: {why}" if frees else f"{law.name} frees no variable",
            place=place,
            remedy="Remove a variable from at=, or name one in free=; predict() gives the value",
        )
    boxes = {name: _box(name, fixed, reference) for name in searched}
    boxes, caps, bounded_by = _bounded(boxes, caps, place)
    structure = Structure(
        law.form,
        tuple(searched),
        tuple(box.logarithmic for box in boxes.values()),
        spent,
        None if cost is None else cost.expression,
        tuple(cap.expression for cap in caps),
        law.optimum.sense,
    )
    limits = _named_limits(structure, caps, budget)
    problem = Problem(
        law=law,
        structure=structure,
        fixed=fixed,
        held=held,
        budget=budget,
        limits=np.array([cap.limit for cap in caps]),
        names=tuple(name for name, _ in limits),
        bounded_by=bounded_by,
        low=np.array([box.low for box in boxes.values()], float),
        high=np.array([box.high for box in boxes.values()], float),
        far_low=np.array([box.far_low for box in boxes.values()], bool),
        far_high=np.array([box.far_high for box in boxes.values()], bool),
        starts=np.empty((0, len(searched))),
    )
    typical = [
        np.log(reference.at[name]) if box.logarithmic else reference.at[name]
        for name, box in boxes.items()
    ]
    texts = [text for _, text in limits]
    return replace(problem, starts=_starts(problem, np.array(typical, float), texts, place))


def remedies(name: str) -> str:
    """Remedies for a variable in which the value improves monotonically."""
    fix = f"Fix {name} (at={{'{name}': ...}}, --at {name}=...)"
    if name != "N":
        return f"{fix}, or cap it: Budget(caps={{{name!r}: ...}}), --cap {name}=LIMIT"
    return (
        f"{fix}, or cap it: total parameters (max_params, --max-params), bytes of memory at a "
        "precision (max_memory and bytes_per_param, --max-memory), N <= r*N_a "
        "(max_total_per_active, --max-total-per-active); or give a cost that depends on N, such as "
        "inference that loads all weights (cost='6*N_a*D + ...')"
    )


def _check_names(
    law: Law, reference: ReferenceRun, request: Request, priced: Collection[str]
) -> None:
    """Reject names that the law lacks, values outside their domain, and contradictions."""
    free, place, unknown = request.free or (), request.place, f"{law.name} has no variable {{!r}}"
    named = [name for name in request.at if name not in priced]
    check_names(named, law.variables, unknown, place=f"{place}, at")
    check_names(free, law.variables, unknown, place=f"{place}, free")
    vocabulary.check_values(request.at, place=f"{place}, at", typical=reference.at)
    for name in free:
        if name in request.at:
            raise RequestError(
                f"{name} is both fixed at {request.at[name]:g} and free",
                place=place,
                remedy=f"Remove {name} from at= or from free=",
            )


def _caps(law: Law, request: Request) -> list[Cap]:
    """The caps on free variables; caps on fixed variables alone are checked."""
    at, place, kept = request.at, request.place, []
    for cap in request.budget.limits:
        names = cap.expression.names
        if lacking := sorted(names - set(law.variables) - set(at)):
            raise RequestError(
                f"{law.name} has no variable {lacking[0]!r}, which {cap} limits",
                place=f"{place}, budget",
                remedy=f"Omit {cap.name}, or limit {', '.join(law.variables)} with caps={{...}}",
            )
        if names - set(at):
            kept.append(cap)
        elif float(cap.expression(at)) > cap.limit * (1 + 1e-9):
            fixed = " and ".join(f"{n} = {at[n]:.6g}" for n in sorted(names))
            raise RequestError(
                f"{fixed} violates {cap}",
                place=f"{place}, at and budget",
                remedy=f"Fix less, or raise {cap.name}",
            )
    return kept


def _orders(chosen: list[str], spent: str | None, fixed: Mapping[str, float]) -> list[Cap]:
    """Orders between variables that no box can express, as caps on their ratio."""
    caps = []
    for small, large in vocabulary.ORDERED:
        both = small in chosen and large in chosen
        follows = spent in (small, large) and (small in fixed or large in fixed)
        if both or (follows and (small in chosen or large in chosen)):
            ratio = parse_expression(f"{small}/{large}")
            caps.append(Cap(f"{small} <= {large}", ratio, 1.0))
    return caps


def _check_held(
    law: Law, chosen: list[str], request: Request, reference: ReferenceRun, *, paid: bool
) -> None:
    """Reject a larger variable at the reference run while the smaller one is free."""
    at, place = request.at, request.place
    for small, large in vocabulary.ORDERED:
        held = large in law.variables and large not in chosen and large not in at
        if held and paid and small in chosen:
            raise RequestError(
                f"{large} is neither fixed nor capped: the cost depends on {small}, but not on "
                f"{large}",
                place=place,
                remedy=remedies(large),
            )
        if held and small in at and at[small] > reference.at[large]:
            raise RequestError(
                f"{small} = {at[small]:g} exceeds {large} of the reference run, "
                f"{reference.at[large]:.4g}",
                place=f"{place}, at",
                remedy=f'Fix {large} too: at={{"{large}": ...}}, or --at {large}=...',
            )


@dataclass(frozen=True)
class _Box:
    """Bounds of one variable in search coordinates; far ones are bounds of the search only."""

    low: float
    high: float
    far_low: bool
    far_high: bool
    logarithmic: bool


def _box(name: str, fixed: Mapping[str, float], reference: ReferenceRun) -> _Box:
    domain = vocabulary.variable(name)
    low, high = domain.low, domain.high
    for small, large in vocabulary.ORDERED:
        if name == small and large in fixed:
            high = min(high, fixed[large])
        if name == large and small in fixed:
            low = max(low, fixed[small])
    if domain.includes_zero:
        # An open end is excluded.
        top = np.nextafter(high, low) if not domain.high_included else high
        return _Box(low, float(top), False, False, False)
    far_low, far_high = low <= 0, not np.isfinite(high)
    least = reference.at[name] / FAR if far_low else low
    most = max(reference.at[name], least) * FAR if far_high else high
    return _Box(float(np.log(least)), float(np.log(most)), far_low, far_high, True)


def _bounded(
    boxes: Mapping[str, _Box], caps: Sequence[Cap], place: str
) -> tuple[dict[str, _Box], list[Cap], dict[str, str]]:
    """Caps on one variable as bounds of it, and the other caps."""
    boxes, kept, bounded_by = dict(boxes), [], {}
    for cap in caps:
        (name, *others) = sorted(cap.expression.names)
        if others or name not in boxes or slope(cap.expression, {}, name) <= 0:
            kept.append(cap)
            continue
        box, most = boxes[name], affordable(cap.expression, {}, name, cap.limit)
        top = np.log(most) if box.logarithmic else most
        if top <= box.low:
            least = np.exp(box.low) if box.logarithmic else box.low
            raise RequestError(
                f"{cap} admits no {name} above {least:.6g}",
                place=f"{place}, budget",
                remedy=f"Raise {cap.name}, or fix less",
            )
        if top < box.high:
            boxes[name] = replace(box, high=float(top), far_high=False)
            bounded_by[name] = cap.name
    return boxes, kept, bounded_by


def _named_limits(
    structure: Structure, caps: Sequence[Cap], budget: Budget
) -> list[tuple[str, str]]:
    """Name and text of each row of a structure's ``room``."""
    limits = [(cap.name, str(cap)) for cap in caps]
    spent = structure.spent
    if structure.cost is not None and (spent is None or structure.overhead):
        limits.append((budget.spends, f"{budget.spends} <= {budget.flops or 0:.6g}"))
    if spent is not None:
        low, high = structure.spent_domain
        ends = [f"{spent} >= {low:g}"] if low > -np.inf else []
        ends += [f"{spent} <= {high:g}"] if high < np.inf else []
        limits += [(end, end) for end in ends]
    return limits


def _starts(problem: Problem, typical: np.ndarray, limits: list[str], place: str) -> np.ndarray:
    """Starts: the feasible point nearest to the reference run, and a point on either side."""
    structure, low, high = problem.structure, problem.low, problem.high
    width = high - low
    wish = np.clip(typical, low + 0.02 * width, high - 0.02 * width)

    def room(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            inside = structure.room(problem.columns(x), problem.amount, problem.limits, np)
        # A cost of zero has infinite slack.
        return np.asarray(np.clip(np.nan_to_num(inside, nan=-700.0), -700.0, 700.0))

    middle = feasible.inside(room, low, high, wish)
    if middle is None:
        rooms = [lambda x, i=i: room(x)[i : i + 1] for i in range(len(problem.names))]
        against = feasible.conflict(rooms, low, high, wish)
        caps = [f"{name} = {cap}" for name, cap in problem.bounded_by.items()]
        clash = " and ".join([limits[i] for i in against] or limits) or "the limits"
        fixed = ", ".join(f"{name} = {value:.6g}" for name, value in problem.fixed.items())
        raise RequestError(
            f"no configuration satisfies {clash}"
            + (f" with {fixed}" if fixed else "")
            + (f" and the caps {', '.join(caps)}" if caps else ""),
            place=f"{place}, budget",
            remedy="Raise one of the limits",
        )
    return feasible.spread(room, low, high, middle)
