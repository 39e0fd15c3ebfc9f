"""What a constraint fixes, as the free law's posterior and prior have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from bayeslaw.core.intervals import interval
from bayeslaw.core.notes import Note
from bayeslaw.formula import parse_expression
from bayeslaw.posterior.posterior import Posterior

# A posterior interval wider than this share of the prior's has learnt little.
_HARDLY = 0.8


@dataclass(frozen=True)
class Restricted:
    """What a constraint fixes, as the free law's posterior has it.

    Attributes
    ----------
    value, above : float
        The value under the constraint, and the posterior probability of more.
    median, low, high, prior_low, prior_high : float
        Posterior median and interval, and interval of the prior.
    informed_by : str
        What informs it: ``runs``, ``combination`` or ``prior only``, as in ``Posterior.to_frame``.
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
    """What ``name = expression`` fixes: the parameter, or its difference to the expression."""
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
    """Priors that exclude the constraint, and parameters that the runs hardly narrow."""
    for name, each in restricted.items():
        if each.prior.min() > each.value or each.prior.max() < each.value:
            side = "above" if each.prior.min() > each.value else "below"
            message = (
                f"the prior keeps {name} {side} {each.value:g}, so that its posterior cannot reach "
                "the constraint: predictions alone decide"
            )
            remedy = "Look at the size of its effect, or choose a prior that reaches the constraint"
            yield Note("prior_excludes", "info", message, remedy)
        if each.informed_by != "prior only" and each.width > _HARDLY:
            wide = f"{each.width:.0%} as wide as the prior's"
            message = f"the runs hardly narrow {name}: its interval is {wide}"
            remedy = "Run configurations that it changes most, or use a larger table"
            yield Note("hardly_narrowed", "warning", message, remedy)
