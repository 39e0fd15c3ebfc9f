"""How results look: a few lines where they are printed, tables and coloured notes in a notebook."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from bayeslaw.core.errors import printable
from bayeslaw.core.notes import Note, Severity, gravest_first

if TYPE_CHECKING:
    import pandas as pd

#: Characters of a line, and lines of notes, that a printed result takes.
_WIDTH, _LINES = 79, 3
#: Rows of a table that a notebook shows.
_ROWS = 12
# Dark enough on white, and light enough on black.
_COLOURS = {"error": "#d32f2f", "warning": "#b26a00", "info": "#808080"}


class Displayed:
    """Base of results, which have ``summary`` and ``notes``, and ``to_frame()`` for a table."""

    #: Columns of the frame that a notebook shows; all unless named.
    _shown: ClassVar[tuple[str, ...]] = ()
    #: Functions of ``bl.plots`` that draw it.
    _drawn: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:

        @property
        def summary(self) -> str:
            """The result in complete sentences, each with a full stop."""

        @property
        def notes(self) -> tuple[Note, ...]:
            """What limits the result."""

        def to_frame(self) -> pd.DataFrame:
            """The main figures."""

    else:

        def __getattr__(self, name: str) -> Any:
            """Name what draws a result where a method is tried."""
            hint = ""
            if name.startswith(("plot", "hist", "show")) and self._drawn:
                hint = f". Write bl.plots.{' or bl.plots.'.join(self._drawn)}"
            problem = f"{type(self).__name__!r} object has no attribute {name!r}{hint}"
            raise AttributeError(problem)

    def __str__(self) -> str:
        """The summary and the gravest notes, a line each."""
        return "\n".join([*_wrapped(self.summary), *_note_lines(self.notes)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython prints at a terminal."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        """The summary, the main table and the notes in a notebook."""
        return "".join([f"<p>{escape(self.summary)}</p>", *self._tables(), notes_html(self.notes)])

    def _tables(self) -> list[str]:
        """Tables of a notebook."""
        frame = self.to_frame()
        kept = [name for name in self._shown if name in frame]
        return [table_html(frame[kept] if kept else frame)]


def table_html(frame: pd.DataFrame) -> str:
    """A table in few digits, its first rows alone where there are many."""
    whole: str = frame.to_html(
        max_rows=_ROWS, float_format="{:.4g}".format, na_rep="–", border=0, show_dimensions=False
    )
    more = len(frame) - _ROWS
    return whole + (f"<p>{more} more rows: to_frame()</p>" if more > 0 else "")


def notes_html(notes: Iterable[Note]) -> str:
    """Notes as a list, errors and warnings in colour, the others folded."""
    every = gravest_first(notes)
    grave = [note for note in every if note.severity != "info"]
    rest = [note for note in every if note.severity == "info"]
    shown = f"<ul>{''.join(map(_item, grave))}</ul>" if grave else ""
    if rest:
        shown += f"<details><summary>{_counted(rest)}</summary><ul>"
        shown += f"{''.join(map(_item, rest))}</ul></details>"
    return shown


def _item(note: Note) -> str:
    """A note as an item of a list."""
    style = f"color: {_COLOURS[note.severity]}; font-weight: bold"
    remedy = f"<br><em>{escape(note.remedy)}.</em>" if note.remedy else ""
    head = f'<li><span style="{style}">{note.severity}</span> <code>{escape(note.code)}</code>'
    return f"{head} {escape(note.message)}.{remedy}</li>"


def _wrapped(text: str) -> list[str]:
    """Lines that fit into a terminal, with nothing that it obeys."""
    lines = textwrap.wrap(printable(text), _WIDTH, break_on_hyphens=False)
    return lines or [""]


def _note_lines(notes: Iterable[Note]) -> list[str]:
    """The gravest notes, a line each, and how many more there are."""
    every = gravest_first(notes)
    shown = [f"- {note.severity}: {note.headline}" for note in every[:_LINES]]
    lines = [textwrap.shorten(printable(line), _WIDTH, placeholder=" ...") for line in shown]
    if every[_LINES:]:
        lines.append(f"- {_counted(every[_LINES:])} more in .notes")
    return lines


def _counted(notes: Iterable[Note]) -> str:
    """How many notes there are of each severity."""
    counts = Counter(note.severity for note in notes)
    names: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "remark"}
    return ", ".join(
        f"{counts[severity]} {name}{'s' * (counts[severity] > 1)}"
        for severity, name in names.items()
        if counts[severity]
    )
