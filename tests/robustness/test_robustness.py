"""Odd inputs of every kind: an answer that is right, or a refusal of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from robustness.kinds import kinds
from robustness.outcome import Attempt, outcome
from robustness.requests import Material, material

#: Examples of each kind; ``benchmarks/robustness.py`` tries thousands.
EXAMPLES = {"tables": 60, "cards": 25, "formulas": 80, "requests": 60, "commands": 20, "files": 60}


@pytest.fixture(scope="module")
def given_material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material(tmp_path_factory.mktemp("robustness"))


@pytest.mark.parametrize("kind", EXAMPLES)
def test_odd_input_is_answered_right_or_refused(
    given_material: Material, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    @settings(
        max_examples=EXAMPLES[kind],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(kinds(given_material)[kind])
    def try_one(attempt: Attempt) -> None:
        came_to = outcome(attempt)
        assert not came_to.is_fault, f"{came_to.what}: {came_to.detail}"

    try_one()
    assert not (tmp_path / "canary").exists(), "text was run as code"
