"""``fit_many``: one law fitted to many tables, in batches that can be kept and sent elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bayeslaw.core.batches import compute_batches
from bayeslaw.core.calls import public
from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import RequestError, whole
from bayeslaw.core.files import make_folder
from bayeslaw.core.kept import FORMAT, read_npz, write_npz
from bayeslaw.core.notes import Note
from bayeslaw.core.version import __version__
from bayeslaw.inference.fit import fit_one
from bayeslaw.inference.nuts import Report
from bayeslaw.inference.progress import bar
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.model.options import DiscrepancyOption
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.info import FitInfo, FitSettings, Method
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs


@public
def fit_many(
    tables: Sequence[Runs],
    law: str | Path | Law,
    *,
    method: Method = "nuts",
    noise: str = "student_t",
    discrepancy: DiscrepancyOption = None,
    reference: ReferenceRun | None = None,
    seed: int = 0,
    chains: int = 2,
    draws: int = 1000,
    warmup: int = 400,
    fallback: bool = False,
    folder: str | Path | None = None,
    executor: Executor | None = None,
    rows: int | None = None,
    batch: int = 20,
    progress: bool | None = None,
) -> list[Posterior]:
    """Fit one law to many tables.

    Tables of one size share compiled code; tables of other sizes are compiled for again, unless
    ``rows`` fills them up.

    Parameters
    ----------
    tables : sequence of Runs
        The tables.
    law, method, noise, discrepancy, chains, draws, warmup, fallback, progress
        As for ``fit``.
    reference : ReferenceRun, optional
        Where priors are stated, for all tables; the first table's typical run unless given, since
        priors stated at a reference that moves from table to table would not be the same.
    seed : int
        Table ``i`` is fitted with ``seed + i``, in any batch.
    folder : str or Path, optional
        Keeps finished batches. A batch that it holds, for the same tables, law and settings, is
        read instead of fitted.
    executor : concurrent.futures.Executor, optional
        Takes the batches, plain data of some 10 kB: a process pool (spawn), loky, Dask's
        ``client.get_executor(pure=False)``, mpi4py's, executorlib's (Slurm) or parsl's. Without
        one, tables are fitted by the threads of this process. Where a worker dies the other
        batches are finished and kept; an error names the lost ones.
    rows : int, optional
        Fill shorter tables up to this many rows, which do not count.
    batch : int
        Tables in a batch; a kept batch is found again only under the same number.

    Returns
    -------
    list of Posterior
        In the order of the tables.

    Raises
    ------
    RequestError, TableError, PosteriorError
        If an option does not fit, a table lacks a column, or a kept batch cannot be read.
    """
    settings = FitSettings(method, noise, seed, chains, draws, warmup, fallback, discrepancy)
    law, tables = load_law(law), list(tables)
    if wrong := [table for table in tables if not isinstance(table, Runs)]:
        problem, remedy = f"{wrong[0]!r} among the tables", "Give runs alone, of bl.read_runs"
        raise RequestError(problem, place="fit_many", remedy=remedy)
    whole(batch, "batch", place="fit_many", least=1)
    if not tables:
        return []
    needs = [*law.variables, law.predicts]
    tables = [table.require(needs, purpose=f"the law {law.name!r}") for table in tables]
    if reference is None:
        reference = ReferenceRun.of(tables[0], law.variables, law.predicts)
    batches = [
        _Batch(
            tables[i : i + batch],
            law.card,
            law.place,
            reference,
            replace(settings, seed=settings.seed + i),
            rows,
            i,
        )
        for i in range(0, len(tables), batch)
    ]
    keep = None if folder is None else make_folder(folder, place="fit_many")
    with bar(progress, len(tables), f"fitting {law.name} to {len(tables)} tables") as report:
        return _fit_all(batches, keep, executor, report)


def _fit_all(
    batches: list[_Batch], folder: Path | None, executor: Executor | None, report: Report
) -> list[Posterior]:
    """Read the batches that are kept, fit and keep the others."""
    paths = [folder and folder / f"{batch.key}.npz" for batch in batches]
    fits = {
        i: batch.read(path)
        for i, (batch, path) in enumerate(zip(batches, paths, strict=True))
        if path is not None and path.exists()
    }
    report(sum(map(len, fits.values())))
    open_batches = [i for i in range(len(batches)) if i not in fits]

    def done(i: int, posteriors: list[Posterior]) -> None:
        if (path := paths[i]) is not None:
            _write(path, posteriors)
        fits[i] = posteriors
        report(sum(map(len, fits.values())))

    if executor is None:
        for i in open_batches:
            done(i, batches[i].fit(os.cpu_count() or 1))
    else:
        first = {f"tables from {batches[i].first}": i for i in open_batches}
        remedy = "Call again with the same folder=, which has the finished ones, and a new executor"
        if folder is None:
            remedy = "Give folder=, which keeps finished ones, and a new executor"
        compute_batches(
            {name: partial(batches[i].fit, 1) for name, i in first.items()},
            executor,
            lambda name, posteriors: done(first[name], posteriors),
            place="fit_many",
            remedy=remedy,
        )
    return [posterior for i in range(len(batches)) for posterior in fits[i]]


@dataclass(frozen=True)
class _Batch:
    """Tables to fit with consecutive seeds: plain data, which other processes can be sent."""

    tables: list[Runs]
    card: dict[str, Any]
    place: str
    reference: ReferenceRun
    settings: FitSettings
    rows: int | None
    #: Number of its first table.
    first: int

    @property
    def law(self) -> Law:
        # Its parsed parts are made where they are used, once.
        return _read_law(json.dumps(self.card), self.place)

    @property
    def key(self) -> str:
        """A hash of everything that the posteriors depend on."""
        parts = {
            "version": __version__,
            "format": FORMAT,
            "card": self.card,
            "reference": self.reference.to_dict(),
            "settings": self.settings.to_dict(),
            "rows": self.rows,
            "tables": [table.fingerprint for table in self.tables],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def fit(self, threads: int) -> list[Posterior]:
        law, settings, reference = self.law, self.settings, self.reference

        def fit_table(i: int) -> Posterior:
            own = replace(settings, seed=settings.seed + i)
            with compiled():
                return fit_one(self.tables[i], law, reference, own, lambda done: None, 1, self.rows)

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(fit_table, range(len(self.tables))))

    def read(self, path: Path) -> list[Posterior]:
        """The posteriors that ``_write`` kept."""
        about, arrays = read_npz(path, "a kept batch")
        law, settings = self.law, self.settings

        def part(head: str) -> dict[str, np.ndarray]:
            chosen = [name for name in arrays if name.startswith(head)]
            return {name.removeprefix(head): arrays[name] for name in chosen}

        return [
            Posterior.of(
                Specification.of(
                    table,
                    law,
                    self.reference,
                    noise=settings.noise,
                    discrepancy=settings.discrepancy,
                ),
                table,
                weights=arrays.get(f"{i}/weights"),
                draws=part(f"{i}/draws/"),
                stats=part(f"{i}/stats/"),
                notes=tuple(map(Note.from_dict, meta["notes"])),
                info=FitInfo.from_dict(meta["info"]),
            )
            for i, (table, meta) in enumerate(zip(self.tables, about, strict=True))
        ]


@lru_cache(maxsize=16)
def _read_law(card: str, place: str) -> Law:
    """The law of a card: reading one takes as long as a quarter of a fit."""
    return Law(json.loads(card), place)


def _write(path: Path, posteriors: list[Posterior]) -> None:
    arrays: dict[str, np.ndarray] = {}
    for i, posterior in enumerate(posteriors):
        arrays |= {f"{i}/draws/{name}": values for name, values in posterior.draws.items()}
        arrays |= {f"{i}/stats/{name}": values for name, values in posterior.stats.items()}
        if posterior.weights is not None:
            arrays[f"{i}/weights"] = posterior.weights
    about = [
        {"notes": [note.to_dict() for note in posterior.notes], "info": posterior.info.to_dict()}
        for posterior in posteriors
    ]
    write_npz(path, about, arrays)
