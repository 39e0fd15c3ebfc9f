"""Pictures over configurations: contours, profiles, maps and shares hold the numbers they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.contour import QuadContourSet
from scipy.stats import norm

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.optimum.answer import Quantity

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def few(posterior: bl.Posterior) -> bl.Posterior:
    """The shared posterior with fewer draws, which pictures are as good with."""
    parts = (posterior.draws, posterior.stats)
    draws, stats = ({name: one[:, :50] for name, one in part.items()} for part in parts)
    return replace(posterior, draws=draws, stats=stats)


def line(axes: Any, label: str) -> tuple[np.ndarray, np.ndarray]:
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


# --- band, relative ---------------------------------------------------------------------------


def test_a_band_relative_to_the_best(few: bl.Posterior) -> None:
    (axes,) = bl.plots.band(few, "G", at={"N": 3e9}, relative=True).axes
    x, median = line(axes, "median")
    places = {name: np.full(len(x), value) for name, value in few.reference.at.items()}
    value = few.evaluate({**places, "N": np.full(len(x), 3e9), "G": x})
    # Each draw against its own best, not against the best of the medians.
    np.testing.assert_allclose(
        median, np.median(value - value.min(axis=1, keepdims=True), axis=0), atol=1e-12
    )
    assert 0 <= median.min() < 1e-4
    assert axes.get_ylabel() == "loss above the best $G$ [nats per token]"
    assert axes.get_ylim()[0] == 0
    _, published = line(axes, "published")
    assert published.min() == 0


# --- contours ---------------------------------------------------------------------------------


def test_contours_are_the_laws_values(few: bl.Posterior) -> None:
    (axes,) = bl.plots.contours(few, "N_a", "D", at={"N": 3e9}).axes
    filled, loss, flops = (c for c in axes.collections if isinstance(c, QuadContourSet))
    assert filled.filled
    assert not loss.filled
    checked = 0
    for drawn, value in (
        (loss, lambda one: few.predict(one)["median"]),
        (flops, lambda one: 6 * one["N_a"] * one["D"]),
    ):
        for level, path in zip(drawn.levels, drawn.get_paths(), strict=True):
            if not len(path.vertices):
                continue
            active, tokens = path.vertices[len(path.vertices) // 2]
            at = {**few.reference.at, "N": 3e9, "N_a": active, "D": tokens}
            at = {name: np.array([one]) for name, one in at.items()}
            # Between points of the grid, which is even on a logarithm.
            tolerance = 2e-3 if drawn is loss else 0.02
            assert float(np.asarray(value(at))[0]) == pytest.approx(level, rel=tolerance)
            checked += 1
    assert checked >= 8
    assert set(np.log10(flops.levels) % 1) == {0.0}, "decades"
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "$N_a$: parameters active per token"
    assert axes.get_ylabel() == "$D$: training tokens"
    assert axes.get_title() == "zhao2025 at\n$N$ = 3B, $G$ = 5.66, $S$ = 0.349"
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said == ["loss [nats per token]", "training FLOPs", "runs"]
    # No more parameters are active than there are.
    for path in loss.get_paths():
        assert not len(path.vertices) or path.vertices[:, 0].max() <= 3e9
    (dots,) = [one for one in axes.lines if len(one.get_xdata()) == 446]
    np.testing.assert_array_equal(dots.get_ydata(), few.runs.column("D"))


def test_labels_of_contours_keep_apart(few: bl.Posterior) -> None:
    (axes,) = bl.plots.contours(few, "N_a", "D", at={"N": 3e9}).axes
    spots = axes.transAxes.inverted().transform(
        [axes.transData.transform(one.get_position()) for one in axes.texts]
    )
    assert len(spots) >= 8
    apart = np.linalg.norm(spots[:, None] - spots, axis=2)
    assert apart[np.triu_indices(len(spots), 1)].min() > 0.1


def test_contours_without_flops_where_neither_axis_costs(few: bl.Posterior) -> None:
    (axes,) = bl.plots.contours(few, "G", "S").axes
    assert sum(isinstance(one, QuadContourSet) for one in axes.collections) == 2
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    for x, y, at, said in (
        ("G", "G", {}, "Name two variables"),
        ("G", "E", {}, "no variable 'E'"),
        ("G", "S", {"G": 3}, "fixed and varied at once"),
        ("G", "S", {"D": -1.0}, "D = -1"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.plots.contours(few, x, y, at=at)


# --- profiles at equal compute ----------------------------------------------------------------


def test_profiles_spend_the_same_along_a_curve(few: bl.Posterior) -> None:
    (axes,) = bl.plots.isoflop(few, [1e21, 1e20], at={"N": 3e9}).axes
    for label, flops in (("1e20", 1e20), ("1e21", 1e21)):
        x, median = line(axes, label)
        assert x.max() <= 3e9
        places = {name: np.full(len(x), one) for name, one in few.reference.at.items()}
        places |= {"N": np.full(len(x), 3e9), "N_a": x, "D": flops / (6 * x)}
        np.testing.assert_allclose(median, few.predict(places)["median"], rtol=1e-12)
        best = [one for one in axes.lines if one.get_marker() == "o"]
        assert x[np.argmin(median)] in [float(one.get_xdata()[0]) for one in best]
    low, high = axes.get_ylim()
    assert low < median.min()
    assert high > median.min() + 0.1, "curves are in view"
    assert axes.get_legend().get_title().get_text() == r"FLOPs = $6 \, N_a \, D$; dots: best"
    for options, said in (
        ({"flops": []}, "Give positive FLOPs"),
        ({"flops": [1e20], "spend": "G"}, "G does not follow from 6"),
        # More active parameters than the reference run has.
        ({"flops": [1e20], "span": (1e9, 3e9)}, "no legal"),
        ({"flops": [1e20], "span": (3e9, 1e9)}, "0 < low < high"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.plots.isoflop(few, **options)


# --- the map of regret ------------------------------------------------------------------------


def test_a_cell_for_every_pair(few: bl.Posterior) -> None:
    choice = bl.decide(few, bl.expert_grid(range(3, 9), range(4)), at={"N": 30e9, "N_a": 3e9})
    (axes,) = bl.plots.regret_map(choice).axes
    said = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert len(said) == 24
    for label, row in choice.table.iterrows():
        routed, shared = map(int, str(label).split("+"))
        text = said[routed - 3, shared]
        if label == choice.best:
            assert text == "★"
        else:
            assert float(text) == pytest.approx(row["regret"] / choice.within, rel=0.06)
    framed = {(round(one.get_x() + 0.46), round(one.get_y() + 0.46)) for one in axes.patches}
    near = choice.near_optimal
    assert framed == {(int(k) - 3, int(s)) for k, s in zip(near["K"], near["shared"], strict=True)}
    assert [text.get_text() for text in axes.get_xticklabels()] == list("345678")
    assert axes.get_xlabel() == "routed experts per token"
    assert "expected regret [0.001 nats] at $N$ = 30B" in axes.get_title()
    other = bl.decide(few, {"G": [4.0, 6.0]}, at={"N": 3e9})
    with pytest.raises(RequestError, match="no column 'K'"):
        bl.plots.regret_map(other)


# --- the share of active parameters -----------------------------------------------------------


def answers(posterior: bl.Posterior) -> list[bl.Optimum]:
    """Optima over N as ``optimum`` answers them, without the search."""
    found = []
    for size in (1e12, 1e10, 1e9):
        draws = 41.6 * size**-0.19244 * np.linspace(0.9, 1.1, 50)
        one = Quantity.of(
            draws,
            draws,
            shares={"interior": 1.0},
            status="interior",
            published=float(41.6 * size**-0.19244),
            probability=0.89,
        )
        found.append(
            bl.Optimum(
                quantities={"N_a/N": one},
                rules={"slope 0.4": one},
                near={},
                binding={},
                beyond={},
                predicted=(2.0, 1.9, 2.1),
                predicts="loss",
                at={"N": size},
                budget=bl.Budget(),
                probability=0.89,
                notes=(),
                values=np.zeros(50),
            )
        )
    return found


def test_shares_beside_real_models(posterior: bl.Posterior) -> None:
    given = answers(posterior)
    (axes,) = bl.plots.active_share(given, rule="slope 0.4", largest=3.4e9).axes
    x, median = line(axes, "optimum, 89% interval")
    assert list(x) == [1e9, 1e10, 1e12], "in the order of N"
    assert list(median) == [one.quantities["N_a/N"].median for one in given[::-1]]
    line(axes, "slope 0.4, 89% interval")
    _, published = line(axes, "published")
    np.testing.assert_allclose(published, 41.6 * x**-0.19244)
    named = {text.get_text(): text.xy for text in axes.texts}
    assert len(named) == len(bl.plots.REAL_MODELS) == 7
    assert named["DeepSeek-V3 (8+1)"] == (671e9, 37 / 671)
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    assert all(left < n < right and low < share < high for n, share in named.values())
    assert axes.yaxis.get_major_formatter()(0.1, 3) == "10%"
    for changed, said in (
        (given[:1], "make no curve"),
        ([replace(given[0], at={}), given[1]], "no N_a/N at a fixed N"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.plots.active_share(changed)
    with pytest.raises(RequestError, match=r"no rule 'slope 1'\. There are: slope 0\.4"):
        bl.plots.active_share(given, rule="slope 1")


def test_real_models_are_possible_and_cited() -> None:
    for one in bl.plots.REAL_MODELS:
        assert 0 < one.N_a < one.N
        assert one.routed + one.shared == one.G
        assert 0 <= one.S < 1
        assert "arXiv:" in one.source


# --- prior and posterior ----------------------------------------------------------------------


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
        for name, one in zip(names, points, strict=True)
        if one.get_markerfacecolor() == "white"
    }
    assert hollow == {"m", "n"}


# --- what makes predictions uncertain ---------------------------------------------------------


@pytest.fixture(scope="module")
def misfit() -> bl.Posterior:
    """Chinchilla's law on runs with a wave over D, and a process that follows it."""
    runs = bl.simulate("chinchilla", rows=40, noise_sd=0.001, seed=3)
    wave = 0.01 * np.sin(3 * np.log(runs.column("D")))
    table = runs.table.assign(loss=runs.column("loss") * np.exp(wave))
    runs = replace(runs, table=table)
    return bl.fit(runs, "chinchilla", method="laplace", discrepancy="gp", seed=1)


PARTS = ("noise", "misfit", "coefficients")


def hatched(axes: Any) -> list[tuple[float, float]]:
    return [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches if p.get_hatch()]


def test_shares_of_variance_are_stacked_along_an_axis(misfit: bl.Posterior) -> None:
    (axes,) = bl.plots.variance_shares(misfit, "D", at={"N": 1e9}).axes
    areas = {one.get_label(): one.get_paths()[0].vertices for one in axes.collections}
    assert tuple(areas) == PARTS
    x = np.unique(areas["noise"][:, 0])
    shares = misfit.variance_shares({"N": np.full(len(x), 1e9), "D": x})
    bottom = np.zeros(len(x))
    for name in PARTS:
        edges = [areas[name][areas[name][:, 0] == at, 1] for at in x]
        np.testing.assert_allclose([y.min() for y in edges], bottom, atol=1e-12)
        bottom = bottom + shares[name].to_numpy()
        np.testing.assert_allclose([y.max() for y in edges], bottom, atol=1e-12)
    np.testing.assert_allclose(bottom, 1.0)
    assert axes.get_ylim() == (0, 1)
    seen = misfit.runs.column("D")
    low, high = hatched(axes)
    assert low[0] == x[0]
    assert low[1] < seen.min() < low[1] * 1.1
    assert high[0] / 1.1 < seen.max() < high[0]
    assert high[1] == x[-1]
    assert sorted(line(axes, "runs")[0]) == sorted(seen)
    assert axes.get_xlabel() == "$D$: training tokens"
    assert "squared half width of central 68%" in axes.get_ylabel()
    assert axes.get_title() == "chinchilla at\n$N$ = 1B"
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said == [*reversed(PARTS), "beyond the runs", "runs"]
    # All of them together, above; told apart without colours.
    (above,) = axes.child_axes
    for place, text in zip(above.get_xticks(), above.get_xticklabels(), strict=True):
        at = misfit.variance_shares({"N": [1e9], "D": [place]})["spread"].iloc[0]
        assert float(text.get_text()[1:-1]) == pytest.approx(100 * at, rel=0.051)
    grey = [
        float(one.get_facecolor()[0][:3] @ np.array([0.30, 0.59, 0.11])) for one in axes.collections
    ]
    assert (np.diff(grey) < -0.15).all()


def test_shares_of_planned_runs_are_bars(misfit: bl.Posterior) -> None:
    planned = pd.DataFrame(
        {"N": [1e9, 1e9, 1e11], "D": [1e10, 2e10, 2e12]}, index=["A", "B", "far"]
    )
    (axes,) = bl.plots.variance_shares(misfit, planned).axes
    shares = misfit.variance_shares(planned)
    bottom = np.zeros(3)
    for name, bars in zip(PARTS, axes.containers, strict=True):
        assert bars.get_label() == name
        np.testing.assert_allclose([one.get_y() for one in bars], bottom)
        np.testing.assert_allclose([one.get_height() for one in bars], shares[name])
        bottom = bottom + shares[name].to_numpy()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["A", "B", "far"]
    ((left, right),) = hatched(axes)
    assert left < 2 < right
    for options in ({"at": {"N": 1e9}}, {"span": (1e9, 1e10)}):
        with pytest.raises(RequestError, match="with a table of runs"):
            bl.plots.variance_shares(misfit, planned, **options)


def test_without_a_discrepancy_misfit_has_no_share(few: bl.Posterior) -> None:
    (axes,) = bl.plots.variance_shares(few, "D").axes
    assert [one.get_label() for one in axes.collections] == ["noise", "coefficients"]
    said = [text.get_text().replace("\n", " ") for text in axes.get_legend().get_texts()]
    assert said[:2] == ["coefficients", "noise and misfit (no discrepancy was fitted)"]
    with pytest.raises(RequestError, match="variance_shares: at= fixes all of G"):
        bl.plots.variance_shares(few, "G", at={"G": 3})


def test_the_callers_axes_are_used(few: bl.Posterior) -> None:
    choice = bl.decide(few, bl.expert_grid(range(4, 7), range(3)), at={"N": 30e9})
    for draw in (
        lambda ax: bl.plots.contours(few, "G", "S", ax=ax),
        lambda ax: bl.plots.isoflop(few, [1e20], at={"N": 3e9}, ax=ax),
        lambda ax: bl.plots.regret_map(choice, ax=ax),
        lambda ax: bl.plots.active_share(answers(few), ax=ax),
        lambda ax: bl.plots.prior_posterior(few, ax=ax),
        lambda ax: bl.plots.variance_shares(few, "D", ax=ax),
        lambda ax: bl.plots.variance_shares(few, few.runs, ax=ax),
    ):
        figure, (left, right) = plt.subplots(1, 2)
        assert draw(right) is figure
        assert right.has_data()
        assert not left.has_data()


def test_panels_take_the_place_of_axes(few: bl.Posterior) -> None:
    choice = bl.decide(few, bl.expert_grid(range(4, 7), range(3)), at={"N": 30e9})
    best = bl.optimum(few, at={"N": 30e9})
    plan = bl.frontier(few, budget=bl.Budget(max_params=100e9), flops=[1e20, 1e21])
    for draw, count in (
        (lambda ax: bl.plots.coefficients(few, names=["a", "b"], ax=ax), 2),
        (lambda ax: bl.plots.optimum(best, ax=ax), 3),
        (lambda ax: bl.plots.regret(best, ax=ax), 3),
        (lambda ax: bl.plots.decision(choice, ax=ax), 2),
        (lambda ax: bl.plots.frontier(plan, ax=ax), len(plan.answers[0].quantities)),
        (lambda ax: bl.plots.residuals(few, over="G", ax=ax), 1),
    ):
        figure, (left, right) = plt.subplots(1, 2, layout="constrained")
        assert draw(right) is figure
        figure.draw_without_rendering()
        drawn = [one for one in figure.axes if one is not left and one.get_visible()]
        assert len(drawn) == count
        assert right not in drawn
        assert all(one.has_data() for one in drawn)
        assert not left.has_data()
        assert min(one.bbox.x0 for one in drawn) > 0.45 * figure.bbox.width, "on the right"


def test_panels_need_axes_in_a_grid(few: bl.Posterior) -> None:
    figure = plt.figure()
    loose = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(RequestError, match="belong to no grid"):
        bl.plots.coefficients(few, ax=loose)
    assert loose in figure.axes, "bad input loses nothing"
