"""Draws of predictions: the law's value, a new run, and a measured value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, check_names, whole
from bayeslaw.core.intervals import Interval, interval
from bayeslaw.law import Law
from bayeslaw.posterior.evaluation import evaluate
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.misfit import misfit
from bayeslaw.runs import Runs, read_runs
from bayeslaw.runs.geometry import extrapolation_factor
from bayeslaw.runs.read import configurations
from bayeslaw.runs.replicates import find_replicates

Level = Literal["law", "run", "observation"]
LEVELS: tuple[Level, ...] = ("law", "run", "observation")
# Largest number of array elements in memory at once.
_CELLS = 2_000_000


def given_configurations(
    new: Runs | pd.DataFrame | Mapping[str, Any] | None, variables: Mapping[str, Any]
) -> Runs | pd.DataFrame | Mapping[str, Any]:
    """Configurations that a call gives as a table or as variables by name."""
    if new is not None and not variables:
        return new
    if new is None and variables:
        return variables
    names = ", ".join(variables)
    problem = f"a table and {names} beside it" if variables else "no configurations"
    raise RequestError(problem, place="predict", remedy="Give a table, or N=..., D=... alone")


def read_configurations(
    new: Runs | pd.DataFrame | Mapping[str, Any], law: Law, given: Collection[str] = ()
) -> Runs:
    """Configurations in any form as a table with the law's variables, checked."""
    check_names(given, law.variables, f"{law.name} has no variable {{!r}}", place="predict")
    if not isinstance(new, Runs):
        new = read_runs(configurations(new))
    new.require(law.variables, purpose=f"a prediction of {law.name}")
    return new


def bands(
    model: FittedModel,
    new: Runs | pd.DataFrame | Mapping[str, Any] | None,
    variables: Mapping[str, Any],
    level: Level,
    ci_prob: float,
    seed: int,
) -> pd.DataFrame:
    """Intervals of predictions, and how far each lies beyond the runs."""
    table = read_configurations(given_configurations(new, variables), model.law, variables)
    draws = predictive(model, model.columns(table), level=level, seed=seed)
    parts = [interval(block, ci_prob) for block in draws] or [Interval(*np.empty((3, 0)))]
    low, median, high = (np.concatenate(part) for part in zip(*parts, strict=True))
    frame = pd.DataFrame({"median": median, "low": low, "high": high}, index=table.table.index)
    return frame.assign(**beyond(model, table))


def beyond(model: FittedModel, table: Runs) -> dict[str, np.ndarray]:
    """How far configurations lie beyond the runs, and in which variable most."""
    factor, variable = extrapolation_factor(model.runs, table.columns(model.law.variables))
    return {"extrapolation_factor": factor, "variable": variable}


def blocks(columns: Mapping[str, np.ndarray], draws: int) -> Iterator[dict[str, np.ndarray]]:
    """Some configurations at a time, so that all draws of them fit into memory."""
    step = max(1, _CELLS // draws)
    for first in range(0, len(next(iter(columns.values()))), step):
        yield {name: values[first : first + step] for name, values in columns.items()}


def predictive(
    model: FittedModel, columns: Mapping[str, np.ndarray], *, level: Level = "law", seed: int = 0
) -> Iterator[np.ndarray]:
    """Draws of a prediction as ``Posterior.predict`` summarises it, some configurations at a time.

    Each block has shape (draws, some configurations) and the unit of the law.
    """
    if level not in LEVELS:
        raise RequestError(f"unknown level {level!r}", remedy=f"One of {', '.join(LEVELS)}")
    rng = np.random.default_rng(whole(seed, "seed", place="predict"))
    for block in blocks(columns, model.size):
        value = evaluate(model, block)
        if level == "law":
            yield value
            continue
        kept, mean, sd = misfit(model, block)
        shift = mean + sd * rng.standard_normal(mean.shape)
        shift = shift + np.broadcast_to(model.extrapolation_error(block), value.shape)[kept]
        if level == "observation" or model.specification.discrepancy is None:
            noise, errors = model.noise_draws(kept, block), None
            if level == "run":
                # Misfit variance is noise variance less replicate variance; poor tuning is misfit.
                share = _replicate_sd(model, block) / noise["noise_scale"]
                noise["noise_scale"] = noise["noise_scale"] * np.sqrt(
                    np.maximum(1.0 - share**2, 0.0)
                )
            elif (typical := model.runs.typical_error(model.law.predicts)) > 0:
                errors = np.full(shift.shape[1], typical)
            shift = shift + model.noise.draw(rng, noise, shift.shape, errors)
        yield value[kept] * np.exp(shift)


def log_law(model: FittedModel, runs: Runs) -> np.ndarray:
    """Logarithm of the law's value for every draw: minus infinity where it is not positive."""
    value = evaluate(model, model.columns(runs))
    possible = value > 0
    return np.where(possible, np.log(np.where(possible, value, 1.0)), -np.inf)


def noise_density(
    model: FittedModel,
    centre: np.ndarray,
    measured: np.ndarray,
    errors: np.ndarray | None,
    columns: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Log density of log losses around ``centre``, minus infinity where that is not finite."""
    noise, possible = model.noise_draws(columns=columns), np.isfinite(centre)
    near = np.where(possible, centre, 0.0)
    return np.where(possible, model.noise.log_density(measured, near, noise, errors), -np.inf)


def log_likelihood(model: FittedModel, runs: Runs) -> np.ndarray:
    """Log density of the log loss of runs, fitted or new, for every draw: shape (draws, runs)."""
    if model.specification.discrepancy is not None:
        raise RequestError(
            "the pointwise log likelihood is undefined with a discrepancy",
            place="log_likelihood",
            remedy="Fit the law without a discrepancy",
        )
    predicts = model.law.predicts
    measured, errors = np.log(runs.column(predicts)), runs.errors(predicts)
    return noise_density(model, log_law(model, runs), measured, errors, model.columns(runs))


def _replicate_sd(model: FittedModel, columns: Mapping[str, np.ndarray]) -> np.ndarray | float:
    """Standard deviation of log loss between runs of one configuration; zero without any.

    Of each configuration's own group, where groups have noise of their own.
    """
    pool = model.pool_of_noise
    if pool is None or pool.column not in columns:
        return _sd_of(model.runs, model.law.predicts)
    groups, sd = model.runs.labels(pool.column).astype(str).to_numpy(), {}
    labels = columns[pool.column].astype(str)
    for label in np.unique(labels):
        members = groups == label
        sd[label] = _sd_of(model.runs.select(members), model.law.predicts) if members.any() else 0.0
    return np.array([sd[label] for label in labels])


def _sd_of(runs: Runs, predicts: str) -> float:
    noise = find_replicates(runs, predicts)
    return 0.0 if noise is None else noise.beyond_errors
