"""The law's value at configurations, for every draw and with each group's own coefficients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.law import Law
from bayeslaw.posterior.fitted_model import FittedModel


def law_values(
    law: Law, coefficients: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Values of shape (draws, configurations)."""
    draws = {name: np.asarray(coefficients[name])[:, None] for name in law.parameters}
    wide = {name: np.atleast_1d(columns[name])[None, :] for name in law.variables}
    shape = np.broadcast_shapes(*(values.shape for values in (*draws.values(), *wide.values())))
    return np.asarray(np.broadcast_to(law.form.predict(wide, draws), shape))


def evaluate(model: FittedModel, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Values of shape (draws, configurations), by group where ``columns`` names the groups."""
    pools = model.specification.pool
    if not pools or any(pool.column not in columns for pool in pools):
        return law_values(model.law, model.coefficients, columns)
    places = np.stack([pool.places(columns[pool.column]) for pool in pools])
    values = np.empty((model.size, places.shape[1]))
    for group in np.unique(places, axis=1).T:
        members = (places == group[:, None]).all(axis=0)
        block = {
            name: np.broadcast_to(columns[name], len(members))[members]
            for name in model.law.variables
        }
        values[:, members] = law_values(model.law, _group_coefficients(model, group), block)
    return values


def evaluate_with_error(model: FittedModel, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Values with the error that the posterior has beyond its runs, if any, as ``evaluate``."""
    return np.asarray(evaluate(model, columns) * np.exp(model.extrapolation_error(columns)))


def group_draws(model: FittedModel, labels: Mapping[str, str | None]) -> dict[str, np.ndarray]:
    """Draws with the coefficients of one group in the place of the common ones."""
    labels = _with_implied(model, labels)
    _check_labels(model, labels)
    specification, shape = model.specification, model.draws["noise_scale"].shape
    pools, reference = specification.pool, specification.reference
    places = np.array([pool.places([labels[pool.column]])[0] for pool in pools])
    raw = {name: v.reshape(shape) for name, v in _group_coefficients(model, places).items()}
    form = model.law.form
    on = form.to_on(raw, reference.at, reference.loss)
    sites = {specification.site(name): value for name, value in on.items()}
    effects = {name for pool in pools for name in pool.priors}
    draws = {name: value for name, value in model.draws.items() if name not in effects}
    draws |= {name: sites[name] for name in draws if name in sites} | raw
    groups = {name: np.array([labels[name]]) for name in labels}
    for name, values in model.noise_draws(columns=groups).items():
        draws[name] = values.reshape(shape)
    if "T" in draws:
        draws["T"] = form.predict(reference.at, raw)
    return draws


def _group_coefficients(model: FittedModel, places: np.ndarray) -> dict[str, np.ndarray]:
    """Raw coefficients of one group; a place of -1 is a group that no run belongs to."""
    specification, pools = model.specification, model.specification.pool
    places = np.asarray(places)
    names = [*model.law.parameters, *(name for pool in pools for name in pool.priors)]
    values = {name: model.draws[specification.site(name)].ravel() for name in names}
    rng = np.random.default_rng(model.seed)
    for pool, place in zip(pools, places, strict=True):
        if place < 0:
            values[pool.sites[0]] = rng.standard_normal(values[pool.scale].shape)
    numpyro_model, data = specification.build(model.runs)
    known = np.maximum(places, 0)
    return numpyro_model.of_groups(model.coefficients, values, data, known, np)


def _with_implied(model: FittedModel, labels: Mapping[str, str | None]) -> dict[str, str | None]:
    """Labels of every column: those of a column whose labels all runs of the group share."""
    known = dict(labels)
    if labels and all(label is None for label in labels.values()):
        return {**{pool.column: None for pool in model.specification.pool}, **known}
    for column in {pool.column for pool in model.specification.pool} - {*known}:
        runs = model.runs
        named = [
            runs.labels(name).astype(str) == str(v)
            for name, v in labels.items()
            if name in runs.table
        ]
        values = {*runs.labels(column)[np.logical_and.reduce(named)]} if named else set()
        if len(values) == 1:
            known[column] = str(values.pop())
    return known


def _check_labels(model: FittedModel, labels: Mapping[str, str | None]) -> None:
    problem = remedy = ""
    pools = model.specification.pool
    columns = sorted({pool.column for pool in pools})
    if model.specification.discrepancy is not None:
        problem = "a discrepancy is fitted to the runs of all groups together"
        remedy = "Name the group in the configurations to predict, or fit without a discrepancy"
    elif not pools:
        problem = "no coefficient varies by group"
        remedy = 'Fit with pool=, such as fit(runs, law, pool=["E"])'
    elif sorted(labels) != columns:
        problem = f"coefficients vary by {', '.join(columns)}"
        remedy = f"Name each: of_group({', '.join(f'{name}=...' for name in columns)})"
    else:
        for pool in pools:
            label = labels[pool.column]
            if label is not None and str(label) not in pool.groups:
                problem = f"no run has the {pool.column} {label!r}"
                remedy = nearest(str(label), pool.groups)
    if problem:
        raise RequestError(problem, place="of_group", remedy=remedy)
