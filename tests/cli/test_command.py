"""How commands are made: groups become options, answers become text, JSON and files."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest
import typer
from command import bayeslaw
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli import options
from bayeslaw.cli.command import Answer, Group, command, new_app
from bayeslaw.cli.options import Out, Picture
from bayeslaw.cli.show import Heading, Table, Wrapped
from bayeslaw.core.errors import RequestError

RUNNER = CliRunner()


def test_the_options_of_a_question_are_those_of_a_budget() -> None:
    """So that a field of ``Budget`` cannot be forgotten on the command line."""
    asked = {f.name: f.default for f in fields(options.Question)}
    assert asked.pop("at") is None
    assert asked.pop("cap") is None
    budget = {f.name: f.default for f in fields(bl.Budget)}
    del budget["caps"]
    assert asked == budget
    question = options.Question(cap=["N/E=1e9"], train_flops=1e22, at=["N=3e9"])
    assert question.budget == bl.Budget(train_flops=1e22, caps={"N/E": 1e9})
    assert question.fixed == {"N": 3e9}
    assert not question.is_empty
    assert options.Question().is_empty


@dataclass(frozen=True, kw_only=True)
class Size(Group):
    """A group for the tests below."""

    width: Annotated[int, typer.Option(help="How wide.")]
    height: Annotated[int, typer.Option(help="How high.")] = 2


def app(*notes: bl.Note, status: int = 0) -> typer.Typer:
    made = new_app("Tests.")

    @command(made, "test area 3 --width 1")
    def area(
        table: Annotated[Path, typer.Argument(help="Input.")],
        size: Size,
        out: Out = None,
        picture: Picture = None,
    ) -> Answer:
        """Compute an area."""
        value = size.width * size.height
        return Answer(
            data={"area": value, "notes": [note.to_dict() for note in notes]},
            text=[Heading("Area"), Table("", ["", "value"], [["area", value]]), Wrapped("done")],
            notes=notes,
            table=pd.DataFrame({"area": [value]}),
            status=status,
        )

    @command(made, "test other", name="other")
    def other() -> Answer:
        """Another command, so that the first has a name."""
        return Answer(data={}, text=[])

    return made


def test_a_group_becomes_options() -> None:
    shown = RUNNER.invoke(app(), ["area", "--help"]).output
    for part in ("--width", "--height", "[default: 2]", "How wide.", "--json", "--strict"):
        assert part in shown
    assert "Example: test area 3 --width 1" in shown
    result = RUNNER.invoke(app(), ["area", "in.csv", "--width", "4", "--json"])
    assert json.loads(result.output)["area"] == 8
    missing = RUNNER.invoke(app(), ["area", "in.csv"])
    assert missing.exit_code == 2
    assert "--width" in missing.output


def test_an_answer_is_printed_and_its_table_written(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = RUNNER.invoke(app(), ["area", "in.csv", "--width", "4", "--out", str(out)])
    assert result.exit_code == 0
    assert result.output.startswith("Area\n")
    assert result.output.endswith("done\n")
    assert pd.read_csv(out)["area"].tolist() == [8]


def test_notes_decide_the_status_of_a_strict_command() -> None:
    error = bl.Note("bad", "error", "not to be used", "Repair it")
    warning = bl.Note("odd", "warning", "look twice")
    words = ["area", "in.csv", "--width", "4"]
    assert RUNNER.invoke(app(error, warning), words).exit_code == 0
    result = RUNNER.invoke(app(warning, error), [*words, "--strict"])
    assert result.exit_code == 3
    first, second = result.stderr.splitlines()
    assert first == "error: not to be used. Repair it"
    assert second == "warning: look twice"
    assert RUNNER.invoke(app(warning), [*words, "--strict"]).exit_code == 0
    assert RUNNER.invoke(app(error, status=1), [*words, "--json"]).exit_code == 1


@pytest.mark.parametrize("option", ["--out", "--picture"])
def test_outputs_are_checked_against_every_input(option: str, tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_text("x\n")
    words = ["area", str(table), "--width", "4", option]
    remedy = "Name a file in a folder that exists and can be written to"
    for path, message in (
        (table, f"{option}: '{table}' is an input. Name another file"),
        (tmp_path, f"{option}: '{tmp_path.name}' cannot be written (it is a folder). {remedy}"),
        (
            tmp_path / "no" / "out.csv",
            f"{option}: 'out.csv' cannot be written (there is no folder '{tmp_path / 'no'}'). "
            + remedy,
        ),
    ):
        with pytest.raises(RequestError) as caught:
            RUNNER.invoke(app(), [*words, str(path)], catch_exceptions=False)
        assert str(caught.value) == message
    assert table.read_text() == "x\n"


@pytest.mark.parametrize("name", ["area.xyz", "area", "area.nc"])
def test_a_picture_has_the_suffix_of_one(name: str, tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_text("x\n")
    words = ["area", str(table), "--width", "4", "--picture", str(tmp_path / name)]
    with pytest.raises(RequestError, match=r"--picture: the suffix .* is not one of a picture"):
        RUNNER.invoke(app(), words, catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_the_version_is_printed() -> None:
    result = bayeslaw("--version")
    assert (result.code, result.out, result.err) == (0, f"bayeslaw {bl.__version__}\n", "")
