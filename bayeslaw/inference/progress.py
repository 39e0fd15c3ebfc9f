"""A progress bar on the error stream, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(progress: bool | None, total: int, text: str) -> Iterator[Callable[[int], None]]:
    """Show how far a computation is: a bar on a terminal, one line where the stream is piped."""
    terminal = sys.stderr.isatty()
    if progress is None:
        progress = terminal
    if not progress:
        yield lambda done: None
        return
    if not terminal:
        start = time.perf_counter()
        yield lambda done: None
        sys.stderr.write(f"{text}: {time.perf_counter() - start:.0f} s\n")
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=total)
        yield lambda done: shown.update(task, completed=done)
