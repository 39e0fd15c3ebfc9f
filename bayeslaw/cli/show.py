"""How answers are printed: tables for people, JSON for programs, notes for both."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from bayeslaw.core.notes import Note

if TYPE_CHECKING:
    import pandas as pd

_COLOURS = {"info": "dim", "warning": "yellow", "error": "bold red"}
# Where a command that is being watched writes the severities of what it shows.
_WATCHED: ContextVar[set[str] | None] = ContextVar("watched", default=None)


@contextmanager
def watched() -> Iterator[set[str]]:
    """Collect the severities of all notes that are shown, as text or as JSON."""
    severities: set[str] = set()
    token = _WATCHED.set(severities)
    try:
        yield severities
    finally:
        _WATCHED.reset(token)


def _saw(severities: Iterable[str]) -> None:
    seen = _WATCHED.get()
    if seen is not None:
        seen.update(severities)


def _severities(answer: Any) -> Iterator[str]:
    """Severities of the notes anywhere in an answer."""
    if isinstance(answer, Mapping):
        for key, part in answer.items():
            if key == "notes" and isinstance(part, list | tuple):
                # A table may hold the codes of notes under that name.
                yield from (note["severity"] for note in part if isinstance(note, Mapping))
            else:
                yield from _severities(part)
    elif isinstance(answer, list | tuple):
        for part in answer:
            yield from _severities(part)


def plain(value: Any) -> Any:
    """A value as JSON holds it: what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_json(answer: Mapping[str, Any]) -> None:
    """Print an answer as JSON."""
    _saw(_severities(answer))
    sys.stdout.write(json.dumps(plain(answer), indent=2) + "\n")


def number(value: Any, digits: int = 4) -> str:
    """A number in a few digits, anything else as it is."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return "" if value is None else str(value)


def table(
    title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, digits: int = 4
) -> None:
    """Print a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # As text, since brackets in names would be taken for markup.
    grid = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    lines = [list(row) for row in rows]
    for position, head in enumerate(heads):
        numeric = all(isinstance(row[position], int | float | None) for row in lines)
        grid.add_column(
            Text(head),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=numeric or not position,
        )
    for row in lines:
        grid.add_row(*(Text(number(value, digits)) for value in row))
    Console(width=width()).print(grid)


def width() -> int:
    """How wide a table may be."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else 200


def heading(text: str) -> None:
    """Print a line that stands out on a terminal."""
    from rich.console import Console
    from rich.text import Text

    Console(soft_wrap=True).print(Text(text, style="bold"))


def lines(texts: Iterable[str], *, indent: int | None = None) -> None:
    """Print plain lines."""
    for text in texts:
        if indent is not None and sys.stdout.isatty():
            start = " " * indent
            text = textwrap.fill(
                text,
                width(),
                subsequent_indent=start,
                break_on_hyphens=False,
                break_long_words=False,
            )
        sys.stdout.write(f"{text}\n")


def frame(title: str, data: pd.DataFrame) -> None:
    """Print a DataFrame with its index."""
    heads = [str(data.index.name or ""), *map(str, data.columns)]
    values = ([index, *row] for index, row in zip(data.index, data.values.tolist(), strict=True))
    table(title, heads, values)


def notes(found: Iterable[Note]) -> None:
    """Print notes on the error stream, the gravest first."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    order = list(_COLOURS)[::-1]
    found = list(found)
    _saw(note.severity for note in found)
    for note in sorted(found, key=lambda note: order.index(note.severity)):
        text = Text(f"{note.severity}: ", style=_COLOURS[note.severity])
        remedy = f". {note.remedy}" if note.remedy else ""
        console.print(text + Text(f"{note.message}{remedy}", style=""))
