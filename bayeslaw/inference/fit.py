"""``fit``: a table of runs and a law in, a posterior out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata

import jax

from bayeslaw.diagnostics import Convergence, design_notes
from bayeslaw.errors import RequestError
from bayeslaw.inference.density import Density
from bayeslaw.inference.mode import find_mode
from bayeslaw.inference.nuts import CHUNK, nuts
from bayeslaw.inference.whitening import Whitening
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.noise import noise as load_noise
from bayeslaw.notes import Note
from bayeslaw.numpyro_model import all_priors, build
from bayeslaw.posterior import Posterior
from bayeslaw.runs import Reference, Runs

#: Acceptance probability at first, and in the one retry.
TARGET_ACCEPT, TARGET_ACCEPT_RETRY = 0.8, 0.98


def fit(
    runs: Runs,
    law: str | Law,
    *,
    noise: str = "student_t",
    reference: Reference | None = None,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    progress: bool | None = None,
) -> Posterior:
    """Fit a law to runs by NUTS.

    Parameters
    ----------
    runs : Runs
        The table, with the law's variables and what it predicts.
    law : str or Law
        A law, its name, or the path of a card.
    noise : {"student_t", "normal"}
        How log losses scatter around the law.
    reference : Reference, optional
        Where priors are stated; the table's own typical run unless given.
    seed : int
        The same seed gives the same draws.
    chains, draws, warmup : int
        Number of chains, kept draws a chain, and adaptation steps before them; the last two in
        hundreds.
    progress : bool, optional
        Whether to show a progress bar; by default where the error stream is a terminal.

    Returns
    -------
    Posterior
        Draws in the paper's coefficients, with notes on what cannot be trusted. Draws that diverge
        or do not mix are drawn once more at a higher target acceptance before a note says so.

    Raises
    ------
    RequestError
        If an option or the reference does not fit.
    TableError
        If the table lacks a column that the law needs.
    """
    law, observation = load_law(law), load_noise(noise)
    for name, value in (("draws", draws), ("warmup", warmup)):
        if value < CHUNK or value % CHUNK:
            remedy = f"Give a multiple of {CHUNK}"
            raise RequestError(f"{name} = {value}", place="fit", remedy=remedy)
    if chains < 1:
        raise RequestError(f"chains = {chains}", place="fit", remedy="Give at least 1")
    runs.require([*law.variables, law.predicts], purpose=f"the law {law.name!r}")
    if reference is None:
        reference = Reference.of(runs, law.variables, law.predicts)
    missing = [name for name in law.variables if name not in reference.at]
    if missing:
        raise RequestError(
            f"the reference run has no {', '.join(missing)}",
            place="fit",
            remedy=f"Reference.of(runs, {list(law.variables)!r})",
        )
    model, data = build(law, runs, reference, observation)
    density, priors = Density(model), all_priors(law, observation)
    notes = [*runs.notes, *design_notes(runs, law)]
    with jax.enable_x64(True), _bar(progress, chains * (warmup + draws), law.name) as report:
        mode = find_mode(density, data, priors, seed=seed)
        whitening = mode.whitening
        attempts = 0
        for target in (TARGET_ACCEPT, TARGET_ACCEPT_RETRY):
            attempts += 1
            sampled = nuts(
                density,
                data,
                whitening,
                seed=seed,
                chains=chains,
                draws=draws,
                warmup=warmup,
                target_accept=target,
                report=report,
            )
            values = density.constrain(sampled.z, data)
            convergence = Convergence.of(values, sampled.stats)
            if convergence.trusted:
                break
            # Where the curvature at the mode says little of the whole, the first draws say more.
            whitening = Whitening.of_draws(sampled.z)
    if attempts > 1 and convergence.trusted:
        notes.append(
            Note(
                "second_attempt",
                "info",
                f"the first draws did not pass; these, at target acceptance {TARGET_ACCEPT_RETRY} "
                "and in coordinates whitened by the first, do",
            )
        )
    versions = {name: metadata.version(name) for name in ("jax", "numpyro", "arviz")}
    from bayeslaw import __version__

    return Posterior(
        law=law,
        runs=runs,
        reference=reference,
        noise=observation,
        draws=values,
        stats=sampled.stats,
        notes=(*notes, *convergence.notes()),
        settings={
            "method": "nuts",
            "seed": seed,
            "chains": chains,
            "draws": draws,
            "warmup": warmup,
            "attempts": attempts,
            "target_accept": target,
            "starts_at_mode": [mode.found, mode.starts],
            "versions": {"bayeslaw": __version__, **versions},
        },
    )


@contextmanager
def _bar(progress: bool | None, total: int, name: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on the error stream, or nothing."""
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"fitting {name}", total=total)
        yield lambda done: bar.update(task, completed=done)
