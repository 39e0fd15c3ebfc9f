"""Printing: tables and text for people, JSON for programs, notes for both."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bayeslaw.core.errors import printable
from bayeslaw.core.notes import Note

if TYPE_CHECKING:
    import pandas as pd

# Characters between columns, and of a line of text in a column that is wrapped.
_BETWEEN, _WRAPPED = 2, 18
# The gravest first.
_COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}


@dataclass(frozen=True)
class Table:
    """A table with a title; on a narrow terminal the optional columns are left out, first to last.

    What still does not fit stands in a further table below, with the first column again.
    """

    title: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]
    digits: int = 4
    optional: Sequence[str] = ()

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
    rows = [list(row) for row in table.rows]
    cells = [[_lines(number(value, table.digits)) for value in row] for row in rows]
    table = replace(table, rows=rows, heads=[_lines(head) for head in table.heads])
    blocks, left_out = _fitted(table, cells, width())
    for place, columns in enumerate(blocks):
        _grid(table, cells, columns, title=table.title + ", continued" * bool(place))
    if left_out:
        sys.stdout.write(f"Left out for width: {', '.join(left_out)}\n")


def _fitted(
    table: Table, cells: Sequence[Sequence[str]], room: int
) -> tuple[list[list[int]], list[str]]:
    """Columns of each table that fits, and the optional ones that are left out."""
    least = [_least(table, cells, column) for column in range(len(table.heads))]
    kept, left_out = list(range(len(least))), []
    for head in table.optional:
        if sum(least[i] for i in kept) > room:
            kept.remove(table.heads.index(head))
            left_out.append(head)
    blocks, used = [[0]], least[0]
    for i in kept[1:]:
        if used + least[i] > room and len(blocks[-1]) > 1:
            blocks.append([0])
            used = least[0]
        blocks[-1].append(i)
        used += least[i]
    return blocks, left_out


def _least(table: Table, cells: Sequence[Sequence[str]], column: int) -> int:
    """Characters that a column needs, those between columns included; texts may wrap."""
    texts = [table.heads[column], *(row[column] for row in cells)]
    words = [word for text in texts for word in text.split()]
    widest = max(map(len, texts if _whole(table, column) else words), default=0)
    return _BETWEEN + max(widest, min(_WRAPPED, max(map(len, texts))))


def _whole(table: Table, column: int) -> bool:
    """Whether the cells of a column are never wrapped: names of rows and numbers."""
    numeric = all(isinstance(row[column], int | float | None) for row in table.rows)
    return column == 0 or numeric


def _grid(
    table: Table, cells: Sequence[Sequence[str]], columns: Sequence[int], *, title: str
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    # As text, since brackets in names would be taken for markup.
    name = Text(_lines(title))
    look: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}
    grid = Grid(title=name, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, **look)
    for column in columns:
        whole = _whole(table, column)
        grid.add_column(
            Text(table.heads[column]),
            justify="right" if whole and column else "left",
            overflow="fold",
            no_wrap=whole,
        )
    for row in cells:
        grid.add_row(*(Text(row[column]) for column in columns))
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
