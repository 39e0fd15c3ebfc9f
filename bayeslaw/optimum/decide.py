"""``decide``: which of some legal configurations, and what it costs to be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw import vocabulary
from bayeslaw.diagnostics import NEARBY, beyond
from bayeslaw.errors import RequestError, nearest
from bayeslaw.intervals import INTERVAL, interval
from bayeslaw.notes import Note
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.near import WITHIN
from bayeslaw.optimum.pose import spent_variable
from bayeslaw.optimum.problem import bought
from bayeslaw.posterior import Posterior
from bayeslaw.runs import Runs, read_runs
from bayeslaw.runs.table import configurations

if TYPE_CHECKING:
    import pandas as pd

# Draws times configurations that are held at once.
_CELLS = 100_000_000


@dataclass(frozen=True)
class Decision:
    """Configurations in the order of their expected loss.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a configuration, the best first, under the label that it was given: what was said of
        it, the law's ``median``, ``low`` and ``high``, its ``expected`` value, the expected
        ``regret`` against the best of them, ``p_best``, the probability ``p_within`` that the
        regret is below ``within``, whether that makes it ``near_optimal``, and by which factor
        ``beyond`` the runs its furthest ``variable`` lies.
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
            All fields; the table as a list of rows with their ``label``.
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
            "notes": [note.to_dict() for note in self.notes],
        }


def lattice(routed: Iterable[int] = range(1, 17), shared: Iterable[int] = range(5)) -> pd.DataFrame:
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
    posterior: Posterior,
    candidates: Runs | pd.DataFrame | Mapping[str, Any],
    *,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    within: float = WITHIN,
    interval_probability: float = INTERVAL,
) -> Decision:
    """Rank configurations by their expected loss.

    Losses, regrets and probabilities are of the law's value: how runs scatter around it is the same
    for every configuration.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    candidates : Runs, DataFrame or mapping
        Configurations, one a row, over variables of the law. Other columns are carried along, such
        as a cost of one's own.
    at : mapping, optional
        Variables that are the same for all of them.
    budget : Budget, optional
        Training FLOPs: the variable of the cost that nothing else says follows from it, for each
        configuration by itself.
    within : float
        Regret, in the unit of the prediction, below which a configuration is as good as the best.
    interval_probability : float
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
    budget, law = budget or Budget(), posterior.law
    if not within > 0:
        raise RequestError(f"within = {within!r}", place="decide", remedy="Give a positive number")
    given = configurations(candidates)
    at = {name: float(value) for name, value in (at or {}).items()}
    _check_names(posterior, given, at, budget)
    columns, held, priced = _columns(posterior, given, at, budget)
    runs = read_runs(columns)
    wanted = runs.columns(law.variables)
    value = posterior.evaluate(wanted)
    signed = value if law.optimum.sense == "min" else -value
    regret = signed - signed.min(axis=1, keepdims=True)
    ends = interval(value, interval_probability)
    p_within = (regret < within).mean(axis=0)
    best = np.bincount(signed.argmin(axis=1), minlength=value.shape[1]) / len(value)
    times, furthest = beyond(posterior.runs, wanted)
    table = given.assign(
        **({priced: wanted[priced]} if priced is not None else {}),
        median=ends.median,
        low=ends.low,
        high=ends.high,
        expected=value.mean(axis=0),
        regret=regret.mean(axis=0),
        p_best=best,
        p_within=p_within,
        near_optimal=p_within >= interval_probability,
        beyond=times,
        variable=furthest,
    )
    order = np.argsort(signed.mean(axis=0), kind="stable")
    notes = _notes(posterior, wanted, held, signed, order, times, furthest)
    same = {name: columns[name].iloc[0] for name in (*at, *held) if name in columns}
    return Decision(
        table=table.iloc[order],
        predicts=law.predicts,
        at={name: float(value) for name, value in same.items()},
        budget=budget,
        within=within,
        probability=interval_probability,
        notes=(*posterior.notes, *notes),
    )


def _check_names(
    posterior: Posterior, given: pd.DataFrame, at: Mapping[str, float], budget: Budget
) -> None:
    law = posterior.law
    if not len(given):
        raise RequestError("no configurations", place="decide", remedy="Give one a row")
    if len(given) * posterior.stats["diverging"].size > _CELLS:
        raise RequestError(
            f"{len(given)} configurations are too many to be compared at once",
            place="decide",
            remedy=f"Give at most {_CELLS // posterior.stats['diverging'].size}",
        )
    if not set(law.variables) & set(given.columns):
        raise RequestError(
            f"the configurations give no variable of {law.name}",
            place="decide",
            remedy=f"They may give {', '.join(law.variables)}",
        )
    priced = set() if law.cost is None else set(law.cost.expression.names)
    for name in at:
        if name in given.columns:
            raise RequestError(
                f"{name} is fixed and a column of the configurations at once",
                place="decide",
                remedy=f"Leave {name} out of at=, or out of the table",
            )
        if name not in law.variables and (budget.flops is None or name not in priced):
            remedy = nearest(name, law.variables)
            raise RequestError(
                f"{law.name} has no variable {name!r}", place="decide, at", remedy=remedy
            )
    vocabulary.check_values(at, place="decide, at", typical=posterior.reference.at)


def _columns(
    posterior: Posterior, given: pd.DataFrame, at: Mapping[str, float], budget: Budget
) -> tuple[pd.DataFrame, list[str], str | None]:
    """All variables of the law, those held at the reference run, and what the budget leaves."""
    law = posterior.law
    columns = given.assign(**at)
    unsaid = [name for name in law.variables if name not in columns]
    priced = None
    cost = None if budget.flops is None else budget.price(law, columns, place="decide")
    if cost is not None:
        open_ = [name for name in unsaid if name in cost.expression.names]
        priced = spent_variable(cost, open_, budget.spends, place="decide")
        unsaid.remove(priced)
    for name in unsaid:
        columns[name] = posterior.reference.at[name]
    if cost is not None and priced is not None and budget.flops is not None:
        paid = cost.expression
        values = {name: columns[name].to_numpy(dtype=float) for name in paid.names - {priced}}
        left = bought(paid, values, priced, budget.flops)
        if not (np.asarray(left) > 0).all():
            label = columns.index[int(np.argmin(left))]
            raise RequestError(
                f"{budget.flops:g} FLOPs leave no {priced} for the configuration {label}",
                place=f"decide, {budget.spends}",
                remedy="Give more, or leave that configuration out",
            )
        columns[priced] = left
    return columns, unsaid, priced


def _notes(
    posterior: Posterior,
    wanted: Mapping[str, np.ndarray],
    held: list[str],
    signed: np.ndarray,
    order: np.ndarray,
    times: np.ndarray,
    furthest: np.ndarray,
) -> list[Note]:
    from arviz_stats.base import array_stats

    found = []
    runs, first = posterior.runs, order[0]
    if held:
        said = ", ".join(f"{name} = {posterior.reference.at[name]:.4g}" for name in held)
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
                f"the best configuration lies {times[first]:.3g} times beyond the runs in {name}: "
                "the ranking holds only if the law does",
                "Compare what other laws say there",
            )
        )
    if not np.isfinite(signed).all():
        share = 1 - np.isfinite(signed).all(axis=1).mean()
        found.append(
            Note("not_finite", "error", f"the law is not finite in {100 * share:.2g}% of draws")
        )
    elif len(order) > 1:
        shape = posterior.stats["diverging"].shape
        gap = (signed[:, order[1]] - signed[:, first]).reshape(shape)
        error = float(array_stats.mcse(gap, chain_axis=0, draw_axis=1)) if gap.std() else 0.0
        if gap.mean() <= 2 * error:
            found.append(
                Note(
                    "close_call",
                    "info",
                    f"the first two differ by {gap.mean():.2g} in expectation, with a Monte-Carlo "
                    f"error of {error:.1g}: more draws could exchange them",
                    "Choose between them by what the law does not know",
                )
            )
    return found
