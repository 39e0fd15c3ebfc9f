"""Tables as labs have them: what a message proposes works when it is pasted."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl


@pytest.fixture
def sweep() -> pd.DataFrame:
    """Six mixtures of experts, in billions and perplexity, under a lab's own names."""
    return pd.DataFrame(
        {
            "exp id": [f"x{i}" for i in range(6)],
            "Size [B]": [0.5, 0.5, 1.0, 1.0, 2.0, 2.0],
            "Tok. (B)": [10.0, 20.0, 10.0, 20.0, 20.0, 40.0],
            "# experts": [16, 32, 16, 32, 64, 64],
            "top-k": [2, 4, 2, 4, 6, 6],
            "shared": [0, 1, 0, 1, 2, 2],
            "val ppl": np.exp([3.1, 3.0, 2.95, 2.9, 2.85, 2.83123]),
        }
    )


def test_the_proposed_quotes_can_be_pasted(sweep: pd.DataFrame) -> None:
    nested = sweep.rename(columns={"top-k": "config.model.top_k", "shared": "config.n_shared"})
    for table, text in (
        (sweep, "top-k + shared"),
        (nested, "config.model.top_k + config.n_shared"),
        (nested, "config.model.top_k + `config.n_shared`"),
        (sweep, "# experts/top-k + shared"),
    ):
        with pytest.raises(bl.BayesLawError, match="into back quotes") as raised:
            bl.read_runs(table, columns={"G": text})
        pasted = str(raised.value).split("back quotes: ")[1]
        assert bl.read_runs(table, columns={"G": pasted}).column("G").min() >= 2


def test_the_proposed_condition_can_be_pasted(sweep: pd.DataFrame) -> None:
    sweep["State"] = ["finished"] * 5 + ["crashed"]
    for text, kept in (("State=finished", 5), ("State = 'finished'", 5), ("shared=2", 2)):
        with pytest.raises(bl.BayesLawError, match="written ==") as raised:
            bl.read_runs(sweep, where=text)
        pasted = str(raised.value).split("quoted: ")[1]
        assert len(bl.read_runs(sweep, where=pasted)) == kept


def test_a_missing_loss_names_the_condition_on_finished_runs(sweep: pd.DataFrame) -> None:
    sweep["run.state"] = ["finished"] * 5 + ["crashed"]
    sweep.loc[5, "val ppl"] = np.nan
    options = {"columns": {"loss": "val ppl"}, "loss_unit": "ppl"}
    with pytest.raises(bl.BayesLawError, match="did not finish") as raised:
        bl.read_runs(sweep, **options)
    pasted = re.search(r'where="(.*)" \(', str(raised.value))
    assert pasted is not None
    assert len(bl.read_runs(sweep, where=pasted[1], **options)) == 5


def test_expressions_read_other_variables_in_counts(sweep: pd.DataFrame) -> None:
    columns = {"S": "shared/G", "G": "`top-k` + shared", "N": "Size [B]", "N_a": "N/2"}
    runs = bl.read_runs(sweep, columns=columns, units={"N": 1e9})
    np.testing.assert_allclose(runs.column("N_a"), sweep["Size [B]"] * 0.5e9)
    np.testing.assert_allclose(runs.column("S"), [0, 0.2, 0, 0.2, 0.25, 0.25])
    with pytest.raises(bl.BayesLawError, match="again"):
        bl.read_runs(sweep, columns={"N": "2*N_a", "N_a": "N/2"})
    with pytest.raises(bl.BayesLawError, match="no column 'N'"):
        bl.read_runs(sweep, columns={"N": "2*N"})
    # A column of the name is what an expression reads.
    own = bl.read_runs(sweep.assign(N=1e9), columns={"N": "N*3", "N_a": "N/2"})
    np.testing.assert_allclose(own.column("N_a"), 0.5e9)


def test_what_a_study_proposes_for_a_raw_table_reads_it(sweep: pd.DataFrame) -> None:
    with pytest.raises(bl.BayesLawError, match="a study needs 'N', 'N_a', 'G'") as raised:
        bl.study(sweep)
    message = str(raised.value)
    assert len(message) < 600
    lines = dict(re.findall(r"^  (\w+) = (.*?)(?: \(.*)?$", message, re.MULTILINE))
    columns = {name: text for name, text in lines.items() if name != "N_a"}
    assert 'units={"D": 1e9}' in message
    assert 'loss_unit="ppl"' in message
    with pytest.raises(bl.BayesLawError, match="billions"):
        bl.read_runs(sweep, columns={**columns, "D": "Tok. (B)"})
    columns |= {"D": "Tok. (B)", "N": "Size [B]"}
    runs = bl.read_runs(sweep, columns=columns, units={"N": 1e9, "D": 1e9}, loss_unit="ppl")
    assert {"N", "D", "G", "S", "loss"} <= set(runs.variables)


def test_a_dense_table_without_parameters_names_their_count() -> None:
    table = pd.DataFrame({"n_layer": [4, 8], "d-model": [64, 128], "vocab": 512, "tokens": 1e9})
    with pytest.raises(bl.BayesLawError, match="dense") as raised:
        bl.read_runs(table, columns={"D": "tokens"}).require(["N", "D"], purpose="a law")
    count = re.search(r"or N = (.*) \(dense\)", str(raised.value))
    assert count is not None
    runs = bl.read_runs(table, columns={"N": count[1], "D": "tokens"}, units={"N": 1})
    np.testing.assert_allclose(runs.column("N"), [12 * 4 * 64**2 + 512 * 64, 1638400])


def test_all_fields_that_an_architecture_lacks_are_named_at_once() -> None:
    table = pd.DataFrame({"n_layer": [4, 8], "D": 1e9, "loss": [3.0, 2.9]})
    with pytest.raises(
        bl.BayesLawError, match=r"vocab_size .*hidden_size .* are missing"
    ) as raised:
        bl.read_runs(table, architecture={"family": "llama", "num_hidden_layers": "n_layer"})
    assert "--architecture vocab_size=COLUMN" in str(raised.value)
    with pytest.raises(bl.BayesLawError, match="dense ones: llama"):
        bl.read_runs(table, architecture={"family": "gpt2"})


def test_columns_of_experts_that_no_variable_reads_are_noted(sweep: pd.DataFrame) -> None:
    columns = {"N": "Size [B]", "D": "Tok. (B)", "loss": "val ppl"}
    options = {"units": {"N": 1e9, "D": 1e9}, "loss_unit": "ppl"}
    codes = [note.code for note in bl.read_runs(sweep, columns=columns, **options).notes]
    assert "experts_unread" in codes
    columns |= {"G": "`top-k` + shared"}
    codes = [note.code for note in bl.read_runs(sweep, columns=columns, **options).notes]
    assert "experts_unread" not in codes


def test_rows_under_numbers_of_their_own_are_repeats(sweep: pd.DataFrame) -> None:
    again = pd.concat([sweep, sweep.iloc[[5]].assign(**{"exp id": "x6"})])
    columns = {"N": "Size [B]", "D": "Tok. (B)", "loss": "val ppl"}
    options = {"units": {"N": 1e9, "D": 1e9}, "loss_unit": "ppl"}
    assert len(bl.read_runs(again, columns=columns, **options)) == 6
    # Another measured column that differs makes it another run.
    again["grad norm"] = np.linspace(0.1, 0.7, 7)
    assert len(bl.read_runs(again, columns=columns, **options)) == 7


def test_a_perplexity_beyond_that_of_guessing_is_refused(sweep: pd.DataFrame) -> None:
    sweep.loc[3, "val ppl"] = 1e30
    options = {"columns": {"loss": "val ppl"}, "loss_unit": "ppl"}
    with pytest.raises(bl.BayesLawError, match=r"row 3, .*at most 268337, which is 12\.5 nats"):
        bl.read_runs(sweep, **options)
    assert len(bl.read_runs(sweep, drop_invalid=True, **options)) == 5
