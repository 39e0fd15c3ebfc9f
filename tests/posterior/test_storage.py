"""A posterior goes to one file and comes back the same; anything else is refused by name."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayeslaw as bl
from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.kept import unseal
from bayeslaw.model.noise import Noise
from bayeslaw.posterior.info import FitInfo, FitSettings

storage = importlib.import_module("bayeslaw.posterior.storage")


def few(posterior: bl.Posterior) -> bl.Posterior:
    """Its first draws, which are quicker to write."""
    draws, stats = (
        {name: values[:, :20] for name, values in group.items()}
        for group in (posterior.draws, posterior.stats)
    )
    return replace(posterior, draws=draws, stats=stats)


@pytest.fixture(scope="module")
def small(posterior: bl.Posterior) -> bl.Posterior:
    note = bl.Note("mine", "warning", "a remark with a µ", "and a remedy")
    return few(posterior).with_notes(note)


@pytest.fixture(scope="module")
def saved(small: bl.Posterior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "fit.nc"
    small.save(path)
    return path


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    path = tmp_path / "fit.nc"
    path.write_bytes(saved.read_bytes())
    return path


def assert_same(one: bl.Posterior, other: bl.Posterior) -> None:
    for name in ("draws", "stats"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert list(ours) == list(theirs)
        for key, values in ours.items():
            assert theirs[key].dtype == values.dtype
            assert theirs[key].tobytes() == values.tobytes(), key
    assert other.law == one.law
    assert other.law.card == one.law.card
    assert other.reference == one.reference
    assert other.noise == one.noise
    assert other.notes == one.notes
    assert other.info == one.info
    ours, theirs = one.runs, other.runs
    for name in ("source", "variables", "groups", "embeddings", "loss_unit", "notes"):
        assert getattr(theirs, name) == getattr(ours, name), name
    assert theirs.fingerprint == ours.fingerprint
    assert theirs.table.index.tolist() == ours.table.index.tolist()
    for name in ours.variables:
        assert theirs.column(name).tobytes() == ours.column(name).tobytes()
    for name in ours.groups:
        assert theirs.table[name].tolist() == ours.table[name].tolist()


def refused(path: Path, *parts: str) -> PosteriorError:
    with pytest.raises(PosteriorError) as caught:
        bl.load(path)
    error = caught.value
    assert error.place == path.name
    assert error.remedy
    message = str(error)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return error


# --- round trips ------------------------------------------------------------------------------


def test_everything_comes_back(small: bl.Posterior, saved: Path) -> None:
    opened = bl.load(saved)
    assert_same(small, opened)
    assert opened.info.versions["bayeslaw"] == bl.__version__
    pd.testing.assert_frame_equal(opened.to_frame(), small.to_frame())
    places = {"N": 30e9, "N_a": 3e9, "D": 1e12, "G": 7, "S": 0.3}
    pd.testing.assert_frame_equal(opened.predict(places), small.predict(places))


def test_the_whole_posterior_too(posterior: bl.Posterior, tmp_path: Path) -> None:
    posterior.save(tmp_path / "fit.nc")
    assert_same(posterior, bl.load(tmp_path / "fit.nc"))


def test_a_path_may_be_text(small: bl.Posterior, tmp_path: Path) -> None:
    small.save(str(tmp_path / "fit.nc"))
    assert_same(small, bl.load(str(tmp_path / "fit.nc")))
    assert [path.name for path in tmp_path.iterdir()] == ["fit.nc"]


def test_saving_what_was_opened_changes_nothing(saved: Path, tmp_path: Path) -> None:
    opened = bl.load(saved)
    opened.save(tmp_path / "again.nc")
    assert_same(opened, bl.load(tmp_path / "again.nc"))


def other_table(small: bl.Posterior, index: Any, **options: Any) -> bl.Posterior:
    table = small.runs.table.copy()
    table["sweep"] = ["first", "secönd"] * 223
    table["cluster"] = np.arange(446.0) // 40
    table["note"] = "not a variable"
    table.index = index
    return replace(small, runs=bl.read_runs(table, **options))


def test_groups_labels_and_units_come_back(small: bl.Posterior, tmp_path: Path) -> None:
    labels = [f"run {i}" for i in range(446)]
    options = {"group": ["sweep", "cluster"], "embeddings": "excluded", "loss_unit": "bits"}
    grouped = other_table(small, labels, **options)
    assert grouped.runs.notes
    grouped.save(tmp_path / "fit.nc")
    opened = bl.load(tmp_path / "fit.nc")
    assert_same(grouped, opened)
    assert opened.runs.table["sweep"].tolist()[:2] == ["first", "secönd"]
    assert list(opened.runs.table.columns) == [*grouped.runs.variables, "sweep", "cluster"]


def test_times_and_truth_values_come_back(small: bl.Posterior, tmp_path: Path) -> None:
    table = small.runs.table.assign(
        day=pd.date_range("2026-01-01", periods=446, freq="36h"), warm=np.arange(446) % 2 == 0
    )
    table.index = pd.date_range("2025-01-01", periods=446, freq="min")
    timed = replace(small, runs=bl.read_runs(table, group=["day", "warm"]))
    timed.save(tmp_path / "fit.nc")
    assert_same(timed, bl.load(tmp_path / "fit.nc"))
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as tree:
        stored = tree["constant_data"]
        np.testing.assert_array_equal(stored["group 0"], table["day"])
        np.testing.assert_array_equal(stored["group 1"], table["warm"])
        np.testing.assert_array_equal(stored["training_run"], table.index)
    # Files of formats 1 to 3 are as xarray writes them, with all draws in one group.
    tree = timed.to_arviz()
    whole = tree["posterior"].to_dataset().merge(tree["posterior_at_reference"].to_dataset())
    tree["posterior"] = xr.DataTree(whole[list(timed.draws)])
    tree.attrs["bayeslaw"] = tree.attrs["bayeslaw"].replace('"format": 4', '"format": 3')
    tree.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    old = bl.load(tmp_path / "old.nc")
    assert_same(timed, replace(old, notes=old.notes[:-1]))


@pytest.mark.parametrize(
    "index",
    [range(446), -np.arange(446), np.full(446, 7), np.arange(446) + 0.5],
    ids=["range", "negative", "repeated", "fractions"],
)
def test_any_index_comes_back(small: bl.Posterior, tmp_path: Path, index: Any) -> None:
    labelled = other_table(small, index)
    labelled.save(tmp_path / "fit.nc")
    assert_same(labelled, bl.load(tmp_path / "fit.nc"))


def test_lines_of_a_file_are_still_called_lines(small: bl.Posterior, tmp_path: Path) -> None:
    small.runs.write(tmp_path / "runs.csv")
    read = replace(small, runs=bl.read_runs(tmp_path / "runs.csv"))
    assert read.runs.table.index.name == "line"
    read.save(tmp_path / "fit.nc")
    assert bl.load(tmp_path / "fit.nc").runs.table.index.name == "line"


def test_normal_noise_and_a_law_of_ones_own_come_back(small: bl.Posterior, tmp_path: Path) -> None:
    law = bl.Law.from_formula(
        "E + A/N**alpha", variables=["N"], name="mine", priors={"E": {**NORMAL, "mean": 2}}
    )
    shape = (2, 10)
    draws = {
        name: np.full(shape, value)
        for name, value in {
            "E": 1.7,
            "A_on": 0.1,
            "alpha": 0.3,
            "noise_scale": 0.01,
            "A": 40,
        }.items()
    }
    stats = {name: np.zeros(shape) for name in ("diverging", "energy")}
    own = replace(
        small,
        law=law,
        reference=bl.ReferenceRun.of(small.runs, ["N"]),
        noise=Noise("normal"),
        info=replace(small.info, settings=replace(small.info.settings, noise="normal")),
        draws=draws,
        stats=stats,
    )
    own.save(tmp_path / "own.nc")
    opened = bl.load(tmp_path / "own.nc")
    assert_same(own, opened)
    assert opened.law.name == "mine"
    assert opened.law.parameters["E"].prior.family == "normal"


NORMAL = {"family": "normal", "sd": 1}


def test_arviz_opens_the_file_by_itself(small: bl.Posterior, saved: Path) -> None:
    with xr.open_datatree(saved, engine="h5netcdf") as tree:
        assert {"posterior", "sample_stats", "observed_data", "constant_data"} == set(tree.children)
        np.testing.assert_array_equal(tree["posterior"]["alpha"], small.draws["alpha"])


def test_a_posterior_needs_no_library_of_laws(
    small: bl.Posterior, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It carries its card, and opens where another version of the card, or none, is installed.
    def none() -> Path:
        raise AssertionError("looked for cards")

    monkeypatch.setattr(importlib.import_module("bayeslaw.law.library"), "folder", none)
    assert bl.load(saved).law.card == small.law.card


@pytest.mark.parametrize(
    "name",
    # The dimension of runs, and what separates groups in a DataTree.
    ["run", "with/slash"],
)
def test_groups_of_any_name_come_back(small: bl.Posterior, tmp_path: Path, name: str) -> None:
    table = small.runs.table.assign(**{name: "a"})
    grouped = replace(small, runs=bl.read_runs(table, group=[name]))
    grouped.save(tmp_path / "fit.nc")
    assert_same(grouped, bl.load(tmp_path / "fit.nc"))


@pytest.mark.parametrize("name", ["run", "group_0"])
def test_variables_of_any_name_come_back(small: bl.Posterior, tmp_path: Path, name: str) -> None:
    table = small.runs.table.assign(number=1.5, sweep="a")
    mapped = bl.read_runs(table, columns={name: "number"}, group=["sweep"])
    posterior = replace(small, runs=mapped)
    posterior.save(tmp_path / "fit.nc")
    assert_same(posterior, bl.load(tmp_path / "fit.nc"))


# --- files that cannot be opened --------------------------------------------------------------


def test_missing(tmp_path: Path) -> None:
    error = refused(tmp_path / "nothing.nc", "nothing.nc: there is no such file")
    assert error.remedy == "Fit first"


def test_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "there is no such file")


@pytest.mark.parametrize("keep", [0, 1, 8, 100, 3000, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999, -1])
def test_truncated(copy: Path, keep: float) -> None:
    whole = copy.read_bytes()
    cut = int(keep * len(whole)) if isinstance(keep, float) else keep
    copy.write_bytes(whole[:cut])
    error = refused(copy)
    assert "is no readable netCDF file" in str(error) or "lacks its checksum" in str(error)
    assert "copy the file again" in error.remedy


@pytest.mark.parametrize("at", [0.05, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_holes_change_nothing(small: bl.Posterior, copy: Path, at: float) -> None:
    content = bytearray(copy.read_bytes())
    first = int(at * len(content))
    content[first : first + 20_000] = bytes(len(content[first : first + 20_000]))
    copy.write_bytes(content)
    # The log likelihood is for other programs, and fills half of the file.
    try:
        opened = bl.load(copy)
    except PosteriorError:
        return
    assert_same(small, opened)


@pytest.mark.parametrize("content", ["", "N,D,loss\n1e9,2e10,2.5\n", "\x00" * 5000])
def test_no_netcdf_at_all(tmp_path: Path, content: str) -> None:
    path = tmp_path / "fit.nc"
    path.write_text(content)
    refused(path, "is no readable netCDF file")


def test_a_foreign_netcdf(tmp_path: Path) -> None:
    path = tmp_path / "weather.nc"
    xr.Dataset({"rain": ("day", np.ones(3))}).to_netcdf(path, engine="h5netcdf")
    error = refused(path, "is a netCDF file, but not one that bayeslaw wrote")
    assert "bayeslaw fit --out" in error.remedy


def test_another_programs_posterior(tmp_path: Path) -> None:
    path = tmp_path / "arviz.nc"
    draws = xr.Dataset({"alpha": (("chain", "draw"), np.ones((2, 3)))})
    xr.DataTree.from_dict({"posterior": draws}).to_netcdf(path, engine="h5netcdf")
    refused(path, "is a netCDF file, but not one that bayeslaw wrote")


def test_hdf5_that_is_no_netcdf(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["layer/weights"] = np.ones((3, 3))
    refused(path)


def change(path: Path, by: Callable[[h5py.File], Any]) -> None:
    """Change a file; make it one of format 3, without a checksum of its bytes."""
    content, _ = unseal(path.read_bytes())
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        file.attrs["bayeslaw"] = file.attrs["bayeslaw"].replace('"format": 4', '"format": 3')
        by(file)


@pytest.mark.parametrize("group", ["posterior", "sample_stats", "constant_data"])
def test_a_missing_group(copy: Path, group: str) -> None:
    def drop(file: h5py.File) -> None:
        del file[group]

    change(copy, drop)
    refused(copy, "lacks part of a posterior", group)


@pytest.mark.parametrize("name", ["alpha", "h", "noise_scale"])
def test_missing_draws(copy: Path, name: str) -> None:
    def drop(file: h5py.File) -> None:
        del file["posterior"][name]

    change(copy, drop)
    refused(copy, f"has no draws of '{name}'")


@pytest.mark.parametrize(
    "name", ["posterior/noise_df", "sample_stats/diverging", "sample_stats/energy"]
)
def test_missing_draws_of_another_kind(copy: Path, name: str) -> None:
    def drop(file: h5py.File) -> None:
        del file[name]

    change(copy, drop)
    refused(copy)


@pytest.mark.parametrize("name", ["N", "loss"])
def test_an_altered_table(copy: Path, name: str) -> None:
    def alter(file: h5py.File) -> None:
        values = file["constant_data"][name]
        values[3] = np.nextafter(values[3], 0)

    change(copy, alter)
    refused(copy, "holds another table than the one it was fitted to")


def test_a_missing_column(copy: Path) -> None:
    def drop(file: h5py.File) -> None:
        del file["constant_data"]["G"]

    change(copy, drop)
    refused(copy)


def meta(path: Path, by: Callable[[dict[str, Any]], Any]) -> None:
    def alter(file: h5py.File) -> None:
        content = json.loads(file.attrs["bayeslaw"])
        by(content)
        file.attrs["bayeslaw"] = json.dumps(content)

    change(path, alter)


def test_a_file_of_format_1_still_opens(small: bl.Posterior, copy: Path) -> None:
    settings = {
        **{"method": "nuts", "noise": "student_t", "seed": 3, "chains": 4, "draws": 1000},
        **{"warmup": 400, "fallback": True, "discrepancy": ["gp"], "pool": None, "attempts": 2},
        **{"target_accept": 0.99, "thin": 4, "bfmi": 0.7, "pareto_k": 0.4, "effective": 900.0},
        **{"starts_at_mode": [3, 4], "of_group": {"sweep": "a"}, "versions": {"jax": "0.8"}},
    }

    def as_before(content: dict[str, Any]) -> None:
        del content["info"]
        content |= {"format": 1, "settings": settings}

    meta(copy, as_before)
    opened = bl.load(copy)
    requested = FitSettings(seed=3, fallback=True, discrepancy=["gp"])
    assert opened.info == FitInfo(
        settings=requested,
        method="nuts",
        attempts=2,
        target_accept=0.99,
        thin=4,
        bfmi=0.7,
        pareto_k=0.4,
        effective_draws=900.0,
        starts_at_mode=(3, 4),
        group={"sweep": "a"},
        versions={"jax": "0.8"},
    )
    assert [note.code for note in opened.notes[-1:]] == ["no_checksum"]
    assert_same(replace(small, info=opened.info, notes=opened.notes), opened)


def test_a_prior_of_format_1_still_opens(copy: Path) -> None:
    def as_before(content: dict[str, Any]) -> None:
        info = content.pop("info")
        own = {"method": "prior", "versions": info["versions"]}
        content |= {"format": 1, "settings": {**info["settings"], **own}}

    meta(copy, as_before)
    with h5py.File(copy, "r+") as file:
        file["sample_stats/lp"][...] = -np.inf
    info = bl.load(copy).info
    assert (info.method, info.settings.method) == ("prior", "nuts")


def test_another_format(copy: Path) -> None:
    meta(copy, lambda content: content.update(format=99))
    error = refused(copy, "has format 99, and this version reads 1 to 4")
    assert "version of bayeslaw that wrote it" in error.remedy


@pytest.mark.parametrize("key", ["card", "reference", "noise", "runs", "notes", "info"])
def test_a_missing_part(copy: Path, key: str) -> None:
    meta(copy, lambda content: content.pop(key))
    refused(copy, "lacks part of a posterior", key)


SPOILED: dict[str, dict[str, Any]] = {
    "noise": {"noise": "cauchy"},
    "reference": {"reference": {"loss": "much", "at": {}}},
    "format": {"format": None},
}


@pytest.mark.parametrize("case", SPOILED)
def test_spoiled_parts(copy: Path, case: str) -> None:
    meta(copy, lambda content: content.update(SPOILED[case]))
    with pytest.raises(PosteriorError, match=r"^fit\.nc: "):
        bl.load(copy)


@pytest.mark.parametrize(
    "card",
    [
        {"name": "x", "formula": "E + q*"},
        {"name": "x", "formula": "E + A/N**alpha", "variables": {"N": {"is": "N"}}},
        "text",
    ],
)
def test_a_card_that_is_none(copy: Path, card: Any) -> None:
    meta(copy, lambda content: content.update(card=card))
    with pytest.raises(PosteriorError, match=r"^fit\.nc: "):
        bl.load(copy)


def test_text_that_is_no_json(copy: Path) -> None:
    def alter(file: h5py.File) -> None:
        file.attrs["bayeslaw"] = "{"

    change(copy, alter)
    refused(copy, "lacks part of a posterior")


# --- files that cannot be written -------------------------------------------------------------


def unwritable(posterior: bl.Posterior, path: Path) -> None:
    with pytest.raises(PosteriorError) as caught:
        posterior.save(path)
    assert caught.value.place == path.name
    assert "cannot be written" in str(caught.value)
    assert "folder that exists and can be written to" in caught.value.remedy


def test_into_a_folder_that_is_not_there(small: bl.Posterior, tmp_path: Path) -> None:
    unwritable(small, tmp_path / "missing" / "fit.nc")
    assert list(tmp_path.iterdir()) == []


def test_onto_a_folder(small: bl.Posterior, tmp_path: Path) -> None:
    (tmp_path / "fit.nc").mkdir()
    unwritable(small, tmp_path / "fit.nc")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.nc"]


@pytest.mark.parametrize(
    "name",
    ["table.csv/fit.nc", "x" * 300],
    ids=["below a file", "long"],
)
def test_into_what_is_no_folder(small: bl.Posterior, tmp_path: Path, name: str) -> None:
    (tmp_path / "table.csv").write_text("N,D\n")
    unwritable(small, tmp_path / name)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("HDF5")]
)
def test_a_failing_save_leaves_the_file_that_was_there(
    small: bl.Posterior, copy: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    before = copy.read_bytes()
    seen = []

    def never(partial: Path, target: Path) -> None:
        seen.append(partial)
        raise error

    monkeypatch.setattr(os, "replace", never)
    expected = PosteriorError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        small.save(copy)
    # Written beside the target, since only there a rename replaces at once.
    assert [path.parent for path in seen] == [copy.parent]
    assert seen[0] != copy
    assert copy.read_bytes() == before
    assert list(copy.parent.iterdir()) == [copy]


def test_a_save_replaces_what_was_there(small: bl.Posterior, copy: Path) -> None:
    more = small.with_notes(bl.Note("more", "info", "x"))
    more.save(copy)
    assert bl.load(copy).notes == more.notes
    assert list(copy.parent.iterdir()) == [copy]
