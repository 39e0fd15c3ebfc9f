"""What is said of a law beside itself under a constraint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.result import DISTINGUISHED, Comparison
from bayeslaw.core.notes import Note

if TYPE_CHECKING:
    import pandas as pd

# An interval of the posterior that is more than this share of the prior's has learnt little.
_HARDLY = 0.8


@dataclass(frozen=True)
class Restricted:
    """What a constraint fixes, as the free law's posterior has it.

    Attributes
    ----------
    value : float
        What the constraint makes of it.
    median, low, high : float
        Posterior median and interval.
    prior_low, prior_high : float
        Interval of the prior.
    above : float
        Probability that it is above ``value``.
    informed_by : str
        What informs it: ``runs``, ``combination`` or ``prior only``, as in ``Posterior.summary``.
    draws, prior : ndarray of shape (draws,)
        Of posterior and prior.
    """

    value: float
    median: float
    low: float
    high: float
    prior_low: float
    prior_high: float
    above: float
    informed_by: str
    draws: np.ndarray = field(repr=False)
    prior: np.ndarray = field(repr=False)

    @property
    def width(self) -> float:
        """Width of the posterior's interval as a share of the prior's."""
        return (self.high - self.low) / (self.prior_high - self.prior_low)

    def to_dict(self) -> dict[str, Any]:
        """All but the draws, as plain data."""
        kept = ("value", "median", "low", "high", "prior_low", "prior_high", "above", "informed_by")
        return {name: getattr(self, name) for name in kept}


@dataclass(frozen=True)
class Nested:
    """A law beside itself under a constraint.

    Differences are the constrained law's log predictive density of log loss less the free law's, in
    nats: below zero, the runs are predicted worse under the constraint.

    Attributes
    ----------
    law, constraint : str
        The law's name, and the constraint as it was given.
    answer : str
        The answer in one sentence.
    reading : str
        Of the constrained law, from what was left out: "not distinguished", "worse", "perhaps
        worse" (within two standard errors), "better" or "perhaps better".
    difference, error : float
        Summed over the runs left out, and its standard error.
    extrapolation : pandas.DataFrame
        A row a ``cut``: how many runs were ``held_out``, the ``difference`` summed over them with
        its standard ``error`` (too small: one fit predicts them all, so that they err together),
        and how far ``beyond`` the others they lie; empty without cuts.
    restricted : dict of str to Restricted
        What the constraint fixes, by name: a parameter, or the difference of a parameter and what
        it is tied to.
    comparison : Comparison
        The two laws side by side, with their posteriors and every run's density.
    notes : tuple of Note
        Those of the comparison, and what there is to say of the constraint.
    """

    law: str
    constraint: str
    answer: str
    reading: str
    difference: float
    error: float
    extrapolation: pd.DataFrame = field(repr=False)
    restricted: dict[str, Restricted] = field(repr=False)
    comparison: Comparison = field(repr=False)
    notes: tuple[Note, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data, without posteriors.

        Returns
        -------
        dict
            All fields but the comparison.
        """
        return {
            "law": self.law,
            "constraint": self.constraint,
            "answer": self.answer,
            "reading": self.reading,
            "difference": self.difference,
            "error": self.error,
            "extrapolation": self.extrapolation.to_dict("records"),
            "restricted": {name: one.to_dict() for name, one in self.restricted.items()},
            "leave": self.comparison.leave,
            "probability": self.comparison.probability,
            "notes": [note.to_dict() for note in self.notes],
        }


def sentence(
    asked: str,
    reads: str,
    difference: float,
    error: float,
    comparison: Comparison,
    restricted: Mapping[str, Restricted],
    beyond: pd.DataFrame,
) -> str:
    """The answer in one sentence."""
    left = f"{comparison.leave}s left out"
    by = f"{abs(difference):.2g} nats (standard error {error:.2g})"
    way = "worse" if difference < 0 else "better"
    unknown = [name for name, one in restricted.items() if one.informed_by != "runs"]
    if reads == "not distinguished":
        said = f"This table cannot say whether {asked}: "
        if unknown:
            alone = "itself" if len(unknown) == 1 else "themselves"
            said += f"its configurations do not inform {' and '.join(unknown)} by {alone}"
        else:
            said += f"{left} are predicted about as well under it, {way} by {by}"
    else:
        side = "against" if difference < 0 else "for"
        doubt = ", but few of them decide it" if reads.startswith("perhaps") else ""
        said = (
            f"These runs speak {side} {asked}{doubt}: {left} are predicted {way} under it by {by}"
        )
    return f"{said}{_further(beyond, reads)}."


def _further(beyond: pd.DataFrame, reads: str) -> str:
    """What the larger runs add."""
    if not len(beyond):
        return ""
    row = beyond.loc[beyond["difference"].abs().idxmax()]
    amount = float(row["difference"])
    if abs(amount) < DISTINGUISHED:
        return "" if reads == "not distinguished" else "; larger runs held out do not tell"
    way = "worse" if amount < 0 else "better"
    return f"; the {row['cut']} held out are predicted {way} under it by {abs(amount):.2g} nats"


def remarks(restricted: Mapping[str, Restricted]) -> list[Note]:
    """What there is to say of a constraint."""
    found = []
    for name, one in restricted.items():
        if one.prior.min() > one.value or one.prior.max() < one.value:
            side = "above" if one.prior.min() > one.value else "below"
            found.append(
                Note(
                    "prior_excludes",
                    "info",
                    f"the prior keeps {name} {side} {one.value:g}, so its posterior cannot reach "
                    "what the constraint says: predictions alone decide",
                    "Look at the size of its effect, or give it a prior that reaches there",
                )
            )
        if one.informed_by != "prior only" and one.width > _HARDLY:
            found.append(
                Note(
                    "hardly_narrowed",
                    "warning",
                    f"the runs hardly narrow {name}: its interval is {one.width:.0%} as wide as "
                    "the prior's",
                    "Run what it would change most, or ask the question of a larger table",
                )
            )
    return found
