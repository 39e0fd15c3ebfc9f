"""One thread of linear algebra, and the caller's number afterwards."""

from __future__ import annotations

import importlib
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from bayeslaw.core.threads import one_thread

# JAX takes LAPACK from SciPy, which has to be loaded to be counted.
importlib.import_module("scipy.linalg")


def threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_one_thread_inside_and_as_many_as_before_outside() -> None:
    with threadpool_limits(2, "blas"):
        before = threads()
        with one_thread():
            assert threads() == {1}
            with one_thread():
                pass
            assert threads() == {1}
        assert threads() == before
        with pytest.raises(ValueError, match="within"), one_thread():
            raise ValueError("within")
        assert threads() == before


def test_calls_that_overlap_leave_what_the_first_found() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_thread():
            inside.set()
            leave.wait(10)

    with threadpool_limits(2, "blas"):
        before, thread = threads(), threading.Thread(target=other)
        with one_thread():
            thread.start()
            assert inside.wait(10)
        # The first to come has left; the other still counts on it.
        assert threads() == {1}
        leave.set()
        thread.join()
        assert threads() == before
