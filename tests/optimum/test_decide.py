"""Ranking legal configurations: expected loss, regret, and which are as good as the best."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli.app import app
from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.core.quantities import count

AT = {"N": 1e9, "N_a": 1e8, "D": 1e10}


@pytest.fixture(scope="module")
def decision(posterior: bl.Posterior) -> bl.Decision:
    return bl.decide(posterior, bl.expert_grid(), at=AT)


def test_the_lattice_counts_experts() -> None:
    table = bl.expert_grid(routed=[2, 8], shared=[0, 1])
    assert list(table.index) == ["2+0", "2+1", "8+0", "8+1"]
    assert table.loc["8+1"].to_dict() == {
        "K": 8.0,
        "shared": 1.0,
        "G": 9.0,
        "S": pytest.approx(1 / 9),
    }
    assert (table["S"] < 1).all()


def test_expected_loss_and_regret_are_those_of_the_draws(
    posterior: bl.Posterior, decision: bl.Decision
) -> None:
    """Written out once more: means over draws of the law's value and of its excess."""
    table = bl.expert_grid()
    raw = {name: values[:, None] for name, values in posterior.coefficients().items()}
    G, S = table["G"].to_numpy(), table["S"].to_numpy()
    shape = raw["e"] * G + raw["f"] / G + raw["m"] * S**2 + raw["n"] * S
    room = AT["N"] ** -raw["alpha"] + raw["k"] * AT["N_a"] ** -raw["alpha"] + raw["h"] * 0.1
    rest = (
        raw["a"] * AT["N"] ** -raw["alpha"]
        + raw["b"] * AT["D"] ** -raw["beta"]
        + raw["c"] * AT["N_a"] ** -raw["alpha"]
        + raw["epsilon"]
    )
    loss = shape * room + rest
    regret = loss - loss.min(axis=1, keepdims=True)
    found = decision.frame.loc[table.index]
    np.testing.assert_allclose(found["expected"], loss.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["regret"], regret.mean(axis=0), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found["p_near_optimal"], (regret < 0.001).mean(axis=0), atol=1e-12)
    best = (loss == loss.min(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(found["p_best"], best, atol=1e-12)


def test_the_order_is_that_of_expected_loss(decision: bl.Decision) -> None:
    assert (np.diff(decision.frame["expected"]) >= 0).all()
    assert (np.diff(decision.frame["regret"]) >= -1e-12).all()
    assert decision.best == decision.frame.index[0]
    assert decision.frame["p_best"].sum() == pytest.approx(1)


def test_it_finds_what_the_published_law_says(decision: bl.Decision) -> None:
    """G* = 6.78 and S* = .315: 5+2 experts have G = 7 and S = .286, the nearest legal pair.

    Leaving it costs what statistics.md lists: .062 nats at G = 1, .0060 at S = 0, within the
    posterior's spread.
    """
    assert decision.best == "5+2"
    near = set(decision.near_optimal.index)
    assert {"5+2", "4+2"} <= near
    assert {"1+0", "8+0", "16+1"} & near == set()
    regret = decision.frame["regret"]
    assert regret["1+0"] == pytest.approx(0.062 + 0.006, abs=0.01)
    assert regret["7+0"] == pytest.approx(0.006, abs=0.002)


def test_a_wider_tolerance_takes_in_more(posterior: bl.Posterior) -> None:
    sizes = [
        len(bl.decide(posterior, bl.expert_grid(), at=AT, regret_tolerance=tolerance).near_optimal)
        for tolerance in (1e-4, 1e-3, 1e-2, 1.0)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == len(bl.expert_grid())


def test_a_budget_leaves_the_rest_for_tokens(posterior: bl.Posterior) -> None:
    sizes = pd.DataFrame({"N_a": [1e9, 2e9, 4e9]}, index=["s", "m", "l"])
    answer = bl.decide(
        posterior, sizes, at={"N": 1e10, "G": 7, "S": 0.3}, budget=bl.Budget(train_flops=1e21)
    )
    found = answer.frame.loc[sizes.index]
    np.testing.assert_allclose(6 * found["N_a"] * found["D"], 1e21, rtol=1e-12)
    # The best of three sizes is the best of the same three given with their tokens.
    spelt = sizes.assign(D=1e21 / (6 * sizes["N_a"]))
    other = bl.decide(posterior, spelt, at={"N": 1e10, "G": 7, "S": 0.3})
    assert list(other.frame.index) == list(answer.frame.index)
    np.testing.assert_allclose(other.frame["expected"], answer.frame["expected"], rtol=1e-12)


def test_what_is_not_the_laws_is_carried_along(posterior: bl.Posterior) -> None:
    table = bl.expert_grid([4, 8], [0]).assign(gpu_hours=[100.0, 120.0])
    answer = bl.decide(posterior, table, at=AT)
    assert answer.frame["gpu_hours"].to_dict() == {"4+0": 100.0, "8+0": 120.0}
    assert list(table.columns) == ["K", "shared", "G", "S", "gpu_hours"]


def test_more_may_be_better() -> None:
    runs = bl.simulate("tian2025", rows=100, noise_sd=0.005, seed=2)
    posterior = bl.fit(runs, "tian2025", method="laplace", seed=1)
    grain = {"granularity": [4.0, 22.0, 120.0], "activation": 0.03, "C": 1e22}
    answer = bl.decide(posterior, grain, regret_tolerance=0.1)
    assert answer.best == 1
    assert (np.diff(answer.frame["expected"]) <= 0).all()
    assert (answer.frame["regret"] >= 0).all()


def test_what_was_not_said_is_held_and_named(posterior: bl.Posterior) -> None:
    answer = bl.decide(posterior, bl.expert_grid(), at={"N": 1e9, "N_a": 1e8})
    (note,) = [note for note in answer.notes if note.code == "held_at_reference"]
    assert note.message.startswith("fixed at the reference run")
    assert note.message.endswith(f"D = {count(posterior.reference.at['D'], 4)}")
    assert answer.at == {"N": 1e9, "N_a": 1e8, "D": posterior.reference.at["D"]}


def test_an_order_that_is_the_priors_says_so(posterior: bl.Posterior) -> None:
    flat = replace(
        posterior,
        runs=replace(posterior.runs, table=posterior.runs.table.assign(S=0.0)),
    )
    codes = {note.code: note for note in bl.decide(flat, bl.expert_grid(), at=AT).notes}
    assert "differ in S, which never varied" in codes["prior_only"].message
    far = bl.decide(posterior, bl.expert_grid(), at={**AT, "N": 1e12, "N_a": 1e11})
    codes = {note.code: note for note in far.notes}
    assert "times beyond the runs in N" in codes["extrapolation"].message


def test_two_that_are_the_same_are_a_close_call(posterior: bl.Posterior) -> None:
    twice = pd.DataFrame({"G": [7.0, 7.0], "S": [0.3, 0.3]}, index=["one", "two"])
    answer = bl.decide(posterior, twice, at=AT)
    assert answer.frame["near_optimal"].all()
    assert "close_call" in {note.code for note in answer.notes}
    apart = pd.DataFrame({"G": [7.0, 1.0], "S": [0.3, 0.3]})
    assert "close_call" not in {note.code for note in bl.decide(posterior, apart, at=AT).notes}


def test_what_cannot_be_ranked_is_named(posterior: bl.Posterior) -> None:
    table = bl.expert_grid()
    for wrong, at, budget, said in (
        (table, {"G": 3}, None, "G is fixed and a column"),
        (table, {"Q": 3}, None, "no variable 'Q'"),
        (table, {"N": -1}, None, r"N = -1 is outside \(0, inf\)"),
        (table.iloc[:0], AT, None, "no configurations"),
        (pd.DataFrame({"q": [1.0]}), AT, None, "give no variable of zhao2025"),
        (table, AT, 1e21, "has no free variable"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.decide(posterior, wrong, at=at, budget=bl.Budget(train_flops=budget))
    with pytest.raises(RequestError, match=r"regret_tolerance = 0\. Give a positive number"):
        bl.decide(posterior, table, at=AT, regret_tolerance=0)
    with pytest.raises(TableError, match="S"):
        bl.decide(posterior, {"G": [2.0, 3.0], "S": [0.5, 1.5]}, at=AT)


def test_regret_in_flops_is_what_the_best_could_do_without(posterior: bl.Posterior) -> None:
    """Trained on so many tokens fewer, the first is as bad in expectation as the other one."""
    flops = 1e22
    at, budget = {"N": 30e9, "N_a": 3e9}, bl.Budget(train_flops=flops)
    table = {"G": [7.0, 4.0, 2.0], "S": [0.3, 0.3, 0.0]}
    answer = bl.decide(posterior, table, at=at, budget=budget)
    assert answer.frame["regret_flops"].iloc[0] == 0
    for _, row in answer.frame.iloc[1:].iterrows():
        left = flops - row["regret_flops"]
        first = answer.frame.iloc[0]
        place = {**at, "G": first["G"], "S": first["S"], "D": left / (6 * at["N_a"])}
        fewer = posterior.evaluate({name: np.array([value]) for name, value in place.items()})
        # Between the points at which the first is asked, a line in the logarithm.
        assert fewer.mean() == pytest.approx(row["expected"], abs=2e-5)


def test_configurations_beyond_a_cap_are_left_out(posterior: bl.Posterior) -> None:
    table = pd.DataFrame({"N": [1e10, 3e10, 9e10], "N_a": 3e9, "G": 7.0, "S": 0.3})
    table.index = pd.Index(["small", "middle", "large"])
    answer = bl.decide(posterior, table, at={"D": 1e11}, budget=bl.Budget(max_memory=60e9))
    assert set(answer.frame.index) == {"small", "middle"}
    (note,) = [note for note in answer.notes if note.code == "left_out"]
    assert "1 of 3 configurations are excluded (large)" in note.message
    with pytest.raises(RequestError, match="none of 3 configurations satisfies max_params"):
        bl.decide(posterior, table, at={"D": 1e11}, budget=bl.Budget(max_params=1e9))
    with pytest.raises(RequestError, match="have 'E', which E <= 8 limits"):
        bl.decide(posterior, table, at={"D": 1e11}, budget=bl.Budget(caps={"E": 8}))


def test_a_cost_of_ones_own_marks_what_is_efficient(posterior: bl.Posterior) -> None:
    """Of four, one is dearer and worse than another."""
    table = pd.DataFrame({"G": [7.0, 4.0, 2.0, 1.0], "S": 0.3, "cost": [10.0, 5.0, 6.0, 1.0]})
    answer = bl.decide(posterior, table, at=AT)
    efficient = answer.frame.sort_index()["efficient"].tolist()
    assert efficient == [True, True, False, True]


def test_lifetime_in_a_decision(posterior: bl.Posterior) -> None:
    """6 N_a D + 2 N_a T is spent on each configuration by itself."""
    table = {"N_a": [2e9, 4e9], "G": [7.0, 7.0], "S": [0.3, 0.3]}
    budget = bl.Budget(lifetime_flops=1e23, inference_tokens=1e12)
    answer = bl.decide(posterior, table, at={"N": 30e9}, budget=budget)
    spent = 6 * answer.frame["N_a"] * answer.frame["D"] + 2 * answer.frame["N_a"] * 1e12
    np.testing.assert_allclose(spent, 1e23, rtol=1e-9)


def test_the_command_says_the_same(posterior: bl.Posterior, tmp_path: Path) -> None:
    fit, out, picture = (tmp_path / name for name in ("fit.nc", "ranking.csv", "ranking.png"))
    posterior.save(fit)
    asked = [*("decide", str(fit)), *(f"--at={name}={value:g}" for name, value in AT.items())]
    result = CliRunner().invoke(app, [*asked, "--json"])
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["configurations"][0]["label"] == "5+2"
    assert data["regret_tolerance"] == 0.001
    table = tmp_path / "configs.csv"
    table.write_text("name,G,S\na,7,0.3\nb,2,0\n", encoding="utf-8")
    more = [f"--candidates={table}", f"--out={out}", f"--picture={picture}"]
    shown = CliRunner().invoke(app, [*asked, *more])
    assert shown.exit_code == 0, shown.output
    assert "1 of 2 have a regret below 0.001 with probability 0.89" in shown.stdout
    assert pd.read_csv(out)["name"].tolist() == ["a", "b"]
    assert picture.stat().st_size > 5000


def test_the_picture_shows_the_first_and_the_limit(decision: bl.Decision) -> None:
    figure = bl.plots.decision(decision, most=6)
    left, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == list(decision.frame.index[:6])
    widths = sorted(bar.get_width() for bar in left.patches)
    np.testing.assert_allclose(widths, sorted(decision.frame["regret"][:6]), atol=1e-12)
    assert len(right.patches) == 6
