"""A note that is an error ends a strict command with status 3."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import bayeslaw

import bayeslaw as bl


@pytest.fixture(scope="module")
def doubtful(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A posterior with an error-level note."""
    note = bl.Note("divergences", "error", "41 divergent transitions: not all of it was seen")
    path = tmp_path_factory.mktemp("doubtful") / "fit.nc"
    bl.load(folder / "fit.nc").with_notes(note).save(path)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("summary",),
        ("optimum", "--train-flops", "1e22"),
        ("frontier", "--first", "1e21", "--last", "1e22"),
        ("decide", "--candidates", "runs.csv"),
        ("predict", "runs.csv"),
        ("rolling-origin", "--origins", "1"),
        ("prior-sensitivity",),
        ("check-new-runs", "runs.csv"),
    ],
)
@pytest.mark.parametrize("told", [(), ("--json",)])
def test_an_error_among_the_notes_is_shown_and_strict_ends_with_3(
    doubtful: Path, folder: Path, arguments: tuple[str, ...], told: tuple[str, ...]
) -> None:
    name, *rest = [folder / word if word == "runs.csv" else word for word in arguments]
    lax = bayeslaw(name, doubtful, *rest, *told)
    strict = bayeslaw(name, doubtful, *rest, *told, "--strict")
    assert (lax.code, strict.code) == (0, 3), strict.err
    assert strict.out == lax.out
    assert "41 divergent transitions" in (strict.out if told else strict.err)


def test_strict_without_an_error_is_status_0(folder: Path) -> None:
    notes = bl.load(folder / "fit.nc").notes
    bad = any(note.severity == "error" for note in notes)
    assert bayeslaw("laws", "list", "--strict").code == 0
    assert bayeslaw("summary", folder / "fit.nc", "--strict").code == (3 if bad else 0)
