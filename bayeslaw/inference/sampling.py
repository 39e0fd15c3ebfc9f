"""Draws by the method of the settings, with notes on them."""

from __future__ import annotations

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
from bayeslaw.inference.mode import Mode, NoFiniteStart, OtherMode
from bayeslaw.inference.nuts import Report, nuts
from bayeslaw.inference.source_coordinates import Bends, BentDensity, SourceCoordinates
from bayeslaw.inference.target import Target
from bayeslaw.inference.whitening import Whitening
from bayeslaw.posterior.convergence import SMALLEST_ESS, Convergence
from bayeslaw.posterior.info import FitInfo, FitSettings

#: Acceptance probability at first, and in the one retry.
TARGET_ACCEPT, TARGET_ACCEPT_RETRY = 0.8, 0.99
TARGET_ACCEPT_OF_SOURCES = 0.95
#: Iterations of a chain that finds coordinates for several sources.
PILOT_WARMUP, PILOT_DRAWS = 100, 200
#: Iterations for each kept draw of the retry, where the first draws are too few.
RETRY_THIN = 4
RETRY_THIN_OF_SOURCES = 2
#: Shares of the mass from which another mode gives a note, and from which, being more than what 89%
#: intervals leave out, it makes them wrong.
SMALLEST_SHARE_OF_MODE, LARGEST_SHARE_OF_MODE = 0.01, 0.11


@dataclass(frozen=True)
class Sample:
    """Draws and statistics, each of shape (chains, draws), with notes on them."""

    draws: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    notes: tuple[Note, ...]
    info: FitInfo


def sample(
    target: Target, mode: Mode, settings: FitSettings, report: Report, threads: int
) -> Sample:
    """Draws by the method of the settings, with notes on other modes."""
    drawn = None
    if settings.method == "mode":
        drawn = _point(target, mode)
    elif settings.method == "laplace":
        drawn = _laplace(target, mode, settings, threads)
        if settings.fallback and worst(drawn.notes) == "error":
            drawn = None
    if drawn is None:
        drawn = _nuts(target, mode, settings, report, threads)
    return replace(drawn, notes=(*drawn.notes, *_other_modes(target, mode, drawn)))


def sample_prior(target: Target, settings: FitSettings, error: NoFiniteStart) -> Sample:
    """Draws of the prior, where the posterior density is finite nowhere."""
    shape, rng = (settings.chains, settings.draws), np.random.default_rng(settings.seed)
    model, data = target.density.model, target.data
    values = {
        name: target.priors[name].sample(rng, int(np.prod(shape))).reshape(shape)
        for name in model.sampled
    }
    with np.errstate(all="ignore"):
        raw = model.raw(values, data, np)
        draws = {model.site(name): value for name, value in values.items()} | raw
        if model.form.floor is not None:
            draws["T"] = np.asarray(model.form.predict(data.at, raw))
    stats = {"diverging": np.zeros(shape, dtype=bool), "lp": np.full(shape, -np.inf)}
    message = f"{error.problem}: these are draws of the prior, independent of the runs"
    note = Note("no_finite_start", "error", message, error.remedy)
    return Sample(draws, stats, (note,), FitInfo(method="prior"))


def _nuts(
    target: Target, mode: Mode, settings: FitSettings, report: Report, threads: int
) -> Sample:
    whitening, attempts = mode.whitening, 0
    density: Density | BentDensity = target.density
    data: Any = target.device_data
    bent = None
    if any(pool.direct for pool in target.density.model.pool):
        bent = _pilot(target, mode, settings, threads)
    # Spreads between sources are where chains diverge.
    accept, thin = (TARGET_ACCEPT if bent is None else TARGET_ACCEPT_OF_SOURCES), 1
    while True:
        attempts += 1
        if bent is not None:
            density, data, whitening = bent.density, bent.data, bent.whitening
        chains = nuts(
            density,
            data,
            whitening,
            settings,
            target_accept=accept,
            thin=thin,
            report=report,
            threads=threads,
        )
        z = chains.z if bent is None else bent.constrain(chains.z)
        draws = target.constrain(z)
        convergence = replace(Convergence.of(draws, chains.stats), bfmi=chains.bfmi)
        # Too few draws for the effective sample sizes needed: another attempt is no remedy.
        few = settings.chains * settings.draws <= SMALLEST_ESS
        if attempts > 1 or few or convergence.trusted:
            break
        if bent is None:
            # The curvature at the mode may be misleading: whiten by the first draws.
            whitening = Whitening.of_draws(chains.z)
            # Chains that diverge but mix have draws enough.
            accept, thin = TARGET_ACCEPT_RETRY, 1 if convergence.mixed else RETRY_THIN
        else:
            # More draws in better coordinates: smaller steps only where chains diverge.
            bent = SourceCoordinates.of_draws(target, z)
            accept = TARGET_ACCEPT_RETRY if convergence.divergences else accept
            thin = RETRY_THIN_OF_SOURCES
    notes = convergence.notes()
    if chains.failed:
        message = (
            f"{len(chains.failed)} of {settings.chains} chains failed ({chains.failed[0]}); "
            "the others are shown"
        )
        notes = (*notes, Note("failed_chain", "error", message))
    elif attempts > 1 and convergence.trusted:
        kept = f", and one in {thin} kept" if thin > 1 else ""
        message = (
            f"the first draws fail a diagnostic; these, at target acceptance {accept} and whitened "
            f"by the first{kept}, pass"
        )
        notes = (Note("second_attempt", "info", message),)
    info = FitInfo(
        method="nuts", attempts=attempts, target_accept=accept, thin=thin, bfmi=chains.bfmi
    )
    return Sample(draws, chains.stats, notes, info)


def _pilot(target: Target, mode: Mode, settings: FitSettings, threads: int) -> SourceCoordinates:
    """Coordinates by a few draws: the mode of several sources lies far from most of its mass."""
    plain = SourceCoordinates(target, Bends.none(target), mode.whitening)
    chains = nuts(
        plain.density,
        plain.data,
        plain.whitening,
        replace(settings, warmup=PILOT_WARMUP, draws=PILOT_DRAWS),
        target_accept=TARGET_ACCEPT,
        threads=threads,
    )
    return SourceCoordinates.of_draws(target, plain.constrain(chains.z))


def _laplace(target: Target, mode: Mode, settings: FitSettings, threads: int) -> Sample:
    shape = (settings.chains, settings.draws)
    options = {"seed": settings.seed, "draws": settings.chains * settings.draws}
    if target.density.model.discrepancy is None:
        modes = [mode.whitening, *(other.whitening for other in _worth_drawing(mode))]
        drawn = laplace(target.density, target.device_data, modes, threads=threads, **options)
    else:
        drawn = laplace_with_misfit(target.density, target.device_data, mode.whitening, **options)
    stats = {"diverging": np.zeros(shape, dtype=bool), "lp": drawn.lp.reshape(shape)}
    remedy = 'Fit by method="nuts", or give fallback=True'
    notes = []
    if not drawn.pareto_k < LARGEST_PARETO_K:
        message = f"the normal approximation misses the posterior: Pareto k is {drawn.pareto_k:.2f}"
        notes.append(Note("pareto_k", "error", f"{message}, above {LARGEST_PARETO_K}", remedy))
    if not drawn.effective > SMALLEST_EFFECTIVE:
        message = f"importance weights leave {drawn.effective:.0f} effective draws"
        message = f"{message}, below {SMALLEST_EFFECTIVE:.0f}"
        notes.append(Note("ess_weights", "error", message, remedy))
    if mode.converged < mode.starts:
        # Other modes have a note of their own; a search that merely got stuck proves nothing, but
        # where most do the best mode may be missed.
        message = f"only {mode.converged} of {mode.starts} searches for the mode reach the best one"
        notes.append(Note("starts_disagree", "warning", message, remedy))
    draws = target.constrain(drawn.z.reshape(*shape, -1))
    info = FitInfo(method="laplace", pareto_k=drawn.pareto_k, effective_draws=drawn.effective)
    return Sample(draws, stats, tuple(notes), info)


def _point(target: Target, mode: Mode) -> Sample:
    draws = target.constrain(mode.z[None, None, :])
    stats = {"diverging": np.zeros((1, 1), dtype=bool), "lp": np.array([[-mode.potential]])}
    message = "a single point, the posterior mode: intervals have no width"
    note = Note("mode", "warning", message, 'Fit by method="nuts"')
    return Sample(draws, stats, (note,), FitInfo(method="mode"))


def _worth_drawing(mode: Mode) -> list[OtherMode]:
    return [other for other in mode.others if other.share > SMALLEST_SHARE_OF_MODE]


def _other_modes(target: Target, mode: Mode, drawn: Sample) -> tuple[Note, ...]:
    """A note on other modes, which draws are of too, or which no chain found."""
    others = _worth_drawing(mode)
    if not others:
        return ()
    top = max(others, key=lambda other: other.share)
    points = target.constrain(np.stack([mode.z, top.z]))
    names = target.density.model.form.parameters
    # Of several sources the pilot leaves the mode for where the mass is.
    found = (drawn.draws[n].min() <= points[n][1] <= drawn.draws[n].max() for n in names)
    if drawn.info.method == "nuts" and all(found):
        return ()
    every = drawn.info.method == "laplace" and target.density.model.discrepancy is None
    best, second = (", ".join(f"{n} = {points[n][i]:.3g}" for n in names) for i in (0, 1))
    modes = "a second mode" if len(others) == 1 else f"{len(others)} other modes, the largest"
    message = (
        f"the posterior has {modes} {top.potential - mode.potential:.1f} nats below the best, with "
        f"about {100 * top.share:.0f}% of the mass: {second}. These draws are "
        + (f"of all modes; the best is {best}" if every else f"around {best}")
    )
    remedy = "Choose one in with_priors(...), or add runs that distinguish them"
    missed = not every and top.share > LARGEST_SHARE_OF_MODE
    severity: Severity = "error" if missed else "warning"
    return (Note("several_modes", severity, message, remedy),)
