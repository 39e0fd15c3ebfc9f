"""Stacked shares of a prediction's variance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from drawn import curve, hatched

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


@pytest.fixture(scope="module")
def misfit() -> bl.Posterior:
    """Chinchilla's law on runs with a wave over D, and a process that follows it."""
    runs = bl.simulate("chinchilla", rows=40, noise_sd=0.001, seed=3)
    wave = 0.01 * np.sin(3 * np.log(runs.column("D")))
    table = runs.table.assign(loss=runs.column("loss") * np.exp(wave))
    runs = replace(runs, table=table)
    return bl.fit(runs, "chinchilla", method="laplace", discrepancy="gp", seed=1)


PARTS = ("noise", "misfit", "coefficients")


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
    assert sorted(curve(axes, "runs")[0]) == sorted(seen)
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
