"""Options that map a table's columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from command import FIT, bayeslaw

import bayeslaw as bl
from bayeslaw.cli.options import Fitting, Noise
from bayeslaw.model.discrepancy import KERNELS
from bayeslaw.model.noise import NOISES

MAPPING = """
where = "state == 'done'"
[columns]
N = "N_total"
D = "D1 + D2"
loss = "val loss"
[units]
N = 1073741824
D = 1024
"""


def own_table(folder: Path, path: Path) -> None:
    """The runs of runs.csv under other names, in units that change no digit, and one more row."""
    runs = pd.read_csv(folder / "runs.csv")
    half = runs["D"] / 2048
    table = pd.DataFrame(
        {"N_total": runs["N"] / 2**30, "D1": half, "D2": half, "val loss": runs["loss"]}
    ).assign(state="done")
    crashed = pd.DataFrame(
        [{"N_total": 1, "D1": 1e6, "D2": 1e6, "val loss": 9, "state": "crashed"}]
    )
    pd.concat([table, crashed]).to_csv(path, index=False)


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_columns_units_and_mapping_agree(
    folder: Path, tmp_path: Path, caught: list[tuple[bl.Runs, Any]], command: str
) -> None:
    own, mapping, out = tmp_path / "own.csv", tmp_path / "map.toml", tmp_path / "out.nc"
    own_table(folder, own)
    mapping.write_text(MAPPING)
    options = (
        *("--column", "N=N_total", "--column", "D = D1 + D2", "--column", "loss=val loss"),
        *("--unit", "N=1073741824", "--unit", "D=1024", "--where", "state == 'done'"),
    )
    ways: list[tuple[Path, tuple[object, ...]]] = [
        (folder / "runs.csv", ()),
        (own, options),
        (own, ("--mapping", mapping)),
        # The command line wins over the file, key by key.
        (own, ("--mapping", mapping, "--unit", "D=1024.0")),
    ]
    if command == "fit":
        for table, said in ways:
            result = bayeslaw("fit", table, *said, *FIT, "--out", out, "--json")
            assert result.code == 0, result.err
        assert len({runs.fingerprint for runs, _ in caught}) == 1
        assert len(caught) == len(ways)
        assert caught[0][1] == {
            **{"noise": "student_t", "seed": 1, "chains": 2, "draws": 200, "warmup": 200},
            **{"method": "nuts", "fallback": False, "pool": []},
        }
    else:
        answers = [bayeslaw("predict", folder / "fit.nc", t, *o, "--json").json for t, o in ways]
        assert len(answers[0]["predictions"]) == 40
        for answer in answers:
            assert answer["predictions"] == answers[0]["predictions"]


def test_reading_options_reach_the_table(
    folder: Path, tmp_path: Path, caught: list[tuple[bl.Runs, Any]]
) -> None:
    lines = ["run,step,lr,sweep,N,D,loss"]
    for run, lr, loss in (("a", 1, 3.0), ("b", 2, 2.9)):
        lines += [f"{run},{step},{lr},s,1e9,2e10,{loss - step / 100}" for step in (1, 2)]
    lines.append("c,1,1,t,2e9,2e10,bad")
    table = tmp_path / "sweep.csv"
    table.write_text("\n".join(lines) + "\n")
    result = bayeslaw(
        *("fit", table, "--law", "chinchilla", "--out", tmp_path / "out.nc", "--json"),
        *("--run", "run", "--step", "step", "--best-of", "lr", "--group", "sweep"),
        *("--embeddings", "excluded", "--loss-unit", "bits", "--drop-invalid", "--noise", "normal"),
    )
    assert result.code == 0, result.err
    ((runs, options),) = caught
    assert options["noise"] == "normal"
    assert len(runs) == 1
    assert runs.column("loss")[0] == pytest.approx(2.88 * np.log(2), rel=1e-12)
    assert runs.groups == ("sweep",)
    assert runs.embeddings == "excluded"
    said = {note["code"]: note["message"] for note in result.json["notes"]}
    assert "line 6" in said["rows_dropped"]
    assert "'bad' is not a number" in said["rows_dropped"]


def test_kernels_and_noise_are_those_of_the_model() -> None:
    assert get_args(Noise) == NOISES
    hints = get_type_hints(Fitting, include_extras=True)
    assert f"[{'|'.join(KERNELS)}]" in get_args(hints["discrepancy"])
