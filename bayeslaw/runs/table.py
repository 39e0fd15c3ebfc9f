"""`Runs`: a validated table of training runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, TableError, nearest
from bayeslaw.core.notes import Note
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.runs.cells import numeric
from bayeslaw.runs.suggestions import column_remedy, likely_column
from bayeslaw.runs.writing import write_table

_CONSTANT = 1e-9


def configurations(new: Runs | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Configurations as a table of their own, one a row."""
    if isinstance(new, Runs):
        return new.table.copy()
    if isinstance(new, pd.DataFrame):
        return new.copy()
    wide = {name: np.atleast_1d(values) for name, values in new.items()}
    lengths = {name: len(values) for name, values in wide.items() if len(values) != 1}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{length} of {name}" for name, length in lengths.items())
        raise TableError(
            f"columns of different lengths: {said}",
            place="configurations",
            remedy="Give as many values of each, or one",
        )
    return pd.DataFrame(dict(zip(wide, np.broadcast_arrays(*wide.values()), strict=True)))


@dataclass(frozen=True, eq=False)
class Runs:
    """A validated table of training runs; immutable by convention.

    Attributes
    ----------
    table : pandas.DataFrame
        Variables as float64, then every other column of the source under its own name. The index
        is the row's place in the source: the line of a file (its header is line 1), or the
        caller's label.
    source : str
        Name of the file without its folder, "DataFrame" or "simulated".
    variables : tuple of str
        Names of the checked numeric columns that laws may read: canonical names, and whatever else
        the caller mapped or derived.
    groups : tuple of str
        Columns that say which runs belong together.
    embeddings : str or None
        Whether parameter counts are with embeddings: "included", "excluded" or unknown.
    loss_unit : str
        "nats", or the caller's label.
    notes : tuple of Note
        What reading had to say.
    """

    table: pd.DataFrame = field(repr=False)
    source: str
    variables: tuple[str, ...]
    groups: tuple[str, ...] = ()
    embeddings: str | None = None
    loss_unit: str = "nats"
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        """Refuse variables and groups that are no columns."""
        for name in (*self.variables, *self.groups):
            self._known(name)

    def __len__(self) -> int:
        """Count the runs."""
        return len(self.table)

    def column(self, name: str) -> np.ndarray:
        """One numeric column.

        Parameters
        ----------
        name : str
            A variable, or any other numeric column of the table.

        Returns
        -------
        array of float64, shape (runs,)
            Its values, read-only.

        Raises
        ------
        TableError
            If there is no such column, or it does not hold numbers.
        """
        self._known(name)
        series = self.table[name]
        if not pd.api.types.is_numeric_dtype(series.dtype):
            raise TableError(
                f"the column {name!r} does not hold numbers ({series.iloc[0]!r}, ...)"
                if len(series)
                else f"the column {name!r} does not hold numbers",
                place=self.source,
                remedy=f"Numeric variables: {', '.join(self.variables) or 'none'}",
            )
        values: np.ndarray = series.to_numpy(dtype=np.float64)
        values.flags.writeable = False
        return values

    def columns(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Several numeric columns.

        Parameters
        ----------
        names : iterable of str
            As for `column`.

        Returns
        -------
        dict of str to array
            Their values, each of shape (runs,).

        Raises
        ------
        TableError
            As for `column`.
        """
        return {name: self.column(name) for name in names}

    def arrays(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Variables as numbers, and other columns as they stand.

        Parameters
        ----------
        names : iterable of str
            Any columns.

        Returns
        -------
        dict of str to ndarray of shape (runs,)
            By name.

        Raises
        ------
        TableError
            If there is no such column.
        """
        return {
            name: self.column(name) if name in self.variables else self.labels(name).to_numpy()
            for name in names
        }

    def errors(self, measured: str = "loss") -> np.ndarray | None:
        """Standard errors of the logarithm of what was measured.

        Parameters
        ----------
        measured : str
            The quantity.

        Returns
        -------
        ndarray of shape (runs,) or None
            ``loss_se`` over the loss; None where the table states none, or for another quantity.
        """
        if measured != "loss" or "loss_se" not in self.variables:
            return None
        return self.column("loss_se") / self.column("loss")

    def typical_error(self, measured: str) -> float:
        """Standard error of log loss of a run like these.

        Parameters
        ----------
        measured : str
            The quantity.

        Returns
        -------
        float
            The median; zero where the table states none.
        """
        errors = self.errors(measured)
        return 0.0 if errors is None else float(np.median(errors))

    def labels(self, name: str) -> pd.Series:
        """One column as it stands: what a table says of a run in words or numbers.

        Parameters
        ----------
        name : str
            Any column.

        Returns
        -------
        pandas.Series
            Its values, with the rows' places in the source.

        Raises
        ------
        TableError
            If there is no such column.
        """
        self._known(name)
        return self.table[name]

    def select(self, mask: Any) -> Runs:
        """Keep some of the runs.

        Parameters
        ----------
        mask : array of bool, shape (runs,)
            True for the runs to keep.

        Returns
        -------
        Runs
            The kept runs, in their order; notes and everything else as before.

        Raises
        ------
        RequestError
            If the mask is not one boolean a run.
        """
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (len(self),):
            raise RequestError(
                f"a mask of type {mask.dtype} and shape {mask.shape} for {len(self)} runs",
                place="Runs.select",
                remedy="Give one boolean a run",
            )
        return replace(self, table=self.table[mask])

    def constant(self, names: Iterable[str]) -> frozenset[str]:
        """Which of some variables do not vary over the table.

        Parameters
        ----------
        names : iterable of str
            Numeric columns.

        Returns
        -------
        frozenset of str
            Those whose spread is below 1e-9 of their largest magnitude.

        Raises
        ------
        TableError
            As for `column`.
        """
        values = self.columns(names)
        return frozenset(
            name
            for name, column in values.items()
            if not len(column) or np.ptp(column) <= _CONSTANT * np.abs(column).max()
        )

    def require(self, names: Iterable[str], *, purpose: str) -> Runs:
        """Refuse to go on without some variables.

        Parameters
        ----------
        names : iterable of str
            Variables that must be there.
        purpose : str
            What needs them, as the subject of a sentence: ``"the law 'zhao2025'"``.

        Returns
        -------
        Runs
            The same runs; a column that bears the name of a law's own variable is a variable too.

        Raises
        ------
        TableError
            Naming what is missing, the source column that is most likely meant, and how to map it;
            or the row in which a law's own variable is not positive.
        """
        wanted = list(dict.fromkeys(names))
        own = [name for name in wanted if name not in self.variables and self._own(name)]
        missing = [name for name in wanted if name not in self.variables and name not in own]
        for name in own:
            # A law's own variable needs no mapping where a column bears its name.
            values = self.column(name)
            bad = ~(np.isfinite(values) & (values > 0))
            if bad.any():
                raise TableError(
                    f"{name} = {values[bad][0]:g}",
                    place=f"{self.source}, row {self.table.index[bad][0]}",
                    remedy=f"{purpose} takes {name} for a positive number",
                )
        if not missing:
            return replace(self, variables=(*self.variables, *own)) if own else self
        others = [column for column in self.table.columns if column not in self.variables]
        numbers = [name for name in others if _holds_numbers(self.table[name])]
        remedies = [column_remedy(name, likely_column(name, numbers)) for name in missing]
        raise TableError(
            f"{purpose} needs {', '.join(map(repr, missing))}, which the table does not give",
            place=self.source,
            remedy=f"{'. '.join(remedies)}. The table's other columns: {', '.join(others)}"
            if others
            else ". ".join(remedies),
        )

    def _own(self, name: str) -> bool:
        """Whether a column bears the name of a variable that only some law knows."""
        return (
            name not in VOCABULARY
            and name in self.table.columns
            and pd.api.types.is_numeric_dtype(self.table[name].dtype)
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names and values of variables and groups.

        The order of rows matters, that of columns does not; other columns do not count.
        """
        digest = hashlib.sha256()
        for role, names in (("variable", self.variables), ("group", self.groups)):
            for name in sorted(names):
                series = self.table[name]
                if pd.api.types.is_numeric_dtype(series.dtype):
                    # Adding zero gives -0.0 and 0.0 the same bytes.
                    content = (series.to_numpy(dtype="<f8") + 0.0).tobytes()
                else:
                    content = json.dumps([str(value) for value in series]).encode()
                for part in (role.encode(), name.encode(), content):
                    digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()

    def write(self, path: str | Path) -> None:
        """Write the table to a file, all of it or nothing.

        Parameters
        ----------
        path : str or Path
            Its suffix says the format: .csv, .tsv, .parquet, .jsonl, .ndjson or .json (one object a
            line). Numbers are written so that reading gives them back exactly.

        Raises
        ------
        TableError
            If the suffix is unknown or the file cannot be written.
        """
        write_table(self.table, Path(path))

    def _known(self, name: str) -> None:
        if name not in self.table.columns:
            raise TableError(
                f"there is no column {name!r}",
                place=self.source,
                remedy=nearest(name, map(str, self.table.columns)),
            )


def _holds_numbers(column: pd.Series) -> bool:
    """Whether a column is one of numbers, be it with a slip of the pen in some cells."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    return bool(np.isfinite(numeric(column)[0]).mean() > 0.5)
