"""``decide``: rank configurations by expected loss, with expected regret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.architecture.buildable import Buildable
from bayeslaw.core.calls import public
from bayeslaw.core.diagnostics import mcse_mean
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError, whole
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note
from bayeslaw.optimum import notes
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.candidates import Candidates, read_candidates, regret_flops
from bayeslaw.optimum.conventions import as_the_law_counts
from bayeslaw.optimum.members import Members, laws_of
from bayeslaw.optimum.request import REGRET_TOLERANCE, Request
from bayeslaw.posterior.evaluation import evaluate_with_error
from bayeslaw.posterior.mixture import Mixture, mixture_draws
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import extrapolation_factor

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Decision(Displayed):
    """Configurations in the order of their expected loss.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row a configuration, the best first, indexed by its label: its columns, the law's
        ``median``, ``low`` and ``high``, its ``expected`` value, the expected ``regret``
        against the best of them, ``regret_flops``, the training FLOPs by which the first could be
        reduced to the same expected loss (if the law has D), ``p_best``, the probability
        ``p_near_optimal`` that the regret is below ``regret_tolerance``, whether that makes it
        ``near_optimal``, and the ``extrapolation_factor`` of its furthest ``variable``.
    predicts : str
        What the law predicts.
    at : dict of str to float
        Variables that are the same for all of them.
    budget : Budget
        The constraints.
    regret_tolerance, ci_prob : float
        Near-optimal: regret below ``regret_tolerance`` (nats where the law predicts loss) with
        probability ``ci_prob``.
    notes : tuple of Note
        The posterior's, and those on the ranking.
    """

    _drawn = ("decision", "regret_map")

    frame: pd.DataFrame = field(repr=False)
    predicts: str
    at: dict[str, float]
    budget: Budget
    regret_tolerance: float
    ci_prob: float
    notes: tuple[Note, ...] = field(repr=False)

    @property
    def best(self) -> Any:
        """Label of the configuration with the lowest expected loss."""
        return self.frame.index[0]

    @property
    def near_optimal(self) -> pd.DataFrame:
        """Configurations with regret below the tolerance with probability ``ci_prob``."""
        return self.frame[self.frame["near_optimal"]]

    @property
    def summary(self) -> str:
        """The best configuration, and the number of near-optimal ones."""
        first = self.frame.iloc[0]
        return (
            f"Of {len(self.frame)} configurations {self.best} has the best expected "
            f"{self.predicts}, {first['expected']:.4g} ({first['low']:.4g} to {first['high']:.4g}),"
            f" and is the best with probability {first['p_best']:.2g}. {len(self.near_optimal)} "
            f"have a regret below {self.regret_tolerance:g} with probability {self.ci_prob:g}."
        )

    def to_frame(self) -> pd.DataFrame:
        """``frame``, a row a configuration."""
        return self.frame

    def to_dict(self) -> dict[str, Any]:
        """The decision as plain data.

        Returns
        -------
        dict
            All fields, the table as ``configurations``, rows with their ``label``; ``level``:
            regrets are of the law's value.
        """
        rows = zip(self.frame.index, self.frame.to_dict("records"), strict=True)
        return {
            "configurations": [{"label": label, **row} for label, row in rows],
            "predicts": self.predicts,
            "at": self.at,
            "budget": self.budget.to_dict(),
            "regret_tolerance": self.regret_tolerance,
            "ci_prob": self.ci_prob,
            "level": "law",
            "notes": [note.to_dict() for note in self.notes],
        }


@public
def expert_grid(
    routed: Iterable[int] = range(1, 17), shared: Iterable[int] = range(5)
) -> pd.DataFrame:
    """Legal pairs of routed and shared active experts.

    Parameters
    ----------
    routed, shared : iterable of int
        Numbers of experts.

    Returns
    -------
    pandas.DataFrame
        Columns K (routed), shared, G (both) and S (shared over both); the index says "8+1".
    """
    import pandas as pd

    numbers = {"routed": [*routed], "shared": [*shared]}
    for name, least in (("routed", 1), ("shared", 0)):
        for value in numbers[name]:
            whole(value, name, place="expert_grid", least=least)
    pairs = [(k, s) for k in numbers["routed"] for s in numbers["shared"]]
    table = pd.DataFrame(pairs, columns=["K", "shared"], dtype=float)
    table.index = pd.Index([f"{k}+{s}" for k, s in pairs], name="experts")
    return table.assign(
        G=table["K"] + table["shared"], S=table["shared"] / (table["K"] + table["shared"])
    )


@public
def decide(
    posterior: Posterior | Mixture,
    candidates: Runs | Buildable | pd.DataFrame | Mapping[str, Any],
    *,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    regret_tolerance: float = REGRET_TOLERANCE,
    ci_prob: float = INTERVAL,
) -> Decision:
    """Rank configurations by their expected loss.

    Losses, regrets and probabilities are of the law's value, with the posterior's error beyond the
    runs where it has one: noise does not depend on the configuration.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or a mixture of several.
    candidates : Runs, Buildable, DataFrame or mapping
        Configurations, one a row, over variables of the law. Those of ``buildable`` are counted
        with or without embeddings as the law counts. Other columns are carried along. A column
        ``cost`` (such as GPU hours) adds ``efficient``: whether a configuration is on the Pareto
        front of cost and expected loss.
    at : mapping, optional
        Variables that are the same for all of them.
    budget : Budget, optional
        FLOPs: the variable of the cost without a value follows from them, for each configuration.
        Configurations that violate a cap are excluded, with a note.
    regret_tolerance : float
        Regret below which a configuration is near-optimal, in the unit of the prediction.
    ci_prob : float
        Probability of the intervals, and of near-optimality.

    Returns
    -------
    Decision
        The configurations in the order of their expected loss.

    Raises
    ------
    RequestError
        If a variable is given twice or unknown, or the budget cannot be spent.
    TableError
        If a configuration is outside the domain of its variables.
    """
    request = Request.of("decide", at, budget, regret_tolerance=regret_tolerance, ci_prob=ci_prob)
    request.require_amount()
    conversion: list[Note] = []
    if isinstance(candidates, Buildable):
        candidates, conversion = as_the_law_counts(posterior, candidates)
    table = read_candidates(candidates)
    known = {name for law in laws_of(posterior) for name in law.variables}
    named = [name for name in (*table.columns, *request.at) if name in known]
    members = Members.of(posterior, named, place="decide")
    if request.budget.flops is not None:
        members.require_same_cost(request.budget, place="decide")
    parts = [Candidates.of(part, table, request) for part in members.posteriors]
    legal = np.all([part.legal for part in parts], axis=0)
    own_notes = _left_out(table, legal, request.budget)
    parts = [part.part(legal) for part in parts]
    frame, signed = _ranked(table[legal], parts, members, request)
    own_notes += _notes(frame, signed, parts, request.budget)
    if not members.mixed:
        own_notes += _close_call(members.posteriors[0], signed)
    same = {
        name: float(part.table[name].iloc[0])
        for part in reversed(parts)
        for name in (*request.at, *part.held)
        if name in part.table
    }
    return Decision(
        frame=frame,
        predicts=members.posteriors[0].law.predicts,
        at=same,
        budget=request.budget,
        regret_tolerance=regret_tolerance,
        ci_prob=ci_prob,
        notes=tuple(dict.fromkeys([*members.notes, *conversion, *own_notes])),
    )


def _ranked(
    table: pd.DataFrame, parts: Sequence[Candidates], members: Members, request: Request
) -> tuple[pd.DataFrame, np.ndarray]:
    """The ranking, and draws of the signed value (to minimise) in its order."""
    evaluated = [evaluate_with_error(part.posterior.model, part.columns) for part in parts]
    value = mixture_draws(evaluated, members.weights)
    first = parts[0]
    signed = value if first.posterior.law.optimum.sense == "min" else -value
    regret = signed - signed.min(axis=1, keepdims=True)
    ends = interval(value, request.ci_prob)
    expected = signed.mean(axis=0)
    order = np.argsort(expected, kind="stable")
    p_near_optimal = (regret < request.regret_tolerance).mean(axis=0)
    best = np.bincount(signed.argmin(axis=1), minlength=value.shape[1]) / len(value)
    factors, names = zip(
        *(extrapolation_factor(part.posterior.runs, part.columns) for part in parts), strict=True
    )
    widest, rows = np.argmax(factors, axis=0), np.arange(len(table))
    flops = regret_flops(members, parts, value.mean(axis=0), int(order[0]))
    frame = table.assign(
        **({} if first.spent is None else {first.spent: first.columns[first.spent]}),
        median=ends.median,
        low=ends.low,
        high=ends.high,
        expected=value.mean(axis=0),
        regret=regret.mean(axis=0),
        **({} if flops is None else {"regret_flops": flops}),
        p_best=best,
        p_near_optimal=p_near_optimal,
        near_optimal=p_near_optimal >= request.ci_prob,
        **_efficient(table, expected),
        extrapolation_factor=np.array(factors)[widest, rows],
        variable=np.array(names)[widest, rows],
    )
    return frame.iloc[order], signed[:, order]


def _efficient(table: pd.DataFrame, expected: np.ndarray) -> dict[str, np.ndarray]:
    """Configurations on the Pareto front of cost and expected loss."""
    if "cost" not in table.columns:
        return {}
    cost = table["cost"].to_numpy(dtype=float)
    no_worse = (cost[:, None] <= cost) & (expected[:, None] <= expected)
    better = (cost[:, None] < cost) | (expected[:, None] < expected)
    return {"efficient": ~(no_worse & better).any(axis=0)}


def _left_out(table: pd.DataFrame, legal: np.ndarray, budget: Budget) -> list[Note]:
    if legal.all():
        return []
    caps = ", ".join(str(cap) for cap in budget.limits)
    if not legal.any():
        raise RequestError(
            f"none of {len(table)} configurations satisfies {caps}",
            place="decide, budget",
            remedy="Raise a cap, or give smaller configurations",
        )
    return [notes.left_out(list(table.index[~legal]), len(table), caps)]


def _notes(
    frame: pd.DataFrame, signed: np.ndarray, parts: Sequence[Candidates], budget: Budget
) -> list[Note]:
    first, (factor, name) = parts[0], frame.iloc[0][["extrapolation_factor", "variable"]]
    found = notes.unspent(first.underspent(budget.flops), len(frame), first.spent)
    remedy = "Fix it with at= or --at, or give a column"
    for part in parts:
        found += notes.held(part.posterior.reference.at, part.held, remedy)
        found += notes.ranking_by_prior(part.posterior.runs, part.columns)
    return [
        *found,
        *notes.extrapolation("the best configuration", factor, name, "the ranking is valid"),
        *notes.not_finite(signed),
    ]


def _close_call(posterior: Posterior, signed: np.ndarray) -> list[Note]:
    """Note on a difference of the first two within Monte-Carlo error."""
    if signed.shape[1] < 2 or not np.isfinite(signed).all():
        return []
    gap = (signed[:, 1] - signed[:, 0]).reshape(posterior.stats["diverging"].shape)
    return notes.close_call(float(gap.mean()), mcse_mean(gap) if gap.std() else 0.0)
