"""Everything that states a model: law, reference run, noise, discrepancy and pooling, read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.law import Law, Prior
from bayeslaw.law.library import law as load_law
from bayeslaw.model.by_source import BySource
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.model import Data, Model, prior_site
from bayeslaw.model.noise import Noise
from bayeslaw.model.options import (
    SOURCES,
    DiscrepancyOption,
    PoolOption,
    read_discrepancy,
    read_pool,
)
from bayeslaw.model.pooling import Pool
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.pooled import SOURCE, sources


@dataclass(frozen=True, eq=False)
class Specification:
    """A Bayesian model of a law's losses, complete but for the runs."""

    law: Law
    reference: ReferenceRun
    noise: Noise
    discrepancy: Discrepancy | None = None
    pool: tuple[Pool, ...] = ()

    @classmethod
    def of(
        cls,
        runs: Runs,
        law: Law,
        reference: ReferenceRun | None = None,
        *,
        noise: str = "student_t",
        discrepancy: DiscrepancyOption = None,
        pool: PoolOption = (),
        place: str = "fit",
    ) -> Specification:
        """Read what a user asks for, for a law and its table; errors name the option."""
        by_source = isinstance(pool, BySource) or (isinstance(pool, str) and pool == SOURCES)
        if reference is None:
            by = None
            if by_source:
                sources(runs)
                by = SOURCE
            reference = ReferenceRun.of(runs, law.variables, law.predicts, by=by)
        _check_reference(reference, law, place)
        misfit = read_discrepancy(discrepancy, law, runs, place=place)
        if by_source and misfit is not None:
            problem = "a discrepancy beside coefficients of several sources is not modelled"
            remedy = "Leave discrepancy= out: each source has a noise scale of its own"
            raise RequestError(problem, place=f"{place}, discrepancy", remedy=remedy)
        return cls(
            law,
            reference,
            Noise(noise, replicate=misfit is not None),
            misfit,
            read_pool(pool, law, runs, place=place, noise=Noise(noise)),
        )

    @cached_property
    def priors(self) -> dict[str, Prior]:
        """Priors of every parameter: the law's, the groups', the noise's and the discrepancy's."""
        priors = {name: entry.prior for name, entry in self.law.parameters.items()}
        for pool in self.pool:
            priors |= pool.priors
        priors |= self.noise.priors
        return priors if self.discrepancy is None else priors | self.discrepancy.priors

    def site(self, name: str) -> str:
        """Sample site of a parameter."""
        return prior_site(self.law.form, name)

    def sample_prior(self, seed: int | np.random.Generator, size: int) -> dict[str, np.ndarray]:
        """Draws of every site, of the raw coefficients and of ``T``, each of shape (size,)."""
        rng, form = np.random.default_rng(seed), self.law.form
        values = {name: prior.sample(rng, size) for name, prior in self.priors.items()}
        on = {name: values[name] for name in form.parameters}
        # Draws far out in a prior may have no coefficients that are finite.
        with np.errstate(all="ignore"):
            raw = form.to_raw(on, self.reference.at, self.reference.loss)
            draws = {self.site(name): value for name, value in values.items()} | raw
            if form.floor is not None:
                draws["T"] = form.predict(self.reference.at, raw)
        return draws

    def _groups_of_floors(self, runs: Runs) -> dict[str, np.ndarray]:
        """A run and the typical run of each group whose floor is sampled by itself."""
        law = self.law
        for pool in self.pool:
            if pool.parameter != law.form.floor or not pool.direct:
                continue
            members = [pool.places(runs.labels(pool.column)) == i for i in range(len(pool.groups))]
            typical = [
                ReferenceRun.of(runs.select(mask), law.variables, law.predicts).at
                for mask in members
            ]
            points = [[at[name] for at in typical] for name in law.variables]
            return {
                "firsts": np.array([int(np.argmax(mask)) for mask in members]),
                "points": np.array(points),
            }
        return {}

    def build(self, runs: Runs, *, rows: int | None = None) -> tuple[Model, Data]:
        """The NumPyro model and its data; ``rows`` fills a table up to a size that others have."""
        law, misfit, priors = self.law, self.discrepancy, dict(self.priors)
        # Copies of the first run: numbers at which the law can be evaluated.
        taken = np.arange(max(len(runs), rows or 0))
        counted = taken < len(runs)
        taken[~counted] = 0
        inputs = weights = None
        if misfit is not None:
            # Weights stand in for outliers, and the degrees of freedom follow from them.
            priors.pop("noise_df", None)
            seen = runs.arrays(misfit.columns)
            inputs, weights = misfit.inputs(seen, seen)[:, taken], np.ones(len(taken))
        families = tuple((name, prior.family) for name, prior in priors.items())
        columns = law.form.hoist(runs.columns(law.variables))
        errors = runs.errors(law.predicts)
        places = [pool.places(runs.labels(pool.column))[taken] for pool in self.pool]
        data = Data(
            table=np.stack([np.broadcast_to(c, len(runs))[taken] for c in columns.values()]),
            point=np.array([self.reference.at[name] for name in law.variables]),
            scale=self.reference.loss,
            numbers=np.array([prior.numbers for prior in priors.values()]),
            observed=np.log(runs.column(law.predicts))[taken],
            counted=counted,
            names=tuple(columns),
            variables=law.variables,
            sampled=tuple(priors),
            inputs=inputs,
            weights=weights,
            errors=None if errors is None else errors[taken],
            places=np.stack(places) if places else None,
            **self._groups_of_floors(runs),
        )
        return Model(law.form, families, self.noise, law.predicts, misfit, self.pool), data


def _check_reference(reference: ReferenceRun, law: Law, place: str) -> None:
    at, remedy = reference.at, f"ReferenceRun.of(runs, {list(law.variables)!r})"
    missing = [name for name in law.variables if name not in at]
    if missing:
        problem = f"the reference run has no {', '.join(missing)}"
        raise RequestError(problem, place=place, remedy=remedy)
    values = {name: at[name] for name in law.variables} | {law.predicts: reference.loss}
    for name, value in values.items():
        if not np.isfinite(value) or (name == law.predicts and value <= 0):
            problem = f"the reference run has {name} = {value}"
            raise RequestError(problem, place=place, remedy=remedy)


@public
def numpyro_model(
    runs: Runs,
    law: str | Path | Law,
    *,
    noise: str = "student_t",
    discrepancy: DiscrepancyOption = None,
    pool: PoolOption = (),
    reference: ReferenceRun | None = None,
) -> Callable[[], None]:
    """A NumPyro model without arguments: priors as in the card, log loss observed.

    With a discrepancy the misfit of every run is a variable of the model.

    Parameters
    ----------
    runs : Runs
        The table.
    law : str or Law
        The law, its name, or the path of a card.
    noise, discrepancy, pool, reference
        As for ``fit``.

    Returns
    -------
    callable
        For ``numpyro.infer``, ``numpyro.handlers`` and what builds on them. It computes in the
        precision that the caller has set; bayeslaw's own fits use double precision.

    Raises
    ------
    TableError
        If the table lacks a column.
    RequestError
        If an option or the reference does not fit.
    """
    specification = Specification.of(
        runs,
        load_law(law),
        reference,
        noise=noise,
        discrepancy=discrepancy,
        pool=pool,
        place="numpyro_model",
    )
    model, data = specification.build(runs)
    return partial(model, data)
