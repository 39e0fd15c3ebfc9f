"""``next_runs``: which runs to train next, and when to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, real, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import quantity
from bayeslaw.design.joint import Setting, setting_of
from bayeslaw.design.pool import Pool, pool_of
from bayeslaw.design.promise import obtained_widths, weighted_interval
from bayeslaw.design.result import NextRuns
from bayeslaw.design.rule import Joint, Limits, choose
from bayeslaw.design.sampled import Sampled
from bayeslaw.design.stopping import LEAST_GAIN, Regret, expected_regret, verdict
from bayeslaw.design.tables import candidates_of, frame_of, path_of
from bayeslaw.design.target import LossTarget, OptimumTarget, RegretTarget, Target
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.candidates import read_candidates
from bayeslaw.optimum.members import Members
from bayeslaw.optimum.request import Request
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.study.result import Study

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "next_runs"
# Share of the targets' variance that candidates have to explain, beside chance.
_LEAST_EXPLAINED = 0.01


@public
def next_runs(
    posterior: Posterior | Mixture | Study,
    target: str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Runs | pd.DataFrame,
    *,
    at: Mapping[str, float | str] | None = None,
    target_budget: Budget | None = None,
    budget: float | str | None = None,
    candidates: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
    ranges: Mapping[str, Any] | None = None,
    cost: str | None = None,
    batch: int = 10,
    max_replicates: int = 2,
    refits: int = 0,
    least_gain: float = LEAST_GAIN,
    worth: float | None = None,
    ci_prob: float = INTERVAL,
    seed: int = 0,
    executor: Executor | None = None,
) -> NextRuns:
    """Choose the runs that narrow an answer most for what they cost.

    Target and log losses of candidates are joined by the posterior's draws, over all laws of a
    mixture, so that runs that separate laws count. The covariance of candidates includes the misfit
    of the law, the error beyond the runs, and noise. Runs are chosen one by one, by the variance
    that each removes given those before, over its cost, and then exchanged while that helps.

    Parameters
    ----------
    posterior : Posterior, Mixture or Study
        What is known.
    target : str, mapping, two mappings, or DataFrame
        The name of an optimum, such as ``"N_a/N"`` (its logarithm is narrowed), or of what the law
        predicts, such as ``"loss"``, at the configuration ``at``; a configuration, whose log loss
        is narrowed; two, for the difference of theirs; or a table of configurations to choose from,
        for the regret of that choice, as ``decide`` takes it.
    at, target_budget : mapping, Budget, optional
        Size or budget of the target, as ``at`` and ``budget`` of ``optimum`` and ``decide``.
    budget : float, optional
        What the runs may cost together, in FLOPs or the unit of the column ``cost``.
    candidates : Runs, DataFrame or mapping, optional
        Runs that can be trained, with every variable of the laws, and their ``cost`` unless the
        law's formula states it. By default drawn: sizes within the range of the runs or
        ``ranges``, shapes within those of the law's card, G and S as whole numbers of experts.
    ranges : mapping of str to (float, float), optional
        Range of a variable of drawn candidates: ``{"N": (1e8, 1e9)}``.
    cost : str, optional
        Cost of a run: a name of ``costs()`` or an expression, instead of the column or the card.
    batch : int
        Largest number of runs.
    max_replicates : int
        How often one configuration may be chosen.
    refits : int
        Imagined outcomes of the batch to refit by Laplace approximation, for the width obtained
        beside the width promised; 20 take some seconds.
    least_gain : float
        Nats by which the batch has to lower the expected regret of a choice, or else: stop.
    worth : float, optional
        What a nat at the target is worth, in the unit of the cost: a batch whose gain is worth less
        than it costs says stop too.
    ci_prob : float
        Probability of the interval.
    seed : int
        The same seed gives the same runs.
    executor : concurrent.futures.Executor, optional
        Refits imagined outcomes, as that of ``fit_many`` does; to the same widths.

    Returns
    -------
    NextRuns
        The runs, the promised widths beside those of random runs and of an iso-FLOP grid, expected
        regret before and after, and whether to stop.

    Raises
    ------
    RequestError
        If a law lacks the target, candidates lack a variable, the budget is below the cheapest
        candidate, or the candidates cannot inform the target.
    TableError
        If a candidate is outside the domain of its variables.
    """
    whole(seed, "seed", place=_PLACE)
    whole(batch, "batch", place=_PLACE, least=1)
    whole(max_replicates, "max_replicates", place=_PLACE, least=1)
    whole(refits, "refits", place=_PLACE)
    for name, value in (("least_gain", least_gain), ("worth", worth)):
        if value is not None and not real(value, name, place=_PLACE) >= 0:
            raise RequestError(f"{name} = {value!r}", place=_PLACE, remedy="Give zero or more")
    source = posterior.posterior if isinstance(posterior, Study) else posterior
    request = Request.of(_PLACE, at, target_budget, ci_prob=ci_prob)
    members, aim = _aim(source, target, request)
    sampled = Sampled.of(members)
    pool = pool_of(
        sampled.posteriors, candidates, ranges=ranges, cost=cost, seed=seed, place=_PLACE
    )
    amount = _amount(budget, pool)
    _check_varies(aim, sampled, pool)
    setting = setting_of(sampled, aim, pool.columns)
    _check_informed(aim, setting, sampled, pool)
    joint = setting.joint
    limits = Limits(pool.costs, np.inf if amount is None else amount, batch, max_replicates)
    chosen = np.array(choose(setting.guarded, limits), dtype=int)
    values, weights = aim.draws(sampled), sampled.weights
    low, median, high = weighted_interval(values, weights, ci_prob)
    path = path_of(joint, pool, chosen, high - low, seed)
    promised = float(path.loc[path["design"] == "chosen", "width"].iloc[-1])
    batch_columns = {name: column[chosen] for name, column in pool.columns.items()}
    regret = _regret(aim, sampled, joint, chosen, batch_columns, seed)
    spent = float(pool.costs[chosen].sum())
    stop, reason = verdict(regret, spent, pool.unit, promised / (high - low), least_gain, worth)
    notes = _notes(members, pool, setting, regret, amount, spent, len(chosen), batch)
    notes += [note for one in members.posteriors for note in aim.held(one)]
    obtained = None
    if refits and len(chosen) > 0:
        obtained = _obtained(
            members, sampled, aim, batch_columns, refits, ci_prob, seed, executor, notes
        )
    shown = np.exp if aim.logarithmic else float
    return NextRuns(
        frame=frame_of(pool, chosen, path),
        candidates=candidates_of(joint, pool, chosen),
        path=path,
        target=aim.label,
        scale="its logarithm" if aim.logarithmic else "its own unit",
        interval=(float(shown(median)), float(shown(low)), float(shown(high))),
        width=high - low,
        promised=promised,
        obtained=None if obtained is None else float(obtained.mean()),
        obtained_error=None
        if obtained is None
        else float(obtained.std(ddof=1) / np.sqrt(len(obtained)) if len(obtained) > 1 else np.nan),
        cost=spent,
        budget=amount,
        unit=pool.unit,
        regret=regret,
        stop=stop,
        reason=reason,
        misfit_share=setting.share,
        ci_prob=ci_prob,
        fit_notes=members.notes,
        own_notes=tuple(notes),
    )


def _aim(source: Posterior | Mixture, target: Any, request: Request) -> tuple[Members, Target]:
    """The laws that take part, and the target."""
    place = f"{_PLACE}, target"
    everything = Members.of(source, (), place=_PLACE)
    predicts = everything.posteriors[0].law.predicts
    if isinstance(target, str) and target != predicts:
        from bayeslaw.formula import parse_expression

        wanted = parse_expression(target, place=place).names
        required = dict.fromkeys([*sorted(wanted), *request.at])
        priced = request.budget.flops is not None
        members = Members.of(
            source, [n for n in required if n in wanted or not priced], place=place
        )
        return members, OptimumTarget.of(target, request, members.posteriors)
    if isinstance(target, str):
        if not request.at:
            remedy = 'Name a configuration: at={"N": 30e9, "D": 1e12}'
            raise RequestError(f"{target} of what", place=place, remedy=remedy)
        target = request.at
    if isinstance(target, Mapping):
        target = [target]
    if isinstance(target, Sequence):
        if not 1 <= len(target) <= 2:
            problem = f"{len(target)} configurations as a target"
            remedy = "Give one, or two for their difference, or a table for the choice among all"
            raise RequestError(problem, place=place, remedy=remedy)
        return everything, LossTarget.of(target, everything.posteriors, _PLACE)
    table = read_candidates(target)
    known = {name for one in everything.posteriors for name in one.law.variables}
    members = Members.of(source, [n for n in table.columns if n in known], place=place)
    aim, sampled = RegretTarget(table, request), Sampled.of(members)
    losses = aim.options(sampled)
    if losses.shape[1] < 2:
        problem = f"{losses.shape[1]} configuration to choose from"
        raise RequestError(problem, place=place, remedy="Give two or more")
    return members, replace(aim, chosen=int(np.argmin(sampled.weights @ losses)))


def _amount(budget: float | str | None, pool: Pool) -> float | None:
    if budget is None:
        return None
    amount = quantity(budget, "budget", place=_PLACE)
    cheapest = float(pool.costs.min())
    if not amount >= cheapest:
        raise RequestError(
            f"budget = {amount:.4g} is below the cheapest candidate, {cheapest:.4g} {pool.unit}",
            place=f"{_PLACE}, budget",
            remedy="Give more, or cheaper candidates (candidates=, ranges=)",
        )
    return amount


def _check_varies(aim: Target, sampled: Sampled, pool: Pool) -> None:
    """Refuse an optimum in a variable that neither runs nor candidates vary."""
    if not isinstance(aim, OptimumTarget):
        return
    for one in sampled.posteriors:
        for name in sorted(one.runs.constant(aim.expression.names) - set(aim.request.at)):
            values = {*np.unique(pool.columns[name]), float(one.runs.column(name)[0])}
            if len(values) == 1:
                raise _uninformed(
                    aim, [name], f"{name} is {values.pop():.4g} in every run and candidate"
                )


def _check_informed(aim: Target, setting: Setting, sampled: Sampled, pool: Pool) -> None:
    """Refuse a target that no outcome of the candidates would narrow."""
    chance = setting.joint.factors.shape[0] / len(sampled.weights)
    if setting.joint.total > 0 and setting.explained > _LEAST_EXPLAINED + 2.0 * chance:
        return
    if setting.joint.misfit_targets.any() and setting.joint.total > 0:
        return
    fixed = [
        name
        for one in sampled.posteriors
        for name in sorted(one.runs.constant(one.law.variables))
        if np.ptp(pool.columns[name]) == 0
    ]
    raise _uninformed(aim, list(dict.fromkeys(fixed)), "its draws vary with no candidate's loss")


def _uninformed(aim: Target, names: Sequence[str], why: str) -> RequestError:
    vary = f"Give candidates that vary {' or '.join(names)}" if names else "Give other candidates"
    return RequestError(
        f"the candidates cannot inform {aim.label} (prior only): {why}",
        place=f"{_PLACE}, target",
        remedy=f"{vary} (candidates=, ranges=)",
    )


def _regret(
    aim: Target,
    sampled: Sampled,
    joint: Joint,
    chosen: np.ndarray,
    columns: Mapping[str, np.ndarray],
    seed: int,
) -> Regret | None:
    losses = aim.options(sampled)
    if losses is None or losses.shape[1] < 2 or not np.isfinite(losses).all():
        return None
    logs = sampled.log_losses(columns) if len(chosen) else np.empty((len(losses), 0))
    return expected_regret(losses, sampled.weights, logs, joint.scatter(chosen), seed)


def _notes(
    members: Members,
    pool: Pool,
    setting: Setting,
    regret: Regret | None,
    amount: float | None,
    spent: float,
    count: int,
    batch: int,
) -> list[Note]:
    found = []
    if pool.drawn:
        message = f"{len(pool)} candidates are drawn over the ranges of runs and card"
        found.append(Note("drawn_candidates", "info", message, "Give your own: candidates="))
    if regret is not None and regret.by == "regression":
        message = (
            f"Pareto k of imagined outcomes reaches {regret.pareto_k:.2f}: expected regret is "
            "updated by regression instead of weights"
        )
        found.append(Note("pareto_k", "info", message))
    if amount is not None and count == batch and spent < 0.5 * amount:
        message = f"{batch} runs leave {100 * (1 - spent / amount):.0f}% of the budget unspent"
        found.append(Note("unspent", "info", message, "Raise batch=, or give larger candidates"))
    bad = [one.law.name for one in members.posteriors if not one.trusted]
    if bad:
        message = f"the fit of {', '.join(bad)} has errors: the choice rests on its draws"
        found.append(Note("untrusted_fit", "warning", message, "Refit before training runs"))
    return found


def _obtained(
    members: Members,
    sampled: Sampled,
    aim: Target,
    columns: Mapping[str, np.ndarray],
    refits: int,
    ci_prob: float,
    seed: int,
    executor: Executor | None,
    notes: list[Note],
) -> np.ndarray | None:
    grouped = [one.law.name for one in members.posteriors if one.grouped]
    if grouped:
        message = f"coefficients of {grouped[0]} vary by group: imagined outcomes are not refitted"
        notes.append(Note("no_refits", "warning", message, "The promised width stands alone"))
        return None
    return obtained_widths(
        members.posteriors,
        sampled,
        aim,
        columns,
        count=refits,
        ci_prob=ci_prob,
        seed=seed,
        executor=executor,
    )
