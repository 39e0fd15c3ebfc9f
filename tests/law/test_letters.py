"""From letters to canonical variables, lines of a card, and costs that read more than the law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import CardError, RequestError
from bayeslaw.law import Law
from bayeslaw.law.files import line_of
from bayeslaw.law.library import cards

LOGNORMAL = {"family": "lognormal", "median": 0.25, "factor": 2}


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


CARD = '''\
name = "mine"
formula = """
size = A*N**-alpha
L = E + size
"""

[variables]
N = { is = "N" }

[parameters]
E = { prior = { family = "lognormal", median = 0.6, factor = 1.5 } }
A = { on = "size / loss", prior = { family = "lognormal", median = 0.1, factor = 3 } }
alpha = { prior = { family = "lognormal", median = 0.25, factor = 2 } }

[coefficients.own]
E = 1.8
A = 400
alpha = 0.3

[[checks]]
of = "L"
at = { N = 1e9 }
value = 2.6
[[checks]]
of = "L"
at = { N = 1e9 }
value = 2.6
'''


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("A*N**-alpha", "A*N^alpha", 3),
        ("E + size", "E + + * size", 4),
        ("L = E + size", "L = E + log(size)", 4),
        ('N = { is = "N" }', 'N = { is = "N +" }', 8),
        ("factor = 3 } }", "factor = 1 } }", 12),
        ('on = "size / loss"', 'on = "sizes / loss"', 12),
        ("[coefficients.own]\nE = 1.8", "[coefficients.own]\nE = 'a'", 16),
        ('[[checks]]\nof = "L"\nat = { N = 1e9 }\nvalue = 2.6\n[[', "[[checks]]\nof='M'\n[[", 20),
        ("[variables]", "[variable]", None),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, old: str, new: str, line: int | None) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(CARD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(bl.BayesLawError) as caught:
        bl.law(path)
    said = str(caught.value)
    assert (f"(line {line})" in said) if line else ("(line" not in said), said


def test_lines_of_places() -> None:
    assert line_of(CARD, "mine.toml, check 2") == 24
    assert line_of(CARD, "mine.toml, [parameters] alpha, prior") == 13
    assert line_of(CARD, "mine.toml, [coefficients.own]") == 15
    assert line_of(CARD, "mine.toml, formula, line 2") == 4
    assert line_of(CARD, "mine.toml, check 3") is None
    assert line_of(CARD, "mine.toml, nowhere") is None


def test_a_saved_card_is_the_same_law(tmp_path: Path) -> None:
    law = bl.law("zhao2025").with_priors(beta={**LOGNORMAL, "median": 0.4})
    law.save(tmp_path / "other.toml")
    again = bl.law(tmp_path / "other.toml")
    assert again.card == law.card
    assert again.form == law.form
    with pytest.raises(CardError, match="cannot be written"):
        law.save(tmp_path / "no" / "such.toml")


def test_what_a_cost_reads_beyond_the_law_is_asked_for() -> None:
    """Krajewski's FLOPs need the number of experts, which the law does not read."""
    runs = bl.simulate("krajewski2024", rows=60, noise_sd=0.001, seed=1)
    posterior = bl.fit(runs, "krajewski2024", method="laplace", seed=1)
    budget = bl.Budget(train_flops=1.93e20)
    with pytest.raises(RequestError, match=r"also reads E\. Fix it: at=\{'E': ...\}"):
        bl.optimum(posterior, budget=budget)
    best = bl.optimum(posterior, at={"E": 64}, budget=budget)
    assert set(best.quantities) == {"N", "D", "granularity"}
    with pytest.raises(RequestError, match="has no variable 'E'"):
        bl.optimum(posterior, at={"E": 64})


def test_more_may_be_better() -> None:
    """The best granularity of the efficiency leverage is 2**(-beta/(2*gamma)), its maximum."""
    law = bl.law("tian2025")
    runs = bl.simulate(law, rows=120, noise_sd=0.005, seed=2)
    posterior = bl.fit(runs, law, method="laplace", seed=1)
    best = bl.optimum(posterior, at={"activation": 0.03, "C": 1e22})
    raw = posterior.coefficients()
    closed = 2 * 2 ** (-raw["beta"] / (2 * raw["gamma"]))
    np.testing.assert_allclose(np.log(best.draws["granularity"]), np.log(closed), atol=1e-6)


def test_a_rising_prediction_without_end_is_said_to_rise() -> None:
    card = {
        **json.loads(json.dumps(bl.law("power_law").card)),
        "optimum": {"free": ["x"], "sense": "max"},
    }
    law = Law(card).constrain("alpha = -0.5")
    runs = bl.simulate(law, rows=30, noise_sd=0.01, coefficients={"A": 1e-4}, seed=1)
    with pytest.raises(RequestError, match="its loss rises for ever"):
        bl.optimum(bl.fit(runs, law, method="laplace"))
    with pytest.raises(
        CardError, match=r"\[optimum\], sense: unknown sense 'most'\. There are: min, max"
    ):
        Law({**card, "optimum": {"free": ["x"], "sense": "most"}})


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
