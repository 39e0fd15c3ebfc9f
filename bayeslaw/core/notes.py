"""Notes on a result: plain data, shown by whoever presents the result."""

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
        The finding, with the figures.
    remedy : str
        How to address it.
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
    severities = {note.severity for note in notes}
    order: tuple[Severity, ...] = ("error", "warning", "info")
    return next((severity for severity in order if severity in severities), None)
