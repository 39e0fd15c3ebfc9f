"""The report: one page that holds what it promises, for eyes, ears and programs."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from command import bayeslaw, refused

import bayeslaw as bl
from bayeslaw.checks.residuals import residuals
from bayeslaw.core.errors import RequestError
from bayeslaw.formula.latex import latex
from bayeslaw.report.contents import exact
from bayeslaw.report.page import page as page_of
from bayeslaw.report.text import number

mpl.use("Agg")

# A table may have any name.
NASTY = '<script>alert("runs")</script> & co.csv'


class Page(HTMLParser):
    """The elements of a page and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.raw = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def named(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    def inside(self, *names: str) -> list[str]:
        return [text for tag, text in self.texts if tag in names and text.strip()]

    @property
    def text(self) -> str:
        return " ".join(text for tag, text in self.texts if tag != "style")


@pytest.fixture(scope="module")
def fitted(posterior: bl.Posterior) -> bl.Posterior:
    """The shared posterior, of a table with an awkward name."""
    return replace(posterior, runs=replace(posterior.runs, source=NASTY))


@pytest.fixture(scope="module")
def dense() -> bl.Posterior:
    """A law without optimum of its own."""
    runs = bl.simulate("chinchilla", rows=40, seed=3)
    return bl.fit(runs, "chinchilla", method="laplace", seed=1)


@pytest.fixture(scope="module")
def written(fitted: bl.Posterior, tmp_path_factory: pytest.TempPathFactory) -> bl.Report:
    path = tmp_path_factory.mktemp("report") / "moe.html"
    return bl.report(fitted, path, at={"N": 30e9}, next_runs=False)


@pytest.fixture(scope="module")
def page(written: bl.Report) -> Page:
    return Page(written.path.read_text(encoding="utf-8"))


def sections(page: Page) -> list[str]:
    return page.inside("h2")


def test_the_sections_in_order(page: Page) -> None:
    assert page.inside("h1") == ["Which G, S and N_a/N are best at N = 30B?"]
    assert sections(page) == [
        *("In short", "Data", "Law", "Coefficients", "Checks", "Optimum", "Decision"),
        *("How far it extrapolates", "Notes", "How to reproduce it"),
    ]


def test_the_numbers_are_the_answers(page: Page, written: bl.Report, fitted: bl.Posterior) -> None:
    best = bl.optimum(fitted, at={"N": 30e9})
    cells = page.inside("td")
    for one in (*best.quantities.values(), *best.efficient.values()):
        for value in (one.median, one.low, one.high):
            assert number(value) in cells
    for name, row in fitted.to_frame().iterrows():
        assert str(name) in page.inside("th")
        assert number(float(row["median"])) in cells
    assert written.optimum is not None
    assert written.optimum.to_dict() == best.to_dict()
    assert written.decision is not None
    # What the question leaves open stands at the optimum.
    assert written.decision.at == pytest.approx(
        {
            "N": 30e9,
            "N_a": 30e9 * best.quantities["N_a/N"].median,
            "D": fitted.reference.at["D"],
        }
    )
    assert str(written.decision.best) in page.inside("th")
    times = 30e9 / fitted.runs.column("N").max()
    assert f"The answer is {times:.3g} times beyond the runs in N" in page.text
    assert page.text.count("do not cover the law's being wrong") == 1


def test_nothing_but_the_page_itself(page: Page) -> None:
    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.elements)
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset"):
            assert attributes.get(name, "data:").startswith("data:")
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page.raw
    assert "@import" not in page.raw


def test_text_is_escaped(page: Page) -> None:
    assert "<script" not in page.raw
    assert NASTY in page.text


def test_for_readers_who_do_not_see_it(page: Page) -> None:
    assert page.named("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tables = page.named("table")
    assert len(tables) == len(page.named("caption")) == len(page.inside("caption")) >= 7
    heads = page.named("th")
    assert {one["scope"] for one in heads} == {"col", "row"}
    regions = page.named("div")
    assert all(one["class"].startswith("scroll") for one in regions)
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in regions)
    # Tables, the formula and pictures of several panels scroll by themselves.
    assert len(regions) == len(tables) + 1 + 5


def test_pictures_say_what_they_show(page: Page, written: bl.Report, fitted: bl.Posterior) -> None:
    drawn, *images = page.named("img")
    assert drawn["alt"] == latex(fitted.law.formula)
    assert len(images) == len(page.named("figcaption")) == 6
    for one in images:
        kind, data = one["src"].split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        drawing = ElementTree.fromstring(base64.b64decode(data))
        assert drawing.tag.endswith("svg")
        assert len(list(drawing.iter())) > 100, "not an empty figure"
        assert len(one["alt"]) > 60
    coefficients, predictive, left, best, regret, choice = (one["alt"] for one in images)
    summary = fitted.to_frame()
    alpha = [number(float(summary.loc["alpha", end])) for end in ("median", "low", "high")]
    assert f"alpha {alpha[0]} ({alpha[1]} to {alpha[2]})" in coefficients
    inside = [
        name
        for name in fitted.law.parameters
        if summary.loc[name, "low"] <= summary.loc[name, "published"] <= summary.loc[name, "high"]
    ]
    assert f"within the interval for {len(inside)} of 12" in coefficients
    assert predictive == written.check.summary
    found = residuals(fitted)
    assert (
        f"{((found.band[0] <= found.median) & (found.median <= found.band[1])).sum()} lie" in left
    )
    assert number(float(found.median[np.abs(found.median).argmax()])) in left
    assert written.optimum is not None
    assert f"Best G: {number(written.optimum.quantities['G'].median)} (" in best
    assert number(written.optimum.near_optimal["N_a"].low) in regret
    assert written.decision is not None
    assert f"{len(written.decision.near_optimal)} are near-optimal" in choice
    assert plt.get_fignums() == [], "a notebook would show what is left open"


def test_how_to_make_it_again(page: Page, written: bl.Report, fitted: bl.Posterior) -> None:
    assert fitted.runs.fingerprint in page.text
    for name, version in fitted.info.versions.items():
        assert f"{name} {version}" in page.text
    fit, report = written.commands
    assert f"{fit}\n{report}" in page.inside("code")
    assert "--law zhao2025" in fit
    assert "--seed 1 --chains 4 --draws 1000 --warmup 400" in fit
    assert report == (
        "bayeslaw report fit.nc --at N=3e10 --no-next-runs --ci-prob 0.89 --out moe.html"
    )
    assert [exact(value) for value in (3e10, 1.5e22, 0.5, 2.0, 123456789.0)] == [
        *("3e10", "1.5e22", "0.5", "2.0", "123456789.0")
    ]


def test_the_answer_in_a_few_sentences(written: bl.Report) -> None:
    assert written.optimum is not None
    assert written.decision is not None
    best = written.optimum.quantities["G"]
    G = f"{number(best.median)} ({number(best.low)} to {number(best.high)})"
    assert written.summary.startswith(f"Best at D = 23.1B, N = 30B: G = {G}; ")
    assert f"80 configurations {written.decision.best} has the least" in written.summary
    assert written.to_frame() is written.coefficients
    assert written.to_dict()["summary"] == written.summary
    assert written.to_dict()["ci_prob"] == written.ci_prob == 0.89


def test_the_same_bytes_again(written: bl.Report) -> None:
    assert page_of(written) == written.path.read_text(encoding="utf-8")


def test_without_an_optimum(dense: bl.Posterior, tmp_path: Path) -> None:
    found = bl.report(dense, tmp_path / "page.html")
    assert (found.optimum, found.decision) == (None, None)
    page = Page(found.path.read_text(encoding="utf-8"))
    assert page.inside("h1") == ["What do 40 simulated runs say about the law chinchilla?"]
    assert (
        "the optimum of chinchilla is unbounded: its loss decreases monotonically in N and D"
        in page.text
    )
    assert "has no G and no S" in page.text
    assert len(page.named("figcaption")) == 3
    # With a question there is an answer, whose caps the command says again.
    asked = bl.Budget(train_flops=1e22, caps={"D/N": 40})
    found = bl.report(dense, tmp_path / "page.html", budget=asked, question=NASTY, next_runs=False)
    assert found.next_runs is None
    assert found.optimum is not None
    assert "--train-flops 1e22 --cap D/N=40.0" in found.commands[1]
    page = Page(found.path.read_text(encoding="utf-8"))
    assert page.inside("h1") == page.inside("title") == [NASTY]
    assert "<script" not in page.raw
    assert number(found.optimum.quantities["N"].median) in page.inside("td")


def test_runs_to_train_next(dense: bl.Posterior, tmp_path: Path) -> None:
    asked = bl.Budget(train_flops=1e24)
    found = bl.report(dense, tmp_path / "page.html", budget=asked)
    batch = found.next_runs
    assert isinstance(batch, bl.NextRuns)
    assert found.optimum is not None
    widths = {n: np.log(q.high / q.low) for n, q in found.optimum.quantities.items()}
    assert batch.target.startswith(f"best {max(widths, key=widths.__getitem__)} at 1e24 FLOPs")
    # As much as the runs at hand cost.
    assert batch.budget == pytest.approx(6 * dense.runs.column("N") @ dense.runs.column("D"))
    assert batch.obtained is not None
    assert batch.obtained < batch.width
    page = Page(found.path.read_text(encoding="utf-8"))
    assert sections(page)[-3:] == ["Next runs", "Notes", "How to reproduce it"]
    assert batch.reason in page.inside("strong")
    assert "refits of imagined outcomes obtain" in page.text
    for value in batch.frame["width"]:
        assert number(float(value)) in page.inside("td")
    assert page.named("img")[-1]["alt"] == batch.summary
    assert found.to_dict()["next_runs"] == batch.to_dict()
    assert "--no-next-runs" not in found.commands[1]


def test_the_page_states_the_limits_that_decide(
    written: bl.Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LARGEST_RHAT", 1.02), ("SMALLEST_ESS", 321.0), ("SMALLEST_BFMI", 0.25)):
        monkeypatch.setitem(vars(import_module("bayeslaw.report.page")), name, value)
    text = Page(page_of(written)).text
    for limit in ("trusted below 1.02", "trusted above 321", "trusted above 0.25"):
        assert limit in text


def test_errors_come_first(dense: bl.Posterior, tmp_path: Path) -> None:
    bad = dense.with_notes(bl.Note("rhat", "error", "the chains disagree", "Draw more"))
    found = bl.report(bad, tmp_path / "page.html")
    assert not found.trusted
    assert found.summary.startswith("Do not use these numbers as they stand. No optimum: ")
    page = Page(found.path.read_text(encoding="utf-8"))
    assert sections(page)[0] == "Do not use these numbers as they stand"
    assert page.text.index("The chains disagree") < page.text.index("In short")
    assert "Notes" not in sections(page)


def test_runs_outside_their_intervals_are_noted(written: bl.Report) -> None:
    everything = written.check.frame.assign(outside=written.check.frame["runs"])
    changed = replace(written, check=replace(written.check, frame=everything))
    (note,) = [note for note in changed.notes if note.code == "runs_outside"]
    assert note.message.startswith("446 of 446 runs are outside")
    assert "<strong>Warning:</strong> 446 of 446 runs are outside" in page_of(changed)


def test_a_bad_question_writes_nothing(
    dense: bl.Posterior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_text("before")
    with pytest.raises(RequestError, match="is unbounded: its loss decreases monotonically in D"):
        bl.report(dense, path, at={"N": 1e9})
    with pytest.raises(RequestError, match="'E'"):
        bl.report(dense, path, at={"E": 8.0})
    with pytest.raises(RequestError, match="posterior is a Mixture"):
        bl.report(cast(Any, bl.average_laws([dense, dense])), path)
    with pytest.raises(RequestError, match=r"there is no folder .*Name a file"):
        bl.report(dense, tmp_path / "nowhere" / "page.html")

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RequestError, match="No space left"):
        bl.report(dense, path)
    monkeypatch.undo()
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_the_command(dense: bl.Posterior, tmp_path: Path) -> None:
    dense.save(tmp_path / "fit.nc")
    out = tmp_path / "page.html"
    told = bayeslaw("report", tmp_path / "fit.nc", "--out", out)
    assert told.code == 0, told.err
    assert told.out.endswith(f"report in {out}\n")
    assert "info: " in told.err
    configs = tmp_path / "configs.csv"
    # The same options read a table of candidates here and in ``decide``.
    configs.write_text("size\n70\n9\n")
    table = ("--candidates", configs, "--column", "N=size", "--unit", "N=1e9")
    asked = ("--train-flops", "1e22", *table, "--no-next-runs", "--out", out, "--json")
    facts = bayeslaw("report", tmp_path / "fit.nc", *asked).json
    assert facts["file"] == str(out)
    assert facts["table"]["sha256"] == dense.runs.fingerprint
    assert facts["optimum"]["budget"] == {"train_flops": 1e22}
    assert facts["without"] == {}
    assert facts["next_runs"] is None
    assert [row["N"] for row in facts["decision"]["configurations"]] == [9e9, 70e9]
    refused(bayeslaw("report", tmp_path / "fit.nc", "--out", tmp_path / "fit.nc"), "is an input")
