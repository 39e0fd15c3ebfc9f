"""What a comparison says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayeslaw.core.notes import Note
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

Leave = Literal["run", "group"]

#: Laws whose expected log predictive densities differ by less are not distinguished (Sivula,
#: Magnusson and Vehtari 2020, arXiv:2008.10296).
DISTINGUISHED = 4.0


@dataclass(frozen=True)
class Comparison:
    """Laws in the order in which they predict runs that were left out.

    Densities are of log loss, summed over runs in nats unless stated.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a law, the best first: number of ``parameters``; ``elpd``, the log predictive density
        of the runs left out, and its standard error ``elpd_se``; the difference to the best
        ``elpd_diff`` with ``diff_se``, and what it ``reads``: "best", "not distinguished",
        "perhaps worse" (within two standard errors) or "worse"; ``p_loo``, the effective number of
        parameters; ``bad_k``, how many runs had too large a Pareto k and were fitted without;
        the stacking ``weight``. ``interpolation_elpd`` leaves single runs out where groups are the
        rule. ``extrapolation_...``: density, CRPS and root mean square error a run, coverage, each
        the mean over the cuts, and the stacking weight from the runs held out. With evidence:
        ``log_evidence`` and ``evidence_error``; ``log_bayes_factor`` to the highest evidence, with
        ``bayes_factor_error``, and, across laws that do not share their priors, its range
        ``bayes_factor_low`` to ``bayes_factor_high`` with all priors as they are, half and twice as
        wide. ``notes``, codes.
    posteriors : dict of str to Posterior
        The fits to all runs.
    pointwise : dict of str to ndarray of shape (runs,)
        Log predictive density of each run when it, or its group, was left out.
    pareto_k : dict of str to ndarray of shape (runs,)
        Of leaving single runs out.
    extrapolation : pandas.DataFrame
        A row for each ``law`` and ``cut``: how many runs it was ``trained_on`` and ``held_out``;
        the ``largest`` training value, and the median and largest factor by which the runs held
        out lie ``beyond`` it (``furthest``); mean ``elpd`` and ``crps`` with standard errors over
        the runs held out (``elpd_se``, ``crps_se``), ``rmse`` of log loss and ``coverage`` of the
        predictive interval; whether the fit is ``trusted``. Empty without cuts. Runs held out
        together err together, since one fit predicts them all, so that these standard errors are
        too small: they say how much the runs differ, not how another table would come out.
    held_out : dict of str to list of ndarray
        For each law and cut the log predictive density of the runs held out.
    leave : {"run", "group"}
        What was left out at a time.
    over : str
        What orders runs by size; empty without cuts.
    probability : float
        Of the predictive intervals.
    predicts : str
        The predicted quantity.
    notes : tuple of Note
        What there is to say of table, fits and comparison.
    """

    table: pd.DataFrame = field(repr=False)
    posteriors: dict[str, Posterior] = field(repr=False)
    pointwise: dict[str, np.ndarray] = field(repr=False)
    pareto_k: dict[str, np.ndarray] = field(repr=False)
    extrapolation: pd.DataFrame = field(repr=False)
    held_out: dict[str, list[np.ndarray]] = field(repr=False)
    leave: Leave
    over: str
    probability: float
    predicts: str
    notes: tuple[Note, ...]

    @property
    def best(self) -> str:
        """The law that predicts best what was left out."""
        return str(self.table.index[0])

    @property
    def weights(self) -> dict[str, float]:
        """Stacking weight of each law, from the runs left out."""
        return {str(law): float(weight) for law, weight in self.table["weight"].items()}

    @property
    def extrapolation_weights(self) -> dict[str, float]:
        """Stacking weight of each law, from the larger runs held out; empty without cuts."""
        if not len(self.extrapolation):
            return {}
        weights = self.table["extrapolation_weight"]
        return {str(law): float(weight) for law, weight in weights.items()}

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data, without the posteriors.

        Returns
        -------
        dict
            The table as a list of rows with their ``law``, the extrapolation as a list of rows, and
            all other fields.
        """
        return {
            "laws": self.table.reset_index().to_dict("records"),
            "extrapolation": self.extrapolation.to_dict("records"),
            "pointwise": {law: values.tolist() for law, values in self.pointwise.items()},
            "pareto_k": {law: values.tolist() for law, values in self.pareto_k.items()},
            "leave": self.leave,
            "over": self.over,
            "probability": self.probability,
            "predicts": self.predicts,
            "notes": [note.to_dict() for note in self.notes],
        }


def reading(difference: float, error: float) -> str:
    """What a difference to the best law says."""
    if abs(difference) < DISTINGUISHED:
        return "not distinguished"
    # Of two groups or one there is no telling.
    return "worse" if abs(difference) >= 2 * error else "perhaps worse"
