"""``nested``: does a table need part of a law? The law beside itself under a constraint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.compare import compare
from bayeslaw.comparison.extrapolation import CUTS
from bayeslaw.comparison.folds import groups_of
from bayeslaw.comparison.loo import standard_error
from bayeslaw.comparison.result import DISTINGUISHED, Comparison, Leave, reading
from bayeslaw.errors import RequestError
from bayeslaw.formula import parse_expression
from bayeslaw.intervals import INTERVAL, interval
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.notes import Note
from bayeslaw.posterior import Posterior
from bayeslaw.runs import Reference, Runs

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "nested, constraint"
# An interval of the posterior that is more than this share of the prior's has learnt little.
_HARDLY = 0.8
# What the reading of the law that is behind says of the law under the constraint.
_AHEAD = {"worse": "better", "perhaps worse": "perhaps better"}


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
        """All but the draws, as plain data.

        Returns
        -------
        dict
            The numbers.
        """
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
        A row a ``cut``: how many runs were ``held_out``, the ``difference`` summed over them, and
        how far ``beyond`` the others they lie; empty without cuts.
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


def nested(
    runs: Runs,
    law: str | Path | Law,
    constraint: str | Sequence[str],
    *,
    noise: str = "student_t",
    reference: Reference | None = None,
    leave: Leave | None = None,
    over: str | None = None,
    cuts: Sequence[float] = CUTS,
    force: bool = False,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    interval_probability: float = INTERVAL,
    progress: bool | None = None,
) -> Nested:
    """Ask whether a table needs part of a law.

    Fits the law and the same law under a constraint, with the same runs, noise, loss scale and
    reference, and compares how they predict what they have not seen.

    Parameters
    ----------
    runs : Runs
        The table, with the variables of the law.
    law : str, Path or Law
        The law.
    constraint : str or sequence of str
        What is asked: ``"k = 0"``, ``"alpha = beta"``, ``"m = n = 0"`` (each of them zero), or
        several, which then hold together. Each is as ``Law.constrain`` takes it.
    noise, reference, leave, over, cuts, force, seed, chains, draws, warmup, interval_probability, \
progress
        As for ``compare``.

    Returns
    -------
    Nested
        The answer, which may be that this table cannot say: differences below 4 nats, or parameters
        that the runs do not inform.

    Raises
    ------
    RequestError
        If the constraint cannot be read or names what is no parameter.
    TableError
        If the table lacks what the law needs.
    PosteriorError
        If a fit cannot be trusted.
    """
    free = load_law(law)
    asked, parts = _parts(constraint)
    tied = free.constrain(*parts)
    comparison = compare(
        runs,
        {free.name: free, tied.name: tied},
        noise=noise,
        reference=reference,
        leave=leave,
        over=over,
        cuts=cuts,
        force=force,
        seed=seed,
        chains=chains,
        draws=draws,
        warmup=warmup,
        interval_probability=interval_probability,
        progress=progress,
    )
    posterior = comparison.posteriors[free.name]
    restricted = dict(_restricted(posterior, part, interval_probability) for part in parts)
    each = comparison.pointwise[tied.name] - comparison.pointwise[free.name]
    groups = groups_of(posterior.runs) if comparison.leave == "group" else np.arange(len(each))
    difference, error = float(each.sum()), standard_error(each, groups)
    reads = reading(-abs(difference), error)
    reads = _AHEAD.get(reads, reads) if difference > 0 else reads
    beyond = _beyond(comparison, free.name, tied.name)
    return Nested(
        law=free.name,
        constraint=asked,
        answer=_sentence(asked, reads, difference, error, comparison, restricted, beyond),
        reading=reads,
        difference=difference,
        error=error,
        extrapolation=beyond,
        restricted=restricted,
        comparison=comparison,
        notes=(*comparison.notes, *_remarks(restricted)),
    )


def _parts(constraint: str | Sequence[str]) -> tuple[str, list[str]]:
    """What is asked as one text, and constraints of one parameter each."""
    given = [constraint] if isinstance(constraint, str) else list(constraint)
    if not all(isinstance(text, str) for text in given):
        raise RequestError(
            f"{constraint!r} is no constraint", place=_PLACE, remedy='Such as "k = 0"'
        )
    parts = []
    for text in given:
        *names, right = (part.strip() for part in text.split("="))
        # Two signs next to each other are no chain; Law.constrain says what is wrong with them.
        chain = len(names) > 1 and all(names)
        parts += [f"{name} = {right}" for name in names] if chain else [text.strip()]
    return ", ".join(text.strip() for text in given), parts


def _restricted(posterior: Posterior, part: str, probability: float) -> tuple[str, Restricted]:
    """What one constraint fixes: the parameter, or its distance from what it is tied to."""
    name, _, right = (text.strip() for text in part.partition("="))
    expression = parse_expression(right, place=_PLACE)
    if expression.names:
        label = f"{name} - {right}" if right.isidentifier() else f"{name} - ({right})"
        value = 0.0
    else:
        label, value = name, float(expression({}))

    def of(source: Mapping[str, np.ndarray]) -> np.ndarray:
        own = np.asarray(source[name])
        return own - np.asarray(expression(source)) if expression.names else own

    draws, prior = of(posterior.coefficients()), of(posterior.prior)
    ends, before = interval(draws, probability), interval(prior, probability)
    by = [posterior.informed_by(one) for one in (name, *sorted(expression.names))]
    least = next((what for what in ("prior only", "combination") if what in by), "runs")
    return label, Restricted(
        value=value,
        median=float(ends.median),
        low=float(ends.low),
        high=float(ends.high),
        prior_low=float(before.low),
        prior_high=float(before.high),
        above=float(np.mean(draws > value)),
        informed_by=least,
        draws=draws,
        prior=prior,
    )


def _beyond(comparison: Comparison, free: str, tied: str) -> pd.DataFrame:
    """Differences over the larger runs, a row a cut."""
    import pandas as pd

    if not len(comparison.extrapolation):
        return pd.DataFrame(columns=["cut", "held_out", "difference", "beyond"])
    rows = comparison.extrapolation[comparison.extrapolation["law"] == free]
    pairs = zip(comparison.held_out[free], comparison.held_out[tied], strict=True)
    differences = [float((other - own).sum()) for own, other in pairs]
    kept = rows[["cut", "held_out", "beyond"]].reset_index(drop=True)
    kept.insert(2, "difference", differences)
    return kept


def _sentence(
    asked: str,
    reads: str,
    difference: float,
    error: float,
    comparison: Comparison,
    restricted: Mapping[str, Restricted],
    beyond: pd.DataFrame,
) -> str:
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


def _remarks(restricted: Mapping[str, Restricted]) -> list[Note]:
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
