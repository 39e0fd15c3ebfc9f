"""What tests of the command line share."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import FIT, bayeslaw, shell

import bayeslaw as bl


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, posterior: bl.Posterior) -> Path:
    """runs.csv and fit.nc of chinchilla by the command line, and zhao.nc."""
    place = tmp_path_factory.mktemp("cli")
    simulated = bayeslaw(
        *("simulate", "--law", "chinchilla", "--rows", 40, "--seed", 3, "--out", place / "runs.csv")
    )
    assert simulated.code == 0, simulated.err
    fitted = shell("fit", place / "runs.csv", *FIT, "--out", place / "fit.nc", "--json")
    assert fitted.code == 0, fitted.err
    (place / "fit.json").write_text(fitted.out)
    draws, stats = (
        {name: values[:, :100] for name, values in group.items()}
        for group in (posterior.draws, posterior.stats)
    )
    replace(posterior, draws=draws, stats=stats).save(place / "zhao.nc")
    return place


@pytest.fixture
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    def sampled(*args: Any, **options: Any) -> None:
        raise AssertionError("minutes are spent before the error")

    monkeypatch.setattr(importlib.import_module("bayeslaw.inference.fit"), "find_mode", sampled)


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[list[tuple[bl.Runs, Any]]]:
    """What ``fit`` would be called with; it answers with the stored posterior at once."""
    calls: list[tuple[bl.Runs, Any]] = []
    stored = bl.load(folder / "fit.nc")

    def instead(runs: bl.Runs, law: str, **options: Any) -> bl.Posterior:
        calls.append((runs, options))
        return replace(stored, notes=runs.notes)

    monkeypatch.setattr(bl, "fit", instead)
    return calls
