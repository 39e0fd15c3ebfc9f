"""Questions to a table: what it says of part of a law changes with what the runs were made of."""

from __future__ import annotations

import json
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

import bayeslaw as bl
from bayeslaw.errors import RequestError

mpl.use("Agg")

SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "progress": False}


@pytest.fixture(scope="module")
def shares() -> bl.Nested:
    """Whether the share of shared experts matters, of runs in which it does."""
    runs = bl.simulate("zhao2025", rows=150, seed=7)
    return bl.nested(runs, "zhao2025", "m = n = 0", cuts=(), **SHORT)


@pytest.fixture(scope="module")
def unshared() -> bl.Nested:
    """The same of runs in which it does not."""
    raw = {**bl.law("zhao2025").published(), "m": 0.0, "n": 0.0}
    runs = bl.simulate("zhao2025", rows=150, seed=7, coefficients=raw)
    return bl.nested(runs, "zhao2025", "m = n = 0", cuts=(), **SHORT)


@pytest.fixture(scope="module")
def weak(runs: bl.Runs) -> bl.Nested:
    return bl.nested(runs, "zhao2025", "k = 0", cuts=(0.2,), **SHORT)


@pytest.fixture(scope="module")
def tied() -> bl.Nested:
    runs = bl.simulate("chinchilla", rows=60, noise=0.01, seed=3)
    return bl.nested(runs, "chinchilla", "beta = alpha", cuts=(), **SHORT)


def test_the_answer_follows_what_the_runs_were_made_of(
    shares: bl.Nested, unshared: bl.Nested
) -> None:
    assert shares.reading == "worse"
    assert shares.difference < -10
    assert shares.difference < -2 * shares.error
    assert shares.answer.startswith("These runs speak against m = n = 0: runs left out are")
    # The truth lies within what each parameter may be.
    published = bl.law("zhao2025").published()
    assert list(shares.restricted) == ["m", "n"]
    for name, one in shares.restricted.items():
        assert one.low < published[name] < one.high
        assert one.informed_by == "runs"
        assert one.value == 0
    assert unshared.reading == "not distinguished"
    assert unshared.answer.startswith("This table cannot say whether m = n = 0: runs left out")
    # An effect that is not there is found to be smaller.
    assert unshared.restricted["m"].median < 0.5 * shares.restricted["m"].low


def test_446_runs_cannot_say_whether_k_is_needed(weak: bl.Nested) -> None:
    assert weak.reading == "not distinguished"
    assert weak.answer.startswith("This table cannot say whether k = 0")
    k = weak.restricted["k"]
    assert k.low < 0 < k.high
    assert k.above == pytest.approx(np.mean(k.draws > 0))
    codes = {note.code: note.message for note in weak.notes}
    assert "the runs hardly narrow k" in codes["hardly_narrowed"]
    assert "prior_excludes" not in codes


def test_differences_are_the_comparisons(weak: bl.Nested, shares: bl.Nested) -> None:
    for one in (weak, shares):
        table = one.comparison.table["elpd"]
        free, under = one.law, next(name for name in table.index if name != one.law)
        assert one.difference == pytest.approx(table[under] - table[free])
        each = one.comparison.pointwise[under] - one.comparison.pointwise[free]
        assert one.error == pytest.approx(np.sqrt(len(each)) * each.std(ddof=1))
    assert weak.extrapolation["cut"].tolist() == ["top 20%"]
    rows = weak.comparison.extrapolation.set_index(["law", "cut"])
    for row in weak.extrapolation.to_dict("records"):
        pair = (rows.loc[(law, row["cut"]), "elpd"] for law in ("zhao2025 (k = 0)", "zhao2025"))
        under, free = pair
        assert row["difference"] == pytest.approx((under - free) * row["held_out"])
    assert not len(shares.extrapolation)


def test_a_prior_that_cannot_reach_is_told(shares: bl.Nested) -> None:
    told = [note.message for note in shares.notes if note.code == "prior_excludes"]
    assert len(told) == 1, "n is signed, and its prior reaches zero"
    assert told[0].startswith("the prior keeps m above 0")


def test_what_is_tied_is_shown_as_a_difference(tied: bl.Nested) -> None:
    ((name, one),) = tied.restricted.items()
    assert name == "beta - alpha"
    draws = tied.comparison.posteriors["chinchilla"].coefficients()
    np.testing.assert_array_equal(one.draws, draws["beta"] - draws["alpha"])
    assert one.low < one.median < one.high
    assert one.prior_low < 0 < one.prior_high
    assert tied.reading == "not distinguished"


def test_what_never_varied_cannot_be_said() -> None:
    law = bl.Law.from_formula(
        "E + A*N**-alpha + c*S",
        variables=["N", "S"],
        priors={"c": {"family": "normal", "mean": 0, "sd": 0.3}},
    )
    N = np.geomspace(1e8, 1e10, 30)
    loss = (2 + 300 * N**-0.3) * np.exp(0.01 * np.random.default_rng(1).standard_normal(30))
    runs = bl.read_runs(pd.DataFrame({"N": N, "S": 0.2, "loss": loss}))
    asked = bl.nested(runs, law, "c = 0", cuts=(), **SHORT)
    assert asked.restricted["c"].informed_by == "combination"
    assert asked.reading == "not distinguished"
    assert asked.answer == (
        "This table cannot say whether c = 0: its configurations do not inform c by itself."
    )


def test_as_plain_data(weak: bl.Nested) -> None:
    data = json.loads(json.dumps(weak.to_dict()))
    assert data["answer"] == weak.answer
    assert data["restricted"]["k"]["prior_low"] == weak.restricted["k"].prior_low
    assert [row["cut"] for row in data["extrapolation"]] == ["top 20%"]


@pytest.mark.parametrize(
    ("constraint", "problem"),
    [
        ("q = 0", "zhao2025 has no parameter 'q'"),
        ("m = n = ", "not a constraint"),
        ("k == 0", "not a constraint"),
        ("k", "not a constraint"),
        (["k = 0", "k = m = 1"], "'k' is constrained twice"),
        ([], "no constraint is given"),
        ([3], r"\[3\] is no constraint"),
        ("G = 8", "'G' is a variable"),
    ],
)
def test_what_is_no_question_is_named(runs: bl.Runs, constraint: Any, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        bl.nested(runs, "zhao2025", constraint)


def test_the_picture_shows_what_is_fixed_and_what_it_costs(weak: bl.Nested) -> None:
    figure = bl.plots.nested(weak)
    figure.canvas.draw()
    top, bottom = figure.axes
    k = weak.restricted["k"]
    assert top.get_title() == "k"
    (filled,) = [c for c in top.collections if isinstance(c, PolyCollection)]
    vertices = filled.get_paths()[0].vertices
    assert k.low < vertices[np.argmax(vertices[:, 1]), 0] < k.high
    (bar,) = [line for line in top.lines if line.get_linewidth() == 3]
    assert list(bar.get_xdata()) == [k.low, k.high]
    (fixed,) = [line for line in top.lines if line.get_linestyle() == "-."]
    assert set(fixed.get_xdata()) == {0.0}
    assert [text.get_text() for text in bottom.get_yticklabels()] == [
        "runs left out",
        "top 20% held out",
    ]
    (point,) = bottom.containers
    assert point.lines[0].get_xdata()[0] == pytest.approx(weak.difference)
    (hollow,) = [line for line in bottom.lines if line.get_markerfacecolor() == "none"]
    np.testing.assert_allclose(hollow.get_xdata(), weak.extrapolation["difference"])
    assert figure.get_suptitle() == "zhao2025: k = 0?\nthe law under it: not distinguished"


def test_the_picture_of_several_has_a_panel_each(shares: bl.Nested) -> None:
    figure = bl.plots.nested(shares)
    assert [axes.get_title() for axes in figure.axes] == ["m", "n", ""]
    bottom = figure.axes[-1]
    left, right = bottom.get_xlim()
    assert left < shares.difference - shares.error
    assert right > 4
    assert len(bottom.get_yticks()) == 1
