"""Effective speedup: the closed form, simulated recipes of known speedup, and its coverage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli.app import app
from bayeslaw.core.errors import RequestError

mpl.use("Agg")

LAW = bl.law("marin2026")
FAST: dict[str, Any] = {"method": "laplace", "seed": 1, "progress": False}
PAIR: dict[str, Any] = {"by": "recipe", "variant": "wide", "baseline": "v16"}
BUDGETS = np.geomspace(1e18, 3e20, 6)


def table(times: float, seed: int, *, noise_sd: float = 0.002, **wide: float) -> bl.Runs:
    """Six runs of v16 and six of a variant that counts as more compute, or has other values."""
    rng = np.random.default_rng(seed)
    variant = LAW.predict(coefficients={**LAW.published(), **wide}, C=times * BUDGETS)
    losses = np.concatenate([LAW.predict(C=BUDGETS), variant])
    measured = losses * np.exp(noise_sd * rng.standard_normal(12))
    names = ["v16"] * 6 + ["wide"] * 6
    columns = {"C": np.tile(BUDGETS, 2), "loss": measured, "recipe": names}
    return bl.read_runs(pd.DataFrame(columns), loss_unit="nats")


@pytest.fixture(scope="module")
def fits() -> dict[Any, bl.Posterior]:
    return bl.fit_by_group(table(1.25, 3), LAW, by="recipe", **FAST)


def known(posterior: bl.Posterior, **raw: float | np.ndarray) -> bl.Posterior:
    """The posterior with draws of known coefficients."""
    shape = posterior.draws["A"].shape
    draws = {name: np.broadcast_to(value, shape) for name, value in raw.items()}
    return replace(posterior, draws={**posterior.draws, **draws})


def test_with_one_floor_and_exponent_it_is_the_closed_form(fits: dict[Any, bl.Posterior]) -> None:
    """((L_baseline - floor) / (L_variant - floor))**(1/alpha) at any budget, and at any loss."""
    rng = np.random.default_rng(4)
    shape = fits["v16"].draws["A"].shape
    alpha = rng.uniform(0.08, 0.11, shape)
    common = {"E": rng.uniform(1.4, 1.7, shape), "alpha": alpha}
    amplitudes = rng.uniform(0.97, 1.03, (2, *shape)) * 2.0 * 1e19**alpha
    ours, theirs = (
        known(fits[name], A=a, **common)
        for name, a in zip(("wide", "v16"), amplitudes, strict=True)
    )
    closed = ((amplitudes[1] / amplitudes[0]) ** (1 / alpha)).ravel()
    pair = {"wide": ours, "v16": theirs}
    names: dict[str, Any] = {"variant": "wide", "baseline": "v16"}
    for asked in ({"at": {"C": [1e18, "1e21", 1e24]}}, {"loss": [3.0, 2.5]}):
        answer = bl.speedup(pair, **names, **asked)
        for column in answer.draws.T:
            np.testing.assert_allclose(column, closed, rtol=1e-9)
    losses = {
        n: LAW.predict(coefficients={"E": 1.6, "alpha": 0.09, "A": a}, C=1e20)
        for n, a in (("wide", 90.0), ("v16", 95.0))
    }
    fixed = {
        n: known(fits["v16"], E=1.6, alpha=0.09, A=a) for n, a in (("wide", 90.0), ("v16", 95.0))
    }
    ratio = ((losses["v16"] - 1.6) / (losses["wide"] - 1.6)) ** (1 / 0.09)
    answer = bl.speedup(fixed, **names, at={"C": 1e20})
    assert ratio > 1
    assert answer.frame["speedup"][0] == pytest.approx(ratio, rel=1e-9)
    # The other way round it is the inverse: what is better is above one.
    turned = bl.speedup(fixed, variant="v16", baseline="wide", at={"C": 1e20})
    assert turned.frame["speedup"][0] == pytest.approx(1 / ratio, rel=1e-9)


def test_a_published_example_of_a_speedup_in_time(fits: dict[Any, bl.Posterior]) -> None:
    """Marin's guide: 3.5422 and 3.52 nats at 3.82e17 FLOPs, 433,986 and 410,000 tokens a second."""
    alpha, budget = 0.0941, 3.82e17
    pair = {
        name: known(fits["v16"], E=1.6, alpha=alpha, A=(loss - 1.6) * budget**alpha)
        for name, loss in (("variant", 3.52), ("baseline", 3.5422))
    }
    assert float(pair["baseline"].coefficients()["A"][0]) == pytest.approx(87.7, abs=0.1)
    answer = bl.speedup(
        pair, variant="variant", baseline="baseline", at={"C": budget}, throughput=410 / 433.986
    )
    by_hand = ((3.5422 - 1.6) / (3.52 - 1.6)) ** (1 / alpha) * 410 / 433.986
    assert answer.frame["speedup"][0] == pytest.approx(by_hand, rel=1e-9)
    assert answer.summary.startswith("At C = 3.82e+17 the speedup of variant over baseline in time")


def test_a_higher_floor_is_never_crossed(fits: dict[Any, bl.Posterior]) -> None:
    pair = {
        "wide": known(fits["wide"], E=1.5, alpha=0.09, A=80.0),
        "v16": known(fits["v16"], E=1.6, alpha=0.09, A=80.0),
    }
    names: dict[str, Any] = {"variant": "wide", "baseline": "v16"}
    answer = bl.speedup(pair, **names, at={"C": [1e20, 1e40]})
    near, far = answer.frame.to_dict("records")
    assert near["reached"] == 1
    assert np.isfinite(near["high"])
    assert far["reached"] == 0
    assert np.isinf(far["speedup"])
    codes = {note.code for note in answer.notes}
    assert {"never_reached", "extrapolation", "speedup_varies"} <= codes
    # The place without a finite speedup is left out of the picture.
    panel = bl.plots.speedup(answer).axes[0]
    assert panel.get_ylabel() == "speedup over v16"
    np.testing.assert_allclose(panel.lines[0].get_xdata(), [1e20])
    # A loss between the floors: the variant gets there, the baseline never; below both, neither.
    answer = bl.speedup(pair, **names, loss=[1.55, 1.4])
    assert np.isinf(answer.frame["speedup"][0])
    assert np.isnan(answer.frame["speedup"][1])
    assert "loss_below_floors" in {note.code for note in answer.notes}
    with pytest.raises(RequestError, match="no place has a finite speedup"):
        bl.plots.speedup(answer)
    turned = bl.speedup(pair, variant="v16", baseline="wide", loss=1.55)
    assert turned.frame["speedup"][0] == 0


TRUE = 1.25
FLOORS = {"pinned": LAW.constrain("E = 1.6"), "free": LAW}


@pytest.mark.parametrize("law", FLOORS.values(), ids=FLOORS.keys())
def test_intervals_cover_a_known_speedup(law: bl.Law) -> None:
    """Of 25 tables of six budgets, 89% of the intervals; the floor is pinned where it is."""
    tables, inside, widths = 25, 0, []
    for seed in range(tables):
        answer = bl.speedup(table(TRUE, seed), law=law, **PAIR, **FAST)
        low, high = answer.frame["low"][0], answer.frame["high"][0]
        inside += low < TRUE < high
        widths.append(high - low)
        assert np.ptp(answer.frame["speedup"]) < 1e-6
    # One table in a thousand of this test may fail either way.
    assert binom.ppf(1e-3, tables, 0.89) <= inside
    # A pair of runs tells ln speedup to sqrt(2)*.002*L/(L - 1.6)/.094 = .06, six pairs to .024: an
    # interval of .08, and more for the noise that is fitted to 12 runs.
    assert 0.07 < np.median(widths) < 0.2
    assert ("floor_pinned" in {note.code for note in answer.notes}) == (law is not LAW)


def test_fitted_apart_the_speedup_is_wider_and_may_change_with_scale() -> None:
    """A variant with a steeper exponent that is equal at 1e18 FLOPs."""
    alpha = 0.115
    steeper = {"alpha": alpha, "A": (LAW.predict(C=1e18).item() - 1.6) * 1e18**alpha}
    runs = table(1.0, 5, noise_sd=0.0005, **steeper)
    law = LAW.constrain("E = 1.6")
    apart = bl.speedup(runs, law=law, shared=False, at={"C": [1e18, 1e20]}, **PAIR, **FAST)
    raw = {"E": 1.6, **steeper}
    excess = LAW.predict(coefficients=raw, C=1e20).item() - 1.6
    true = (95.18 / excess) ** (1 / 0.0941) / 1e20
    first, last = apart.frame.to_dict("records")
    assert first["low"] < 1 < first["high"]
    assert last["low"] < true < last["high"]
    assert last["low"] > first["high"]
    assert "speedup_varies" in {note.code for note in apart.notes}
    one = table(TRUE, 6)
    together = bl.speedup(one, law=LAW, **PAIR, **FAST).frame
    alone = bl.speedup(one, law=LAW, shared=False, **PAIR, **FAST).frame
    assert (alone["high"] - alone["low"]).min() > 1.5 * (together["high"] - together["low"])[0]


def test_any_variable_in_which_the_loss_falls_can_be_spent() -> None:
    """Data worth twice the tokens, by the law of parameters and tokens."""
    law = bl.law("chinchilla")
    rng = np.random.default_rng(8)
    N, D = (
        np.exp(rng.uniform(np.log(1e8), np.log(1e10), 40)),
        np.exp(rng.uniform(np.log(1e9), np.log(1e11), 40)),
    )
    names = np.where(np.arange(40) % 2 == 0, "clean", "raw")
    loss = law.predict(N=N, D=np.where(names == "clean", 2 * D, D))
    loss = loss * np.exp(0.001 * rng.standard_normal(40))
    runs = bl.read_runs(
        pd.DataFrame({"N": N, "D": D, "loss": loss, "data": names}), loss_unit="nats"
    )
    pair: dict[str, Any] = {"law": law, "by": "data", "variant": "clean", "baseline": "raw"}
    answer = bl.speedup(runs, **pair, **FAST)
    assert answer.over == "D"
    assert set(answer.at) == {"N"}
    assert answer.frame["low"][0] < 2 < answer.frame["high"][0]
    with pytest.raises(RequestError, match="no variable 'C'"):
        bl.speedup(runs, **pair, over="C", **FAST)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "same": ({"baseline": "wide"}, "both variant and baseline"),
    "unknown": ({"variant": "wyde"}, "no run has recipe 'wyde'. Did you mean 'wide'"),
    "no by": ({"by": None}, "without by="),
    "no law": ({"law": None}, "without a law"),
    "throughput": ({"throughput": 0.0}, "throughput = 0"),
    "two places": ({"loss": 3.0, "at": {"C": 1e20}}, "both loss= and C"),
    "no amount": ({"at": {"C": -1e20}}, "Give positive amounts"),
    "foreign": ({"at": {"N": 1e9}}, "no variable 'N'"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_answered_is_refused(case: tuple[dict[str, Any], str]) -> None:
    changed, message = case
    with pytest.raises(RequestError, match=message):
        bl.speedup(table(TRUE, 1), **{**PAIR, "law": LAW, **FAST, **changed})


def test_posteriors_take_no_options_of_a_fit(fits: dict[Any, bl.Posterior]) -> None:
    names: dict[str, Any] = {"variant": "wide", "baseline": "v16"}
    with pytest.raises(RequestError, match="method with posteriors"):
        bl.speedup(fits, **names, method="laplace")
    with pytest.raises(RequestError, match="no posterior 'v17'"):
        bl.speedup(fits, variant="wide", baseline="v17")
    plain = json.loads(json.dumps(bl.speedup(fits, **names).to_dict()))
    assert [row["C"] for row in plain["places"]] == pytest.approx([1e18, 3e20**0.5 * 1e9, 3e20])


def test_the_command_says_the_same(tmp_path: Path, fits: dict[Any, bl.Posterior]) -> None:
    for name, posterior in fits.items():
        posterior.save(tmp_path / f"{name}.nc")
    table(1.25, 3).write(tmp_path / "runs.csv")
    pair = bl.speedup(fits, variant="wide", baseline="v16", at={"C": [1e19, 1e21]})
    nc = [str(tmp_path / f"{name}.nc") for name in ("wide", "v16")]
    done = CliRunner().invoke(app, ["speedup", *nc, "--at", "C=1e19", "--at", "C=1e21", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["places"] == pair.to_dict()["places"]
    options = ["--by", "recipe", "--variant", "wide", "--baseline", "v16", "--law", "marin2026"]
    options += ["--constrain", "E = 1.6", "--method", "laplace", "--seed", "1"]
    picture = tmp_path / "speedup.png"
    run = ["speedup", str(tmp_path / "runs.csv"), *options, "--picture", str(picture)]
    done = CliRunner().invoke(app, run)
    assert done.exit_code == 0, done.output
    assert "At every scale the speedup of wide over v16 in C is" in done.stdout.replace("\n", " ")
    assert picture.stat().st_size > 5000
    done = CliRunner().invoke(app, ["speedup", nc[0], "--law", "marin2026"])
    assert "without --by, --variant, --baseline" in str(done.exception)
