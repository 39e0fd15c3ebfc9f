"""The command line: one main job, JSON for programs, and one line for whatever is wrong."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import typer
import xarray as xr
from command import Terminal, bayeslaw, refused, shell
from matplotlib.figure import Figure

import bayeslaw as bl
from bayeslaw.cli.app import app

mpl.use("Agg")


FIT = ("--law", "chinchilla", "--chains", 2, "--draws", 200, "--warmup", 200, "--seed", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, posterior: bl.Posterior) -> Path:
    """runs.csv and fit.nc of chinchilla by the command line, and zhao.nc."""
    place = tmp_path_factory.mktemp("cli")
    simulated = bayeslaw(
        *("simulate", "--law", "chinchilla", "--rows", 40, "--seed", 3, "--out", place / "runs.csv")
    )
    assert simulated.code == 0, simulated.err
    fitted = shell("fit", place / "runs.csv", *FIT, "--out", place / "fit.nc", "--json")
    assert fitted.code == 0, fitted.err
    (place / "fit.json").write_text(fitted.out)
    draws, stats = (
        {name: values[:, :100] for name, values in group.items()}
        for group in (posterior.draws, posterior.stats)
    )
    replace(posterior, draws=draws, stats=stats).save(place / "zhao.nc")
    return place


@pytest.fixture
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    def sampled(*args: Any, **options: Any) -> None:
        raise AssertionError("minutes are spent before the error")

    monkeypatch.setattr(importlib.import_module("bayeslaw.inference.fit"), "find_mode", sampled)


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[list[tuple[bl.Runs, Any]]]:
    """What ``fit`` would be called with; it answers with the stored posterior at once."""
    calls: list[tuple[bl.Runs, Any]] = []
    stored = bl.load(folder / "fit.nc")

    def instead(runs: bl.Runs, law: str, **options: Any) -> bl.Posterior:
        calls.append((runs, options))
        return replace(stored, notes=runs.notes)

    monkeypatch.setattr(bl, "fit", instead)
    return calls


# --- the main job -----------------------------------------------------------------------------


def test_simulate_writes_runs(folder: Path, tmp_path: Path) -> None:
    result = bayeslaw(
        *("simulate", "--law", "chinchilla", "--rows", 40, "--seed", 3),
        *("--out", tmp_path / "runs.csv"),
    )
    assert result.code == 0
    assert result.out == f"40 runs in {tmp_path / 'runs.csv'}\n"
    assert result.err.startswith("info: ")
    assert "losses are simulated from chinchilla, noise 0.003" in result.err
    assert (tmp_path / "runs.csv").read_bytes() == (folder / "runs.csv").read_bytes()
    table = pd.read_csv(tmp_path / "runs.csv")
    assert list(table.columns) == ["N", "D", "loss"]
    same = bl.simulate("chinchilla", rows=40, seed=3)
    for name in table.columns:
        assert table[name].tolist() == same.column(name).tolist()


def test_simulate_says_it_in_json(tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    result = bayeslaw("simulate", "--design", "one_at_a_time", "--rows", 7, "--out", out, "--json")
    assert result.err == ""
    assert result.json["rows"] == 7
    assert result.json["file"] == str(out)
    assert [note["code"] for note in result.json["notes"]] == ["simulated"]
    assert "one_at_a_time design" in result.json["notes"][0]["message"]
    assert len(bl.read_runs(out)) == 7


def test_simulate_from_another_set_without_noise(tmp_path: Path) -> None:
    out = tmp_path / "runs.csv"
    options = ("--law", "chinchilla", "--coefficients", "hoffmann", "--noise-sd", 0, "--rows", 5)
    assert bayeslaw("simulate", *options, "--out", out).code == 0
    runs = bl.read_runs(out)
    N, D = runs.column("N"), runs.column("D")
    expected = 1.69 + 406.4 / N**0.34 + 410.7 / D**0.28
    np.testing.assert_allclose(runs.column("loss"), expected, rtol=1e-12)


def test_fit_and_summary_agree(folder: Path) -> None:
    fitted = json.loads((folder / "fit.json").read_text())
    assert fitted["file"] == str(folder / "fit.nc")
    summary = bayeslaw("summary", folder / "fit.nc", "--json").json
    assert {**summary, "file": fitted["file"]} == fitted
    assert set(summary) == {"law", "runs", "coefficients", "reference", "ci_prob", "notes"}
    assert (summary["law"], summary["runs"], summary["ci_prob"]) == ("chinchilla", 40, 0.89)
    assert list(summary["coefficients"]) == [
        "E",
        "A",
        "B",
        "alpha",
        "beta",
        "noise_scale",
        "noise_df",
    ]
    alpha = summary["coefficients"]["alpha"]
    assert alpha["low"] < alpha["median"] < alpha["high"]
    assert alpha["published"] == 0.3478
    # Not a number is no JSON.
    assert summary["coefficients"]["noise_scale"]["published"] is None


def test_a_fit_is_the_one_in_python(folder: Path) -> None:
    runs = bl.read_runs(folder / "runs.csv")
    same = bl.fit(runs, "chinchilla", seed=1, chains=2, draws=200, warmup=200)
    saved = bl.load(folder / "fit.nc")
    assert saved.info == same.info
    for name, values in same.draws.items():
        np.testing.assert_array_equal(saved.draws[name], values)


def test_summary_prints_a_table_and_notes_beside(folder: Path) -> None:
    result = bayeslaw("summary", folder / "fit.nc")
    assert result.code == 0
    assert result.out.startswith("chinchilla on 40 runs of runs.csv, 89% intervals")
    for name in ("alpha", "beta", "noise_df", "prior's interval", "0.3478"):
        assert name in result.out
    # A short fit is not trusted, and says so where a pipe does not carry it away.
    assert result.err.startswith("error: ")
    assert "ESS of the fit" in result.err
    assert "ESS of the fit" not in result.out
    assert "nan" not in result.out


def test_numbers_are_whole_in_a_narrow_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = bayeslaw("summary", folder / "fit.nc", out=Terminal())
    out = re.sub(r"\x1b\[[0-9;]*m", "", result.out)
    assert "noise_scale" in out
    assert "482" in out  # published A
    assert "0.3478" in out


def test_names_of_files_are_not_markup(
    folder: Path, tmp_path: Path, caught: list[tuple[bl.Runs, Any]]
) -> None:
    posterior = bl.load(folder / "fit.nc")
    path = tmp_path / "fit.nc"
    replace(posterior, runs=replace(posterior.runs, source="sweep[old].csv")).save(path)
    assert "sweep[old].csv" in bayeslaw("summary", path).out


def test_summary_at_another_probability(folder: Path) -> None:
    wide = bayeslaw("summary", folder / "fit.nc", "--ci-prob", 0.95, "--json").json
    usual = bayeslaw("summary", folder / "fit.nc", "--json").json
    assert wide["ci_prob"] == 0.95
    assert wide["coefficients"]["alpha"]["low"] < usual["coefficients"]["alpha"]["low"]


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
    for part in ("Anything from G = ", "N_a/N, slope 0.4", "max_params in 100% of draws"):
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
    asked = ("--target-loss", "2.3", "--confidence", "0.8", "--max-params", "100e9")
    answer = bayeslaw("optimum", folder / "zhao.nc", *asked, "--picture", picture, "--json")
    assert answer.code == 0, answer.err
    data = answer.json
    assert data["reached"] == pytest.approx(0.8, abs=0.01)
    assert data["cost"] > data["even"]
    assert set(data["configuration"]) == {"N", "N_a", "D", "G", "S"}
    assert picture.stat().st_size > 5000
    refused(
        bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9", "--confidence", "0.8"),
        *("--confidence 0.8 without a target", "--target-loss"),
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


def test_several_posteriors_are_mixed(folder: Path) -> None:
    files = (folder / "zhao.nc", folder / "zhao.nc")
    answer = bayeslaw("optimum", *files, "--at", "N=30e9", "--weight", 3, "--weight", 1, "--json")
    assert answer.code == 0, answer.err
    codes = {note["code"]: note["message"] for note in answer.json["notes"]}
    assert codes["mixture"] == "a mixture of laws: 75% zhao2025, 25% zhao2025"
    refused(
        bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9", "--weight", 1),
        "one posterior needs no weight",
    )


def test_optimum_as_a_table(folder: Path) -> None:
    result = bayeslaw("optimum", folder / "zhao.nc", "--at", "N=30e9")
    head = result.out.splitlines()[0]
    D = bl.load(folder / "zhao.nc").reference.at["D"]
    assert head.startswith("At ")
    for part in ("N = 3e+10", f"D = {D:.4g}", "89% intervals"):
        assert part in head
    rows = {line.split()[0]: line for line in result.out.splitlines() if line.strip()}
    assert {"G", "S", "N_a/N", "loss"} <= set(rows)
    assert "6.778" in rows["G"]
    assert "interior" in rows["G"]
    assert "0.4007" in rows["N_a/N"]
    assert "warning: N = 3e+10 parameters lies" in result.err


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


def test_the_head_of_an_optimum_says_the_budget(folder: Path) -> None:
    result = bayeslaw("optimum", folder / "fit.nc", "--train-flops", "1e22")
    assert "1e22" in result.out.splitlines()[0].replace("1e+22", "1e22")


def test_predict_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("N,D,name\n1e9,2e10,a\n700e9,1.4e12,b\n")
    out = tmp_path / "bands.csv"
    result = bayeslaw(
        *("predict", folder / "fit.nc", new, "--level", "observation", "--seed", 4),
        *("--out", out, "--json"),
    )
    assert result.code == 0
    data = result.json
    assert set(data) == {"predictions", "of", "level", "ci_prob", "notes"}
    assert (data["of"], data["level"], data["ci_prob"]) == ("loss", "observation", 0.89)
    posterior = bl.load(folder / "fit.nc")
    bands = posterior.predict(bl.read_runs(new), level="observation", seed=4)
    assert [row["line"] for row in data["predictions"]] == [2, 3]  # of the file
    for row, (_, band) in zip(data["predictions"], bands.iterrows(), strict=True):
        assert {name: row[name] for name in bands.columns} == band.to_dict()
    assert data["predictions"][1]["variable"] == "N"
    written = pd.read_csv(out)
    assert written["median"].tolist() == bands["median"].tolist()


def test_predict_as_a_table(folder: Path) -> None:
    result = bayeslaw("predict", folder / "fit.nc", folder / "runs.csv", "--where", "N > 5e9")
    assert result.out.startswith("loss at level law, 89% intervals")
    assert "error: " in result.err  # the posterior's notes


def test_check_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    new, out = tmp_path / "new.csv", tmp_path / "checked.csv"
    bl.simulate("chinchilla", rows=5, seed=9).write(new)
    command = ("check-new-runs", folder / "fit.nc", new, "--seed", 4)
    result = bayeslaw(*command, "--out", out, "--ci-prob", "0.5", "--json")
    assert result.code == 0, result.err
    answer = bl.check_new_runs(
        bl.load(folder / "fit.nc"),
        bl.read_runs(new),
        ci_prob=0.5,
        seed=4,
    )
    assert result.json["summary"] == answer.summary
    assert [row["pit"] for row in result.json["runs"]] == answer.frame["pit"].tolist()
    assert pd.read_csv(out)["pit"].tolist() == pytest.approx(answer.frame["pit"].tolist())
    shown = bayeslaw(*command)
    assert "runs lie within their 89% intervals" in shown.out
    assert "pit" in shown.out


def test_the_rolling_origin_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "rows.csv", tmp_path / "rolling.png"
    command = ("rolling-origin", folder / "fit.nc", "--origins", 2)
    result = bayeslaw(*command, "--out", out, "--picture", picture, "--json")
    assert result.code == 0, result.err
    answer = bl.rolling_origin(bl.load(folder / "fit.nc"), origins=2)
    assert result.json["growth"] == answer.growth
    assert result.json["summary"] == answer.summary
    assert len(pd.read_csv(out)) == len(answer.rows)
    assert picture.stat().st_size > 0
    shown = bayeslaw(*command)
    assert answer.summary in " ".join(shown.out.split())
    assert "extrapolation_factor" in shown.out


def test_identify_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "identified.csv"
    command = ("prior-sensitivity", folder / "fit.nc", "--train-flops", "1e22")
    result = bayeslaw(*command, "--out", out, "--json")
    assert result.code == 0, result.err
    posterior = bl.load(folder / "fit.nc")
    best = bl.optimum(posterior, budget=bl.Budget(train_flops=1e22))
    answer = bl.prior_sensitivity(posterior, best)
    assert result.json["summary"] == answer.summary
    assert [row["quantity"] for row in result.json["quantities"]] == [*answer.frame.index]
    assert pd.read_csv(out)["learned"].tolist() == pytest.approx(answer.frame["learned"].tolist())
    shown = bayeslaw(*command)
    assert "softest directions" in shown.out


def test_coefficients_that_vary_by_group_are_asked_for(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs.csv", tmp_path / "fit.nc"
    table = bl.simulate("chinchilla", rows=30, noise_sd=0.01, seed=3).table
    table.assign(family=["a", "b", "c"] * 10).to_csv(runs, index=False)
    quick = ("--draws", 100, "--chains", 2, "--method", "laplace", "--out", out)
    command = ("fit", runs, "--law", "chinchilla", "--group", "family")
    for asked in ("E", "E=family"):
        result = bayeslaw(*command, "--pool", asked, *quick)
        assert result.code == 0, result.err
        saved = bl.load(out)
        assert [(one.parameter, one.column) for one in saved.pool] == [("E", "family")]
    refused(bayeslaw(*command, "--pool", "E=family", "--pool", "alpha", *quick), "--pool", "each")
    refused(bayeslaw(*command, "--pool", "gamma", *quick), "no parameter 'gamma'")


def test_a_check_against_the_fitted_runs_is_told(folder: Path) -> None:
    result = bayeslaw("check-new-runs", folder / "fit.nc", folder / "runs.csv")
    assert "40 of the 40 runs are among those fitted to" in " ".join(result.err.split())


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--cuts", "0.1;0.3"), ("--cuts", "not a list of numbers")),
        (("--cuts", "0.1", "--no-extrapolation"), ("--cuts", "one of the two")),
        (("--cuts", "1.5"), ("1.5", "between 0 and 1")),
        (("--leave", "group"), ("no groups to leave out",)),
    ],
)
@pytest.mark.usefixtures("no_sampling")
def test_bad_options_of_a_comparison(
    folder: Path, options: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    runs = folder / "runs.csv"
    refused(bayeslaw("compare", runs, "--laws", "chinchilla,skaling2026", *options), *parts)
    refused(bayeslaw("nested", runs, "alpha = beta", "--law", "chinchilla", *options), *parts)


def test_the_module_runs_by_itself(folder: Path) -> None:
    result = shell("optimum", folder / "nothing.nc")
    refused(result, "nothing.nc: there is no such file. Fit first")
    result = shell("laws", "list", "--json")
    assert (result.code, result.err) == (0, "")
    assert {"chinchilla", "zhao2025"} <= {law["law"] for law in result.json["laws"]}


# --- help -------------------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    found = {}

    def walk(command: Any, name: str) -> None:
        if hasattr(command, "commands"):
            for part, sub in command.commands.items():
                walk(sub, f"{name} {part}".strip())
        else:
            found[name] = command

    walk(typer.main.get_command(app), "")
    return found


def test_the_promised_commands() -> None:
    assert set(commands()) >= {"simulate", "fit", "summary", "optimum", "predict", "laws list"}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_json_and_an_example(name: str) -> None:
    result = bayeslaw(*name.split(), "--help")
    assert result.code == 0
    assert "--json" in result.out
    text = " ".join(result.out.split())
    assert re.search(rf"Examples?: bayeslaw {name} ", text + " "), text
    # The example's options exist.
    example = text[text.index("Example") :]
    known = {option for param in commands()[name].params for option in param.opts}
    assert set(re.findall(r"--[a-z-]+", example)) <= known


def test_without_arguments_there_is_help() -> None:
    result = bayeslaw()
    assert "Usage: " in result.out + result.err
    for name in ("simulate", "fit", "summary", "optimum", "predict", "laws"):
        assert name in result.out + result.err


@pytest.mark.parametrize(
    "arguments",
    [("fitt",), ("fit",), ("optimum", "fit.nc", "--tokens", "3"), ("simulate", "--rows", "many")],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    result = bayeslaw(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err


def test_laws_are_listed() -> None:
    result = bayeslaw("laws", "list", "--json")
    laws = {law["law"]: law for law in result.json["laws"]}
    assert laws["zhao2025"]["status"] == "secondary"
    assert laws["zhao2025"]["variables"] == "N, N_a, D, G, S"
    assert laws["zhao2025"]["parameters"] == 12
    assert "2509.23678" in laws["zhao2025"]["source"]
    assert laws["chinchilla"]["predicts"] == "loss"
    table = bayeslaw("laws", "list").out
    assert all(name in table for name in laws)


# --- tables of one's own ----------------------------------------------------------------------

MAPPING = """
where = "state == 'done'"
[columns]
N = "N_total"
D = "D1 + D2"
loss = "val loss"
[units]
N = 1073741824
D = 1024
"""


def own_table(folder: Path, path: Path) -> None:
    """The runs of runs.csv under other names, in units that change no digit, and one more row."""
    runs = pd.read_csv(folder / "runs.csv")
    half = runs["D"] / 2048
    table = pd.DataFrame(
        {"N_total": runs["N"] / 2**30, "D1": half, "D2": half, "val loss": runs["loss"]}
    ).assign(state="done")
    crashed = pd.DataFrame(
        [{"N_total": 1, "D1": 1e6, "D2": 1e6, "val loss": 9, "state": "crashed"}]
    )
    pd.concat([table, crashed]).to_csv(path, index=False)


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_columns_units_and_mapping_say_the_same(
    folder: Path, tmp_path: Path, caught: list[tuple[bl.Runs, Any]], command: str
) -> None:
    own, mapping, out = tmp_path / "own.csv", tmp_path / "map.toml", tmp_path / "out.nc"
    own_table(folder, own)
    mapping.write_text(MAPPING)
    options = (
        *("--column", "N=N_total", "--column", "D = D1 + D2", "--column", "loss=val loss"),
        *("--unit", "N=1073741824", "--unit", "D=1024", "--where", "state == 'done'"),
    )
    ways: list[tuple[Path, tuple[object, ...]]] = [
        (folder / "runs.csv", ()),
        (own, options),
        (own, ("--mapping", mapping)),
        # The command line wins over the file, key by key.
        (own, ("--mapping", mapping, "--unit", "D=1024.0")),
    ]
    if command == "fit":
        for table, said in ways:
            result = bayeslaw("fit", table, *said, *FIT, "--out", out, "--json")
            assert result.code == 0, result.err
        assert len({runs.fingerprint for runs, _ in caught}) == 1
        assert len(caught) == len(ways)
        assert caught[0][1] == {
            **{"noise": "student_t", "seed": 1, "chains": 2, "draws": 200, "warmup": 200},
            **{"method": "nuts", "fallback": False, "pool": []},
        }
    else:
        answers = [bayeslaw("predict", folder / "fit.nc", t, *o, "--json").json for t, o in ways]
        assert len(answers[0]["predictions"]) == 40
        for answer in answers:
            assert answer["predictions"] == answers[0]["predictions"]


def test_reading_options_reach_the_table(
    folder: Path, tmp_path: Path, caught: list[tuple[bl.Runs, Any]]
) -> None:
    lines = ["run,step,lr,sweep,N,D,loss"]
    for run, lr, loss in (("a", 1, 3.0), ("b", 2, 2.9)):
        lines += [f"{run},{step},{lr},s,1e9,2e10,{loss - step / 100}" for step in (1, 2)]
    lines.append("c,1,1,t,2e9,2e10,bad")
    table = tmp_path / "sweep.csv"
    table.write_text("\n".join(lines) + "\n")
    result = bayeslaw(
        *("fit", table, "--law", "chinchilla", "--out", tmp_path / "out.nc", "--json"),
        *("--run", "run", "--step", "step", "--best-of", "lr", "--group", "sweep"),
        *("--embeddings", "excluded", "--loss-unit", "bits", "--drop-invalid", "--noise", "normal"),
    )
    assert result.code == 0, result.err
    ((runs, options),) = caught
    assert options["noise"] == "normal"
    assert len(runs) == 1
    assert runs.column("loss")[0] == pytest.approx(2.88 * np.log(2), rel=1e-12)
    assert runs.groups == ("sweep",)
    assert runs.embeddings == "excluded"
    said = {note["code"]: note["message"] for note in result.json["notes"]}
    assert "line 6" in said["rows_dropped"]
    assert "'bad' is not a number" in said["rows_dropped"]


# --- bad input --------------------------------------------------------------------------------

HEADER = "N,N_a,D,G,S,loss"
ROW = "2e9,5e8,2e10,8,0.25,2.7"
CARD = """
name = "mine"
formula = "L = {formula}"
[variables]
N = {{ is = "N" }}
[parameters]
E = {{ on = "{E}", prior = {{ family = "lognormal", median = 1, factor = 2 }} }}
A = {{ on = "{A}", prior = {{ family = "lognormal", median = 1, factor = 2 }} }}
"""


def with_row(row: str) -> str:
    return f"{HEADER}\n{ROW}\n{row}\n{ROW}\n"


def card(formula: str = "E + A/N**0.3", E: str = "E", A: str = "A") -> str:
    return CARD.format(formula=formula, E=E, A=A)


#: Table, what follows ``fit table.csv --out out.nc``, and what the line says.
BAD: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "missing column": (
        "N,N_a,D,G,S\n2e9,5e8,2e10,8,0.25\n",
        (),
        ["table.csv", "the law 'zhao2025' needs 'loss'", "--column"],
    ),
    "misspelt column": (
        with_row(ROW),
        ("--column", "loss=los"),
        ["table.csv, columns loss = 'los': there is no column", "Did you mean 'loss'?"],
    ),
    "text": (
        with_row("2e9,5e8,2e10,8,0.25,2.7?"),
        (),
        ["table.csv, line 3, column 'loss'", "'2.7?' is not a number", "Write a plain number"],
    ),
    "NaN": (with_row("nan,5e8,2e10,8,0.25,2.7"), (), ["line 3, column 'N'", "--drop-invalid"]),
    "empty cell": (with_row("2e9,5e8,2e10,8,0.25,"), (), ["line 3, column 'loss'", "missing"]),
    "infinite": (with_row("2e9,5e8,inf,8,0.25,2.7"), (), ["line 3, column 'D'", "D = inf"]),
    "zero loss": (with_row("2e9,5e8,2e10,8,0.25,0"), (), ["line 3, column 'loss'", "loss = 0"]),
    "negative count": (with_row("2e9,-5e8,2e10,8,0.25,2.7"), (), ["line 3", "N_a = -5"]),
    "N_a above N": (with_row("2e9,5e9,2e10,8,0.25,2.7"), (), ["line 3", "is above N = 2"]),
    "S of one": (with_row("2e9,5e8,2e10,8,1,2.7"), (), ["line 3, column 'S'", "[0, 1)"]),
    "G below one": (with_row("2e9,5e8,2e10,0.5,0.25,2.7"), (), ["line 3, column 'G'", "[1, inf)"]),
    "duplicated header": (f"{HEADER},N\n{ROW},1e9\n", (), ["table.csv", "'N'", "twice"]),
    "empty file": ("", (), ["table.csv", "empty"]),
    "header only": (HEADER + "\n", (), ["table.csv", "no row"]),
    "billions": (
        f"{HEADER}\n2,0.5,20,8,0.25,2.7\n",
        (),
        ["table.csv, line 2", "too small", "--unit N=1e9"],
    ),
    "unit of nothing": (with_row(ROW), ("--unit", "M=1e9"), ["table.csv", "'M'", "no variable"]),
    "unit no number": (with_row(ROW), ("--unit", "N=billions"), ["--unit N: 'billions' is not"]),
    "unit zero": (with_row(ROW), ("--unit", "N=0"), ["unit of N is 0", "--unit N=1e9"]),
    "no equals sign": (with_row(ROW), ("--column", "N"), ["--column: 'N'", "Write NAME=VALUE"]),
    "given twice": (
        with_row(ROW),
        ("--unit", "N=1", "--unit", "N=2"),
        ["--unit: N is given twice"],
    ),
    "column of nothing": (with_row(ROW), ("--column", "N=size"), ["N = 'size'", "no column"]),
    "no mapping": (with_row(ROW), ("--mapping", "map.toml"), ["map.toml", "cannot be read"]),
    "condition": (with_row(ROW), ("--where", "lr > 3"), ["where", "'lr'"]),
    "nothing left": (with_row(ROW), ("--where", "N > 1e12"), ["no row of 3 is left"]),
    "code": (with_row(ROW), ("--column", "N=__import__('os')"), ["table.csv, columns N"]),
    "unknown law": (with_row(ROW), ("--law", "zhao2052"), ["'zhao2052'", "mean 'zhao2025'?"]),
    "no card": (with_row(ROW), ("--law", "mine.toml"), ["mine.toml: cannot be read"]),
    "draws": (with_row(ROW), ("--draws", "150"), ["draws = 150", "multiple of 100"]),
    "chains": (with_row(ROW), ("--chains", "0"), ["chains = 0", "Give a whole number from 1 on"]),
    "embeddings": (with_row(ROW), ("--embeddings", "some"), ["embeddings = 'some'", "'included'"]),
    "step without run": (with_row(ROW), ("--step", "step"), ["without run"]),
}

CARDS: dict[str, tuple[str, list[str]]] = {
    "unknown name": (card("E + A/N**q"), ["card.toml", "'q'", "neither a variable nor"]),
    "forbidden": (card("E + A/__import__(N)"), ["card.toml, formula", "__import__"]),
    "attribute": (card("E + A/N.real"), ["card.toml, formula"]),
    "unreadable": (card("E + A/"), ["card.toml, formula", "cannot be read"]),
    "cycle": (card(E="E / A", A="A / E"), ["E, A are stated on each other in a circle"]),
    "no TOML": ("name = mine", ["card.toml: is not TOML"]),
    "unknown key": ("colour = 'red'\n" + card(), ["card.toml: unknown key 'colour'"]),
}


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize("case", BAD)
def test_bad_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    content, options, parts = BAD[case]
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(content)
    refused(bayeslaw("fit", "table.csv", "--out", "out.nc", *options), *parts)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.usefixtures("no_sampling")
@pytest.mark.parametrize("case", CARDS)
def test_bad_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    content, parts = CARDS[case]
    monkeypatch.chdir(tmp_path)
    Path("card.toml").write_text(content)
    Path("table.csv").write_text("N,loss\n1e9,2.5\n2e9,2.4\n")
    refused(bayeslaw("fit", "table.csv", "--law", "card.toml", "--out", "out.nc"), *parts)


@pytest.mark.usefixtures("no_sampling")
def test_a_table_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(bayeslaw("fit", "no.csv", "--out", "out.nc"), "no.csv: there is no such file")
    Path("runs.xlsx").write_text("x")
    refused(bayeslaw("fit", "runs.xlsx", "--out", "out.nc"), "runs.xlsx", ".csv")


@pytest.mark.parametrize("command", ["summary", "optimum", "predict"])
def test_bad_posteriors(folder: Path, tmp_path: Path, command: str) -> None:
    more = (folder / "runs.csv",) if command == "predict" else ()
    whole = (folder / "fit.nc").read_bytes()
    path = tmp_path / "fit.nc"
    path.write_bytes(whole[: len(whole) // 2])
    refused(bayeslaw(command, path, *more), "fit.nc: is no readable netCDF file", "copy the file")
    refused(bayeslaw(command, folder / "runs.csv", *more), "runs.csv: is no readable netCDF file")
    refused(bayeslaw(command, tmp_path / "no.nc", *more), "no.nc: there is no such file")
    xr.Dataset({"rain": ("day", [1.0])}).to_netcdf(path, engine="h5netcdf")
    refused(bayeslaw(command, path, *more), "not one that bayeslaw wrote")


QUESTIONS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "unbounded": ((), ["no best N and D", "--at N=...", "--train-flops"]),
    "unknown": (("--at", "G=4"), ["chinchilla has no variable 'G'", "N, D"]),
    "no number": (("--at", "N=big"), ["--at N: 'big' is not a number", "Such as 30e9"]),
    "negative": (("--at", "N=-1e9"), ["N = -1e+09 is outside (0, inf)"]),
    "not a number": (("--at", "N=nan"), ["N = nan is outside"]),
    "negative budget": (("--train-flops", "-1e21"), ["train_flops = -1e+21", "positive"]),
    "fixed and free": (("--at", "N=1e9", "--free", "N"), ["N is fixed at 1e+09 and free at once"]),
    "all fixed": (("--at", "N=1e9", "--at", "D=1e10"), ["nothing is left to choose"]),
    "interval": (("--train-flops", "1e21", "--ci-prob", "89"), ["probability 89", "0 and 1"]),
    "at twice": (("--at", "N=1e9", "--at", "N=2e9"), ["--at: N is given twice"]),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_bad_questions(folder: Path, case: str) -> None:
    options, parts = QUESTIONS[case]
    refused(bayeslaw("optimum", folder / "fit.nc", *options), *parts)


def test_bad_predictions(folder: Path, tmp_path: Path) -> None:
    predict = ("predict", folder / "fit.nc")
    (tmp_path / "new.csv").write_text("N,D\n1e9,-2e10\n")
    refused(bayeslaw(*predict, tmp_path / "new.csv"), "new.csv, line 2, column 'D'")
    (tmp_path / "new.csv").write_text("N,tokens\n1e9,2e10\n")
    refused(bayeslaw(*predict, tmp_path / "new.csv"), "needs 'D'", "--column D=tokens")
    refused(
        bayeslaw(*predict, folder / "runs.csv", "--out", tmp_path / "bands.xls"),
        *("bands.xls", "suffix '.xls'", ".csv"),
    )


@pytest.mark.parametrize("command", ["simulate", "fit", "predict"])
def test_a_negative_seed(folder: Path, tmp_path: Path, command: str) -> None:
    runs, out = folder / "runs.csv", tmp_path / "out.csv"
    options = {
        "simulate": ("--law", "chinchilla", "--out", out),
        "fit": (runs, *FIT, "--out", out),
        "predict": (folder / "fit.nc", runs, "--level", "observation"),
    }
    refused(bayeslaw(command, *options[command], "--seed", -1), "seed = -1")


@pytest.mark.usefixtures("no_sampling")
def test_a_seed_that_is_too_large(folder: Path, tmp_path: Path) -> None:
    fit = ("fit", folder / "runs.csv", *FIT, "--seed", 10**22, "--out", tmp_path / "out.nc")
    refused(bayeslaw(*fit), "seed = 1")


# --- files that are written -------------------------------------------------------------------


@pytest.mark.usefixtures("no_sampling")
def test_an_impossible_output_is_refused_before_the_fit(
    folder: Path, tmp_path: Path, caught: list[Any]
) -> None:
    fit = ("fit", folder / "runs.csv", *FIT, "--out")
    refused(bayeslaw(*fit, tmp_path / "no" / "f.nc"), "--out: there is no folder", "Create it")
    refused(bayeslaw(*fit, tmp_path), "is a folder", "Name a file")
    assert caught == []
    predict = ("predict", folder / "fit.nc", folder / "runs.csv", "--out")
    refused(bayeslaw(*predict, tmp_path / "no" / "bands.csv"), "--out: there is no folder")
    simulate = ("simulate", "--law", "chinchilla", "--out")
    refused(bayeslaw(*simulate, tmp_path / "no" / "runs.csv"), "--out: there is no folder")
    refused(bayeslaw(*simulate, tmp_path / "runs.xls"), "suffix '.xls'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("caught")
@pytest.mark.parametrize("command", ["fit", "predict"])
def test_an_input_is_no_output(folder: Path, tmp_path: Path, command: str) -> None:
    table = tmp_path / "runs.csv"
    table.write_bytes((folder / "runs.csv").read_bytes())
    given = {"fit": (table, *FIT), "predict": (folder / "fit.nc", table)}[command]
    refused(bayeslaw(command, *given, "--out", table), "runs.csv")


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("N,D\n")
    out = tmp_path / "runs.csv" / "more.csv"
    refused(bayeslaw("simulate", "--law", "chinchilla", "--out", out), "more.csv")


def test_a_file_for_the_folder_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    refused(bayeslaw("demo", "--out", tmp_path / "demo"), "demo")


def test_what_was_there_survives_a_failing_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.nc"
    kept.write_bytes(b"an earlier posterior")
    bad = tmp_path / "bad.csv"
    bad.write_text("N,D,loss\n1e9,2e10,0\n")
    refused(bayeslaw("fit", bad, *FIT, "--out", kept), "loss = 0")
    refused(bayeslaw("fit", folder / "runs.csv", *FIT, "--draws", 10, "--out", kept), "draws = 10")

    def fails(*args: Any, **options: Any) -> None:
        raise bl.BayesLawError("the density is finite nowhere")

    monkeypatch.setattr(importlib.import_module("bayeslaw.inference.fit"), "find_mode", fails)
    refused(bayeslaw("fit", folder / "runs.csv", *FIT, "--out", kept), "finite nowhere")
    refused(bayeslaw("predict", folder / "fit.nc", bad, "--column", "N=M", "--out", kept), "'M'")
    assert kept.read_bytes() == b"an earlier posterior"
    assert {path.name for path in tmp_path.iterdir()} == {"kept.nc", "bad.csv"}


#: A fit that tells of its progress on standard output.
TELLING = """
import importlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
sampling = importlib.import_module("bayeslaw.inference.sampling")
nuts = sampling.nuts
def telling(*args, report, **options):
    def told(done):
        print(done, flush=True)
        report(done)
    return nuts(*args, report=told, **options)
sampling.nuts = telling
from bayeslaw.cli.app import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="interrupts are signals")
def test_an_interrupted_fit_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.nc"
    kept.write_bytes(b"an earlier posterior")
    command = ["fit", folder / "runs.csv", "--law", "chinchilla", "--draws", 10**7, "--out", kept]
    process = subprocess.Popen(
        [sys.executable, "-c", TELLING, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) > 0:  # iterations: the sampler is at work
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=40)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode not in (0, None)
    assert "Traceback" not in err
    assert kept.read_bytes() == b"an earlier posterior"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.nc"]


# --- JSON -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpublished(folder: Path) -> Path:
    """A posterior of a law without published coefficients, with a few absurd draws."""
    posterior = bl.load(folder / "fit.nc")
    parts = dict(posterior.law.card)
    del parts["coefficients"], parts["checks"]
    rhat = np.full_like(posterior.draws["noise_df"], np.inf)
    path = folder / "unpublished.nc"
    replace(posterior, law=bl.Law(parts, "own"), draws={**posterior.draws, "noise_df": rhat}).save(
        path
    )
    return path


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, on infinite draws
def test_what_is_not_finite_is_null(unpublished: Path) -> None:
    summary = bayeslaw("summary", unpublished, "--json")
    assert summary.json["coefficients"]["alpha"]["published"] is None
    assert summary.json["coefficients"]["noise_df"]["median"] is None
    assert not re.search(r"\b(NaN|Infinity|nan|inf)\b", summary.out)
    optimum = bayeslaw("optimum", unpublished, "--train-flops", "1e22", "--json")
    assert optimum.json["quantities"]["N"]["published"] is None


def test_plain_values() -> None:
    from bayeslaw.cli.show import plain

    given = {
        1: [np.float64(2.5), np.nan, np.inf, -np.inf],
        "i": np.int64(3),
        "b": np.bool_(True),
        "t": ("x", None, [np.float32(np.nan)]),
    }
    expected = {"1": [2.5, None, None, None], "i": 3, "b": True, "t": ["x", None, [None]]}
    assert plain(given) == expected
    assert json.dumps(plain(given), allow_nan=False)


# --- strict -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def doubtful(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A posterior with an error-level note."""
    note = bl.Note("divergences", "error", "41 divergent transitions: not all of it was seen")
    path = tmp_path_factory.mktemp("doubtful") / "fit.nc"
    bl.load(folder / "fit.nc").with_notes(note).save(path)
    return path


@pytest.mark.parametrize("name", commands())
def test_every_command_can_be_strict(name: str) -> None:
    assert "--strict" in bayeslaw(*name.split(), "--help").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("summary",),
        ("optimum", "--train-flops", "1e22"),
        ("frontier", "--first", "1e21", "--last", "1e22"),
        ("decide", "--candidates", "runs.csv"),
        ("predict", "runs.csv"),
    ],
)
@pytest.mark.parametrize("told", [(), ("--json",)])
def test_an_error_among_the_notes_is_shown_and_strict_ends_with_3(
    doubtful: Path, folder: Path, arguments: tuple[str, ...], told: tuple[str, ...]
) -> None:
    name, *rest = [folder / word if word == "runs.csv" else word for word in arguments]
    lax = bayeslaw(name, doubtful, *rest, *told)
    strict = bayeslaw(name, doubtful, *rest, *told, "--strict")
    assert (lax.code, strict.code) == (0, 3), strict.err
    assert strict.out == lax.out
    assert "41 divergent transitions" in (strict.out if told else strict.err)


def test_strict_without_an_error_is_status_0(folder: Path) -> None:
    notes = bl.load(folder / "fit.nc").notes
    bad = any(note.severity == "error" for note in notes)
    assert bayeslaw("laws", "list", "--strict").code == 0
    assert bayeslaw("summary", folder / "fit.nc", "--strict").code == (3 if bad else 0)


# --- calibrate --------------------------------------------------------------------------------

CALIBRATE = ("--method", "laplace", "--draws", 500, "--tables", 2)


def test_calibrate_is_the_one_in_python(folder: Path, tmp_path: Path) -> None:
    keep, out, picture = tmp_path / "rounds", tmp_path / "q.csv", tmp_path / "c.png"
    result = bayeslaw(
        *("calibrate", folder / "runs.csv", "--law", "chinchilla", *CALIBRATE, "--seed", 4),
        *("--train-flops", "1e22", "--folder", keep, "--out", out, "--picture", picture, "--json"),
    )
    assert result.code == 0, result.err
    expected = bl.calibrate(
        bl.read_runs(folder / "runs.csv"),
        "chinchilla",
        tables=2,
        budget=bl.Budget(train_flops=1e22),
        method="laplace",
        draws=500,
        seed=4,
    )
    assert result.json["summary"] == expected.summary
    assert result.json["kept"] == expected.kept.sum()
    assert len(pd.read_csv(out)) == len(expected.quantities) == len(result.json["quantities"])
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert len(list(keep.iterdir())) == 1


def test_calibrate_takes_a_posterior_and_says_it_in_words(folder: Path) -> None:
    result = bayeslaw("calibrate", folder / "fit.nc", *CALIBRATE)
    assert result.code == 0, result.err
    assert "2 tables of 40 runs of chinchilla, truths from the posterior" in result.out
    refused(bayeslaw("calibrate", "at_random", "--law", "chinchilla"), "unknown design 'at_random'")


# --- the demonstration ------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["table", "json"])
def test_the_demo(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    posterior = bl.load(folder / "zhao.nc")
    seen = []

    def instead(runs: bl.Runs, law: str, **options: Any) -> bl.Posterior:
        seen.append(runs)
        return posterior

    monkeypatch.setattr(bl, "fit", instead)
    if told == "json":
        # Pictures take most of the time, and are the same.
        png = b"\x89PNG"
        monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: path.write_bytes(png))
    out = tmp_path / "demo"
    result = bayeslaw("demo", "--out", out, *(("--json",) if told == "json" else ()))
    assert result.code == 0, result.err
    assert len(seen[0]) == 446
    names = ["runs.csv", "fit.nc", "overview.png", "posterior.png", "optimum.png", "band.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert all((out / name).read_bytes()[:4] == b"\x89PNG" for name in names[2:])
    assert bl.read_runs(out / "runs.csv").fingerprint == seen[0].fingerprint
    assert "Design and losses below are simulated: 446 runs" in result.err
    if told == "json":
        assert result.json["files"] == [str(out / name) for name in names]
        assert len(result.json["answers"]) == 2
        return
    rows = [line.split() for line in result.out.splitlines() if re.match(r"\s*(30B|671B) ", line)]
    assert [row[:2] for row in rows] == [
        [size, name] for size in ("30B", "671B") for name in ("G", "S", "N_a/N")
    ]
    published = {(row[0], row[1]): float(row[5]) for row in rows}
    assert published["30B", "G"] == pytest.approx(6.778, abs=5e-4)
    assert published["30B", "S"] == pytest.approx(0.3148, abs=5e-5)
    assert published["30B", "N_a/N"] == pytest.approx(0.401, abs=5e-4)
    assert published["671B", "N_a/N"] == pytest.approx(0.220, abs=5e-4)
    for name in names:
        assert str(out / name) in result.out
