"""Notes on a table that its design alone decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.notes import Note
from bayeslaw.model.design_notes import design_notes


def notes_of(runs: bl.Runs, law: str) -> dict[str, Note]:
    one = bl.law(law)
    reference = bl.ReferenceRun.of(runs, one.variables, one.predicts)
    return {note.code: note for note in design_notes(runs, one, reference)}


def test_a_design_that_varies_everything_needs_no_note(runs: bl.Runs) -> None:
    assert notes_of(runs, "zhao2025") == {}


@pytest.mark.parametrize(
    ("constant", "value", "text"),
    [
        ("S", 0.0, "prior only: m, n"),
        ("S", 0.3, "identified only in combination: m, n"),
        ("G", 7.0, "identified only in combination: e, f"),
        (
            *("D", 2e10),
            "prior only: beta; identified only in combination: b, epsilon",
        ),
        ("N_a", 1e8, "identified only in combination: c, epsilon"),
    ],
)
def test_a_constant_variable_is_named_with_its_coefficients(
    runs: bl.Runs, constant: str, value: float, text: str
) -> None:
    flat = replace(runs, table=runs.table.assign(**{constant: value}))
    note = notes_of(flat, "zhao2025")["prior_only"]
    assert note.severity == "warning"
    assert note.message.startswith(f"{constant} never varied in simulated")
    assert note.message.endswith(f"optima over it, are identified by the prior only; {text}")
    assert f"Add runs that vary {constant}, or" in note.remedy


def test_several_constant_variables_have_effects(runs: bl.Runs) -> None:
    flat = replace(runs, table=runs.table.assign(S=0.3, G=4.0, D=2e10))
    note = notes_of(flat, "zhao2025")["prior_only"]
    assert "D, G and S never varied in simulated: their effects, and optima over them" in (
        note.message
    )
    assert "Add runs that vary D, G and S, or" in note.remedy


def test_no_more_runs_than_parameters_is_a_warning(runs: bl.Runs) -> None:
    few = runs.select(np.arange(len(runs)) < 12)
    note = notes_of(few, "zhao2025")["few_runs"]
    assert note.severity == "warning"
    assert "12 runs for 12 parameters of zhao2025 and its noise" in note.message
    assert "few_runs" not in notes_of(runs.select(np.arange(len(runs)) < 13), "zhao2025")


def test_repeated_configurations_do_not_identify_more_parameters(runs: bl.Runs) -> None:
    few = runs.table[:11]
    again = replace(runs, table=pd.concat([few] * 5, ignore_index=True))
    assert "11 configurations for 12" in notes_of(again, "zhao2025")["few_runs"].message


def test_other_conventions_of_embeddings_are_named() -> None:
    runs = bl.simulate("chinchilla", rows=30)
    note = notes_of(replace(runs, embeddings="excluded"), "chinchilla")["embeddings"]
    assert note.severity == "warning"
    assert (
        "N counts parameters with embeddings included in chinchilla, and excluded" in note.message
    )
    for text in ("included", None):
        assert "embeddings" not in notes_of(replace(runs, embeddings=text), "chinchilla")


def test_usual_designs_do_not_move_together() -> None:
    law = bl.law("zhao2025")
    for kind in ("independent", "one_at_a_time"):
        for rows in (40, 446):
            for seed in range(5):
                runs = bl.simulate(law, design=kind, rows=rows, seed=seed)
                notes = design_notes(runs, law, bl.ReferenceRun.of(runs, law.variables))
                assert "collinear" not in {note.code for note in notes}
