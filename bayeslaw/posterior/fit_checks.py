"""What a fit itself gives reason to doubt: misfit that runs share, priors that are pulled at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta, kstest, norm, rankdata

from bayeslaw.core.compilation import compiled
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note
from bayeslaw.model.identifiability import effects
from bayeslaw.model.noise import NOISES
from bayeslaw.runs.geometry import standardised
from bayeslaw.runs.replicates import find_replicates

if TYPE_CHECKING:
    from bayeslaw.posterior.posterior import Posterior

#: Part of an interval's width that the Monte-Carlo error of its ends may take.
LARGEST_ERROR = 0.1
# Runs are neighbours within about this many standard deviations of the logarithm of the inputs:
# misfit that reaches further is taken up by the coefficients.
_REACH = 1.0
# At random, residuals of neighbours agree as much this rarely.
_RARE = 0.005
_ORDERS, _ROWS, _DRAWS = 400, 500, 200
_FEWEST = 8
_PIT_DRAWS = 500
# Outer share of the prior, over all parameters together.
_OUTER = 0.01
_REMEDY = 'Fit with method="laplace" and discrepancy="gp"; compare what other laws say'


def doubts(posterior: Posterior) -> tuple[Note, ...]:
    """Reasons to doubt a fit that its draws cannot give."""
    return (
        *_beyond_replicates(posterior),
        *_shared_misfit(posterior),
        *_ill_scattered(posterior),
        *_at_the_edge(posterior),
    )


def left_out_pit(posterior: Posterior) -> np.ndarray | None:
    """Where each run lies in what all others predict of it: uniform where scatter is as modelled.

    By importance sampling from the fit to all runs, the weights cut where the mean weight times the
    root of the number of draws is (Ionides 2008), from some hundreds of draws: enough to tell a
    shape by.
    """
    if posterior.discrepancy is not None:
        return None
    runs, law = posterior.runs, posterior.law
    size = next(iter(posterior.draws.values())).size
    some = np.linspace(0, size - 1, min(size, _PIT_DRAWS)).astype(int)
    with np.errstate(all="ignore"):
        centre = np.log(posterior.evaluate(posterior.columns(runs))[some])
    if not np.isfinite(centre).all():
        return None
    measured, errors = np.log(runs.column(law.predicts)), runs.errors(law.predicts)
    noise, rng = posterior.noise_draws(some), np.random.default_rng(0)
    with compiled():
        density = np.asarray(posterior.noise.distribution(centre, noise, errors).log_prob(measured))
    below = centre + posterior.noise.draw(rng, noise, centre.shape, errors) < measured
    weight = np.exp(density.min(axis=0) - density)
    weight = np.minimum(weight, weight.mean(axis=0) * np.sqrt(len(some)))
    return np.asarray((weight * below).sum(axis=0) / weight.sum(axis=0))


def neighbours_agree(posterior: Posterior) -> tuple[float, float] | None:
    """How far residuals of neighbouring runs agree.

    Moran's I of the normal scores of the residuals, the weight of two runs falling with their
    distance in standardised inputs. Under independent noise the residuals are what the law's
    gradient leaves of scores in random order: without that projection they would seem to disagree,
    since a fit takes smooth errors up.
    """
    law, runs, reference = posterior.law, posterior.runs, posterior.reference
    if len(runs) > _ROWS:
        mask = np.zeros(len(runs), dtype=bool)
        mask[np.random.default_rng(0).choice(len(runs), _ROWS, replace=False)] = True
        runs = runs.select(mask)
    constant = runs.constant(law.variables)
    names = [name for name in law.variables if name not in constant]
    if not names or len(runs) < len(law.parameters) + _FEWEST:
        return None
    columns = runs.columns(law.variables)
    size = next(iter(posterior.draws.values())).size
    some = np.linspace(0, size - 1, min(size, _DRAWS)).astype(int)
    with np.errstate(all="ignore"):
        value = np.median(posterior.evaluate(posterior.columns(runs))[some], axis=0)
        left = np.log(runs.column(law.predicts) / value)
    middle = {
        name: float(np.median(posterior.draws[posterior.specification.site(name)]))
        for name in law.parameters
    }
    slopes = effects(law, law.form.in_letters(columns), reference, _in_prior_sds(posterior, middle))
    if slopes is None or not np.isfinite(left).all():
        return None
    # Of log prediction; columns of one length, so that none is lost for its unit.
    slopes = slopes / value[:, None]
    lengths = np.sqrt((slopes**2).sum(axis=0))
    taken, sizes, _ = np.linalg.svd(
        slopes[:, lengths > 0] / lengths[lengths > 0], full_matrices=False
    )
    taken = taken[:, sizes > 1e-7]
    inputs, _, _ = standardised(runs, names)
    apart = ((inputs[:, None, :] - inputs[None, :, :]) ** 2).sum(axis=-1)
    weights = np.exp(-0.5 * apart / _REACH**2)
    np.fill_diagonal(weights, 0.0)
    rng = np.random.default_rng(0)
    scores = norm.ppf((rankdata(left) - 0.5) / len(left))
    orders = np.stack([rng.permutation(scores) for _ in range(_ORDERS)], axis=1)
    orders -= taken @ (taken.T @ orders)
    ours = float(scores @ weights @ scores / (scores @ scores))
    chance = (orders * (weights @ orders)).sum(axis=0) / (orders**2).sum(axis=0)
    rare = float((1 + np.count_nonzero(chance >= ours)) / (1 + _ORDERS))
    return ours / max(float(weights.sum(axis=1).mean()), 1e-300), rare


def _beyond_replicates(posterior: Posterior) -> tuple[Note, ...]:
    """Scatter around the law that replicates do not have is misfit, whatever it is called."""
    if posterior.discrepancy is not None or posterior.info.method == "mode":
        return ()
    measured = posterior.law.predicts
    found = find_replicates(posterior.runs, measured)
    if found is None:
        return ()
    # Replicates differ by the errors of their losses too, which the fitted scale leaves out.
    scale = interval(np.hypot(posterior.draws["noise_scale"].ravel(), found.error))
    if scale.low < found.high:
        return ()
    text = (
        f"misfit: the fitted noise scale is {float(scale.median) / found.sd:.2g} times the noise "
        f"of {found.runs} replicates ({scale.median:.2g} against {found.sd:.2g} of log loss, at "
        f"most {found.high:.2g}). Intervals on optima may cover far less than they say"
    )
    return (Note("beyond_replicates", "warning", text, _REMEDY),)


def _shared_misfit(posterior: Posterior) -> tuple[Note, ...]:
    if posterior.info.settings.discrepancy:
        return ()
    found = neighbours_agree(posterior)
    if found is None or found[1] > _RARE:
        return ()
    correlation, rare = found
    text = (
        f"the law misfits in a way that neighbouring runs share: their residuals correlate by "
        f"{correlation:.2f} (p = {rare:.3f} where noise is independent). Intervals on optima may "
        "cover far less than they say"
    )
    return (Note("shared_misfit", "warning", text, _REMEDY),)


def _ill_scattered(posterior: Posterior) -> tuple[Note, ...]:
    """Scatter of another shape than the noise model's, whether or not neighbours share it."""
    if posterior.info.method == "mode" or len(posterior.runs) < _FEWEST:
        return ()
    found = left_out_pit(posterior)
    if found is None or (rare := float(kstest(found, "uniform").pvalue)) > _RARE:
        return ()
    below, middle = float((found < 0.5).mean()), float((np.abs(found - 0.5) < 0.25).mean())
    text = (
        f"runs do not scatter around what the others predict as {posterior.noise.name} noise does "
        f"(leave-one-out probabilities are not uniform, p = {rare:.2g}): {100 * below:.0f}% lie "
        f"below the median and {100 * middle:.0f}% within the central half"
    )
    remedy = f"See posterior predictive checks; compare other noise ({', '.join(NOISES)})"
    return (Note("loo_pit", "warning", text, remedy),)


def _in_prior_sds(posterior: Posterior, on: Mapping[str, float]) -> np.ndarray:
    """What priors are stated on, in standard deviations from each prior's centre."""
    found = []
    for name, entry in posterior.law.parameters.items():
        centre, scale, low = entry.prior.numbers
        value = on[name]
        if entry.prior.family == "lognormal":
            value = np.log(value - low)
        found.append((value - centre) / scale)
    return np.array(found)


def _at_the_edge(posterior: Posterior) -> tuple[Note, ...]:
    """Parameters most of whose draws lie where the prior hardly had any."""
    law = posterior.law
    limit = norm.isf(_OUTER / 2 / len(law.parameters))
    middle = {
        name: float(np.median(posterior.draws[posterior.specification.site(name)]))
        for name in law.parameters
    }
    away = _in_prior_sds(posterior, middle)
    out = [
        f"{name} ({middle[name]:.3g}, {far:+.1f} sd)"
        for name, far in zip(law.parameters, away, strict=True)
        if abs(far) > limit
    ]
    if not out:
        return ()
    return (
        Note(
            "edge_of_prior",
            "warning",
            f"{', '.join(out)}: most draws of what the prior is stated on lie beyond its outer "
            f"{100 * _OUTER:g}% (all parameters together): runs and prior contradict each other",
            "Check units and columns, or state a wider prior in with_priors(...)",
        ),
    )


def end_errors(
    draws: np.ndarray, ess_tail: float, probability: float = INTERVAL
) -> tuple[float, float]:
    """Monte-Carlo standard errors of the ends of an equal-tailed interval."""
    if not np.isfinite(draws).all() or not ess_tail > 0:
        return np.nan, np.nan
    tail = (1 - probability) / 2
    found = []
    for at in (tail, 1 - tail):
        around = beta.ppf(norm.cdf([-1.0, 1.0]), ess_tail * at + 1, ess_tail * (1 - at) + 1)
        low, high = np.quantile(draws, around)
        found.append(float(high - low) / 2)
    return found[0], found[1]


def rough_ends(
    draws: Mapping[str, np.ndarray], ess_tail: Mapping[str, float], what: str
) -> tuple[Note, ...]:
    """A note on intervals whose ends are not known well enough to be printed."""
    worst = {}
    for name, values in draws.items():
        ends = interval(values)
        width = float(ends.high - ends.low)
        if width > 0 and np.isfinite(width):
            worst[name] = max(end_errors(values, ess_tail[name])) / width
    bad = {name: share for name, share in worst.items() if share > LARGEST_ERROR}
    if not bad:
        return ()
    said = ", ".join(f"{name} ({100 * share:.0f}%)" for name, share in bad.items())
    return (
        Note(
            "rough_ends",
            "warning",
            f"the ends of the {100 * INTERVAL:g}% interval of {what} are known to no better than "
            f"this part of its width: {said}",
            "Draw more (draws=)",
        ),
    )
