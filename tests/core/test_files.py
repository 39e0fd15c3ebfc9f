"""Files are written whole, where a plain file can stand, or not at all."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bayeslaw.core.errors import PosteriorError, RequestError
from bayeslaw.core.files import as_path, destination, make_folder, write_file


def refused(path: Any, *parts: str) -> None:
    with pytest.raises(PosteriorError) as caught:
        write_file(path, "new", error=PosteriorError)
    message = str(caught.value)
    assert "cannot be written" in message
    assert "Name a file" in message
    assert len(message) < 600
    for part in parts:
        assert part in message
    with pytest.raises(RequestError, match="--out"):
        destination(path, place="--out")


# --- what stands there -------------------------------------------------------------------------


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    write_file(path, "first µ")
    assert path.read_bytes() == "first µ".encode()
    write_file(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["fit.nc"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link, second = tmp_path / "far/real.nc", tmp_path / "link.nc", tmp_path / "second.nc"
    real.write_text("old")
    link.symlink_to("far/real.nc")
    second.symlink_to(link)
    write_file(second, "new")
    assert second.is_symlink()
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert os.listdir(tmp_path / "far") == ["real.nc"]


def test_a_link_to_nothing_yet_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.nc").symlink_to(tmp_path / "real.nc")
    write_file(tmp_path / "link.nc", "new")
    assert (tmp_path / "link.nc").is_symlink()
    assert (tmp_path / "real.nc").read_text() == "new"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def plug(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.mkdir, "a folder"),
        (pipe, "a named pipe"),
        (plug, "a socket"),
        (loop, "a link to itself"),
    ],
)
def test_what_is_no_plain_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], kind: str
) -> None:
    # Names of sockets are short.
    monkeypatch.chdir(tmp_path)
    make(Path("fit.nc"))
    before = Path("fit.nc").lstat()
    refused(Path("fit.nc"), kind)
    refused(tmp_path / "fit.nc", kind)
    if kind != "a link to itself":
        Path("link").symlink_to("fit.nc")
        refused(tmp_path / "link", kind)
    assert Path("fit.nc").lstat() == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no/fit.nc", "there is no folder"),
        ("file/fit.nc", "Not a directory"),
        ("x" * 300, "too long"),
        ("x" * 5000, "too long"),
        ("a\0b.nc", "null"),
        ("a\ud800.nc", "surrogates"),
        (".", "a folder"),
    ],
)
def test_no_place_for_a_file(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    refused(f"{tmp_path}/{name}", reason)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("path", [None, 3, b"fit.nc", ["fit.nc"]])
def test_what_names_no_file(path: Any) -> None:
    with pytest.raises(RequestError, match=f"a {type(path).__name__} where a file is named"):
        write_file(path, "new")


def test_any_path_names_a_file(tmp_path: Path) -> None:
    class Named:
        def __fspath__(self) -> str:
            return str(tmp_path / "fit.nc")

    assert as_path(Named()) == tmp_path / "fit.nc"


@pytest.mark.parametrize("length", [235, 250, 255])
def test_the_longest_names_that_a_folder_takes(tmp_path: Path, length: int) -> None:
    name = "µ" * (length // 2) + "x" * (length % 2)
    write_file(tmp_path / name, "new")
    assert os.listdir(tmp_path) == [name]


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    path.write_text("old")
    path.chmod(0o640)
    write_file(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_what_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    path = tmp_path / "fit.nc"
    if there:
        path.write_text("old")
    # Root may write everywhere.
    monkeypatch.setattr(os, "access", lambda *asked: False)
    refused(path, "may not be written to")
    with pytest.raises(RequestError, match="may not be written to"):
        make_folder(tmp_path, place="fit_many")


CLOSED = """
import ctypes, os, sys

# Root without its right to write everywhere: it is lost when another program is started.
if os.geteuid() == 0 and "again" not in sys.argv:
    assert ctypes.CDLL(None).prctl(24, 1) == 0
    os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
from bayeslaw.core import errors, files
for name in ("old", "new"):
    try:
        files.write_file(os.path.join(sys.argv[1], name), b"x")
    except errors.RequestError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="rights of root are split on Linux alone")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    closed, program = tmp_path / "closed", tmp_path / "program.py"
    closed.mkdir()
    (closed / "old").write_text("old")
    closed.chmod(0o500)
    program.write_text(CLOSED)
    command = [sys.executable, program, closed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    closed.chmod(0o700)
    assert done.returncode == 0, done.stderr
    old, new = done.stdout.splitlines()
    assert old.startswith("old: cannot be written (Permission denied). Name a file")
    assert new.startswith("new: cannot be written (its folder may not be written to). Name a file")
    assert (closed / "old").read_text() == "old"


@pytest.mark.parametrize("name", ["a\0b", "a\ud800", "x" * 300, "file", "file/below", None])
def test_a_folder_that_cannot_be_made(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError) as caught:
        make_folder(name and f"{tmp_path}/{name}", place="fit_many")
    assert caught.value.place == "fit_many"


# --- what was not completed --------------------------------------------------------------------

DIES = """
import os, signal, sys
from bayeslaw.core import files

def die(*names): os.kill(os.getpid(), signal.SIGKILL)
os.replace = die
files.write_file(sys.argv[1], b"half")
"""


def test_the_next_writer_removes_what_a_dead_one_left(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    path.write_text("old")
    died = subprocess.run([sys.executable, "-c", DIES, path], check=False)
    assert died.returncode < 0
    (left,) = (name for name in os.listdir(tmp_path) if name != "fit.nc")
    assert left.startswith(".fit.nc.")
    assert path.read_text() == "old"
    beside = [".fit.nc.bak", ".fit.nc.0123456789", ".other.nc.01234567"]
    for name in beside:
        (tmp_path / name).write_text("mine")
    write_file(path, "new")
    assert sorted(os.listdir(tmp_path)) == sorted(["fit.nc", *beside])


def test_what_a_living_writer_has_begun_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace, inner = tmp_path / "fit.nc", os.replace, []

    def meanwhile(partial: Path, target: Path) -> None:
        if not inner:
            inner.append(partial)
            write_file(path, "by another")
            assert path.read_text() == "by another"
        replace(partial, target)

    monkeypatch.setattr(os, "replace", meanwhile)
    write_file(path, "by the first")
    assert path.read_text() == "by the first"
    assert os.listdir(tmp_path) == ["fit.nc"]


LIMITED = """
import resource, sys
from bayeslaw.core import errors, files

most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
try:
    files.write_file(sys.argv[1], b"x" * 5000)
except errors.RequestError as error:
    print(error)
"""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    path.write_text("old")
    command = [sys.executable, "-c", LIMITED, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fit.nc: cannot be written (File too large). Name a file")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["fit.nc"]
