"""Profiles at equal compute."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import curve

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


def test_profiles_spend_the_same_along_a_curve(few: bl.Posterior) -> None:
    (axes,) = bl.plots.isoflop(few, [1e21, 1e20], at={"N": 3e9}).axes
    for label, flops in (("1e20", 1e20), ("1e21", 1e21)):
        x, median = curve(axes, label)
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
