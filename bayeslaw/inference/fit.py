"""``fit``: a table of runs and a law in, a posterior out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import metadata
from typing import Any, Literal

import jax
import numpy as np

from bayeslaw.compilation import compiled
from bayeslaw.diagnostics import SMALLEST_ESS, Convergence, design_notes
from bayeslaw.discrepancy import Asked, Discrepancy, discrepancy as load_discrepancy
from bayeslaw.doubts import doubts
from bayeslaw.errors import RequestError, nearest, whole
from bayeslaw.inference.density import Density
from bayeslaw.inference.laplace import (
    LARGEST_PARETO_K,
    SMALLEST_EFFECTIVE,
    laplace,
    laplace_with_misfit,
)
from bayeslaw.inference.mode import Mode, NoFiniteStart, find_mode, located, moved_mode
from bayeslaw.inference.nuts import CHUNK, nuts
from bayeslaw.inference.progress import bar
from bayeslaw.inference.robust import draw_degrees, noise_parts, precisions
from bayeslaw.inference.whitening import Whitening
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.law.priors import Prior
from bayeslaw.noise import noise as load_noise
from bayeslaw.notes import Note, Severity, worst
from bayeslaw.numpyro_model import Data, all_priors, build
from bayeslaw.pool import Asked as Pooled, pooled as load_pool
from bayeslaw.posterior import Posterior
from bayeslaw.runs import Reference, Runs

Method = Literal["nuts", "laplace", "mode"]
METHODS = ("nuts", "laplace", "mode")

#: Acceptance probability at first, and in the one retry.
TARGET_ACCEPT, TARGET_ACCEPT_RETRY = 0.8, 0.99
#: Iterations for each kept draw of the retry.
RETRY_THIN = 4

# The mode and the weights of outliers are found in turn: at most so often, and until no weight
# changes by more.
_TURNS, _CLOSE = 50, 0.02
#: Another mode that holds more of the mass is told, and one that holds more than what 89% intervals
#: leave out makes them wrong.
SMALLEST_SHARE_OF_MODE, LARGEST_SHARE_OF_MODE = 0.01, 0.11

# A run of less weight makes it worth while to search everywhere again.
_OUTLIER = 0.3

Report = Callable[[int], None]


@dataclass(frozen=True)
class Settings:
    """How to fit: everything but the table, the law and the reference.

    Attributes
    ----------
    method : {"nuts", "laplace", "mode"}
        Algorithm.
    noise : str
        Observation model.
    seed, chains, draws, warmup : int
        As for ``fit``.
    hand_over : bool
        Whether NUTS takes over where the Laplace approximation fails.
    discrepancy, pool
        As for ``fit``.
    """

    method: Method = "nuts"
    noise: str = "student_t"
    seed: int = 0
    chains: int = 4
    draws: int = 1000
    warmup: int = 400
    hand_over: bool = False
    discrepancy: Asked = None
    pool: Pooled = ()

    def __post_init__(self) -> None:
        """Refuse what no fit can do."""
        load_noise(self.noise)
        if self.method not in METHODS:
            remedy = nearest(str(self.method), METHODS)
            raise RequestError(f"unknown method {self.method!r}", place="fit", remedy=remedy)
        # Kept as Python's own integers, since NumPy's cannot be written as JSON.
        for name, least in (("seed", 0), ("chains", 1), ("draws", -CHUNK), ("warmup", -CHUNK)):
            value = whole(getattr(self, name), name, place="fit", least=least)
            object.__setattr__(self, name, value)
        for name, value in (("draws", self.draws), ("warmup", self.warmup)):
            if value < CHUNK or value % CHUNK:
                remedy = f"Give a multiple of {CHUNK}"
                raise RequestError(f"{name} = {value}", place="fit", remedy=remedy)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain data, the same after they were saved and read again.

        Returns
        -------
        dict
            Discrepancies and pools in words.
        """
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        missed = self.discrepancy
        if isinstance(missed, Sequence) and not isinstance(missed, str):
            missed = [one if isinstance(one, str) else repr(one) for one in missed]
        elif missed is not None and not isinstance(missed, str):
            missed = [repr(missed)]
        pool: Any = [self.pool] if isinstance(self.pool, str) else [*self.pool]
        if isinstance(self.pool, Mapping):
            pool = dict(self.pool)
        return {**found, "discrepancy": missed, "pool": pool or None}

    @property
    def iterations(self) -> int:
        """Iterations of all chains together."""
        return self.chains * (self.warmup + self.draws)


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


def fit(
    runs: Runs,
    law: str | Law,
    *,
    method: Method = "nuts",
    noise: str = "student_t",
    discrepancy: Asked = None,
    pool: Pooled = (),
    reference: Reference | None = None,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    hand_over: bool = False,
    progress: bool | None = None,
) -> Posterior:
    """Fit a law to runs.

    Parameters
    ----------
    runs : Runs
        The table, with the law's variables and what it predicts.
    law : str or Law
        A law, its name, or the path of a card.
    method : {"nuts", "laplace", "mode"}
        ``nuts`` is the reference. ``laplace`` is the normal approximation at the mode with
        importance weights, for loops over hundreds of fits. ``mode`` is a single point.
    noise : {"student_t", "normal", "undertuned"}
        How log losses scatter around the law, and around law and misfit where there is a
        discrepancy.
    discrepancy : {"gp", "group", "growth"}, kernel, a sequence of them or None
        What the law misses and runs share. ``"gp"``: what neighbouring runs share, a Gaussian
        process over every variable that varies. ``"group"``: an offset for each group of runs,
        partially pooled, for every column that ``read_runs`` groups by. ``"growth"``: misfit that
        grows away from the middle of the runs. A sequence adds them up; ``bl.GaussianProcess``,
        ``bl.Offsets`` and ``bl.Growth`` name their inputs. It takes the place of the misfit in
        intervals on coefficients and optima, and in predictions of runs. Prefer
        ``method="laplace"`` with it: NUTS factors a matrix of runs by runs at every step.
    pool : sequence of str or mapping of str to str
        Coefficients that vary by group around a common value, partially pooled: ``("E",)`` by the
        column that ``read_runs`` groups by, or ``{"E": "tokenizer"}``. What is stated of the law is
        the common value; ``Posterior.of_group`` gives one group's.
    reference : Reference, optional
        Where priors are stated; the table's own typical run unless given.
    seed : int
        The same seed gives the same draws.
    chains, draws, warmup : int
        Number of chains, kept draws a chain, and adaptation steps before them; the last two in
        hundreds.
    hand_over : bool
        Whether NUTS takes over where ``laplace`` fails.
    progress : bool, optional
        Whether to show a progress bar; by default where the error stream is a terminal.

    Returns
    -------
    Posterior
        Draws in the paper's coefficients, with notes on what cannot be trusted. Draws of NUTS that
        diverge or do not mix are drawn once more, at a higher target acceptance, whitened by the
        first and thinned, before a note says so.

    Raises
    ------
    RequestError
        If an option or the reference does not fit.
    TableError
        If the table lacks a column that the law needs.
    """
    settings = Settings(method, noise, seed, chains, draws, warmup, hand_over, discrepancy, pool)
    if not isinstance(runs, Runs):
        raise RequestError(
            f"a {type(runs).__name__} where runs belong",
            place="fit",
            remedy="bl.read_runs reads tables, DataFrames included",
        )
    one = load_law(law)
    with compiled(), bar(progress, settings.iterations, f"fitting {one.name}") as report:
        return fit_one(runs, one, reference, settings, report, os.cpu_count() or 1)


def fit_one(
    runs: Runs,
    law: Law,
    reference: Reference | None,
    settings: Settings,
    report: Report,
    threads: int,
    rows: int | None = None,
) -> Posterior:
    """Fit one table, inside ``compiled``.

    Parameters
    ----------
    runs, law, reference
        As for ``fit``.
    settings : Settings
        How to fit.
    report : callable
        Told the number of iterations done.
    threads : int
        How many chains may run at once.
    rows : int, optional
        As for ``build``.

    Returns
    -------
    Posterior
        As of ``fit``.

    Raises
    ------
    RequestError
        If the reference does not fit.
    TableError
        If the table lacks a column.
    """
    runs = runs.require([*law.variables, law.predicts], purpose=f"the law {law.name!r}")
    if reference is None:
        reference = Reference.of(runs, law.variables, law.predicts)
    numberless = [name for name in law.variables if not np.isfinite(reference.at.get(name, 0.0))]
    if numberless or not 0 < reference.loss < np.inf:
        name = numberless[0] if numberless else law.predicts
        value = reference.at[name] if numberless else reference.loss
        raise RequestError(
            f"the reference run has {name} = {value}",
            place="fit",
            remedy=f"Reference.of(runs, {list(law.variables)!r})",
        )
    missing = [name for name in law.variables if name not in reference.at]
    if missing:
        raise RequestError(
            f"the reference run has no {', '.join(missing)}",
            place="fit",
            remedy=f"Reference.of(runs, {list(law.variables)!r})",
        )
    misses = load_discrepancy(settings.discrepancy, law, runs)
    observation = load_noise(settings.noise, replicate=misses is not None)
    varying = load_pool(settings.pool, law, runs)
    model, numbers = build(law, runs, reference, observation, misses, pool=varying, rows=rows)
    density, data = Density(model), jax.device_put(numbers)
    priors = all_priors(law, observation, misses, varying)
    squared = None
    starts: dict[str, list[int]] = {}
    try:
        if misses is None:
            mode = find_mode(density, data, priors, seed=settings.seed)
        else:
            points = located(density, numbers, _rough_and_smooth(priors, misses))
            if "noise_df" in priors:
                numbers, mode, squared = _robust(density, numbers, priors, points)
                data = jax.device_put(numbers)
            else:
                mode = find_mode(density, data, priors, seed=settings.seed, points=points)
    except NoFiniteStart as error:
        # One table among hundreds, or one law among several, does not take the others with it.
        sampled = _prior_alone(density, numbers, priors, settings, error)
    else:
        starts = {"starts_at_mode": [mode.found, mode.starts]}
        sampled = _sampled(density, data, numbers, mode, settings, report, threads)
    if squared is not None:
        shape, rng = sampled.draws["noise_scale"].shape, np.random.default_rng(settings.seed)
        prior = observation.priors["noise_df"]
        drawn = draw_degrees(squared, prior, rng, int(np.prod(shape)))
        sampled.draws["noise_df"] = drawn.reshape(shape)
    versions = {name: metadata.version(name) for name in ("jax", "numpyro", "arviz")}
    from bayeslaw import __version__

    posterior = Posterior(
        law=law,
        runs=runs,
        reference=reference,
        noise=observation,
        discrepancy=misses,
        weights=numbers.weights,
        pool=varying,
        draws=sampled.draws,
        stats=sampled.stats,
        notes=(*runs.notes, *design_notes(runs, law, reference), *sampled.notes),
        settings={
            **settings.to_dict(),
            **sampled.settings,
            **starts,
            "versions": {"bayeslaw": __version__, **versions},
        },
    )
    return posterior.with_notes(*doubts(posterior)) if starts else posterior


def _sampled(
    density: Density,
    data: Data,
    numbers: Data,
    mode: Mode,
    settings: Settings,
    report: Report,
    threads: int,
) -> Sampled:
    """Draws by the algorithm that was asked for, with notes on other modes."""
    sampled = None
    if settings.method == "mode":
        sampled = _point(density, numbers, mode)
    elif settings.method == "laplace":
        sampled = _laplace(density, data, numbers, mode, settings)
        if settings.hand_over and worst(sampled.notes) == "error":
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


def _prior_alone(
    density: Density,
    numbers: Data,
    priors: dict[str, Prior],
    settings: Settings,
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


def _rough_and_smooth(priors: dict[str, Prior], misses: Discrepancy) -> list[dict[str, float]]:
    """Two starts, since the same runs may be much noise and little misfit, or the reverse."""
    medians = {name: prior.median for name, prior in priors.items()}
    wide = {name: prior.location * prior.spread for name, prior in misses.priors.items()}
    noise = priors["noise_scale"]
    return [medians, {**medians, **wide, "noise_scale": noise.location / noise.spread}]


def _robust(
    density: Density,
    numbers: Data,
    priors: dict[str, Prior],
    points: list[np.ndarray],
) -> tuple[Data, Mode, np.ndarray]:
    """The mode and the weights of outliers, in turn."""
    prior = priors["noise_df"]
    mode = find_mode(density, jax.device_put(numbers), priors, seed=0, points=points)
    squared, alone = (np.asarray(x) for x in noise_parts(density, mode.z, numbers))
    # At first each run is judged by the others, lest the noise stays as wide as outliers made it.
    numbers = replace(numbers, weights=precisions(alone, prior)[0])
    if numbers.weights.min() < _OUTLIER:
        # What looked like noise everywhere may be misfit and a few outliers.
        mode = find_mode(density, jax.device_put(numbers), priors, seed=0, points=points)
    for _ in range(_TURNS):
        mode = moved_mode(density, jax.device_put(numbers), mode, final=False)
        squared = np.asarray(noise_parts(density, mode.z, numbers)[0])
        weights, _ = precisions(squared, prior)
        change = float(np.abs(np.log(weights / numbers.weights)).max())
        numbers = replace(numbers, weights=weights)
        if change < _CLOSE:
            break
    return numbers, moved_mode(density, jax.device_put(numbers), mode), squared


def _nuts(
    density: Density,
    data: Data,
    numbers: Data,
    mode: Mode,
    settings: Settings,
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
    density: Density, data: Data, numbers: Data, mode: Mode, settings: Settings
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
    remedy = 'Fit by method="nuts", or give hand_over=True'
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
        text = f"only {mode.found} of {mode.starts} searches for the mode ended at the best one"
        notes.append(Note("starts_disagree", "error", text, remedy))
    found = {"pareto_k": drawn.pareto_k, "effective": drawn.effective}
    return Sampled(values, stats, tuple(notes), found)


def _point(density: Density, numbers: Data, mode: Mode) -> Sampled:
    values = density.constrain(mode.z[None, None, :], numbers)
    stats = {"diverging": np.zeros((1, 1), dtype=bool), "lp": np.array([[-mode.potential]])}
    text = "a single point, the posterior mode: intervals have no width"
    return Sampled(values, stats, (Note("mode", "warning", text, 'Fit by method="nuts"'),), {})
