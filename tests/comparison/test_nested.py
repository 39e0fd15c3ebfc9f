"""A law with and without a constraint: the verdict depends on the truth behind the runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli.app import app
from bayeslaw.core.errors import RequestError

mpl.use("Agg")

SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "progress": False}


@pytest.fixture(scope="module")
def shares() -> bl.NestedComparison:
    """Whether the share of shared experts matters, of runs in which it does."""
    runs = bl.simulate("zhao2025", rows=150, seed=7)
    return bl.compare_nested(runs, "zhao2025", "m = n = 0", cuts=(), **SHORT)


@pytest.fixture(scope="module")
def unshared() -> bl.NestedComparison:
    """The same of runs in which it does not."""
    raw = {**bl.law("zhao2025").published(), "m": 0.0, "n": 0.0}
    runs = bl.simulate("zhao2025", rows=150, seed=7, coefficients=raw)
    return bl.compare_nested(runs, "zhao2025", "m = n = 0", cuts=(), **SHORT)


@pytest.fixture(scope="module")
def weak(runs: bl.Runs) -> bl.NestedComparison:
    return bl.compare_nested(runs, "zhao2025", "k = 0", cuts=(0.2,), **SHORT)


@pytest.fixture(scope="module")
def tied() -> bl.NestedComparison:
    runs = bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)
    return bl.compare_nested(runs, "chinchilla", "beta = alpha", cuts=(), **SHORT)


def test_the_answer_follows_what_the_runs_were_made_of(
    shares: bl.NestedComparison, unshared: bl.NestedComparison
) -> None:
    assert shares.verdict == "worse"
    assert shares.difference < -10
    assert shares.difference < -2 * shares.difference_se
    assert shares.summary.startswith("m = n = 0 is disfavoured: ELPD of runs left out is lower by")
    # The truth lies within what each parameter may be.
    published = bl.law("zhao2025").published()
    assert list(shares.restricted) == ["m", "n"]
    for name, one in shares.restricted.items():
        assert one.low < published[name] < one.high
        assert one.informed_by == "runs"
        assert one.value == 0
    assert unshared.verdict == "not distinguished"
    assert unshared.summary.startswith("Inconclusive for m = n = 0: ELPD of runs left out is")
    # An effect that is not there is found to be smaller.
    assert unshared.restricted["m"].median < 0.5 * shares.restricted["m"].low


def test_446_runs_cannot_say_whether_k_is_needed(weak: bl.NestedComparison) -> None:
    assert weak.verdict == "not distinguished"
    assert weak.summary.startswith("Inconclusive for k = 0: ELPD of runs left out is")
    k = weak.restricted["k"]
    assert k.low < 0 < k.high
    assert k.above == pytest.approx(np.mean(k.draws > 0))
    codes = {note.code: note.message for note in weak.notes}
    assert "the runs constrain k weakly" in codes["hardly_narrowed"]
    assert "prior_excludes" not in codes


def test_differences_are_the_comparisons(
    weak: bl.NestedComparison, shares: bl.NestedComparison
) -> None:
    for one in (weak, shares):
        table = one.comparison.frame["elpd"]
        free, under = one.law, next(name for name in table.index if name != one.law)
        assert one.difference == pytest.approx(table[under] - table[free])
        each = one.comparison.pointwise[under] - one.comparison.pointwise[free]
        assert one.difference_se == pytest.approx(np.sqrt(len(each)) * each.std(ddof=1))
    assert weak.extrapolation["cut"].tolist() == ["top 20%"]
    rows = weak.comparison.extrapolation.set_index(["law", "cut"])
    for row in weak.extrapolation.to_dict("records"):
        pair = (rows.loc[(law, row["cut"]), "elpd"] for law in ("zhao2025 (k = 0)", "zhao2025"))
        under, free = pair
        assert row["difference"] == pytest.approx((under - free) * row["held_out"])
    assert not len(shares.extrapolation)


def test_a_prior_that_cannot_reach_is_told(shares: bl.NestedComparison) -> None:
    told = [note.message for note in shares.notes if note.code == "prior_excludes"]
    assert len(told) == 1, "n is signed, and its prior reaches zero"
    assert told[0].startswith("the prior excludes m = 0 (its support is above)")


def test_what_is_tied_is_shown_as_a_difference(tied: bl.NestedComparison) -> None:
    ((name, one),) = tied.restricted.items()
    assert name == "beta - alpha"
    draws = tied.comparison.posteriors["chinchilla"].coefficients()
    np.testing.assert_array_equal(one.draws, draws["beta"] - draws["alpha"])
    assert one.low < one.median < one.high
    assert one.prior_low < 0 < one.prior_high
    assert tied.verdict == "not distinguished"


def test_what_never_varied_cannot_be_said() -> None:
    law = bl.Law.from_formula(
        "E + A*N**-alpha + c*S",
        variables=["N", "S"],
        priors={"c": {"family": "normal", "mean": 0, "sd": 0.3}},
    )
    N = np.geomspace(1e8, 1e10, 30)
    loss = (2 + 300 * N**-0.3) * np.exp(0.01 * np.random.default_rng(1).standard_normal(30))
    runs = bl.read_runs(pd.DataFrame({"N": N, "S": 0.2, "loss": loss}))
    asked = bl.compare_nested(runs, law, "c = 0", cuts=(), **SHORT)
    assert asked.restricted["c"].informed_by == "combination"
    assert asked.verdict == "not distinguished"
    assert asked.summary == (
        "Inconclusive for c = 0: the configurations do not identify c separately."
    )


# --- questions that the field disputes, each a constraint on one law ----------------------------


def design(law: bl.Law, rows: int = 80) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    N_a = np.exp(rng.uniform(np.log(5e7), np.log(2e9), rows))
    D = np.exp(rng.uniform(np.log(5e9), np.log(1e11), rows))
    N, E = N_a * np.exp(rng.uniform(0.5, 3, rows)), rng.choice([2.0, 8.0, 32.0, 128.0], rows)
    S = rng.uniform(0, 0.7, rows)
    every = {"N": N, "N_a": N_a, "D": D, "C": 6 * N_a * D, "E": E, "S": S}
    return {name: every[name] for name in law.variables}


@pytest.mark.parametrize(("fall", "reads"), [(0.05, "worse"), (0.0, "not distinguished")])
def test_does_the_best_share_of_shared_experts_fall_with_compute(fall: float, reads: str) -> None:
    law = bl.Law.from_formula(
        "E + A*N_a**-alpha + B*D**-beta + m*(S - s + p*ln(C/1e20))**2",
        variables=["N_a", "D", "S", "C"],
        priors={
            "m": {"family": "lognormal", "median": 0.1, "factor": 3},
            "s": {"family": "lognormal", "median": 0.2, "factor": 2},
            "p": {"family": "normal", "mean": 0, "sd": 0.1},
        },
    )
    raw = {"E": 1.7, "A": 60, "alpha": 0.25, "B": 400, "beta": 0.28, "m": 0.3, "s": 0.3, "p": fall}
    runs = bl.simulate(law, design=design(law), noise_sd=0.003, coefficients=raw, seed=2)
    asked = bl.compare_nested(runs, law, "p = 0", cuts=(), **SHORT)
    assert asked.verdict == reads
    p = asked.restricted["p"]
    # Three standard deviations: an interval of 89% is about as wide.
    assert abs(p.median - fall) < p.high - p.low
    assert (p.above > 0.99) == (fall > 0)


@pytest.mark.parametrize(("gamma", "reads"), [(0.45, "worse"), (0.2, "not distinguished")])
def test_do_total_and_active_parameters_share_an_exponent(gamma: float, reads: str) -> None:
    law = bl.Law.from_formula(
        "E + A*N**-alpha + H*N_a**-gamma + B*D**-beta", variables=["N", "N_a", "D"]
    )
    raw = {"E": 1.7, "A": 30, "alpha": 0.2, "B": 400, "beta": 0.28, "gamma": gamma}
    raw["H"] = 0.3 * 3e8**gamma
    runs = bl.simulate(law, design=design(law), noise_sd=0.001, coefficients=raw, seed=2)
    asked = bl.compare_nested(runs, law, "gamma = alpha", cuts=(), force=True, **SHORT)
    assert asked.verdict == reads
    apart = asked.restricted["gamma - alpha"]
    assert abs(apart.median - (gamma - 0.2)) < apart.high - apart.low


@pytest.mark.parametrize(("c", "above"), [(0.009, 1.0), (-0.009, 0.0)])
def test_does_the_gain_from_experts_vanish_with_scale(c: float, above: float) -> None:
    # In this law log10 L changes with experts by (b + c*log10(N_a))*log10(E): b is below zero, so
    # that the gain shrinks with size where c is above zero, and grows where it is below.
    law = bl.law("clark2022")
    raw = {**law.published(), "c": c, "b": -0.108 + 8.5 * (0.009 - c)}
    runs = bl.simulate(law, design=design(law), noise_sd=0.005, coefficients=raw, seed=2)
    asked = bl.compare_nested(runs, law, "c = 0", cuts=(), **SHORT)
    assert asked.verdict == "worse"
    assert asked.restricted["c"].above == pytest.approx(above, abs=0.01)


def test_as_plain_data(weak: bl.NestedComparison) -> None:
    data = json.loads(json.dumps(weak.to_dict()))
    assert data["summary"] == weak.summary
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
        bl.compare_nested(runs, "zhao2025", constraint)


def test_the_picture_shows_what_is_fixed_and_what_it_costs(weak: bl.NestedComparison) -> None:
    figure = bl.plots.nested(weak)
    figure.canvas.draw()
    top, bottom = figure.axes
    k = weak.restricted["k"]
    assert top.get_title() == "$k$"
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
    point, hollow = bottom.containers
    assert point.lines[0].get_xdata()[0] == pytest.approx(weak.difference)
    assert hollow.lines[0].get_markerfacecolor() == "none"
    beyond = np.asarray(hollow.lines[0].get_xdata(), dtype=float)
    np.testing.assert_allclose(beyond, weak.extrapolation["difference"])
    bar = hollow.lines[2][0].get_segments()[0]
    assert bar[1][0] - bar[0][0] == pytest.approx(2 * weak.extrapolation["error"].iloc[0])
    assert figure.get_suptitle() == "zhao2025: k = 0?\nthe law under it: not distinguished"


def test_the_picture_of_several_has_a_panel_each(shares: bl.NestedComparison) -> None:
    figure = bl.plots.nested(shares)
    assert [axes.get_title() for axes in figure.axes] == ["$m$", "$n$", ""]
    bottom = figure.axes[-1]
    left, right = bottom.get_xlim()
    assert left < shares.difference - shares.difference_se
    assert right > 4
    assert len(bottom.get_yticks()) == 1


def test_the_command_says_the_same(
    weak: bl.NestedComparison, runs: bl.Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}

    def compare_nested(
        table: bl.Runs, law: str, constraint: str, **options: Any
    ) -> bl.NestedComparison:
        asked.update(options, law=law, constraint=constraint, rows=len(table))
        return weak

    monkeypatch.setattr(bl, "compare_nested", compare_nested)
    source, picture = tmp_path / "runs.csv", tmp_path / "k.png"
    runs.write(source)
    command = ["compare-nested", str(source), "--law", "zhao2025", "k = 0", "--cuts", "0.2"]
    result = CliRunner().invoke(app, [*command, "--json", "--picture", str(picture)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["summary"] == weak.summary
    assert (asked["law"], asked["constraint"], asked["cuts"]) == ("zhao2025", "k = 0", (0.2,))
    assert picture.stat().st_size > 5000
    shown = CliRunner().invoke(app, [*command, "alpha = beta"])
    assert shown.exit_code == 0, shown.output
    assert asked["constraint"] == ["k = 0", "alpha = beta"]
    assert weak.summary in shown.stdout
    assert "top 20% held out" in shown.stdout
