"""Many fits of one law: in batches that can be resumed, and handed to other machines."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import PosteriorError, RequestError, whole
from bayeslaw.core.files import whole_file
from bayeslaw.core.notes import Note
from bayeslaw.core.version import __version__
from bayeslaw.inference.fit import fit_one
from bayeslaw.inference.progress import bar
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.model.options import DiscrepancyOption
from bayeslaw.model.specification import Specification
from bayeslaw.posterior.info import FitInfo, FitSettings, Method
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs


def fit_many(
    tables: Sequence[Runs],
    law: str | Law,
    *,
    method: Method = "nuts",
    noise: str = "student_t",
    discrepancy: DiscrepancyOption = None,
    reference: Reference | None = None,
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
    law : str or Law
        A law, its name, or the path of a card.
    method, noise, discrepancy, chains, draws, warmup, fallback
        As for ``fit``.
    reference : Reference, optional
        Where priors are stated, for all tables; the first table's typical run unless given, since
        priors stated at a reference that moves from table to table would not be the same.
    seed : int
        Table ``i`` is fitted with ``seed + i``, in whatever batch it is.
    folder : str or Path, optional
        Where finished batches are kept. A batch that is there already, for the same tables, law
        and settings, is read instead of fitted.
    executor : concurrent.futures.Executor, optional
        Takes the batches: a process pool, Dask's ``client.get_executor()``, mpi4py's pool. Without
        one, tables are fitted by the threads of this process.
    rows : int, optional
        Fill shorter tables up to so many rows, which do not count.
    batch : int
        Tables in a batch; a kept batch is found again only under the same number.
    progress : bool, optional
        Whether to show a progress bar; by default where the error stream is a terminal.

    Returns
    -------
    list of Posterior
        In the order of the tables.

    Raises
    ------
    RequestError
        If an option does not fit.
    TableError
        If a table lacks a column.
    PosteriorError
        If a kept batch cannot be read.
    """
    settings = FitSettings(method, noise, seed, chains, draws, warmup, fallback, discrepancy)
    one, tables = load_law(law), list(tables)
    whole(batch, "batch", place="fit_many", least=1)
    if not tables:
        return []
    needs = [*one.variables, one.predicts]
    tables = [table.require(needs, purpose=f"the law {one.name!r}") for table in tables]
    if reference is None:
        reference = Reference.of(tables[0], one.variables, one.predicts)
    jobs = [
        _Job(tables[i : i + batch], one, reference, replace(settings, seed=settings.seed + i), rows)
        for i in range(0, len(tables), batch)
    ]
    keep = None if folder is None else Path(folder)
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(
                f"the folder {keep.name!r} cannot be made ({error.strerror})",
                place="fit_many",
                remedy="Name a folder",
            ) from None
    found: dict[int, list[Posterior]] = {}
    with bar(progress, len(tables), f"fitting {one.name} to {len(tables)} tables") as report:
        for i, job in enumerate(jobs):
            path = _path(keep, job)
            if path is not None and path.exists():
                found[i] = _read(path, job)
        report(sum(map(len, found.values())))
        open_jobs = [i for i in range(len(jobs)) if i not in found]

        def done(i: int, posteriors: list[Posterior]) -> None:
            path = _path(keep, jobs[i])
            if path is not None:
                _write(path, posteriors)
            found[i] = posteriors
            report(sum(map(len, found.values())))

        if executor is None:
            threads = os.cpu_count() or 1
            for i in open_jobs:
                done(i, _fit_batch(jobs[i], threads))
        else:
            futures: dict[Future[list[Posterior]], int] = {
                executor.submit(_fit_batch, jobs[i], 1): i for i in open_jobs
            }
            try:
                for future in as_completed(futures):
                    done(futures[future], future.result())
            finally:
                # After an error or an interrupt, nothing new is begun.
                for future in futures:
                    future.cancel()
    return [posterior for i in range(len(jobs)) for posterior in found[i]]


class _Job:
    """A batch: what a worker needs, and nothing that is not data."""

    def __init__(
        self,
        tables: Sequence[Runs],
        law: Law,
        reference: Reference,
        settings: FitSettings,
        rows: int | None,
    ) -> None:
        self.tables, self.reference, self.settings = list(tables), reference, settings
        self.rows = rows
        # The law's parsed parts are made anew where they are used.
        self.card, self.place = law.card, law.place

    @property
    def law(self) -> Law:
        return Law(self.card, self.place)

    @property
    def key(self) -> str:
        """What the outcome depends on."""
        about = {
            "version": __version__,
            "card": self.card,
            "reference": self.reference.to_dict(),
            "settings": self.settings.to_dict(),
            "rows": self.rows,
            "tables": [table.fingerprint for table in self.tables],
        }
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _fit_batch(job: _Job, threads: int) -> list[Posterior]:
    law = job.law

    def one(i: int) -> Posterior:
        settings = replace(job.settings, seed=job.settings.seed + i)
        with compiled():
            return fit_one(
                job.tables[i], law, job.reference, settings, lambda done: None, 1, job.rows
            )

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(len(job.tables))))


def _path(folder: Path | None, job: _Job) -> Path | None:
    return None if folder is None else folder / f"{job.key}.npz"


def _write(path: Path, posteriors: list[Posterior]) -> None:
    arrays: dict[str, Any] = {}
    for i, one in enumerate(posteriors):
        arrays |= {f"{i}/draws/{name}": values for name, values in one.draws.items()}
        arrays |= {f"{i}/stats/{name}": values for name, values in one.stats.items()}
        if one.weights is not None:
            arrays[f"{i}/weights"] = one.weights
    about = [
        {"notes": [note.to_dict() for note in one.notes], "info": one.info.to_dict()}
        for one in posteriors
    ]
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


def _read(path: Path, job: _Job) -> list[Posterior]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            arrays = {name: kept[name] for name in kept.files if name != "about"}
        if len(about) != len(job.tables):
            raise ValueError(f"{len(about)} fits for {len(job.tables)} tables")
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile, zlib.error) as error:
        raise PosteriorError(
            f"a kept batch cannot be read ({error})", place=path.name, remedy="Remove that file"
        ) from None
    law, options = job.law, job.settings

    def part(i: int, kind: str) -> dict[str, np.ndarray]:
        head = f"{i}/{kind}/"
        return {name[len(head) :]: v for name, v in arrays.items() if name.startswith(head)}

    specifications = [
        Specification.of(
            table, law, job.reference, noise=options.noise, discrepancy=options.discrepancy
        )
        for table in job.tables
    ]
    return [
        Posterior(
            law=law,
            runs=table,
            reference=job.reference,
            noise=specifications[i].noise,
            discrepancy=specifications[i].discrepancy,
            weights=arrays.get(f"{i}/weights"),
            draws=part(i, "draws"),
            stats=part(i, "stats"),
            notes=tuple(Note(**note) for note in about[i]["notes"]),
            info=FitInfo.from_dict(about[i].get("info") or about[i]["settings"]),
        )
        for i, table in enumerate(job.tables)
    ]
