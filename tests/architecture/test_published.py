"""Released models: counts from their configurations against what their authors publish."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from bayeslaw.architecture.architecture import architecture

CONFIGS = Path(__file__).parent / "configs"


class Published(NamedTuple):
    """Printed sizes, and under which convention the active parameters are counted.

    A reason stands where the configuration does not give a printed digit.
    """

    name: str
    total: str
    active: str
    convention: str
    why_total: str = ""
    why_active: str = ""


PUBLISHED = (
    Published("mixtral-8x7b", "46.7B", "12.9B", "included"),
    Published("mixtral-8x22b", "141B", "39B", "included"),
    Published("deepseek-v2", "236B", "21B", "included"),
    Published(
        *("deepseek-v2-lite", "15.7B", "2.4B", "output_only"),
        why_active="2.451 printed without rounding up",
    ),
    Published("deepseek-v3", "671B", "37B", "output_only"),
    Published("kimi-k2", "1T", "32B", "output_only"),
    Published(
        *("glm-4.5", "355B", "32B", "excluded"),
        why_total="the checkpoint holds 352.8 without the layer for further tokens",
    ),
    Published(
        *("glm-4.5-air", "106B", "12B", "excluded"), why_total="105.6 without both embeddings"
    ),
    Published(
        *("dots-llm1", "142B", "14B", "included"), why_total="142.15 without the input embedding"
    ),
    Published("qwen1.5-moe-a2.7b", "14.3B", "2.7B", "included"),
    Published("qwen2-57b-a14b", "57.4B", "14B", "included"),
    Published(
        *("qwen3-30b-a3b", "30.5B", "3.3B", "included"),
        why_active="3.353 printed without rounding up",
    ),
    Published("qwen3-235b-a22b", "235B", "22B", "included"),
    Published("qwen3-coder-480b-a35b", "480B", "35B", "included"),
    Published("olmoe-1b-7b", "6.92B", "1.28B", "included"),
    Published("gpt-oss-120b", "116.83B", "5.13B", "output_only"),
    Published("gpt-oss-20b", "20.91B", "3.61B", "output_only"),
    Published(
        *("llama-4-scout", "109B", "17B", "included"), why_total="108.6 with the vision tower's 0.9"
    ),
    Published(*("llama-4-maverick", "400B", "17B", "included"), why_total="400.7 printed as 400"),
    Published(
        *("hunyuan-large", "389B", "52B", "included"),
        why_active="52.1 with the tied table as input and as output",
    ),
    Published("hunyuan-a13b", "80B", "13B", "included"),
    Published("dbrx", "132B", "36B", "included"),
    Published("jamba-v0.1", "52B", "12B", "included"),
    Published(
        *("ernie-4.5-21b-a3b", "21B", "3B", "included"),
        why_total="21.8 printed without rounding up",
    ),
    Published(
        *("ernie-4.5-300b-a47b", "300B", "47B", "output_only"), why_total="299.5 printed as 300"
    ),
    Published(*("minimax-m2", "230B", "10B", "excluded"), why_total="228.7 rounded to tens"),
    Published("minimax-text-01", "456B", "45.9B", "excluded"),
    Published("granite-3.0-1b-a400m", "1.3B", "0.4B", "excluded"),
    Published("granite-3.0-3b-a800m", "3.3B", "0.8B", "excluded"),
    Published("phi-3.5-moe", "41.9B", "6.6B", "included"),
    Published("llama-3.1-8b", "8.03B", "8.03B", "included"),
    Published("llama-3.1-70b", "70.6B", "70.6B", "included"),
    Published(
        *("qwen2.5-7b", "7.61B", "6.53B", "excluded"), why_total="7.616 printed without rounding up"
    ),
    Published("qwen3-8b", "8.2B", "6.95B", "excluded"),
)
# Parameters that released checkpoints hold, without layers that predict further tokens and without
# vision towers.
EXACT = {
    "mixtral-8x7b": 46_702_792_704,
    "mixtral-8x22b": 140_620_634_112,
    "deepseek-v2": 235_741_434_880,
    "deepseek-v2-lite": 15_706_484_224,
    "deepseek-v3": 671_026_419_200,
    "kimi-k2": 1_026_408_232_448,
    "glm-4.5": 352_797_829_024,
    "glm-4.5-air": 106_852_251_264,
    "qwen1.5-moe-a2.7b": 14_315_784_192,
    "qwen2-57b-a14b": 57_408_658_944,
    "qwen3-30b-a3b": 30_532_122_624,
    "qwen3-235b-a22b": 235_093_634_560,
    "qwen3-coder-480b-a35b": 480_154_875_392,
    "olmoe-1b-7b": 6_919_161_856,
    "gpt-oss-120b": 116_829_156_672,
    "llama-4-maverick": 400_711_848_960,
    "minimax-m2": 228_689_764_864,
    "minimax-text-01": 456_089_655_296,
    "granite-3.0-1b-a400m": 1_334_628_352,
    "granite-3.0-3b-a800m": 3_298_793_472,
    "phi-3.5-moe": 41_873_153_344,
    "llama-3.1-8b": 8_030_261_248,
    "qwen2.5-7b": 7_615_616_512,
    "qwen3-8b": 8_190_735_360,
}


def agrees(counted: float, printed: str, why: str) -> None:
    """Every printed digit, or within 5% where a reason stands."""
    number, unit = printed[:-1], {"B": 1e9, "T": 1e12}[printed[-1]]
    decimals = len(number.partition(".")[2])
    same = f"{counted / unit:.{decimals}f}" == number
    assert same != bool(why), f"{counted / unit:.4f} for {printed}: {why or 'digits differ'}"
    assert counted / unit == pytest.approx(float(number), rel=0.05 if why else 0.12)


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.name)
def test_released_models_have_their_published_sizes(model: Published) -> None:
    counted = architecture(CONFIGS / f"{model.name}.json")
    agrees(counted.N, model.total, model.why_total)
    agrees(counted.counts.loc[model.convention, "N_a"], model.active, model.why_active)


def test_every_configuration_is_compared() -> None:
    assert {path.stem for path in CONFIGS.glob("*.json")} == {model.name for model in PUBLISHED}


def test_most_totals_agree_in_every_digit_and_the_others_within_one_percent() -> None:
    off = {
        model.name: architecture(CONFIGS / f"{model.name}.json").N
        / (float(model.total[:-1]) * {"B": 1e9, "T": 1e12}[model.total[-1]])
        - 1
        for model in PUBLISHED
        if model.why_total
    }
    assert len(off) <= len(PUBLISHED) // 3
    beyond = {name for name, share in off.items() if abs(share) > 0.01}
    # A vision tower that is no part of the language model, and a name cut off after "21".
    assert beyond == {"llama-4-scout", "ernie-4.5-21b-a3b"}


@pytest.mark.parametrize("name", EXACT)
def test_totals_are_those_of_the_released_checkpoints(name: str) -> None:
    counted = architecture(CONFIGS / f"{name}.json").N
    assert counted == EXACT[name]


@pytest.mark.parametrize(
    ("name", "mlp", "attention"), [("gpt-oss-120b", 114.71, 0.96), ("gpt-oss-20b", 19.12, 0.64)]
)
def test_parts_of_gpt_oss_are_those_of_its_model_card(
    name: str, mlp: float, attention: float
) -> None:
    total = architecture(CONFIGS / f"{name}.json").to_frame()["total"] / 1e9
    assert total["routed experts"] + total["router"] == pytest.approx(mlp, abs=0.005)
    assert total["attention"] == pytest.approx(attention, abs=0.005)
    assert total["input embedding"] + total["output embedding"] == pytest.approx(1.16, abs=0.005)


@pytest.mark.parametrize(
    ("name", "without"),
    [("qwen3-30b-a3b", "29.9B"), ("qwen3-235b-a22b", "234B"), ("qwen2.5-7b", "6.53B")],
)
def test_parameters_without_embeddings_are_the_published_ones(name: str, without: str) -> None:
    agrees(architecture(CONFIGS / f"{name}.json").counts.loc["excluded", "N"], without, "")
