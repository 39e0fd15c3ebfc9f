"""Notes on a result: plain data, shown by whoever presents the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    about : str
        What notes of one code differ in, such as a variable; for grouping, not among plain data.
    """

    code: str
    severity: Severity
    message: str
    remedy: str = ""
    about: str = field(default="", compare=False, repr=False)

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
        return {name: text for name, text in asdict(self).items() if name != "about"}


def labelled(notes: Iterable[Note], label: str) -> list[Note]:
    """Notes whose messages name what they are about."""
    return [replace(note, message=f"{label}: {note.message}") for note in notes]


def cautions(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The errors and warnings of a fit, which come first among the notes of its results."""
    return tuple(note for note in notes if note.severity != "info")


def worst(notes: Iterable[Note]) -> Severity | None:
    """The gravest severity among notes."""
    order: tuple[Severity, ...] = ("info", "warning", "error")
    return max((note.severity for note in notes), key=order.index, default=None)
