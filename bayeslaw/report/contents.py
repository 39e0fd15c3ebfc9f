"""What a report says, before it is arranged."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayeslaw.checks.predictive import PosteriorPredictiveCheck
from bayeslaw.core.notes import Note, worst
from bayeslaw.optimum.answer import Optimum
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Report:
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
        Its summary.
    check : PosteriorPredictiveCheck
        The fit against its own runs.
    optimum : Optimum or None
        The best configuration, where there is one.
    decision : Decision or None
        Legal configurations in order, where there are some.
    without : dict of str to str
        Why there is no ``optimum`` or no ``decision``.
    at : dict of str to float
        Variables that the question fixes.
    budget : Budget
        What it has to keep.
    probability : float
        Of all intervals.
    source : str
        The file of the posterior, as the command that makes the page again names it.
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
    probability: float
    source: str

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes, each once, the gravest first."""
        found = [*self.posterior.notes]
        for part in (self.optimum, self.decision):
            found += part.notes if part is not None else ()
        order = ("error", "warning", "info")
        return tuple(sorted(dict.fromkeys(found), key=lambda note: order.index(note.severity)))

    @property
    def trusted(self) -> bool:
        """Whether no note is an error."""
        return worst(self.notes) != "error"

    @property
    def commands(self) -> tuple[str, str]:
        """Commands that make the fit and the page again."""
        info, runs = self.posterior.info, self.posterior.runs
        own = ("seed", "chains", "draws", "warmup")
        named = {"method": info.method} | {name: getattr(info.settings, name) for name in own}
        # Runs that came from no file have to be written to one first.
        table = runs.source if Path(runs.source).suffix else "runs.csv"
        fitted = ["bayeslaw", "fit", table, "--law", self.posterior.law.name]
        fitted += ["--noise", self.posterior.noise.name, *options(named)]
        again = ["bayeslaw", "report", self.source]
        again += [
            part for name, value in self.at.items() for part in ("--at", f"{name}={exact(value)}")
        ]
        again += options(self.budget.given)
        again += ["--ci-prob", f"{self.probability:g}", "--out", self.path.name]
        return shlex.join([*fitted, "--out", self.source]), shlex.join(again)

    @property
    def versions(self) -> dict[str, str]:
        """Versions that the fit was made with, and Python's that made the page."""
        return {**self.posterior.info.versions, "Python": platform.python_version()}

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain data.

        Returns
        -------
        dict
            ``file``, ``question``, ``law``, ``runs``, ``table`` (its source and hash), ``trusted``,
            ``coefficients``, ``check``, ``optimum`` and ``decision`` or null, ``without``,
            ``interval``, ``commands``, ``versions`` and ``notes``.
        """
        runs = self.posterior.runs
        return {
            "file": str(self.path),
            "question": self.question,
            "law": self.posterior.law.name,
            "runs": len(runs),
            "table": {"source": runs.source, "sha256": runs.fingerprint},
            "trusted": self.trusted,
            "coefficients": self.coefficients.to_dict("index"),
            "check": self.check.to_dict(),
            "optimum": None if self.optimum is None else self.optimum.to_dict(),
            "decision": None if self.decision is None else self.decision.to_dict(),
            "without": self.without,
            "interval": self.probability,
            "commands": list(self.commands),
            "versions": self.versions,
            "notes": [note.to_dict() for note in self.notes],
        }


def options(given: Mapping[str, Any]) -> list[str]:
    """Options of the command line for the options of a call."""
    found = []
    for name, value in given.items():
        if name == "caps":
            found += [
                part for text, cap in value.items() for part in ("--cap", f"{text}={exact(cap)}")
            ]
        else:
            said = exact(value) if isinstance(value, float) else str(value)
            found += [f"--{name.replace('_', '-')}", said]
    return found


def exact(value: float) -> str:
    """A number as people type it, such as 3e10, without losing a digit."""
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    short = f"{float(mantissa):g}e{int(exponent)}"
    return short if float(short) == value and abs(int(exponent)) > 3 else repr(value)
