"""Coefficients: posterior, prior and published value where they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import shown, verticals, words
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy.stats import norm

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.plots import labels


def test_a_panel_for_every_coefficient(posterior: bl.Posterior) -> None:
    figure = bl.plots.coefficients(posterior)
    assert isinstance(figure, Figure)
    names = list(posterior.law.parameters)
    assert [axes.get_title() for axes in shown(figure)] == [labels.math(name) for name in names]
    assert shown(figure)[0].get_title() == r"$\alpha$"
    published = posterior.law.published()
    scales, priors = set(), 0
    for name, axes in zip(names, shown(figure), strict=True):
        draws = posterior.draws[name].ravel()
        # On a logarithm where the draws span more than a factor of three.
        logarithmic = draws.min() > 0 and draws.max() > 3 * draws.min()
        scales.add(bool(logarithmic))
        moved = np.log10(draws) if logarithmic else draws
        (where,) = verticals(axes)
        value = published[name]
        assert where == pytest.approx(np.log10(value) if logarithmic else value, rel=1e-12)
        (filled,) = [c for c in axes.collections if isinstance(c, PolyCollection)]
        vertices = filled.get_paths()[0].vertices
        # The highest of both is at 1: where the runs add little it may be the prior's.
        heights = [np.max(one.get_ydata()) for one in axes.lines if len(one.get_xdata()) > 2]
        assert max(heights) == pytest.approx(1, rel=1e-6)
        assert vertices[:, 1].max() > 0.5
        peak = vertices[np.argmax(vertices[:, 1]), 0]
        assert abs(peak - np.median(moved)) < np.std(moved)
        low, _, high = interval(moved)
        (bar,) = [one for one in axes.lines if one.get_linewidth() == 3]
        np.testing.assert_allclose(bar.get_xdata(), [low, high], rtol=1e-12)
        # To one scale: inside the panel no density has more than all of its draws.
        curve = next(one for one in axes.lines if len(one.get_xdata()) > 2)
        area = np.trapezoid(curve.get_ydata(), curve.get_xdata())
        for prior in (one for one in axes.lines if one.get_linestyle() == "--"):
            assert 0.02 < np.max(prior.get_ydata()) <= 1
            assert np.trapezoid(prior.get_ydata(), prior.get_xdata()) < 1.05 * area
            priors += 1
        left, right = axes.get_xlim()
        assert left < min(low, where)
        assert max(high, where) < right
    assert scales == {True, False}
    assert priors
    assert figure.get_suptitle() == "zhao2025 on 446 runs (simulated)"
    assert "posterior, 89% interval" in words(figure)
    assert "published" in words(figure)


def test_labels_of_a_logarithmic_panel_are_the_values(posterior: bl.Posterior) -> None:
    figure = bl.plots.coefficients(posterior, names=["b"])
    (axes,) = shown(figure)
    figure.canvas.draw()
    labels = [text.get_text() for text in axes.get_xticklabels() if text.get_text()]
    assert labels
    for at, said in zip(axes.get_xticks(), labels, strict=True):
        value = float(said.replace("M", "e6").replace("B", "e9"))
        assert 10**at == pytest.approx(value, rel=5e-3)
    low, high = axes.get_xlim()
    assert all(low <= at <= high for at in axes.get_xticks())


def test_some_coefficients(posterior: bl.Posterior) -> None:
    figure = bl.plots.coefficients(posterior, names=["h", "alpha", "e", "f", "k"])
    assert [axes.get_title() for axes in shown(figure)] == [
        *("$h$", r"$\alpha$", "$e$", "$f$", "$k$")
    ]
    # Panels that are left over in the last row are not shown.
    assert len(figure.axes) == 8


def test_what_only_the_prior_knows_is_marked(posterior: bl.Posterior) -> None:
    for value, said in ((0.0, "prior only"), (0.2, "combination")):
        runs = replace(posterior.runs, table=posterior.runs.table.assign(S=value))
        figure = bl.plots.coefficients(replace(posterior, runs=runs), names=["m", "n", "alpha"])
        assert [axes.get_title() for axes in shown(figure)] == [
            f"$m$ ({said})",
            f"$n$ ({said})",
            r"$\alpha$",
        ]


def test_no_published_line_without_published_coefficients(posterior: bl.Posterior) -> None:
    card = {name: part for name, part in posterior.law.card.items() if name != "coefficients"}
    figure = bl.plots.coefficients(replace(posterior, law=bl.Law(card)), names=["alpha"])
    assert verticals(shown(figure)[0]) == []
    assert "published" not in words(figure)


def test_an_unknown_coefficient(posterior: bl.Posterior) -> None:
    with pytest.raises(RequestError, match=r"zhao2025 has no parameter 'epsilom'.*'epsilon'"):
        bl.plots.coefficients(posterior, names=["epsilom"])


def test_no_coefficients(posterior: bl.Posterior) -> None:
    with pytest.raises(RequestError):
        bl.plots.coefficients(posterior, names=[])


def test_posteriors_in_the_priors_own_units(few: bl.Posterior) -> None:
    (axes,) = bl.plots.prior_posterior(few).axes
    names = list(few.law.parameters)
    bars = [one for one in axes.lines if one.get_linewidth() == 4 and len(one.get_xdata())]
    assert len(bars) == len(names) == len(axes.patches)
    for row, (name, bar) in enumerate(zip(names, bars, strict=True)):
        prior = few.law.parameters[name].prior
        draws = few.draws.get(f"{name}_on", few.draws[name]).ravel()
        # The prior's own quantiles of the ends, whatever its family.
        at = interval(draws)
        rng = np.random.default_rng(0)
        many = prior.sample(rng, 200_000)
        for end, drawn in zip((at.low, at.high), bar.get_xdata(), strict=True):
            assert norm.cdf(drawn) == pytest.approx(np.mean(many < end), abs=0.01), name
        assert set(bar.get_ydata()) == {row}
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    assert ticks[0] == r"$\alpha$"
    assert "$f/e$" in ticks
    for patch in axes.patches:
        assert patch.get_x() == pytest.approx(norm.ppf(0.055))
    # S never varied: its parameters are hollow.
    runs = replace(few.runs, table=few.runs.table.assign(S=0.0))
    (axes,) = bl.plots.prior_posterior(replace(few, runs=runs)).axes
    points = [one for one in axes.lines if one.get_marker() == "o"]
    hollow = {
        name
        # The last is the legend's.
        for name, one in zip(names, points[:-1], strict=True)
        if one.get_markerfacecolor() == "white"
    }
    assert hollow == {"m", "n"}
