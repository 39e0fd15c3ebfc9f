"""Minimal inputs of faults that were found: each is refused, or harmless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import Terminal
from small_card import changed

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.formula import parse_formula
from bayeslaw.runs.read import configurations
from robustness.cards import DEEP
from robustness.requests import Material, material

#: Wrong types on purpose.
TEXT: Any = "x"
NUMBERS: Any = [1, 2]
DOUBLING = "\n".join(f"x{i} = {f'x{i - 1}*x{i - 1}' if i else 'N'}" for i in range(60))


def planned() -> bl.Runs:
    return bl.simulate("chinchilla", rows=30, seed=1)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: bl.law("a\0.toml"), "null byte"),
        (lambda: bl.read_runs("a\0.csv"), "no name of a file"),
        (lambda: bl.architecture("x" * 300), "File name too long"),
        (lambda: bl.study(planned(), at={"N": 1e11}, folder="a\0b"), "cannot be made .*null"),
        (lambda: bl.simulate("chinchilla", noise="student_t"), "Did you mean 'noise_sd'"),
        (lambda: bl.simulate("chinchilla", noise_sd="student_t"), "noise_sd = 'student_t'"),
        (lambda: bl.simulate("chinchilla", design={"N": "x"}), "no numbers"),
        (lambda: bl.Law.from_formula("E + A/N**a", variables=["N", "N"]), "'N' is given twice"),
        (lambda: bl.Law.from_formula("E + E + A/N**a", variables=["N"]), "'E' is added 2 times"),
        (lambda: bl.Law.from_formula("E + A/N**a", variables=["N"], name="../../x"), "no name"),
        (lambda: bl.Law(changed(name="../../x")), "no name"),
        (lambda: bl.Law(changed(name="a\x1b[2J")), "no name"),
        (lambda: bl.Law(changed(predicts="../x")), "no name"),
        (lambda: bl.Law(changed(coefficients__published__alpha=-0.3)), "its prior .* excludes"),
        (lambda: parse_formula(DOUBLING), "written out, 'x1[0-9]' has [0-9]+ parts"),
        (lambda: parse_formula("0/0").lines[0][1]({}), "Look for a division by zero"),
        (lambda: bl.EfficiencyRules(slope=TEXT), "slope = 'x'"),
        (lambda: bl.expert_grid(routed=[TEXT]), "routed = 'x'"),
        (lambda: bl.average_laws(NUMBERS), "1 among the posteriors"),
        (lambda: bl.fit_many(NUMBERS, "chinchilla"), "1 among the tables"),
        (lambda: configurations({"N": [[[]]]}), "N has 3 dimensions"),
    ],
)
def test_a_minimal_input_is_refused(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(bl.BayesLawError, match=said) as refused:
        call()
    assert len(str(refused.value)) < 600
    assert refused.value.remedy or refused.value.place


def test_half_a_character_is_kept_as_text(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text('{"N": 1e9, "D": 2e10, "loss": 2.7, "tag": "\\udcff"}')
    assert bl.read_runs(path).table["tag"].tolist() == [r"\udcff"]


def test_a_deeply_nested_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text(DEEP)
    with pytest.raises(bl.BayesLawError, match="nested too deep"):
        bl.law(tmp_path / "deep.toml")
    with pytest.raises(bl.BayesLawError, match="not valid TOML"):
        bl.read_runs(bl.simulate("chinchilla", rows=3).table, mapping=tmp_path / "deep.toml")


def test_an_unknown_quantity_is_found_by_the_examination_of_a_card() -> None:
    found = bl.check_card(bl.Law(changed(predicts="joy")))["described"]
    assert "no law predicts 'joy'" in " ".join(problem.message for problem in found)


def test_an_empty_at_fixes_nothing(fitted: Material) -> None:
    with pytest.raises(bl.BayesLawError, match="fixes nothing"):
        bl.optimum(fitted.posterior, at={}, budget=bl.Budget(train_flops=1e21))


def test_a_terminal_obeys_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "\x1b[31m[red]x[/red][link=http://a]y[/link]\x07\u202e\udcff"
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    show.blocks([hostile, show.Heading(hostile), show.Wrapped(hostile),
                 show.Table(hostile, [hostile], [[hostile]])])  # fmt: skip
    printed = out.getvalue()
    assert "\\x1b[31m[red]x[/red][link=http://a]y[/link]" in printed.replace("\n", "")
    # Rich's own styles are sequences of this kind; a name's are not among them.
    assert "\x1b[31m" not in printed
    assert not {"\x07", "\u202e", "\udcff"} & set(printed)


def test_a_page_shows_hostile_names_as_text(fitted: Material, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    note = bl.Note("odd", "warning", hostile, hostile)
    posterior = replace(fitted.posterior, runs=replace(fitted.runs, source=hostile), notes=(note,))
    budget = bl.Budget(train_flops=1e21)
    bl.report(
        posterior,
        tmp_path / "page.html",
        budget=budget,
        question=hostile,
        source=hostile,
        next_runs=False,
    )
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_card_inside_a_file_runs_nothing(
    fitted: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    card = fitted.posterior.law.card
    for text in ("__import__('os').system('touch canary')", "open('canary', 'w')"):
        with pytest.raises(bl.BayesLawError, match="not allowed"):
            bl.Law({**card, "formula": text}, "card")
    assert not list(tmp_path.iterdir())
