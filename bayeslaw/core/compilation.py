"""How JAX is used: double precision, and compiled code kept on disk, around our own calls only.

Neither touches the caller's settings. Compiled code is kept in the user's cache folder, so that a
new process starts where the last one ended; ``BAYESLAW_CACHE`` names another folder, or none if
empty. A caller who has set JAX's own compilation cache keeps it.
"""

from __future__ import annotations

import os
import platform
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError

#: The oldest entries go when there are more bytes than this.
LARGEST_CACHE = 500_000_000

_SETTINGS = {
    "jax_compilation_cache_max_size": LARGEST_CACHE,
    "jax_persistent_cache_min_compile_time_secs": 0.1,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


# Annotated since JAX leaves it untyped.
_update: Callable[[str, object], None] = jax.config.update


@dataclass
class _Users:
    """How many calls are using our folder: JAX's setting is one for all threads."""

    count: int = 0
    before: dict[str, object] = field(default_factory=dict)


@dataclass
class _Process:
    """Whether forks of this process are noticed, and whether it is one."""

    watched: bool = False
    forked: bool = False

    def note_fork(self) -> None:
        """In a child: JAX's threads did not come along."""
        self.forked = True


_lock, _users, _process = threading.Lock(), _Users(), _Process()


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
    """Compute in double precision and keep what is compiled."""
    _check_fork()
    with jax.enable_x64(True):
        folder = _enter()
        try:
            yield
        finally:
            if folder:
                _leave()


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


def _enter() -> bool:
    with _lock:
        if _users.count:
            _users.count += 1
            return True
        folder = cache_folder()
        if folder is None or jax.config.jax_compilation_cache_dir is not None:
            return False
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            # Without a place to write there is nothing to keep; all else works.
            return False
        settings = {**_SETTINGS, "jax_compilation_cache_dir": str(folder)}
        _users.before = {name: getattr(jax.config, name) for name in settings}
        _apply(settings)
        _users.count = 1
        return True


def _leave() -> None:
    with _lock:
        _users.count -= 1
        if _users.count == 0:
            _apply(_users.before)


def _apply(settings: Mapping[str, object]) -> None:
    for name, value in settings.items():
        _update(name, value)
    # JAX decides once whether there is a cache, and where.
    compilation_cache.reset_cache()
