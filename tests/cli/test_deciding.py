"""Which configuration to train: optimum, frontier, targets."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from command import bayeslaw, refused

import bayeslaw as bl
from bayeslaw.core.quantities import count

mpl.use("Agg")


def test_optimum_in_json_has_the_promised_shape(folder: Path) -> None:
    answer = bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9", "--json")
    assert answer.code == 0
    assert answer.err == ""
    data = answer.json
    parts = {"quantities", "efficient", "near_optimal", "active_caps", "predicted_interval", "at"}
    more = {"budget", "ci_prob", "extrapolation_factor", "distance", "level", "notes"}
    assert set(data) == parts | more
    assert list(data["quantities"]) == ["G", "S", "N_a/N"]
    statuses = {"interior", "at_bound", "prior_only", "none", "not_converged"}
    for one in data["quantities"].values():
        assert {"median", "low", "high", "status", "shares"} <= set(one)
        assert one["low"] < one["median"] < one["high"]
        assert one["status"] in statuses
        assert set(one["shares"]) == statuses - {"prior_only"}
        assert sum(one["shares"].values()) == pytest.approx(1, abs=1e-12)
    assert data["ci_prob"] == 0.89
    assert data["at"]["N"] == 30e9
    assert data["budget"] == {}
    for note in data["notes"]:
        assert set(note) == {"code", "severity", "message", "remedy"}
    assert {"simulated", "held_at_reference", "extrapolation"} <= {n["code"] for n in data["notes"]}
    same = bl.optimum(bl.load(folder / "zhao.nc"), at={"N": 30e9})
    assert data == json.loads(json.dumps(same.to_dict()))


def test_a_budget_with_caps(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "optimum.png"
    asked = ("--train-flops", "1e22", "--max-params", "100e9")
    answer = bayeslaw("optimum", folder / "zhao.nc", *asked, "--picture", picture, "--json")
    assert answer.code == 0, answer.err
    data = answer.json
    assert data["budget"] == {"train_flops": 1e22, "max_params": 1e11}
    assert data["quantities"]["N"]["median"] == pytest.approx(1e11)
    assert data["active_caps"]["max_params"] == 1
    assert list(data["efficient"]) == ["within 0.01 of the best", "slope 0.4", "0.22 of the best"]
    assert picture.stat().st_size > 5000
    said = bayeslaw("optimum", folder / "zhao.nc", *asked).out
    for part in (
        "has a regret below 0.001 in loss",
        "N_a/N, slope 0.4",
        "max_params in 100% of draws",
    ):
        assert part in said
    own = bayeslaw(
        *("optimum", folder / "zhao.nc", "--train-flops", "1e22", "--cap", "N/N_a=20", "--json")
    )
    assert own.json["quantities"]["N_a/N"]["median"] == pytest.approx(0.05, rel=1e-6)


def test_a_budget_without_a_cap_names_the_remedies(folder: Path) -> None:
    refused(
        bayeslaw("optimum", folder / "zhao.nc", "--train-flops", "1e22"),
        *("N is neither fixed nor capped", "--max-params", "--max-memory"),
    )


def test_a_target_with_confidence(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "target.png"
    asked = ("--target-loss", "2.3", "--probability", "0.8", "--max-params", "100e9")
    answer = bayeslaw("optimum", folder / "zhao.nc", *asked, "--picture", picture, "--json")
    assert answer.code == 0, answer.err
    data = answer.json
    assert data["reached"] == pytest.approx(0.8, abs=0.01)
    assert data["cost"] > data["cost_at_half"]
    assert set(data["configuration"]) == {"N", "N_a", "D", "G", "S"}
    assert picture.stat().st_size > 5000
    refused(
        bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9", "--probability", "0.8"),
        *("--probability 0.8 without a target", "--target-loss"),
    )


def test_a_frontier(folder: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "frontier.csv", tmp_path / "frontier.png"
    asked = ("--max-params", "100e9", "--first", "1e20", "--last", "1e24", "--points", 3)
    answer = bayeslaw(*("frontier", folder / "zhao.nc", *asked, "--out", out, "--picture", picture))
    assert answer.code == 0, answer.err
    table = pd.read_csv(out)
    active = table[table["quantity"] == "N_a"]
    assert active["flops"].tolist() == pytest.approx([1e20, 1e22, 1e24])
    assert active["median"].is_monotonic_increasing
    assert picture.stat().st_size > 5000
    assert "max_params (N <= 1e+11)" in answer.out
    refused(
        bayeslaw("frontier", folder / "zhao.nc", "--first", "1e24", "--last", "1e20"), "--first"
    )


def test_several_posteriors_are_averaged(folder: Path) -> None:
    files = (folder / "zhao.nc", folder / "zhao.nc")
    answer = bayeslaw("optimum", *files, "--at", "N=30e9", "--weight", 3, "--weight", 1, "--json")
    assert answer.code == 0, answer.err
    codes = {note["code"]: note["message"] for note in answer.json["notes"]}
    assert codes["mixture"] == "a mixture of laws: 75% zhao2025, 25% zhao2025"
    refused(
        bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9", "--weight", 1),
        "a weight for a single posterior",
    )


def test_optimum_as_a_table(folder: Path) -> None:
    result = bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9")
    head = result.out.splitlines()[0]
    D = bl.load(folder / "zhao.nc").reference.at["D"]
    assert head.startswith("At ")
    for part in ("N = 30B", f"D = {count(D, 4)}", "89% intervals"):
        assert part in head
    lines = [line for line in result.out.splitlines() if line.strip()]
    rows = {line.split()[0]: line for line in lines if " from " not in line}
    assert {"G", "S", "N_a/N", "loss"} <= set(rows)
    assert "6.778" in rows["G"]
    assert "interior" in rows["G"]
    assert "0.4007" in rows["N_a/N"]
    assert "warning: N = 30B parameters is 8.92 times beyond the largest run" in result.err


def test_optimum_spends_a_budget(folder: Path) -> None:
    answer = bayeslaw("optimum", folder / "fit.nc", "--train-flops", "5.76e23", "--json").json
    assert answer["budget"] == {"train_flops": 5.76e23}
    N, D = (answer["quantities"][name] for name in ("N", "D"))
    # Each draw spends it all, and D falls where N rises: medians of N and 1/N.
    assert 6 * N["median"] * D["median"] == pytest.approx(5.76e23, rel=1e-3)
    assert N["published"] == pytest.approx(
        (0.3478 * 482.01 / (0.3658 * 2085.43)) ** (1 / 0.7136) * 0.96e23 ** (0.3658 / 0.7136),
        rel=1e-6,
    )


def test_the_title_of_an_optimum_names_the_budget(folder: Path) -> None:
    result = bayeslaw("optimum", folder / "fit.nc", "--train-flops", "1e22")
    assert "1e22" in result.out.splitlines()[0].replace("1e+22", "1e22")


QUESTIONS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "unbounded": ((), ["monotonically in N and D", "--at N=...", "--train-flops"]),
    "unknown": (("--at", "G=4"), ["chinchilla has no variable 'G'", "N, D"]),
    "no number": (("--at", "N=big"), ["--at N: 'big' is not a number", "Such as 30e9"]),
    "negative": (("--at", "N=-1e9"), ["N = -1e+09 is outside (0, inf)"]),
    "not a number": (("--at", "N=nan"), ["N = nan is outside"]),
    "negative budget": (("--train-flops", "-1e21"), ["train_flops = -1e+21", "positive"]),
    "fixed and free": (("--at", "N=1e9", "--free", "N"), ["N is both fixed at 1e+09 and free"]),
    "all fixed": (("--at", "N=1e9", "--at", "D=1e10"), ["nothing is left to choose"]),
    "interval": (("--train-flops", "1e21", "--ci-prob", "89"), ["ci_prob = 89", "0 and 1"]),
    "at twice": (("--at", "N=1e9", "--at", "N=2e9"), ["--at: N is given twice"]),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_bad_questions(folder: Path, case: str) -> None:
    options, parts = QUESTIONS[case]
    refused(bayeslaw("optimum", folder / "fit.nc", *options), *parts)
