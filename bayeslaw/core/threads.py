"""Linear algebra on one thread.

Matrices of a few hundred rows gain nothing from several, which wait for each other, and for the
next matrix, in a busy loop: beside other work on the same cores that takes ten times as long.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass
class _Users:
    """How many calls want one thread: the number of threads is one for the whole process."""

    count: int = 0
    limits: Any = None


_lock, _users = threading.Lock(), _Users()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS and LAPACK, JAX's included, on the calling thread; afterwards as before."""
    with _lock:
        if not _users.count:
            _release()
            _users.limits = _libraries().limit(limits=1, user_api="blas")
        _users.count += 1
    try:
        yield
    finally:
        with _lock:
            _users.count -= 1
            if not _users.count:
                _release()
                _users.limits.restore_original_limits()
                _release()


def _release() -> None:
    """Let whichever thread comes next set the number: the last to leave need not be the first."""
    for library in _libraries().lib_controllers:
        # Of OpenBLAS, and of versions that let only the first thread set it.
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    # JAX takes LAPACK from SciPy, which has to be loaded to be found.
    importlib.import_module("scipy.linalg")
    return ThreadpoolController()
