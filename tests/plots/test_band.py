"""The law's value along an axis: bands around medians, hatched beyond the runs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn import curve, hatched, line, polygon, words
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import bayeslaw as bl
from bayeslaw.core.errors import BayesLawError, FormulaError, RequestError
from bayeslaw.plots import labels


@pytest.mark.parametrize(
    ("over", "at"), [("G", {}), ("N", {"D": 1e11}), ("S", {"N": 2e9}), ("N_a/N", {"N": 3e9})]
)
def test_the_bands_are_the_posteriors(
    posterior: bl.Posterior, over: str, at: dict[str, float]
) -> None:
    figure = bl.plots.band(posterior, over, at=at)
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    median = line(axes, "median")
    x, y = np.asarray(median.get_xdata()), np.asarray(median.get_ydata())
    assert len(x) > 50
    assert (np.diff(x) > 0).all()
    places: dict[str, Any] = {**posterior.reference.at, **at}
    places["N_a" if over == "N_a/N" else over] = x * places["N"] if over == "N_a/N" else x
    places = {name: np.broadcast_to(value, len(x)) for name, value in places.items()}
    most, half = (posterior.predict(places, ci_prob=probability) for probability in (0.89, 0.5))
    np.testing.assert_allclose(y, most["median"], rtol=1e-12)
    outer, inner = (c for c in axes.collections if isinstance(c, PolyCollection))
    assert (outer.get_label(), inner.get_label()) == ("89% credible", "50% credible")
    for band, expected in ((outer, most), (inner, half)):
        low, high = polygon(band, x)
        np.testing.assert_allclose(low, expected["low"], rtol=1e-12)
        np.testing.assert_allclose(high, expected["high"], rtol=1e-12)
        assert (low < y).all()
        assert (y < high).all()
    published = line(axes, "published")
    np.testing.assert_allclose(published.get_xdata(), x)
    np.testing.assert_allclose(published.get_ydata(), posterior.law.predict(**places), rtol=1e-12)
    # Everything drawn is in view.
    left, right = axes.get_xlim()
    assert left <= x[0] * (1 + 1e-9) < x[-1] * (1 - 1e-9) <= right
    bottom, top = axes.get_ylim()
    assert bottom < polygon(outer, x)[0].min()
    assert polygon(outer, x)[1].max() < top


def test_axes_say_what_they_show(posterior: bl.Posterior) -> None:
    (axes,) = bl.plots.band(posterior, "N", at={"D": 3e11, "G": 4}).axes
    assert axes.get_xlabel() == "$N$: total parameters"
    assert axes.get_ylabel() == "loss [nats per token]"
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(30e9, 0) == "30B"
    title = axes.get_title()
    assert title.startswith("zhao2025 at")
    # What was given, what was held, and how far it lies beyond the runs.
    times = 3e11 / posterior.runs.column("D").max()
    assert f"$D$ = 300B ({times:.2g}x beyond the runs)" in title
    assert "$G$ = 4" in title
    for name in ("N_a", "S"):
        assert f"${name}$ = {labels.count(posterior.reference.at[name])}" in title
    assert not re.search(r"\$N\$ = ", title)
    (axes,) = bl.plots.band(posterior, "D").axes
    assert axes.get_xlabel() == "$D$: training tokens"
    (axes,) = bl.plots.band(posterior, "N_a/N", at={"N": 3e9}).axes
    assert axes.get_xlabel() == "$N_a/N$"


def test_another_unit_of_loss_is_said(posterior: bl.Posterior) -> None:
    bits = replace(posterior, runs=replace(posterior.runs, loss_unit="bits"))
    (axes,) = bl.plots.band(bits, "G").axes
    assert axes.get_ylabel() == "loss [bits per token]"


@pytest.mark.parametrize("over", ["N", "G", "S", "D"])
def test_hatched_beyond_the_runs_only(posterior: bl.Posterior, over: str) -> None:
    # The fewest active parameters, which leave all of N's axis legal.
    at = {"N_a": 3e7} if over == "N" else {}
    (axes,) = bl.plots.band(posterior, over, at=at).axes
    x = np.asarray(line(axes, "median").get_xdata())
    seen = posterior.runs.column(over)
    step = np.diff(x).max() if over == "S" else seen.max() * (np.max(x[1:] / x[:-1]) - 1)
    spans = hatched(axes)
    # G and S have no room below the runs: their domain ends there.
    assert len(spans) == (1 if over in ("G", "S") else 2)
    for low, high in spans:
        assert high <= seen.min() or low >= seen.max()
    assert spans[-1][1] == pytest.approx(x[-1], rel=1e-12)
    assert spans[-1][0] - seen.max() <= step
    if len(spans) == 2:
        assert spans[0][0] == pytest.approx(x[0], rel=1e-12)
        assert seen.min() - spans[0][1] <= step
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend.count("beyond the runs") == 1


def test_nothing_is_hatched_within_the_runs(posterior: bl.Posterior) -> None:
    figure = bl.plots.band(posterior, "D", span=(15e9, 40e9))
    (axes,) = figure.axes
    assert hatched(axes) == []
    assert "beyond the runs" not in words(figure)
    x = np.asarray(line(axes, "median").get_xdata())
    assert (x[0], x[-1]) == pytest.approx((15e9, 40e9), rel=1e-12)


def test_the_runs_are_points_as_far_off_as_from_the_law(posterior: bl.Posterior) -> None:
    (axes,) = bl.plots.band(posterior, "D").axes
    points, curve = line(axes, "runs, moved here by the law"), line(axes, "median")
    x, height = map(np.asarray, (points.get_xdata(), points.get_ydata()))
    np.testing.assert_array_equal(x, posterior.runs.column("D"))
    off = np.log(height / np.interp(x, curve.get_xdata(), curve.get_ydata()))
    own = np.log(posterior.runs.column("loss") / posterior.predict(posterior.runs)["median"])
    # Medians over the draws of a ratio and of its parts differ little.
    np.testing.assert_allclose(off, own, atol=3e-4)
    (axes,) = bl.plots.band(posterior, "D", relative=True).axes
    assert line(axes, "runs").get_marker() == "|"


def test_fewer_parameters_than_are_active_are_not_drawn(posterior: bl.Posterior) -> None:
    (axes,) = bl.plots.band(posterior, "N", at={"N_a": 1e9}).axes
    assert line(axes, "median").get_xdata()[0] >= 1e9 * (1 - 1e-9)


def test_a_ratio_ends_where_active_parameters_are_all(posterior: bl.Posterior) -> None:
    (axes,) = bl.plots.band(posterior, "N_a/N", at={"N": 30e9}).axes
    x = np.asarray(line(axes, "median").get_xdata())
    assert 0.9 < x[-1] <= 1 + 1e-9
    assert x[0] == pytest.approx(0.03 / 3, rel=0.1)  # the design's smallest ratio, a third of it


def test_a_law_without_published_coefficients_has_no_such_line(posterior: bl.Posterior) -> None:
    card = {name: part for name, part in posterior.law.card.items() if name != "coefficients"}
    own = replace(posterior, law=bl.Law(card))
    figure = bl.plots.band(own, "G")
    assert "published" not in words(figure)
    assert "median" in words(figure)


def test_the_callers_axes_are_used(posterior: bl.Posterior) -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert bl.plots.band(posterior, "G", ax=right) is figure
    assert right.has_data()
    assert not left.has_data()
    assert plt.get_fignums() == [figure.number]


BAD: dict[str, tuple[str, dict[str, Any], type[BayesLawError], str]] = {
    "unknown": ("E", {}, RequestError, "zhao2025 has no variable 'E'"),
    "the loss": ("loss", {}, RequestError, "no variable 'loss'"),
    "unknown at": ("G", {"at": {"E": 8}}, RequestError, "no variable 'E'"),
    "fixed": ("G", {"at": {"G": 8}}, RequestError, "at= fixes all of G. Leave one"),
    "unreadable": ("G +", {}, FormulaError, "band, over: 'G \\+' cannot be read"),
    "forbidden": ("G.real", {}, FormulaError, "band, over"),
    "bent": ("G**2", {}, RequestError, "is not affine in G.*or G itself"),
    "span": ("N", {"span": (3e9, 1e9)}, RequestError, "0 < low < high"),
    "domain": ("S", {"span": (2, 3)}, RequestError, "no legal value of S"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests(posterior: bl.Posterior, case: str) -> None:
    over, options, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        bl.plots.band(posterior, over, **options)
    assert plt.get_fignums() == []


def test_a_ratio_varies_what_stands_first_in_it(posterior: bl.Posterior) -> None:
    (axes,) = bl.plots.band(posterior, "N_a/N").axes
    assert "N_a" not in axes.get_title()


@pytest.mark.parametrize(("name", "value"), [("S", 5), ("D", -1e9), ("N_a", 1e13)])
def test_values_outside_their_domain(posterior: bl.Posterior, name: str, value: float) -> None:
    with pytest.raises(RequestError, match=f"{name} = "):
        bl.plots.band(posterior, "G", at={name: value})


def test_a_logarithm_is_refused(posterior: bl.Posterior) -> None:
    with pytest.raises(RequestError, match="not affine in N"):
        bl.plots.band(posterior, "ln(N)")


def test_a_table_of_small_models_can_be_drawn(posterior: bl.Posterior) -> None:
    # Counts that the caller declared to be right, with units={"N": 1}, are.
    scale = {name: posterior.runs.column(name) / 1e5 for name in ("N", "N_a")}
    runs = replace(posterior.runs, table=posterior.runs.table.assign(**scale))
    small = {name: value / 1e5 if name in scale else value for name, value in at_of(posterior)}
    reference = replace(posterior.reference, at=small)
    bl.plots.band(replace(posterior, runs=runs, reference=reference), "G")


def at_of(posterior: bl.Posterior) -> list[tuple[str, float]]:
    return list(posterior.reference.at.items())


def test_a_band_relative_to_the_best(few: bl.Posterior) -> None:
    (axes,) = bl.plots.band(few, "G", at={"N": 3e9}, relative=True).axes
    x, median = curve(axes, "median")
    places = {name: np.full(len(x), value) for name, value in few.reference.at.items()}
    value = few.evaluate({**places, "N": np.full(len(x), 3e9), "G": x})
    # Each draw against its own best, not against the best of the medians.
    np.testing.assert_allclose(
        median, np.median(value - value.min(axis=1, keepdims=True), axis=0), atol=1e-12
    )
    assert 0 <= median.min() < 1e-4
    assert axes.get_ylabel() == "loss above the best $G$ [nats per token]"
    assert axes.get_ylim()[0] == 0
    _, published = curve(axes, "published")
    assert published.min() == 0
