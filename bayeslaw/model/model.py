"""A law with its noise, discrepancy and groups as a NumPyro model, and the numbers it runs on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import jax
import numpy as np

from bayeslaw.law import Form
from bayeslaw.model.discrepancy import Discrepancy, log_density
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool

#: Below this share of the reference loss a prediction's logarithm goes on as a straight line, so
#: that absurd coefficients are unlikely instead of undefined.
SMALLEST_SHARE = 1e-3


#: NumPy's until put on a device.
type Array = np.ndarray | jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Data:
    """The input of a compiled model: numbers only, so that a second table compiles nothing.

    Few arrays, since every array costs a call a few microseconds; NumPy's until they are put on a
    device.

    Attributes
    ----------
    table : array of shape (columns, runs)
        Precomputed functions of the runs' variables.
    point, scale : array of shape (variables,), float
        The reference run, and the reference value of the predicted quantity.
    numbers : array of shape (parameters, 3)
        Centre, scale and lower end of each prior.
    observed, errors : array of shape (runs,)
        Log of the observed quantity; its standard errors, where the table states them.
    counted : array of bool of shape (runs,)
        False for rows that only fill a table up to a size that others have.
    names, variables, sampled : tuple of str
        Names of the rows of ``table``, ``point`` and ``numbers``.
    inputs, weights : array of shape (inputs, runs), array of shape (runs,), optional
        Standardised inputs of the discrepancy, and factors of each run's noise precision.
    places : array of int of shape (pooled, runs), optional
        The group of each run, for each coefficient that varies by group.
    firsts : array of int of shape (groups of the floor,), optional
        A run of each group, where the floors of groups are sampled by themselves.
    points : array of shape (variables, groups of the floor), optional
        The typical run of each of these groups.
    """

    table: Array
    point: Array
    scale: float | jax.Array
    numbers: Array
    observed: Array
    counted: Array
    names: tuple[str, ...] = field(metadata={"static": True})
    variables: tuple[str, ...] = field(metadata={"static": True})
    sampled: tuple[str, ...] = field(metadata={"static": True})
    inputs: Any = None
    weights: Any = None
    errors: Array | None = None
    places: Array | None = None
    firsts: Array | None = None
    points: Array | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """Precomputed columns by name, each of shape (runs,)."""
        return {name: self.table[i] for i, name in enumerate(self.names)}

    def residuals(self, centre: Any) -> Any:
        """Log losses less their centre, zero where a row does not count."""
        return (self.observed - centre) * self.counted

    @property
    def at(self) -> dict[str, Any]:
        """The reference run by canonical variable."""
        return {name: self.point[i] for i, name in enumerate(self.variables)}

    @property
    def priors(self) -> dict[str, Any]:
        """Centre, scale and lower end by parameter, each of shape (3,)."""
        return {name: self.numbers[i] for i, name in enumerate(self.sampled)}


def prior_site(form: Form, name: str) -> str:
    """Sample site of a parameter: a prior stated on something else is sampled as that."""
    on = dict(form.on).get(name)
    return name if on is None or on.text == name else f"{name}_on"


@dataclass(frozen=True)
class Model:
    """A NumPyro model of the form of a law; hashable, so that compiled code is found again.

    ``families`` are the prior families of every sampled parameter, the noise's included.
    """

    form: Form
    families: tuple[tuple[str, str], ...]
    noise: Noise
    predicts: str
    discrepancy: Discrepancy | None = None
    pool: tuple[Pool, ...] = ()

    @property
    def sampled(self) -> tuple[str, ...]:
        """Parameters of law and noise, in order."""
        return tuple(name for name, _ in self.families)

    def site(self, name: str) -> str:
        """Sample site of a parameter."""
        return prior_site(self.form, name)

    def __call__(self, data: Data) -> None:
        """Run the model under NumPyro's handlers."""
        import jax.numpy as jnp
        import numpyro

        values = {
            name: numpyro.sample(self.site(name), _distribution(family, data.priors[name]))
            for name, family in self.families
        }
        raw = self.raw(values, data, jnp)
        for name, value in raw.items():
            if self.site(name) != name:
                numpyro.deterministic(name, value)
        if self.pool:
            raw = self.of_groups(raw, values, data, data.places, jnp)
            values = self.noise_of_groups(values, data, data.places, jnp)
        centre = self.centre(raw, data)
        if self.discrepancy is not None:
            centre, values = self._with_misfit(centre, values, data)
        observation = self.noise.distribution(centre, values, data.errors).mask(data.counted)
        numpyro.sample(f"ln_{self.predicts}", observation, obs=data.observed)

    def _with_misfit(
        self, centre: jax.Array, values: Mapping[str, Any], data: Data
    ) -> tuple[jax.Array, dict[str, Any]]:
        """The misfit of every run as a variable, which leaves the noise as it is."""
        import jax.numpy as jnp
        import numpyro
        from numpyro import distributions as dist

        assert self.discrepancy is not None
        values = dict(values)
        if "noise_df" in self.noise.priors:
            numbers = jnp.array(self.noise.priors["noise_df"].numbers)
            values["noise_df"] = numpyro.sample("noise_df", _distribution("lognormal", numbers))
        white = numpyro.sample("misfit_white", dist.Normal().expand(centre.shape).to_event(1))
        # Infinite weights leave out the noise.
        noiseless = jnp.ones(len(centre)) * jnp.inf
        covariance = self.discrepancy.marginal_covariance(values, data.inputs, noiseless)
        misfit = numpyro.deterministic("misfit", jnp.linalg.cholesky(covariance) @ white)
        return centre + misfit, values

    def log_likelihood(self, centre: jax.Array, values: Mapping[str, Any], data: Data) -> jax.Array:
        """Log density of all log losses, misfit integrated out."""
        if self.discrepancy is None:
            observation = self.noise.distribution(centre, values, data.errors)
            density: jax.Array = observation.log_prob(data.observed) @ data.counted
            return density
        # Rows that do not count are apart, each of variance one: only their constant is left.
        constant = 0.5 * math.log(2.0 * math.pi) * (~data.counted).sum()
        return log_density(data.residuals(centre), self.covariance(values, data)) + constant

    def covariance(self, values: Mapping[str, Any], data: Data) -> jax.Array:
        """Covariance of log losses around the law, of variance one where a row does not count."""
        import jax.numpy as jnp

        assert self.discrepancy is not None
        covariance = self.discrepancy.marginal_covariance(
            values, data.inputs, data.weights, data.errors
        )
        together = data.counted[:, None] & data.counted
        return jnp.where(together, covariance, jnp.eye(len(covariance)))

    def raw(self, values: Mapping[str, Any], data: Data, xp: ModuleType) -> dict[str, Any]:
        """The paper's coefficients from the quantities that priors are stated on."""
        on = {name: values[name] for name in self.form.parameters if name in values}
        return self.form.to_raw(on, data.at, data.scale, xp)

    def of_groups(
        self,
        raw: Mapping[str, Any],
        values: Mapping[str, Any],
        data: Data,
        places: Any,
        xp: ModuleType,
    ) -> dict[str, Any]:
        """Raw coefficients of groups, one place for each pooled coefficient, from common ones."""
        families, priors = dict(self.families), data.priors
        moved = dict(values)
        for pool, place in zip(self.pool, places, strict=True):
            name = pool.parameter
            if name not in self.form.parameters:
                continue
            moved[name] = pool.move(values, priors[name], families[name], place, xp)
        common, own = self.raw(values, data, xp), self.raw(moved, data, xp)
        return {name: raw[name] + (own[name] - common[name]) for name in raw}

    def noise_of_groups(
        self, values: Mapping[str, Any], data: Data, places: Any, xp: ModuleType
    ) -> dict[str, Any]:
        """Parameters with those of the noise of groups, one place for each pooled coefficient."""
        families, priors = dict(self.families), data.priors
        moved = dict(values)
        for pool, place in zip(self.pool, places, strict=True):
            name = pool.parameter
            if name in self.noise.priors:
                moved[name] = pool.move(values, priors[name], families[name], place, xp)
        return moved

    def centre(self, raw: Mapping[str, Any], data: Data) -> jax.Array:
        """Log of the law's value at the runs."""
        import jax.numpy as jnp

        from bayeslaw.core.elementary import log

        formula, _ = self.form.hoisted
        value = formula.scope({**data.columns, **raw}, jnp)[formula.result]
        low = SMALLEST_SHARE * data.scale
        line = jnp.log(low) + (value - low) / low
        return jnp.where(value > low, log(jnp.maximum(value, low)), line)


def _distribution(family: str, numbers: Any) -> Any:
    from numpyro import distributions as dist
    from numpyro.distributions import constraints

    centre, scale, low = numbers[0], numbers[1], numbers[2]
    if family == "normal":
        return dist.Normal(centre, scale)
    shift = dist.transforms.AffineTransform(low, 1.0, domain=constraints.positive)
    return dist.TransformedDistribution(dist.LogNormal(centre, scale), shift)
