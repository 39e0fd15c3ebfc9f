"""The map of expected regret."""

from __future__ import annotations

import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


def test_a_cell_for_every_pair(few: bl.Posterior) -> None:
    choice = bl.decide(few, bl.expert_grid(range(3, 9), range(4)), at={"N": 30e9, "N_a": 3e9})
    (axes,) = bl.plots.regret_map(choice).axes
    said = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert len(said) == 24
    for label, row in choice.frame.iterrows():
        routed, shared = map(int, str(label).split("+"))
        text = said[routed - 3, shared]
        if label == choice.best:
            assert text == "★"
        else:
            assert float(text) == pytest.approx(row["regret"] / choice.regret_tolerance, rel=0.06)
    framed = {(round(one.get_x() + 0.46), round(one.get_y() + 0.46)) for one in axes.patches}
    near = choice.near_optimal
    assert framed == {(int(k) - 3, int(s)) for k, s in zip(near["K"], near["shared"], strict=True)}
    assert [text.get_text() for text in axes.get_xticklabels()] == list("345678")
    assert axes.get_xlabel() == "routed experts per token"
    assert "expected regret [0.001 nats] at $N$ = 30B" in axes.get_title()
    other = bl.decide(few, {"G": [4.0, 6.0]}, at={"N": 3e9})
    with pytest.raises(RequestError, match="no column 'K'"):
        bl.plots.regret_map(other)
