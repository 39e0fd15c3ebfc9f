"""Runs to train next, on fits whose answers follow from their design."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.design.beyond import error_beyond
from bayeslaw.design.misfit import EXPECTED_SHARE, smooth_shares
from bayeslaw.model.extrapolation import field_prior
from bayeslaw.runs.reach import Reach

BUDGET = bl.Budget(train_flops=1e24)
COSTS = 1e21
ASKED: dict[str, Any] = {
    "target_budget": BUDGET,
    "budget": COSTS,
    "refits": 20,
    "seed": 1,
    "max_replicates": 1,
}


class Counting(ThreadPoolExecutor):
    """Threads that count what they are given."""

    batches = 0

    def submit(self, *args: Any, **options: Any) -> Any:
        self.batches += 1
        return super().submit(*args, **options)


def fitted(law: str, runs: bl.Runs) -> bl.Posterior:
    return bl.fit(runs, law, method="laplace", chains=1, seed=1, progress=False)


@pytest.fixture(scope="module")
def dense() -> bl.Posterior:
    return fitted("chinchilla", bl.simulate("chinchilla", rows=30, noise_sd=0.003, seed=2))


@pytest.fixture(scope="module")
def answer(dense: bl.Posterior) -> bl.NextRuns:
    return bl.next_runs(dense, "N", **ASKED)


def test_the_runs_keep_budget_number_and_replicates(answer: bl.NextRuns) -> None:
    frame = answer.frame
    assert 1 <= len(frame) <= 10
    assert answer.cost == pytest.approx(frame["cost"].sum())
    assert answer.cost <= COSTS
    np.testing.assert_allclose(frame["cost"], 6 * frame["N"] * frame["D"])
    np.testing.assert_allclose(frame["total_cost"], frame["cost"].cumsum())
    assert not frame.duplicated(["N", "D"]).any()
    assert (answer.candidates["chosen"] > 0).sum() == len(frame)


def test_widths_fall_and_beat_other_designs(answer: bl.NextRuns) -> None:
    ends = answer.path.groupby("design")["width"].last()
    assert (np.diff(answer.frame["width"]) <= 1e-12).all()
    assert ends["chosen"] == pytest.approx(answer.promised)
    assert answer.promised < min(ends["random"], ends["iso-FLOP grid"])
    assert answer.path.groupby("design")["width"].first().to_numpy() == pytest.approx(answer.width)
    assert answer.path["cost"].max() <= COSTS


def test_refits_of_imagined_outcomes_obtain_what_is_promised(answer: bl.NextRuns) -> None:
    assert answer.obtained is not None
    assert answer.obtained_error is not None
    # First order, with the share of misfit as it was: within a quarter over several seeds.
    assert answer.obtained == pytest.approx(
        answer.promised, rel=0.25, abs=4 * answer.obtained_error
    )
    assert answer.obtained < answer.width
    assert "imagined outcomes obtain" in answer.summary


def test_an_executor_obtains_the_same_widths(dense: bl.Posterior, answer: bl.NextRuns) -> None:
    with Counting(1) as executor:
        spread = bl.next_runs(dense, "N", **ASKED, executor=executor)
    assert executor.batches == 4
    assert spread.obtained == pytest.approx(answer.obtained, rel=1e-6)


def test_runs_are_chosen_with_the_error_of_the_law_beyond_its_runs(dense: bl.Posterior) -> None:
    # Within the runs, and one and four doublings beyond them in tokens and compute, or in size.
    runs = dense.runs
    largest = runs.table.loc[(runs.table["N"] * runs.table["D"]).idxmax()]
    factors = np.array([1.0, 2.0, 16.0])
    columns = {"N": np.full(3, largest["N"]), "D": largest["D"] * factors}
    doublings = Reach.of(runs, ["N", "D"]).doublings(columns)
    block, variance = error_beyond(dense, columns, EXPECTED_SHARE)
    prior = field_prior()
    assert doublings[0] == 0
    assert doublings[2] >= 4 - 1e-9
    # Root mean square of a log-normal scale times a Student-t.
    rng = np.random.default_rng(0)
    scale = prior.scale * np.exp(prior.spread * rng.standard_normal(400_000))
    size = np.sqrt(np.mean((scale * rng.standard_t(prior.degrees, 400_000)) ** 2))
    np.testing.assert_allclose(np.sqrt(variance), size * doublings**prior.power, rtol=0.05)
    places = np.arange(3)
    np.testing.assert_allclose(np.diag(block(places, places)), variance)
    # A law without misfit within its runs errs less beyond them.
    np.testing.assert_allclose(error_beyond(dense, columns, 0.0)[1], 0.0)


def test_the_same_seed_gives_the_same_runs(dense: bl.Posterior) -> None:
    one, two = (bl.next_runs(dense, "N", target_budget=BUDGET, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.frame, two.frame)
    assert one.to_dict() == two.to_dict()
    assert {"summary", "runs", "path", "regret", "stop", "notes"} <= set(one.to_dict())


def test_a_predicted_loss_is_narrowed_by_runs_towards_it(dense: bl.Posterior) -> None:
    there = {"N": 1e11, "D": 1e12}
    by_name = bl.next_runs(dense, "loss", at=there, budget=COSTS)
    same = bl.next_runs(dense, there, budget=COSTS)
    pd.testing.assert_frame_equal(by_name.frame, same.frame)
    low, high = dense.predict({"N": [1e11], "D": [1e12]})[["low", "high"]].to_numpy()[0]
    assert by_name.interval[1:] == pytest.approx((low, high), rel=2e-3)
    assert by_name.regret is None


def test_a_difference_and_a_choice(dense: bl.Posterior) -> None:
    two = [{"N": 1e11, "D": 1e12}, {"N": 2e11, "D": 5e11}]
    difference = bl.next_runs(dense, two, budget=COSTS)
    logs = np.log(dense.evaluate({"N": np.array([1e11, 2e11]), "D": np.array([1e12, 5e11])}))
    median = np.exp(np.median(logs[:, 0] - logs[:, 1]))
    assert difference.interval[0] == pytest.approx(median, rel=1e-6)
    choice = bl.next_runs(dense, pd.DataFrame(two), budget=COSTS, least_gain=0.0)
    assert choice.regret is not None
    expected = bl.decide(dense, pd.DataFrame(two)).frame["regret"].iloc[0]
    # Sampled draws are a thousand evenly spaced ones.
    assert choice.regret.now == pytest.approx(expected, rel=0.2, abs=1e-6)
    assert 0 <= choice.regret.after <= choice.regret.now


def test_runs_that_tell_laws_apart_count(dense: bl.Posterior) -> None:
    # Two opinions that differ in the cost of small models, as different laws would.
    draws = {**dense.draws, "A": 1.3 * dense.draws["A"]}
    mixture = bl.average_laws([dense, replace(dense, draws=draws)])
    there = {"N": 5e7, "D": 1e12}
    found = bl.next_runs(mixture, there, budget=COSTS, refits=2)
    alone = bl.next_runs(dense, there, budget=COSTS)
    assert found.width > 2 * alone.width
    table = found.candidates
    assert table["N"][table["gain"].idxmax()] < table["N"].quantile(0.1)
    assert found.promised < 0.5 * found.width
    assert found.obtained is not None
    assert found.obtained < 0.5 * found.width


def test_a_study_answers_with_its_mixture(dense: bl.Posterior) -> None:
    error = dense.with_extrapolation_error()
    plain = bl.next_runs(dense, {"N": 1e11, "D": 1e12})
    widened = bl.next_runs(error, {"N": 1e11, "D": 1e12})
    assert widened.width > 1.5 * plain.width


def test_own_candidates_and_costs(dense: bl.Posterior) -> None:
    table = pd.DataFrame({"N": [1e8, 1e9, 4e9], "D": 2e10, "cost": [3.0, 1.0, 2.0], "who": "abc"})
    found = bl.next_runs(dense, "N", target_budget=BUDGET, candidates=table, budget=3.0)
    assert found.unit == "cost"
    assert found.cost <= 3.0
    assert list(found.frame["who"].unique()) == ["abc"]
    priced = bl.next_runs(
        dense, "N", target_budget=BUDGET, candidates=table, cost="6*N*D", budget=1e21
    )
    np.testing.assert_allclose(priced.frame["cost"], 6 * priced.frame["N"] * priced.frame["D"])


def test_drawn_candidates_have_sizes_of_the_runs_and_whole_experts() -> None:
    runs = bl.simulate("zhao2025", rows=60, seed=3)
    found = bl.next_runs(fitted("zhao2025", runs), "S", at={"N": 30e9}, budget=1e21)
    table = found.candidates
    for name in ("N", "N_a", "D"):
        assert table[name].min() >= runs.column(name).min() * (1 - 1e-9)
        assert table[name].max() <= runs.column(name).max() * (1 + 1e-9)
    shared = table["S"] * table["G"]
    np.testing.assert_allclose(shared, shared.round(), atol=1e-9)
    assert (table["N_a"] <= table["N"]).all()
    assert found.scale == "its own unit"
    assert found.width == pytest.approx(found.interval[2] - found.interval[1])


def test_a_batch_that_gains_too_little_says_stop(dense: bl.Posterior) -> None:
    options: dict[str, Any] = {"target_budget": BUDGET, "budget": COSTS}
    assert bl.next_runs(dense, "N", **options, least_gain=1.0).stop
    found = bl.next_runs(dense, "N", **options, least_gain=0.0)
    assert not found.stop
    assert found.reason.startswith("Train: ")
    assert bl.next_runs(dense, "N", **options, least_gain=0.0, worth=1.0).stop


def test_smooth_residuals_are_told_from_noise() -> None:
    runs = bl.simulate("chinchilla", rows=120, noise_sd=0.002, seed=5)
    x = np.log(runs.column("N"))
    wave = 0.004 * np.sin(2.5 * (x - x.mean()) / x.std())
    bent = replace(runs, table=runs.table.assign(loss=runs.column("loss") * np.exp(wave)))
    shares = np.array([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99])
    for table, low, high in ((runs, 0.0, 0.3), (bent, 0.6, 1.0)):
        names = ("N", "D")
        logs = np.log(np.stack([table.column(name) for name in names], axis=1))
        inputs = (logs - logs.mean(axis=0)) / logs.std(axis=0)
        chances = smooth_shares(fitted("chinchilla", table), inputs)
        assert chances.sum() == pytest.approx(1.0)
        assert low <= float(shares @ chances.sum(axis=1)) <= high


BAD: list[tuple[Any, dict[str, Any], tuple[str, ...]]] = [
    ("E", {"at": {"N": 1e11}}, ("chinchilla has no variable 'E'", "There are: N, D")),
    ("N", {"target_budget": BUDGET, "budget": 1e9}, ("below the cheapest candidate", "Give more")),
    ("N", {"target_budget": BUDGET, "candidates": {"N": [1e9]}}, ("lack D", "Give a column D")),
    ("loss", {}, ("loss of what", "at={")),
    ({"N": -1.0}, {}, ("outside",)),
    ({"G": 1.0}, {}, ("no law has a variable 'G'",)),
    ([{"N": 1e9}] * 3, {}, ("3 configurations", "table")),
    ("N", {"target_budget": BUDGET, "ranges": {"N": (2.0, 1.0)}}, ("ranges", "low and high")),
    ("N", {"target_budget": BUDGET, "batch": 0}, ("batch = 0",)),
    ("N", {"target_budget": BUDGET, "worth": -1.0}, ("worth = -1.0",)),
    (
        "N",
        {"target_budget": BUDGET, "candidates": pd.DataFrame({"N": [1e9], "D": 1e9, "cost": 0.0})},
        ("cost = 0", "positive"),
    ),
]


@pytest.mark.parametrize(("target", "options", "parts"), BAD)
def test_bad_input(
    dense: bl.Posterior, target: Any, options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises(bl.BayesLawError) as caught:
        bl.next_runs(dense, target, **options)
    for part in ("next_runs", *parts):
        assert part in str(caught.value)


def test_a_target_that_never_varies_names_the_variable() -> None:
    runs = bl.simulate("zhao2025", rows=60, seed=3)
    flat = replace(runs, table=runs.table.assign(S=0.25))
    posterior = fitted("zhao2025", flat)
    pool = {"N": [1e9, 2e9], "N_a": 2e8, "D": [1e10, 2e10], "G": 4, "S": 0.25}
    with pytest.raises(bl.BayesLawError, match=r"prior only\): S is 0.25 .* that vary S"):
        bl.next_runs(posterior, "S", at={"N": 30e9}, candidates=pool)
    # Drawn candidates vary it over the card's range.
    found = bl.next_runs(posterior, "S", at={"N": 30e9})
    assert found.frame["S"].nunique() > 1
