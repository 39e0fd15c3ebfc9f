"""From letters to canonical variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_card import LOGNORMAL

import bayeslaw as bl
from bayeslaw.core.errors import CardError
from bayeslaw.law import Law
from bayeslaw.law.library import cards


@pytest.mark.parametrize("name", cards())
def test_a_design_keeps_to_the_ranges_of_the_letters(name: str) -> None:
    """Whatever a letter stands for: a count in billions, a ratio, one minus a share."""
    law = bl.law(name)
    columns = bl.draw_design(law, "independent", 200, seed=3)
    letters = law.form.in_letters(columns)
    for one, letter in law.letters.items():
        assert letter.range is not None
        low, high = letter.range
        assert low * (1 - 1e-9) - 1e-9 <= letters[one].min()
        assert letters[one].max() <= high * (1 + 1e-9)
        if letter.values:
            assert np.isclose(letters[one][:, None], np.array(letter.values)).any(axis=1).all()


def test_letters_are_solved_for_variables() -> None:
    card: dict[str, Any] = {
        "formula": "L = e + a/P**p + c/Q + d*S",
        "variables": {
            "P": {"is": "N / N_a", "range": [2, 4]},
            "Q": {"is": "N_a / 1e9", "range": [1, 3]},
            "S": {"is": "1 - density", "range": [0, 0.5]},
        },
        "parameters": {
            "e": {"prior": LOGNORMAL},
            "a": {"prior": LOGNORMAL},
            "p": {"prior": LOGNORMAL},
            "c": {"prior": LOGNORMAL},
            "d": {"prior": LOGNORMAL},
        },
    }
    law = Law(card)
    middle = law.middle
    assert middle["N_a"] == pytest.approx(np.sqrt(3) * 1e9)
    assert middle["N"] == pytest.approx(np.sqrt(8) * np.sqrt(3) * 1e9)
    assert middle["density"] == pytest.approx(0.75)
    card["variables"]["Q"]["is"] = "exp(N_a)"
    with pytest.raises(CardError, match=r"\[variables\] Q: 'exp\(N_a\)' cannot be solved for"):
        _ = Law(card).middle
    # An examination says so instead of stopping there.
    problems = [one for found in bl.check_card(Law(card)).values() for one in found]
    assert any("cannot be solved" in one.message for one in problems)


def test_a_column_with_the_name_of_a_laws_own_variable_needs_no_mapping(
    tmp_path: Path,
) -> None:
    runs = bl.simulate("muennighoff2023", rows=60, noise_sd=0.002, seed=1)
    again = bl.read_runs(runs.table)
    assert "D_unique" not in again.variables
    posterior = bl.fit(again, "muennighoff2023", method="mode")
    assert posterior.informed_by("R_D_star") == "runs"
    posterior.save(tmp_path / "fit.nc")
    assert bl.load(tmp_path / "fit.nc").informed_by("R_D_star") == "runs"
    table = runs.table.copy()
    table.loc[7, "D_unique"] = -1.0
    with pytest.raises(bl.BayesLawError, match=r"row 7: D_unique = -1\. .*a positive number"):
        bl.fit(bl.read_runs(table), "muennighoff2023", method="mode")
