"""Warnings of a search that are no concern of the caller, whatever other threads search."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock, _open = threading.Lock(), ExitStack()
_users = 0


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore line searches that end early: a search is judged by where it ends, among several.

    SciPy does so itself, but filters of warnings belong to all threads: one that leaves restores
    what another has changed. Here the first to enter changes them and the last to leave restores.
    """
    global _users
    with _lock:
        if not _users:
            _open.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "The line search algorithm did not converge")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _open.close()
