"""The evidence of a law, and what it says of a parameter that another law leaves out.

Both are taken in the coordinates that are sampled, where every prior is normalised and carries its
Jacobian. The density is that of **log** loss: that of the losses themselves is the product of their
inverses times it, which is the same for all laws and leaves every Bayes factor as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from bayeslaw.comparison.bridge import LEAST_DRAWS, bridge, effective_size
from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import RequestError, nearest, whole
from bayeslaw.core.notes import Note
from bayeslaw.inference.density import DEEPEST, Density
from bayeslaw.inference.laplace import potentials
from bayeslaw.model.build import Data, build
from bayeslaw.posterior.posterior import Posterior

#: A Monte-Carlo error of a log evidence that could change what a Bayes factor reads.
LARGEST_ERROR = 0.5
#: From this share of draws on, it matters what replaces the floor's prior far below its median.
LARGEST_BELOW = 0.01
# Points that are evaluated at once: one shape, so that one piece of compiled code serves all.
_BLOCK = 1000


@dataclass(frozen=True)
class Evidence:
    """The marginal likelihood of a law: the probability density that it gave to the log losses.

    Attributes
    ----------
    log_evidence : float
        Its natural logarithm, of log losses.
    error : float
        Monte-Carlo standard error of that.
    parts : ndarray of shape (2, chains)
        The same from each half of each chain alone.
    below : float
        Share of draws in which the floor lies more than four standard deviations below its prior's
        median, where a straight line replaces the prior's log density: for those draws the evidence
        is that of a prior with a heavier tail than the one that is stated.
    notes : tuple of Note
        Why it may not be trusted.
    """

    log_evidence: float
    error: float
    parts: np.ndarray
    below: float
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class SavageDickey:
    """How much better a law does with a parameter fixed than free.

    Attributes
    ----------
    log_bayes_factor : float
        Log evidence with the parameter fixed, less log evidence with it free.
    error : float
        Monte-Carlo standard error of that.
    """

    log_bayes_factor: float
    error: float


def evidence(posterior: Posterior, *, seed: int = 0) -> Evidence:
    """Integrate prior times likelihood by bridge sampling.

    An evidence depends on every prior, however wide: it tells laws apart only as far as their
    priors were meant.

    Parameters
    ----------
    posterior : Posterior
        A fit by NUTS, with 100 draws a chain or more.
    seed : int
        For the draws of the proposal.

    Returns
    -------
    Evidence
        Of the log losses, in nats.

    Raises
    ------
    RequestError
        If the posterior was not drawn by NUTS, or has too few draws.
    """
    density, data, z = _drawn(posterior, "evidence")
    whole(seed, "seed", place="evidence")
    log_density = _log_density(density, data)
    found = bridge(log_density, z, seed=seed)
    below = _below(posterior, density, data)
    notes = [note for note in posterior.notes if note.severity == "error"]
    if found.error > LARGEST_ERROR:
        notes.append(
            Note(
                "evidence_rough",
                "warning",
                f"the log evidence has a Monte-Carlo error of {found.error:.2g}",
                "Draw more (draws=), or do not compare by evidence",
            )
        )
    if below > LARGEST_BELOW:
        notes.append(
            Note(
                "evidence_floor",
                "warning",
                f"in {100 * below:.2g}% of the draws the floor lies so far below its prior that "
                "the prior is replaced there: the evidence is not quite that of the stated prior",
                "Give the floor a wider prior, or one with a lower median",
            )
        )
    return Evidence(found.log_normaliser, found.error, found.parts, below, tuple(notes))


def savage_dickey(posterior: Posterior, name: str, value: float) -> SavageDickey:
    """Bayes factor of a law with a parameter fixed, against the same law with it free.

    The posterior density of the parameter at the value, over the prior's (Dickey 1971). The former
    is the importance-weighted estimate of Chen 1994, whose weights are the parameter's normal
    distribution given all others: unlike a histogram's, it holds where few draws are near.

    Parameters
    ----------
    posterior : Posterior
        A fit by NUTS of the law with the parameter free.
    name : str
        A parameter of the law, not its floor.
    value : float
        Where to fix it, in the paper's units: inside its prior.

    Returns
    -------
    SavageDickey
        Against ``law.constrain(f"{name} = {value}")``.

    Raises
    ------
    RequestError
        If there is no such parameter, the value is at the end of its prior, or what its prior is
        stated on would still vary once it is fixed, so that the other law's priors are not these.
    """
    place = f"savage_dickey({name!r})"
    density, data, z = _drawn(posterior, place)
    column = density.model.sampled.index(_free(posterior, name, place))
    at, height = _inside(posterior, name, value, data, place)
    log_density = _log_density(density, data)
    length = z.shape[1]
    halves = (slice(0, length // 2), slice(length - length // 2, length))
    found, errors = [], []
    for fitted, used in (halves, halves[::-1]):
        ours = z[:, used]
        moved = ours.copy()
        moved[..., column] = at
        centre, sd = _given_others(z[:, fitted], ours, column)
        away = (ours[..., column] - centre) / sd
        terms = -0.5 * away**2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
        change = [log_density(one.reshape(-1, z.shape[-1])) for one in (moved, ours)]
        terms = terms + (change[0] - change[1]).reshape(terms.shape)
        found.append(float(logsumexp(terms)) - np.log(terms.size) - height)
        weights = np.exp(terms - terms.max())
        relative = weights.std() / weights.mean()
        errors.append(float(relative / np.sqrt(min(effective_size(weights), weights.size))))
    spread = abs(found[0] - found[1]) / 2
    return SavageDickey(float(np.mean(found)), max(math.hypot(*errors) / 2, spread))


def _drawn(posterior: Posterior, place: str) -> tuple[Density, Data, np.ndarray]:
    """The density that was sampled, and its draws in the coordinates of the sampler."""
    if not isinstance(posterior, Posterior):
        raise RequestError(
            f"a {type(posterior).__name__} where a posterior belongs",
            place=place,
            remedy="Give what bl.fit returns",
        )
    method, draws = posterior.info.method, posterior.stats["diverging"].shape[1]
    if method != "nuts":
        raise RequestError(
            f"the fit is by {method!r}, and has no chains", place=place, remedy='method="nuts"'
        )
    if posterior.grouped:
        raise RequestError(
            "no evidence of a fit whose coefficients vary by group",
            place=posterior.law.name,
            remedy="Fit without pool=",
        )
    if posterior.discrepancy is not None:
        raise RequestError(
            "no evidence of a fit with a discrepancy: the weights of outliers depend on the fit",
            place=place,
            remedy="Fit without a discrepancy",
        )
    if draws < LEAST_DRAWS:
        remedy = f"Draw {LEAST_DRAWS} or more (draws=)"
        raise RequestError(f"{draws} draws a chain", place=place, remedy=remedy)
    model, data = build(posterior.law, posterior.runs, posterior.reference, posterior.noise)
    density = Density(model)
    return density, data, density.recover(posterior.draws, data)


def _log_density(density: Density, data: Data) -> Callable[[np.ndarray], np.ndarray]:
    """Log of prior times likelihood, both with their constants."""
    constant = density.constant(data)

    def evaluate(z: np.ndarray) -> np.ndarray:
        with compiled():
            there: Any = jax.device_put(data)
            found = []
            for first in range(0, len(z), _BLOCK):
                block = z[first : first + _BLOCK]
                full = np.concatenate([block, np.repeat(block[:1], _BLOCK - len(block), axis=0)])
                found.append(-np.asarray(potentials(density, full, there))[: len(block)])
        return np.asarray(np.concatenate(found) - constant)

    return evaluate


def _below(posterior: Posterior, density: Density, data: Data) -> float:
    """Share of draws in which the floor's prior is not the stated one."""
    floor = density.model.form.floor
    if floor is None or dict(density.model.families)[floor] == "normal":
        return 0.0
    centre, scale, low = data.priors[floor]
    share = posterior.draws[density.model.site(floor)] - low
    # Draws further down are reported at the end of the stated prior.
    return float((share <= np.exp(centre - DEEPEST * scale) * (1 + 1e-9)).mean())


def _free(posterior: Posterior, name: str, place: str) -> str:
    law = posterior.law
    if name not in law.parameters:
        remedy = nearest(str(name), law.parameters)
        raise RequestError(f"{law.name} has no parameter {name!r}", place=place, remedy=remedy)
    if name == law.form.floor:
        raise RequestError(
            f"{name!r} is the floor, which is not sampled itself",
            place=place,
            remedy=f'Compare with law.constrain("{name} = ...") by evidence',
        )
    return name


def _inside(
    posterior: Posterior, name: str, value: float, data: Data, place: str
) -> tuple[float, float]:
    """Where a value lies on the scale where the prior is normal, and the prior's log density."""
    form, reference = posterior.law.form, posterior.reference
    raw = posterior.coefficients()
    raw[name] = np.full(len(raw[name]), float(value))
    on = np.broadcast_to(form.to_on(raw, reference.at, reference.loss)[name], len(raw[name]))
    # Fixed in the paper's units, its prior's quantity has to be one number too.
    if not np.ptp(on) <= 1e-9 * np.abs(on).max():
        raise RequestError(
            f"at {name} = {value:g}, what its prior is stated on still varies with other "
            "parameters: the law without it has other priors",
            place=place,
            remedy=f'Compare with law.constrain("{name} = {value:g}") by evidence',
        )
    centre, scale, low = data.priors[name]
    there = float(on[0])
    if posterior.law.parameters[name].prior.family == "lognormal":
        if not there > low:
            raise RequestError(
                f"{name} = {value:g} is at or beyond the end of its prior",
                place=place,
                remedy=f'Compare with law.constrain("{name} = {value:g}") by evidence',
            )
        there = float(np.log(there - low))
    away = (there - centre) / scale
    return there, float(-0.5 * away**2 - np.log(scale) - 0.5 * np.log(2 * np.pi))


def _given_others(fitted: np.ndarray, z: np.ndarray, column: int) -> tuple[np.ndarray, float]:
    """Mean at each draw, and standard deviation, of one coordinate given all others, if normal."""
    size = z.shape[-1]
    flat = fitted.reshape(-1, size)
    middle, scale = flat.mean(axis=0), flat.std(axis=0)
    x = (flat - middle) / scale
    others = np.delete(x, column, axis=1)
    slopes, *_ = np.linalg.lstsq(others, x[:, column], rcond=None)
    left = x[:, column] - others @ slopes
    there = np.delete((z - middle) / scale, column, axis=-1) @ slopes
    return middle[column] + scale[column] * there, float(scale[column] * left.std())
