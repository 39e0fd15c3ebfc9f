"""Several tables as one: sources, constants, contrasts, and what is stated of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError, TableError


@pytest.fixture(scope="module")
def parts() -> dict[str, bl.Runs]:
    return {name: bl.simulate("chinchilla", rows=12, seed=i) for i, name in enumerate("ab")}


def test_sources_are_named(parts: dict[str, bl.Runs]) -> None:
    runs = bl.pool_runs(parts)
    assert len(runs) == 24
    assert runs.groups == ("source",)
    assert [*dict.fromkeys(runs.labels("source"))] == ["a", "b"]
    assert runs.table.index[0].startswith("a: ")
    assert runs.table.index.is_unique
    np.testing.assert_array_equal(runs.column("loss")[:12], parts["a"].column("loss"))


def test_constants_are_stated(parts: dict[str, bl.Runs]) -> None:
    with_s = bl.read_runs(parts["b"].table.assign(S=np.linspace(0, 0.5, 12)))
    tables = {"a": parts["a"], "b": with_s}
    left_out = bl.pool_runs(tables)
    assert "S" not in left_out.variables
    assert [n.message for n in left_out.notes if n.code == "variable_left_out"] == [
        "S is left out: a lack it"
    ]
    runs = bl.pool_runs(tables, constants={"a": {"S": 0}})
    np.testing.assert_array_equal(runs.column("S")[:12], 0.0)
    (note,) = (n for n in runs.notes if n.code == "source_constant")
    assert note.message.startswith("a does not vary S = 0:")


def test_a_source_in_another_unit_is_converted(parts: dict[str, bl.Runs]) -> None:
    table = parts["b"].table
    table = table.assign(loss=table["loss"] / 2.9, loss_se=0.01)
    per_byte = bl.read_runs(table, loss_unit="bits per byte")
    with pytest.raises(TableError, match="different units: a in nats, b in bits per byte"):
        bl.pool_runs({"a": parts["a"], "b": per_byte})
    same = bl.read_runs(parts["a"].table.assign(loss_se=0.02))
    runs = bl.pool_runs({"a": same, "b": per_byte}, nats={"b": 2.9})
    assert runs.loss_unit == "nats"
    np.testing.assert_allclose(runs.column("loss")[12:], parts["b"].column("loss"), rtol=1e-12)
    np.testing.assert_allclose(runs.column("loss_se")[12:], 0.029, rtol=1e-12)
    (note,) = (n for n in runs.notes if n.code == "loss_unit_converted")
    assert note.message == "b: losses in bits per byte times 2.9: nats per token"
    for wrong in (0, -1.0, float("nan"), True, "2.9"):
        with pytest.raises(RequestError, match="nats a unit of the losses of b"):
            bl.pool_runs({"a": parts["a"], "b": per_byte}, nats={"b": wrong})


def test_contrasts_have_sets(parts: dict[str, bl.Runs]) -> None:
    table = parts["b"].table.iloc[:5].assign(width=[1, 1, 2, 2, 3])
    runs = bl.pool_runs(
        {"a": parts["a"], "pairs": bl.read_runs(table)}, contrasts={"pairs": "width"}
    )
    assert runs.groups == ("source", "contrast_set")
    labels = runs.labels("contrast_set").value_counts()
    assert labels.to_dict() == {"a": 12, "pairs width=1": 2, "pairs width=2": 2}
    (note,) = (n for n in runs.notes if n.code == "nothing_to_contrast")
    assert "width = 3" in note.message


def test_contrasts_inform_differences_alone(parts: dict[str, bl.Runs]) -> None:
    """Moving a whole set by .3 nats hardly moves the law; moving runs of one source does."""
    table = pd.concat([parts["b"].table.iloc[[i, i + 1]].assign(width=i) for i in (0, 2, 4)])
    change = {}
    for contrasts in (None, {"pairs": "width"}):
        alphas = []
        for shift in (0.0, 0.3):
            moved = table.assign(loss=table["loss"] + shift * (table["width"] == 2))
            tables = {"a": parts["a"], "pairs": bl.read_runs(moved)}
            runs = bl.pool_runs(tables, contrasts=contrasts)
            fit = bl.fit(runs, "chinchilla", pool="sources", method="mode", noise="normal")
            alphas.append(fit.of_group(source="pairs" if contrasts is None else "a"))
        levels = [one.draws["noise_scale"].item() for one in alphas]
        change[contrasts is None] = levels[1] / levels[0]
    # Within a set nothing contradicts the law; within one source its noise has to.
    assert change[False] < 1.5
    assert change[True] > 3


def test_conventions_that_differ_are_stated(parts: dict[str, bl.Runs]) -> None:
    tables = {
        n: replace(parts[n], embeddings=kind)
        for n, kind in zip("ab", ("included", "excluded"), strict=True)
    }
    runs = bl.pool_runs(tables)
    assert runs.embeddings is None
    assert any(n.code == "embeddings_differ" and n.severity == "warning" for n in runs.notes)


def test_what_cannot_be_pooled_is_refused(parts: dict[str, bl.Runs]) -> None:
    with pytest.raises(RequestError, match="1 sources"):
        bl.pool_runs({"a": parts["a"]})
    with pytest.raises(RequestError, match="is a DataFrame"):
        bl.pool_runs({"a": parts["a"], "b": parts["b"].table})
    with pytest.raises(TableError, match="a in nats, b in bpb"):
        bl.pool_runs({"a": parts["a"], "b": replace(parts["b"], loss_unit="bpb")})
    with pytest.raises(RequestError, match="table has a column N"):
        bl.pool_runs(parts, constants={"a": {"N": 1e9}})
    with pytest.raises(RequestError, match="no source"):
        bl.pool_runs(parts, constants={"c": {"S": 0}})
    with pytest.raises(RequestError, match="S = -1"):
        bl.pool_runs(parts, constants={"a": {"S": -1}})
    with pytest.raises(TableError, match="nothing to contrast"):
        bl.pool_runs(parts, contrasts={"a": "loss"})
