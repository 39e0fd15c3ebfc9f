"""`ReferenceRun`: the run and the loss that priors are stated at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.core.vocabulary import variable
from bayeslaw.runs.table import Runs


@dataclass(frozen=True)
class ReferenceRun:
    """Where priors are stated: a typical run and a scale of the predicted quantity.

    It belongs to the model, not to the fit: computed once from the full table and stored, so that
    folds, bootstraps and rival laws share it.

    Attributes
    ----------
    loss : float
        Geometric mean of the predicted quantity, to one significant digit.
    at : dict of str to float
        The reference run: the geometric mean of each variable, or the arithmetic mean of one that
        may be zero.
    """

    loss: float
    at: dict[str, float]

    @classmethod
    def of(
        cls, runs: Runs, names: Iterable[str], predicts: str = "loss", *, by: str | None = None
    ) -> ReferenceRun:
        """Compute the reference from a table.

        Parameters
        ----------
        runs : Runs
            The full table.
        names, predicts : iterable of str, str
            Variables that the model reads, and the predicted quantity.
        by : str, optional
            A column whose groups count alike, however many runs they have.

        Returns
        -------
        ReferenceRun
            The reference run and scale.

        Raises
        ------
        TableError
            If the table lacks one of them or has no rows.
        """
        names = list(names)
        runs.require([*names, predicts], purpose="the reference run")
        if not len(runs):
            problem = "no runs to take a reference run from"
            remedy = "Give at least one run"
            raise TableError(problem, place=runs.source, remedy=remedy)
        labels = None if by is None else runs.labels(by).to_numpy()
        at = {}
        for name in names:
            values = runs.column(name)
            straight = variable(name).includes_zero
            middle = _mean(values if straight else np.log(values), labels)
            at[name] = middle if straight else float(np.exp(middle))
        loss = np.exp(_mean(np.log(runs.column(predicts)), labels))
        return cls(loss=float(f"{loss:.0e}"), at=at)

    def to_dict(self) -> dict[str, Any]:
        """The reference as plain data.

        Returns ------- dict With the keys "loss" and "at".
        """
        return {"loss": self.loss, "at": dict(self.at)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReferenceRun:
        """The inverse of ``to_dict``.

        Parameters
        ----------
        data : mapping
            As ``to_dict`` gives it.

        Returns
        -------
        ReferenceRun
            The reference.

        Raises
        ------
        RequestError
            If a key is missing or a value is not a number.
        """
        try:
            at = {str(name): float(value) for name, value in data["at"].items()}
            loss = float(data["loss"])
            if not 0 < loss < math.inf:
                raise ValueError(f"loss = {loss}")
            return cls(loss=loss, at=at)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"not a reference run: {data!r} ({type(error).__name__}: {error})"
            remedy = 'Give {"loss": 2.0, "at": {"N": 1e9}}, as ReferenceRun.to_dict() does'
            raise RequestError(problem, place="ReferenceRun.from_dict", remedy=remedy) from error


def _mean(values: np.ndarray, labels: np.ndarray | None) -> float:
    """The mean, or the mean over groups of their means."""
    if labels is None:
        return float(values.mean())
    return float(np.mean([values[labels == label].mean() for label in dict.fromkeys(labels)]))
