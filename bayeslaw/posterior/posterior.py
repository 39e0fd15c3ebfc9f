"""``Posterior``: draws of a law's coefficients, and all that is needed to use and trust them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayeslaw.core.errors import RequestError, whole
from bayeslaw.core.intervals import INTERVAL, Interval, interval
from bayeslaw.core.notes import Note, worst
from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.identifiability import Informed, informed
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.model.specification import Specification
from bayeslaw.posterior import storage
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.fit_checks import end_errors
from bayeslaw.posterior.groups import evaluated_by_group, of_group
from bayeslaw.posterior.info import FitInfo
from bayeslaw.posterior.misfit import misfit
from bayeslaw.posterior.variance import spreads
from bayeslaw.runs import Reference, Runs
from bayeslaw.runs.geometry import extrapolation_factor
from bayeslaw.runs.replicates import find_replicates

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Level = Literal["law", "run", "observation"]
LEVELS: tuple[Level, ...] = ("law", "run", "observation")

_PRIOR_DRAWS = 4000
_CELLS = 2_000_000


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws from the posterior of a law, its table, reference, card and notes.

    Attributes
    ----------
    law : Law
        The law, with its card.
    runs : Runs
        The table.
    reference : Reference
        Where priors are stated.
    noise : Noise
        Observation model.
    draws : dict of str to ndarray of shape (chains, draws)
        Raw coefficients and noise parameters by name; what the priors are stated on under ``*_on``;
        ``T``, the law's value at the reference run.
    stats : dict of str to ndarray of shape (chains, draws)
        The sampler's statistics, under ArviZ's names.
    notes : tuple of Note
        What reading and fitting had to say.
    info : FitInfo
        Settings, method and versions: what a repetition needs, and what the fit knows of itself.
    discrepancy : Discrepancy or None
        What the law misses.
    weights : ndarray of shape (runs,), optional
        Beside a discrepancy, by which the precision of each run's noise is multiplied: small for an
        outlier.
    pool : tuple of Pool
        Coefficients that vary by group; draws of a coefficient are those of its common value.
    """

    law: Law
    runs: Runs
    reference: Reference
    noise: Noise
    draws: dict[str, np.ndarray] = field(repr=False)
    stats: dict[str, np.ndarray] = field(repr=False)
    notes: tuple[Note, ...]
    info: FitInfo
    discrepancy: Discrepancy | None = None
    weights: np.ndarray | None = None
    pool: tuple[Pool, ...] = ()

    def __repr__(self) -> str:
        """Law, table and size, briefly."""
        chains, draws = self.stats["diverging"].shape
        return (
            f"Posterior({self.law.name} on {len(self.runs)} runs of {self.runs.source}, "
            f"{chains} chains of {draws} draws, {len(self.notes)} notes)"
        )

    @cached_property
    def convergence(self) -> Convergence:
        """Diagnostics of everything that was drawn."""
        if self.info.method != "nuts":
            return Convergence.of(self.draws)
        found = Convergence.of(self.draws, self.stats)
        # The sampler's own, from all iterations, where the draws are thinned.
        return found if self.info.bfmi is None else replace(found, bfmi=self.info.bfmi)

    @property
    def grouped(self) -> bool:
        """Whether coefficients vary by group, or are those of one group among several."""
        return bool(self.pool) or self.info.group is not None

    @property
    def trusted(self) -> bool:
        """Whether no note is an error."""
        return worst(self.notes) != "error"

    @property
    def summary(self) -> str:
        """Law, runs, method and whether the fit is trusted, in plain sentences."""
        chains, draws = self.stats["diverging"].shape
        errors = ", ".join(note.code for note in self.notes if note.severity == "error")
        return (
            f"{self.law.name} is fitted to {len(self.runs)} runs of {self.runs.source} by "
            f"{self.info.method}: {chains} chains of {draws} draws. "
            + (f"Do not use its numbers: {errors}." if errors else "No note is an error.")
        )

    @cached_property
    def informed(self) -> Informed:
        """Parameters that the table's configurations leave to the prior, wholly or in part."""
        return informed(self.law, self.runs, self.reference)

    @cached_property
    def specification(self) -> Specification:
        """The model that was fitted: law, reference, noise, discrepancy and groups."""
        return Specification(self.law, self.reference, self.noise, self.discrepancy, self.pool)

    def coefficients(self) -> dict[str, np.ndarray]:
        """Raw coefficients of the law, chains run together.

        Returns
        -------
        dict of str to ndarray of shape (draws,)
            In the paper's letters and units.
        """
        return {name: self.draws[name].ravel() for name in self.law.parameters}

    @cached_property
    def prior(self) -> dict[str, np.ndarray]:
        """Draws from the prior, of the same quantities, each of shape (draws,)."""
        draws = self.specification.sample_prior(self.info.settings.seed, _PRIOR_DRAWS)
        return {name: draws[name] for name in self.draws}

    def to_frame(self, *, ci_prob: float = INTERVAL) -> pd.DataFrame:
        """Coefficients in the paper's letters and units, and the noise.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            A row a parameter: median, low, high, the same of the prior, the first published set,
            R-hat, bulk and tail ESS, the Monte-Carlo errors ``mcse_low`` and ``mcse_high`` of the
            interval's ends, and ``informed_by``: ``runs``; ``prior only`` where the
            table's configurations say nothing; ``combination`` where they inform the parameter
            only together with others.
        """
        import pandas as pd

        published = self.law.published() if self.law.coefficients else {}
        rows = {}
        apart = {} if self.discrepancy is None else self.discrepancy.priors
        spreads = [one.scale for one in self.pool]
        for name in [*self.law.parameters, *spreads, *self.noise.priors, *apart]:
            ours = interval(self.draws[name].ravel(), ci_prob)
            before = interval(self.prior[name], ci_prob)
            rows[name] = {
                "median": float(ours.median),
                "low": float(ours.low),
                "high": float(ours.high),
                "prior_low": float(before.low),
                "prior_high": float(before.high),
                "published": published.get(name, np.nan),
                "rhat": self.convergence.rhat[name],
                "ess_bulk": self.convergence.ess_bulk[name],
                "ess_tail": self.convergence.ess_tail[name],
                **self._end_errors(name, ci_prob),
                "informed_by": self.informed_by(name),
            }
        table = pd.DataFrame.from_dict(rows, orient="index")
        table.index.name = "parameter"
        return table

    def _end_errors(self, name: str, probability: float) -> dict[str, float]:
        """Monte-Carlo errors of the ends of a parameter's interval."""
        ess = self.convergence.ess_tail[name]
        low, high = end_errors(self.draws[name].ravel(), ess, probability)
        return {"mcse_low": low, "mcse_high": high}

    def informed_by(self, name: str) -> str:
        """What informs a parameter.

        Parameters
        ----------
        name : str
            A parameter.

        Returns
        -------
        str
            ``runs``, ``prior only`` or ``combination``, as in ``to_frame``.
        """
        if name in self.informed.prior_only:
            return "prior only"
        return "combination" if name in self.informed.confounded else "runs"

    def evaluate(
        self, columns: Mapping[str, np.ndarray], *, coefficients: Mapping[str, Any] | None = None
    ) -> np.ndarray:
        """The law's value at configurations, for every draw.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (configurations,)
            As of ``columns``. Where coefficients vary by group, each configuration has those of its
            own, a group that no run is of has some like the others', and without the columns that
            tell groups all have the common ones.
        coefficients : mapping, optional
            Draws of raw coefficients to use instead of the posterior's, such as the prior's.

        Returns
        -------
        ndarray of shape (draws, configurations)
            In the unit of the law.
        """
        told = all(one.column in columns for one in self.pool)
        if coefficients is None and self.pool and told:
            return evaluated_by_group(self, columns)
        raw = self.coefficients() if coefficients is None else coefficients
        shaped = {name: np.asarray(raw[name])[:, None] for name in self.law.parameters}
        wide = {
            name: np.atleast_1d(values)[None, :]
            for name, values in columns.items()
            if name in self.law.variables
        }
        draws = len(next(iter(shaped.values())))
        size = max(values.shape[1] for values in wide.values())
        value = self.law.form.predict(wide, shaped)
        return np.asarray(np.broadcast_to(value, (draws, size)))

    def of_group(self, **labels: str) -> Posterior:
        """The posterior of one group, where coefficients vary by group.

        Parameters
        ----------
        **labels : str
            The group in each column by which coefficients vary: ``of_group(family="new")``.

        Returns
        -------
        Posterior
            With the group's coefficients, for predictions and optima. Its table is still that of
            all groups, which its coefficients were fitted to, and its prior that of the common
            values.

        Raises
        ------
        RequestError
            If nothing varies by group, or there is no such group.
        """
        return of_group(self, labels)

    def predict(
        self,
        new: Runs | pd.DataFrame | Mapping[str, Any],
        *,
        level: Level = "law",
        ci_prob: float = INTERVAL,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Predict configurations, with credible intervals.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of the law; other columns are ignored.
        level : {"law", "run", "observation"}
            ``law``: the law's value. ``run``: the next run's true value, misfit included; without a
            discrepancy that tells misfit from noise, scatter beyond that of replicates counts as
            misfit, and all of it where the table has none.
            ``observation``: what would be measured, with the table's typical error where it states
            errors.
        ci_prob : float
            Probability of the equal-tailed intervals.
        seed : int
            For the scatter of runs and observations.

        Returns
        -------
        pandas.DataFrame
            For each configuration median, low, high, and by which factor ``beyond`` the runs its
            furthest ``variable`` lies (1 within their range).

        Raises
        ------
        RequestError
            If a variable is missing or the level is unknown.
        TableError
            If a value is outside the domain of its variable.
        """
        import pandas as pd

        table = self.configurations(new)
        columns = self.columns(table)
        times, furthest = extrapolation_factor(self.runs, table.columns(self.law.variables))
        blocks = self.predictive(columns, level=level, seed=seed)
        parts = [interval(value, ci_prob) for value in blocks]
        if not parts:
            parts.append(Interval(*np.empty((3, 0))))
        low, median, high = (np.concatenate(part) for part in zip(*parts, strict=True))
        return pd.DataFrame(
            {"median": median, "low": low, "high": high, "beyond": times, "variable": furthest},
            index=table.table.index,
        )

    def predictive(
        self, columns: Mapping[str, np.ndarray], *, level: Level = "law", seed: int = 0
    ) -> Iterator[np.ndarray]:
        """Draws of a prediction, some configurations at a time.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (configurations,)
            Canonical variables.
        level : {"law", "run", "observation"}
            As in ``predict``.
        seed : int
            For the scatter of runs and observations.

        Yields
        ------
        ndarray of shape (draws, some configurations)
            In the unit of the law.

        Raises
        ------
        RequestError
            If the level is unknown.
        """
        if level not in LEVELS:
            raise RequestError(f"unknown level {level!r}", remedy=f"One of {', '.join(LEVELS)}")
        rng = np.random.default_rng(whole(seed, "seed", place="predict"))
        size = len(next(iter(columns.values())))
        step = max(1, _CELLS // self.draws["noise_scale"].size)
        for first in range(0, size, step):
            block = {name: values[first : first + step] for name, values in columns.items()}
            value = self.evaluate(block)
            if level == "law":
                yield value
                continue
            kept, mean, sd = self.misfit(block)
            shift = mean + sd * rng.standard_normal(mean.shape)
            if level == "observation" or self.discrepancy is None:
                noise, errors = self.noise_draws(kept), None
                if level == "run":
                    # What replicates differ by; poor tuning is part of what a run truly reaches.
                    same = self._of_replicates / noise["noise_scale"]
                    noise["noise_scale"] = noise["noise_scale"] * np.sqrt(
                        np.maximum(1.0 - same**2, 0.0)
                    )
                elif (typical := self.runs.typical_error(self.law.predicts)) > 0:
                    errors = np.full(shift.shape[1], typical)
                shift = shift + self.noise.draw(rng, noise, shift.shape, errors)
            yield value[kept] * np.exp(shift)

    def variance_shares(self, new: Runs | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
        """What makes predictions uncertain: coefficients, misfit and noise, each by its share.

        The variance of a Student-t is infinite up to two degrees of freedom, which its posterior
        seldom rules out. So each source counts by the squared half width of the central 68%
        interval that it alone gives log loss: its variance where it is normal, and finite always.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of the law; other columns are ignored.

        Returns
        -------
        pandas.DataFrame
            For each configuration shares that sum to one. ``coefficients``: how what law and misfit
            together predict of a run varies with the coefficients; near runs that a discrepancy
            explains this is less than the variance of the law's own value. ``misfit``: what stays
            open of the misfit where the coefficients are known; without a discrepancy there is no
            such column, and ``noise`` holds both. ``noise``: what replicates differ by. Then
            ``spread``, the root of the sum of the squared half widths, on log loss, and how far
            ``beyond`` the runs which ``variable`` lies, as in ``predict``.

        Raises
        ------
        RequestError
            If a variable is missing.
        TableError
            If a value is outside the domain of its variable.
        """
        import pandas as pd

        table = self.configurations(new)
        columns = self.columns(table)
        times, furthest = extrapolation_factor(self.runs, table.columns(self.law.variables))
        squared = pd.DataFrame(spreads(self, columns), index=table.table.index) ** 2
        total = squared.sum(axis=1, skipna=False)
        return squared.div(total, axis=0).assign(
            spread=np.sqrt(total), beyond=times, variable=furthest
        )

    def noise_draws(self, kept: np.ndarray | slice = slice(None)) -> dict[str, np.ndarray]:
        """Draws of the noise's parameters, chains run together.

        Parameters
        ----------
        kept : ndarray of int or slice
            Which draws.

        Returns
        -------
        dict of str to ndarray of shape (draws, 1)
            As ``Noise`` takes them.
        """
        return {name: self.draws[name].reshape(-1, 1)[kept] for name in self.noise.priors}

    def misfit(
        self, columns: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the law misses at configurations, given what it missed at the runs.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (configurations,)
            As of ``columns``. Without its group, a configuration belongs to a new one.

        Returns
        -------
        kept : ndarray of shape (kept,)
            The draws that this was computed for: all, or some hundreds where every draw has a
            covariance of its own.
        mean : ndarray of shape (kept, configurations)
            Of the misfit, on log loss, for each draw; zero without a discrepancy.
        sd : ndarray of shape (kept, configurations)
            Its standard deviation, for each configuration by itself.
        """
        return misfit(self, columns)

    def columns(self, table: Runs) -> dict[str, np.ndarray]:
        """What the law and its discrepancy read of a table.

        Parameters
        ----------
        table : Runs
            With the law's variables.

        Returns
        -------
        dict of str to ndarray of shape (configurations,)
            The law's variables, and where the table has them the columns that group runs.
        """
        found = table.columns(self.law.variables)
        apart = () if self.discrepancy is None else self.discrepancy.columns
        wanted = dict.fromkeys((*apart, *(one.column for one in self.pool)))
        there = [name for name in wanted if name in table.table.columns]
        return {**found, **table.arrays(there)}

    @cached_property
    def _of_replicates(self) -> float:
        """Standard deviation of log loss between runs of one configuration; zero without any."""
        found = find_replicates(self.runs, self.law.predicts)
        return 0.0 if found is None else found.beyond_errors

    @property
    def _observed(self) -> np.ndarray:
        return np.log(self.runs.column(self.law.predicts))

    def configurations(self, new: Runs | pd.DataFrame | Mapping[str, Any]) -> Runs:
        """Configurations in any form as a table that the law can be evaluated on.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables.

        Returns
        -------
        Runs
            With the law's variables, checked.

        Raises
        ------
        BayesLawError
            If a variable is missing or outside its domain.
        """
        from bayeslaw.runs import read_runs
        from bayeslaw.runs.read import configurations

        if not isinstance(new, Runs):
            new = read_runs(configurations(new))
        new.require(self.law.variables, purpose=f"a prediction of {self.law.name}")
        return new

    def log_likelihood(self) -> np.ndarray:
        """Log density of each run's log loss, for every draw.

        Returns
        -------
        ndarray of shape (chains, draws, runs)
            The observation model's.
        """
        from bayeslaw.core.compilation import compiled

        if self.discrepancy is not None:
            raise RequestError(
                "beside a Gaussian process, runs have no likelihoods of their own",
                place="log_likelihood",
                remedy="Compare laws that are fitted without a discrepancy",
            )
        value = self.evaluate(self.columns(self.runs))
        with compiled():
            errors = self.runs.errors(self.law.predicts)
            scatter = self.noise.distribution(np.log(value), self.noise_draws(), errors)
            density = scatter.log_prob(self._observed)
        shape = (*self.stats["diverging"].shape, len(self.runs))
        return np.asarray(density).reshape(shape)

    def to_arviz(self) -> xr.DataTree:
        """The posterior for ArviZ.

        Returns
        -------
        xarray.DataTree
            Groups posterior, sample_stats, observed_data, constant_data, prior, and log_likelihood
            where it has no more than 1e7 numbers.
        """
        return storage.to_tree(self)

    def save(self, path: str | Path) -> None:
        """Write everything to one netCDF file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where to; an existing file is replaced once the new one is complete.

        Raises
        ------
        PosteriorError
            If the file cannot be written.
        """
        storage.save(self, Path(path))

    def with_notes(self, *notes: Note) -> Posterior:
        """The same posterior with more notes.

        Parameters
        ----------
        *notes : Note
            Notes to add.

        Returns
        -------
        Posterior
            A new one.
        """
        return replace(self, notes=(*self.notes, *notes))


def load(path: str | Path) -> Posterior:
    """Open a saved posterior.

    Parameters
    ----------
    path : str or Path
        A file that ``Posterior.save`` or ``bayeslaw fit --out`` wrote.

    Returns
    -------
    Posterior
        As it was saved.

    Raises
    ------
    PosteriorError
        If the file is missing, truncated or foreign, or its table is not the one fitted to.
    """
    return Posterior(**storage.load(Path(path)))
