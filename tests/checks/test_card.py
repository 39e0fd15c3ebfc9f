"""The command that examines a card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayeslaw.cli.app import app, main
from bayeslaw.law.library import template

RUNNER = CliRunner()


def test_a_sound_card_passes(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(template("mine", 2026), encoding="utf-8")
    result = RUNNER.invoke(app, ["laws", "check", str(path), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"law": "mine", "passed": True, "problems": []}
    shown = RUNNER.invoke(app, ["laws", "check", str(path)])
    assert shown.stdout.count("passed") == 8
    assert "failed" not in shown.stdout


def test_problems_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = template("mine", 2026).replace("value = 2.46275", "value = 2.5")
    path.write_text(text.replace("beta = 0.37", "beta = 7.7"), encoding="utf-8")
    result = RUNNER.invoke(app, ["laws", "check", str(path), "--json"])
    assert result.exit_code == 1
    problems = {
        (one["examination"], one["place"]): one["line"]
        for one in json.loads(result.stdout)["problems"]
    }
    lines = text.splitlines()
    assert lines[problems["reproduces", "check 1"] - 1] == "[[checks]]"
    assert lines[problems["unsurprising", "[parameters] beta"] - 1].startswith("beta  = {")
    shown = RUNNER.invoke(app, ["laws", "check", str(path)])
    assert shown.exit_code == 1
    assert "mine.toml, check 1 (line " in shown.stdout


def test_a_law_of_the_library_can_be_examined() -> None:
    assert RUNNER.invoke(app, ["laws", "check", "chinchilla"]).exit_code == 0


def test_a_card_that_cannot_be_read_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(template("mine", 2026).replace("D**-beta", "D^beta"), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["bayeslaw", "laws", "check", str(path)])
    assert main() == 2
    assert "mine.toml, formula, line 2 (line " in capsys.readouterr().err
