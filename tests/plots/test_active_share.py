"""The best share of active parameters beside released models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import curve, share_optima

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


def test_shares_beside_real_models(posterior: bl.Posterior) -> None:
    given = share_optima(posterior)
    (axes,) = bl.plots.active_share(given, rule="slope 0.4", largest=3.4e9).axes
    x, median = curve(axes, "optimum, 89% interval")
    assert list(x) == [1e9, 1e10, 1e12], "in the order of N"
    assert list(median) == [one.quantities["N_a/N"].median for one in given[::-1]]
    curve(axes, "slope 0.4, 89% interval")
    _, published = curve(axes, "published")
    np.testing.assert_allclose(published, 41.6 * x**-0.19244)
    named = {text.get_text(): text.xy for text in axes.texts}
    assert len(named) == len(bl.plots.REAL_MODELS) == 7
    assert named["DeepSeek-V3 (8+1)"] == pytest.approx((671.026e9, 37.552 / 671.026), rel=1e-4)
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


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("OLMoE", "olmoe-1b-7b"),
        ("Mixtral 8x7B", "mixtral-8x7b"),
        ("gpt-oss-120b", "gpt-oss-120b"),
        ("Qwen3-235B-A22B", "qwen3-235b-a22b"),
        ("Hunyuan-Large", "hunyuan-large"),
        ("DeepSeek-V3", "deepseek-v3"),
        ("Kimi K2", "kimi-k2"),
    ],
)
def test_real_models_are_counted_from_their_configurations(name: str, config: str) -> None:
    (model,) = [one for one in bl.plots.REAL_MODELS if one.name == name]
    folder = Path(__file__).parents[1] / "architecture" / "configs"
    counted = bl.architecture(folder / f"{config}.json")
    assert (model.N, model.N_a) == (counted.N, counted.N_a)
    assert (model.G, model.S, model.routed) == (counted.G, counted.S, counted.K)
