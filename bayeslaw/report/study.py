"""A study as a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayeslaw import plots
from bayeslaw.core.notes import Note, gravest_first, worst
from bayeslaw.core.results import Result
from bayeslaw.core.version import __version__
from bayeslaw.design.result import NextRuns
from bayeslaw.plots.labels import percent
from bayeslaw.report import text
from bayeslaw.report.page import (
    Contents,
    answer_lines,
    best_of,
    image,
    next_section,
    optimum,
    qualified,
    render,
)
from bayeslaw.study.result import Study


@dataclass(frozen=True, eq=False)
class StudyReport(Result):
    """What the page of a study holds.

    Attributes
    ----------
    path : Path
        The page that was written.
    question : str
        What it answers.
    study : Study
        The study.
    next_runs : NextRuns, str or None
        Runs to train next, or why there are none; None if they are left out.
    """

    path: Path
    question: str
    study: Study = field(repr=False)
    next_runs: NextRuns | str | None = field(default=None, repr=False)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The study's notes, the gravest first."""
        return tuple(gravest_first(self.study.notes))

    @property
    def trusted(self) -> bool:
        """Whether no note is an error."""
        return worst(self.notes) != "error"

    @property
    def summary(self) -> str:
        """The study's."""
        caution = "" if self.trusted else "Do not use these numbers as they stand. "
        return f"{caution}{self.study.summary}"

    @property
    def frame(self) -> Any:
        """The study's answers."""
        return self.study.frame


def study_question(study: Study) -> str:
    """The question that the page of a study answers."""
    best = study.optimum
    if best is None:
        return f"What do {study.runs.described} say of larger ones?"
    verb = "is" if len(best.quantities) == 1 else "are"
    where = text.constraints(best.at, best.budget)
    return f"Which {text.listed(best.quantities)} {verb} best{where}?"


def study_page(report: StudyReport) -> str:
    """A study as HTML."""
    study, best = report.study, report.study.optimum
    share, count = percent(study.ci_prob), len(study.weights)
    laws = "One law" if count == 1 else f"{count} laws, averaged,"
    return render(
        "study.html.j2",
        {
            "version": __version__,
            "question": report.question,
            "lead": (
                f"{laws} on {study.runs.described}, with the error that laws have beyond "
                f"their runs; all intervals are of {share}."
            ),
            "trusted": report.trusted,
            "notes": [{"severity": n.severity, "text": text.note_text(n)} for n in report.notes],
            "short": _short(study),
            "optimum": best and optimum(best, study.runs.loss_unit),
            "laws": [
                [one.law.name, study.weights[one.law.name], len(one.law.parameters), one.law.title]
                for one in study.posteriors
            ],
            "back_test": _back_test(study),
            "predictions": _predictions(study),
            "next_runs": next_section(report.next_runs),
            "picture_of": image(plots.study(study), study.summary),
            "provenance": [
                ["table", study.runs.source],
                ["SHA-256 of its values", study.runs.fingerprint],
                ["seed", str(study.seed)],
                ["error beyond the runs", _prior(study)],
                ["version", f"bayeslaw {__version__}"],
            ],
        },
    )


def _short(study: Study) -> Contents:
    """The answer, the laws and how they fared, and what qualifies it."""
    best = study.optimum
    laws = [f"{name} {percent(weight)}" for name, weight in study.weights.items()]
    lines = [f"Laws: {', '.join(laws)}.", study.fared]
    return {
        "best": [] if best is None else best_of(best),
        "more": [*([] if best is None else answer_lines(best)), *lines],
        "qualified": qualified(study.notes),
    }


def _back_test(study: Study) -> list[list[Any]]:
    """Rows of the table of back-tests."""
    return [
        [
            *(row["direction"], row["fitted_to"], row["held_out"], row["doublings"]),
            *(row["error"], row["width"], percent(row["coverage"])),
        ]
        for row in study.back_test.to_dict("records")
    ]


def _predictions(study: Study) -> Contents | None:
    """The table of configurations that were to be predicted."""
    if study.predictions is None:
        return None
    frame = study.predictions
    heads = ["configuration", *(str(name).replace("_", " ") for name in frame.columns)]
    values = zip(frame.index, frame.to_numpy().tolist(), strict=True)
    return {"heads": heads, "rows": [[str(name), *row] for name, row in values]}


def _prior(study: Study) -> str:
    """The error beyond the runs in words."""
    prior = study.prior
    return (
        f"{prior.scale:g} of log loss one doubling beyond the runs, a factor of "
        f"exp({prior.spread:g}) between tables, growing with the power {prior.power:g} of "
        "doublings; before the table's own back-tests"
    )
