"""The picture of runs to train next."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import curve, line, words

import bayeslaw as bl


@pytest.mark.parametrize("refits", [0, 2])
def test_candidates_and_widths(refits: int) -> None:
    runs = bl.simulate("chinchilla", rows=30, noise_sd=0.003, seed=2)
    posterior = bl.fit(runs, "chinchilla", method="laplace", chains=1, seed=1, progress=False)
    answer = bl.next_runs(posterior, {"N": 1e11, "D": 1e12}, budget=1e21, refits=refits)
    figure = bl.plots.next_runs(answer)
    left, right = figure.axes
    table = answer.candidates[answer.candidates["chosen"] > 0]
    points = line(left, f"{len(answer.frame)} chosen")
    np.testing.assert_allclose(np.asarray(points.get_xdata()), table["cost"])
    np.testing.assert_allclose(np.asarray(points.get_ydata()), 100 * table["gain"])
    for label, design in (("chosen", "chosen"), ("random runs", "random")):
        spent, width = curve(right, label)
        own = answer.path[answer.path["design"] == design]
        np.testing.assert_allclose(spent, own["cost"])
        np.testing.assert_allclose(width, own["width"])
    assert right.get_ylim()[0] == 0
    assert ("refits of imagined outcomes" in words(figure)) == bool(refits)
