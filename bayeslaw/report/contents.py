"""What a report holds, before it is arranged."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayeslaw.checks.predictive import PosteriorPredictiveCheck
from bayeslaw.core.display import Displayed
from bayeslaw.core.notes import Note, gravest_first, worst
from bayeslaw.design.result import NextRuns
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.report.text import constraints, first_of, status_text, with_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Report(Displayed):
    """Everything that a report holds.

    Attributes
    ----------
    path : Path
        The page that was written.
    question : str
        What it answers.
    posterior : Posterior
        The fit.
    coefficients : pandas.DataFrame
        Its ``to_frame()``.
    check : PosteriorPredictiveCheck
        The fit against its own runs.
    optimum, decision : Optimum or None, Decision or None
        The best configuration, and the ranked ones, where there are some.
    without : dict of str to str
        Why there is no ``optimum`` or no ``decision``.
    at, budget : dict of str to float, Budget
        Variables that the question fixes, and its constraints.
    ci_prob : float
        Probability of all intervals.
    source : str
        The file of the posterior in the command that makes the page again.
    candidates : str
        That of the configurations to rank; empty for pairs of experts.
    next_runs : NextRuns, str or None
        Runs to train next, or why there are none; None if they are left out.
    """

    path: Path
    question: str
    posterior: Posterior = field(repr=False)
    coefficients: pd.DataFrame = field(repr=False)
    check: PosteriorPredictiveCheck = field(repr=False)
    optimum: Optimum | None = field(repr=False)
    decision: Decision | None = field(repr=False)
    without: dict[str, str]
    at: dict[str, float]
    budget: Budget
    ci_prob: float
    source: str
    candidates: str = ""
    next_runs: NextRuns | str | None = field(default=None, repr=False)

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes, each once, the gravest first."""
        notes = [*self.posterior.notes]
        for part in (self.check, self.optimum, self.decision):
            notes += part.notes if part is not None else ()
        return tuple(gravest_first(dict.fromkeys(notes)))

    @property
    def trusted(self) -> bool:
        """Whether no note is an error."""
        return worst(self.notes) != "error"

    @property
    def summary(self) -> str:
        """The answer in a few sentences."""
        parts = [] if self.trusted else ["Do not use these numbers as they stand."]
        if self.optimum is not None:
            where = constraints(self.optimum.at, self.optimum.budget)
            best = [
                f"{name} = {with_interval(q.median, q.low, q.high)}{status_text(q)}"
                for name, q in self.optimum.quantities.items()
            ]
            parts.append(f"Best{where}: {'; '.join(best)}.")
        if self.decision is not None:
            parts.append(f"{first_of(self.decision)}.")
        parts += [f"No {kind}: {why}." for kind, why in self.without.items()]
        return " ".join(parts)

    @property
    def commands(self) -> tuple[str, str]:
        """Commands that make the fit and the page again."""
        info, runs = self.posterior.info, self.posterior.runs
        own = ("seed", "chains", "draws", "warmup")
        named = {"method": info.method} | {name: getattr(info.settings, name) for name in own}
        # Runs that came from no file have to be written to one first.
        table = runs.source if Path(runs.source).suffix else "runs.csv"
        fitted = ["bayeslaw", "fit", table, "--law", self.posterior.law.name]
        fitted += ["--noise", self.posterior.noise.name, *_options(named), "--out", self.source]
        again = ["bayeslaw", "report", self.source, *_pairs("at", self.at)]
        again += _options(self.budget.to_dict())
        again += ["--candidates", self.candidates] if self.candidates else []
        again += ["--no-next-runs"] if self.next_runs is None else []
        again += ["--ci-prob", f"{self.ci_prob:g}", "--out", self.path.name]
        return shlex.join(fitted), shlex.join(again)

    @property
    def versions(self) -> dict[str, str]:
        """Versions that the fit was made with, and Python's that made the page."""
        return {**self.posterior.info.versions, "Python": platform.python_version()}

    def to_frame(self) -> pd.DataFrame:
        """The coefficients.

        Returns
        -------
        pandas.DataFrame
            As of ``Posterior.to_frame``, with the intervals of the page.
        """
        return self.coefficients

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data.

        Returns
        -------
        dict
            ``file``, ``question``, ``summary``, ``law``, ``runs``, ``table`` (its source and hash),
            ``trusted``, ``coefficients``, ``check``, ``optimum`` and ``decision`` or null,
            ``without``, ``next_runs``, ``ci_prob``, ``commands``, ``versions`` and ``notes``.
        """
        runs = self.posterior.runs
        return {
            "file": str(self.path),
            "question": self.question,
            "summary": self.summary,
            "law": self.posterior.law.name,
            "runs": len(runs),
            "table": {"source": runs.source, "sha256": runs.fingerprint},
            "trusted": self.trusted,
            "coefficients": self.coefficients.to_dict("index"),
            "check": self.check.to_dict(),
            "optimum": None if self.optimum is None else self.optimum.to_dict(),
            "decision": None if self.decision is None else self.decision.to_dict(),
            "without": self.without,
            "next_runs": self.next_runs.to_dict()
            if isinstance(self.next_runs, NextRuns)
            else self.next_runs,
            "ci_prob": self.ci_prob,
            "commands": list(self.commands),
            "versions": self.versions,
            "notes": [note.to_dict() for note in self.notes],
        }


def exact(value: float) -> str:
    """A number as people type it, such as 3e10, without losing a digit."""
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    short = f"{float(mantissa):g}e{int(exponent)}"
    return short if float(short) == value and abs(int(exponent)) > 3 else repr(value)


def _options(given: Mapping[str, Any]) -> list[str]:
    """Options of the command line for the options of a call."""
    options = []
    for name, value in given.items():
        if name == "caps":
            options += _pairs("cap", value)
        else:
            text = exact(value) if isinstance(value, float) else str(value)
            options += [f"--{name.replace('_', '-')}", text]
    return options


def _pairs(option: str, given: Mapping[str, float]) -> list[str]:
    return [
        part for name, value in given.items() for part in (f"--{option}", f"{name}={exact(value)}")
    ]
