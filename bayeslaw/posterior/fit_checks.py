"""Model checks of a fit: correlated residuals, shape of the noise, prior-data conflict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from bayeslaw.core.intervals import interval
from bayeslaw.core.notes import Note
from bayeslaw.model.noise import NOISES
from bayeslaw.posterior.along import along_notes, judged_runs, look_along
from bayeslaw.posterior.linearised import Linearised, in_prior_sds
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.statistics import loo_pit, neighbour_correlation, uniform_p_value
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import standardised
from bayeslaw.runs.replicates import find_replicates

# A check's p-value below this gives a note.
_SMALLEST_P = 0.005
_LARGEST_TABLE = 500
_FEWEST_RUNS = 8
# Outer share of the prior, over all parameters together.
_OUTER = 0.01
_REMEDY = 'Fit with method="laplace" and discrepancy="gp"; compare other laws'


def fit_checks(posterior: Posterior, linear: Linearised | None) -> tuple[Note, ...]:
    """Warnings about the fit; ``linear`` is what ``judged`` returns."""
    return (
        *_beyond_replicates(posterior),
        *_shared_misfit(posterior, linear),
        *along_notes(posterior, () if linear is None else look_along(posterior, linear)),
        *_noise_shape(posterior, linear),
        *_prior_conflict(posterior),
    )


def left_out_pit(posterior: Posterior, linear: Linearised) -> np.ndarray:
    """Leave-one-out PIT values of the judged runs: uniform if the noise is as modelled."""
    model, runs = posterior.model, judged_runs(posterior.runs)
    centre = np.log(linear.values)
    noise = model.noise_draws(linear.some, model.columns(runs))
    predicts = posterior.law.predicts
    measured, errors = np.log(runs.column(predicts)), runs.errors(predicts)
    density = model.noise.log_density(measured, centre, noise, errors)
    rng = np.random.default_rng(0)
    drawn = centre + model.noise.draw(rng, noise, centre.shape, errors)
    return loo_pit(density, drawn < measured)


def neighbours_agree(posterior: Posterior, linear: Linearised) -> tuple[float, float, float] | None:
    """What ``neighbour_correlation`` finds of the judged runs, unless there are too few."""
    law, runs = posterior.law, judged_runs(posterior.runs)
    rows = np.ones(len(runs), dtype=bool)
    if len(runs) > _LARGEST_TABLE:
        rows[:] = False
        rows[np.random.default_rng(0).choice(len(runs), _LARGEST_TABLE, replace=False)] = True
        runs = runs.select(rows)
    constant = runs.constant(law.variables)
    names = [name for name in law.variables if name not in constant]
    if not names or len(runs) < len(law.parameters) + _FEWEST_RUNS:
        return None
    inputs, _, _ = standardised(runs, names)
    return neighbour_correlation(linear.residuals[rows], inputs, linear.slopes[rows])


def _beyond_replicates(posterior: Posterior) -> Iterator[Note]:
    """Noise larger than that of replicates is misfit, by group where groups have their own."""
    if posterior.discrepancy is not None or posterior.info.method == "mode":
        return
    pool, runs = posterior.model.pool_of_noise, posterior.runs
    groups: list[tuple[str, Runs, dict[str, np.ndarray] | None]] = [("", runs, None)]
    if pool is not None:
        labels = runs.labels(pool.column).astype(str).to_numpy()
        parts = {group: runs.select(labels == group) for group in pool.groups}
        groups = [(f"{g}: ", part, {pool.column: np.array([g])}) for g, part in parts.items()]
    for name, part, columns in groups:
        noise = find_replicates(part, posterior.law.predicts)
        if noise is None:
            continue
        drawn = posterior.model.noise_draws(columns=columns)["noise_scale"]
        # Replicates differ by measurement errors too, which the fitted scale excludes.
        scale = interval(np.hypot(drawn.ravel(), noise.error))
        if scale.low >= noise.high:
            message = (
                f"{name}misfit: the fitted noise scale is {float(scale.median) / noise.sd:.2g} "
                f"times the noise of {noise.runs} replicates ({scale.median:.2g} against "
                f"{noise.sd:.2g} of log loss, at most {noise.high:.2g}). Intervals on optima may "
                "be far too narrow"
            )
            yield Note("beyond_replicates", "warning", message, _REMEDY)


def _shared_misfit(posterior: Posterior, linear: Linearised | None) -> Iterator[Note]:
    """Correlated residuals of neighbouring runs are misfit."""
    agreement = None if linear is None else neighbours_agree(posterior, linear)
    if agreement is not None and agreement[1] <= _SMALLEST_P:
        found, p_value, expected = agreement
        message = (
            f"residuals of neighbouring runs are correlated: {found:.3f}, where independent noise "
            f"gives {expected:.3f} (p = {p_value:.3f}). The law is misspecified, and intervals on "
            "optima may be far too narrow"
        )
        yield Note("shared_misfit", "warning", message, _REMEDY)


def _noise_shape(posterior: Posterior, linear: Linearised | None) -> Iterator[Note]:
    """Noise of another shape than modelled."""
    if posterior.info.method == "mode" or len(posterior.runs) < _FEWEST_RUNS:
        return
    if linear is None or not ((linear.values > 0) & np.isfinite(linear.values)).all():
        return
    pit = left_out_pit(posterior, linear)
    if (p_value := uniform_p_value(pit)) <= _SMALLEST_P:
        below, middle = float((pit < 0.5).mean()), float((np.abs(pit - 0.5) < 0.25).mean())
        message = (
            f"residuals are not {posterior.noise.name}: leave-one-out PIT values are not uniform "
            f"(p = {p_value:.2g}); {100 * below:.0f}% of runs are below the predictive median and "
            f"{100 * middle:.0f}% within the central half"
        )
        remedy = f"See posterior predictive checks; compare other noise ({', '.join(NOISES)})"
        yield Note("loo_pit", "warning", message, remedy)


def _prior_conflict(posterior: Posterior) -> Iterator[Note]:
    """Prior-data conflict: parameters with posterior medians in the tails of their priors."""
    middle = posterior.model.medians
    limit = -ndtri(_OUTER / 2 / len(middle))
    outer = [
        f"{name} ({middle[name]:.3g}, {distance:+.1f} sd)"
        for name, distance in zip(middle, in_prior_sds(posterior, middle), strict=True)
        if abs(distance) > limit
    ]
    if outer:
        message = (
            f"prior-data conflict: the posterior median of {', '.join(outer)} is in the outer "
            f"{100 * _OUTER:g}% of the prior (all parameters together)"
        )
        remedy = "Check units and columns, or state a wider prior in with_priors(...)"
        yield Note("edge_of_prior", "warning", message, remedy)
