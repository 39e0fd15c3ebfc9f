"""``calibrate``: whether the intervals of a design will be right, before compute is spent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bayeslaw.checks.calibrate.outcomes import Outcomes, outcomes
from bayeslaw.checks.calibrate.quantities import Quantities, read_quantities
from bayeslaw.checks.calibrate.result import Calibration
from bayeslaw.checks.calibrate.simulation import PLACE, Simulation, read_simulation
from bayeslaw.core.errors import RequestError, whole
from bayeslaw.core.version import __version__
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.inference.progress import bar
from bayeslaw.law import Law
from bayeslaw.model.design_notes import design_notes
from bayeslaw.model.options import DiscrepancyOption
from bayeslaw.optimum.budget import Budget
from bayeslaw.posterior.convergence import SMALLEST_ESS
from bayeslaw.posterior.info import FitSettings
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

if TYPE_CHECKING:
    import pandas as pd

# Batches that an executor holds at once; a round is kept when all of them are done.
_AT_ONCE = 8


def calibrate(
    design: str | Runs | pd.DataFrame | Mapping[str, Any] | Posterior,
    law: str | Law,
    *,
    truth: str | Mapping[str, float] | Posterior | None = None,
    tables: int = 200,
    rows: int = 446,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    free: Iterable[str] | None = None,
    compute_factor: float | None = 10.0,
    quantities: Mapping[str, str] | None = None,
    method: Literal["nuts", "laplace"] = "nuts",
    noise: str = "student_t",
    discrepancy: DiscrepancyOption = None,
    noise_sd: float = 0.003,
    prior_shift: float = 0.0,
    reference: Reference | None = None,
    seed: int = 0,
    chains: int = 2,
    draws: int = 1000,
    warmup: int = 400,
    fallback: bool = False,
    folder: str | Path | None = None,
    executor: Executor | None = None,
    batch: int = 20,
    progress: bool | None = None,
) -> Calibration:
    """Simulate tables of a design, fit each, and count how often intervals hold the truth.

    With truths from the prior this is simulation-based calibration (Talts et al. 2018,
    arXiv:1804.06788; Modrák et al. 2023, arXiv:2211.02383, on the log likelihood as a quantity),
    with draws of a posterior, fitted again with its runs and new ones, posterior SBC (Säilynoja et
    al. 2025, arXiv:2502.03279). Both are exact: a rank that is not uniform is an error of the
    computation. At given coefficients coverage, width and bias describe intervals, no more.

    Parameters
    ----------
    design : str, Runs, DataFrame, mapping or Posterior
        ``independent`` or ``one_at_a_time``, drawn anew for each table; configurations without
        losses, the same for every table; or a posterior: its runs' configurations and its draws.
    law, method, noise, discrepancy, reference, chains, draws, warmup, fallback, progress
        As for ``fit``; by default the reference of the posterior, or of the design with the loss
        under the first published set.
    truth : str, mapping or Posterior, optional
        ``"prior"``; ``"published"``, the name of a published set, or raw coefficients; a posterior
        of this law. The design's posterior where that is one, else the prior.
    tables, rows, batch : int
        Number of tables (more can be added in the same folder); runs of a named design; tables in a
        batch.
    at, budget, free
        As for ``optimum``; no optimum unless one of them is given.
    compute_factor : float, optional
        Adds the loss of a run with so many times the largest compute; None for none.
    quantities : mapping of str to str, optional
        Further expressions by name, over parameters, helper lines, and letters at the reference.
    noise_sd, prior_shift : float
        Standard deviation of log loss at given coefficients; a shift of every prior median in its
        own factors (or standard deviations), for truths and fits alike.
    seed : int
        Table ``i`` is the same however many there are.
    folder : str or Path, optional
        Where finished rounds of ``batch`` tables (eight times as many with an executor) are kept.
    executor : concurrent.futures.Executor, optional
        As for ``fit_many``.

    Returns
    -------
    Calibration
        Ranks, coverage, width and bias of all quantities. Fits that cannot be trusted and tables of
        absurd losses are left out, by rules on the observed, and counted.

    Raises
    ------
    RequestError, TableError, PosteriorError
        If an option does not fit; if the design lacks a variable; if a kept round is unreadable.
    """
    settings = FitSettings(method, noise, seed, chains, draws, warmup, fallback, discrepancy)
    _check_settings(settings, tables, batch)
    simulation = read_simulation(
        law, design, truth, settings, rows, noise_sd, prior_shift, reference
    )
    wanted = read_quantities(simulation, at, budget, free, compute_factor, quantities)
    rounds = _Rounds(simulation, wanted, settings, batch, executor, _made(folder))
    parts = []
    with bar(progress, tables, f"calibrating {simulation.law.name} on {tables} tables") as report:
        for start in range(0, tables, rounds.size):
            numbers = range(start, min(start + rounds.size, tables))
            parts.append(rounds.outcomes(numbers))
            report(numbers.stop)
    about = {name: value for name, value in rounds.about.items() if name != "card"}
    return Calibration(
        law=simulation.law.name,
        runs=simulation.rows,
        truth=simulation.label,
        ranked=simulation.ranked,
        first=tuple(parts[0].names[: wanted.first]),
        outcomes=Outcomes.joined(parts),
        settings={**about, "prior_shift": prior_shift},
        design_notes=_design_notes(simulation, design, seed),
    )


@dataclass(frozen=True)
class _Rounds:
    """Tables simulated and fitted in rounds, kept in a folder if there is one."""

    simulation: Simulation
    quantities: Quantities
    settings: FitSettings
    batch: int
    executor: Executor | None
    folder: Path | None

    @property
    def size(self) -> int:
        """Tables of a round."""
        return self.batch * (1 if self.executor is None else _AT_ONCE)

    @property
    def about(self) -> dict[str, Any]:
        """What the outcomes depend on beside the simulated tables."""
        return {
            "card": self.simulation.law.card,
            "reference": self.simulation.specification.reference.to_dict(),
            "fit": self.settings.to_dict(),
            "truth": self.simulation.label,
            **self.quantities.to_dict(),
        }

    def outcomes(self, numbers: range) -> Outcomes:
        """Those of some tables: read where they are kept, else computed."""
        tables = [self.simulation.simulated(self.settings.seed, number) for number in numbers]
        prints = [table.runs.fingerprint for table in tables]
        text = json.dumps({"version": __version__, "tables": prints, **self.about}, sort_keys=True)
        path = None
        if self.folder is not None:
            path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"
            if path.exists():
                return Outcomes.read(path)
        sane = [i for i, table in enumerate(tables) if self.simulation.sane(table.runs)]
        options = {k: v for k, v in self.settings.to_dict().items() if k not in ("seed", "pool")}
        options |= {"discrepancy": self.simulation.specification.discrepancy, "progress": False}
        fits = fit_many(
            [tables[i].runs for i in sane],
            self.simulation.law,
            reference=self.simulation.specification.reference,
            seed=self.settings.seed + numbers.start + (sane[0] if sane else 0),
            batch=self.batch,
            executor=self.executor,
            **options,
        )
        by_table = dict(zip(sane, fits, strict=True))
        found = outcomes(tables, [by_table.get(i) for i in range(len(tables))], self.quantities)
        if path is not None:
            found.write(path)
        return found


def _check_settings(settings: FitSettings, tables: int, batch: int) -> None:
    """Refuse settings under which no fit could be trusted."""
    whole(tables, "tables", place=PLACE, least=1)
    whole(batch, "batch", place=PLACE, least=1)
    if settings.method == "mode":
        remedy = 'Give method="nuts" or "laplace"'
        raise RequestError("the mode has no intervals", place=f"{PLACE}, method", remedy=remedy)
    if settings.chains * settings.draws <= SMALLEST_ESS:
        raise RequestError(
            f"{settings.chains} chains of {settings.draws} draws: no fit could be trusted, which "
            f"takes {SMALLEST_ESS:.0f} effective draws",
            place=PLACE,
            remedy="Give chains=2, draws=1000",
        )


def _design_notes(simulation: Simulation, design: Any, seed: int) -> Any:
    """What the design leaves to the prior."""
    runs = simulation.simulated(seed, 0).runs
    table = design.runs if isinstance(design, Posterior) else design
    source = str(getattr(table, "source", "the design"))
    return design_notes(
        replace(runs, source=source), simulation.law, simulation.specification.reference
    )


def _made(folder: str | Path | None) -> Path | None:
    if folder is None:
        return None
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"the folder {path.name!r} cannot be made ({error.strerror})",
            place=PLACE,
            remedy="Name a folder",
        ) from None
    return path
