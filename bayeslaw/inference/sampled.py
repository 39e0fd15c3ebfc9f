"""Draws by the algorithm that was asked for, with what it has to say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayeslaw.core.notes import Note, Severity, worst
from bayeslaw.inference.density import Density
from bayeslaw.inference.laplace import (
    LARGEST_PARETO_K,
    SMALLEST_EFFECTIVE,
    laplace,
    laplace_with_misfit,
)
from bayeslaw.inference.mode import Mode, NoFiniteStart
from bayeslaw.inference.nuts import nuts
from bayeslaw.inference.whitening import Whitening
from bayeslaw.law.priors import Prior
from bayeslaw.model.model import Data
from bayeslaw.posterior.convergence import SMALLEST_ESS, Convergence
from bayeslaw.posterior.info import FitSettings

#: Acceptance probability at first, and in the one retry.
TARGET_ACCEPT, TARGET_ACCEPT_RETRY = 0.8, 0.99
#: Iterations for each kept draw of the retry.
RETRY_THIN = 4
#: Another mode that holds more of the mass is told, and one that holds more than what 89% intervals
#: leave out makes them wrong.
SMALLEST_SHARE_OF_MODE, LARGEST_SHARE_OF_MODE = 0.01, 0.11

Report = Callable[[int], None]


@dataclass(frozen=True)
class Sampled:
    """What an algorithm returns.

    Attributes
    ----------
    draws, stats : dict of str to ndarray of shape (chains, draws)
        Draws of everything that is reported, and the sampler's statistics.
    notes : tuple of Note
        What the algorithm has to say of them.
    settings : dict
        What it found on the way.
    """

    draws: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    notes: tuple[Note, ...]
    settings: dict[str, Any]


def draw(
    density: Density,
    data: Data,
    numbers: Data,
    mode: Mode,
    settings: FitSettings,
    report: Report,
    threads: int,
) -> Sampled:
    """Draws by the algorithm that was asked for, with notes on other modes."""
    sampled = None
    if settings.method == "mode":
        sampled = _point(density, numbers, mode)
    elif settings.method == "laplace":
        sampled = _laplace(density, data, numbers, mode, settings)
        if settings.fallback and worst(sampled.notes) == "error":
            sampled = None
    if sampled is None:
        sampled = _nuts(density, data, numbers, mode, settings, report, threads)
    return replace(sampled, notes=(*sampled.notes, *_several_modes(density, numbers, mode)))


def _several_modes(density: Density, numbers: Data, mode: Mode) -> tuple[Note, ...]:
    """On modes that no chain and no approximation around the best one would find."""
    held = [one for one in mode.others if one.share > SMALLEST_SHARE_OF_MODE]
    if not held:
        return ()
    top = max(held, key=lambda one: one.share)
    two = density.constrain(np.stack([mode.z, top.z]), numbers)
    here, there = (
        ", ".join(f"{name} = {two[name][i]:.3g}" for name in density.model.form.parameters)
        for i in (0, 1)
    )
    said = "a second mode" if len(held) == 1 else f"{len(held)} other modes, the largest of which"
    text = (
        f"the posterior has {said}, {top.potential - mode.potential:.1f} nats below the best, "
        f"that holds about {100 * top.share:.0f}% of the mass: {there}. These draws are around "
        f"{here}"
    )
    remedy = "State in with_priors(...) which is meant, or add runs that tell them apart"
    level: Severity = "error" if top.share > LARGEST_SHARE_OF_MODE else "warning"
    return (Note("several_modes", level, text, remedy),)


def prior_alone(
    density: Density,
    numbers: Data,
    priors: dict[str, Prior],
    settings: FitSettings,
    error: NoFiniteStart,
) -> Sampled:
    """Draws of the prior, where there is no posterior to draw from."""
    shape, rng = (settings.chains, settings.draws), np.random.default_rng(settings.seed)
    model = density.model
    values = {
        name: priors[name].sample(rng, int(np.prod(shape))).reshape(shape) for name in model.sampled
    }
    with np.errstate(all="ignore"):
        raw = model.raw(values, numbers, np)
        draws = {model.site(name): value for name, value in values.items()} | raw
        if model.form.floor is not None:
            draws["T"] = np.asarray(model.form.predict(numbers.at, raw))
    stats = {"diverging": np.zeros(shape, dtype=bool), "lp": np.full(shape, -np.inf)}
    found = {"method": "prior"}
    text = f"{error.problem}: these are draws of the prior, and the runs had no say in them"
    return Sampled(draws, stats, (Note("no_finite_start", "error", text, error.remedy),), found)


def _nuts(
    density: Density,
    data: Data,
    numbers: Data,
    mode: Mode,
    settings: FitSettings,
    report: Report,
    threads: int,
) -> Sampled:
    whitening, attempts = mode.whitening, 0
    for target, thin in ((TARGET_ACCEPT, 1), (TARGET_ACCEPT_RETRY, RETRY_THIN)):
        attempts += 1
        chains = nuts(
            density,
            data,
            whitening,
            seed=settings.seed,
            chains=settings.chains,
            draws=settings.draws,
            warmup=settings.warmup,
            target_accept=target,
            report=report,
            threads=threads,
            thin=thin,
        )
        values = density.constrain(chains.z, numbers)
        convergence = replace(Convergence.of(values, chains.stats), bfmi=chains.bfmi)
        # Too few draws for the effective sample sizes that are asked for: more effort is no remedy.
        if convergence.trusted or settings.chains * settings.draws <= SMALLEST_ESS:
            break
        # Where the curvature at the mode says little of the whole, the first draws say more.
        whitening = Whitening.of_draws(chains.z)
    notes = convergence.notes()
    if chains.failed:
        text = f"{len(chains.failed)} of {settings.chains} chains failed ({chains.failed[0]})"
        notes = (*notes, Note("failed_chain", "error", f"{text}; the others are shown"))
    elif attempts > 1 and convergence.trusted:
        text = (
            f"the first draws did not pass; these, at target acceptance {TARGET_ACCEPT_RETRY}, in "
            f"coordinates whitened by the first, and one in {RETRY_THIN} kept, do"
        )
        notes = (Note("second_attempt", "info", text),)
    found = {
        "method": "nuts",
        "attempts": attempts,
        "target_accept": target,
        "thin": thin,
        "bfmi": chains.bfmi,
    }
    return Sampled(values, chains.stats, notes, found)


def _laplace(
    density: Density, data: Data, numbers: Data, mode: Mode, settings: FitSettings
) -> Sampled:
    shape = (settings.chains, settings.draws)
    algorithm = laplace if density.model.discrepancy is None else laplace_with_misfit
    drawn = algorithm(
        density,
        data,
        mode.whitening,
        seed=settings.seed,
        draws=settings.chains * settings.draws,
    )
    values = density.constrain(drawn.z.reshape(*shape, -1), numbers)
    stats = {"diverging": np.zeros(shape, dtype=bool), "lp": drawn.lp.reshape(shape)}
    remedy = 'Fit by method="nuts", or give fallback=True'
    notes = []
    if not drawn.pareto_k < LARGEST_PARETO_K:
        text = f"the normal approximation misses the posterior: Pareto k is {drawn.pareto_k:.2f}"
        notes.append(Note("pareto_k", "error", f"{text}, above {LARGEST_PARETO_K}", remedy))
    if not drawn.effective > SMALLEST_EFFECTIVE:
        text = f"importance weights leave {drawn.effective:.0f} effective draws"
        notes.append(
            Note("ess_weights", "error", f"{text}, below {SMALLEST_EFFECTIVE:.0f}", remedy)
        )
    if mode.found < mode.starts:
        # What other modes hold is told apart; a search that merely got stuck proves nothing, but
        # where most do the best one may not have been found.
        text = f"only {mode.found} of {mode.starts} searches for the mode ended at the best one"
        notes.append(Note("starts_disagree", "warning", text, remedy))
    found = {"pareto_k": drawn.pareto_k, "effective_draws": drawn.effective}
    return Sampled(values, stats, tuple(notes), found)


def _point(density: Density, numbers: Data, mode: Mode) -> Sampled:
    values = density.constrain(mode.z[None, None, :], numbers)
    stats = {"diverging": np.zeros((1, 1), dtype=bool), "lp": np.array([[-mode.potential]])}
    text = "a single point, the posterior mode: intervals have no width"
    return Sampled(values, stats, (Note("mode", "warning", text, 'Fit by method="nuts"'),), {})
