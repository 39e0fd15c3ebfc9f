"""Law, runs and noise as a plain NumPyro model, which any NumPyro tool can take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from bayeslaw.law import Form, Law, Prior
from bayeslaw.law.library import law as load_law
from bayeslaw.model.discrepancy import Discrepancy, log_density
from bayeslaw.model.noise import Noise, noise as load_noise
from bayeslaw.model.options import Asked, discrepancy as load_discrepancy
from bayeslaw.model.pooling import Asked as Pooled, Pool, by_group, pooled as load_pool

if TYPE_CHECKING:
    from bayeslaw.runs import Reference, Runs

#: Below this share of the reference loss a prediction's logarithm goes on as a straight line, so
#: that absurd coefficients are unlikely instead of undefined.
SMALLEST_SHARE = 1e-3


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "table",
        "point",
        "scale",
        "numbers",
        "observed",
        "counted",
        "inputs",
        "weights",
        "errors",
        "places",
    ),
    meta_fields=("names", "variables", "sampled"),
)
@dataclass(frozen=True)
class Data:
    """What a compiled model is given: numbers only, so that a second table compiles nothing.

    They travel as six arrays, since every array costs a call a few microseconds.

    Attributes
    ----------
    table : ndarray of shape (columns, runs)
        Precomputed functions of the runs' variables.
    point : ndarray of shape (variables,)
        The reference run.
    scale : float
        Reference value of the predicted quantity.
    numbers : ndarray of shape (parameters, 3)
        Centre, scale and lower end of each prior.
    observed : ndarray of shape (runs,)
        Log of the observed quantity.
    counted : ndarray of bool of shape (runs,)
        False for rows that only fill a table up to a size that others have.
    names, variables, sampled : tuple of str
        What the rows of ``table``, ``point`` and ``numbers`` are.
    inputs : ndarray of shape (inputs, runs), optional
        Standardised inputs of the discrepancy.
    weights : ndarray of shape (runs,), optional
        By which the precision of each run's noise is multiplied where misfit is integrated out.
    errors : ndarray of shape (runs,), optional
        Standard errors of ``observed``, where the table states them.
    places : ndarray of int of shape (pooled, runs), optional
        The group of each run, for each coefficient that varies by group.
    """

    table: Any
    point: Any
    scale: Any
    numbers: Any
    observed: Any
    counted: Any
    names: tuple[str, ...]
    variables: tuple[str, ...]
    sampled: tuple[str, ...]
    inputs: Any = None
    weights: Any = None
    errors: Any = None
    places: Any = None

    @property
    def columns(self) -> dict[str, Any]:
        """Precomputed columns by name, each of shape (runs,)."""
        return {name: self.table[i] for i, name in enumerate(self.names)}

    @property
    def at(self) -> dict[str, Any]:
        """The reference run by canonical variable."""
        return {name: self.point[i] for i, name in enumerate(self.variables)}

    @property
    def priors(self) -> dict[str, Any]:
        """Centre, scale and lower end by parameter, each of shape (3,)."""
        return {name: self.numbers[i] for i, name in enumerate(self.sampled)}


def on_site(form: Form, name: str) -> str:
    """Name under which the quantity that a prior is stated on is sampled."""
    return name if dict(form.on)[name].text == name else f"{name}_on"


@dataclass(frozen=True)
class Model:
    """A NumPyro model of the form of a law; hashable, so that compiled code is found again.

    Attributes
    ----------
    form : Form
        The law without its numbers.
    families : tuple of (str, str)
        Prior family of every sampled parameter, the noise's included.
    noise : Noise
        Observation model.
    predicts : str
        The observed quantity.
    discrepancy : Discrepancy or None
        What the law misses.
    pool : tuple of Pool
        Coefficients that vary by group.
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
        return on_site(self.form, name) if name in self.form.parameters else name

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
        centre = self.centre(self.of_runs(raw, values, data), data)
        if self.discrepancy is not None:
            centre, values = self._with_misfit(centre, values, data)
        scatter = self.noise.distribution(centre, values, data.errors).mask(data.counted)
        numpyro.sample(f"ln_{self.predicts}", scatter, obs=data.observed)

    def _with_misfit(
        self, centre: Any, values: Mapping[str, Any], data: Data
    ) -> tuple[Any, dict[str, Any]]:
        """The misfit of every run as a variable, which leaves the noise as it is."""
        import jax.numpy as jnp
        import numpyro
        from numpyro import distributions as dist

        assert self.discrepancy is not None
        values = dict(values)
        if "noise_df" in self.noise.priors:
            numbers = jnp.array(self.noise.priors["noise_df"].numbers)
            values["noise_df"] = numpyro.sample("noise_df", _distribution("lognormal", numbers))
        rough = numpyro.sample("misfit_white", dist.Normal().expand(centre.shape).to_event(1))
        far = jnp.ones(len(centre)) * jnp.inf
        root = jnp.linalg.cholesky(self.discrepancy.of_runs(values, data.inputs, far))
        return centre + numpyro.deterministic("misfit", root @ rough), values

    def log_likelihood(self, centre: Any, values: Mapping[str, Any], data: Data) -> Any:
        """Log density of all log losses, misfit integrated out."""
        if self.discrepancy is None:
            scatter = self.noise.distribution(centre, values, data.errors)
            return scatter.log_prob(data.observed) @ data.counted
        covariance = self.discrepancy.of_runs(values, data.inputs, data.weights, data.errors)
        return log_density(data.observed - centre, covariance)

    def raw(self, values: Mapping[str, Any], data: Data, xp: ModuleType) -> dict[str, Any]:
        """The paper's coefficients from what the priors are stated on."""
        on = {name: values[name] for name in self.form.parameters if name in values}
        return self.form.to_raw(on, data.at, data.scale, xp)

    def of_runs(
        self, raw: Mapping[str, Any], values: Mapping[str, Any], data: Data
    ) -> Mapping[str, Any]:
        """Raw coefficients of each run, from the common ones."""
        if not self.pool:
            return raw
        import jax.numpy as jnp

        places = {one.parameter: data.places[i] for i, one in enumerate(self.pool)}
        families, priors = dict(self.families), data.priors
        apart = by_group(
            self.pool, self.form, families, priors, values, places, data.at, data.scale, jnp
        )
        return {name: raw[name] + apart[name] for name in raw}

    def centre(self, raw: Mapping[str, Any], data: Data) -> Any:
        """Log of the law's value at the runs."""
        import jax.numpy as jnp

        formula, _ = self.form.hoisted
        value = formula.scope({**data.columns, **raw}, jnp)[formula.result]
        low = SMALLEST_SHARE * data.scale
        line = jnp.log(low) + (value - low) / low
        return jnp.where(value > low, jnp.log(jnp.maximum(value, low)), line)


def _distribution(family: str, numbers: Any) -> Any:
    from numpyro import distributions as dist
    from numpyro.distributions import constraints

    centre, scale, low = numbers[0], numbers[1], numbers[2]
    if family == "normal":
        return dist.Normal(centre, scale)
    shift = dist.transforms.AffineTransform(low, 1.0, domain=constraints.positive)
    return dist.TransformedDistribution(dist.LogNormal(centre, scale), shift)


def all_priors(
    law: Law,
    noise: Noise,
    discrepancy: Discrepancy | None = None,
    pool: tuple[Pool, ...] = (),
) -> dict[str, Prior]:
    """Priors of every parameter."""
    found = {name: one.prior for name, one in law.parameters.items()}
    for one in pool:
        found |= one.priors
    found |= noise.priors
    return found if discrepancy is None else {**found, **discrepancy.priors}


def build(
    law: Law,
    runs: Runs,
    reference: Reference,
    noise: Noise,
    discrepancy: Discrepancy | None = None,
    *,
    pool: tuple[Pool, ...] = (),
    rows: int | None = None,
) -> tuple[Model, Data]:
    """The model and what it is given."""
    priors = all_priors(law, noise, discrepancy, pool)
    inputs = weights = None
    if discrepancy is not None:
        # Outliers are told by weights, from which its degrees of freedom follow.
        priors.pop("noise_df", None)
        seen = runs.arrays(discrepancy.columns)
        inputs, weights = discrepancy.inputs(seen, seen), np.ones(len(runs))
    families = tuple((name, prior.family) for name, prior in priors.items())
    model = Model(law.form, families, noise, law.predicts, discrepancy, pool)
    columns = law.form.hoist(runs.columns(law.variables))
    # Copies of the first run: numbers at which the law can be evaluated.
    taken = np.arange(max(len(runs), rows or 0) if discrepancy is None else len(runs))
    counted = taken < len(runs)
    taken[~counted] = 0
    errors = runs.errors(law.predicts)
    data = Data(
        table=np.stack([np.broadcast_to(one, len(runs))[taken] for one in columns.values()]),
        point=np.array([reference.at[name] for name in law.variables]),
        scale=reference.loss,
        numbers=np.array([prior.numbers for prior in priors.values()]),
        observed=np.log(runs.column(law.predicts))[taken],
        counted=counted,
        names=tuple(columns),
        variables=law.variables,
        sampled=tuple(priors),
        inputs=inputs,
        weights=weights,
        errors=None if errors is None else errors[taken],
        places=np.stack([one.numbers(runs.labels(one.column)) for one in pool])[:, taken]
        if pool
        else None,
    )
    return model, data


def numpyro_model(
    runs: Runs,
    law: str | Law,
    *,
    noise: str = "student_t",
    discrepancy: Asked = None,
    pool: Pooled = (),
    reference: Reference | None = None,
) -> Callable[[], None]:
    """A NumPyro model without arguments: priors as in the card, log loss observed.

    With a discrepancy the misfit of every run is a variable of the model.

    Parameters
    ----------
    runs : Runs
        The table.
    law : str or Law
        The law.
    noise : {"student_t", "normal", "undertuned"}
        Observation model.
    discrepancy : {"gp", "group", "growth"}, kernel, a sequence of them or None
        What the law misses, as for ``fit``.
    pool : sequence of str or mapping of str to str
        Coefficients that vary by group, as for ``fit``.
    reference : Reference, optional
        The reference run; the table's own unless given.

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
        If there is no such noise or discrepancy.
    """
    from bayeslaw.runs import Reference as _Reference

    one = load_law(law)
    reference = reference or _Reference.of(runs, one.variables, one.predicts)
    misses = load_discrepancy(discrepancy, one, runs, place="numpyro_model")
    observation = load_noise(noise, replicate=misses is not None)
    varying = load_pool(pool, one, runs, place="numpyro_model")
    model, data = build(one, runs, reference, observation, misses, pool=varying)
    return partial(model, data)
