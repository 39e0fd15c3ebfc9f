"""Truths and the tables that they would give: where every simulation begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.comparison.bayes_factors import move_priors
from bayeslaw.core.errors import RequestError, nearest, real, refuse, whole
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.model.kernels import Offsets
from bayeslaw.model.model import SMALLEST_SHARE
from bayeslaw.model.simulate import DESIGNS, draw_design
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.info import FitSettings
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs, read_runs
from bayeslaw.runs.read import configurations

PLACE = "calibrate"
# A loss in nats where neither table nor card states a scale.
_TYPICAL_LOSS = 3.0
Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Simulated:
    """A simulated table, its coefficients, and a generator for draws that equal the truth."""

    truth: dict[str, float]
    runs: Runs
    rng: np.random.Generator


@dataclass(frozen=True)
class Simulation:
    """How tables are simulated."""

    #: The reference belongs to the model and is never computed from a simulation; the discrepancy
    #: is that of truths from the prior.
    specification: Specification
    #: Whose draws truths are; raw coefficients, the same for every table; None for the prior.
    source: Posterior | Mapping[str, float] | None
    #: Configurations of the i-th table, by variable.
    design: Callable[[int], Columns]
    #: Where truths come from, in words.
    label: str = ""
    #: Standard deviation of log loss where the coefficients are given, and the noise is not.
    noise_sd: float = 0.003

    @property
    def law(self) -> Law:
        """The law, with the priors of the simulation."""
        return self.specification.law

    @property
    def ranked(self) -> bool:
        """Whether ranks have to be uniform: truths and fits share one prior."""
        return self.source is None or isinstance(self.source, Posterior)

    @property
    def rows(self) -> int:
        """Simulated runs of each table."""
        return len(next(iter(self.design(0).values())))

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """One truth."""
        if isinstance(self.source, Posterior):
            draws = self.source.draws
            picked = int(rng.integers(next(iter(draws.values())).size))
            return {name: float(values.ravel()[picked]) for name, values in draws.items()}
        model, form = self.specification, self.law.form
        sites = {name: model.site(name) for name in form.parameters}
        if self.source is None:
            values = model.sample_prior(rng, 1)
            noise = [name for name in model.priors if name not in form.parameters]
            names = dict.fromkeys([*sites.values(), *sites, *noise, *values])
            return {name: float(np.ravel(values[name])[0]) for name in names}
        at, raw = model.reference.at, {name: self.source[name] for name in form.parameters}
        on = form.to_on(raw, at, model.reference.loss)
        truth = {sites[name]: value for name, value in on.items()} | raw
        if form.floor is not None:
            truth["T"] = form.predict(at, raw)
        return {name: float(value) for name, value in truth.items()}

    def table(self, truth: Mapping[str, float], columns: Columns, rng: np.random.Generator) -> Runs:
        """What would be observed under a truth, after the runs of the source if it has some."""
        law, noise, misfit = self.law, self.specification.noise, self.specification.discrepancy
        with np.errstate(all="ignore"):
            centre = log_value(law, columns, truth, self.specification.reference.loss)
            if noise.priors.keys() <= truth.keys():
                away = noise.draw(rng, truth, centre.shape)
            else:
                away = self.noise_sd * rng.standard_normal(centre.shape)
            if misfit is not None and misfit.priors.keys() <= truth.keys():
                away = away + misfit.draw(rng, truth, columns)
            loss = np.exp(centre + away)
        names = [*law.variables, law.predicts]
        table = pd.DataFrame({**columns, law.predicts: loss}, dtype=float)[names]
        if isinstance(self.source, Posterior):
            table = pd.concat([self.source.runs.table[names], table], ignore_index=True)
        return Runs(table=table, source="simulated", variables=tuple(names))

    def simulated(self, seed: int, number: int) -> Simulated:
        """One simulation: the same however many there are, and in any round."""
        rng = np.random.default_rng([seed, number, 1])
        truth = self.draw(rng)
        runs = self.table(truth, self.design(number), rng)
        return Simulated(truth, runs, np.random.default_rng([seed, number, 2]))

    def sane(self, runs: Runs) -> bool:
        """Whether losses are such that the table would be fitted at all.

        A rule on what is observed, so that the ranks of all others stay uniform.
        """
        share = runs.column(self.law.predicts) / self.specification.reference.loss
        return bool(np.all((share > SMALLEST_SHARE) & (share < 1 / SMALLEST_SHARE)))


def read_simulation(
    law: str | Path | Law,
    design: Any,
    truth: Any,
    settings: FitSettings,
    rows: int,
    noise_sd: float,
    prior_shift: float,
    reference: ReferenceRun | None = None,
) -> Simulation:
    """Read the options of ``calibrate`` that say how tables are simulated."""
    read = load_law(law)
    if truth is None:
        truth = design if isinstance(design, Posterior) else "prior"
    posteriors = [source for source in (truth, design) if isinstance(source, Posterior)]
    if posteriors:
        _check_posterior(posteriors[0], read, settings.noise, prior_shift)
    if prior_shift:
        read = move_priors(read, shift=real(prior_shift, "prior_shift", place=PLACE))
    columns = _design(read, design, rows, settings.seed)
    if reference is None:
        reference = posteriors[0].reference if posteriors else typical_reference(read, columns(0))
    source, label = _source(read, truth)
    if prior_shift:
        label += f", every prior median moved up by {prior_shift:g} of its own factors"
    outside = not 0 < real(noise_sd, "noise_sd", place=PLACE) < 1
    refuse(PLACE, (outside, f"noise_sd = {noise_sd}", "Between 0 and 1"))
    noise, discrepancy = settings.noise, settings.discrepancy
    parts = discrepancy if isinstance(discrepancy, list | tuple) else [discrepancy]
    grouped = any(part == "group" or isinstance(part, Offsets) for part in parts)
    remedy = 'Calibrate with discrepancy="gp", "growth" or none'
    refuse(PLACE, (grouped, "a design does not state the groups of its runs", remedy))
    first = dict(columns(0))
    runs = Runs(table=pd.DataFrame(first), source="the design", variables=tuple(first))
    specification = Specification.of(
        runs, read, reference, noise=noise, discrepancy=discrepancy, place=PLACE
    )
    return Simulation(specification, source, columns, label, noise_sd)


def _check_posterior(source: Posterior, law: Law, noise: str, prior_shift: float) -> None:
    """Refuse a posterior whose draws are no truths of this model."""
    errors, card = "loss_se" in source.runs.variables, source.law.card != law.card
    another = " with another card" if source.law.name == law.name else ""
    theirs = f"a posterior of {source.law.name}, and the law {law.name}{another}"
    noises = f"a posterior with noise {source.noise.name}, and noise={noise!r}"
    shifted = "prior_shift, and a posterior under the priors as they are"
    simpler = "Fit without that, or take truths from the prior"
    own = "Calibrate a posterior under its own law, priors and noise"
    truths = "truths of a posterior"
    refuse(
        PLACE,
        (source.discrepancy is not None, f"{truths} with a discrepancy", simpler),
        (source.grouped, f"{truths} whose coefficients vary by group", simpler),
        (errors, f"{truths} of runs whose losses have errors", simpler),
        (card, theirs, own),
        (source.noise.name != noise, noises, own),
        (bool(prior_shift), shifted, own),
    )


def _design(law: Law, design: Any, rows: int, seed: int) -> Callable[[int], Columns]:
    """Configurations of the i-th table."""
    if isinstance(design, str):
        if design not in DESIGNS:
            remedy = nearest(design, DESIGNS) + ". Or give a table of configurations"
            raise RequestError(f"unknown design {design!r}", place=PLACE, remedy=remedy)
        whole(rows, "rows", place=PLACE, least=1)
        return lambda i: draw_design(law, design, rows, seed=(seed + 7919 * (i + 1)) % 2**32)
    runs = design.runs if isinstance(design, Posterior) else design
    if not isinstance(runs, Runs):
        runs = read_runs(configurations(runs))
    runs = runs.require(law.variables, purpose=f"the law {law.name!r}")
    refuse(PLACE, (not len(runs), "a design without runs", "Give at least one"))
    columns = runs.columns(law.variables)
    return lambda i: columns


def typical_reference(law: Law, columns: Columns) -> ReferenceRun:
    """The reference of a design: its typical run and the loss there."""
    filler = np.full(len(next(iter(columns.values()))), _TYPICAL_LOSS)
    table = pd.DataFrame({**columns, law.predicts: filler})
    reference = ReferenceRun.of(
        Runs(table, "design", (*law.variables, law.predicts)), law.variables, law.predicts
    )
    if law.coefficients:
        value = float(law.form.predict(reference.at, law.published()))
        return replace(reference, loss=float(f"{value:.0e}"))
    problem = f"{law.name} predicts {law.predicts}, which has no usual scale"
    remedy = "Give reference=bl.ReferenceRun(loss=..., at=...)"
    refuse(PLACE, (law.predicts != "loss", problem, remedy))
    return reference


def _source(law: Law, truth: Any) -> tuple[Posterior | dict[str, float] | None, str]:
    """Where truths come from, and that in words."""
    if isinstance(truth, Posterior):
        return truth, f"truths from the posterior of {truth.runs.source}, whose runs are fitted too"
    place = f"{PLACE}, truth"
    if isinstance(truth, Mapping):
        missing = ", ".join(name for name in law.parameters if name not in truth)
        remedy = f"{law.name} has {', '.join(law.parameters)}"
        refuse(place, (bool(missing), f"no value of {missing}", remedy))
        return {n: real(truth[n], n, place=place) for n in law.parameters}, "truth as given"
    if truth == "prior":
        return None, "truths from the prior"
    if truth == "published":
        return law.published(), "truth as published"
    if not isinstance(truth, str) or truth not in law.coefficients:
        suggestion = nearest(str(truth), ["prior", "published", *law.coefficients])
        remedy = f"{suggestion}. Or give coefficients, or a posterior"
        raise RequestError(f"truth = {truth!r}", place=PLACE, remedy=remedy)
    return law.published(truth), f"truth as published ({truth})"


def log_value(
    law: Law, columns: Mapping[str, Any], raw: Mapping[str, Any], scale: float
) -> np.ndarray:
    """Log of the law's value as the model has it, which goes on below zero."""
    value = law.form.predict(columns, {name: raw[name] for name in law.parameters})
    low = SMALLEST_SHARE * scale
    line = np.log(low) + (value - low) / low
    return np.asarray(np.where(value > low, np.log(np.maximum(value, low)), line))
