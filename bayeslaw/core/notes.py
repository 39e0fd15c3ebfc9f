"""What a result has to say about itself: notes are data, shown by whoever presents the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Note:
    """A remark on a table, a fit or an answer.

    Attributes
    ----------
    code : str
        Stable short name, for programs.
    severity : {"info", "warning", "error"}
        ``error`` means that the numbers must not be used as they stand.
    message : str
        What was found, with the figures.
    remedy : str
        What to do about it.
    """

    code: str
    severity: Severity
    message: str
    remedy: str = ""

    def to_dict(self) -> dict[str, str]:
        """The note as plain data.

        Returns
        -------
        dict
            Its four fields.
        """
        return asdict(self)


def worst(notes: Iterable[Note]) -> Severity | None:
    """The gravest severity among notes."""
    found = {note.severity for note in notes}
    for severity in ("error", "warning", "info"):
        if severity in found:
            return severity
    return None
