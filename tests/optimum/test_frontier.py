"""The frontier against single optima."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bayeslaw as bl


def test_the_frontier_is_an_optimum_at_each_budget(thin: bl.Posterior) -> None:
    frontier = bl.frontier(thin, [1e21, 1e24], budget=bl.Budget(max_params=1e11))
    for amount, one in zip(frontier.flops, frontier.optima, strict=True):
        alone = bl.optimum(thin, budget=bl.Budget(train_flops=amount, max_params=1e11))
        assert one.budget == alone.budget
        for name, quantity in alone.quantities.items():
            assert one.quantities[name].median == pytest.approx(quantity.median, rel=1e-6)
    assert frontier.caps == "max_params (N <= 1e+11)"
    frame = frontier.to_frame()
    assert list(frame.index.names) == ["flops", "quantity"]
    assert frame.loc[(1e24, "N"), "median"] == pytest.approx(1e11)
    runs = thin.runs
    largest = (6 * runs.column("N_a") * runs.column("D")).max()
    assert frontier.largest_run_cost == pytest.approx(largest)


def test_notes_differ_by_what_they_are_about(thin: bl.Posterior) -> None:
    frontier = bl.frontier(thin, [1e21, 1e24], budget=bl.Budget(max_params=1e11))

    def about(name: str, times: int) -> bl.Note:
        text = f"the optimum is {times} times out in {name}"
        return bl.Note("extrapolation", "warning", text, about=name)

    first, last = (
        replace(one, notes=(about("N", times), about("D", times)))
        for one, times in zip(frontier.optima, (2, 9), strict=True)
    )
    notes = replace(frontier, optima=(first, last)).notes
    told = "at 1e24 FLOPs (the like at 1 smaller budget): "
    assert [n.message for n in notes] == [told + about(name, 9).message for name in "ND"]
    # A note of the smaller budget alone is not taken for one of all.
    first, last = (replace(first, notes=(about("N", 2),)), replace(last, notes=()))
    (note,) = replace(frontier, optima=(first, last)).notes
    assert note.message == f"at 1e21 FLOPs: {about('N', 2).message}"
    real = [note.about for note in frontier.notes if note.code == "extrapolation"]
    assert real
    assert len(set(real)) == len(real)
