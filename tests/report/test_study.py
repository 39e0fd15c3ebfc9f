"""The page of a study: the answer first, all sections, and text that is escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.report.study import StudyReport
from bayeslaw.report.text import number

mpl.use("Agg")

NASTY = '<script>alert("runs")</script> & co.csv'


@pytest.fixture(scope="module")
def study() -> bl.Study:
    runs = bl.simulate("chinchilla", rows=40, noise_sd=0.002, seed=3)
    return bl.study(
        replace(runs, source=NASTY),
        laws=["chinchilla", "skaling2026"],
        budget=bl.Budget(train_flops=1e24),
        predict={"N": [1e11], "D": [2e12]},
        seed=1,
        progress=False,
    )


@pytest.fixture(scope="module")
def written(study: bl.Study, tmp_path_factory: pytest.TempPathFactory) -> StudyReport:
    return bl.report(study, tmp_path_factory.mktemp("page") / "study.html", next_runs=False)


def headings(path: Path) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", path.read_text(encoding="utf-8"))


def test_the_sections_in_order(written: StudyReport) -> None:
    assert headings(written.path) == [
        *("In short", "Optimum", "Laws", "Back-tests", "Predictions", "Notes", "Provenance"),
    ]
    page = written.path.read_text(encoding="utf-8")
    assert "<h1>Which N and D are best at 1e24 FLOPs?</h1>" in page
    assert page.count("<img ") >= 2
    assert not re.search(r'<img [^>]*alt=""', page)


def test_the_numbers_are_the_answers(study: bl.Study, written: StudyReport) -> None:
    page = written.path.read_text(encoding="utf-8")
    assert study.optimum is not None
    assert study.predictions is not None
    values = [each for q in study.optimum.quantities.values() for each in (q.median, q.low, q.high)]
    values += [*study.weights.values(), *study.predictions[["low", "median", "high"]].iloc[0]]
    for value in values:
        assert f'<td class="n">{number(value)}</td>' in page
    for direction in study.back_test["direction"]:
        assert f'<th scope="row">{direction}</th>' in page
    assert study.runs.fingerprint in page
    assert "times beyond the runs in" in page
    bent = bl.Note("misfit_along", "warning", "residuals bend along N: p = 2e-9")
    qualified = bl.report(
        replace(study, study_notes=(bent,)), written.path.with_name("bent.html"), next_runs=False
    )
    assert "<li>Residuals bend along N.</li>" in qualified.path.read_text(encoding="utf-8")
    assert written.to_dict()["summary"] == study.summary


def test_text_is_escaped(written: StudyReport) -> None:
    page = written.path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert" in page


def test_errors_come_first_and_nothing_is_left_empty(study: bl.Study, tmp_path: Path) -> None:
    bad = bl.Note("rhat", "error", "the chains disagree", "Draw more")
    bare = replace(study, optimum=None, predictions=None, study_notes=(bad,))
    found = bl.report(bare, tmp_path / "page.html", next_runs=False)
    assert headings(found.path)[0] == "Do not use these numbers as they stand"
    page = found.path.read_text(encoding="utf-8")
    assert "No size and no budget was asked for." in page
    assert "Predictions" not in headings(found.path)
    assert found.summary.startswith("Do not use these numbers")


def test_a_study_has_its_question_already(study: bl.Study, tmp_path: Path) -> None:
    again: dict[str, Any] = {"at": {"N": 1e9}}
    with pytest.raises(RequestError, match="answered its question already"):
        bl.report(study, tmp_path / "page.html", **again)
    assert list(tmp_path.iterdir()) == []
