"""Results as they are printed and shown in a notebook, and notes of several laws."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.display import Displayed
from bayeslaw.core.notes import Note, labelled, of_several, qualifying

BENT = Note("misfit_along", "warning", "residuals bend along N: p = 2e-9. It may be wrong", "Add")


@dataclass(frozen=True)
class Answer(Displayed):
    notes: tuple[Note, ...]

    @property
    def summary(self) -> str:
        return "The answer. " * 30

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame({"median": [0.1 + 0.2] * 20, "<b>": ["<i>"] * 20})


def test_every_public_result_is_shown_alike() -> None:
    results = [getattr(bl, name) for name in bl.__all__ if name[0].isupper()]
    results = [each for each in results if isinstance(each, type) and hasattr(each, "summary")]
    plain = {each.__name__ for each in results if not issubclass(each, Displayed)}
    # A quantity is a line of an optimum.
    assert plain == {"OptimumQuantity"}
    assert len(results) > 20
    report = importlib.import_module("bayeslaw.report.study")
    assert issubclass(report.StudyReport, Displayed)


def test_a_printed_result_takes_a_few_lines() -> None:
    notes = [Note(f"n{i}", "info", f"finding {i}: " + "detail " * 40) for i in range(5)]
    text = str(Answer((*notes, BENT, Note("odd", "error", "a\x1b[31m name"))))
    lines = text.splitlines()
    assert max(map(len, lines)) < 80
    assert lines[-4:-1] == [
        "- error: a\\x1b[31m name",
        "- warning: residuals bend along N",
        "- info: finding 0",
    ]
    assert lines[-1] == "- 4 remarks more in .notes"


def test_a_notebook_shows_tables_and_coloured_notes() -> None:
    html = Answer((BENT, Note("n", "info", "a remark")))._repr_html_()
    assert html.count("<table") == 1
    assert "0.3</td>" in html
    assert "<i>" not in html
    assert "8 more rows" in html
    warning, folded = html.split("<details>")
    assert "#b26a00" in warning
    assert BENT.remedy in warning
    assert "1 remark" in folded


def test_notes_of_several_laws_are_stated_once() -> None:
    table = Note("few_runs", "warning", "12 runs are few")
    other = Note(BENT.code, "warning", BENT.message.replace("2e-9", "1e-4"), BENT.remedy)
    own = Note("rhat", "error", "the chains disagree")
    merged = of_several([("a", (table, BENT)), ("b", (table, other, own)), ("c", (table,))])
    assert merged[0] == table
    assert merged[1].message == f"a, likewise b: {BENT.message}"
    assert merged[1].headline == "residuals bend along N (a, likewise b)"
    assert [note.message for note in merged[2:]] == ["b: the chains disagree"]
    # Two findings of one law stay two.
    twice = of_several([("a", (BENT, other)), ("b", (BENT,))])
    assert [note.message for note in twice] == [BENT.message, f"a: {other.message}"]


@pytest.mark.parametrize("label", ["a", "b: c"])
def test_what_qualifies_most_comes_first(label: str) -> None:
    few = Note("few_runs", "warning", "12 runs are few")
    (named,) = labelled([BENT], label)
    assert qualifying([few, named, few, Note("n", "info", "x")]) == [
        f"residuals bend along N ({label})",
        "12 runs are few",
    ]
    assert qualifying([few, named], without=["few_runs"]) == [f"residuals bend along N ({label})"]
