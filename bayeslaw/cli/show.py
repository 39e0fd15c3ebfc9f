"""Printing: tables and text for people, JSON for programs, notes for both."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayeslaw.core.errors import printable
from bayeslaw.core.notes import Note

if TYPE_CHECKING:
    import pandas as pd

# The gravest first.
_COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}


@dataclass(frozen=True)
class Table:
    """A table with a title."""

    title: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]
    digits: int = 4

    @classmethod
    def of(cls, title: str, frame: pd.DataFrame) -> Table:
        """A DataFrame with its index."""
        heads = [str(frame.index.name or ""), *map(str, frame.columns)]
        values = zip(frame.index, frame.values.tolist(), strict=True)
        return cls(title, heads, [[index, *row] for index, row in values])


@dataclass(frozen=True)
class Heading:
    """A line that stands out on a terminal."""

    text: str


@dataclass(frozen=True)
class Wrapped:
    """Text that is wrapped to the width of a terminal, with a hanging indent."""

    text: str
    indent: int = 0


#: Plain text is printed as it is.
Block = str | Table | Heading | Wrapped


def blocks(parts: Iterable[Block]) -> None:
    """Print an answer."""
    for part in parts:
        if isinstance(part, Table):
            _table(part)
        elif isinstance(part, Heading):
            _styled((part.text, "bold"))
        else:
            text = part if isinstance(part, str) else _wrapped(part)
            sys.stdout.write(f"{_lines(text)}\n")


def as_json(data: Mapping[str, Any]) -> None:
    """Print data as JSON."""
    sys.stdout.write(json.dumps(plain(data), indent=2) + "\n")


def notes(shown: Iterable[Note]) -> None:
    """Print notes on the error stream, the gravest first."""
    for note in sorted(shown, key=lambda note: list(_COLOURS).index(note.severity)):
        remedy = f". {note.remedy}" if note.remedy else ""
        severity = (f"{note.severity}: ", _COLOURS[note.severity])
        _styled(severity, (f"{note.message}{remedy}", ""), stderr=True)


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


def number(value: Any, digits: int = 4) -> str:
    """A number in a few digits, anything else as it is."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return "" if value is None else str(value)


def width() -> int:
    """How wide a table may be."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else 200


def _lines(text: str) -> str:
    """Lines in which a terminal finds nothing to obey."""
    return "\n".join(map(printable, text.split("\n")))


def _table(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    # As text, since brackets in names would be taken for markup.
    title = Text(_lines(table.title))
    grid = Grid(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    rows = [list(row) for row in table.rows]
    for position, head in enumerate(table.heads):
        numeric = all(isinstance(row[position], int | float | None) for row in rows)
        grid.add_column(
            Text(_lines(head)),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=numeric or not position,
        )
    for row in rows:
        grid.add_row(*(Text(_lines(number(value, table.digits))) for value in row))
    Console(width=width()).print(grid)


def _styled(*parts: tuple[str, str], stderr: bool = False) -> None:
    """Print a line whose parts have styles on a terminal."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=stderr, soft_wrap=True).print(
        Text.assemble(*((_lines(text), style) for text, style in parts))
    )


def _wrapped(part: Wrapped) -> str:
    if not sys.stdout.isatty():
        return part.text
    whole: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}
    return textwrap.fill(part.text, width(), subsequent_indent=" " * part.indent, **whole)
