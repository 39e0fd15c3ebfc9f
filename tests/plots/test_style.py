"""Axes and panels: the caller's are used, and ticks can be told apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from drawn import share_optima
from nbclient import NotebookClient

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.plots import style


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


def test_the_callers_axes_are_used(few: bl.Posterior) -> None:
    choice = bl.decide(few, bl.expert_grid(range(4, 7), range(3)), at={"N": 30e9})
    for draw in (
        lambda ax: bl.plots.contours(few, "G", "S", ax=ax),
        lambda ax: bl.plots.isoflop(few, [1e20], at={"N": 3e9}, ax=ax),
        lambda ax: bl.plots.regret_map(choice, ax=ax),
        lambda ax: bl.plots.active_share(share_optima(few), ax=ax),
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
        (lambda ax: bl.plots.frontier(plan, ax=ax), len(plan.optima[0].quantities)),
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


def test_a_notebook_shows_every_picture() -> None:
    cells = [
        "import bayeslaw as bl\n"
        "fitted = bl.fit(bl.simulate('chinchilla', rows=20, seed=1), 'chinchilla', method='mode')",
        "figure = bl.plots.band(fitted, 'N')",
        "figure = bl.plots.band(fitted, 'D')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120).execute()
    kinds = [
        [kind for out in cell.outputs for kind in out.get("data", {})] for cell in notebook.cells
    ]
    assert ["image/png" in shown for shown in kinds] == [False, True, True]
