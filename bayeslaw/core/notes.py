"""Notes on a result: plain data, shown by whoever presents the result."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Note:
    """A remark on a table, a fit or an answer.

    Attributes
    ----------
    code, severity : str
        Stable short name, for programs; "info", "warning" or "error", after which the numbers must
        not be used as they stand.
    message, remedy : str
        The finding, with the figures, and how to address it.
    about, label : str
        What notes of one code differ in, such as a variable, for grouping; and what the message
        starts with, such as the name of a law. Neither is among plain data.
    """

    code: str
    severity: Severity
    message: str
    remedy: str = ""
    about: str = field(default="", compare=False, repr=False)
    label: str = field(default="", compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Note:
        """Read what ``to_dict`` wrote.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        Note
            The same.

        Raises
        ------
        TypeError
            If it is no note.
        """
        note = cls(**data)
        texts = asdict(note).values()
        if note.severity not in get_args(Severity) or not all(isinstance(t, str) for t in texts):
            raise TypeError(f"not a note: {data!r}")
        return note

    def to_dict(self) -> dict[str, str]:
        """The note as plain data.

        Returns
        -------
        dict
            ``code``, ``severity``, ``message`` and ``remedy``.
        """
        return {name: t for name, t in asdict(self).items() if name not in ("about", "label")}

    @property
    def headline(self) -> str:
        """The finding without its figures: the message up to its first colon or full stop."""
        message = self.message.removeprefix(f"{self.label}: ")
        head = re.sub(r" \([^()]*\)", "", _END.split(message, maxsplit=1)[0])
        named = not self.label or re.search(rf"\b{re.escape(self.label)}\b", head)
        return head if named else f"{head} ({self.label})"


_END = re.compile(r"[:;.] ")
_ORDER: tuple[Severity, ...] = ("error", "warning", "info")
# What qualifies an answer most comes first.
_GRAVE = ("disagrees_with_runs", "no_optimum", "misfit_along", "shared_misfit", "collinear")


def gravest_first(notes: Iterable[Note]) -> list[Note]:
    """Notes by severity, else in their order."""
    return sorted(notes, key=lambda note: _ORDER.index(note.severity))


def qualifying(notes: Iterable[Note], *, without: Iterable[str] = ()) -> list[str]:
    """Headlines of errors and warnings, those that bear most on an answer first."""
    left_out = {*without}
    grave = [note for note in notes if note.severity != "info" and note.code not in left_out]
    place = {code: i for i, code in enumerate(_GRAVE)}
    grave.sort(key=lambda note: (note.severity != "error", place.get(note.code, len(place))))
    return list(dict.fromkeys(note.headline for note in grave))


def labelled(notes: Iterable[Note], label: str) -> list[Note]:
    """Notes whose messages name what they are about."""
    return [
        replace(
            note,
            message=f"{label}: {note.message}",
            label=f"{label}: {note.label}" if note.label else label,
        )
        for note in notes
    ]


def of_several(sources: Sequence[tuple[str, Iterable[Note]]]) -> list[Note]:
    """Notes of several laws, by name: each finding once, with the laws that it is about.

    What all laws state alike, such as notes on their table, needs no name. A finding that differs
    between laws in its figures alone is shown for the first of them.
    """
    found: dict[tuple[str, str, int], dict[str, Note]] = {}
    for name, notes in sources:
        count: dict[tuple[str, str], int] = {}
        for note in dict.fromkeys(notes):
            kind = (note.code, note.about)
            count[kind] = count.get(kind, 0) + 1
            # Several notes of one law are several findings.
            found.setdefault((*kind, count[kind]), {})[name] = note
    return [note for by_law in found.values() for note in _once(by_law, len(sources))]


def _once(by_law: Mapping[str, Note], laws: int) -> list[Note]:
    """One finding of some laws, with their names unless all state it alike."""
    name = min(by_law, key=lambda law: _ORDER.index(by_law[law].severity))
    if len(by_law) == laws and len(set(by_law.values())) == 1:
        return [by_law[name]]
    others = ", ".join(law for law in by_law if law != name)
    return labelled([by_law[name]], f"{name}, likewise {others}" if others else name)


def cautions(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The errors and warnings of a fit, which come first among the notes of its results."""
    return tuple(note for note in notes if note.severity != "info")


def verdict(errors: Iterable[str]) -> str:
    """Whether numbers may be used, in a sentence; ``errors`` names what speaks against it."""
    listed = ", ".join(errors)
    return f"Do not use its numbers: {listed}." if listed else "No note is an error."


def worst(notes: Iterable[Note]) -> Severity | None:
    """The gravest severity among notes."""
    return min((note.severity for note in notes), key=_ORDER.index, default=None)
