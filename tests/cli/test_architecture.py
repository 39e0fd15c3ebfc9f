"""The command ``architecture``."""

from __future__ import annotations

import json
from pathlib import Path

from command import bayeslaw, refused

import bayeslaw as bl

CONFIGS = Path(__file__).parents[1] / "architecture" / "configs"


def test_json_is_the_architecture_as_plain_data() -> None:
    path = CONFIGS / "deepseek-v3.json"
    result = bayeslaw("architecture", path, "--json")
    assert result.code == 0
    assert result.json == json.loads(json.dumps(bl.architecture(path).to_dict()))


def test_the_text_shows_parts_and_three_conventions() -> None:
    result = bayeslaw("architecture", CONFIGS / "gpt-oss-120b.json")
    assert result.code == 0
    for shown in ("116.8B", "5.712B active", "5.133B active", "4.554B active"):
        assert shown in " ".join(result.out.split())
    for shown in ("routed experts", "router", "hunyuan2024", "GB at 4 bits"):
        assert shown in result.out
    assert "shared experts" not in result.out


def test_notes_and_errors_have_one_line(tmp_path: Path) -> None:
    shown = bayeslaw("architecture", CONFIGS / "deepseek-v3.json").err
    assert "further tokens are not counted (num_nextn_predict_layers)" in " ".join(shown.split())
    (tmp_path / "config.json").write_text('{"model_type": "kimi_k3"}')
    refused(bayeslaw("architecture", tmp_path), "kimi_k3 cannot be counted", "narrower stream")
    refused(bayeslaw("architecture", tmp_path / "none"), "cannot be read")
