"""Residuals: what they are worth, and that the picture shows them where and as what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

import bayeslaw as bl
from bayeslaw.checks.residuals import residuals
from bayeslaw.core.errors import FormulaError, RequestError
from bayeslaw.plots import style

mpl.use("Agg")

BLIND = bl.Law.from_formula("E + A*N**-alpha", variables=["N"], name="blind to data")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table() -> bl.Runs:
    runs = bl.simulate("chinchilla", rows=60, noise_sd=0.01, seed=3)
    size = np.where(runs.column("N") > np.median(runs.column("N")), "large", "small")
    frame = runs.table.assign(size=size, width=64.0)
    return replace(runs, table=frame, groups=("size",))


@pytest.fixture(scope="module")
def fitted(table: bl.Runs) -> bl.Posterior:
    return bl.fit(table, "chinchilla", method="laplace", seed=1)


@pytest.fixture(scope="module")
def blind(table: bl.Runs) -> bl.Posterior:
    return bl.fit(table, BLIND, method="laplace", seed=1)


def points(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_linestyle() == "None"]


def shown(figure: Figure) -> dict[str, Axes]:
    return {
        axes.get_xlabel().split(":")[0].strip("$"): axes
        for axes in figure.axes
        if axes.get_visible()
    }


def test_residuals_of_one_draw_are_written_out(fitted: bl.Posterior) -> None:
    shape = (2, 1000)
    raw = fitted.law.published()
    draws = {name: np.full(shape, value) for name, value in raw.items()}
    draws |= {"noise_scale": np.full(shape, 0.02)}
    known = replace(fitted, draws=draws, noise=type(fitted.noise)("normal"))
    found = residuals(known)
    value = fitted.law.predict(**fitted.runs.columns(("N", "D")))
    expected = np.log(fitted.runs.column("loss") / value) / 0.02
    for ours in (found.low, found.median, found.high):
        np.testing.assert_allclose(ours, expected, atol=1e-9)
    np.testing.assert_allclose(found.fitted, value, rtol=1e-12)
    # 40,000 deviations: two hundredths are more than three of their standard errors.
    np.testing.assert_allclose(found.band, stats.norm.ppf([0.055, 0.945]), atol=0.03)
    assert found.scale == 0.02


def test_the_right_law_leaves_noise_and_the_wrong_one_what_it_lacks(
    fitted: bl.Posterior, blind: bl.Posterior
) -> None:
    right, wrong = residuals(fitted), residuals(blind)
    assert right.scale < 0.02 < wrong.scale
    inside = np.mean((right.band[0] < right.median) & (right.median < right.band[1]))
    assert inside == pytest.approx(0.89, abs=3 * np.sqrt(0.89 * 0.11 / 60))
    assert (right.low < right.median).all()
    assert (right.median < right.high).all()
    tokens = np.log(fitted.runs.column("D"))
    assert abs(stats.spearmanr(tokens, right.median)[0]) < 3 / np.sqrt(60)
    assert stats.spearmanr(tokens, wrong.median)[0] < -0.7


def test_a_panel_for_each_variable_and_the_fitted_value(fitted: bl.Posterior) -> None:
    ungrouped = replace(fitted, runs=replace(fitted.runs, groups=()))
    found = residuals(ungrouped)
    figure = bl.plots.residuals(ungrouped)
    panels = shown(figure)
    assert list(panels) == ["N", "D", "fitted value (law's median)"]
    wanted = [fitted.runs.column("N"), fitted.runs.column("D"), found.fitted]
    for axes, x in zip(panels.values(), wanted, strict=True):
        (line,) = points(axes)
        np.testing.assert_allclose(line.get_xdata(), x)
        np.testing.assert_allclose(line.get_ydata(), found.median)
        assert to_hex(line.get_color()).upper() == style.law_styles(["chinchilla"])["chinchilla"][0]
        (bars,) = [c for c in axes.collections if isinstance(c, LineCollection)]
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, np.stack([found.low, found.high], axis=1))
        (band,) = axes.patches
        assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx(found.band)
        left, right = axes.get_xlim()
        assert left <= x.min() < x.max() <= right
        bottom, top = axes.get_ylim()
        assert bottom < min(found.median.min(), found.band[0])
        assert top > max(found.median.max(), found.band[1])
    assert panels["N"].get_xscale() == "log"
    assert "[noise scales]" in panels["N"].get_ylabel()
    assert f"noise scale {found.scale:.2g}" in figure.get_suptitle()


def test_groups_have_colours_and_a_legend(fitted: bl.Posterior, table: bl.Runs) -> None:
    figure = bl.plots.residuals(fitted, over="D")
    (axes,) = figure.axes
    found, labels = residuals(fitted), table.labels("size").to_numpy()
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == ["large", "small"]
    for name, line, handle in zip(names, points(axes), legend.legend_handles, strict=True):
        np.testing.assert_allclose(line.get_ydata(), found.median[labels == name])
        np.testing.assert_allclose(line.get_xdata(), table.column("D")[labels == name])
        assert line.get_color() == handle.get_color() == style.law_styles(names)[name][0]


def test_laws_side_by_side_keep_their_colours(fitted: bl.Posterior, blind: bl.Posterior) -> None:
    both = {"chinchilla": fitted, "blind to data": blind}
    figure = bl.plots.residuals(both)
    panels = shown(figure)
    # The first law's D is no variable of the second, whose misfit it shows.
    assert list(panels) == ["N", "D", "fitted value (law's median)"]
    for axes in panels.values():
        lines = points(axes)
        named = [f"{name} (scale {residuals(one).scale:.2g})" for name, one in both.items()]
        assert [line.get_label() for line in lines] == named
        for (name, one), line in zip(both.items(), lines, strict=True):
            np.testing.assert_allclose(line.get_ydata(), residuals(one).median)
            assert line.get_color() == style.law_styles(both)[name][0]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[1] == f"blind to data (scale {residuals(blind).scale:.2g})"


def test_a_column_of_words_is_an_axis_of_names(
    fitted: bl.Posterior, blind: bl.Posterior, table: bl.Runs
) -> None:
    (axes,) = bl.plots.residuals({"one": fitted, "two": blind}, over="size").axes
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert sorted(names) == ["large", "small"]
    first, second = points(axes)
    places = np.rint(np.asarray(first.get_xdata(), dtype=float)).astype(int)
    assert [names[place] for place in places] == table.labels("size").tolist()
    # Laws stand beside each other.
    assert (np.asarray(first.get_xdata()) < np.asarray(second.get_xdata())).all()


def test_other_axes(fitted: bl.Posterior) -> None:
    runs = fitted.runs
    ratio = runs.column("D") / runs.column("N")
    for over, x, label in (("D/N", ratio, "$D/N$"), ("width", runs.column("width"), "width")):
        (axes,) = bl.plots.residuals(fitted, over=over).axes
        drawn = np.concatenate([line.get_xdata() for line in points(axes)])
        np.testing.assert_allclose(np.sort(drawn), np.sort(x))
        assert axes.get_xlabel() == label
    (axes,) = bl.plots.residuals(fitted, over="fitted").axes
    assert axes.get_xlabel().startswith("fitted value")


def test_what_does_not_vary_has_no_panel(posterior: bl.Posterior) -> None:
    runs = replace(posterior.runs, table=posterior.runs.table.assign(G=8.0))
    figure = bl.plots.residuals(replace(posterior, runs=runs))
    assert list(shown(figure)) == ["N", "N_a", "D", "S", "fitted value (law's median)"]
    # 446 bars would hide each other.
    assert not figure.axes[0].collections


def test_residuals_that_are_infinite_are_counted(fitted: bl.Posterior) -> None:
    draws = {name: values.copy() for name, values in fitted.draws.items()}
    tokens = fitted.runs.column("D")
    some = {"A": 0.0, "B": 2000.0, "beta": 0.3, "E": -2000.0 * float(np.median(tokens)) ** -0.3}
    for name, value in some.items():
        draws[name][:] = value
    lost = int((tokens > np.median(tokens)).sum())
    figure = bl.plots.residuals(replace(fitted, draws=draws), over="D")
    assert f"{lost} residuals are infinite" in figure.get_suptitle()
    assert sum(len(line.get_xdata()) for line in points(figure.axes[0])) == 60 - lost
    draws["B"][:] = 0.0
    with pytest.raises(RequestError, match="no residual is finite"):
        bl.plots.residuals(replace(fitted, draws=draws), over="D")


def test_what_cannot_be_drawn_is_named(fitted: bl.Posterior) -> None:
    with pytest.raises(RequestError, match="no posterior is given"):
        bl.plots.residuals({})
    with pytest.raises(RequestError, match=r"no variable or column 'Q'.* N, D, loss, size, fitted"):
        bl.plots.residuals(fitted, over="Q")
    with pytest.raises(RequestError, match="'3' names no variable"):
        bl.plots.residuals(fitted, over="3")
    with pytest.raises(FormulaError):
        bl.plots.residuals(fitted, over="N +")


def test_many_groups_are_drawn_alike(fitted: bl.Posterior) -> None:
    labels = pd.Series([f"sweep {i % 12}" for i in range(60)], index=fitted.runs.table.index)
    runs = replace(fitted.runs, table=fitted.runs.table.assign(size=labels))
    figure = bl.plots.residuals(replace(fitted, runs=runs), over="D")
    assert len(points(figure.axes[0])) == 1
    assert not figure.legends
