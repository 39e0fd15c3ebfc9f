"""``posterior_predictive_check``: whether a fit predicts its own runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.extrapolation import ordering, values_of
from bayeslaw.comparison.scores import score
from bayeslaw.core.errors import RequestError, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: What orders the runs where the table cannot tell their compute.
FITTED = "fitted value"
# A part of fewer runs says nothing by itself.
_LEAST = 5


@dataclass(frozen=True)
class PosteriorPredictiveCheck:
    """How many of its own runs a posterior leaves outside their predictive intervals.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a part, from the smallest runs to the largest: where it starts and ends (``low``,
        ``high``), its number of ``runs``, how many are ``outside``, their ``share``, and between
        which numbers (``few``, ``many``) chance by itself would leave.
    over : str
        What orders the runs: an expression over the table's variables, or "fitted value".
    share : float
        Share of all runs outside.
    probability : float
        Of the predictive intervals, and of chance staying between ``few`` and ``many`` in all
        parts together.
    statement : str
        All of it in one sentence.
    """

    table: pd.DataFrame = field(repr=False)
    over: str
    share: float
    probability: float
    statement: str

    def to_dict(self) -> dict[str, Any]:
        """The check as plain data.

        Returns
        -------
        dict
            All fields; the table as a list of rows.
        """
        return {
            "parts": self.table.to_dict("records"),
            "over": self.over,
            "share": self.share,
            "probability": self.probability,
            "statement": self.statement,
        }


def posterior_predictive_check(
    posterior: Posterior,
    *,
    over: str | None = None,
    parts: int = 10,
    ci_prob: float = INTERVAL,
    seed: int = 0,
) -> PosteriorPredictiveCheck:
    """Count the fitted runs outside their predictive intervals, from the smallest to the largest.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    over : str, optional
        What orders the runs: an expression over the table's variables; their compute unless given,
        and the fitted value where the table cannot tell it.
    parts : int
        Number of parts of about the same size; fewer where they would hold less than five runs.
    ci_prob : float
        Probability of the intervals of what would be measured.
    seed : int
        For the scatter of observations.

    Returns
    -------
    PosteriorPredictiveCheck
        A row a part. The posterior has seen these runs, so that of new ones more may lie outside:
        a part with too many says that the law misses something there, one with the expected number
        proves little. What chance does is binomial, as if the runs erred independently.

    Raises
    ------
    RequestError
        If the table lacks a variable of ``over``, or ``parts`` is no positive whole number.
    """
    import pandas as pd
    from scipy.stats import binom

    whole(parts, "parts", place="posterior_predictive_check", least=1)
    whole(seed, "seed", place="posterior_predictive_check")
    runs, probability = posterior.runs, ci_prob
    if not len(runs):
        raise RequestError("no runs", place="posterior_predictive_check", remedy="Fit to some")
    found = score(posterior, runs, probability=probability, seed=seed)
    expression = ordering(runs, over)
    values = np.exp(found.median) if expression is None else values_of(runs, expression)
    outside = ~found.inside
    order = np.argsort(values, kind="stable")
    pieces = np.array_split(order, max(1, min(parts, len(runs) // _LEAST)))
    rows = []
    # Among ten parts one would stand out by chance, were each held to the probability by itself.
    for part in pieces:
        few, many = binom.interval(1 - (1 - probability) / len(pieces), len(part), 1 - probability)
        count = int(outside[part].sum())
        rows.append(
            {
                "low": float(values[part].min()),
                "high": float(values[part].max()),
                "runs": len(part),
                "outside": count,
                "share": count / len(part),
                "few": int(few),
                "many": int(many),
            }
        )
    table = pd.DataFrame(rows)
    named = FITTED if expression is None else expression.text
    return PosteriorPredictiveCheck(
        table=table,
        over=named,
        share=float(outside.mean()),
        probability=probability,
        statement=_statement(table, named, probability),
    )


def _statement(table: pd.DataFrame, over: str, probability: float) -> str:
    outside, runs = int(table["outside"].sum()), int(table["runs"].sum())
    said = (
        f"{outside} of {runs} runs lie outside their {100 * probability:g}% predictive intervals, "
        f"where about {(1 - probability) * runs:.3g} were expected"
    )
    many = table[table["outside"] > table["many"]]
    if len(table) == 1:
        return said
    if not len(many):
        return f"{said}; no part of {len(table)} by {over} has more than chance allows"
    worst = many.loc[many["share"].idxmax()]
    return (
        f"{said}; {len(many)} of {len(table)} parts by {over} have more than chance allows, most "
        f"({worst['outside']:.0f} of {worst['runs']:.0f}) from {worst['low']:.3g} to "
        f"{worst['high']:.3g}"
    )
