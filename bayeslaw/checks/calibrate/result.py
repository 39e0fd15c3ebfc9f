"""`Calibration`: the result of ``calibrate``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.checks.calibrate.outcomes import PROBABILITIES, Outcomes
from bayeslaw.checks.calibrate.uniform import ecdf_band, ecdf_points, p_value
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.core.results import Result

if TYPE_CHECKING:
    import pandas as pd

#: Simultaneous confidence level of the tests of uniform ranks.
SIMULTANEOUS = 0.99
#: Standard errors from nominal coverage beyond which there is a note.
OFF = 3.0
# Share of excluded tables above which there is a note on selection bias.
_MANY_LEFT_OUT = 0.05


@dataclass(frozen=True, eq=False)
class Calibration(Result):
    """Fits of simulated tables against the coefficients that generated them.

    Attributes
    ----------
    law, runs, truth : str, int, str
        Name of the law, simulated runs of each table, and where the truths come from, in words.
    ranked : bool
        Whether truths and fits share one prior: ranks are then uniform and coverage is exact if the
        fits are correct. For fixed coefficients, coverage is frequentist at those coefficients.
    first : tuple of str
        The quantities to look at first: optima, and the loss of a larger run.
    outcomes : Outcomes
        Truths, their PIT values, medians and widths, table by table.
    settings, design_notes : dict, tuple of Note
        Everything that a repetition needs; what the design leaves to the prior.
    """

    _rows = "quantities"
    _omitted = ("outcomes", "design_notes")

    law: str
    runs: int
    truth: str
    ranked: bool
    first: tuple[str, ...]
    outcomes: Outcomes = field(repr=False)
    settings: dict[str, Any]
    design_notes: tuple[Note, ...]

    @property
    def tables(self) -> int:
        """Number of simulated tables."""
        return len(self.outcomes.reasons)

    @cached_property
    def kept(self) -> np.ndarray:
        """Which tables are kept, booleans of shape (tables,)."""
        return np.array([not reason for reason in self.outcomes.reasons])

    @property
    def left_out(self) -> dict[str, int]:
        """Numbers of excluded tables, by reason."""
        return dict(Counter(reason for reason in self.outcomes.reasons if reason).most_common())

    def pit(self, name: str) -> np.ndarray:
        """Probability integral transform of a quantity's truth: posterior probability of less.

        Of the tables that count, shape (tables,); empty where the truth does not state it.
        """
        values = self.outcomes.pit[self.kept, self.outcomes.names.index(name)]
        return np.asarray(values[~np.isnan(values)])

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """Names of all quantities that a truth has."""
        return tuple(name for name in self.outcomes.names if len(self.pit(name)))

    @cached_property
    def p_values(self) -> dict[str, float]:
        """P-value of a simultaneous ECDF test of uniform ranks; NaN where they need not be."""
        return {
            name: p_value(self.pit(name)) if self.ranked else np.nan for name in self.quantities
        }

    @property
    def p_threshold(self) -> float:
        """A p-value below this is too small, all quantities considered (Bonferroni)."""
        return (1 - SIMULTANEOUS) / max(len(self.quantities), 1)

    @property
    def nonuniform(self) -> tuple[str, ...]:
        """Quantities whose ranks are not uniform."""
        return tuple(name for name, p in self.p_values.items() if p < self.p_threshold)

    def ecdf(self) -> pd.DataFrame:
        """ECDF of PIT values less that of uniform numbers.

        Returns
        -------
        pandas.DataFrame
            A row a point in (0, 1), a column a quantity; ``low`` and ``high`` bound the band in
            which all quantities together stay with 99% where intervals are right.
        """
        import pandas as pd

        count = len(self.pit(self.quantities[0]))
        points = ecdf_points(count)
        low, high = ecdf_band(count, 1 - self.p_threshold)
        columns = {"low": low - points, "high": high - points}
        for name in self.quantities:
            values = np.sort(self.pit(name))
            columns[name] = np.searchsorted(values, points, side="right") / len(values) - points
        return pd.DataFrame(columns, index=pd.Index(points, name="point"))

    def coverage(self, name: str, ci_prob: float) -> tuple[float, float]:
        """Coverage of the equal-tailed interval.

        Parameters
        ----------
        name, ci_prob : str, float
            A quantity, and the probability of the interval.

        Returns
        -------
        share, error : float
            Coverage, and its standard error under nominal coverage. A truth tied with many draws,
            such as an optimum at a bound, counts in part.
        """
        pit, tail = self.pit(name), (1 - ci_prob) / 2
        share = float(np.mean((pit > tail) & (pit < 1 - tail))) if len(pit) else np.nan
        return share, float(np.sqrt(ci_prob * (1 - ci_prob) / max(len(pit), 1)))

    def to_frame(self) -> pd.DataFrame:
        """Every quantity as a row.

        Returns
        -------
        pandas.DataFrame
            ``tables`` kept; the ranks' ``p_value`` and whether they are ``uniform`` (at a
            simultaneous 99%); ``coverage_50``, ``coverage_89``, ``coverage_95`` with the standard
            error ``error_89``; ``off``, by how many standard errors the worst of the three misses;
            median ``truth`` and median widths ``width_50``, ``width_89``, ``width_95``; ``bias``,
            the median over tables of the fit's median less the truth, in widths of that fit's 89%
            interval, and its standard error ``bias_error``, over tables where these are finite.
        """
        import pandas as pd

        rows = {name: self._row(name) for name in self.quantities}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")

    def _row(self, name: str) -> dict[str, Any]:
        at = self.outcomes.names.index(name)
        some = self.kept & ~np.isnan(self.outcomes.pit[:, at])
        truth, median = self.outcomes.truth[some, at], self.outcomes.median[some, at]
        width = dict(zip(PROBABILITIES, self.outcomes.width[some, at].T, strict=True))
        covered = {p: self.coverage(name, p) for p in PROBABILITIES}
        misses = [(share - p) / error for p, (share, error) in covered.items()]
        with np.errstate(all="ignore"):
            away = (median - truth) / width[INTERVAL]
        bias, bias_error = _median(away[np.isfinite(away)])
        return {
            "tables": int(some.sum()),
            "p_value": self.p_values[name],
            "uniform": name not in self.nonuniform,
            **{f"coverage_{100 * p:.0f}": share for p, (share, _) in covered.items()},
            "error_89": covered[INTERVAL][1],
            "off": max(misses, key=abs),
            "truth": float(np.median(truth)),
            **{f"width_{100 * p:.0f}": float(np.median(w)) for p, w in width.items()},
            "bias": bias,
            "bias_error": bias_error,
        }

    @property
    def summary(self) -> str:
        """Coverage, width and uniformity of ranks in a few sentences."""
        count = int(self.kept.sum())
        head = f"{count} of {self.tables} tables of {self.runs} runs of {self.law} are kept"
        head += f" ({self.truth})"
        reasons = ", ".join(f"{number} for {reason}" for reason, number in self.left_out.items())
        if reasons:
            head += f"; {self.tables - count} are excluded: {reasons}"
        sentences = [head]
        if self.ranked and self.quantities:
            many = f"{len(self.quantities)} quantities"
            sentences.append(
                f"The ranks of {', '.join(self.nonuniform)} are not uniform, out of {many}"
                if self.nonuniform
                else f"The ranks of all {many} are uniform at a simultaneous "
                f"{100 * SIMULTANEOUS:g}%"
            )
        for name in self.first if self.quantities else ():
            row = self._row(name)
            sentences.append(
                f"Coverage of the {100 * INTERVAL:g}% interval of {name} is "
                f"{100 * row['coverage_89']:.0f}% (standard error "
                f"{100 * row['error_89']:.1f}%), its median width {row['width_89']:.3g}"
            )
        return f"{'. '.join(sentences)}."

    @property
    def notes(self) -> tuple[Note, ...]:
        """On coefficients identified by the prior only, and on miscalibrated intervals."""
        notes = list(self.design_notes)
        if not self.quantities:
            return (*notes, Note("no_fits", "error", "no fit can be trusted: there is no result"))
        if self.nonuniform:
            message = (
                f"the ranks of {', '.join(self.nonuniform)} are not uniform: these intervals are "
                "miscalibrated even under the fitted model"
            )
            remedy = 'Fit by method="nuts", with more draws or warmup'
            notes.append(Note("ranks", "error", message, remedy))
        frame = self.to_frame()
        off = frame[(frame["off"].abs() > OFF) & frame["uniform"]]
        if len(off):
            listed = ", ".join(f"{name} ({p:.2f})" for name, p in off["coverage_89"].items())
            message = (
                f"coverage of {listed} differs from nominal by more than {OFF:g} standard errors "
                "(in brackets: coverage of 89% intervals)"
            )
            remedy = "Add runs, or vary more what the prior alone identifies"
            notes.append(Note("coverage", "warning", message, remedy))
        share = 1 - self.kept.mean()
        if share > _MANY_LEFT_OUT:
            message = (
                f"{100 * share:.0f}% of simulated tables are excluded: coverage over the rest has "
                "selection bias"
            )
            notes.append(Note("left_out", "warning", message, "See left_out for the reasons"))
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """The calibration as plain data: summary, quantities, numbers, settings and notes."""
        counts = {"tables": self.tables, "kept": int(self.kept.sum()), "left_out": self.left_out}
        return {**super().to_dict(), **counts}


def _median(values: np.ndarray) -> tuple[float, float]:
    """Median and its standard error, from the median absolute deviation.

    A table that does not identify a coefficient can miss it by hundreds of widths, and would
    dominate a mean.
    """
    if len(values) < 2:
        return (float(values[0]) if len(values) else np.nan), np.nan
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return median, float(np.sqrt(np.pi / 2 / len(values)) * spread)
