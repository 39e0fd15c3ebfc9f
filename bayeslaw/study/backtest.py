"""Back-tests: every law fitted short of every origin, and how it predicts what lies beyond."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from scipy.stats import t as student_t

from bayeslaw.comparison.scores import score
from bayeslaw.core.errors import BayesLawError
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.law import Law
from bayeslaw.model.extrapolation import ExtrapolationPrior
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import log_law
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.reach import Reach
from bayeslaw.study.origins import Origin

DRAWS = 1000
# A block of runs held out together counts as so much of an independent observation: blocks of one
# table overlap.
_EACH = 0.7
# The normal half width that holds 68% is this much more than the scale of the fitted Student-t.
_T_TO_NORMAL = 1.2
# Weights: as if so many origins had shown all laws alike.
_PSEUDO_ORIGINS = 3.0


@dataclass(frozen=True)
class Block:
    """Held-out runs of one origin under one law; arrays of shape (runs,) on log loss.

    ``error`` is measured less predicted, ``sd`` that of the prediction without error beyond the
    runs, ``doublings`` the distance.
    """

    direction: str
    fitted_to: int
    rows: np.ndarray
    error: np.ndarray
    sd: np.ndarray
    doublings: np.ndarray
    crps: float
    inside: np.ndarray

    def log_density(self, prior: ExtrapolationPrior, scale: np.ndarray) -> np.ndarray:
        """Log density of every run for every scale of the error, of shape (scales, runs)."""
        grown = scale[:, None] * self.doublings**prior.power
        total = np.sqrt(self.sd**2 + grown**2)
        return np.asarray(student_t.logpdf(self.error, prior.degrees, scale=total))


def back_test(
    runs: Runs,
    law: Law,
    origins: Sequence[Origin],
    *,
    reference: ReferenceRun,
    ci_prob: float,
    seed: int,
    folder: Path | None,
    report: Callable[[int], None],
) -> list[Block | None]:
    """Fit a law short of every origin, and predict what lies beyond; None where it cannot be."""
    least = len(law.parameters) + 2
    usable = [i for i, origin in enumerate(origins) if (~origin.held).sum() >= least]
    blocks: list[Block | None] = [None] * len(origins)
    tables = [runs.select(~origins[i].held) for i in usable]
    fits = fit_many(
        tables,
        law,
        method="laplace",
        reference=reference,
        chains=1,
        draws=DRAWS,
        rows=len(runs),
        seed=seed,
        folder=folder,
        progress=False,
    )
    for i, posterior in zip(usable, fits, strict=True):
        blocks[i] = _block(posterior, runs.select(origins[i].held), origins[i], ci_prob, seed)
        report(1)
    return blocks


def _block(
    posterior: Posterior, held: Runs, origin: Origin, ci_prob: float, seed: int
) -> Block | None:
    """The predictions of one origin; None if they are not finite."""
    try:
        scores = score(posterior, held, ci_prob=ci_prob, seed=seed)
    except BayesLawError:
        return None
    centre = log_law(posterior.model, held)
    low, median, high = np.quantile(centre, [0.16, 0.5, 0.84], axis=0)
    noise = _T_TO_NORMAL * float(np.median(posterior.draws["noise_scale"]))
    errors = held.errors(posterior.law.predicts)
    sd = np.sqrt(((high - low) / 2) ** 2 + noise**2 + (0.0 if errors is None else errors**2))
    error = scores.measured - median
    if not (np.isfinite(error).all() and np.isfinite(sd).all()):
        return None
    reach = Reach.of(posterior.runs, posterior.law.variables)
    return Block(
        direction=origin.direction,
        fitted_to=len(posterior.runs),
        rows=held.table.index.to_numpy(),
        error=error,
        sd=sd,
        doublings=reach.doublings(held.columns(posterior.law.variables)),
        crps=float(scores.crps.mean()),
        inside=scores.inside,
    )


def weigh(past: Mapping[str, Sequence[Block | None]]) -> dict[str, float]:
    """Weights of laws: inverse to their error over the origins that all of them have.

    The geometric mean of CRPS, shrunk to equality by as many origins that show none.
    """
    common = [i for i in range(_count(past)) if all(blocks[i] for blocks in past.values())]
    logs = {
        name: np.log([block.crps for i in common if (block := blocks[i]) is not None])
        for name, blocks in past.items()
    }
    mean = sum(logs.values()) / len(logs)
    excess = {n: float((v - mean).sum()) / (len(common) + _PSEUDO_ORIGINS) for n, v in logs.items()}
    total = sum(np.exp(-value) for value in excess.values())
    return {name: float(np.exp(-value) / total) for name, value in excess.items()}


def scale_likelihood(
    past: Mapping[str, Sequence[Block | None]],
    weights: Mapping[str, float],
    prior: ExtrapolationPrior,
) -> np.ndarray:
    """Log likelihood of the scale of the error, at the points of ``prior.grid``.

    Of the mixture's predictions: the mean log density of each block's runs, so that many runs of
    one origin, whose errors are shared, count as one observation.
    """
    log_scale, _ = prior.grid
    total = np.zeros(len(log_scale))
    for i in range(_count(past)):
        here = {name: block for name, blocks in past.items() if (block := blocks[i]) is not None}
        if not here:
            continue
        share = sum(weights[name] for name in here)
        parts = [
            block.log_density(prior, np.exp(log_scale)) + np.log(weights[name] / share)
            for name, block in here.items()
        ]
        total += _EACH * logsumexp(parts, axis=0).mean(axis=1)
    return total


def _count(past: Mapping[str, Sequence[Block | None]]) -> int:
    """Number of origins."""
    return len(next(iter(past.values())))
