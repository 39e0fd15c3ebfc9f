"""A fit near its medians: residuals of log loss, and slopes of the law in its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.model.identifiability import effects
from bayeslaw.posterior.evaluation import evaluate
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs

#: Part of a bend that parameters leave: where it is less, linearisation would decide.
OWN = 0.05
#: Enough draws for a median, and to judge the shape of noise by.
SOME_DRAWS = 200
# Of more configurations than this, fewer draws are evaluated, down to these; a part at a time.
_MANY, _FEWEST_DRAWS = 20_000, 20
# Length of a direction, a prior standard deviation long, in standard deviations of the noise.
_ROOM = 3.0


@dataclass(frozen=True)
class Linearised:
    """What a fit leaves of runs, and what it could still take up.

    ``values`` are the law's at some draws, of shape (draws, runs), ``some`` their places; their
    median ``value`` and ``residuals`` of log loss from that have shape (runs,); ``slopes`` of log
    prediction, of shape (runs, parameters), are in prior standard deviations;
    ``taken``, of shape (runs, rank), are the orthonormal directions that parameters take up: those
    along which the prior leaves them more room than a few standard deviations of the noise.
    """

    some: np.ndarray
    values: np.ndarray
    value: np.ndarray
    residuals: np.ndarray
    slopes: np.ndarray
    taken: np.ndarray

    @classmethod
    def of(cls, posterior: Posterior, runs: Runs) -> Linearised | None:
        """At some runs, unless the law is not finite there."""
        law, model = posterior.law, posterior.model
        columns = model.columns(runs)
        some = some_draws(model.size)
        values = values_of(model, some, columns)
        value = np.median(values, axis=0)
        with np.errstate(all="ignore"):
            residuals = np.log(runs.column(law.predicts) / value)
        slopes = log_slopes(posterior, columns, value)
        if slopes is None or not np.isfinite(residuals).all():
            return None
        for pool in posterior.pool:
            if pool.parameter not in law.parameters:
                continue
            # A coefficient of each group's own.
            own = slopes[:, [list(law.parameters).index(pool.parameter)]]
            places = pool.places(columns[pool.column])
            slopes = np.hstack([slopes, own * (places[:, None] == np.arange(len(pool.groups)))])
        basis, sizes, _ = np.linalg.svd(slopes, full_matrices=False)
        noise = float(np.median(posterior.draws["noise_scale"]))
        return cls(some, values, value, residuals, slopes, basis[:, sizes > _ROOM * noise])


def typical_value(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Median of the law's value over some draws, of shape (configurations,)."""
    model, size = posterior.model, len(next(iter(columns.values())))
    # So many configurations come of as many runs, which leave draws little to differ in.
    few = max(_FEWEST_DRAWS, SOME_DRAWS * _MANY // max(size, _MANY))
    some = some_draws(model.size, few)
    parts = [
        np.median(
            values_of(model, some, {n: v[first : first + _MANY] for n, v in columns.items()}),
            axis=0,
        )
        for first in range(0, size, _MANY)
    ]
    return np.concatenate(parts)


def values_of(
    model: FittedModel, some: np.ndarray, columns: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The law's values of some draws alone, of shape (draws kept, configurations)."""
    fewer = {name: values.reshape(1, -1)[:, some] for name, values in model.draws.items()}
    with np.errstate(all="ignore"):
        return evaluate(replace(model, draws=fewer), columns)


def log_slopes(
    posterior: Posterior, columns: Mapping[str, np.ndarray], value: np.ndarray
) -> np.ndarray | None:
    """Slopes of log prediction at the medians, of shape (configurations, parameters)."""
    law, reference = posterior.law, posterior.reference
    letters = law.form.in_letters({name: columns[name] for name in law.variables})
    slopes = effects(law, letters, reference, in_prior_sds(posterior, posterior.model.medians))
    return None if slopes is None else slopes * (reference.loss / value)[:, None]


def orthonormal(columns: np.ndarray, least: float) -> np.ndarray:
    """Orthonormal basis of columns without their small directions."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, sizes > least])


def some_draws(size: int, most: int = SOME_DRAWS) -> np.ndarray:
    """Evenly spaced draws."""
    return np.linspace(0, size - 1, min(size, most)).astype(int)


def in_prior_sds(posterior: Posterior, values: Mapping[str, float]) -> np.ndarray:
    """Parameters in standard deviations from the centre of each prior."""
    parameters = posterior.law.parameters.items()
    return np.array([entry.prior.standardise(values[name]) for name, entry in parameters])
