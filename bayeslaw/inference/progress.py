"""A progress bar on the error stream, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(progress: bool | None, total: int, text: str) -> Iterator[Callable[[int], None]]:
    """Show how far a computation is."""
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=total)
        yield lambda done: shown.update(task, completed=done)
