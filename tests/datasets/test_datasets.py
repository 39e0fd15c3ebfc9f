"""Public tables through their readers: variables, what is derived, and files that are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError

VARIABLES = {
    "clark2022": {"N", "N_a", "D", "E", "G", "S"},
    "upcycling": {"N", "N_a", "D", "E", "G", "S"},
    "marin_isoflop": {"N", "N_a", "D", "E", "G", "S"},
    "marin_structure": {"N", "N_a", "D", "E", "G", "S"},
    "marin_hero": {"N", "N_a", "D", "E", "G", "S"},
    "chinchilla": {"N", "D"},
    "olmo_ladder": {"N", "D"},
    "gadre2024": {"N", "D", "loss_se"},
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_table_is_read(name: str, data_dir: Path) -> None:
    runs = getattr(bl.datasets, f"fetch_{name}")(folder=data_dir)
    assert {*runs.variables} == VARIABLES[name] | {"loss"}
    assert runs.source == name
    (source,) = (n.message for n in runs.notes if n.code == "public_table")
    # Citation, licence and address.
    assert bl.datasets.tables().loc[name, "licence"] in source
    assert not [n for n in runs.notes if n.severity != "info"], runs.notes


def test_counts_are_those_of_the_papers(data_dir: Path) -> None:
    clark = bl.datasets.fetch_clark2022(folder=data_dir)
    dense = clark.column("E") == 1
    assert 0 < dense.sum() < len(clark)
    np.testing.assert_array_equal(clark.column("N")[dense], clark.column("N_a")[dense])
    upcycled = bl.datasets.fetch_upcycling(folder=data_dir)
    assert {*upcycled.column("G")} == {2.0, 4.0}
    assert len(bl.datasets.fetch_upcycling(one_active=True, folder=data_dir)) == 412
    structure = bl.datasets.fetch_marin_structure(folder=data_dir)
    # One shared expert as wide as two routed ones beside four: a third.
    assert {*structure.column("S").round(2)} == {0.0, 0.14, 0.17, 0.33}
    hero = bl.datasets.fetch_marin_hero(folder=data_dir)
    budget = 6 * hero.column("N_a") * hero.column("D")
    np.testing.assert_allclose(budget, hero.table["budget_flops"], rtol=1e-12)


def test_a_missing_file_says_how_to_place_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAYESLAW_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(TableError, match=r"google-deepmind.*save it as clark2022_final\.csv"):
        bl.datasets.fetch_clark2022()
    with pytest.raises(RequestError, match="unknown router 'X'"):
        bl.datasets.fetch_clark2022("X", folder=tmp_path)


def test_another_table_is_refused_and_a_changed_one_noted(tmp_path: Path, data_dir: Path) -> None:
    path = tmp_path / "chinchilla.csv"
    path.write_text("N,D,loss\n1e9,2e10,2.5\n")
    with pytest.raises(TableError, match="no column 'Training Tokens', 'Model Size'"):
        bl.datasets.fetch_chinchilla(folder=tmp_path)
    lines = (data_dir / "chinchilla.csv").read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    runs = bl.datasets.fetch_chinchilla(folder=tmp_path)
    assert [n.code for n in runs.notes if n.severity == "warning"] == ["table_changed"]
