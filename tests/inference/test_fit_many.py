"""Many fits: those of ``fit`` one by one, kept batch by batch, and handed to executors."""

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import PosteriorError, RequestError, TableError
from bayeslaw.inference.fit_many import fit_many
from bayeslaw.runs import ReferenceRun

# `bayeslaw.inference` may name functions like their modules: these go by their full names.
MANY: Any = importlib.import_module("bayeslaw.inference.fit_many")
SHORT = {"chains": 2, "draws": 100, "seed": 7, "progress": False}


@pytest.fixture(scope="module")
def tables() -> list[bl.Runs]:
    return [bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=seed) for seed in range(5)]


@pytest.fixture(scope="module")
def reference(tables: list[bl.Runs]) -> ReferenceRun:
    return ReferenceRun.of(tables[0], ("N", "D"))


@pytest.fixture(scope="module")
def fitted(tables: list[bl.Runs], reference: ReferenceRun) -> list[bl.Posterior]:
    """Each table by itself."""
    return [
        bl.fit(table, "chinchilla", reference=reference, **{**SHORT, "seed": 7 + i})
        for i, table in enumerate(tables)
    ]


def many(tables: Sequence[bl.Runs], **options: Any) -> list[bl.Posterior]:
    return fit_many(tables, **{"law": "chinchilla", **SHORT, **options})


def same(ours: Sequence[bl.Posterior], theirs: Sequence[bl.Posterior]) -> None:
    """Bitwise, notes and settings included."""
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for said, expected in ((one.draws, other.draws), (one.stats, other.stats)):
            assert list(said) == list(expected)
            for name, values in expected.items():
                assert said[name].dtype == values.dtype
                np.testing.assert_array_equal(said[name], values)
        assert one.notes == other.notes
        assert one.info == other.info
        assert one.reference == other.reference
        assert one.runs.fingerprint == other.runs.fingerprint
        assert (one.law.name, one.noise.name) == (other.law.name, other.noise.name)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of all fits that were made."""
    seeds, real = list[int](), MANY.fit_one

    def counting(runs: Any, law: Any, reference: Any, settings: Any, *rest: Any) -> Any:
        seeds.append(settings.seed)
        return real(runs, law, reference, settings, *rest)

    monkeypatch.setattr(MANY, "fit_one", counting)
    return seeds


# --- what comes out --------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 5, 20])
def test_it_is_fit_table_by_table_whatever_the_batch(
    tables: list[bl.Runs], reference: ReferenceRun, fitted: list[bl.Posterior], batch: int
) -> None:
    same(many(tables, reference=reference, batch=batch), fitted)


def test_the_first_tables_reference_serves_all(
    tables: list[bl.Runs], reference: ReferenceRun
) -> None:
    points = many(tables[:3], method="mode", batch=1)
    same(points, many(tables[:3], method="mode", reference=reference))
    assert all(point.reference == reference for point in points)


def test_tables_of_several_shapes_keep_their_order(
    tables: list[bl.Runs], reference: ReferenceRun
) -> None:
    mixed = [tables[0], bl.simulate("chinchilla", rows=40, noise_sd=0.01, seed=9), tables[1]]
    found = many(mixed, method="laplace", reference=reference)
    assert [len(one.runs) for one in found] == [60, 40, 60]
    for i, table in enumerate(mixed):
        options = {**SHORT, "seed": 7 + i, "method": "laplace", "reference": reference}
        same([found[i]], [bl.fit(table, "chinchilla", **options)])


@pytest.mark.parametrize("discrepancy", [None, "gp"])
def test_tables_filled_up_to_one_size_have_the_same_posterior(
    discrepancy: str | None, reference: ReferenceRun
) -> None:
    short = bl.simulate("chinchilla", rows=40, noise_sd=0.01, seed=9)
    options = {"method": "laplace", "reference": reference, "discrepancy": discrepancy}
    (plain,) = many([short], **options)
    (filled,) = many([short], rows=60, **options)
    assert len(filled.runs) == 40
    if discrepancy is not None:
        assert filled.weights is not None
        assert len(filled.weights) == 40
    # Sums in another order end the search for the mode elsewhere within its tolerance, and a draw
    # whose weight lies at a step of the resampling becomes its neighbour.
    for name, draws in plain.draws.items():
        away = (filled.draws[name] - draws) / draws.std()
        assert abs(away.mean()) < 0.02, name
        assert np.mean(np.abs(away) < 1e-4) > 0.9, name


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_a_size_that_is_filled_up_compiles_nothing_more(
    reference: ReferenceRun,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    method: str,
) -> None:
    """Not in a fit, in its checks or in the optimum."""
    # Nothing is there from an earlier process.
    monkeypatch.setenv("BAYESLAW_CACHE", str(tmp_path))
    compiled = []
    # In all threads, as the context manager of the name is not.
    jax.config.update("jax_log_compiles", True)
    request.addfinalizer(lambda: jax.config.update("jax_log_compiles", False))
    for rows in (57, 58):
        table = bl.simulate("chinchilla", rows=rows, noise_sd=0.01, seed=rows)
        caplog.clear()
        (fitted,) = many([table], method=method, reference=reference, rows=63)
        bl.optimum(fitted, budget=bl.Budget(train_flops=1e21))
        fitted.log_likelihood()
        compiled.append([text for text in caplog.messages if text.startswith("Compiling")])
    # No other test has this size.
    assert compiled[0]
    assert compiled[1] == []


def test_no_tables_have_no_posteriors(tmp_path: Path) -> None:
    assert many([]) == []
    assert many([], folder=tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_fitted_is_refused_before_any_fit(
    tables: list[bl.Runs], calls: list[int], tmp_path: Path
) -> None:
    lacking = bl.simulate("zhao2025", seed=7)
    with pytest.raises(TableError, match=r"the law 'zhao2025' needs 'N_a', 'G', 'S'"):
        many([lacking, tables[0]], law="zhao2025", batch=1, folder=tmp_path)
    for options in ({"batch": 0}, {"draws": 150}, {"method": "laplas"}, {"law": "chincilla"}):
        with pytest.raises(RequestError):
            many(tables, folder=tmp_path, **options)
    assert calls == []
    assert list(tmp_path.iterdir()) == []


# --- kept batches ----------------------------------------------------------------------------


def test_only_the_batch_that_is_missing_is_fitted_again(
    tables: list[bl.Runs],
    reference: ReferenceRun,
    fitted: list[bl.Posterior],
    calls: list[int],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "made" / "here"
    options: dict[str, Any] = {"reference": reference, "batch": 2, "folder": folder}
    first = many(tables, **options)
    assert sorted(calls) == [7, 8, 9, 10, 11]
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    assert len(kept) == 3
    assert {path.suffix for path in kept} == {".npz"}
    same(many(tables, **options), first)
    assert len(calls) == 5
    refitted = []
    for path, content in kept.items():
        calls.clear()
        path.unlink()
        same(many(tables, **options), fitted)
        refitted.append(tuple(sorted(calls)))
        assert path.exists()
        path.write_bytes(content)
    assert sorted(refitted) == [(7, 8), (9, 10), (11,)]


def test_an_interrupt_leaves_what_was_finished_and_nothing_half(
    tables: list[bl.Runs],
    reference: ReferenceRun,
    fitted: list[bl.Posterior],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    real, seeds = MANY.fit_one, list[int]()

    def interrupted(runs: Any, law: Any, reference: Any, settings: Any, *rest: Any) -> Any:
        if settings.seed >= 9:
            raise KeyboardInterrupt
        return real(runs, law, reference, settings, *rest)

    def counting(runs: Any, law: Any, reference: Any, settings: Any, *rest: Any) -> Any:
        seeds.append(settings.seed)
        return real(runs, law, reference, settings, *rest)

    options: dict[str, Any] = {"reference": reference, "batch": 2, "folder": tmp_path}
    monkeypatch.setattr(MANY, "fit_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        many(tables, **options)
    (only,) = tmp_path.iterdir()
    assert only.suffix == ".npz"
    before = only.read_bytes()
    monkeypatch.setattr(MANY, "fit_one", counting)
    same(many(tables, **options), fitted)
    assert sorted(seeds) == [9, 10, 11]
    assert only.read_bytes() == before


def test_a_batch_that_cannot_be_written_leaves_no_part_of_it(
    tables: list[bl.Runs], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def replace(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PosteriorError, match=r"cannot be written \(disk full\)"):
        many(tables[:1], method="mode", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["empty", "short", "half", "flipped", "foreign"])
def test_a_damaged_batch_is_named(tables: list[bl.Runs], tmp_path: Path, damage: str) -> None:
    options: dict[str, Any] = {"method": "mode", "batch": 1, "folder": tmp_path}
    many(tables[:2], **options)
    path = min(tmp_path.iterdir())
    whole = path.read_bytes()
    # Within the first array, since nobody checks what lies between two of them.
    place = whole.index(b"NUMPY") + 200
    path.write_bytes(
        {
            "empty": b"",
            "short": whole[:10],
            "half": whole[: len(whole) // 2],
            "flipped": whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :],
            "foreign": b"not a batch of fits\n" * 10,
        }[damage]
    )
    with pytest.raises(PosteriorError, match=rf"^{path.name}: .*Remove that file"):
        many(tables[:2], **options)
    path.unlink()
    assert len(many(tables[:2], **options)) == 2
    assert path.exists()


def test_other_requests_use_none_of_the_kept_batches(
    tables: list[bl.Runs],
    fitted: list[bl.Posterior],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    fits: list[int] = []

    def canned(*_: Any) -> bl.Posterior:
        # What decides is the request, not what was found.
        fits.append(1)
        return fitted[0]

    monkeypatch.setattr(MANY, "fit_one", canned)
    tight = {"family": "lognormal", "median": 0.4, "factor": 1.5}
    many(tables[:1], folder=tmp_path)
    many(tables[:1], folder=tmp_path)
    assert len(fits) == 1
    changes: list[dict[str, Any]] = [
        {"seed": 8},
        {"chains": 3},
        {"draws": 200},
        {"warmup": 500},
        {"method": "laplace"},
        {"fallback": True},
        {"noise": "normal"},
        {"law": bl.law("chinchilla").with_priors(alpha=tight)},
        {"reference": ReferenceRun(2.0, {"N": 1e9, "D": 1e10})},
    ]
    for i, change in enumerate(changes, start=2):
        many(tables[:1], folder=tmp_path, **change)
        assert len(fits) == i, change
        many(tables[:1], folder=tmp_path, **change)
        assert len(fits) == i, change
    # The table is another, and so is its reference; then the table alone is.
    many(tables[1:2], folder=tmp_path)
    many(tables[1:2], folder=tmp_path, reference=ReferenceRun.of(tables[0], ("N", "D")))
    assert len(fits) == len(changes) + 3
    assert len(list(tmp_path.iterdir())) == len(changes) + 3


def test_an_integer_of_numpy_is_a_seed(tables: list[bl.Runs], tmp_path: Path) -> None:
    plain = many(tables[:1], method="mode", seed=3, folder=tmp_path)
    same(many(tables[:1], method="mode", seed=np.int64(3), folder=tmp_path), plain)
    assert len(list(tmp_path.iterdir())) == 1


def test_kept_posteriors_do_all_that_fresh_ones_do(
    tables: list[bl.Runs], fitted: list[bl.Posterior], tmp_path: Path
) -> None:
    many(tables[:1], folder=tmp_path)
    (read,) = many(tables[:1], folder=tmp_path)
    new = {"N": [1e9], "D": [1e11]}
    assert read.predict(new).equals(fitted[0].predict(new))
    assert read.to_frame().equals(fitted[0].to_frame())
    read.save(tmp_path / "one.nc")
    same([bl.load(tmp_path / "one.nc")], [fitted[0]])


# --- executors -------------------------------------------------------------------------------


def test_an_executors_batches_may_end_in_any_order(
    tables: list[bl.Runs],
    reference: ReferenceRun,
    fitted: list[bl.Posterior],
    calls: list[int],
    tmp_path: Path,
) -> None:
    class Backwards(concurrent.futures.Executor):
        def __init__(self) -> None:
            self.waiting: list[Any] = []

        def submit(self, fn: Any, /, *args: Any, **options: Any) -> Any:
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            self.waiting.append((future, fn, args, options))
            if len(self.waiting) == 3:
                for one, function, given, named in reversed(self.waiting):
                    one.set_result(function(*given, **named))
            return future

    options: dict[str, Any] = {"reference": reference, "batch": 2, "folder": tmp_path}
    same(many(tables, executor=Backwards(), **options), fitted)
    assert len(calls) == 5
    # What an executor made is read by a run without one.
    same(many(tables, **options), fitted)
    assert len(calls) == 5


def test_a_failure_in_an_executor_reaches_the_caller(
    tables: list[bl.Runs], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = MANY.fit_one

    def failing(runs: Any, law: Any, reference: Any, settings: Any, *rest: Any) -> Any:
        if settings.seed == 8:
            raise RequestError("no luck")
        return real(runs, law, reference, settings, *rest)

    monkeypatch.setattr(MANY, "fit_one", failing)
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        pytest.raises(RequestError, match="no luck"),
    ):
        many(tables[:2], method="mode", batch=1, executor=pool, folder=tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".npz"}


class DiesOnce(concurrent.futures.Executor):
    """An executor whose worker dies over one of the batches, as one without memory does."""

    def __init__(self, executor: Any, number: int) -> None:
        self.executor, self.number, self.count = executor, number, 0

    def submit(self, fn: Any, /, *args: Any) -> Any:
        self.count += 1
        if self.count - 1 == self.number:
            return self.executor.submit(os._exit, 1)
        return self.executor.submit(fn, *args)


def lost(
    tables: list[bl.Runs], executor: Any, number: int, folder: Path | None, **options: Any
) -> str:
    executor = DiesOnce(executor, number)
    with pytest.raises(RequestError) as caught:
        many(tables, executor=executor, batch=1, folder=folder, **options)
    assert caught.value.place == "fit_many, executor"
    assert f"tables from {number}" in caught.value.problem
    assert "folder=" in caught.value.remedy
    return caught.value.problem


def spawned() -> Any:
    spawn = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=spawn)


def loky_pool() -> Any:
    loky = pytest.importorskip("loky")
    return loky.ProcessPoolExecutor(max_workers=1)


@pytest.mark.parametrize("pool", [spawned, loky_pool])
def test_a_worker_that_dies_takes_nothing_finished_with_it(
    tables: list[bl.Runs],
    reference: ReferenceRun,
    fitted: list[bl.Posterior],
    calls: list[int],
    tmp_path: Path,
    pool: Any,
) -> None:
    with pool() as executor:
        problem = lost(tables[:3], executor, 1, tmp_path, reference=reference)
    # A pool of one machine ends with its worker: what was not begun is named too.
    assert problem.startswith("2 of 3 batches are lost (tables from 1, tables from 2): ")
    assert len(list(tmp_path.iterdir())) == 1
    same(many(tables[:3], reference=reference, batch=1, folder=tmp_path), fitted[:3])
    assert len(calls) == 2


def test_a_dask_cluster_loses_no_finished_batch_of_a_worker_that_dies(
    tables: list[bl.Runs], reference: ReferenceRun, fitted: list[bl.Posterior], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        # A pure call of the same batch gets the error of the first call again.
        executor = client.get_executor(pure=False)
        problem = lost(tables[:3], executor, 1, tmp_path, reference=reference)
        kept = len(list(tmp_path.iterdir()))
        found = many(tables[:3], reference=reference, batch=1, folder=tmp_path, executor=executor)
    # Dask also gives up a batch that waits at the worker; the cluster starts another worker.
    assert "KilledWorker" in problem
    assert problem.startswith(f"{3 - kept} of 3 batches are lost (")
    assert kept >= 1
    assert len(list(tmp_path.iterdir())) == 3
    same(found, fitted[:3])
