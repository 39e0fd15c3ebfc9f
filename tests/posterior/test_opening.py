"""Damage of a saved posterior is found; what is not of its kind is refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import BayesLawError, PosteriorError
from bayeslaw.core.kept import seal, unseal


@pytest.fixture(scope="module")
def small() -> bl.Posterior:
    runs = bl.simulate("chinchilla", rows=30, seed=7)
    return bl.fit(runs, "chinchilla", method="laplace", chains=1, draws=100, seed=1)


@pytest.fixture(scope="module")
def content(small: bl.Posterior, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "fit.nc"
    small.save(path)
    return path.read_bytes()


@pytest.fixture
def path(content: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "fit.nc"
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(PosteriorError, match=r"^fit\.nc: ") as caught:
        bl.load(path)
    assert caught.value.remedy
    assert len(str(caught.value)) < 600
    return str(caught.value)


def flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def same(one: bl.Posterior, other: bl.Posterior) -> bool:
    parts = ((one.draws, other.draws), (one.stats, other.stats))
    plain = ("law", "reference", "noise", "notes", "info", "discrepancy", "pool")
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and all(a.keys() == b.keys() for a, b in parts)
        and all(a[name].tobytes() == b[name].tobytes() for a, b in parts for name in a)
        and one.runs.fingerprint == other.runs.fingerprint
        and one.runs.notes == other.runs.notes
        and one.runs.table.index.equals(other.runs.table.index)
    )


# --- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alpha", "T"])
def test_a_bit_of_a_coefficient(small: bl.Posterior, content: bytes, path: Path, name: str) -> None:
    draws = small.draws[name].tobytes()
    first, rng = content.index(draws), np.random.default_rng(1)
    for at, bit in zip(rng.integers(len(draws), size=5), rng.integers(8, size=5), strict=True):
        path.write_bytes(flipped(content, first + int(at), int(bit)))
        assert "does not fit its checksum" in refusal(path)


def test_bits_anywhere_change_nothing(small: bl.Posterior, content: bytes, path: Path) -> None:
    rng = np.random.default_rng(2)
    for at, bit in zip(rng.integers(len(content), size=40), rng.integers(8, size=40), strict=True):
        path.write_bytes(flipped(content, int(at), int(bit)))
        try:
            opened = bl.load(path)
        except PosteriorError:
            continue
        assert same(small, opened)


def test_damage_is_found_before_the_file_is_parsed(
    content: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(h5py, "File", parse)
    rng = np.random.default_rng(3)
    for at in rng.integers(8, len(content) - 100, size=20):
        path.write_bytes(flipped(content, int(at), 3))
        assert "does not fit its checksum" in refusal(path)
    # Nor is what cannot be HDF5.
    path.write_bytes(b"N,D,loss\n" + content)
    assert "no readable netCDF file" in refusal(path)


def edit(
    path: Path, by: Callable[[dict[str, Any]], Any], *, version: int = 3, sealed: bool = False
) -> None:
    """Change a file; unless ``sealed``, leave it without a checksum, as files of format 3 are."""
    path.write_bytes(unseal(path.read_bytes())[0])
    with h5py.File(path, "r+") as file:
        meta = {**json.loads(file.attrs["bayeslaw"]), "format": version}
        by(meta)
        file.attrs["bayeslaw"] = json.dumps(meta)
    if sealed:
        path.write_bytes(seal(path.read_bytes()))


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_notes_cannot_be_deleted(content: bytes, path: Path, version: int) -> None:
    edit(path, lambda meta: meta["notes"].clear(), version=version)
    trailer = content[len(unseal(content)[0]) :]
    path.write_bytes(path.read_bytes() + trailer)
    assert "does not fit its checksum" in refusal(path)


def test_a_checksum_cannot_be_dropped(path: Path) -> None:
    edit(path, lambda meta: None, version=4)
    assert "lacks its checksum" in refusal(path)


def test_an_older_file_opens_with_a_note(small: bl.Posterior, path: Path, tmp_path: Path) -> None:
    edit(path, lambda meta: None, version=2)
    opened = bl.load(path)
    assert opened.notes[:-1] == small.notes
    note = opened.notes[-1]
    assert (note.code, note.severity) == ("no_checksum", "info")
    assert "fit.nc carries no checksum" in note.message
    # It stays true of these draws when they are saved again, with a checksum.
    opened.save(tmp_path / "again.nc")
    assert bl.load(tmp_path / "again.nc").notes == opened.notes


# --- what is not of its kind, in files without a checksum --------------------------------------

ODD: dict[str, list[Any]] = {
    "card": ["", {}, [], None, 1, {"name": 1}],
    "place": [1, None, []],
    "reference": ["", {}, [], {"loss": -1, "at": {}}, {"loss": "nan", "at": {}}],
    "noise": ["normal", "", None, 1, [], {}],
    "discrepancy": [1, {"x": 1}, "gp"],
    "pool": [None, "x", [1], [["a"]]],
    "runs": ["", {}, [], None],
    "notes": ["", {}, [1], None, [{}], [{"code": 1}]],
    "info": ["", {}, [], None, {"settings": {}}, {"settings": []}, {"settings": {"method": "x"}}],
    "format": ["", None, [], {}],
    "runs.source": [1, None],
    "runs.variables": ["", [], [1], ["N"], None],
    "runs.groups": [[1], None, ["x"]],
    "runs.index": [[], {}],
    "runs.loss_unit": [None, 1],
    "runs.notes": ["", [{}], [1], [{"code": "a", "severity": "b", "message": "c"}]],
    "runs.fingerprint": ["", None, 1],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_parts(path: Path, name: str) -> None:
    for value in ODD[name]:

        def spoil(meta: dict[str, Any], value: Any = value) -> None:
            *above, last = name.split(".")
            (meta[above[0]] if above else meta)[last] = value

        with h5py.File(path, "r+") as file:
            before = dict(file.attrs)
        edit(path, spoil)
        refusal(path)
        with h5py.File(path, "r+") as file:
            file.attrs.update(before)


def test_draws_of_different_shapes(path: Path) -> None:
    edit(path, lambda meta: None)
    with h5py.File(path, "r+") as file:
        values = file["posterior/alpha"][:, :50]
        del file["posterior/alpha"]
        file["posterior/alpha"] = values
    assert "different shapes" in refusal(path)


@pytest.mark.parametrize("odd", [None, 3, b"fit.nc"])
def test_what_names_no_file(small: bl.Posterior, odd: Any) -> None:
    for use in (bl.load, small.save):
        with pytest.raises(BayesLawError, match=r"Give text or a path|where a file is named"):
            use(odd)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\0b", "a\ud800"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(PosteriorError, match="there is no such file") as caught:
        bl.load(f"{tmp_path}/{name}")
    assert len(str(caught.value)) < 600


LIMITED = """
import resource, sys
import bayeslaw as bl

posterior = bl.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    posterior.save(sys.argv[1])
except bl.BayesLawError as error:
    print(error)
"""


def test_a_limit_on_the_size_of_files(path: Path, content: bytes) -> None:
    # HDF5 ends the process where it cannot write what it holds.
    command = [sys.executable, "-c", LIMITED, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("fit.nc: cannot be written (File too large)")
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["fit.nc"]
