"""Contours are the law's values."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.contour import QuadContourSet

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


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
