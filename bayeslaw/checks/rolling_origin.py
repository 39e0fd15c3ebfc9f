"""``rolling_origin``: how predictions of larger runs would have fared inside the user's own table.

The law is fitted to the smallest levels of compute and predicts all larger runs; then more levels
are taken in, and so on (Tashman 2000). What intervals should have been multiplied by, for each
doubling of compute, widens those of runs beyond the table.
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
    levels,
    ordering,
    training_reference,
    values_of,
)
from bayeslaw.comparison.folds import refit
from bayeslaw.comparison.scores import score
from bayeslaw.core.errors import RequestError, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.formula import parse_expression
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "rolling_origin"
# Edges of the bands of distance that are told apart: factors beyond the largest run fitted to.
_BANDS = (1.0, 2.0, 4.0, 10.0, 30.0, 100.0, np.inf)
# Nearer than a doubling, one miss would be taken for a steep growth.
_NEAREST = 1.0


@dataclass(frozen=True)
class RollingOrigin:
    """How predictions of ever larger runs fared, and how much wider they should have been.

    Attributes
    ----------
    posterior : Posterior
        The fit to all runs.
    over : str
        What orders the runs.
    largest : float
        Its largest value among all runs.
    rows : pandas.DataFrame
        A row for each origin and each run beyond it: ``origin``, the largest value fitted to;
        ``trained_on``, how many runs that were; ``row`` of the table; ``beyond``, the factor
        by which the run exceeds the origin; ``error``, log of measured over predicted median;
        ``ratio``, its size over the distance from the median to the end of the interval on its
        side; ``width`` of the interval of log loss; ``inside``.
    growth : float
        By what part of its own width an interval has to grow for each doubling beyond the runs, so
        that its probability of these rows lies inside, each origin counting alike; zero where they
        did without.
    probability : float
        Of the intervals.
    trusted : bool
        Whether the fit to every origin can be relied on.
    left_out : tuple of str
        Origins that could not be fitted, and why.
    """

    posterior: Posterior = field(repr=False)
    over: str
    largest: float
    rows: pd.DataFrame = field(repr=False)
    growth: float
    probability: float
    trusted: bool
    left_out: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """Coverage by distance.

        Returns
        -------
        pandas.DataFrame
            A row a band of ``beyond`` that holds runs: their number, ``coverage`` as it was,
            ``widened`` the coverage with the growth, and the median ``width``.
        """
        import pandas as pd

        names = [f"{a:g} to {b:g}" for a, b in pairwise(_BANDS[:-1])] + [f"above {_BANDS[-2]:g}"]
        band = pd.cut(self.rows["beyond"], _BANDS, labels=names, include_lowest=True)
        wide = self.rows["ratio"] <= stretched(self.rows["beyond"].to_numpy(), self.growth)
        rows = self.rows.assign(widened=wide).groupby(band, observed=True)
        return pd.DataFrame(
            {
                "predictions": rows.size(),
                "coverage": rows["inside"].mean(),
                "widened": rows["widened"].mean(),
                "width": rows["width"].median(),
            }
        ).rename_axis("times beyond")

    @property
    def notes(self) -> tuple[Note, ...]:
        """On what these figures cannot be relied on for."""
        found = []
        if not self.trusted:
            text = "the fit to some of the smaller runs cannot be trusted"
            found.append(Note("untrusted_origin", "warning", text, "Give tighter priors"))
        if self.left_out:
            text = f"origins left out: {'; '.join(self.left_out)}"
            found.append(Note("left_out", "warning", text))
        if self.growth > 0:
            text = f"{self.statement}. Beyond the runs, intervals of this fit are too narrow"
            remedy = "Predict with rolling_origin(...).predict, which widens them"
            found.append(Note("rolling_origin", "warning", text, remedy))
        return tuple(found)

    @property
    def coverage(self) -> float:
        """Share of runs inside their intervals, each origin counting alike."""
        return float(self.rows.groupby("origin")["inside"].mean().mean())

    @property
    def statement(self) -> str:
        """One sentence."""
        origins = self.rows["origin"].nunique()
        head = (
            f"from {origins} origins inside the table, {self.coverage:.2f} of "
            f"{100 * self.probability:g}% intervals on larger runs (up to "
            f"{self.rows['beyond'].max():.3g} times in {self.over}) held"
        )
        if self.growth == 0:
            return f"{head}: they need not be wider"
        return (
            f"{head}; to hold {self.probability:.2f} they have to grow by {self.growth:.2g} of "
            "their width with every doubling beyond the runs"
        )

    def predict(
        self, new: Runs | pd.DataFrame | Mapping[str, Any], *, seed: int = 0
    ) -> pd.DataFrame:
        """Predict what would be measured, with intervals as wide as the table's own past asks for.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of the law.
        seed : int
            For the scatter of observations.

        Returns
        -------
        pandas.DataFrame
            As ``Posterior.predict`` at level ``observation``; ``low`` and ``high`` are further from
            the median by the factor ``widened``, on the logarithm.

        Raises
        ------
        RequestError
            If a variable is missing.
        TableError
            If a value is outside the domain of its variable.
        """
        at = self.posterior.configurations(new)
        expression = parse_expression(self.over)
        lacking = sorted(expression.names - set(at.table.columns))
        if lacking:
            raise RequestError(
                f"the runs were ordered by {self.over}, and these have no {', '.join(lacking)}",
                place="predict",
                remedy="Order by variables of the law: rolling_origin(..., over=...)",
            )
        found = self.posterior.predict(
            new, level="observation", ci_prob=self.probability, seed=seed
        )
        beyond = values_of(at, expression) / self.largest
        factor = stretched(beyond, self.growth)
        for end in ("low", "high"):
            found[end] = found["median"] * (found[end] / found["median"]) ** factor
        return found.assign(widened=factor)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data.

        Returns
        -------
        dict
            All figures; tables as lists of rows.
        """
        return {
            "over": self.over,
            "largest": self.largest,
            "growth": self.growth,
            "coverage": self.coverage,
            "probability": self.probability,
            "trusted": self.trusted,
            "by_distance": self.table.reset_index()
            .astype({"times beyond": str})
            .to_dict("records"),
            "rows": self.rows.to_dict("records"),
            "statement": self.statement,
            "notes": [note.to_dict() for note in self.notes],
        }


def stretched(beyond: np.ndarray, growth: float) -> np.ndarray:
    """By how much intervals are widened."""
    doublings = np.log2(np.maximum(beyond, 1.0))
    return np.where(beyond > 1, 1.0 + growth * np.maximum(doublings, _NEAREST), 1.0)


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
        What orders the runs: an expression over the table's variables; their compute unless given.
    origins : int
        How many, evenly spaced among the levels from a third of the runs on; fewer in small tables.
    ci_prob : float
        Probability of the intervals.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    RollingOrigin
        Coverage by distance, and by how much intervals have to grow with it. A table whose own
        larger runs are well predicted may be wrong further out all the same: this is what can be
        known of it.

    Raises
    ------
    RequestError
        If nothing orders the runs, or they are too few for a single origin.
    """
    import pandas as pd

    whole(origins, "origins", place=_PLACE, least=1)
    runs, law = posterior.runs, posterior.law
    expression = ordering(runs, over)
    if expression is None:
        raise RequestError(
            "nothing orders these runs by size: neither compute, parameters nor tokens vary",
            place=_PLACE,
            remedy='Name it: over="6*N*D"',
        )
    level, values = levels(runs, expression), values_of(runs, expression)
    starts = _origins(level, len(law.parameters), origins)
    if not starts:
        raise RequestError(
            f"{len(runs)} runs at {level.max() + 1} levels of {expression.text} leave no origin "
            f"with {_least(len(law.parameters))} runs below it and {LEAST_HELD_OUT} above",
            place=_PLACE,
            remedy="Give more runs, or another order (over=)",
        )
    if posterior.grouped:
        raise RequestError(
            "coefficients vary by group, and larger runs may be of groups without smaller ones",
            place=_PLACE,
            remedy="Fit without pool=",
        )
    parts, trusted, left_out = [], True, list[str]()
    for start in starts:
        held = level > start
        training = runs.select(~held)
        reference = training_reference(training, law, posterior.reference.loss)
        try:
            (fitted,) = refit(posterior, [training], reference=reference, progress=progress)
        except RequestError as error:
            # Such as a discrepancy by groups of which the smaller runs are only one.
            left_out.append(f"{values[~held].max():.3g} ({error.problem})")
            continue
        trusted &= fitted.trusted
        found = score(
            fitted,
            runs.select(held),
            probability=ci_prob,
            seed=posterior.info.settings.seed,
        )
        side = np.where(found.error > 0, found.high - found.median, found.median - found.low)
        parts.append(
            pd.DataFrame(
                {
                    "origin": values[~held].max(),
                    "trained_on": len(training),
                    "row": runs.table.index[held],
                    "beyond": values[held] / values[~held].max(),
                    "error": found.error,
                    "ratio": np.abs(found.error) / side,
                    "width": found.high - found.low,
                    "inside": found.inside,
                }
            )
        )
    if not parts:
        raise RequestError(
            f"no origin can be fitted: {'; '.join(left_out)}",
            place=_PLACE,
            remedy="Fit without a discrepancy",
        )
    rows = pd.concat(parts, ignore_index=True)
    return RollingOrigin(
        posterior=posterior,
        over=expression.text,
        largest=float(values.max()),
        rows=rows,
        growth=_growth(rows, ci_prob),
        probability=ci_prob,
        trusted=trusted,
        left_out=tuple(left_out),
    )


def _least(parameters: int) -> int:
    return max(LEAST_TRAINING, parameters + 2)


def _origins(level: np.ndarray, parameters: int, most: int) -> list[int]:
    """Levels to end a fit at, from a third of the runs on."""
    enough = max(_least(parameters), len(level) / 3)
    usable = [
        top
        for top in range(int(level.max()))
        if (level <= top).sum() >= enough and (level > top).sum() >= LEAST_HELD_OUT
    ]
    if len(usable) <= most:
        return usable
    return [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, most).astype(int))]


def _growth(rows: pd.DataFrame, probability: float) -> float:
    """The growth at which the probability of the rows lies inside, each origin counting alike."""
    doublings = np.maximum(np.log2(rows["beyond"].to_numpy()), _NEAREST)
    needed = (rows["ratio"].to_numpy() - 1.0) / doublings
    weight = (1.0 / rows.groupby("origin")["origin"].transform("size")).to_numpy()
    order = np.argsort(needed)
    share = np.cumsum(weight[order]) / weight.sum()
    at = order[min(int(np.searchsorted(share, probability)), len(order) - 1)]
    return max(float(needed[at]), 0.0)
