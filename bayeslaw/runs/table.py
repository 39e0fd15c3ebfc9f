"""`Runs`: a validated table of training runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError, TableError, check_names
from bayeslaw.core.files import as_path
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.runs.source import write_table
from bayeslaw.runs.suggestions import missing_remedy, where_not_positive

_CONSTANT = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Runs(Displayed):
    """A validated table of training runs; immutable by convention.

    Attributes
    ----------
    table : pandas.DataFrame
        Variables as float64, then every other column of the source. The index is the row's place
        in the source: the line of a file (its header is line 1), or the caller's label.
    source : str
        Name of the file without its folder, "DataFrame" or "simulated".
    variables : tuple of str
        Checked numeric columns that laws may read: canonical, mapped or derived.
    groups : tuple of str
        Columns that group runs.
    embeddings : str or None
        Whether parameter counts are with embeddings: "included", "excluded" or unknown.
    loss_unit : str
        "nats", or the caller's label.
    notes : tuple of Note
        Remarks on what reading changed or left out.
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
            self.labels(name)

    def __len__(self) -> int:
        """Count the runs."""
        return len(self.table)

    def __repr__(self) -> str:
        """Number, source and variables, briefly."""
        return f"Runs({self.described}: {', '.join(self.variables)})"

    @property
    def summary(self) -> str:
        """Number of runs, source, and the range of every variable, in one sentence."""
        ranges = []
        for name in self.variables if len(self) else ():
            low, high = (count(end(self.column(name))) for end in (np.min, np.max))
            ranges.append(f"{name} {low}" if low == high else f"{name} {low} to {high}")
        return f"{self.described}{': ' * bool(ranges)}{', '.join(ranges)}."

    @property
    def described(self) -> str:
        """The number of runs and their table, in words."""
        if self.source == "simulated":
            return f"{len(self)} simulated runs"
        return f"{len(self)} runs of {'a DataFrame' if self.source == 'DataFrame' else self.source}"

    def to_frame(self) -> pd.DataFrame:
        """The table.

        Returns
        -------
        pandas.DataFrame
            A row a run, the variables first.
        """
        return self.table

    def labels(self, name: str) -> pd.Series:
        """One column as it stands, be it text or numbers.

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
        if name not in self.table:
            columns = map(str, self.table.columns)
            problem = "there is no column {!r}"
            check_names([name], columns, problem, place=self.source, error=TableError)
        return self.table[name]

    def column(self, name: str) -> np.ndarray:
        """One numeric column.

        Parameters
        ----------
        name : str
            A variable, or any other numeric column of the table.

        Returns
        -------
        ndarray of float64, shape (runs,)
            Its values, read-only.

        Raises
        ------
        TableError
            If there is no such column, or it does not hold numbers.
        """
        series = self.labels(name)
        if not _numeric(series):
            sample = f" ({series.iloc[0]!r}, ...)" if len(series) else ""
            problem = f"the column {name!r} does not hold numbers{sample}"
            remedy = f"Numeric variables: {', '.join(self.variables) or 'none'}"
            raise TableError(problem, place=self.source, remedy=remedy)
        values: np.ndarray = series.to_numpy(dtype=np.float64)
        values.flags.writeable = False
        return values

    def columns(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Several numeric columns.

        Parameters
        ----------
        names : iterable of str
            As for ``column``.

        Returns
        -------
        dict of str to ndarray of shape (runs,)
            By name.
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
        """
        return {
            name: self.column(name) if name in self.variables else self.labels(name).to_numpy()
            for name in names
        }

    def errors(self, measured: str = "loss") -> np.ndarray | None:
        """Standard errors of the logarithm of a measured quantity.

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
        return np.asarray(self.column("loss_se") / self.column("loss"))

    def typical_error(self, measured: str) -> float:
        """Median of ``errors(measured)``; zero where the table states none."""
        errors = self.errors(measured)
        return 0.0 if errors is None else float(np.median(errors))

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
            problem = f"a mask of type {mask.dtype} and shape {mask.shape} for {len(self)} runs"
            remedy = "Give one boolean a run"
            raise RequestError(problem, place="Runs.select", remedy=remedy)
        return replace(self, table=self.table[mask])

    def constant(self, names: Iterable[str]) -> frozenset[str]:
        """Variables that do not vary over the table.

        Parameters
        ----------
        names : iterable of str
            Numeric columns.

        Returns
        -------
        frozenset of str
            Those whose spread is below 1e-9 of their largest magnitude.
        """
        return frozenset(
            name
            for name, column in self.columns(names).items()
            if not len(column) or np.ptp(column) <= _CONSTANT * np.abs(column).max()
        )

    def require(self, names: Iterable[str], *, purpose: str) -> Runs:
        """Refuse to go on without some variables.

        Parameters
        ----------
        names : iterable of str
            The variables.
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
        absent = [name for name in dict.fromkeys(names) if name not in self.variables]
        # A law's own variable needs no mapping where a column bears its name.
        own = [
            name
            for name in absent
            if name not in VOCABULARY and name in self.table and _numeric(self.table[name])
        ]
        for name in own:
            values = self.column(name)
            bad = ~(np.isfinite(values) & (values > 0))
            if bad.any():
                raise TableError(
                    f"{name} = {values[bad][0]:g}",
                    place=f"{self.source}, {self.counted} {self.table.index[bad][0]}",
                    remedy=f"{purpose} takes {name} for a positive number. "
                    f"{where_not_positive(name, name)}",
                )
        if missing := [name for name in absent if name not in own]:
            others = self.table.drop(columns=[*self.variables])
            raise TableError(
                f"{purpose} needs {', '.join(map(repr, missing))}, which the table does not give",
                place=self.source,
                remedy=missing_remedy(missing, others),
            )
        return replace(self, variables=(*self.variables, *own)) if own else self

    @property
    def counted(self) -> str:
        """What the index counts: "line" of a text file, or "row"."""
        return "line" if self.table.index.name == "line" else "row"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names and values of variables and groups.

        The order of rows matters, that of columns does not; other columns do not count.
        """
        digest = hashlib.sha256()
        for role, names in (("variable", self.variables), ("group", self.groups)):
            for name in sorted(names):
                series = self.table[name]
                if _numeric(series):
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
            Its suffix gives the format: .csv, .tsv, .parquet, .jsonl, .ndjson or .json (one object
            a line). Numbers are written so that reading gives them back exactly.

        Raises
        ------
        TableError
            If the suffix is unknown or the file cannot be written.
        """
        write_table(self.table, as_path(path))


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))
