"""The command line as a whole: help, usage errors, options that every command has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from command import bayeslaw, refused, shell

from bayeslaw.cli.app import app


def test_the_module_runs_by_itself(folder: Path) -> None:
    result = shell("optimum", folder / "nothing.nc")
    refused(result, "nothing.nc: there is no such file. Fit first")
    result = shell("laws", "list", "--json")
    assert (result.code, result.err) == (0, "")
    assert {"chinchilla", "zhao2025"} <= {law["law"] for law in result.json["laws"]}


def commands() -> dict[str, Any]:
    found = {}

    def walk(command: Any, name: str) -> None:
        if hasattr(command, "commands"):
            for part, sub in command.commands.items():
                walk(sub, f"{name} {part}".strip())
        else:
            found[name] = command

    walk(typer.main.get_command(app), "")
    return found


def test_the_promised_commands() -> None:
    assert set(commands()) >= {"simulate", "fit", "summary", "optimum", "predict", "laws list"}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_json_and_an_example(name: str) -> None:
    result = bayeslaw(*name.split(), "--help")
    assert result.code == 0
    assert "--json" in result.out
    text = " ".join(result.out.split())
    assert re.search(rf"Examples?: bayeslaw {name} ", text + " "), text
    # The example's options exist.
    example = text[text.index("Example") :]
    known = {option for param in commands()[name].params for option in param.opts}
    assert set(re.findall(r"--[a-z-]+", example)) <= known


def test_without_arguments_there_is_help() -> None:
    result = bayeslaw()
    assert "Usage: " in result.out + result.err
    for name in ("simulate", "fit", "summary", "optimum", "predict", "laws"):
        assert name in result.out + result.err


@pytest.mark.parametrize(
    "arguments",
    [("fitt",), ("fit",), ("optimum", "fit.nc", "--tokens", "3"), ("simulate", "--rows", "many")],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    result = bayeslaw(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err


@pytest.mark.parametrize("name", commands())
def test_every_command_can_be_strict(name: str) -> None:
    assert "--strict" in bayeslaw(*name.split(), "--help").out
