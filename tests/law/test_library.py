"""The library: names, aliases, paths and the list of laws."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.law.library import cards, catalogue


def test_an_alias_is_the_law() -> None:
    for name in cards():
        law = bl.law(name)
        assert law.name == name
        for alias in law.card.get("aliases", ()):
            assert bl.law(alias).card == law.card


def test_an_unknown_law_gets_a_suggestion() -> None:
    with pytest.raises(RequestError, match=r"unknown law 'zaho2025'. Did you mean 'zhao2025'\?"):
        bl.law("zaho2025")
    with pytest.raises(RequestError, match=r"There are: abnar2025, .* and \d+ more$"):
        bl.law("")


def test_a_law_is_returned_as_it_is() -> None:
    law = bl.law("chinchilla")
    assert bl.law(law) is law


def test_the_list_of_laws_has_a_row_a_card() -> None:
    table = bl.laws()
    assert list(table.index) == [bl.law(name).name for name in cards()]
    assert table.loc["zhao2025", "parameters"] == 12
    assert table.loc["zhao2025", "variables"] == "N, N_a, D, G, S"


def test_the_catalogue_states_what_the_laws_do() -> None:
    for row in catalogue():
        law = bl.law(row["law"])
        assert row == {
            "law": law.name,
            "title": law.title,
            "year": law.year,
            "predicts": law.predicts,
            "variables": ", ".join(law.variables),
            "parameters": len(law.parameters),
            "status": law.status,
            "source": law.source,
        }


def test_importing_laws_and_listing_them_loads_no_slow_library() -> None:
    code = (
        "import sys; from bayeslaw.law.library import catalogue; catalogue(); "
        "print([m for m in ('jax', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_card_of_ones_own_is_read_from_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        """
        name = "mine"
        formula = "L = E + A*P**-alpha"
        [variables]
        P = { is = "N_a / 1e9" }
        [parameters]
        E = { prior = { family = "normal", mean = 2, sd = 1 } }
        A = { on = "A / loss", prior = { family = "lognormal", median = 0.1, factor = 3 } }
        alpha = { prior = { family = "lognormal", median = 0.25, factor = 2, low = 0.1 } }
        """
    )
    law = bl.law(str(tmp_path / "mine.toml"))
    assert (law.name, law.status, law.predicts) == ("mine", "own", "loss")
    assert law.variables == ("N_a",)
    # Billions of active parameters: 16e9 is 16, and 16 to the -0.5 is a quarter.
    found = law.predict(coefficients={"E": 1.0, "A": 2.0, "alpha": 0.5}, N_a=16e9)
    assert found == pytest.approx(1.5, rel=1e-12)
    assert str(law.parameters["alpha"].prior) == "LogNormal(median: 0.25, factor: 2, low: 0.1)"
    with pytest.raises(RequestError, match="no coefficients of mine were published"):
        law.published()


def test_a_card_is_read_again_once_its_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "chinchilla.toml"
    text = cards()["chinchilla"].read_text(encoding="utf-8")
    card.write_text(text, encoding="utf-8")
    library = importlib.import_module("bayeslaw.law.library")
    monkeypatch.setattr(library, "folder", lambda: tmp_path)
    first = bl.law("chinchilla")
    assert bl.law("chinchilla") is first
    card.write_text(text.replace(first.title, "Another title"), encoding="utf-8")
    os.utime(card, ns=(0, card.stat().st_mtime_ns + 1))
    assert bl.law("chinchilla").title == "Another title"
