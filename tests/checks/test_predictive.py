"""The predictive check: counts of runs outside their intervals, beside what chance leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from bent_tables import bent
from scipy.stats import binom

import bayeslaw as bl
from bayeslaw.comparison.scores import score
from bayeslaw.core.errors import RequestError

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def found(posterior: bl.Posterior) -> bl.PosteriorPredictiveCheck:
    return bl.posterior_predictive_check(posterior)


def test_counts_by_decile_of_compute(
    posterior: bl.Posterior, found: bl.PosteriorPredictiveCheck
) -> None:
    outside = ~score(posterior, posterior.runs).inside
    compute = 6 * posterior.runs.column("N_a") * posterior.runs.column("D")
    assert found.over == "6*N_a*D"
    assert found.share == outside.mean()
    table = found.frame
    assert len(table) == 10
    assert table["runs"].sum() == 446
    for row in table.to_dict("records"):
        here = (row["low"] <= compute) & (compute <= row["high"])
        assert (row["runs"], row["outside"]) == (here.sum(), outside[here].sum())
        assert row["share"] == row["outside"] / row["runs"]
        # All ten parts together stay within with the probability.
        assert (row["few"], row["many"]) == binom.interval(0.989, row["runs"], 0.11)
    assert (table["low"].to_numpy()[1:] > table["high"].to_numpy()[:-1]).all()
    assert found.summary == (
        f"{outside.sum()} of 446 runs are outside their 89% predictive intervals, where about "
        "49.1 are expected; no part of 10 by 6*N_a*D has more than chance allows."
    )


def test_a_law_that_misses_the_largest_runs(posterior: bl.Posterior) -> None:
    runs = posterior.runs
    compute = 6 * runs.column("N_a") * runs.column("D")
    lifted = np.where(compute > np.quantile(compute, 0.9), 1.02, 1.0)
    table = runs.table.assign(loss=runs.column("loss") * lifted)
    found = bl.posterior_predictive_check(replace(posterior, runs=replace(runs, table=table)))
    assert found.frame["outside"].iloc[-1] == found.frame["runs"].iloc[-1]
    assert "1 of 10 parts by 6*N_a*D have more than chance allows, most (44 of 44)" in (
        found.summary
    )
    (axes,) = bl.plots.predictive(found).axes
    odd = next(one for one in axes.lines if one.get_label() == "more or fewer than chance")
    assert list(odd.get_xdata()) == [9]
    assert list(odd.get_ydata()) == [1.0]


def test_a_bend_along_a_variable_is_found_where_no_part_stands_out(
    found: bl.PosteriorPredictiveCheck,
) -> None:
    law, runs = bent("G")
    posterior = bl.fit(runs, law, method="laplace", seed=1, progress=False)
    check = bl.posterior_predictive_check(posterior)
    assert "no part of 5 by 6*N_a*D" in check.summary
    assert "Residuals bend along G (p = " in check.summary
    assert list(check.along.index) == ["G", "D"]
    assert check.along.loc["G", "p_value"] < 1e-6
    assert check.along.loc["G", "low"] == 16
    assert check.to_dict()["along"][0]["direction"] == "G"
    assert found.along["p_value"].min() > 0.01
    assert list(found.along.index.sort_values()) == sorted(
        ["N", "N_a", "D", "G", "S", "N_a/N", "N_a at fixed FLOPs (1 is the mean)"]
    )
    # The fit's note stands once, whether the fit has it or not.
    for notes in (posterior.notes, ()):
        again = bl.posterior_predictive_check(replace(posterior, notes=notes))
        assert [note.code for note in again.notes].count("misfit_along") == 1


def test_other_orders_and_parts(
    posterior: bl.Posterior, found: bl.PosteriorPredictiveCheck
) -> None:
    by_size = bl.posterior_predictive_check(posterior, over="N", parts=4)
    assert by_size.over == "N"
    assert len(by_size.frame) == 4
    assert by_size.share == found.share
    few = replace(posterior, runs=posterior.runs.select(np.arange(446) < 12))
    assert len(bl.posterior_predictive_check(few).frame) == 2, "parts of five runs or more"
    with pytest.raises(RequestError, match="parts = 0"):
        bl.posterior_predictive_check(posterior, parts=0)
    with pytest.raises(RequestError, match="no variable 'E'"):
        bl.posterior_predictive_check(posterior, over="E")


def test_the_picture(found: bl.PosteriorPredictiveCheck) -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert bl.plots.predictive(found, ax=right) is figure
    assert not left.has_data()
    points = [one for one in right.lines if one.get_marker() == "o"]
    x, y = (np.concatenate([one.get_data()[i] for one in points]) for i in (0, 1))
    drawn = sorted(zip(x, y, strict=True))
    assert drawn == list(enumerate(found.frame["share"]))
    for bar, row in zip(right.patches, found.frame.to_dict("records"), strict=True):
        assert bar.get_y() * row["runs"] == pytest.approx(row["few"])
        assert (bar.get_y() + bar.get_height()) * row["runs"] == pytest.approx(row["many"])
    assert right.get_xlabel() == r"runs ordered by $6 \, N_a \, D$"
    assert right.get_ylabel() == "share of runs outside"
    assert f"{100 * found.share:.1f}%" in right.get_title()
    assert right.get_ylim()[1] > 1.3 * found.frame["share"].max(), "room for the legend"


@pytest.mark.parametrize(
    "check",
    [
        bl.posterior_predictive_check,
        bl.prior_sensitivity,
        lambda posterior: bl.check_new_runs(posterior, posterior.runs),
    ],
)
def test_errors_and_warnings_of_the_fit_come_first(posterior: bl.Posterior, check: Any) -> None:
    added = [bl.Note(kind, kind, kind) for kind in ("info", "warning", "error")]
    doubtful = replace(posterior, notes=tuple(added))
    found, without = check(doubtful), check(replace(posterior, notes=()))
    assert found.notes == (*added[1:], *without.notes)
    assert found.to_dict()["notes"][0]["code"] == "warning"
    assert "fit_notes" not in found.to_dict()
