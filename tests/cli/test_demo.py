"""The demonstration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from command import bayeslaw
from matplotlib.figure import Figure

import bayeslaw as bl

mpl.use("Agg")


@pytest.mark.parametrize("told", ["table", "json"])
def test_the_demo(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    posterior = bl.load(folder / "zhao.nc")
    seen = []

    def instead(runs: bl.Runs, law: str, **options: Any) -> bl.Posterior:
        seen.append(runs)
        return posterior

    monkeypatch.setattr(bl, "fit", instead)
    if told == "json":
        # Pictures take most of the time, and are the same.
        png = b"\x89PNG"
        monkeypatch.setattr(Figure, "savefig", lambda self, to, **_: to.write(png))
    out = tmp_path / "demo"
    result = bayeslaw("demo", "--out", out, *(("--json",) if told == "json" else ()))
    assert result.code == 0, result.err
    assert len(seen[0]) == 446
    names = ["runs.csv", "fit.nc", "overview.png", "posterior.png", "optimum.png", "band.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert all((out / name).read_bytes()[:4] == b"\x89PNG" for name in names[2:])
    assert bl.read_runs(out / "runs.csv").fingerprint == seen[0].fingerprint
    assert "Design and losses below are simulated: 446 runs" in result.err
    if told == "json":
        assert result.json["files"] == [str(out / name) for name in names]
        assert len(result.json["answers"]) == 2
        return
    rows = [line.split() for line in result.out.splitlines() if re.match(r"\s*(30B|671B) ", line)]
    assert [row[:2] for row in rows] == [
        [size, name] for size in ("30B", "671B") for name in ("G", "S", "N_a/N")
    ]
    published = {(row[0], row[1]): float(row[5]) for row in rows}
    assert published["30B", "G"] == pytest.approx(6.778, abs=5e-4)
    assert published["30B", "S"] == pytest.approx(0.3148, abs=5e-5)
    assert published["30B", "N_a/N"] == pytest.approx(0.401, abs=5e-4)
    assert published["671B", "N_a/N"] == pytest.approx(0.220, abs=5e-4)
    for name in names:
        assert str(out / name) in result.out
