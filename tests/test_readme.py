"""What the README and the documentation show is what the package does."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from functools import partial
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import typer

import bayeslaw as bl
from bayeslaw.cli.app import app

mpl.use("Agg")

README = Path(__file__).parents[1] / "README.md"
PAGES = [README, *sorted((README.parent / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def blocks_of(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)


JOBS = blocks_of(README.read_text(encoding="utf-8"))
BLOCKS = list(dict.fromkeys(blocks_of(TEXT)))
COMMANDS = sorted(set(re.findall(r"^    bayeslaw ([^#\n]*)", TEXT, re.M)))


def test_the_four_jobs_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = bl.simulate("zhao2025", rows=60, noise_sd=0.003, seed=4).table
    table = table.assign(n_total_B=table["N"] / 1e9, val_loss=table["loss"])
    table.drop(columns=["N", "loss"]).to_csv("sweep.csv", index=False)
    # The same calls, sooner.
    few = {"cuts": [0.2], "chains": 2, "draws": 500, "warmup": 300, "force": True}
    study = {"laws": ["chinchilla"], "progress": False}
    for name, less in (("study", study), ("fit", {"method": "laplace"}), ("compare", few)):
        monkeypatch.setattr(bl, name, partial(getattr(bl, name), **less))
    assert [len(job.strip().splitlines()) <= 6 for job in JOBS] == [True] * 4
    names: dict[str, object] = {}
    for job in JOBS:
        exec(compile(job, str(README), "exec"), names)
    plt.close("all")
    assert Path("band.png").read_bytes()[:4] == b"\x89PNG"
    assert "<h2>Back-tests</h2>" in Path("study.html").read_text(encoding="utf-8")
    assert np.isfinite(names["best"].quantities["G"].median)
    assert set(names["laws"].to_frame().index) == {"zhao2025", "chinchilla"}
    assert len(names["choice"].near_optimal) >= 1
    assert names["plan"].quantities["N_a/N"].low > 0
    assert 1 <= len(names["batch"].frame) <= 10


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_every_call_is_one_that_there_is(block: str) -> None:
    calls = 0
    for call in (node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if not re.fullmatch(r"bl(\.\w+)+", name):
            continue
        target: object = bl
        for part in name.split(".")[1:]:
            target = getattr(target, part)
        assert callable(target)
        given = {keyword.arg: None for keyword in call.keywords if keyword.arg is not None}
        if not any(keyword.arg is None for keyword in call.keywords):
            inspect.signature(target).bind(*call.args, **given)
        calls += 1
    assert calls >= 1 or "posterior" in block


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[:2]))
def test_every_command_has_the_options_that_it_is_given(line: str) -> None:
    command = typer.main.get_command(app)
    words = shlex.split(line)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    given = {word for word in words if word.startswith("--")}
    assert given <= known


def test_every_file_that_is_linked_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert len(links) >= 9
    lacking = [link for link in links if not (README.parent / link).exists()]
    assert lacking == []


def test_the_readme_is_read_in_minutes_and_states_how_many_laws_there_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    numbers = {51: "Fifty-one", 52: "Fifty-two", 53: "Fifty-three", 54: "Fifty-four"}
    assert f"{numbers[len(bl.laws())]} laws" in text
