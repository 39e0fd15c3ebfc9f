"""How JAX is used: in double precision, around our own calls only, and never after a fork.

The caller's settings stay as they are. Compiled code is kept in the user's cache folder, so that a
new process starts where the last one ended (``core.programs``); ``BAYESLAW_CACHE`` names another
folder, or none if empty.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jax

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError


@dataclass
class _Process:
    """Whether forks of this process are noticed, and whether it is one."""

    watched: bool = False
    forked: bool = False

    def note_fork(self) -> None:
        """In a child: JAX's threads did not come along."""
        self.forked = True


_process = _Process()


def cache_folder() -> Path | None:
    """Where compiled code is kept."""
    named = os.environ.get("BAYESLAW_CACHE")
    if named == "":
        return None
    if named is None:
        from platformdirs import user_cache_path

        return user_cache_path("bayeslaw") / "compiled" / platform.node()
    return Path(named) / platform.node()


@public
def clear_cache() -> int:
    """Remove all compiled code of this machine.

    Returns
    -------
    int
        Number of bytes that were freed.
    """
    folder = cache_folder()
    if folder is None or not folder.is_dir():
        return 0
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    # Another process may be writing there: what it adds stays.
    shutil.rmtree(folder, ignore_errors=True)
    return size


@contextmanager
def compiled() -> Iterator[None]:
    """Compute in double precision."""
    _check_fork()
    with jax.enable_x64(True):
        yield


def _check_fork() -> None:
    """Refuse to compute in a process that would wait for threads which only its parent has."""
    if _process.forked:
        raise RequestError(
            "this process was forked from one in which JAX had computed, and would wait for ever",
            place="fork",
            remedy='Start processes with multiprocessing.get_context("spawn") or "forkserver" '
            "(mp_context= of an executor), or fork before the first fit",
        )
    if not _process.watched and hasattr(os, "register_at_fork"):
        _process.watched = True
        os.register_at_fork(after_in_child=_process.note_fork)
