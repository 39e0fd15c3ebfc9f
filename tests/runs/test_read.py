"""Reading tables of runs: mapping, units, filters, checkpoints, formats, and real tables."""

from __future__ import annotations

import json
import math
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.runs import ReferenceRun, Runs, read_runs

UPCYCLING: dict[str, Any] = {
    "columns": {
        "N": "N_total",
        "N_a": "N_active",
        "D": "D1 + D2",
        "G": "1 + (N_active/N_dense - 1)/0.75",
        "S": "0*N_dense",
        "loss": "Loss",
    },
    "units": {"N": 1e9, "N_a": 1e9, "D": 1e9},
}


@pytest.fixture
def frame() -> pd.DataFrame:
    """A table with numbers that only shortest-repr floats carry over, text, gaps and flags."""
    rng = np.random.default_rng(3)
    rows = 40
    n = np.exp(rng.uniform(18, 23, rows))
    return pd.DataFrame(
        {
            "N": n,
            "N_a": n * rng.uniform(0.1, 0.9, rows),
            "tokens": rng.integers(10**9, 10**12, rows),
            "loss": rng.uniform(2, 4, rows),
            "sweep": [f'a "{k % 3}", b' for k in range(rows)],
            "comment": [None if k % 5 else "late, but fine" for k in range(rows)],
            "lr": np.where(rng.uniform(size=rows) < 0.3, np.nan, rng.uniform(size=rows)),
            "rerun": rng.uniform(size=rows) < 0.5,
        }
    )


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def codes(runs: Runs) -> list[str]:
    return [note.code for note in runs.notes]


# --- the table -------------------------------------------------------------------------------


def test_canonical_columns_come_first_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path, "t.csv", "note,loss,n_B,D,C\nfirst,2.5,1.5,2e10,7e20\n,2.4,3,4e10,8e20\n"
    )
    runs = read_runs(path, columns={"N": "n_B", "width": "2 * n_B"}, units={"N": 1e9})
    assert runs.variables == ("N", "D", "C", "loss", "width")
    assert list(runs.table.columns) == ["N", "D", "C", "loss", "width", "note", "n_B"]
    assert runs.source == "t.csv"
    assert list(runs.table.index) == [2, 3]
    assert runs.column("N").tolist() == [1.5e9, 3e9]
    assert runs.column("width").tolist() == [3.0, 6.0]
    assert runs.column("C").tolist() == [7e20, 8e20]
    assert runs.table["note"].iloc[0] == "first"
    assert runs.table["note"].isna().tolist() == [False, True]
    assert all(runs.table[name].dtype == np.float64 for name in (*runs.variables, "n_B"))


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfN,loss\r\n1e9,2.5\r\n")
    assert read_runs(tmp_path / "t.csv").variables == ("N", "loss")


def test_index_is_the_line_of_the_file(tmp_path: Path) -> None:
    text = 'note,N\n"over\ntwo lines",1e9\n\nplain,2e9\n'
    assert list(read_runs(write(tmp_path, "t.csv", text)).table.index) == [2, 5]
    lines = '{"N": 1e9}\n\n{"N": 2e9, "D": 1e10}\n'
    with pytest.raises(TableError, match=r"t\.jsonl, line 1, column 'D'"):
        read_runs(write(tmp_path, "t.jsonl", lines))
    runs = read_runs(tmp_path / "t.jsonl", drop_invalid=True)
    assert list(runs.table.index) == [3]


def test_all_formats_read_alike(tmp_path: Path, frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    options: dict[str, Any] = {"columns": {"D": "tokens"}, "group": "sweep"}
    expected = read_runs(frame, **options)
    assert expected.source == "DataFrame"
    pd.testing.assert_frame_equal(frame, before)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "t.parquet")
    records = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    write(tmp_path, "t.jsonl", "\n".join(map(json.dumps, records)))
    for name in ("t.csv", "t.tsv", "t.parquet", "t.jsonl"):
        runs = read_runs(tmp_path / name, **options)
        pd.testing.assert_frame_equal(
            runs.table.reset_index(drop=True), expected.table, check_exact=True
        )
        assert runs.fingerprint == expected.fingerprint, name


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "jsonl", "ndjson", "json"])
def test_writing_and_reading_is_exact(tmp_path: Path, frame: pd.DataFrame, suffix: str) -> None:
    runs = read_runs(frame, columns={"D": "tokens"}, group="sweep")
    runs.write(tmp_path / f"out.{suffix}")
    again = read_runs(tmp_path / f"out.{suffix}", group="sweep")
    assert again.fingerprint == runs.fingerprint
    pd.testing.assert_frame_equal(again.table.reset_index(drop=True), runs.table, check_exact=True)
    assert [item.name for item in tmp_path.iterdir()] == [f"out.{suffix}"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, frame: pd.DataFrame) -> None:
    frame["mixed"] = [{"a": 1}, [2]] * 20
    old = write(tmp_path, "out.parquet", "old")
    with pytest.raises(TableError, match=r"out\.parquet: the table cannot be written"):
        read_runs(frame).write(old)
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
    with pytest.raises(TableError, match=r"cannot be written .*Name a file in a folder"):
        read_runs(frame).write(tmp_path / "no" / "out.csv")
    with pytest.raises(TableError, match=r"suffix '.xls'.*\.csv, \.tsv, \.parquet"):
        read_runs(frame).write(tmp_path / "out.xls")


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_runs(frame).write(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_dataframe_is_neither_changed_nor_shared(frame: pd.DataFrame) -> None:
    frame.index = pd.Index([f"run-{k}" for k in range(len(frame))])
    runs = read_runs(frame, where="N > 0")
    first = runs.column("N")[0]
    frame.loc["run-0", "N"] = 5.0
    assert runs.column("N")[0] == first
    assert runs.table.index[3] == "run-3"
    with pytest.raises(ValueError, match="read-only"):
        runs.column("N")[0] = 1.0


@pytest.mark.parametrize("kind", ["int64", "uint32", "Int64", "float32", "int64[pyarrow]"])
def test_any_kind_of_number_becomes_float64(kind: str) -> None:
    table = pd.DataFrame({"N": pd.Series([2**30, 2**31], dtype=kind)})
    assert read_runs(table).table["N"].tolist() == [2.0**30, 2.0**31]
    assert read_runs(table).table["N"].dtype == np.float64


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pd.Categorical([1, 2, None]), [1.0, 2.0, None]),
        (pd.Categorical(["a", "b", None]), ["a", "b", None]),
        (pd.array([True, None, False], dtype="boolean"), [1.0, None, 0.0]),
        ([True, False, True], [True, False, True]),
        ([Decimal("0.1"), 3, None], [0.1, 3.0, None]),
        ([10**400, -(10**400), np.int64(3)], [math.inf, -math.inf, 3.0]),
        ([1.5, "x", True], ["1.5", "x", "True"]),
        ([None, None, None], [None, None, None]),
    ],
)
def test_cells_of_any_kind_find_their_type(cells: Any, expected: list[Any]) -> None:
    table = pd.DataFrame({"x": cells if not isinstance(cells, list) else pd.Series(cells)})
    found = read_runs(table).table["x"]
    assert [None if pd.isna(value) else value for value in found] == expected
    assert str(found.dtype) in ("float64", "bool", "str")


# --- mapping ---------------------------------------------------------------------------------


def test_an_exact_column_name_beats_an_expression() -> None:
    table = pd.DataFrame({"a - b": [1e9], "a": [3e9], "b": [1e9]})
    runs = read_runs(table, columns={"N": "a - b", "D": "a -  b"})
    assert runs.column("N").tolist() == [1e9]
    assert runs.column("D").tolist() == [2e9]


@pytest.mark.parametrize("zero", ["0", "0.0", 0, 0.0])
def test_constants_fill_a_column(zero: Any) -> None:
    runs = read_runs(pd.DataFrame({"N": [1e9, 2e9]}), columns={"S": zero, "D": "130e9"})
    assert runs.column("S").tolist() == [0.0, 0.0]
    assert runs.column("D").tolist() == [130e9, 130e9]
    assert runs.constant(["N", "S", "D"]) == {"S", "D"}


def test_expressions_read_the_source_before_units() -> None:
    table = pd.DataFrame({"N": [2.0], "shared": [True], "Model Size": ["3"]})
    runs = read_runs(
        table,
        columns={"N_a": "N / 2", "S": "0.25 * shared", "D": "`Model Size` * 1e9"},
        units={"N": 1e9, "N_a": 1e9},
    )
    found = {name: column.item() for name, column in runs.columns(runs.variables).items()}
    assert found == {"N": 2e9, "N_a": 1e9, "D": 3e9, "S": 0.25}


def test_a_column_may_be_declared_to_be_something_else() -> None:
    table = pd.DataFrame({"N": [1e9], "activation": ["gelu"]})
    with pytest.raises(TableError, match=r"'gelu' is not a number.*--column activation=\)"):
        read_runs(table)
    runs = read_runs(table, columns={"activation": ""})
    assert runs.variables == ("N",)
    assert runs.table["activation"].tolist() == ["gelu"]


def test_replacing_a_column_of_the_same_name_is_noted() -> None:
    runs = read_runs(pd.DataFrame({"N": [1e8], "total": [1e9]}), columns={"N": "total"})
    assert runs.column("N").tolist() == [1e9]
    assert codes(runs) == ["column_replaced"]


def test_rounding_is_moved_onto_the_bound() -> None:
    nearly = 1 - 2e-10
    table = pd.DataFrame({"g": [nearly, 2 - nearly, 2.0], "k": [-1e-9, 0.5, 1e-9]})
    derived = read_runs(table, columns={"G": "g + 0", "S": "k + 0"})
    assert derived.column("G").tolist() == [1.0, 1.0, 2.0]
    assert derived.column("S").tolist() == [0.0, 0.5, 0.0]
    published = read_runs(table, columns={"G": "g", "S": "k"})
    assert published.column("G").tolist() == [1.0, 2 - nearly, 2.0]
    assert published.column("S").tolist() == [0.0, 0.5, 1e-9]
    with pytest.raises(TableError, match=r"G = 0\.9998999998 .*\[1, inf\)"):
        read_runs(table, columns={"G": "g - 0.0001"})


def test_ordered_pairs_allow_for_rounding() -> None:
    runs = read_runs(pd.DataFrame({"N": [1e9], "N_a": [1e9 * (1 + 5e-10)]}))
    assert runs.column("N_a")[0] > runs.column("N")[0]


def test_mapping_file_and_arguments(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "n": [1.0, 2.0, 2.0],
            "other": [3.0, 4.0, 5.0],
            "t": [10.0, 20.0, 30.0],
            "ce": [3.0, 2.0, 1.0],
            "id": ["a", "b", "b"],
            "at": [1, 1, 2],
            "team": ["x", "y", "y"],
        }
    )
    mapping = write(
        tmp_path,
        "m.toml",
        """
        where = "t > 5"
        run = "id"
        step = "at"
        group = ["team"]
        embeddings = "excluded"
        loss_unit = "bits"
        [columns]
        N = "n"
        D = "t"
        loss = "ce"
        S = 0
        [units]
        N = 1e9
        D = 1_000_000_000
        """,
    )
    runs = read_runs(table, mapping=mapping)
    assert runs.column("N").tolist() == [1e9, 2e9]
    assert runs.column("D").tolist() == [10e9, 30e9]
    assert runs.column("loss").tolist() == [3 * math.log(2), math.log(2)]
    assert (runs.groups, runs.embeddings, runs.loss_unit) == (("team",), "excluded", "nats")
    assert codes(runs) == ["checkpoints_left_out", "bits_to_nats"]
    runs = read_runs(
        table, mapping=mapping, columns={"N": "other"}, units={"D": 1e8}, where="t < 25",
        group="id", embeddings="included", loss_unit="nats",
    )  # fmt: skip
    assert runs.column("N").tolist() == [3e9, 4e9]
    assert runs.column("D").tolist() == [1e9, 2e9]
    assert runs.column("loss").tolist() == [3.0, 2.0]
    assert (runs.groups, runs.embeddings) == (("id",), "included")


def test_options_may_be_pairs_as_the_command_line_has_them() -> None:
    runs = read_runs(pd.DataFrame({"n": [1.0]}), columns=[("N", "n")], units=[("N", 1e9)])
    assert runs.column("N").tolist() == [1e9]


def test_other_units_of_loss_are_labels() -> None:
    runs = read_runs(pd.DataFrame({"loss": [1.0]}), loss_unit="bits per byte")
    assert (runs.loss_unit, runs.column("loss").tolist()) == ("bits per byte", [1.0])


# --- rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("state == 'finished'", [0, 2]),
        ("state != 'finished'", [1, 3]),
        ("state in ('finished', 'failed') and D > 1.5e10", [1, 2]),
        ("not (n_B < 2)", [1, 2, 3]),
        ("N >= 2e9 or state == 'finished'", [0, 1, 2, 3]),
        ("1 < n_B <= 3", [1, 2]),
        ("state >= 'finished' or state == ''", [0, 2, 3]),
        ("rerun", [0, 3]),
        ("rerun == False", [1, 2]),
    ],
)
def test_where_sees_source_columns_and_variables(where: str, kept: list[int]) -> None:
    table = pd.DataFrame(
        {
            "n_B": [1, 2, 3, 4],
            "D": [1e10, 2e10, 3e10, 4e10],
            "state": ["finished", "failed", "finished", None],
            "rerun": [True, False, False, True],
        }
    )
    runs = read_runs(table, columns={"N": "n_B"}, units={"N": 1e9}, where=where)
    assert list(runs.table.index) == kept


def test_bad_values_in_rows_left_out_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "N,loss,state\n1e9,oops,crashed\n2e9,2.5,finished\n")
    assert read_runs(path, where="state == 'finished'").column("loss").tolist() == [2.5]


def test_the_last_checkpoint_of_each_run_is_kept() -> None:
    table = pd.DataFrame(
        {
            "id": ["a", "b", "a", "c", "b", "a"],
            "step": [300, 10, 100, 5, 20, 200],
            "loss": [2.0, 3.0, 2.5, 4.0, 2.9, 2.2],
        }
    )
    runs = read_runs(table, run="id", step="step")
    assert list(runs.table.index) == [0, 3, 4]
    (note,) = runs.notes
    assert (note.code, note.severity) == ("checkpoints_left_out", "info")
    assert note.message.startswith("3 of 6 rows are earlier checkpoints of 2 runs")
    assert "not a shorter run's loss" in note.remedy


def test_a_crashed_last_checkpoint_does_not_promote_an_earlier_one() -> None:
    table = pd.DataFrame({"id": ["a", "a", "b"], "step": [1, 2, 1], "loss": [3.0, np.nan, 2.0]})
    runs = read_runs(table, run="id", step="step", drop_invalid=True)
    assert list(runs.table.index) == [2]


def test_best_of_keeps_the_tuned_setting() -> None:
    table = pd.DataFrame(
        {
            "N": [1e9, 1e9, 1e9, 1e9, 2e9, 1e9],
            "lr": [1e-3, 3e-3, 3e-3, np.nan, 1e-3, 1e-3],
            "batch": [64, 64, 64, 64, 64, 64],
            "seed": [0, 0, 1, 0, 0, 0],
            "team": ["x", "x", "x", "x", "x", "y"],
            "loss": [2.5, 2.3, 2.6, 2.9, 2.2, 2.7],
        }
    )
    runs = read_runs(table, best_of=["lr", "batch"], group="team")
    # Row 2 is a second seed of the winning setting: it stays, row 5 is another group's.
    assert list(runs.table.index) == [1, 2, 4, 5]
    (note,) = runs.notes
    assert (note.code, note.severity) == ("best_of", "warning")
    assert note.message.startswith("2 of 6 rows were left out: 1 of 3 cells")
    assert "biased low by selection" in note.message
    mapped = read_runs(table[:3], best_of="lr", columns={"lr": "lr", "seed": "seed + 1"})
    assert list(mapped.table.index) == [1, 2]
    assert codes(read_runs(table[:1], best_of="lr")) == ["best_of_idle"]
    # A gap is a setting of its own.
    gaps = pd.DataFrame({"lr": [1.0, 2.0], "batch": [64, None], "loss": [2.0, 3.0]})
    assert len(read_runs(gaps, best_of=["lr", "batch"])) == 1


def test_dropped_rows_are_listed() -> None:
    table = pd.DataFrame({"N": [1e9] * 14, "loss": [2.0] + [-1.0] * 12 + [np.nan]})
    runs = read_runs(table, drop_invalid=True)
    assert list(runs.table.index) == [0]
    (note,) = runs.notes
    assert (note.code, note.severity) == ("rows_dropped", "warning")
    assert note.message.startswith("13 of 14 rows dropped: row 1 (column 'loss': loss = -1)")
    assert "row 10 (" in note.message
    assert "row 11 (" not in note.message
    assert note.message.endswith(" and 3 more")


def test_structural_errors_are_never_dropped() -> None:
    with pytest.raises(TableError, match="too small for a count"):
        read_runs(pd.DataFrame({"N": [1e9, 1.0]}), drop_invalid=True)
    with pytest.raises(TableError, match=r"N = -1 \(and 1 more such row\)"):
        read_runs(pd.DataFrame({"N": [-1.0, 0.0]}), drop_invalid=True)


# --- methods ---------------------------------------------------------------------------------


def test_select_and_constant() -> None:
    runs = read_runs(pd.DataFrame({"N": [1e9, 2e9, 1e9 * (1 + 1e-12)], "G": [1.0, 1.0, 1.0]}))
    part = runs.select(runs.column("N") < 1.5e9)
    assert (len(runs), len(part)) == (3, 2)
    assert list(part.table.index) == [0, 2]
    assert runs.constant(["N", "G"]) == {"G"}
    assert part.constant(["N", "G"]) == {"N", "G"}
    with pytest.raises(RequestError, match=r"3 runs\. Give one boolean a run"):
        runs.select([0, 1, 2])
    with pytest.raises(RequestError, match=r"shape \(2,\) for 3 runs"):
        runs.select([True, False])


def test_column_names_what_exists() -> None:
    runs = read_runs(pd.DataFrame({"N": [1e9], "tag": ["x"]}))
    with pytest.raises(TableError, match=r"no column 'n'. Did you mean 'N'\? There are: N, tag"):
        runs.column("n")
    with pytest.raises(TableError, match="the column 'tag' does not hold numbers"):
        runs.columns(["N", "tag"])


@pytest.mark.parametrize(
    ("name", "columns", "remedy"),
    [
        ("N", ["n_dense", "N_total"], r'columns={"N": "N_total"} in Python, --column N=N_total on'),
        ("D", ["Model Size", "Training Tokens"], '--column "D=Training Tokens" on the command'),
        ("N_a", ["total_params", "params_active"], '{"N_a": "params_active"}'),
        ("loss", ["tokens", "val_loss"], '{"loss": "val_loss"}'),
        ("G", ["n_active"], '{"G": "its column"}'),
        ("G", ["shared", "experts on"], '{"G": "experts on"}'),
        ("N", ["n_layers", "steps"], '{"N": "its column"}'),
        ("N", ["n_layers", "n_params"], '{"N": "n_params"}'),
        ("N_a", ["tokens", "batch_size"], '{"N_a": "its column"}'),
        ("D", ["d_model"], '{"D": "its column"}'),
        ("G", ["tokens", "n_experts"], '{"G": "its column"}'),
        ("K", ["config.model.top_k"], "--column K=config.model.top_k on"),
        ("loss", ["flops", "loss_scale"], '{"loss": "its column"}'),
        ("loss", ["train_loss", "summary/val_loss"], "--column loss=summary/val_loss on"),
    ],
)
def test_require_suggests_the_column_that_is_meant(
    name: str, columns: list[str], remedy: str
) -> None:
    runs = read_runs(pd.DataFrame({"S": [0.1]} | {column: [1.0] for column in columns}))
    runs.require(["S"], purpose="the law 'x'")
    with pytest.raises(TableError) as caught:
        runs.require(["S", name], purpose="the law 'x'")
    message = str(caught.value)
    assert message.startswith(f"DataFrame: the law 'x' needs {name!r}, which")
    assert remedy in message


def test_shared_experts_are_not_taken_for_active_ones() -> None:
    runs = read_runs(pd.DataFrame({"N": [1e9], "experts on": [4.0], "shared": [0.5]}))
    with pytest.raises(TableError, match=r'columns=\{"S": "shared"\}'):
        runs.require(["S"], purpose="the law 'x'")
    counts = read_runs(pd.DataFrame({"n_shared_experts": [1.0], "n_experts": [8.0]}))
    with pytest.raises(TableError, match=r'columns=\{"S": "its column"\}'):
        counts.require(["S"], purpose="the law 'x'")


def test_six_missing_variables_are_six_short_lines() -> None:
    table = pd.DataFrame({"tokens": [1e9], "n_experts": [8.0], "val_loss": [3.0], "note": ["x"]})
    with pytest.raises(TableError) as caught:
        read_runs(table).require([*"NDGS", "N_a", "loss"], purpose="the law 'x'")
    lines = str(caught.value).splitlines()
    assert 'Map each: columns={"D": "tokens"} in Python, --column D=tokens on' in lines[0]
    assert lines[1:7] == [
        "  N = ? (total parameters)",
        "  D = tokens (training tokens)",
        "  G = ? (active experts per token, shared ones included)",
        "  S = ? (shared experts over active experts)",
        "  N_a = ? (parameters active per token)",
        "  loss = val_loss (cross-entropy)",
    ]
    assert lines[-1] == "  Other columns: tokens, n_experts, val_loss, note"
    assert len(str(caught.value)) < 590


def test_many_columns_are_listed_in_part() -> None:
    table = pd.DataFrame({f"metric_{number}": [1.0] for number in range(300)})
    with pytest.raises(TableError, match=r"Other columns: metric_0, .* more$") as caught:
        read_runs(table).require(["N"], purpose="the law 'x'")
    assert len(str(caught.value)) < 600
    with pytest.raises(TableError, match=r"metric_11 and 288 more$"):
        read_runs(table, columns={"N": "metrics_400"})


def test_fingerprint_follows_what_a_fit_can_see(frame: pd.DataFrame) -> None:
    def of(table: pd.DataFrame, **options: Any) -> str:
        return read_runs(table, **options).fingerprint

    same = of(frame)
    assert len(same) == 64
    assert of(frame.assign(comment="other")) == same
    assert of(frame[frame.columns[::-1]]) == same
    lr = {"lr": "1", "warmup": "2"}
    assert of(frame, columns=lr) == of(frame, columns=dict(reversed(lr.items()))) != same
    assert of(frame.assign(loss=frame.loss * (1 + 1e-15))) != same
    assert of(frame[::-1]) != same
    assert of(frame.rename(columns={"loss": "C"})) != same
    grouped = of(frame, group="sweep")
    assert grouped != same
    assert of(frame.assign(sweep=frame.sweep[::-1].to_list()), group="sweep") != grouped


def test_runs_refuse_names_that_are_no_columns() -> None:
    table = pd.DataFrame({"N": [1e9]})
    with pytest.raises(TableError, match="simulated: there is no column 'D'"):
        Runs(table, "simulated", ("N", "D"))


def test_reference_is_a_typical_run() -> None:
    table = pd.DataFrame({"N": [1e8, 1e10], "S": [0.0, 0.5], "loss": [2.0, 3.0], "lr": [1.0, 4.0]})
    runs = read_runs(table, columns={"lr": "lr"})
    reference = ReferenceRun.of(runs, ["N", "S"])
    assert reference.loss == 2.0
    assert reference.at == pytest.approx({"N": 1e9, "S": 0.25})
    assert ReferenceRun.of(runs, ["N"], predicts="lr").loss == 2.0
    assert ReferenceRun.from_dict(json.loads(json.dumps(reference.to_dict()))) == reference
    small = read_runs(table.assign(loss=table["loss"] / 30))
    assert ReferenceRun.of(small, ["N"]).loss == 0.08
    with pytest.raises(TableError, match="the reference run needs 'D'"):
        ReferenceRun.of(runs, ["N", "D"])
    with pytest.raises(RequestError, match="not a reference run"):
        ReferenceRun.from_dict({"loss": 2.0})


# --- real tables -----------------------------------------------------------------------------


def test_upcycling_in_billions(data_dir: Path) -> None:
    runs = read_runs(data_dir / "upcycling_moe.csv", **UPCYCLING)
    assert len(runs) == 412
    assert set(runs.column("G").round(3)) == {1.0, 2.0, 4.0}
    assert np.abs(runs.column("G") - runs.column("G").round()).max() < 3e-4
    assert runs.constant(runs.variables) == {"S"}
    source = runs.table
    assert runs.column("D") == pytest.approx(1e9 * (source["D1"] + source["D2"]))
    assert (runs.column("N_a") <= runs.column("N")).all()
    reference = ReferenceRun.of(runs, ["N", "N_a", "D", "G", "S"])
    assert (reference.loss, reference.at["S"]) == (3.0, 0.0)
    with pytest.raises(TableError, match=r"line 2, column 'N_total' \(N\).*units={\"N\": 1e9}"):
        read_runs(data_dir / "upcycling_moe.csv", columns={"N": "N_total"})


def test_chinchilla_with_spaces_in_names(data_dir: Path) -> None:
    columns = {"N": "Model Size", "D": "Training Tokens"}
    runs = read_runs(data_dir / "chinchilla.csv", columns=columns)
    assert len(runs) == 245
    assert runs.variables == ("N", "D", "loss")
    part = read_runs(data_dir / "chinchilla.csv", columns=columns, where="`Model Size` > 1e9")
    assert len(part) == (runs.column("N") > 1e9).sum() > 0


def test_counts_do_not_overflow(data_dir: Path) -> None:
    path = data_dir / "marin_moe_isoflop.csv"
    raw = pd.read_csv(path)
    active, tokens = raw["n_active_nonembed_derived"], raw["tokens"]
    exact = [6 * int(a) * int(d) for a, d in zip(active, tokens, strict=True)]
    wrapped = (6 * active * tokens).tolist()
    assert sum(a != b for a, b in zip(wrapped, exact, strict=True)) == 19
    assert sum(value < 0 for value in wrapped) == 8
    columns = {"N_a": active.name, "D": "tokens", "C": f"6*{active.name}*tokens"}
    for source in (path, raw):
        runs = read_runs(source, columns=columns)
        assert (runs.column("C") > 0).all()
        assert runs.column("C") == pytest.approx(list(map(float, exact)), rel=1e-15)
        kept = read_runs(source, columns=columns, where=f"6*{active.name}*tokens > 1e17")
        assert len(kept) == sum(value > 1e17 for value in exact)


def test_missing_losses_of_routed_models(data_dir: Path) -> None:
    options: dict[str, Any] = {
        "columns": {
            "N": "total_parameter_count",
            "N_a": "dense_parameter_count",
            "E": "num_experts",
            "D": "130e9",
            "loss": "loss_c4",
        },
        "group": "router_type",
    }
    path = data_dir / "clark2022_final.csv"
    raw = pd.read_csv(path)
    missing = raw.index[raw["loss_c4"].isna()] + 2
    with pytest.raises(TableError, match=rf"line {missing[0]}, column 'loss_c4' \(loss\).*missing"):
        read_runs(path, **options)
    runs = read_runs(path, **options, drop_invalid=True)
    assert len(runs) == len(raw) - len(missing) < len(raw)
    assert codes(runs) == ["rows_dropped"]
    assert f"line {missing[0]} (" in runs.notes[0].message
    assert Counter(runs.table["router_type"])["Dense"] > 0
    assert runs.constant(["D", "E"]) == {"D"}


@pytest.mark.parametrize("name", ["olmo_ladder", "gadre2024", "marin_moe_structure"])
def test_every_table_reads_without_a_mapping(data_dir: Path, name: str) -> None:
    runs = read_runs(data_dir / f"{name}.csv")
    assert runs.variables == ()
    raw = pd.read_csv(data_dir / f"{name}.csv")
    numbers = raw.select_dtypes("number")
    pd.testing.assert_frame_equal(
        runs.table[numbers.columns].reset_index(drop=True), numbers.astype(float), rtol=1e-15
    )


def test_errors_of_losses_go_with_them() -> None:
    table = pd.DataFrame(
        {"N": [1e9] * 4, "lr": [1, 2, 1, 2], "seed": [1, 1, 2, 2], "loss": [3.0, 2.9, 3.1, 2.8]}
    ).assign(loss_se=[0.01, 0.02, 0.03, 0.04])
    nats, bits = (read_runs(table, loss_unit=unit) for unit in ("nats", "bits"))
    # An error of log loss is the same in any unit.
    np.testing.assert_allclose(nats.errors("loss"), bits.errors("loss"))
    np.testing.assert_allclose(nats.errors("loss"), table["loss_se"] / table["loss"])
    # And tells no cells apart where the best setting of each is kept.
    kept = read_runs(table, best_of="lr", group="seed")
    assert kept.column("loss").tolist() == [2.9, 2.8]
