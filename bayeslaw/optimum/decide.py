"""``decide``: which of some legal configurations, and what it costs to be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.diagnostics import mcse_mean
from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.candidates import Panel, regret_flops
from bayeslaw.optimum.ensemble import same_cost
from bayeslaw.optimum.flatness import WITHIN
from bayeslaw.optimum.request import budget_of, numbers_of
from bayeslaw.posterior.mixture import Mixture, mixture_draws, mixture_notes
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import NEARBY, extrapolation_factor, extrapolation_text
from bayeslaw.runs.read import configurations

if TYPE_CHECKING:
    import pandas as pd


# What the answer says of each configuration, beside what was said of it.
_ANSWER = {
    *("median", "low", "high", "expected", "regret", "regret_flops", "p_best", "p_within"),
    *("near_optimal", "efficient", "beyond", "variable"),
}


@dataclass(frozen=True)
class Decision:
    """Configurations in the order of their expected loss.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a configuration, the best first, under the label that it was given: what was said of
        it, the law's ``median``, ``low`` and ``high``, its ``expected`` value, the expected
        ``regret`` against the best of them, the training FLOPs ``regret_flops`` that the first
        could do without and be as good (where the law knows its tokens), ``p_best``, the
        probability ``p_within`` that the regret is below ``within``, whether that makes it
        ``near_optimal``, and by which factor ``beyond`` the runs its furthest ``variable`` lies.
    predicts : str
        What the law predicts.
    at : dict of str to float
        Variables that are the same for all of them.
    budget : Budget
        The constraints.
    within, probability : float
        Near-optimal is a regret below the first with the second as probability.
    notes : tuple of Note
        The posterior's, and what there is to say of the ranking.
    """

    table: pd.DataFrame = field(repr=False)
    predicts: str
    at: dict[str, float]
    budget: Budget
    within: float
    probability: float
    notes: tuple[Note, ...]

    @property
    def best(self) -> Any:
        """Label of the configuration of least expected loss."""
        return self.table.index[0]

    @property
    def near_optimal(self) -> pd.DataFrame:
        """The configurations that are as good as the best for all that is known."""
        return self.table[self.table["near_optimal"]]

    def to_dict(self) -> dict[str, Any]:
        """The decision as plain data.

        Returns
        -------
        dict
            All fields, the table as a list of rows with their ``label``; ``level``: regrets are of
            the law's value.
        """
        rows = [
            {"label": label, **row}
            for label, row in zip(self.table.index, self.table.to_dict("records"), strict=True)
        ]
        return {
            "configurations": rows,
            "predicts": self.predicts,
            "at": self.at,
            "budget": self.budget.to_dict(),
            "within": self.within,
            "probability": self.probability,
            "level": "law",
            "notes": [note.to_dict() for note in self.notes],
        }


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

    pairs = [(k, s) for k in routed for s in shared]
    table = pd.DataFrame(pairs, columns=["K", "shared"], dtype=float)
    table.index = pd.Index([f"{k}+{s}" for k, s in pairs], name="experts")
    return table.assign(
        G=table["K"] + table["shared"], S=table["shared"] / (table["K"] + table["shared"])
    )


def decide(
    posterior: Posterior | Mixture,
    candidates: Runs | pd.DataFrame | Mapping[str, Any],
    *,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    within: float = WITHIN,
    ci_prob: float = INTERVAL,
) -> Decision:
    """Rank configurations by their expected loss.

    Losses, regrets and probabilities are of the law's value: how runs scatter around it is the same
    for every configuration.

    Parameters
    ----------
    posterior : Posterior or Mixture
        The posterior, or several that answer like one.
    candidates : Runs, DataFrame or mapping
        Configurations, one a row, over variables of the law. Other columns are carried along. A
        column ``cost`` (GPU hours, say) marks as ``efficient`` those of which none that costs no
        more is expected to be as good.
    at : mapping, optional
        Variables that are the same for all of them.
    budget : Budget, optional
        FLOPs: the variable of the cost that nothing else says follows from them, for each
        configuration by itself. Configurations beyond one of its caps are left out, with a note.
    within : float
        Regret, in the unit of the prediction, below which a configuration is as good as the best.
    ci_prob : float
        Probability of the intervals, and of near-optimality.

    Returns
    -------
    Decision
        The configurations in the order of their expected loss.

    Raises
    ------
    RequestError
        If a variable is given twice or not known, or the budget cannot be spent.
    TableError
        If a configuration is outside the domain of its variables.
    """
    budget = budget_of(budget, place="decide")
    if not real(within, "within", place="decide") > 0:
        raise RequestError(f"within = {within!r}", place="decide", remedy="Give a positive number")
    if budget.inference_tokens is not None and budget.lifetime_flops is None:
        raise RequestError(
            "inference_tokens without lifetime_flops",
            place="decide, budget",
            remedy="Give what training and inference may take together",
        )
    given = _given(candidates)
    at = numbers_of(at, place="decide, at")
    parts, weights, notes = _asked(posterior, given, at)
    if budget.flops is not None:
        same_cost(parts, budget, place="decide with a mixture")
    panels = [Panel.of(one, given, at, budget) for one in parts]
    legal = np.all([panel.legal for panel in panels], axis=0)
    if not legal.all():
        notes.append(_left_out(given, legal, budget))
        given, panels = given[legal], [panel.part(legal) for panel in panels]
    first, law = panels[0], parts[0].law
    notes += _unspent(first, budget)
    values = [panel.posterior.evaluate(panel.wanted) for panel in panels]
    value = mixture_draws(values, weights)
    signed = value if law.optimum.sense == "min" else -value
    regret = signed - signed.min(axis=1, keepdims=True)
    ends = interval(value, ci_prob)
    p_within = (regret < within).mean(axis=0)
    best = np.bincount(signed.argmin(axis=1), minlength=value.shape[1]) / len(value)
    order = np.argsort(signed.mean(axis=0), kind="stable")
    far = [extrapolation_factor(panel.posterior.runs, panel.wanted) for panel in panels]
    widest, rows = np.argmax([times for times, _ in far], axis=0), np.arange(len(given))
    times = np.array([one for one, _ in far])[widest, rows]
    furthest = np.array([names for _, names in far])[widest, rows]
    priced = {} if first.priced is None else {first.priced: first.wanted[first.priced]}
    flops = regret_flops(panels, weights, value.mean(axis=0), int(order[0]))
    table = given.assign(
        **priced,
        median=ends.median,
        low=ends.low,
        high=ends.high,
        expected=value.mean(axis=0),
        regret=regret.mean(axis=0),
        **({} if flops is None else {"regret_flops": flops}),
        p_best=best,
        p_within=p_within,
        near_optimal=p_within >= ci_prob,
        **_efficient(given, signed.mean(axis=0)),
        beyond=times,
        variable=furthest,
    )
    for panel in panels:
        found = _notes(panel, signed, order, times, furthest)
        notes += [note for note in found if note not in notes]
    if isinstance(posterior, Mixture):
        own = mixture_notes(parts, weights)
    else:
        own = posterior.notes
        notes += _close_call(posterior, signed, order)
    same = {
        name: panel.columns[name].iloc[0]
        for panel in reversed(panels)
        for name in (*at, *panel.held)
        if name in panel.columns
    }
    return Decision(
        table=table.iloc[order],
        predicts=law.predicts,
        at={name: float(value) for name, value in same.items()},
        budget=budget,
        within=within,
        probability=ci_prob,
        notes=tuple(dict.fromkeys([*own, *notes])),
    )


def _given(candidates: Runs | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """The configurations, if their columns can stand beside the answer's."""
    import pandas as pd

    if not isinstance(candidates, Runs | pd.DataFrame | Mapping):
        raise RequestError(
            f"a {type(candidates).__name__} where configurations belong",
            place="decide, candidates",
            remedy="Give a table, or a mapping of columns",
        )
    given = configurations(candidates)
    taken = [name for name in given.columns if name in _ANSWER]
    if taken:
        raise RequestError(
            f"a column {taken[0]!r} would be overwritten by the answer's",
            place="decide, candidates",
            remedy="Rename it",
        )
    if "cost" in given.columns:
        cost = pd.to_numeric(given["cost"], errors="coerce").to_numpy(dtype=float)
        if not np.isfinite(cost).all():
            row = int(np.argmin(np.isfinite(cost)))
            raise RequestError(
                f"cost = {given['cost'].iloc[row]} in row {given.index[row]}",
                place="decide, candidates",
                remedy="Give numbers, or rename the column",
            )
        given = given.assign(cost=cost)
    return given


def _unspent(panel: Panel, budget: Budget) -> list[Note]:
    """That a cap on tokens leaves FLOPs unspent."""
    if panel.paid is None or budget.flops is None:
        return []
    columns = {name: panel.columns[name].to_numpy(dtype=float) for name in panel.paid.names}
    spent = np.broadcast_to(panel.paid(columns), len(panel.columns))
    less = int(np.sum(spent < budget.flops * (1 - 1e-9)))
    if not less:
        return []
    said = f"in {less} of {len(spent)} configurations a cap on {panel.priced} leaves FLOPs unspent"
    return [Note("unspent", "info", said)]


def _asked(
    posterior: Posterior | Mixture, given: pd.DataFrame, at: Mapping[str, float]
) -> tuple[list[Posterior], np.ndarray, list[Note]]:
    """The posteriors that can tell the configurations apart, their weights, and who abstains."""
    if isinstance(posterior, Posterior):
        return [posterior], np.ones(1), []
    every = {name for one in posterior.posteriors for name in one.law.variables}
    named = [name for name in (*given.columns, *at) if name in every]
    kept, weights, notes = [], [], []
    for one, weight in zip(posterior.posteriors, posterior.weights, strict=True):
        lacking = [name for name in named if name not in one.law.variables]
        if not lacking:
            kept.append(one)
            weights.append(float(weight))
            continue
        if posterior.on_missing == "error":
            raise RequestError(
                f"{one.law.name} has no variable {lacking[0]!r}",
                place="decide with a mixture",
                remedy="Leave it out, or drop that law: average_laws(..., on_missing='drop')",
            )
        said = f"{one.law.name} lacks {', '.join(lacking)} and abstains"
        notes.append(Note("abstains", "warning", said))
    if not kept:
        raise RequestError(
            "no law of the mixture knows all variables of the configurations",
            place="decide with a mixture",
            remedy="Leave out variables, or decide by one law",
        )
    return kept, np.array(weights) / sum(weights), notes


def _left_out(given: pd.DataFrame, legal: np.ndarray, budget: Budget) -> Note:
    said = ", ".join(str(cap) for cap in budget.limits)
    if not legal.any():
        raise RequestError(
            f"none of {len(given)} configurations keeps {said}",
            place="decide, budget",
            remedy="Loosen a cap, or give smaller ones",
        )
    gone = given.index[~legal]
    names = ", ".join(str(label) for label in gone[:5]) + (" ..." if len(gone) > 5 else "")
    return Note(
        "left_out",
        "info",
        f"{len(gone)} of {len(given)} configurations are left out ({names}), since they break a "
        f"cap: {said}",
    )


def _efficient(given: pd.DataFrame, expected: np.ndarray) -> dict[str, np.ndarray]:
    """Configurations that no other one beats in expectation without costing more."""
    if "cost" not in given.columns:
        return {}
    cost = given["cost"].to_numpy(dtype=float)
    no_worse = (cost[:, None] <= cost) & (expected[:, None] <= expected)
    better = (cost[:, None] < cost) | (expected[:, None] < expected)
    return {"efficient": ~(no_worse & better).any(axis=0)}


def _notes(
    panel: Panel,
    signed: np.ndarray,
    order: np.ndarray,
    times: np.ndarray,
    furthest: np.ndarray,
) -> list[Note]:
    found = []
    posterior, wanted = panel.posterior, panel.wanted
    runs, first = posterior.runs, order[0]
    if panel.held:
        said = ", ".join(f"{name} = {posterior.reference.at[name]:.4g}" for name in panel.held)
        found.append(
            Note(
                "held_at_reference",
                "info",
                f"{said}: held at the reference run, since nothing was said of it",
                "Fix it with at= or --at, or give a column",
            )
        )
    varied = [name for name, values in wanted.items() if np.ptp(values) > 0]
    unknown = [name for name in varied if name in runs.constant(varied)]
    if unknown:
        found.append(
            Note(
                "prior_only",
                "warning",
                f"the configurations differ in {', '.join(unknown)}, which never varied in the "
                "runs: so far their order is the prior's",
                "Add runs that vary it",
            )
        )
    if times[first] > NEARBY:
        name = furthest[first]
        found.append(
            Note(
                "extrapolation",
                "warning",
                f"the best configuration {extrapolation_text(name, times[first])}: "
                "the ranking holds only if the law does",
                "Compare what other laws say there; rolling_origin says how such answers fared",
            )
        )
    if not np.isfinite(signed).all():
        share = 1 - np.isfinite(signed).all(axis=1).mean()
        found.append(
            Note("not_finite", "error", f"the law is not finite in {100 * share:.2g}% of draws")
        )
    return found


def _close_call(posterior: Posterior, signed: np.ndarray, order: np.ndarray) -> list[Note]:
    """Whether more draws could exchange the first two."""
    if len(order) < 2 or not np.isfinite(signed).all():
        return []
    shape = posterior.stats["diverging"].shape
    gap = (signed[:, order[1]] - signed[:, order[0]]).reshape(shape)
    error = mcse_mean(gap) if gap.std() else 0.0
    if gap.mean() > 2 * error:
        return []
    return [
        Note(
            "close_call",
            "info",
            f"the first two differ by {gap.mean():.2g} in expectation, with a Monte-Carlo error of "
            f"{error:.1g}: more draws could exchange them",
            "Choose between them by what the law does not know",
        )
    ]
