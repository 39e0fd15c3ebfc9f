"""``average_laws``: a mixture of posteriors, so that intervals include model uncertainty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from bayeslaw.core.calls import public
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note, of_several, verdict
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import (
    Level,
    given_configurations,
    predictive,
    read_configurations,
)
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import extrapolation_factor

OnMissing = Literal["error", "drop"]


@dataclass(frozen=True, eq=False)
class Mixture(Displayed):
    """Posteriors with weights.

    Attributes
    ----------
    posteriors : tuple of Posterior
        Of laws that predict the same quantity.
    weights : ndarray of shape (posteriors,)
        They sum to one.
    on_missing : {"error", "drop"}
        If a law lacks a requested variable: reject the request, or drop the law from that result
        and renormalise the other weights.
    """

    posteriors: tuple[Posterior, ...]
    weights: np.ndarray = field(repr=False)
    on_missing: OnMissing = "error"

    def __repr__(self) -> str:
        """Laws and weights, briefly."""
        laws = ", ".join(
            f"{weight:.3g} {posterior.law.name}"
            for posterior, weight in zip(self.posteriors, self.weights, strict=True)
        )
        return f"Mixture({laws})"

    @property
    def summary(self) -> str:
        """Laws, weights and whether every fit is trusted, in plain sentences."""
        shares = _shares(self.posteriors, self.weights)
        bad = ", ".join(part.law.name for part in self.posteriors if not part.trusted)
        trust = verdict([f"errors of {bad}"] if bad else [])
        return f"A mixture of {len(self.posteriors)} laws: {shares}. {trust}"

    def to_frame(self) -> pd.DataFrame:
        """The laws.

        Returns
        -------
        pandas.DataFrame
            A row a ``law``: its ``weight``, the number of ``runs`` and the ``method`` of its fit.
        """
        rows = [
            (posterior.law.name, float(weight), len(posterior.runs), posterior.info.method)
            for posterior, weight in zip(self.posteriors, self.weights, strict=True)
        ]
        return pd.DataFrame(rows, columns=["law", "weight", "runs", "method"]).set_index("law")

    def to_dict(self) -> dict[str, Any]:
        """The mixture as plain data.

        Returns
        -------
        dict
            ``summary``, ``laws`` (rows of ``to_frame``), ``on_missing`` and ``notes``.
        """
        return {
            "summary": self.summary,
            "laws": self.to_frame().reset_index().to_dict("records"),
            "on_missing": self.on_missing,
            "notes": [note.to_dict() for note in self.notes],
        }

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """Notes of every fit, and one on the weights."""
        return mixture_notes(self.posteriors, self.weights)

    @public
    def predict(
        self,
        new: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
        *,
        level: Level = "law",
        ci_prob: float = INTERVAL,
        seed: int = 0,
        **variables: Any,
    ) -> pd.DataFrame:
        """Predict configurations, with intervals that include model uncertainty.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of every law.
        level, ci_prob, seed, **variables
            As for ``Posterior.predict``.

        Returns
        -------
        pandas.DataFrame
            As of ``Posterior.predict``.

        Raises
        ------
        RequestError
            If the configurations lack a variable of a law.
        """
        new = given_configurations(new, variables)
        known = [name for part in self.posteriors for name in part.law.variables]
        check_names(variables, known, "no law has a variable {!r}", place="predict")
        tables = [read_configurations(new, posterior.law) for posterior in self.posteriors]
        draws, factors, furthest_in = [], [], []
        for posterior, table in zip(self.posteriors, tables, strict=True):
            model, at = posterior.model, table.columns(posterior.law.variables)
            blocks = list(predictive(model, model.columns(table), level=level, seed=seed))
            draws.append(np.concatenate(blocks, axis=1) if blocks else np.empty((1, 0)))
            factor, variable = extrapolation_factor(posterior.runs, at)
            factors.append(factor)
            furthest_in.append(variable)
        ends = interval(mixture_draws(draws, self.weights), ci_prob)
        furthest = np.argmax(factors, axis=0)[None, :]
        return pd.DataFrame(
            {
                "median": ends.median,
                "low": ends.low,
                "high": ends.high,
                "extrapolation_factor": np.take_along_axis(np.array(factors), furthest, 0)[0],
                "variable": np.take_along_axis(np.array(furthest_in), furthest, 0)[0],
            },
            index=tables[0].table.index,
        )


@public
def average_laws(
    posteriors: Sequence[Posterior] | Mapping[str, Posterior],
    weights: Sequence[float] | Mapping[str, float] | None = None,
    *,
    on_missing: OnMissing = "error",
) -> Mixture:
    """Combine several posteriors into one mixture.

    Parameters
    ----------
    posteriors : sequence or mapping of Posterior
        Of laws that predict the same quantity, as a comparison returns them.
    weights : sequence or mapping of float, optional
        In the same order, or under the same names; equal unless given. They need not sum to one.
    on_missing : {"error", "drop"}
        If a law lacks a requested variable: reject the request, or drop the law from it.

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
    named = isinstance(posteriors, Mapping)
    parts = tuple(posteriors.values() if isinstance(posteriors, Mapping) else posteriors)
    if weights is None:
        weights = [1.0] * len(parts)
    given: tuple[object, ...] = tuple(weights.values() if isinstance(weights, Mapping) else weights)
    checked: tuple[tuple[Iterable[object], type, str], ...]
    checked = (parts, Posterior, "posteriors"), (given, Real, "weights")
    for items, kind, what in checked:
        if wrong := [item for item in items if not isinstance(item, kind)]:
            problem = f"{wrong[0]!r} among the {what}"
            raise RequestError(problem, place="average_laws", remedy=f"Give {what} alone")
    names: list[Any] = list(posteriors) if named else [posterior.law.name for posterior in parts]
    problem = remedy = ""
    if len(parts) < 2:
        problem, remedy = f"{len(parts)} posterior to average", "Give two or more"
    if isinstance(weights, Mapping):
        if not problem and (set(names) != set(weights) or len(set(names)) < len(names)):
            problem = f"weights of {', '.join(sorted(weights))} for posteriors {', '.join(names)}"
            remedy = "Give one weight for each, in their order"
        weights = [weights.get(name, np.nan) for name in names]
    values = np.array(list(weights), dtype=float)
    predicted = {(part.law.predicts, part.law.optimum.sense) for part in parts}
    if not problem:
        if len(values) != len(parts):
            problem = f"{len(values)} weights for {len(parts)} posteriors"
            remedy = "Give one for each"
        elif not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
            problem = f"weights {', '.join(f'{value:g}' for value in values)}"
            remedy = "Give numbers that are not negative, and not all zero"
        elif len(predicted) > 1:
            problem = "the laws predict " + " and ".join(sorted({name for name, _ in predicted}))
            remedy = "Average laws of one quantity"
    if problem:
        raise RequestError(problem, place="average_laws", remedy=remedy)
    kept = np.flatnonzero(values)
    return Mixture(tuple(parts[i] for i in kept), values[kept] / values.sum(), on_missing)


def mixture_draws(parts: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Draws of several posteriors as draws of their mixture."""
    total = sum(len(part) for part in parts)
    # Rounded cumulatively: counts sum to the total.
    ends = np.round(np.cumsum(weights) * total).astype(int)
    counts = np.diff(ends, prepend=0)
    chosen = [
        part[(np.arange(count) * len(part)) // max(count, 1)]
        for part, count in zip(parts, counts, strict=True)
    ]
    return np.concatenate(chosen)


def mixture_notes(posteriors: Sequence[Posterior], weights: np.ndarray) -> tuple[Note, ...]:
    """Notes of several posteriors, each finding once, after one on their weights."""
    every = of_several([(posterior.law.name, posterior.notes) for posterior in posteriors])
    return (weighted(posteriors, weights), *every)


def weighted(posteriors: Sequence[Posterior], weights: np.ndarray) -> Note:
    """Note on the weights of laws."""
    return Note("mixture", "info", f"a mixture of laws: {_shares(posteriors, weights)}")


def _shares(posteriors: Sequence[Posterior], weights: np.ndarray) -> str:
    return ", ".join(
        f"{100 * weight:.3g}% {posterior.law.name}"
        for posterior, weight in zip(posteriors, weights, strict=True)
    )
