"""``calibrate``: whether the intervals of a design will be right, before compute is spent.

With truths from the prior this is simulation-based calibration (Talts et al. 2018,
arXiv:1804.06788; Modrák et al. 2023, arXiv:2211.02383, on the log likelihood as a quantity of its
own); with draws of a posterior, fitted again with its runs and new ones, posterior SBC (Säilynoja
et al. 2025, arXiv:2502.03279). Both are exact: a rank that is not uniform is an error of the
computation. At given coefficients nothing has to be exact.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bayeslaw.checks.calibrate.outcomes import Outcomes, outcomes
from bayeslaw.checks.calibrate.quantities import Quantities, read_quantities
from bayeslaw.checks.calibrate.result import Calibration
from bayeslaw.checks.calibrate.simulation import PLACE, Simulation, read_simulation
from bayeslaw.core.calls import public
from bayeslaw.core.errors import refuse, whole
from bayeslaw.core.files import make_folder
from bayeslaw.core.kept import FORMAT
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
from bayeslaw.runs import ReferenceRun, Runs

if TYPE_CHECKING:
    import pandas as pd

# Batches that an executor holds at once; a round is kept when all of them are done.
_AT_ONCE = 8


@public
def calibrate(
    design: str | Runs | pd.DataFrame | Mapping[str, Any] | Posterior,
    law: str | Path | Law,
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
    reference: ReferenceRun | None = None,
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

    Parameters
    ----------
    design : str, Runs, DataFrame, mapping or Posterior
        ``independent`` or ``one_at_a_time``, drawn anew for each table; the configurations of every
        table; or a posterior: its runs' configurations and its draws.
    law, method, noise, discrepancy, reference, chains, draws, warmup, fallback, progress
        As for ``fit``; by default the posterior's reference, or the design's typical run.
    truth : str, mapping or Posterior, optional
        ``"prior"`` (default), ``"published"`` or a published set; raw coefficients; a posterior of
        this law, such as the design's (default).
    tables, rows, batch : int
        Number of tables (more can be added in a folder); runs of a named design; tables in a batch.
    at, budget, free, compute_factor, quantities
        As for ``optimum``, none unless one is given; adds the loss of a run with so many times the
        largest compute; expressions by name over parameters, helper lines, and letters.
    noise_sd, prior_shift : float
        Standard deviation of log loss at given coefficients; shift of every prior median in its own
        factors or standard deviations, for truths and fits alike.
    seed, folder, executor
        As for ``fit_many``; the folder keeps rounds of ``batch`` tables, or eight times as many.

    Returns
    -------
    Calibration
        Ranks, coverage, width and bias; fits that cannot be trusted are left out and counted.

    Raises
    ------
    RequestError, TableError, PosteriorError
        If an option does not fit, the design lacks a variable, or a kept round is unreadable.
    """
    settings = FitSettings(method, noise, seed, chains, draws, warmup, fallback, discrepancy)
    _check_settings(settings, tables, batch)
    simulation = read_simulation(
        law, design, truth, settings, rows, noise_sd, prior_shift, reference
    )
    wanted = read_quantities(simulation, at, budget, free, compute_factor, quantities)
    folder = None if folder is None else make_folder(folder, place=PLACE)
    rounds = _Rounds(simulation, wanted, settings, batch, executor, folder)
    found = rounds.run(tables, progress)
    return Calibration(
        law=simulation.law.name,
        runs=simulation.rows,
        truth=simulation.label,
        ranked=simulation.ranked,
        first=found.names[: wanted.first],
        outcomes=found,
        settings={**rounds.about, "prior_shift": prior_shift},
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
    def about(self) -> dict[str, Any]:
        """What the outcomes depend on beside the simulated tables and the card."""
        return {
            "reference": self.simulation.specification.reference.to_dict(),
            "fit": self.settings.to_dict(),
            "truth": self.simulation.label,
            **self.quantities.to_dict(),
        }

    def run(self, tables: int, progress: bool | None) -> Outcomes:
        """Outcomes of all tables, in rounds."""
        parts, step = [], self.batch * (1 if self.executor is None else _AT_ONCE)
        text = f"calibrating {self.simulation.law.name} on {tables} tables"
        with bar(progress, tables, text) as report:
            for start in range(0, tables, step):
                parts.append(self._round(range(start, min(start + step, tables))))
                report(min(start + step, tables))
        return Outcomes.joined(parts)

    def _round(self, numbers: range) -> Outcomes:
        """Outcomes of some tables: read where they are kept, else computed."""
        tables = [self.simulation.simulated(self.settings.seed, number) for number in numbers]
        prints = [table.runs.fingerprint for table in tables]
        model = {"version": __version__, "format": FORMAT, "tables": prints}
        model["card"] = self.simulation.law.card
        text = json.dumps({**model, **self.about}, sort_keys=True)
        path = None
        if self.folder is not None:
            path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"
            if path.exists():
                return Outcomes.read(path)
        unfinished = path.with_suffix("") if path is not None and self.executor else None
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
            # A round that loses a worker loses one batch.
            folder=unfinished,
            **options,
        )
        by_table = dict(zip(sane, fits, strict=True))
        found = outcomes(tables, [by_table.get(i) for i in range(len(tables))], self.quantities)
        if path is not None:
            found.write(path)
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
        return found


def _check_settings(settings: FitSettings, tables: int, batch: int) -> None:
    """Refuse settings under which no fit could be trusted."""
    whole(tables, "tables", place=PLACE, least=1)
    whole(batch, "batch", place=PLACE, least=1)
    mode, remedy = "the mode has no intervals", 'Give method="nuts" or "laplace"'
    refuse(f"{PLACE}, method", (settings.method == "mode", mode, remedy))
    few = (
        f"{settings.chains} chains of {settings.draws} draws: no fit could be trusted, which takes "
        f"{SMALLEST_ESS:.0f} effective draws"
    )
    too_few = settings.chains * settings.draws <= SMALLEST_ESS
    refuse(PLACE, (too_few, few, "Give chains=2, draws=1000"))


def _design_notes(simulation: Simulation, design: Any, seed: int) -> Any:
    """What the design leaves to the prior."""
    table = design.runs if isinstance(design, Posterior) else design
    source = str(getattr(table, "source", "the design"))
    runs = replace(simulation.simulated(seed, 0).runs, source=source)
    return design_notes(runs, simulation.law, simulation.specification.reference)
