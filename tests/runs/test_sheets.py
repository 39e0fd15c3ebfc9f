"""Spreadsheets and compressed files are read like the tables in them."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import TableError

TABLE = pd.DataFrame(
    {
        "N": [1.5e9, 3e9, 6e9],
        "tokens": ["20B", "40B", "60B"],
        "loss": [2.51, None, 2.4],
        "note": ["first", None, "last"],
    }
)


def refused(path: Path) -> str:
    with pytest.raises(TableError) as caught:
        bl.read_runs(path)
    assert caught.value.remedy
    assert len(str(caught.value)) < 600
    return str(caught.value)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.TSV.GZ", "t.jsonl.gz", "t.parquet.gz"])
def test_compressed_tables_are_read(tmp_path: Path, name: str) -> None:
    plain = bl.read_runs(TABLE, columns={"D": "tokens"}, drop_invalid=True)
    plain.write(tmp_path / name[:-3])
    (tmp_path / name).write_bytes(gzip.compress((tmp_path / name[:-3]).read_bytes()))
    again = bl.read_runs(tmp_path / name, columns={"D": "D"})
    assert again.source == name
    assert again.fingerprint == plain.fingerprint


def test_compressed_files_that_are_cut_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    whole = gzip.compress(b"N,loss\n1e9,2.5\n2e9,2.25\n")
    for content in (whole[:-9], b"N,loss\n1e9,2.5\n", whole[:20] + b"x" + whole[21:]):
        path.write_bytes(content)
        assert "t.csv.gz: not a complete gzip file (" in refused(path)
    path.write_bytes(gzip.compress(b"N,loss\n1e9,x\n"))
    assert "t.csv.gz, line 2, column 'loss': 'x' is not a number" in refused(path)
    (tmp_path / "t.zip.gz").write_bytes(whole)
    assert ".parquet, .jsonl, .ndjson, .json, .xlsx, with .gz if" in refused(tmp_path / "t.zip.gz")


def test_a_workbook_is_read_by_its_rows(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path / "t.xlsx"
    TABLE.to_excel(path, index=False, startrow=2)
    options = {"columns": {"D": "tokens"}, "drop_invalid": True}
    runs = bl.read_runs(path, **options)
    assert list(runs.table.index) == [4, 6]
    assert runs.fingerprint == bl.read_runs(TABLE, **options).fingerprint
    assert "t.xlsx, row 5, column 'loss': loss is missing" in refused(path)
    with pd.ExcelWriter(path) as book:
        TABLE.to_excel(book, sheet_name="runs")
        TABLE.to_excel(book, sheet_name="old runs")
    assert "t.xlsx: 2 sheets hold something: runs, old runs. Keep the one" in refused(path)
    pd.DataFrame().to_excel(path, index=False, header=False)
    assert "the workbook is empty" in refused(path)


def test_damaged_workbooks_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path, rng = tmp_path / "t.xlsx", np.random.default_rng(0)
    TABLE.dropna().to_excel(path, index=False)
    whole = path.read_bytes()
    refusals, kept = 0, bl.read_runs(path).fingerprint
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            found = bl.read_runs(path).fingerprint
        except TableError:
            refusals += 1
        else:
            assert found == kept
    assert refusals > 10
    path.write_bytes(b"PK not a workbook")
    assert "t.xlsx: not an Excel workbook (" in refused(path)


def test_without_openpyxl_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    message = refused(tmp_path / "t.xlsx")
    assert "not installed. Install it, pip install openpyxl, or save the table as .csv" in message
