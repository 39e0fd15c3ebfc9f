"""Truths and the tables that they would have given: where every simulation begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.model import SMALLEST_SHARE
from bayeslaw.model.noise import Noise
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

# Beyond these shares of the reference loss nobody would fit a table: such a simulation is set aside
# for its losses. That is a rule on what was observed, so the ranks of all others stay uniform.
_SANE = (SMALLEST_SHARE, 1 / SMALLEST_SHARE)


@dataclass(frozen=True)
class Simulated:
    """A simulated table.

    Attributes
    ----------
    truth : dict of str to float
        What it was simulated from.
    runs : Runs
        The table.
    rng : numpy.random.Generator
        For draws that are equal to the truth.
    """

    truth: dict[str, float]
    runs: Runs
    rng: np.random.Generator


@dataclass(frozen=True)
class Truths:
    """Where the coefficients of simulated tables come from.

    Attributes
    ----------
    law : Law
        The law, with the priors of the simulation.
    noise : Noise
        Observation model.
    reference : Reference
        Where priors are stated: it belongs to the model and is never computed from a simulation.
    source : Posterior, mapping or None
        Whose draws they are; raw coefficients, the same for every table; None for the prior.
    scatter : float
        Standard deviation of log loss where the coefficients are given, and the noise is not.
    discrepancy : Discrepancy, optional
        What tables of truths from the prior miss beside.
    """

    law: Law
    noise: Noise
    reference: Reference
    source: Posterior | Mapping[str, float] | None
    scatter: float
    discrepancy: Discrepancy | None = None

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        """One truth."""
        if isinstance(self.source, Posterior):
            draws = self.source.draws
            size = next(iter(draws.values())).size
            picked = int(rng.integers(size))
            return {name: float(values.ravel()[picked]) for name, values in draws.items()}
        form, at, scale = self.law.form, self.reference.at, self.reference.loss
        specification = Specification(self.law, self.reference, self.noise, self.discrepancy)
        noise: dict[str, float] = {}
        if self.source is None:
            values = {
                name: float(prior.sample(rng, 1)[0]) for name, prior in specification.priors.items()
            }
            on = {name: values[name] for name in form.parameters}
            noise = {name: values[name] for name in values if name not in form.parameters}
            raw = form.to_raw(on, at, scale)
        else:
            raw = {name: self.source[name] for name in form.parameters}
            on = form.to_on(raw, at, scale)
        found = {specification.site(name): value for name, value in on.items()} | raw | noise
        if form.floor is not None:
            found["T"] = form.predict(at, raw)
        return {name: float(value) for name, value in found.items()}

    def table(
        self, truth: Mapping[str, float], design: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> Runs:
        """What would be observed under a truth."""
        law = self.law
        with np.errstate(all="ignore"):
            centre = log_value(law, design, truth, self.reference.loss)
            if self.noise.priors.keys() <= truth.keys():
                away = self.noise.draw(rng, truth, centre.shape)
            else:
                away = self.scatter * rng.standard_normal(centre.shape)
            if self.discrepancy is not None and self.discrepancy.priors.keys() <= truth.keys():
                away = away + self.discrepancy.draw(rng, truth, design)
            loss = np.exp(centre + away)
        names = [*law.variables, law.predicts]
        table = pd.DataFrame({**design, law.predicts: loss}, dtype=float)[names]
        if isinstance(self.source, Posterior):
            table = pd.concat([self.source.runs.table[names], table], ignore_index=True)
        return Runs(table=table, source="simulated", variables=tuple(names))

    def simulated(
        self, designs: Callable[[int], Mapping[str, np.ndarray]], seed: int, number: int
    ) -> Simulated:
        """One simulation: the same however many there are, and in any round."""
        rng = np.random.default_rng([seed, number, 1])
        truth = self.draw(rng)
        runs = self.table(truth, designs(number), rng)
        return Simulated(truth, runs, np.random.default_rng([seed, number, 2]))

    def sane(self, runs: Runs) -> bool:
        """Whether losses are such that the table would be fitted at all."""
        share = runs.column(self.law.predicts) / self.reference.loss
        return bool(np.all((share > _SANE[0]) & (share < _SANE[1])))


def log_value(
    law: Law, columns: Mapping[str, Any], raw: Mapping[str, Any], scale: float
) -> np.ndarray:
    """Log of the law's value as the model has it, which goes on below zero."""
    value = law.form.predict(columns, {name: raw[name] for name in law.parameters})
    low = SMALLEST_SHARE * scale
    line = np.log(low) + (value - low) / low
    return np.asarray(np.where(value > low, np.log(np.maximum(value, low)), line))


def moved_priors(law: Law, factors: float) -> Law:
    """The same law with every prior median moved up."""
    moved = {}
    for name, entry in law.parameters.items():
        prior = entry.prior
        if prior.family == "lognormal":
            median = prior.location * prior.spread**factors
            moved[name] = {"median": median, "factor": prior.spread, "low": prior.low}
        else:
            moved[name] = {"mean": prior.location + prior.spread * factors, "sd": prior.spread}
        moved[name] |= {"family": prior.family}
    return law.with_priors(**moved)
