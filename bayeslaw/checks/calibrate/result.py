"""What a calibration says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.checks.calibrate.outcomes import PROBABILITIES, Outcomes
from bayeslaw.checks.calibrate.uniform import p_value
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note

if TYPE_CHECKING:
    import pandas as pd

#: Probability with which the ranks of all quantities together pass where nothing is wrong.
SIMULTANEOUS = 0.99
#: Standard errors by which a coverage has to be off before it is called wrong.
OFF = 3.0


@dataclass(frozen=True, eq=False)
class Calibration:
    """How fits of simulated tables stand to the truths that the tables came from.

    Attributes
    ----------
    law : str
        Name of the law.
    runs : int
        Runs that are simulated for each table.
    truth : str
        Where the truths come from, in words.
    ranked : bool
        Whether truths and fits share one prior, so that ranks have to be uniform and coverage
        exact. Of one given set of coefficients it says how intervals fare there, no more.
    first : tuple of str
        The quantities to look at first: optima, and the loss of a larger run.
    outcomes : Outcomes
        Truths, their places among the draws, medians and widths, table by table.
    settings : dict
        Everything that a repetition needs.
    design_notes : tuple of Note
        What the design leaves to the prior.
    """

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
        """Which tables count, booleans of shape (tables,)."""
        return np.array([not reason for reason in self.outcomes.reasons])

    @property
    def left_out(self) -> dict[str, int]:
        """Numbers of tables that do not count, by reason."""
        return dict(Counter(reason for reason in self.outcomes.reasons if reason).most_common())

    def places(self, name: str) -> np.ndarray:
        """The probability that each fit gave to less than the truth.

        Parameters
        ----------
        name : str
            A quantity.

        Returns
        -------
        ndarray of shape (tables,)
            Of the tables that count; empty where the truth says nothing of it.
        """
        values = self.outcomes.place[self.kept, self.outcomes.names.index(name)]
        return np.asarray(values[~np.isnan(values)])

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """Names of all quantities that a truth has."""
        return tuple(name for name in self.outcomes.names if len(self.places(name)))

    @cached_property
    def p_values(self) -> dict[str, float]:
        """How often uniform ranks stray as far, by quantity; NaN where they need not be uniform."""
        return {
            name: p_value(self.places(name)) if self.ranked else np.nan for name in self.quantities
        }

    @property
    def smallest_p(self) -> float:
        """A p-value below this is too small, all quantities considered (Bonferroni)."""
        return (1 - SIMULTANEOUS) / max(len(self.quantities), 1)

    @property
    def uneven(self) -> tuple[str, ...]:
        """Quantities whose ranks are not uniform."""
        return tuple(name for name, p in self.p_values.items() if p < self.smallest_p)

    def coverage(self, name: str, probability: float) -> tuple[float, float]:
        """How often the equal-tailed interval held the truth.

        Parameters
        ----------
        name : str
            A quantity.
        probability : float
            Of the interval.

        Returns
        -------
        share, error : float
            The share, and the standard error that it has where the interval is right. A truth that
            many draws share, such as an optimum at a bound, counts in part.
        """
        places, tail = self.places(name), (1 - probability) / 2
        share = float(np.mean((places > tail) & (places < 1 - tail))) if len(places) else np.nan
        return share, float(np.sqrt(probability * (1 - probability) / max(len(places), 1)))

    def to_frame(self) -> pd.DataFrame:
        """Every quantity as a row.

        Returns
        -------
        pandas.DataFrame
            ``tables`` that count; the ranks' ``p_value`` and whether they are ``uniform`` (at a
            simultaneous 99%); ``coverage_50``, ``coverage_89``, ``coverage_95`` with the standard
            error ``error_89``; ``off``, by how many standard errors the worst of the three misses;
            median ``truth`` and median widths ``width_50``, ``width_89``, ``width_95``; ``bias``,
            the median over tables of the fit's median less the truth, in widths of that fit's 89%
            interval, and its standard error ``bias_error``, over tables where these are finite.
        """
        import pandas as pd

        found, rows = self.outcomes, {}
        for name in self.quantities:
            at = found.names.index(name)
            some = self.kept & ~np.isnan(found.place[:, at])
            row: dict[str, Any] = {
                "tables": int(some.sum()),
                "p_value": self.p_values[name],
                "uniform": name not in self.uneven,
            }
            off = 0.0
            for probability in PROBABILITIES:
                share, error = self.coverage(name, probability)
                row[f"coverage_{100 * probability:.0f}"] = share
                off = max(off, (share - probability) / error, off, key=abs)
            row["error_89"] = self.coverage(name, INTERVAL)[1]
            row["off"] = off
            row["truth"] = float(np.median(found.truth[some, at]))
            for p, probability in enumerate(PROBABILITIES):
                row[f"width_{100 * probability:.0f}"] = float(np.median(found.width[some, at, p]))
            unit = found.width[some, at, PROBABILITIES.index(INTERVAL)]
            with np.errstate(all="ignore"):
                away = (found.median[some, at] - found.truth[some, at]) / unit
            row["bias"], row["bias_error"] = _middle(away[np.isfinite(away)])
            rows[name] = row
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "quantity"
        return frame

    @property
    def statement(self) -> str:
        """All of it in words."""
        said = [
            f"{self.tables} tables of {self.runs} runs of {self.law}, {self.truth}: "
            f"{int(self.kept.sum())} fits count"
        ]
        if self.left_out:
            reasons = ", ".join(f"{count} for {reason}" for reason, count in self.left_out.items())
            said[0] += f", {self.tables - int(self.kept.sum())} are left out ({reasons})"
        if self.ranked and self.quantities:
            many = len(self.quantities)
            said.append(
                f"The ranks of {', '.join(self.uneven)} are not uniform, out of {many} quantities"
                if self.uneven
                else f"The ranks of all {many} quantities are uniform at a simultaneous "
                f"{100 * SIMULTANEOUS:g}%"
            )
        frame = self.to_frame()
        for name in [name for name in self.first if name in frame.index]:
            row = frame.loc[name]
            said.append(
                f"The {100 * INTERVAL:g}% interval of {name} holds the truth in "
                f"{100 * row['coverage_89']:.0f}% (standard error "
                f"{100 * row['error_89']:.1f}%) and has a median width of {row['width_89']:.3g}"
            )
        return ". ".join(said)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the design leaves to the prior, and where intervals are not what they say."""
        found = list(self.design_notes)
        if self.uneven:
            found.append(
                Note(
                    "ranks",
                    "error",
                    f"the ranks of {', '.join(self.uneven)} are not uniform: these intervals are "
                    "wrong even where the model is right",
                    'Fit by method="nuts", with more draws or warmup',
                )
            )
        if not self.quantities:
            return (*found, Note("no_fits", "error", "no fit can be trusted: nothing is known"))
        frame = self.to_frame()
        off = frame.index[(frame["off"].abs() > OFF) & ~frame.index.isin(self.uneven)]
        if len(off):
            said = ", ".join(f"{name} ({frame.loc[name, 'coverage_89']:.2f})" for name in off)
            found.append(
                Note(
                    "coverage",
                    "warning",
                    f"intervals of {said} miss their probability by more than {OFF:g} standard "
                    "errors (in brackets: the share of 89% intervals that hold the truth)",
                    "More runs, or runs that vary more, where the design leaves it to the prior",
                )
            )
        share = 1 - self.kept.mean()
        if share > 0.05:
            found.append(
                Note(
                    "left_out",
                    "warning",
                    f"{100 * share:.0f}% of simulated tables are left out, so that this says "
                    "nothing of tables like them",
                    "See left_out for the reasons",
                )
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The calibration as plain data.

        Returns
        -------
        dict
            Statement, quantities (rows of the frame with their name), numbers, settings and notes.
        """
        return {
            "statement": self.statement,
            "law": self.law,
            "runs": self.runs,
            "truth": self.truth,
            "tables": self.tables,
            "kept": int(self.kept.sum()),
            "left_out": self.left_out,
            "quantities": self.to_frame().reset_index().to_dict("records"),
            "settings": self.settings,
            "notes": [note.to_dict() for note in self.notes],
        }


def _middle(values: np.ndarray) -> tuple[float, float]:
    """Median and its standard error, from the median absolute deviation.

    A table that leaves a coefficient to the prior can miss it by hundreds of widths, and a mean
    would be of that table alone.
    """
    if len(values) < 2:
        return (float(values[0]) if len(values) else np.nan), np.nan
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return median, float(np.sqrt(np.pi / 2 / len(values)) * spread)
