"""A study's picture: runs, bands beyond them, held-out truth, back-tests and weights."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn import curve, hatched, line, polygon, words
from matplotlib.collections import PolyCollection

import bayeslaw as bl
from bayeslaw.plots.study import trend

ALL = bl.simulate("chinchilla", rows=50, noise_sd=0.002, seed=3)
COMPUTE = 6 * ALL.column("N") * ALL.column("D")
LARGE = np.quantile(COMPUTE, 0.8)
RUNS, HELD = ALL.select(COMPUTE <= LARGE), ALL.select(COMPUTE > LARGE)


@pytest.fixture(scope="module")
def study() -> bl.Study:
    return bl.study(RUNS, laws=["chinchilla", "skaling2026"], seed=1, progress=False)


def test_runs_and_bands_along_their_trend(study: bl.Study) -> None:
    figure = bl.plots.study(study)
    axes = figure.axes[0]
    x, median = curve(axes, "median")
    points = line(axes, "40 runs")
    small = 6 * RUNS.column("N") * RUNS.column("D")
    np.testing.assert_allclose(np.asarray(points.get_xdata()), small)
    np.testing.assert_allclose(np.asarray(points.get_ydata()), RUNS.column("loss"))
    outer, inner = (c for c in axes.collections if isinstance(c, PolyCollection))
    assert (outer.get_label(), inner.get_label()) == ("89% credible", "50% credible")
    low, high = polygon(outer, x)
    assert ((low < median) & (median < high)).all()
    width = np.log(high / low)
    assert width[-1] > 2 * width[len(x) // 4], "the error grows beyond the runs"
    ((start, end),) = hatched(axes)
    assert start == pytest.approx(small.max())
    assert end == pytest.approx(30 * small.max())
    # The configurations cost what the axis states: one law at one of them.
    logs = np.log(np.stack([RUNS.column("N"), RUNS.column("D")]))
    design = np.stack([np.ones(len(RUNS)), np.log(small)], axis=1)
    N, D = (np.exp(np.linalg.lstsq(design, y, rcond=None)[0] @ [1, np.log(x[-1])]) for y in logs)
    cost = 6 * N * D
    assert cost == pytest.approx(x[-1])
    there = study.posterior.predict({"N": [N], "D": [D]}, level="run", seed=study.seed)
    # Half a standard error of the median of noisy draws.
    assert median[-1] == pytest.approx(there["median"].iloc[0], rel=2e-3)


def test_held_out_runs_are_hollow_and_counted(study: bl.Study) -> None:
    axes = bl.plots.study(study, held_out=HELD).axes[0]
    band = study.predict(HELD)
    inside = int(HELD.table["loss"].between(band["low"], band["high"]).sum())
    hollow = line(axes, f"held out: {inside} of {len(HELD)} inside")
    assert hollow.get_markerfacecolor() == "white"
    np.testing.assert_allclose(np.asarray(hollow.get_ydata()), HELD.column("loss"))
    assert axes.get_xlim()[1] > COMPUTE.max()


def test_back_tests_and_weights_beside(study: bl.Study) -> None:
    figure = bl.plots.study(study)
    assert "back-tests" in words(figure)
    _, past, weights = figure.axes
    frame = study.back_test
    rows = [text.get_text() for text in past.get_yticklabels()]
    assert len(rows) == len(frame)
    assert rows[0] == rf"$N \, D$ high: {100 * frame['coverage'][0]:.0f}%"
    drawn = sorted(x for one in past.lines[1:] for x in np.asarray(one.get_xdata()))
    np.testing.assert_allclose(drawn, sorted(frame["error"]))
    bars = [bar.get_width() for bar in weights.patches]
    assert bars == pytest.approx(list(study.weights.values()))


def test_a_study_without_origins_has_no_back_tests() -> None:
    runs = RUNS.select(np.arange(len(RUNS)) < 9)
    found = bl.study(runs, laws=["chinchilla"], seed=1, progress=False)
    figure, (left, right) = plt.subplots(1, 2)
    assert bl.plots.study(found, ax=right) is figure
    assert left in figure.axes
    assert len(figure.axes) == 3


def test_no_model_of_the_trend_has_more_active_parameters_than_it_has() -> None:
    runs = bl.simulate("liew2025", rows=30, seed=2)
    found = bl.study(runs, laws=["liew2025"], seed=1, progress=False)
    path = trend(found, runs.column("N_a"), np.geomspace(1e6, 1e15, 9))
    assert (path["N_a"] < path["N"]).all()


@pytest.mark.parametrize("width", [0.0007, 0.0233, 0.11, 0.9])
def test_numbers_below_back_tests_do_not_touch(study: bl.Study, width: float) -> None:
    frame = study.back_test.assign(width=width, error=width / 9)
    other = dataclasses.replace(study)
    other.__dict__["back_test"] = frame
    figure = bl.plots.study(other)
    figure.canvas.draw()
    panel = next(ax for ax in figure.axes if "back-tests" in ax.get_title())
    low, high = panel.get_xlim()
    labels = [
        label.get_window_extent()
        for place, label in zip(panel.get_xticks(), panel.get_xticklabels(), strict=True)
        if low <= place <= high
    ]
    assert len(labels) >= 2
    # A space between them, of three points.
    space = 3 * figure.dpi / 72
    assert all(one.x1 + space < two.x0 for one, two in pairwise(labels))
