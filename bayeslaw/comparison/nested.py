"""``nested``: does a table need part of a law? The law beside itself under a constraint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.compare import compare
from bayeslaw.comparison.constrained import Nested, Restricted, remarks, sentence
from bayeslaw.comparison.extrapolation import CUTS
from bayeslaw.comparison.folds import groups_of
from bayeslaw.comparison.loo import standard_error
from bayeslaw.comparison.result import Comparison, Leave, reading
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.formula import parse_expression
from bayeslaw.law import Law
from bayeslaw.law.constrain import one_by_one
from bayeslaw.law.library import law as load_law
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "nested, constraint"
# What the reading of the law that is behind says of the law under the constraint.
_AHEAD = {"worse": "better", "perhaps worse": "perhaps better"}


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
    ci_prob: float = INTERVAL,
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
    noise, reference, leave, over, cuts, force, seed, chains, draws, warmup, ci_prob, \
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
        ci_prob=ci_prob,
        progress=progress,
    )
    posterior = comparison.posteriors[free.name]
    restricted = dict(_restricted(posterior, part, ci_prob) for part in parts)
    each = comparison.pointwise[tied.name] - comparison.pointwise[free.name]
    groups = groups_of(posterior.runs) if comparison.leave == "group" else np.arange(len(each))
    difference, error = float(each.sum()), standard_error(each, groups)
    reads = reading(-abs(difference), error)
    reads = _AHEAD.get(reads, reads) if difference > 0 else reads
    beyond = _beyond(comparison, free.name, tied.name)
    return Nested(
        law=free.name,
        constraint=asked,
        answer=sentence(asked, reads, difference, error, comparison, restricted, beyond),
        reading=reads,
        difference=difference,
        error=error,
        extrapolation=beyond,
        restricted=restricted,
        comparison=comparison,
        notes=(*comparison.notes, *remarks(restricted)),
    )


def _parts(constraint: str | Sequence[str]) -> tuple[str, list[str]]:
    """What is asked as one text, and constraints of one parameter each."""
    given = [constraint] if isinstance(constraint, str) else list(constraint)
    if not all(isinstance(text, str) for text in given):
        raise RequestError(
            f"{constraint!r} is no constraint", place=_PLACE, remedy='Such as "k = 0"'
        )
    parts = [one for text in given for one in one_by_one(text)]
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
        return pd.DataFrame(columns=["cut", "held_out", "difference", "error", "beyond"])
    rows = comparison.extrapolation[comparison.extrapolation["law"] == free]
    pairs = zip(comparison.held_out[free], comparison.held_out[tied], strict=True)
    each = [other - own for own, other in pairs]
    errors = [standard_error(one, np.arange(len(one))) for one in each]
    kept = rows[["cut", "held_out", "beyond"]].reset_index(drop=True)
    kept.insert(2, "difference", [float(one.sum()) for one in each])
    kept.insert(3, "error", errors)
    return kept
