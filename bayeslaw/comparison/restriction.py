"""Posterior and prior of constrained quantities under the free law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.core.notes import Note
from bayeslaw.formula import parse_expression
from bayeslaw.posterior.posterior import Posterior

# A posterior interval wider than this share of the prior's gives a note.
_HARDLY = 0.8


@dataclass(frozen=True)
class Restricted:
    """Posterior and prior of a constrained quantity under the free law.

    Attributes
    ----------
    value, above : float
        The value under the constraint, and the posterior probability of more.
    median, low, high, prior_low, prior_high : float
        Posterior median and interval, and interval of the prior.
    informed_by : str
        ``runs``, ``combination`` or ``prior only``, as in ``Posterior.to_frame``.
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
        return {each.name: getattr(self, each.name) for each in fields(self) if each.repr}


def restricted_by(
    posterior: Posterior, constraint: str, ci_prob: float, *, place: str
) -> tuple[str, Restricted]:
    """Label and posterior of the parameter, or of its difference to the expression."""
    name, _, right = (text.strip() for text in constraint.partition("="))
    expression = parse_expression(right, place=place)
    label, value = name, 0.0
    if expression.names:
        label = f"{name} - {right}" if right.isidentifier() else f"{name} - ({right})"
    else:
        value = float(expression({}))
    draws, prior = (
        np.asarray(source[name] - expression(source) if expression.names else source[name])
        for source in (posterior.coefficients(), posterior.prior)
    )
    ends, prior_ends = interval(draws, ci_prob), interval(prior, ci_prob)
    sources = [posterior.informed_by(each) for each in (name, *sorted(expression.names))]
    return label, Restricted(
        value=value,
        median=float(ends.median),
        low=float(ends.low),
        high=float(ends.high),
        prior_low=float(prior_ends.low),
        prior_high=float(prior_ends.high),
        above=float(np.mean(draws > value)),
        informed_by=next((s for s in ("prior only", "combination") if s in sources), "runs"),
        draws=draws,
        prior=prior,
    )


def restriction_notes(restricted: Mapping[str, Restricted]) -> Iterator[Note]:
    """Notes on priors that exclude the constraint, and on posteriors as wide as the prior."""
    for name, each in restricted.items():
        if each.prior.min() > each.value or each.prior.max() < each.value:
            side = "above" if each.prior.min() > each.value else "below"
            message = (
                f"the prior excludes {name} = {each.value:g} (its support is {side}): compare by "
                "ELPD, not by the posterior"
            )
            remedy = "Report the size of its effect, or state a prior that includes the constraint"
            yield Note("prior_excludes", "info", message, remedy)
        if each.informed_by != "prior only" and each.width > _HARDLY:
            wide = f"{each.width:.0%} as wide as the prior's"
            message = f"the runs constrain {name} weakly: its interval is {wide}"
            remedy = "Add configurations at which its effect is large, or use a larger table"
            yield Note("hardly_narrowed", "warning", message, remedy)
