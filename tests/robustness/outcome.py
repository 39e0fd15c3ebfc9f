"""What an attempt came to: an answer that is right, a refusal of ours, or a fault."""

from __future__ import annotations

import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import bayeslaw as bl

ANSWERED, REFUSED = "answered", "refused"
LONGEST = 600
#: Seconds after which an attempt counts as hanging, compilation on a busy machine included.
PATIENCE = 60


def nothing_to_check(answer: Any) -> None:
    """The attempt is right if it ends."""


@dataclass(frozen=True)
class Attempt:
    """One odd input: how to make it again, the call, and what holds of its answer."""

    text: str
    call: Callable[[], Any]
    check: Callable[[Any], None] = nothing_to_check

    def __repr__(self) -> str:
        return self.text


class Hang(BaseException):
    """An attempt that does not end."""


@contextmanager
def _limited() -> Iterator[None]:
    def give_up(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Outcome(NamedTuple):
    """What an attempt came to, and for a fault its message."""

    what: str
    detail: str = ""

    @property
    def is_fault(self) -> bool:
        return self.what not in (ANSWERED, REFUSED)


def outcome(attempt: Attempt) -> Outcome:
    """``answered``, ``refused``, or the fault: what was raised where."""
    try:
        with warnings.catch_warnings(), _limited():
            warnings.simplefilter("error")
            attempt.check(attempt.call())
    except bl.BayesLawError as error:
        return _refusal(error)
    except (Exception, Hang) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/bayeslaw/" in frame.filename] or frames
        where = f"{Path(own[-1].filename).name}, {own[-1].name}"
        return Outcome(f"{type(error).__name__} in {where}", " ".join(str(error).split())[:160])
    return Outcome(ANSWERED)


def _refusal(error: bl.BayesLawError) -> Outcome:
    message = str(error)
    problems = {
        "too long": len(message) >= LONGEST,
        # What is missing is listed a line each.
        "not printable": not message.replace("\n", "").isprintable(),
        "without place or remedy": not (error.place or error.remedy),
    }
    found = [problem for problem, holds in problems.items() if holds]
    return Outcome(f"message {found[0]}", ascii(message)[:160]) if found else Outcome(REFUSED)
