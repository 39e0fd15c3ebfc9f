"""``Posterior``: draws of a law's coefficients, with the model, the data and diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayeslaw.core.calls import public
from bayeslaw.core.display import Displayed
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note, verdict, worst
from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.extrapolation import ExtrapolationError, ExtrapolationPrior, field_prior
from bayeslaw.model.identifiability import Informed, informed
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.model.specification import Specification
from bayeslaw.posterior import prediction, storage
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.evaluation import evaluate, group_draws
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.info import FitInfo
from bayeslaw.posterior.parameters import parameter_frame
from bayeslaw.posterior.prediction import Level
from bayeslaw.posterior.variance import variance_shares
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.reach import Reach

if TYPE_CHECKING:
    import xarray as xr

_PRIOR_DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Posterior(Displayed):
    """Draws from the posterior of a law, with its table, its reference, notes and settings.

    Attributes
    ----------
    law, runs, reference : Law, Runs, ReferenceRun
        The law, the table it is fitted to, and where its priors are stated.
    noise : Noise
        Observation model.
    draws : dict of str to ndarray of shape (chains, draws)
        Raw coefficients and noise parameters by name; the quantities that have a prior, as
        ``*_on``; ``T``, the law's value at the reference run.
    stats : dict of str to ndarray of shape (chains, draws)
        The sampler's statistics, under ArviZ's names.
    notes : tuple of Note
        Notes on the table and on the fit.
    info : FitInfo
        Metadata of the fit: settings, method, diagnostics and versions.
    discrepancy, pool : Discrepancy or None, tuple of Pool
        Misfit that runs share; coefficients that vary by group, with draws of the common value.
    weights : ndarray of shape (runs,), optional
        With a discrepancy, factors of each run's precision: small for outliers.
    extrapolation : ExtrapolationError, optional
        Draws of the error beyond the runs, shared by all predictions of a draw: in predictions of
        runs, in rankings and in optima.
    """

    _drawn = ("coefficients", "prior_posterior", "band", "residuals")
    _shown = ("median", "low", "high", "prior_low", "prior_high", "published", "informed_by")

    law: Law
    runs: Runs
    reference: ReferenceRun
    noise: Noise
    draws: dict[str, np.ndarray] = field(repr=False)
    stats: dict[str, np.ndarray] = field(repr=False)
    notes: tuple[Note, ...]
    info: FitInfo
    discrepancy: Discrepancy | None = None
    weights: np.ndarray | None = None
    pool: tuple[Pool, ...] = ()
    extrapolation: ExtrapolationError | None = None

    @classmethod
    def of(cls, specification: Specification, runs: Runs, **results: Any) -> Posterior:
        """From the model that was fitted, and the other fields by name."""
        parts = ("law", "reference", "noise", "discrepancy", "pool")
        return cls(runs=runs, **{name: getattr(specification, name) for name in parts}, **results)

    def __repr__(self) -> str:
        """Law, table and size, briefly."""
        return f"Posterior({self._size}, {len(self.notes)} notes)"

    @property
    def _size(self) -> str:
        chains, draws = self.stats["diverging"].shape
        return f"{self.law.name} on {self.runs.described}, {chains} chains of {draws} draws"

    @property
    def summary(self) -> str:
        """Law, table, method and whether the fit is trusted, in plain sentences."""
        errors = verdict(note.code for note in self.notes if note.severity == "error")
        return f"{self._size} by {self.info.method}. {errors}"

    @property
    def trusted(self) -> bool:
        """Whether no note is an error."""
        return worst(self.notes) != "error"

    @property
    def grouped(self) -> bool:
        """Whether coefficients vary by group, or belong to one group of a pooled fit."""
        return bool(self.pool) or self.info.group is not None

    @cached_property
    def convergence(self) -> Convergence:
        """Diagnostics of everything that was drawn."""
        stats = self.stats if self.info.method == "nuts" else None
        return Convergence.of(self.draws, stats, self.info.bfmi)

    @cached_property
    def informed(self) -> Informed:
        """Parameters that the table's configurations do not identify, or only in combination."""
        return informed(self.law, self.runs, self.reference)

    @cached_property
    def specification(self) -> Specification:
        """Law, reference, noise, discrepancy and pooling: the model without runs."""
        return Specification(self.law, self.reference, self.noise, self.discrepancy, self.pool)

    @cached_property
    def model(self) -> FittedModel:
        """The model with its draws, from which predictions are computed."""
        seed = self.info.settings.seed
        return FittedModel(
            self.specification, self.runs, self.draws, self.weights, seed, self.extrapolation
        )

    @cached_property
    def prior(self) -> dict[str, np.ndarray]:
        """Draws from the prior, of the same quantities, each of shape (draws,)."""
        draws = self.specification.sample_prior(self.info.settings.seed, _PRIOR_DRAWS)
        return {name: draws[name] for name in self.draws}

    def coefficients(self) -> dict[str, np.ndarray]:
        """Raw coefficients in the paper's letters and units, each of shape (draws,)."""
        return self.model.coefficients

    def informed_by(self, name: str) -> str:
        """What informs a parameter: ``runs``, ``prior only`` or ``combination``."""
        if name in self.informed.prior_only:
            return "prior only"
        return "combination" if name in self.informed.confounded else "runs"

    @public
    def to_frame(self, *, ci_prob: float = INTERVAL) -> pd.DataFrame:
        """Coefficients in the paper's letters and units, and the noise.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            A row a parameter: interval, prior interval, the first published value, R-hat, bulk and
            tail ESS, the Monte-Carlo errors ``mcse_low`` and ``mcse_high`` of the interval's ends,
            and ``informed_by``: ``runs``; ``prior only`` where it has no effect on the runs;
            ``combination`` where they inform it only together with others.
        """
        frame = parameter_frame(self.model, self.prior, self.convergence, ci_prob)
        return frame.assign(informed_by=[self.informed_by(name) for name in frame.index])

    def to_dict(self, *, ci_prob: float = INTERVAL) -> dict[str, Any]:
        """Law, size, coefficients (rows of ``to_frame``), reference and notes as plain data."""
        return {
            "law": self.law.name,
            "runs": len(self.runs),
            "coefficients": self.to_frame(ci_prob=ci_prob).to_dict("index"),
            "reference": self.reference.to_dict(),
            "ci_prob": ci_prob,
            "notes": [note.to_dict() for note in self.notes],
        }

    def evaluate(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """The law's value at configurations, for every draw.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (configurations,)
            Canonical variables. Coefficients are the configuration's group's where the columns name
            it; an unseen group draws from the population. Without groups they are the common ones.

        Returns
        -------
        ndarray of shape (draws, configurations)
            In the unit of the law.
        """
        return evaluate(self.model, columns)

    def of_group(self, **labels: str | None) -> Posterior:
        """The posterior of one group, where coefficients vary by group.

        Parameters
        ----------
        **labels : str
            The group in each column by which coefficients vary: ``of_group(family="new")``. None
            stands for a group that no run belongs to, drawn from the population.

        Returns
        -------
        Posterior
            With the group's coefficients, the table of all groups and the common values' prior.

        Raises
        ------
        RequestError
            If nothing varies by group, or there is no such group.
        """
        draws = group_draws(self.model, labels)
        settings = replace(self.info.settings, pool=())
        info = replace(self.info, settings=settings, group=dict(labels))
        return replace(self, draws=draws, pool=(), info=info)

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
        """Predict configurations, with credible intervals.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of the law; other columns are ignored.
        level : {"law", "run", "observation"}
            ``law``: the law's value. ``run``: a new run's value, with misfit; without a
            discrepancy, misfit variance is the noise variance less the replicate variance (zero
            without replicates). ``observation``: a measured value, with the table's typical error.
        ci_prob : float
            Probability of the equal-tailed intervals.
        seed : int
            For the noise of runs and observations.
        **variables : array_like
            Instead of ``new``, every variable of the law: ``predict(N="30B", D=[1e12, 2e12])``.

        Returns
        -------
        pandas.DataFrame
            For each configuration median, low, high, and ``extrapolation_factor``: that of its
            furthest ``variable`` (1 within the range of the runs).

        Raises
        ------
        RequestError, TableError
            If the level is unknown, or a variable is missing or outside its domain.
        """
        return prediction.bands(self.model, new, variables, level, ci_prob, seed)

    @public
    def variance_shares(self, new: Runs | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
        """Variance decomposition of predictions: shares of coefficients, misfit and noise.

        Each source counts by the squared half width of the central 68% interval that it alone gives
        log loss: its variance where it is normal, and finite for every Student-t.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            As for ``predict``.

        Returns
        -------
        pandas.DataFrame
            For each configuration shares that sum to one. ``coefficients``: of the law plus the
            conditional mean of the misfit. ``misfit``: given the coefficients; without a
            discrepancy, ``noise`` includes it. ``noise``: variation between replicates. Then
            ``spread``, the root of the sum of the squared half widths, of log loss, and
            ``extrapolation_factor`` and ``variable`` as of ``predict``.
        """
        return variance_shares(self.model, new)

    def with_extrapolation_error(
        self, prior: ExtrapolationPrior | None = None, *, seed: int = 0
    ) -> Posterior:
        """The same posterior with an error beyond the runs, as public tables show it.

        Parameters
        ----------
        prior : ExtrapolationPrior, optional
            How badly laws extrapolate; as learned from public tables unless given.
        seed : int
            For its draws.

        Returns
        -------
        Posterior
            Its predictions of runs, rankings and optima include the error; the law's do not.
        """
        reach = Reach.of(self.runs, self.law.variables)
        rng = np.random.default_rng([seed, 1])
        error = (prior or field_prior()).draw(reach, self.model.size, rng)
        return replace(self, extrapolation=error)

    def log_likelihood(self) -> np.ndarray:
        """Log density of each run's log loss, of shape (chains, draws, runs).

        Undefined with a discrepancy: a ``RequestError``.
        """
        shape = (*self.stats["diverging"].shape, len(self.runs))
        return prediction.log_likelihood(self.model, self.runs).reshape(shape)

    def to_arviz(self) -> xr.DataTree:
        """For ArviZ; log_likelihood is included where it has no more than 1e7 numbers.

        Coefficients are in the group ``posterior``; the quantities that have a prior, and the law's
        value at the reference run, in ``posterior_at_reference``.
        """
        return storage.to_tree(self.model, self.stats, self.prior, self.notes, self.info)

    def save(self, path: str | Path) -> None:
        """Write everything to one netCDF file, whole or not at all.

        ArviZ and xarray open its draws, statistics and table; ``to_arviz`` adds prior and
        log likelihood. The file ends with a checksum of its bytes, which ``load`` verifies.

        Parameters
        ----------
        path : str or Path
            The file; an existing one is replaced once the new one is complete.

        Raises
        ------
        PosteriorError
            If the file cannot be written.
        """
        storage.write(path, self.model, self.stats, self.notes, self.info)

    def with_notes(self, *notes: Note) -> Posterior:
        """The same posterior with more notes."""
        return replace(self, notes=(*self.notes, *notes))
