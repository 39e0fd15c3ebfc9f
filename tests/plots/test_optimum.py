"""Optima: densities, flatness, frontier and target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn import verticals, words
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.optimum.quantity import OptimumQuantity
from bayeslaw.plots import labels


def quantity(draws: np.ndarray, **changed: Any) -> OptimumQuantity:
    kept = draws[~np.isnan(draws)]
    low, median, high = interval(kept)
    shares = {"interior": 1.0, "at_bound": 0.0, "none": 0.0, "not_converged": 0.0}
    made = OptimumQuantity(
        median=float(median),
        low=float(low),
        high=float(high),
        status="interior",
        shares=shares,
        prior_low=float(median - 3 * np.ptp(kept)),
        prior_high=float(median + 0.1 * np.ptp(kept)),
        published=float(median + 0.3 * (high - median)),
        draws=draws,
    )
    return replace(made, **changed)


def answer(N: float = 30e9, probability: float = 0.89, **changed: OptimumQuantity) -> bl.Optimum:
    rng = np.random.default_rng(1)
    draws = {
        "G": 6.8 + 0.1 * rng.standard_normal(2000),
        "S": 0.31 + 0.01 * rng.standard_normal(2000),
        "N_a/N": np.exp(-0.9 + 0.03 * rng.standard_normal(2000)),
    }
    return bl.Optimum(
        quantities={name: quantity(values) for name, values in draws.items()} | changed,
        efficient={},
        near_optimal={},
        active_caps={},
        extrapolation_factor={},
        predicted_interval=(2.4, 2.3, 2.5),
        predicts="loss",
        at={"N": N, "D": 2e10},
        budget=bl.Budget(),
        ci_prob=probability,
        notes=(),
        predicted_draws=np.full(2000, 2.4),
    )


def test_a_panel_for_every_quantity_of_every_answer() -> None:
    answers = [answer(30e9), answer(671e9)]
    figure = bl.plots.optimum(answers)
    assert isinstance(figure, Figure)
    assert [axes.get_title() for axes in figure.axes] == [
        rf"optimal ${name}^\star$ at $N$ = {N}"
        for N in ("30B", "671B")
        for name in ("G", "S", "(N_a/N)")
    ]
    panels = zip(figure.axes, [(a, name) for a in answers for name in a.quantities], strict=True)
    for axes, (one, name) in panels:
        found, draws = one.quantities[name], one.draws[name]
        (filled,) = [c for c in axes.collections if isinstance(c, PolyCollection)]
        vertices = filled.get_paths()[0].vertices
        assert vertices[:, 1].max() == pytest.approx(1, rel=1e-6)
        assert abs(vertices[np.argmax(vertices[:, 1]), 0] - found.median) < np.std(draws)
        (bar,) = [line for line in axes.lines if line.get_linewidth() == 3]
        assert list(bar.get_xdata()) == [found.low, found.high]
        assert verticals(axes) == [found.published]
        left, right = axes.get_xlim()
        assert left < found.low < found.published < right
        (prior,) = [line for line in axes.lines if line.get_linestyle() == "--"]
        # In view it ends where the panel does.
        assert list(prior.get_xdata()) == pytest.approx([left, found.prior_high], rel=1e-12)
        bottom, _ = axes.get_ylim()
        assert bottom < min(prior.get_ydata())
    assert "posterior, 89% interval" in words(figure)


def test_an_interval_over_magnitudes_is_drawn_on_a_logarithmic_axis() -> None:
    size = quantity(np.exp(25 + 2 * np.random.default_rng(1).standard_normal(2000)))
    size = replace(size, prior_low=0.0)
    panel = bl.plots.optimum(answer(N_a=size)).axes[3]
    (filled,) = [c for c in panel.collections if isinstance(c, PolyCollection)]
    peak = filled.get_paths()[0].vertices
    # Symmetric, as the logarithms of the draws are.
    assert peak[np.argmax(peak[:, 1]), 0] == pytest.approx(25 / np.log(10), abs=0.3)
    (bar,) = [line for line in panel.lines if line.get_linewidth() == 3]
    assert list(bar.get_xdata()) == pytest.approx(np.log10([size.low, size.high]))
    ticks = [panel.xaxis.get_major_formatter()(tick, 0) for tick in (9.0, 10.0, 12.0)]
    assert ticks == ["1B", "10B", "1T"]


def test_one_answer_is_one_row() -> None:
    figure = bl.plots.optimum(answer())
    assert len(figure.axes) == 3


def test_a_status_that_is_not_interior_is_said() -> None:
    one = answer()
    S = replace(one.quantities["S"], status="prior_only")
    figure = bl.plots.optimum(answer(S=S))
    assert [axes.get_title() for axes in figure.axes] == [
        r"optimal $G^\star$ at $N$ = 30B",
        r"optimal $S^\star$ (prior only) at $N$ = 30B",
        r"optimal $(N_a/N)^\star$ at $N$ = 30B",
    ]


def test_draws_on_a_bound_and_lost_draws_can_be_drawn() -> None:
    one = answer()
    stuck = np.zeros(2000)
    lost = one.draws["G"].copy()
    lost[:300], lost[300:400] = np.inf, np.nan
    moved = replace(
        one,
        quantities={
            **one.quantities,
            "S": quantity(stuck, status="at_bound", shares={"at_bound": 0.97}, published=0.31),
            "G": quantity(lost, prior_low=1.0, prior_high=20.0),
        },
    )
    figure = bl.plots.optimum(moved)
    figure.canvas.draw()
    G, S, _ = figure.axes
    (bar,) = S.patches
    assert bar.get_height() == 0.97
    assert bar.get_x() + bar.get_width() / 2 == pytest.approx(0)
    assert "97% of draws\nat the bound 0" in [text.get_text() for text in S.texts]
    assert S.get_xlim()[0] == 0
    left, right = G.get_xlim()
    assert 6 < left < right < 8


def test_no_density_leaves_its_support_and_none_is_drawn_twice() -> None:
    rng = np.random.default_rng(2)
    share = np.minimum(0.9 + 0.3 * rng.random(2000), 1.0)
    one = answer()
    parts = {"N_a/N": quantity(share), "N_a": quantity(30e9 * share), "D": quantity(share**9)}
    figure = bl.plots.optimum(replace(one, quantities=parts))
    ratio, tokens = (axes for axes in figure.axes if axes.get_visible())
    assert ratio.get_xlim()[1] <= 1
    assert tokens.get_xlim()[0] >= 0


def test_nothing_published_no_line() -> None:
    one = answer()
    none = {name: replace(q, published=None) for name, q in one.quantities.items()}
    figure = bl.plots.optimum(replace(one, quantities=none))
    assert all(verticals(axes) == [] for axes in figure.axes)


def test_the_legend_says_the_probability() -> None:
    assert "posterior, 50% interval" in words(bl.plots.optimum(answer(probability=0.5)))


def test_the_share_of_draws_at_a_bound_is_said() -> None:
    shares = {"interior": 0.87, "at_bound": 0.13, "none": 0.0, "not_converged": 0.0}
    S = replace(answer().quantities["S"], shares=shares)
    figure = bl.plots.optimum(answer(S=S))
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert "13%" in words(figure) + "".join(texts)


def test_the_published_optimum_is_in_view() -> None:
    G = replace(answer().quantities["G"], published=8.5)
    axes = bl.plots.optimum(answer(G=G)).axes[0]
    assert axes.get_xlim()[1] > 8.5


def test_no_answers() -> None:
    with pytest.raises(RequestError):
        bl.plots.optimum([])


def test_the_frontier_has_a_band_for_every_quantity(posterior: bl.Posterior) -> None:
    found = bl.frontier(posterior, [1e20, 1e22, 1e24], budget=bl.Budget(max_params=1e11))
    figure = bl.plots.frontier(found)
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title() for panel in shown] == [
        f"optimal {labels.best(name)}" for name in found.optima[0].quantities
    ]
    for panel, name in zip(shown, found.optima[0].quantities, strict=True):
        median = [one.quantities[name].median for one in found.optima]
        np.testing.assert_allclose(panel.lines[0].get_ydata(), median)
        assert panel.get_xscale() == "log"
        # What lies beyond the largest run is shaded.
        (shade,) = panel.patches
        assert shade.get_x() == pytest.approx(found.largest_run_cost)
    assert "$N$ ≤ 100B" in figure.get_suptitle()


def test_regret_is_least_at_the_optimum_and_shaded_below_the_limit(
    posterior: bl.Posterior,
) -> None:
    found = bl.optimum(posterior, at={"N": 30e9})
    figure = bl.plots.regret(found)
    assert [panel.get_title() for panel in figure.axes] == ["$G$", "$S$", "$N_a$"]
    for panel, (name, near) in zip(figure.axes, found.near_optimal.items(), strict=True):
        curve = panel.lines[0]
        best = curve.get_xdata()[np.argmin(curve.get_ydata())]
        assert near.low < best < near.high, name
        (shade,) = panel.patches
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx(
            (near.low, near.high)
        )
    with pytest.raises(RequestError, match="no draw has an optimum"):
        bl.plots.regret(replace(found, near_optimal={}))


def test_a_target_is_drawn_with_its_share(posterior: bl.Posterior) -> None:
    found = bl.cheapest(posterior, 2.3, probability=0.8, budget=bl.Budget(max_params=1e11))
    figure = bl.plots.target(found)
    (panel,) = figure.axes
    said = [text.get_text() for text in panel.get_legend().get_texts()]
    assert said == ["reaches it: 80%", "target 2.3"]
    assert panel.lines[1].get_xdata()[0] == 2.3
    (filled,) = panel.collections
    assert filled.get_paths()[0].vertices[:, 0].max() <= 2.3 + 1e-9
