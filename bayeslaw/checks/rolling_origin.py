"""``rolling_origin``: coverage of predictions of larger runs within a table.

The law is fitted to the smallest levels of compute and predicts all larger runs; then more levels
are added, and so on (Tashman 2000). The factors by which these intervals should have been wider,
for each doubling of compute, widen those of runs beyond the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.extrapolation import (
    LEAST_HELD_OUT,
    LEAST_TRAINING,
    fit_smaller,
    levels,
    ordering,
    sizes,
)
from bayeslaw.comparison.scores import score
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, refuse, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note, cautions
from bayeslaw.core.results import Result
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import read_configurations
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "rolling_origin"
# Edges of the bands of distance: factors beyond the largest run fitted to.
_BANDS = (1.0, 2.0, 4.0, 10.0, 30.0, 100.0, np.inf)
# In doublings: nearer runs count as this far, so that one miss implies no steep growth.
_NEAREST = 1.0


@dataclass(frozen=True)
class RollingOrigin(Result):
    """Coverage of predictions of larger runs, and the widening that makes it nominal.

    Attributes
    ----------
    posterior, over, largest : Posterior, str, float
        The fit to all runs, what orders the runs, and its largest value among them.
    rows : pandas.DataFrame
        A row for each origin and each run beyond it: ``origin``, the largest value fitted to;
        ``trained_on``, how many runs that were; ``row`` of the table; ``extrapolation_factor``, the
        run's value over the origin; ``error``, log of measured over predicted median; ``ratio``,
        its size over the distance from the median to the end of the interval on its side; ``width``
        of the interval of log loss; ``inside``.
    growth : float
        Relative growth of interval widths for each doubling beyond the runs at which coverage is
        ``ci_prob``, each origin with the same weight; zero if coverage is at least nominal.
    ci_prob, trusted : float, bool
        Probability of the intervals; whether the fit to every origin can be relied on.
    left_out : tuple of str
        Origins that could not be fitted, and why.
    """

    _rows = "by_distance"
    _omitted = ("posterior",)

    posterior: Posterior = field(repr=False)
    over: str
    largest: float
    _drawn = ("rolling",)

    rows: pd.DataFrame = field(repr=False)
    growth: float
    ci_prob: float
    trusted: bool
    left_out: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """The fit's, then on the limits of these figures, and on intervals that are too narrow."""
        notes = [*cautions(self.posterior.notes)]
        if not self.trusted:
            message = "the fit to some of the smaller runs cannot be trusted"
            notes.append(Note("untrusted_origin", "warning", message, "Tighten the priors"))
        if self.left_out:
            message = f"origins left out: {'; '.join(self.left_out)}"
            notes.append(Note("left_out", "warning", message))
        if self.growth > 0:
            message = f"{self.summary} Beyond the runs, intervals of this fit are too narrow"
            remedy = "Predict with rolling_origin(...).predict, which widens them"
            notes.append(Note("rolling_origin", "warning", message, remedy))
        return tuple(notes)

    @property
    def coverage(self) -> float:
        """Share of runs inside their intervals, each origin with the same weight."""
        return float(self.rows.groupby("origin")["inside"].mean().mean())

    @property
    def summary(self) -> str:
        """One sentence."""
        furthest = self.rows["extrapolation_factor"].max()
        text = (
            f"Coverage of {100 * self.ci_prob:g}% intervals on larger runs (up to {furthest:.3g} "
            f"times in {self.over}, from {self.rows['origin'].nunique()} origins) is "
            f"{self.coverage:.2f}"
        )
        if self.growth == 0:
            return f"{text}: no widening is needed."
        return (
            f"{text}; nominal coverage needs intervals wider by {self.growth:.2g} of their width "
            "for each doubling beyond the runs."
        )

    def to_frame(self) -> pd.DataFrame:
        """Coverage by distance.

        Returns
        -------
        pandas.DataFrame
            A row a band of ``extrapolation_factor`` with runs: number of ``predictions``,
            their ``coverage``, ``widened`` the coverage after widening, and the median ``width``.
        """
        import pandas as pd

        names = [f"{a:g} to {b:g}" for a, b in pairwise(_BANDS[:-1])] + [f"above {_BANDS[-2]:g}"]
        factor = self.rows["extrapolation_factor"]
        band = pd.cut(factor, _BANDS, labels=names, include_lowest=True)
        wide = self.rows["ratio"] <= widening(factor.to_numpy(), self.growth)
        rows = self.rows.assign(widened=wide).groupby(band, observed=True)
        columns = {
            "predictions": rows.size(),
            "coverage": rows["inside"].mean(),
            "widened": rows["widened"].mean(),
            "width": rows["width"].median(),
        }
        return pd.DataFrame(columns).rename_axis("extrapolation_factor")

    def predict(
        self, new: Runs | pd.DataFrame | Mapping[str, Any], *, seed: int = 0
    ) -> pd.DataFrame:
        """Predict new runs, with intervals widened by past errors within the table.

        Parameters
        ----------
        new, seed : Runs, DataFrame or mapping; int
            Canonical variables of the law; for the noise of observations.

        Returns
        -------
        pandas.DataFrame
            As ``Posterior.predict`` at level ``observation``; ``low`` and ``high`` are further from
            the median by the factor ``widened``, on the logarithm.

        Raises
        ------
        RequestError, TableError
            If a variable is missing, or a value outside its domain.
        """
        at = read_configurations(new, self.posterior.law)
        expression = parse_expression(self.over)
        lacking = ", ".join(sorted(expression.names - set(at.table.columns)))
        problem = f"the order by {self.over} needs {lacking}, which the new runs lack"
        remedy = "Order by variables of the law: rolling_origin(..., over=...)"
        refuse("predict", (bool(lacking), problem, remedy))
        frame = self.posterior.predict(new, level="observation", ci_prob=self.ci_prob, seed=seed)
        factor = widening(sizes(at, expression) / self.largest, self.growth)
        for end in ("low", "high"):
            frame[end] = frame["median"] * (frame[end] / frame["median"]) ** factor
        return frame.assign(widened=factor)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data: all fields but the posterior; frames as lists of rows."""
        return {**super().to_dict(), "coverage": self.coverage}


def widening(extrapolation_factor: np.ndarray, growth: float) -> np.ndarray:
    """Factor by which intervals are widened."""
    doublings = np.log2(np.maximum(extrapolation_factor, 1.0))
    return np.where(extrapolation_factor > 1, 1.0 + growth * np.maximum(doublings, _NEAREST), 1.0)


@public
def rolling_origin(
    posterior: Posterior,
    *,
    over: str | None = None,
    origins: int = 5,
    ci_prob: float = INTERVAL,
    progress: bool | None = None,
) -> RollingOrigin:
    """Fit to the smaller runs of a table and predict its larger ones, from several origins.

    Parameters
    ----------
    posterior : Posterior
        The fit to all runs, whose law, noise, discrepancy and loss scale are used.
    over : str, optional
        Expression over the table's variables that orders the runs; by default their compute.
    origins : int
        How many, evenly spaced among the levels from a third of the runs on; fewer in small tables.
    ci_prob, progress : float; bool, optional
        Probability of the intervals; whether to show a progress bar.

    Returns
    -------
    RollingOrigin
        Coverage by distance, and the growth that intervals need with it. A law that predicts the
        larger runs of its table well may be wrong further out all the same.

    Raises
    ------
    RequestError
        If nothing orders the runs, or they are too few for a single origin.
    """
    import pandas as pd

    whole(origins, "origins", place=_PLACE, least=1)
    runs = posterior.runs
    expression = ordering(runs, over)
    if expression is None:
        problem = "nothing orders these runs by size: neither compute, parameters nor tokens vary"
        raise RequestError(problem, place=_PLACE, remedy='Name it: over="6*N*D"')
    level, values = levels(runs, expression), sizes(runs, expression)
    parts, trusted, left_out = [], True, list[str]()
    for last in _origins(posterior, expression, level, origins):
        held, origin = level > last, float(values[level <= last].max())
        try:
            fitted = fit_smaller(posterior, held, progress)
        except RequestError as error:
            # Such as a discrepancy by groups, where the smaller runs are of one group.
            left_out.append(f"{origin:.3g} ({error.problem})")
            continue
        trusted &= fitted.trusted
        larger, seed = runs.select(held), posterior.info.settings.seed
        scores = score(fitted, larger, ci_prob=ci_prob, seed=seed)
        side = np.where(scores.error > 0, scores.high - scores.median, scores.median - scores.low)
        columns = {
            "origin": origin,
            "trained_on": int((~held).sum()),
            "row": larger.table.index,
            "extrapolation_factor": values[held] / origin,
            "error": scores.error,
            "ratio": np.abs(scores.error) / side,
            "width": scores.high - scores.low,
            "inside": scores.inside,
        }
        parts.append(pd.DataFrame(columns))
    problem = f"no origin can be fitted: {'; '.join(left_out)}"
    refuse(_PLACE, (not parts, problem, "Fit without a discrepancy"))
    rows = pd.concat(parts, ignore_index=True)
    return RollingOrigin(
        posterior=posterior,
        over=expression.text,
        largest=float(values.max()),
        rows=rows,
        growth=_growth(rows, ci_prob),
        ci_prob=ci_prob,
        trusted=trusted,
        left_out=tuple(left_out),
    )


def _origins(posterior: Posterior, over: Expression, level: np.ndarray, most: int) -> list[int]:
    """Levels to end a fit at, from a third of the runs on."""
    least = max(LEAST_TRAINING, len(posterior.law.parameters) + 2)
    usable = [
        last
        for last in range(int(level.max()))
        if (level <= last).sum() >= max(least, len(level) / 3)
        and (level > last).sum() >= LEAST_HELD_OUT
    ]
    few = (
        f"{len(level)} runs at {level.max() + 1} levels of {over.text} have no origin with "
        f"{least} runs below it and {LEAST_HELD_OUT} above"
    )
    vary = "coefficients vary by group, and larger runs may be of groups without smaller ones"
    refuse(
        _PLACE,
        (not usable, few, "Give more runs, or another order (over=)"),
        (posterior.grouped, vary, "Fit without pool="),
    )
    if len(usable) <= most:
        return usable
    return [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, most).astype(int))]


def _growth(rows: pd.DataFrame, ci_prob: float) -> float:
    """The growth at which that share of the rows lies inside, each origin weighted alike."""
    doublings = np.maximum(np.log2(rows["extrapolation_factor"].to_numpy()), _NEAREST)
    needed = (rows["ratio"].to_numpy() - 1.0) / doublings
    weight = (1.0 / rows.groupby("origin")["origin"].transform("size")).to_numpy()
    order = np.argsort(needed)
    share = np.cumsum(weight[order]) / weight.sum()
    at = order[min(int(np.searchsorted(share, ci_prob)), len(order) - 1)]
    return max(float(needed[at]), 0.0)
