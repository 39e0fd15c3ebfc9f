"""Filters of warnings that several threads enter and leave in any order."""

import threading
import warnings

import pytest

from bayeslaw.inference.quiet import quiet

MESSAGE = "The line search algorithm did not converge"


def test_the_last_to_leave_restores_the_filters() -> None:
    before = list(warnings.filters)
    entered, leave = threading.Event(), threading.Event()

    def search() -> None:
        with quiet():
            entered.set()
            leave.wait()

    other = threading.Thread(target=search)
    with quiet():
        other.start()
        entered.wait()
    # This thread has left before the other, whose warnings stay quiet.
    warnings.warn(MESSAGE, RuntimeWarning, stacklevel=1)
    leave.set()
    other.join()
    assert warnings.filters == before
    with pytest.warns(RuntimeWarning, match=MESSAGE):
        warnings.warn(MESSAGE, RuntimeWarning, stacklevel=1)
