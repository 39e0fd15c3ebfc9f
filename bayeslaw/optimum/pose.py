"""Decide what is fixed, what is free, what follows and what limits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace as changed

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.law import Law
from bayeslaw.law.cost import Cost
from bayeslaw.optimum import feasible
from bayeslaw.optimum.budget import Budget, Cap
from bayeslaw.optimum.problem import Problem, Question, bought
from bayeslaw.runs import Reference

#: A variable without a bound is followed this many times beyond its reference value; an optimum
#: out there is none.
FAR = 1e12


def pose(
    law: Law,
    reference: Reference,
    *,
    at: Mapping[str, float],
    budget: Budget,
    free: Iterable[str] | None,
    settled: bool = False,
) -> Question:
    """Make a question definite."""
    at = {name: float(value) for name, value in at.items()}
    cost = None if budget.flops is None else budget.price(law, at, place="optimum")
    priced = frozenset[str]() if cost is None else cost.expression.names
    for name in at:
        if name not in priced:
            _known(law, name, "at")
    vocabulary.check_values(at, place="optimum, at", typical=reference.at)
    if free is not None:
        free = list(free)
        for name in free:
            _known(law, name, "free")
            if name in at:
                raise RequestError(
                    f"{name} is fixed at {at[name]:g} and free at once",
                    place="optimum",
                    remedy=f"Leave {name} out of at= or of free=",
                )
    limits = _limits(law, budget, at)
    said = priced.union(*(cap.expression.names for cap in limits))
    wanted = dict.fromkeys(law.optimum.free if free is None else free)
    chosen = [name for name in wanted if name not in at]
    chosen += [
        name for name in law.variables if name in said and name not in at and name not in chosen
    ]
    spent = None
    if cost is not None:
        open_ = [name for name in law.variables if name in priced and name not in at]
        spent = spent_variable(cost, open_, budget.spends, place="optimum")
    _check_held(law, chosen, at, reference, paid=spent is not None)
    held = tuple(name for name in law.variables if name not in at and name not in chosen)
    fixed = {**{name: reference.at[name] for name in held}, **at}
    if budget.inference_tokens is not None:
        fixed["inference_tokens"] = float(budget.inference_tokens)
    limits += _orders(chosen, spent, fixed)
    if any(spent in cap.expression.names for cap in limits):
        # What is limited itself cannot just follow from the rest: not all may have to be spent.
        spent = None
    searched = [name for name in chosen if name != spent]
    if not searched and not (settled and spent is not None):
        free_at_all = law.optimum.free or free
        why = f"{spent} follows from the budget" if spent else "all variables are fixed"
        raise RequestError(
            f"nothing is left to choose: {why}" if free_at_all else f"{law.name} frees no variable",
            place="optimum",
            remedy="Leave a variable out of at=, or name one in free=; predict() gives the value",
        )
    boxes = {name: _box(name, fixed, reference) for name in searched}
    kept, bounded_by = [], {}
    for cap in limits:
        (name, *others) = sorted(cap.expression.names)
        if others or name not in searched or _slope(cap.expression, {}, name) <= 0:
            kept.append(cap)
            continue
        # A limit on one variable is a bound of it, which is reached exactly.
        box, most = boxes[name], bought(cap.expression, {}, name, cap.limit)
        top = np.log(most) if box.logarithmic else most
        if top <= box.low:
            least = np.exp(box.low) if box.logarithmic else box.low
            raise RequestError(
                f"{cap} leaves nothing: {name} is at least {least:.6g}",
                place="optimum, budget",
                remedy=f"Raise {cap.name}, or fix less",
            )
        if top < box.high:
            boxes[name] = changed(box, high=float(top), far_high=False)
            bounded_by[name] = cap.name
    low, high, far_low, far_high = (
        np.array([getattr(box, part) for box in boxes.values()], dtype=kind)
        for part, kind in (("low", float), ("high", float), ("far_low", bool), ("far_high", bool))
    )
    problem = Problem(
        law.form,
        tuple(searched),
        tuple(box.logarithmic for box in boxes.values()),
        spent,
        None if cost is None else cost.expression,
        tuple(cap.expression for cap in kept),
        law.optimum.sense,
    )
    names = [cap.name for cap in kept]
    said_of = [str(cap) for cap in kept]
    if cost is not None and (spent is None or problem.owed):
        names.append(budget.spends)
        said_of.append(f"{budget.spends} <= {budget.flops or 0:.6g}")
    if spent is not None:
        low_of_spent, high_of_spent = problem.domain
        names += [f"{spent} >= {low_of_spent:g}"] if low_of_spent > -np.inf else []
        names += [f"{spent} <= {high_of_spent:g}"] if high_of_spent < np.inf else []
        said_of += names[len(said_of) :]
    typical = [
        np.log(reference.at[name]) if box.logarithmic else reference.at[name]
        for name, box in boxes.items()
    ]
    question = Question(
        problem=problem,
        fixed=fixed,
        held=held,
        budget=budget.flops or 0.0,
        limits=np.array([cap.limit for cap in kept]),
        names=tuple(names),
        bounded_by=bounded_by,
        low=low,
        high=high,
        far_low=far_low,
        far_high=far_high,
        starts=np.empty((0, len(searched))),
    )
    return changed(question, starts=_starts(question, np.array(typical, dtype=float), said_of))


def _starts(question: Question, typical: np.ndarray, said: list[str]) -> np.ndarray:
    """The reference run, or what is inside the limits near to it, and a point on either side."""
    problem, low, high = question.problem, question.low, question.high
    width = high - low
    wish = np.clip(typical, low + 0.02 * width, high - 0.02 * width)

    def room(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            columns = problem.columns(x, question.fixed, question.budget, np)
            found = problem.room(columns, question.budget, question.limits, np)
        # Nothing owed is room without end.
        return np.clip(np.nan_to_num(found, nan=-700.0), -700.0, 700.0)

    middle = feasible.inside(room, low, high, wish)
    if middle is None:
        rooms = [lambda x, i=i: room(x)[i : i + 1] for i in range(len(question.names))]
        against = feasible.conflict(rooms, low, high, wish)
        caps = [f"{name} = {cap}" for name, cap in question.bounded_by.items()]
        clash = " and ".join([said[i] for i in against] or said) or "the limits"
        fixed = ", ".join(f"{name} = {value:.6g}" for name, value in question.fixed.items())
        raise RequestError(
            f"no configuration keeps {clash}"
            + (f" with {fixed}" if fixed else "")
            + (f" and the caps {', '.join(caps)}" if caps else ""),
            place="optimum, budget",
            remedy="Loosen one of them",
        )
    return feasible.spread(room, low, high, middle)


def _known(law: Law, name: str, option: str) -> None:
    if name not in law.variables:
        raise RequestError(
            f"{law.name} has no variable {name!r}",
            place=f"optimum, {option}",
            remedy=nearest(name, law.variables),
        )


def _limits(law: Law, budget: Budget, at: Mapping[str, float]) -> list[Cap]:
    """The caps that are left to be kept, once those on fixed variables alone are checked."""
    kept = []
    for cap in budget.limits:
        lacking = sorted(cap.expression.names - set(law.variables) - set(at))
        if lacking:
            raise RequestError(
                f"{law.name} has no variable {lacking[0]!r}, which {cap} limits",
                place="optimum, budget",
                remedy=f"Leave out {cap.name}, or say it of "
                f"{', '.join(law.variables)} with caps={{...}}",
            )
        if not cap.expression.names - set(at):
            value = float(cap.expression(at))
            if value > cap.limit * (1 + 1e-9):
                fixed = " and ".join(f"{n} = {at[n]:.6g}" for n in sorted(cap.expression.names))
                raise RequestError(
                    f"{fixed} against {cap}",
                    place="optimum, at and budget",
                    remedy=f"Fix less, or raise {cap.name}",
                )
            continue
        kept.append(cap)
    return kept


def _orders(chosen: list[str], spent: str | None, fixed: Mapping[str, float]) -> list[Cap]:
    """Orders between variables that no box can say, as caps on their ratio."""
    found = []
    for small, large in vocabulary.ORDERED:
        both = small in chosen and large in chosen
        follows = spent in (small, large) and (small in fixed or large in fixed)
        if both or (follows and (small in chosen or large in chosen)):
            ratio = parse_expression(f"{small}/{large}")
            found.append(Cap(f"{small} <= {large}", ratio, 1.0))
    return found


def _check_held(
    law: Law,
    chosen: list[str],
    at: Mapping[str, float],
    reference: Reference,
    *,
    paid: bool,
) -> None:
    """Refuse what is held at the reference run while what must not exceed it is not."""
    for small, large in vocabulary.ORDERED:
        held = large in law.variables and large not in chosen and large not in at
        if held and paid and small in chosen:
            raise RequestError(
                f"{large} is neither fixed nor capped: only {small} is paid for, and more of "
                f"{large} is free",
                place="optimum",
                remedy=remedies(large),
            )
        if held and small in at and at[small] > reference.at[large]:
            raise RequestError(
                f"{small} = {at[small]:g} exceeds {large}, held at {reference.at[large]:.4g}",
                place="optimum, at",
                remedy=f'Fix {large} too: at={{"{large}": ...}}, or --at {large}=...',
            )


def remedies(name: str) -> str:
    """What bounds a variable of which more is always better."""
    fix = f"Fix {name} (at={{'{name}': ...}}, --at {name}=...)"
    if name != "N":
        return f"{fix}, or cap it: Budget(caps={{{name!r}: ...}})"
    return (
        f"{fix}, or cap it: total parameters (max_params, --max-params), bytes of memory at a "
        "precision (max_memory and bytes_per_param, --max-memory), N <= r*N_a "
        "(max_total_per_active, --max-total-per-active); or give a cost that charges N, such as "
        "inference that reads every weight (cost='6*N_a*D + ...')"
    )


def spent_variable(cost: Cost, priced: list[str], what: str, *, place: str) -> str:
    """The variable that follows when a budget is spent: the last in which the cost is affine."""
    probe = {name: 1.7 + 0.3 * i for i, name in enumerate(sorted(cost.expression.names))}
    # Tokens first: whatever else is bought shapes the model.
    for name in sorted(reversed(priced), key=lambda name: name != "D"):
        if _slope(cost.expression, probe, name) != 0:
            return name
    raise RequestError(
        f"{what} says nothing: {cost.formula} has no free variable",
        place=place,
        remedy="Leave one of its variables out of at=, or leave out the budget",
    )


def _slope(expression: Expression, point: Mapping[str, float], name: str) -> float:
    """How steep an expression is along a variable; 0 where that is no straight line."""
    with np.errstate(all="ignore"):
        # NumPy's numbers: of a limit such as 1/N_a, zero is no error.
        at = (np.float64(v) for v in (0.0, 1.0, 2.0))
        zero, one, two = (float(expression({**point, name: v})) for v in at)
    return one - zero if np.isclose(two - one, one - zero) else 0.0


@dataclass(frozen=True)
class _Box:
    """Bounds of one variable in search coordinates; far ones are only as far as the search goes."""

    low: float
    high: float
    far_low: bool
    far_high: bool
    logarithmic: bool


def _box(name: str, fixed: Mapping[str, float], reference: Reference) -> _Box:
    domain = vocabulary.variable(name)
    low, high = domain.low, domain.high
    for small, large in vocabulary.ORDERED:
        if name == small and large in fixed:
            high = min(high, fixed[large])
        if name == large and small in fixed:
            low = max(low, fixed[small])
    if domain.includes_zero:
        # An open end is approached, not reached.
        top = np.nextafter(high, low) if not domain.high_included else high
        return _Box(low, float(top), False, False, False)
    far_low, far_high = low <= 0, not np.isfinite(high)
    least = reference.at[name] / FAR if far_low else low
    most = max(reference.at[name], least) * FAR if far_high else high
    return _Box(float(np.log(least)), float(np.log(most)), far_low, far_high, True)
