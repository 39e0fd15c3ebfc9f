"""Pictures hold what they say: bands around medians, lines at values, words where due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.mathtext import MathTextParser
from matplotlib.patches import Rectangle

import bayeslaw as bl
from bayeslaw.core.errors import BayesLawError, FormulaError, RequestError
from bayeslaw.core.intervals import interval
from bayeslaw.law.library import cards
from bayeslaw.optimum.answer import Quantity
from bayeslaw.plots import labels, style

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def line(axes: Axes, label: str) -> Line2D:
    (found,) = [one for one in axes.lines if one.get_label() == label]
    return found


def verticals(axes: Axes) -> list[float]:
    """Where lines from bottom to top stand."""
    return [
        float(one.get_xdata()[0])
        for one in axes.lines
        if len(set(one.get_xdata())) == 1 and list(one.get_ydata()) == [0, 1]
    ]


def polygon(collection: PolyCollection, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of a filled band over a grid."""
    vertices = collection.get_paths()[0].vertices
    edges = [vertices[np.isclose(vertices[:, 0], at, rtol=1e-12), 1] for at in x]
    return np.array([y.min() for y in edges]), np.array([y.max() for y in edges])


def hatched(axes: Axes) -> list[tuple[float, float]]:
    spans = [one for one in axes.patches if isinstance(one, Rectangle) and one.get_hatch()]
    return [(one.get_x(), one.get_x() + one.get_width()) for one in spans]


def words(figure: Figure) -> str:
    """All that is written in titles and legends."""
    figure.canvas.draw()
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    legends = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    return "\n".join([*titles, *(text.get_text() for one in legends for text in one.get_texts())])


# --- band -------------------------------------------------------------------------------------


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


def test_the_runs_are_ticks_on_the_axis(posterior: bl.Posterior) -> None:
    (axes,) = bl.plots.band(posterior, "D").axes
    ticks = line(axes, "runs")
    assert sorted(ticks.get_xdata()) == sorted(posterior.runs.column("D"))
    assert ticks.get_marker() == "|"


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


# --- coefficients -----------------------------------------------------------------------------


def shown(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def test_a_panel_for_every_coefficient(posterior: bl.Posterior) -> None:
    figure = bl.plots.coefficients(posterior)
    assert isinstance(figure, Figure)
    names = list(posterior.law.parameters)
    assert [axes.get_title() for axes in shown(figure)] == [labels.math(name) for name in names]
    assert shown(figure)[0].get_title() == r"$\alpha$"
    published = posterior.law.published()
    scales = set()
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
        assert vertices[:, 1].max() == pytest.approx(1, rel=1e-6)
        peak = vertices[np.argmax(vertices[:, 1]), 0]
        assert abs(peak - np.median(moved)) < np.std(moved)
        low, _, high = interval(moved)
        (bar,) = [one for one in axes.lines if one.get_linewidth() == 3]
        np.testing.assert_allclose(bar.get_xdata(), [low, high], rtol=1e-12)
        (prior,) = [one for one in axes.lines if one.get_linestyle() == "--"]
        assert np.isfinite(np.asarray(prior.get_ydata())).all()
        assert np.max(prior.get_ydata()) > 0.4
        left, right = axes.get_xlim()
        assert left < min(low, where)
        assert max(high, where) < right
    assert scales == {True, False}
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


# --- optimum ----------------------------------------------------------------------------------


def quantity(draws: np.ndarray, **changed: Any) -> Quantity:
    kept = draws[~np.isnan(draws)]
    low, median, high = interval(kept)
    shares = {"interior": 1.0, "at_bound": 0.0, "none": 0.0, "not_converged": 0.0}
    made = Quantity(
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


def answer(N: float = 30e9, probability: float = 0.89, **changed: Quantity) -> bl.Optimum:
    rng = np.random.default_rng(1)
    draws = {
        "G": 6.8 + 0.1 * rng.standard_normal(2000),
        "S": 0.31 + 0.01 * rng.standard_normal(2000),
        "N_a/N": np.exp(-0.9 + 0.03 * rng.standard_normal(2000)),
    }
    return bl.Optimum(
        quantities={name: quantity(values) for name, values in draws.items()} | changed,
        rules={},
        near={},
        binding={},
        beyond={},
        predicted=(2.4, 2.3, 2.5),
        predicts="loss",
        at={"N": N, "D": 2e10},
        budget=bl.Budget(),
        probability=probability,
        notes=(),
        values=np.full(2000, 2.4),
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
            "S": quantity(stuck, status="at_bound", published=0.31),
            "G": quantity(lost, prior_low=1.0, prior_high=20.0),
        },
    )
    figure = bl.plots.optimum(moved)
    figure.canvas.draw()
    G, S, _ = figure.axes
    assert "at bound" in S.get_title()
    left, right = G.get_xlim()
    assert 6 < left < right < 8
    (bar,) = [line for line in S.lines if line.get_linewidth() == 3]
    assert list(bar.get_xdata()) == [0, 0]


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


# --- numbers and labels -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (30e9, "30B"),
        (671e9, "671B"),
        (133e6, "133M"),
        (3.4e9, "3.4B"),
        (1.5e12, "1.5T"),
        (1e22, "1e22"),
        (5.76e23, "5.76e23"),
        (0, "0"),
        (0.31, "0.31"),
        (7, "7"),
        (-2e9, "-2B"),
        (5e-4, "5e-4"),
        (999.9e9, "1T"),
    ],
)
def test_counts_as_people_write_them(value: float, said: str) -> None:
    assert labels.count(value) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("N", "$N$: total parameters"),
        ("S", "$S$: shared experts over active experts"),
        ("C", "$C$: training FLOPs"),
        ("loss", "loss: cross-entropy [nats per token]"),
        ("N_a/N", "$N_a/N$"),
        ("width", "width"),
    ],
)
def test_labels_of_axes(name: str, said: str) -> None:
    assert labels.label(name) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss", "loss"),
        ("lam", r"$\lambda$"),
        ("N_a", "$N_a$"),
        ("6*N_a*D", r"$6 \, N_a \, D$"),
        ("-n / (2*m)", r"$-n/(2 \, m)$"),
        ("(N - N_a)/D", "$(N - N_a)/D$"),
        # A slash that is followed by a factor would divide by it.
        ("h * N_a/N * N**alpha", r"$(h \, N_a/N) \, N^{\alpha}$"),
        ("a / (b/c)", "$a/(b/c)$"),
    ],
)
def test_expressions_in_one_line(text: str, expected: str) -> None:
    assert labels.math(text) == expected


def test_every_parameter_of_every_law_has_a_label() -> None:
    parse = MathTextParser("path").parse
    for name in cards():
        for parameter, entry in bl.law(name).parameters.items():
            for text in (parameter, entry.on.text):
                assert r"\frac" not in labels.math(text)
                assert parse(labels.math(text)).width > 0
                assert parse(labels.best(text)).width > 0


# --- budgets ----------------------------------------------------------------------------------


def test_the_frontier_has_a_band_for_every_quantity(posterior: bl.Posterior) -> None:
    found = bl.frontier(posterior, [1e20, 1e22, 1e24], budget=bl.Budget(max_params=1e11))
    figure = bl.plots.frontier(found)
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title() for panel in shown] == [
        f"optimal {labels.best(name)}" for name in found.answers[0].quantities
    ]
    for panel, name in zip(shown, found.answers[0].quantities, strict=True):
        median = [one.quantities[name].median for one in found.answers]
        np.testing.assert_allclose(panel.lines[0].get_ydata(), median)
        assert panel.get_xscale() == "log"
        # What lies beyond the largest run is shaded.
        (shade,) = panel.patches
        assert shade.get_x() == pytest.approx(found.largest)
    assert "$N$ ≤ 100B" in figure.get_suptitle()


def test_regret_is_least_at_the_optimum_and_shaded_below_the_limit(
    posterior: bl.Posterior,
) -> None:
    found = bl.optimum(posterior, at={"N": 30e9})
    figure = bl.plots.regret(found)
    assert [panel.get_title() for panel in figure.axes] == ["$G$", "$S$", "$N_a$"]
    for panel, (name, near) in zip(figure.axes, found.near.items(), strict=True):
        curve = panel.lines[0]
        best = curve.get_xdata()[np.argmin(curve.get_ydata())]
        assert near.low < best < near.high, name
        (shade,) = panel.patches
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx(
            (near.low, near.high)
        )
    with pytest.raises(RequestError, match="no draw has an optimum"):
        bl.plots.regret(replace(found, near={}))


def test_a_target_is_drawn_with_its_share(posterior: bl.Posterior) -> None:
    found = bl.cheapest(posterior, 2.3, confidence=0.8, budget=bl.Budget(max_params=1e11))
    figure = bl.plots.target(found)
    (panel,) = figure.axes
    said = [text.get_text() for text in panel.get_legend().get_texts()]
    assert said == ["reaches it: 80%", "target 2.3"]
    assert panel.lines[1].get_xdata()[0] == 2.3
    (filled,) = panel.collections
    assert filled.get_paths()[0].vertices[:, 0].max() <= 2.3 + 1e-9


def test_labels_of_values_that_hardly_differ_do_not_repeat() -> None:
    figure, panel = plt.subplots()
    values = np.array([2.0001, 2.0004, 2.0009])
    panel.plot(values, values)
    style.count_axis(panel, values)
    figure.canvas.draw()
    labels = [text.get_text() for text in panel.get_xticklabels()]
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)
    plt.close(figure)
