"""Tables of layers, widths and experts, and counts with suffixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError

MAPPING = {
    "family": "olmoe",
    "hidden_size": "d_model",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "d_model / 64",
    "num_experts": "experts",
    "num_experts_per_tok": "top_k",
    "intermediate_size": "d_expert",
    "vocab_size": 50304,
}


@pytest.fixture
def frame() -> pd.DataFrame:
    """Sixty architectures without any count, their tokens and a loss."""
    rng = np.random.default_rng(0)
    width = 128 * rng.integers(4, 20, 60)
    table = pd.DataFrame(
        {
            "d_model": width,
            "n_layers": rng.integers(6, 30, 60),
            "experts": 8 * rng.integers(1, 9, 60),
            "top_k": rng.integers(1, 8, 60),
            "d_expert": 64 * rng.integers(4, 24, 60),
            "tokens": 1e9 * rng.integers(1, 100, 60),
        }
    )
    derived = bl.read_runs(table, architecture=MAPPING, columns={"D": "tokens"})
    N, D = derived.column("N"), derived.column("D")
    value = 1.69 + 406.4 / N**0.34 + 410.7 / D**0.28
    return table.assign(loss=value * np.exp(0.003 * rng.standard_normal(60)))


def test_every_row_counts_as_its_configuration(frame: pd.DataFrame) -> None:
    runs = bl.read_runs(frame, architecture=MAPPING, columns={"D": "tokens"})
    assert runs.embeddings == "included"
    for row in (0, 17, 59):
        cells = frame.iloc[row]
        model = bl.architecture(
            {
                "model_type": "olmoe",
                "hidden_size": int(cells["d_model"]),
                "num_hidden_layers": int(cells["n_layers"]),
                "num_attention_heads": int(cells["d_model"] // 64),
                "num_experts": int(cells["experts"]),
                "num_experts_per_tok": int(cells["top_k"]),
                "intermediate_size": int(cells["d_expert"]),
                "vocab_size": 50304,
            }
        )
        for name, value in model.variables().items():
            assert runs.column(name)[row] == value


def test_a_table_of_architectures_is_fitted(frame: pd.DataFrame) -> None:
    runs = bl.read_runs(frame, architecture=MAPPING, columns={"D": "tokens"})
    posterior = bl.fit(runs, "chinchilla", method="mode")
    fitted = posterior.predict(runs)["median"]
    assert np.abs(np.log(fitted / frame["loss"])).max() < 0.02


def test_the_convention_of_embeddings_is_the_declared_one(frame: pd.DataFrame) -> None:
    all_of_them = bl.read_runs(frame, architecture=MAPPING)
    without = bl.read_runs(frame, architecture=MAPPING, embeddings="excluded")
    assert without.embeddings == "excluded"
    tables = 2 * 50304 * frame["d_model"]
    assert np.array_equal(all_of_them.column("N") - without.column("N"), tables)


def test_columns_under_the_names_of_fields_need_no_entry(frame: pd.DataFrame) -> None:
    names = {text: key for key, text in MAPPING.items() if text in frame.columns}
    renamed = frame.rename(columns=names).assign(num_attention_heads=8, vocab_size=50304)
    given = {**MAPPING, "num_attention_heads": 8}
    expected = bl.read_runs(frame, architecture=given).column("N_a")
    found = bl.read_runs(renamed, architecture={"family": "olmoe"}).column("N_a")
    assert np.array_equal(found, expected)


def test_variables_that_the_table_has_are_kept(frame: pd.DataFrame) -> None:
    runs = bl.read_runs(frame.assign(N=7e9), architecture=MAPPING)
    assert set(runs.column("N")) == {7e9}
    assert runs.column("G").tolist() == frame["top_k"].tolist()
    assert runs.embeddings == "included"
    # Nothing is known of how the table itself counts.
    own = bl.read_runs(frame.assign(N=7e9, N_a=1e9), architecture=MAPPING)
    assert own.embeddings is None


def test_a_mapping_file_holds_the_architecture(frame: pd.DataFrame, tmp_path: Path) -> None:
    lines = [f'{key} = "{text}"' for key, text in MAPPING.items() if key != "vocab_size"]
    mapping = tmp_path / "m.toml"
    mapping.write_text("\n".join(["[architecture]", *lines, "vocab_size = 50304"]))
    found = bl.read_runs(frame, mapping=mapping).column("N")
    assert np.array_equal(found, bl.read_runs(frame, architecture=MAPPING).column("N"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"family": "olmo"}, "architecture: model_type 'olmo' is not known"),
        ({"hidden_size": "width"}, "architecture hidden_size = 'width': there is no column"),
        ({"n_experts": "experts"}, "olmoe has no field 'n_experts'. Did you mean 'num_experts'"),
        ({"vocab_size": None}, "'vocab_size' = None is neither a column nor a number"),
    ],
)
def test_what_does_not_fit_is_refused(
    frame: pd.DataFrame, changes: dict[str, str], problem: str
) -> None:
    with pytest.raises((RequestError, TableError)) as raised:
        bl.read_runs(frame, architecture={**MAPPING, **changes})
    assert problem in str(raised.value)
    assert len(str(raised.value)) < 600


def test_a_family_and_all_fields_are_needed(frame: pd.DataFrame) -> None:
    with pytest.raises(RequestError, match="architecture without a family"):
        bl.read_runs(frame, architecture={"hidden_size": "d_model"})
    fields = {key: text for key, text in MAPPING.items() if key != "num_experts"}
    with pytest.raises(RequestError, match="architecture: num_experts is missing"):
        bl.read_runs(frame, architecture=fields)


def test_a_bad_cell_is_named(frame: pd.DataFrame) -> None:
    bad = frame.astype({"n_layers": float})
    bad.loc[3, "n_layers"] = np.nan
    with pytest.raises(TableError, match="row 3") as raised:
        bl.read_runs(bad, architecture=MAPPING)
    assert "N is missing (nan): n_layers is empty" in str(raised.value)
    kept = bl.read_runs(bad, architecture=MAPPING, drop_invalid=True)
    assert len(kept) == 59


def test_a_table_without_counts_says_how_to_derive_them(frame: pd.DataFrame) -> None:
    runs = bl.read_runs(frame, columns={"D": "tokens"})
    with pytest.raises(TableError) as raised:
        runs.require(["N", "D"], purpose="the law 'chinchilla'")
    message = str(raised.value)
    assert "From the table's layers, widths and experts derive N: architecture={" in message
    assert "columns=" not in message
    assert len(message) < 600
    five = ["N", "N_a", "D", "G", "S"]
    with pytest.raises(TableError) as raised:
        bl.read_runs(frame).require(five, purpose="the law 'zhao2025'")
    message = str(raised.value)
    assert 'Map D (training tokens): columns={"D": "tokens"}' in message
    assert "derive N, N_a, G, S: architecture={" in message
    assert len(message) < 600


def test_a_table_of_another_kind_mentions_them_too() -> None:
    runs = bl.read_runs(pd.DataFrame({"flops": [1e18, 1e19], "D": 1e10, "loss": 2.0}))
    with pytest.raises(TableError) as raised:
        runs.require(["N", "D"], purpose="a law")
    message = str(raised.value)
    assert 'columns={"N": "its column"}' in message
    assert "Or, from layers, widths and experts, derive N:" in message


@pytest.mark.parametrize(
    ("column", "guessed"),
    [
        *(("n_layers", False), ("num_heads", False), ("d_model", False), ("n_ctx", False)),
        *(("n_params", True), ("n_total", True), ("Model Size", True), ("N_total", True)),
    ],
)
def test_one_letter_in_common_is_no_suggestion(column: str, guessed: bool) -> None:
    runs = bl.read_runs(pd.DataFrame({column: [1.5e9, 2e9], "D": 1e10, "loss": 2.0}))
    with pytest.raises(TableError) as raised:
        runs.require(["N"], purpose="a law")
    assert (f'"N": "{column}"' in str(raised.value)) == guessed


def test_counts_with_suffixes_are_read(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("size,D,loss\n1.3B,30B,2.5\n300M,1.5T,2.4\n7e9,5000M,2.3\n")
    runs = bl.read_runs(table, columns={"N": "size"})
    assert runs.column("N").tolist() == [1.3e9, 300e6, 7e9]
    assert runs.column("D").tolist() == [30e9, 1.5e12, 5e9]
    # The source's own column stays what it is.
    assert runs.table["size"].tolist() == ["1.3B", "300M", "7e9"]
    active = bl.read_runs(table, columns={"N": "size", "N_a": "0.5*size"})
    assert active.column("N_a").tolist() == [0.65e9, 150e6, 3.5e9]


def test_labels_with_suffixes_stay_text() -> None:
    table = pd.DataFrame({"family": ["7B", "13B"], "N": [7e9, 13e9], "loss": [2.0, 1.9]})
    runs = bl.read_runs(table, group="family", where="family == '7B'")
    assert runs.table["family"].tolist() == ["7B"]


def test_a_unit_beside_suffixes_is_refused() -> None:
    table = pd.DataFrame({"N": ["7B", "13B"], "loss": [2.0, 1.9]})
    with pytest.raises(TableError, match=r"N = 7B states its own unit, and units has 1e\+09"):
        bl.read_runs(table, units={"N": 1e9})
    with pytest.raises(TableError, match=r"'7 billion' is not a number.*1\.3e9 or 1\.3B"):
        bl.read_runs(table.replace("7B", "7 billion"))
