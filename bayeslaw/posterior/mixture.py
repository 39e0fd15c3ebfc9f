"""``mix``: several posteriors that answer like one, so that law uncertainty is in the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note
from bayeslaw.posterior.posterior import Level, Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import extrapolation_factor

if TYPE_CHECKING:
    import pandas as pd

OnMissing = Literal["error", "drop"]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Posteriors with weights.

    Attributes
    ----------
    posteriors : tuple of Posterior
        Of laws that predict the same quantity.
    weights : ndarray of shape (posteriors,)
        They sum to one.
    on_missing : {"error", "drop"}
        What happens to a law that lacks a requested variable: the request is refused, or the law is
        dropped from that answer and the other weights are renormalised.
    """

    posteriors: tuple[Posterior, ...]
    weights: np.ndarray = field(repr=False)
    on_missing: OnMissing = "error"

    def __repr__(self) -> str:
        """Laws and weights, briefly."""
        said = ", ".join(
            f"{weight:.3g} {posterior.law.name}"
            for posterior, weight in zip(self.posteriors, self.weights, strict=True)
        )
        return f"Mixture({said})"

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What fitting each law had to say, and how they are weighted."""
        return joined(self.posteriors, self.weights)

    def predict(
        self,
        new: Runs | pd.DataFrame | Mapping[str, Any],
        *,
        level: Level = "law",
        ci_prob: float = INTERVAL,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Predict configurations, with intervals that hold the uncertainty about the law.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of every law.
        level : {"law", "run", "observation"}
            As in ``Posterior.predict``.
        ci_prob : float
            Probability of the equal-tailed intervals.
        seed : int
            For the scatter of runs and observations.

        Returns
        -------
        pandas.DataFrame
            As ``Posterior.predict`` gives it.

        Raises
        ------
        RequestError
            If the configurations lack a variable of a law.
        """
        import pandas as pd

        tables = [posterior.configurations(new) for posterior in self.posteriors]
        draws, far = [], []
        for posterior, table in zip(self.posteriors, tables, strict=True):
            blocks = list(posterior.predictive(posterior.columns(table), level=level, seed=seed))
            draws.append(np.concatenate(blocks, axis=1) if blocks else np.empty((1, 0)))
            far.append(extrapolation_factor(posterior.runs, table.columns(posterior.law.variables)))
        ends = interval(blended(draws, self.weights), ci_prob)
        furthest = np.argmax([times for times, _ in far], axis=0)
        rows = np.arange(len(furthest))
        return pd.DataFrame(
            {
                "median": ends.median,
                "low": ends.low,
                "high": ends.high,
                "beyond": np.array([times for times, _ in far])[furthest, rows],
                "variable": np.array([names for _, names in far])[furthest, rows],
            },
            index=tables[0].table.index,
        )


def average_laws(
    posteriors: Sequence[Posterior] | Mapping[str, Posterior],
    weights: Sequence[float] | Mapping[str, float] | None = None,
    *,
    on_missing: OnMissing = "error",
) -> Mixture:
    """Let several posteriors answer like one.

    Parameters
    ----------
    posteriors : sequence or mapping of Posterior
        Of laws that predict the same quantity, as a comparison returns them.
    weights : sequence or mapping of float, optional
        In the same order, or under the same names; equal unless given. They need not sum to one.
    on_missing : {"error", "drop"}
        Whether a law that lacks a requested variable makes the request fail or is dropped from it.

    Returns
    -------
    Mixture
        For ``optimum``, ``frontier``, ``cheapest`` and ``decide``, and with ``predict``.

    Raises
    ------
    RequestError
        If there are fewer than two, if weights are missing, negative or all zero, or if the laws
        predict different quantities.
    """
    if isinstance(posteriors, Mapping):
        names, found = list(posteriors), tuple(posteriors.values())
    else:
        found = tuple(posteriors)
        names = [posterior.law.name for posterior in found]
    if len(found) < 2:
        raise RequestError(
            f"{len(found)} posterior to be mixed", place="average_laws", remedy="Give two or more"
        )
    if weights is None:
        weights = [1.0] * len(found)
    if isinstance(weights, Mapping):
        odd = sorted(set(names) ^ set(weights))
        if odd or len(set(names)) < len(names):
            raise RequestError(
                f"weights of {', '.join(sorted(weights))} for posteriors {', '.join(names)}",
                place="average_laws",
                remedy="Give one weight for each, in their order",
            )
        weights = [weights[name] for name in names]
    values = np.array(list(weights), dtype=float)
    if len(values) != len(found):
        raise RequestError(
            f"{len(values)} weights for {len(found)} posteriors",
            place="average_laws",
            remedy="Give one for each",
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise RequestError(
            f"weights {', '.join(f'{value:g}' for value in values)}",
            place="average_laws",
            remedy="Give numbers that are not negative, and not all zero",
        )
    said = {(p.law.predicts, p.law.optimum.sense) for p in found}
    if len(said) > 1:
        raise RequestError(
            "the laws predict " + " and ".join(sorted({predicts for predicts, _ in said})),
            place="average_laws",
            remedy="Mix laws of one quantity",
        )
    # What has no weight says nothing.
    kept = values > 0
    posteriors_kept = tuple(p for p, keep in zip(found, kept, strict=True) if keep)
    return Mixture(posteriors_kept, values[kept] / values.sum(), on_missing)


def blended(parts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Draws of several posteriors as draws of their mixture."""
    total = sum(len(part) for part in parts)
    # Rounded so that they sum to the total.
    ends = np.round(np.cumsum(weights) * total).astype(int)
    counts = np.diff(ends, prepend=0)
    chosen = [
        part[(np.arange(count) * len(part)) // max(count, 1)]
        for part, count in zip(parts, counts, strict=True)
    ]
    return np.concatenate(chosen)


def joined(
    posteriors: Sequence[Posterior], weights: np.ndarray, more: Sequence[Note] = ()
) -> tuple[Note, ...]:
    """Notes of several posteriors, each once, and one on their weights."""
    said = ", ".join(
        f"{100 * weight:.3g}% {posterior.law.name}"
        for posterior, weight in zip(posteriors, weights, strict=True)
    )
    own = Note("mixture", "info", f"a mixture of laws: {said}")
    every = [note for posterior in posteriors for note in posterior.notes]
    return tuple(dict.fromkeys([own, *every, *more]))
