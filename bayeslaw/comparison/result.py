"""`Comparison`: the result of ``compare``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.extrapolation import Leave
from bayeslaw.core.notes import Note
from bayeslaw.core.results import Result
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Comparison(Result):
    """Laws in the order in which they predict runs that were left out.

    Densities are of log loss, summed over runs in nats unless stated.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row a law, the best first: number of ``parameters``; ``elpd``, the log predictive density
        of the runs left out, and its standard error ``elpd_se``; the difference to the best
        ``elpd_diff`` with ``diff_se``; the ``verdict``: "best", "not distinguished", "perhaps
        worse" (within two standard errors) or "worse"; ``p_loo``, the effective number of
        parameters; ``bad_k``, how many runs had too large a Pareto k and were left out by a fit;
        the stacking ``weight``. ``interpolation_elpd`` leaves single runs out where groups are the
        rule. ``extrapolation_...``: density, CRPS and root mean square error a run, coverage, each
        the mean over the cuts, and the stacking weight from the runs held out. With evidence:
        ``log_evidence`` and ``evidence_error``; ``log_bayes_factor`` to the highest evidence with
        ``bayes_factor_error``; across laws that do not share their priors the range
        ``bayes_factor_low`` to ``bayes_factor_high`` under all priors as they are, half and twice
        as wide. ``notes``, codes.
    posteriors : dict of str to Posterior
        The fits to all runs.
    pointwise : dict of str to ndarray of shape (runs,)
        Log predictive density of each run when it, or its group, was left out.
    pareto_k : dict of str to ndarray of shape (runs,)
        Of leaving single runs out.
    extrapolation : pandas.DataFrame
        A row for each ``law`` and ``cut``, empty without cuts: runs ``trained_on`` and
        ``held_out``; the ``largest`` training value; median and largest ratio of the runs held out
        to it (``extrapolation_factor``, ``largest_extrapolation_factor``); mean ``elpd`` and
        ``crps`` with standard errors over the runs held out (``elpd_se``, ``crps_se``), ``rmse`` of
        log loss and ``coverage`` of the predictive interval; whether the fit is ``trusted``. One
        fit predicts all runs held out together, so that their errors are correlated: these standard
        errors describe the spread of the runs, not that of another table, for which they are small.
    held_out : dict of str to list of ndarray
        For each law and cut the log predictive density of the runs held out.
    leave, over : str
        What was left out at a time, "run" or "group"; what orders runs by size, empty without cuts.
    ci_prob, predicts : float, str
        Probability of the predictive intervals; the predicted quantity.
    notes : tuple of Note
        On table, fits and comparison.
    """

    _drawn = ("comparison",)
    _rows = "laws"
    _omitted = ("posteriors", "held_out")

    frame: pd.DataFrame = field(repr=False)
    posteriors: dict[str, Posterior] = field(repr=False)
    pointwise: dict[str, np.ndarray] = field(repr=False)
    pareto_k: dict[str, np.ndarray] = field(repr=False)
    extrapolation: pd.DataFrame = field(repr=False)
    held_out: dict[str, list[np.ndarray]] = field(repr=False)
    leave: Leave
    over: str
    ci_prob: float
    predicts: str
    notes: tuple[Note, ...]

    @property
    def best(self) -> str:
        """The law that predicts best what was left out."""
        return str(self.frame.index[0])

    @property
    def weights(self) -> dict[str, float]:
        """Stacking weight of each law, from the runs left out."""
        return {str(law): float(weight) for law, weight in self.frame["weight"].items()}

    @property
    def extrapolation_weights(self) -> dict[str, float]:
        """Stacking weight of each law, from the larger runs held out; empty without cuts."""
        weights = self.frame.get("extrapolation_weight", {})
        return {str(law): float(weight) for law, weight in weights.items()}

    @property
    def summary(self) -> str:
        """The order of the laws in a few sentences."""
        first = self.frame.iloc[0]
        sentences = [f"{self.best} predicts {self.leave}s left out best (ELPD {first['elpd']:.1f})"]
        for law, row in self.frame.iloc[1:].iterrows():
            difference = f"{row['elpd_diff']:.1f} ± {row['diff_se']:.1f} nats to the best"
            sentences.append(f"{law}: {row['verdict']} ({difference})")
        if len(self.extrapolation):
            ahead = self.frame["extrapolation_elpd"].idxmax()
            sentences.append(f"{ahead} predicts the largest {self.over} held out best")
        return f"{'. '.join(sentences)}."
