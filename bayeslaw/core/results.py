"""What every result of a comparison or check offers: summary, frame, plain data, notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayeslaw.core.display import Displayed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Result(Displayed):
    """Base of result dataclasses, which state ``summary``, ``notes`` and often ``frame``."""

    #: Name of the frame's rows among the plain data, and fields that these leave out.
    _rows: ClassVar[str] = ""
    _omitted: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:

        @property
        def frame(self) -> pd.DataFrame:
            """The main figures."""

    def to_frame(self) -> pd.DataFrame:
        """The main figures, as ``frame``."""
        return self.frame

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data.

        Returns
        -------
        dict
            The summary, the frame as a list of rows, the other fields (but not the posteriors), and
            the notes.
        """
        data: dict[str, Any] = {"summary": self.summary}
        if self._rows:
            data[self._rows] = self.to_frame()
        names = [each.name for each in fields(self)]
        left_out = ("frame", "notes", "fit_notes", *self._omitted)
        data |= {name: getattr(self, name) for name in names if name not in left_out}
        return {name: plain(value) for name, value in (data | {"notes": self.notes}).items()}


def plain(value: Any) -> Any:
    """Frames as lists of rows (with a named index), arrays as lists, objects by their to_dict."""
    if hasattr(value, "columns"):
        frame = value if value.index.name is None else value.reset_index()
        return frame.to_dict("records")
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value.to_dict() if hasattr(value, "to_dict") else value
