"""The command next: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from command import bayeslaw, refused

ASKED = ("--target", "N", "--train-flops", "1e24")


def test_runs_are_printed_and_written(folder: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "next.csv", tmp_path / "next.png"
    told = bayeslaw(
        *("next", folder / "fit.nc", *ASKED, "--flops", "1e21", "--runs", 4),
        *("--range", "N=100M:1B", "--out", out, "--picture", picture),
    )
    assert told.code == 0, told.err
    for part in ("Best N at 1e24 FLOPs", "random runs", "Runs to train", "total_cost"):
        assert part in told.out
    assert picture.read_bytes()[:4] == b"\x89PNG"
    table = pd.read_csv(out)
    assert 1 <= len(table) <= 4
    assert table["N"].between(1e8, 1e9).all()
    assert table["cost"].sum() <= 1e21


def test_json_and_own_candidates(folder: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool.csv"
    pd.DataFrame({"N": [1e8, 3e9], "D": [1e10, 6e10], "cost": [1.0, 5.0]}).to_csv(pool)
    told = bayeslaw("next", folder / "fit.nc", *ASKED, "--candidates", pool, "--json")
    assert told.code == 0, told.err
    assert told.json["unit"] == "cost"
    assert told.json["stop"] in (True, False)
    assert told.json["runs"][0]["run"] == 1


def test_bad_input(folder: Path) -> None:
    fit = folder / "fit.nc"
    refused(bayeslaw("next", fit), "--target, --decide", "neither")
    refused(bayeslaw("next", fit, *ASKED, "--range", "N=1B"), "--range N", "N=100M:1B")
    refused(bayeslaw("next", fit, *ASKED, "--flops", "1"), "below the cheapest candidate")
    refused(bayeslaw("next", fit, "--target", "E", "--at", "N=1B"), "no variable 'E'")
