"""The command ``architecture``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
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


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory, posterior: bl.Posterior) -> Path:
    """A posterior of few draws, on runs counted without embeddings."""
    draws, stats = (
        {name: values[:, ::10] for name, values in group.items()}
        for group in (posterior.draws, posterior.stats)
    )
    runs = replace(posterior.runs, embeddings="excluded")
    path = tmp_path_factory.mktemp("architecture") / "fit.nc"
    replace(posterior, draws=draws, stats=stats, runs=runs).save(path)
    return path


def test_what_can_be_built_is_ranked_and_the_best_written(fit: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    arguments = ("decide", fit, "--family", "qwen3_moe", "--at", "N=30B", "--at", "N_a=3B")
    result = bayeslaw(*arguments, "--at", "D=2T", "--config", config, "--json")
    assert result.code == 0, result.err
    best = result.json["configurations"][0]
    assert "embeddings_converted" in [note["code"] for note in result.json["notes"]]
    counted = bl.architecture(config).variables("excluded")
    assert counted == {name: best[name] for name in counted}
    assert counted["N"] == pytest.approx(30e9, rel=0.01)
    assert counted["N_a"] == pytest.approx(3e9, rel=0.01)
    shown = bayeslaw(*arguments, "--at", "D=2T").out
    assert str(best["label"]) in shown
    assert "hidden_size" not in shown


def test_what_a_family_does_not_go_with(fit: Path, tmp_path: Path) -> None:
    family = ("decide", fit, "--family", "qwen3_moe")
    refused(bayeslaw(*family), "--family qwen3_moe needs a size", "--at N=30B")
    refused(bayeslaw(*family, "--at", "N=30X"), "--at N", "30e9 or 30B")
    table = tmp_path / "t.csv"
    table.write_text("G\n4\n")
    refused(bayeslaw(*family, "--at", "N=30B", "--candidates", table), "excludes --candidates")
    refused(
        bayeslaw("decide", fit, "--at", "N=30B", "--config", tmp_path / "c.json"),
        "--config without a family",
    )


def test_tables_of_architectures_are_read(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = ["d_model,n_layers,heads,experts,top_k,d_expert,tokens,loss"]
    rows += [f"{128 * k},{k + 4},8,16,2,{64 * k},{k}B,{4 - 0.1 * k}" for k in range(4, 16)]
    table.write_text("\n".join(rows))
    fields = {
        **{"family": "olmoe", "hidden_size": "d_model", "num_hidden_layers": "n_layers"},
        **{"num_attention_heads": "heads", "num_experts": "experts", "vocab_size": "50304"},
        **{"num_experts_per_tok": "top_k", "intermediate_size": "d_expert"},
    }
    options = [word for pair in fields.items() for word in ("--architecture", "=".join(pair))]
    out = tmp_path / "fit.nc"
    result = bayeslaw(
        *("fit", table, "--law", "chinchilla", "--method", "mode", "--column", "D=tokens"),
        *options,
        *("--out", out, "--json"),
    )
    assert result.code == 0, result.err
    runs = bl.load(out).runs
    assert runs.column("D").tolist() == [k * 1e9 for k in range(4, 16)]
    assert runs.embeddings == "included"
    assert (runs.column("N") > runs.column("N_a")).all()
